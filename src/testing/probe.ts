/**
 * Probe: an actor that does nothing but keep what it is sent, so that a test can say what should have come. Unlike a mock it
 * replaces nobody: it is handed to the actor under test as a reference. It waits on the clock it is given; a manual one is
 * moved by it, so that a test never sleeps.
 *
 *     const clock = manualClock()
 *     const system = actorSystem({ node: 'test', clock })
 *     const probe = actorProbe(system, { clock })
 *     system.spawn(reminder, probe.ref)
 *     await probe.expectNone(999)
 *     await probe.expect('due', { id: 7 })
 */
import { isDeepStrictEqual } from 'node:util'
import type { ActorRef, Later, SpawnOptions } from '../actor/actor.ts'
import type { DeadLetter, DeadLetters } from '../actor/dead-letter.ts'
import { actorOfAll } from '../actor/define.ts'
import type { ActorSystem } from '../actor/system.ts'
import type { Clock } from '../base/clock.ts'
import { wholeNumber } from '../base/limit.ts'
import type { ManualClock } from '../base/manual-clock.ts'
import { DeadLettersFound, ProbeMismatch } from './error.ts'

export interface ProbeOptions {
  /** The clock of the system. A manual one is moved while the probe waits. */
  readonly clock: Clock | ManualClock
  readonly name?: string
  /** How long `expect` waits. Default 1000. */
  readonly timeoutMs?: number
}

export interface ProbeMessage {
  readonly name: string
  readonly message: unknown
  readonly sender: ActorRef | undefined
  readonly correlation: string | undefined
  /** On the monotonic clock; Infinity for a send. */
  readonly deadlineMs: number
  /** Answers a call. False when nobody waits. */
  reply(value: unknown): boolean
  /** The caller gets this error. False when nobody waits. */
  fail(error: Error): boolean
}

/** Takes every message; `P` is what the actor under test believes it to be. */
export interface ActorProbe<P> {
  readonly ref: ActorRef<P>
  /** All that came, in order. */
  readonly received: readonly ProbeMessage[]
  /** The next message that was not expected yet, with this name and, if given, deeply equal. Throws `testing.probe_mismatch`. */
  expect(name: keyof P & string, ...message: [unknown?]): Promise<ProbeMessage>
  /** Nothing more comes for so long. Throws `testing.probe_mismatch`. */
  expectNone(forMs: number): Promise<void>
  /** The same probe, with another time to wait. */
  within(timeoutMs: number): Pick<ActorProbe<P>, 'expect'>
}

export function actorProbe<P = Record<string, (message: unknown) => unknown>>(
  system: ActorSystem,
  options: ProbeOptions,
): ActorProbe<P> {
  return new Probe<P>(system, options)
}

const timeoutMsDefault = 1000

class Probe<P> implements ActorProbe<P> {
  readonly ref: ActorRef<P>
  readonly received: ProbeMessage[] = []
  readonly #clock: Clock | ManualClock
  readonly #timeoutMs: number
  #expected = 0
  #arrived: (() => void) | undefined

  constructor(system: ActorSystem, options: ProbeOptions) {
    this.#clock = options.clock
    this.#timeoutMs = wholeNumber('timeoutMs', options.timeoutMs ?? timeoutMsDefault, 1)
    const kind = actorOfAll('probe', (ctx, name, message) => {
      const later = ctx.later<unknown>()
      const { sender, correlation, deadlineMs } = ctx
      this.received.push({ name, message, sender, correlation, deadlineMs, ...answering(later) })
      this.#arrived?.()
      return later
    })
    const spawn: SpawnOptions = options.name === undefined ? {} : { name: options.name }
    this.ref = system.spawn(kind, undefined, spawn) as unknown as ActorRef<P>
  }

  expect(name: keyof P & string, ...message: [unknown?]): Promise<ProbeMessage> {
    return this.#expect(this.#timeoutMs, name, message)
  }

  within(timeoutMs: number): Pick<ActorProbe<P>, 'expect'> {
    wholeNumber('timeoutMs', timeoutMs, 1)
    return { expect: (name, ...message) => this.#expect(timeoutMs, name, message) }
  }

  async expectNone(forMs: number): Promise<void> {
    if (await this.#arrives(wholeNumber('forMs', forMs, 0)))
      throw this.#mismatch(`nothing was expected for ${forMs} ms, and ${this.received[this.#expected]?.name} came`)
  }

  async #expect(timeoutMs: number, name: string, message: readonly unknown[]): Promise<ProbeMessage> {
    await this.#arrives(timeoutMs)
    const next = this.received[this.#expected]
    if (!next) throw this.#mismatch(`${name} did not come within ${timeoutMs} ms`)
    this.#expected++
    if (next.name !== name) throw this.#mismatch(`${name} was expected and ${next.name} came`)
    if (message.length > 0 && !isDeepStrictEqual(next.message, message[0]))
      throw this.#mismatch(`${name} came with another message than expected`)
    return next
  }

  /** Waits until there is a message that was not expected yet; false when the time is over. */
  async #arrives(timeoutMs: number): Promise<boolean> {
    const here = () => this.received.length > this.#expected
    if (here()) return true
    const clock = this.#clock
    if ('advance' in clock) {
      await clock.advance(0)
      for (let leftMs = timeoutMs; leftMs > 0 && !here(); leftMs--) await clock.advance(1)
      return here()
    }
    await new Promise<void>((resolve) => {
      const timer = clock.timer(timeoutMs, resolve)
      this.#arrived = () => {
        timer.cancel()
        resolve()
      }
    })
    this.#arrived = undefined
    return here()
  }

  #mismatch(what: string): ProbeMismatch {
    return new ProbeMismatch(
      what,
      this.received.map(({ name }) => name),
    )
  }
}

function answering(later: Later<unknown>): Pick<ProbeMessage, 'reply' | 'fail'> {
  return { reply: (value) => later.resolve(value), fail: (error) => later.reject(error) }
}

export interface DeadLetterGuard extends Disposable {
  /** Throws `testing.dead_letters` if any came since the guard was set. */
  check(): void
}

/**
 * Makes a test fail for messages that are lost: `using guard = failOnDeadLetters(system)` checks when the scope ends. Those
 * that `except` allows are none.
 */
export function failOnDeadLetters(
  system: { readonly deadLetters: DeadLetters },
  except: (letter: DeadLetter) => boolean = () => false,
): DeadLetterGuard {
  const { deadLetters } = system
  const before = deadLetters.count
  const check = () => {
    const fresh = deadLetters.count - before
    const kept = fresh > 0 ? deadLetters.recent.slice(-fresh) : []
    const found = kept.filter((letter) => !except(letter)).map(({ name, to, reason }) => `${name} to ${to}: ${reason}`)
    if (fresh > kept.length) found.push(`and ${fresh - kept.length} more that were not kept`)
    if (found.length > 0) throw new DeadLettersFound(found)
  }
  return { check, [Symbol.dispose]: check }
}

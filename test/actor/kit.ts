/**
 * What the tests of actors share: a system on a manual clock, an actor that keeps what it hears, and a turn of the event
 * loop. It holds no expectation of its own.
 */
import { setImmediate } from 'node:timers/promises'
import type { ActorDefinition, ActorRef, Context, ExitReason, Signal, SpawnOptions } from '../../src/actor/actor.ts'
import { actor } from '../../src/actor/define.ts'
import { actorSystem } from '../../src/actor/system.ts'
import type { ActorSystem, ActorSystemOptions } from '../../src/actor/system.ts'
import { manualClock } from '../../src/base/manual-clock.ts'
import type { ManualClock } from '../../src/base/manual-clock.ts'

export function stage(options: Partial<ActorSystemOptions> = {}): { system: ActorSystem; clock: ManualClock } {
  const clock = manualClock()
  return { clock, system: actorSystem({ node: 'a', clock, ...options }) }
}

/** All that is ready has run. */
export async function turn(): Promise<void> {
  await setImmediate()
}

/** What became of a promise: the code of a typed error, or `fulfilled`, or `pending`. */
export async function stateOf(promise: Promise<unknown>): Promise<string> {
  await turn()
  const pending = Symbol('pending')
  try {
    return (await Promise.race([promise, Promise.resolve(pending)])) === pending ? 'pending' : 'fulfilled'
  } catch (error) {
    return (error as { code?: string }).code ?? String(error)
  }
}

/** What a promise is rejected with; asked at once, so that the rejection is never unhandled. */
export function failureOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  )
}

/** Reasons of the dead letters that are kept. */
export function reasonsOf(system: ActorSystem): string[] {
  return system.deadLetters.recent.map(({ name, reason }) => `${name}: ${reason}`)
}

interface WatcherProtocol {
  readonly [name: string]: (...message: never[]) => unknown
  readonly do: (work: (ctx: Context<unknown>) => unknown) => unknown
}

/** An actor that does what it is told with its context, and keeps the signals it hears. */
export function puppet(
  system: ActorSystem,
  options: SpawnOptions & { readonly traps?: boolean; readonly ends?: ExitReason[] } = {},
): { ref: ActorRef<WatcherProtocol>; signals: Signal[] } {
  const signals: Signal[] = []
  const { traps, ends, ...rest } = options
  const kind: ActorDefinition<undefined, WatcherProtocol> = actor({
    type: 'puppet',
    version: 1,
    state: (_input: undefined) => ({}),
    init(ctx) {
      if (traps) ctx.trapExit(true)
    },
    terminate: ends ? (_ctx, reason) => void ends.push(reason) : () => {},
    onSignal: (_ctx, signal) => void signals.push(signal),
    on: {
      do: (ctx, work: (ctx: Context<unknown>) => unknown) => work(ctx),
    },
  })
  return { ref: system.spawn(kind, undefined, rest), signals }
}

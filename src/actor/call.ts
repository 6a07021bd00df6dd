/**
 * Calls: those that wait for an answer, by their deadline. One timer serves all; no error is made until one is due, and no
 * signal until somebody asks for it.
 */
import type { Clock, Timer } from '../base/clock.ts'
import { Aborted, InvalidArgument } from '../base/error.ts'
import { DeadlineHeap } from '../base/deadlines.ts'
import type { DeadlineEntry } from '../base/deadlines.ts'
import { CallTimeout } from './error.ts'
import type { CallFrame, PendingCall } from './letter.ts'

export const callTimeoutMsDefault = 5000

export class Call implements PendingCall, DeadlineEntry {
  readonly frame: CallFrame | undefined
  readonly to: { readonly text: string }
  readonly name: string
  readonly timeoutMs: number
  dueMs: number
  slot = -1
  settled = false
  abandoned = false
  onAbandon: (() => void) | undefined
  onSettled: (() => void) | undefined
  readonly #calls: Calls
  readonly #resolve: (value: unknown) => void
  readonly #reject: (error: Error) => void
  #unlisten: (() => void) | undefined

  constructor(
    calls: Calls,
    what: {
      readonly to: { readonly text: string }
      readonly name: string
      readonly timeoutMs: number
      readonly dueMs: number
    },
    frame: CallFrame | undefined,
    resolve: (value: unknown) => void,
    reject: (error: Error) => void,
  ) {
    this.#calls = calls
    this.to = what.to
    this.name = what.name
    this.timeoutMs = what.timeoutMs
    this.dueMs = what.dueMs
    this.frame = frame
    this.#resolve = resolve
    this.#reject = reject
  }

  listen(signal: AbortSignal): void {
    const onAbort = () => this.abandon(new Aborted('a call', { cause: signal.reason }))
    signal.addEventListener('abort', onAbort, { once: true })
    this.#unlisten = () => signal.removeEventListener('abort', onAbort)
  }

  resolve(value: unknown): boolean {
    if (!this.#settle()) return false
    this.#resolve(value)
    return true
  }

  reject(error: Error): boolean {
    if (!this.#settle()) return false
    this.#reject(error)
    return true
  }

  /** The caller gives up: whoever works for it is told. */
  abandon(error: Error): void {
    if (this.settled) return
    const { onAbandon } = this
    this.abandoned = true
    this.reject(error)
    onAbandon?.()
  }

  #told(): void {
    const { onSettled } = this
    this.onSettled = undefined
    onSettled?.()
  }

  #settle(): boolean {
    if (this.settled) return false
    this.settled = true
    this.onAbandon = undefined
    this.#unlisten?.()
    this.#calls.forget(this)
    if (this.onSettled !== undefined) this.#told()
    return true
  }
}

export class Calls {
  readonly #clock: Clock
  readonly #deadlines = new DeadlineHeap<Call>()
  #timer: Timer | undefined
  #timerMs = 0
  #idle: Timer | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get pending(): number {
    return this.#deadlines.size
  }

  add(call: Call): void {
    this.#deadlines.add(call)
    const first = this.#deadlines.first
    if (!first || (this.#timer && this.#timerMs <= first.dueMs)) return
    this.#timer?.cancel()
    this.#arm(first)
  }

  forget(call: Call): void {
    this.#deadlines.remove(call)
    if (this.#deadlines.size === 0 && this.#timer) this.#idle ??= this.#clock.timer(idleMs, this.#idled, background)
  }

  /** Ends all that wait. */
  close(error: () => Error): void {
    for (let first = this.#deadlines.first; first; first = this.#deadlines.first) first.abandon(error())
    this.#timer?.cancel()
    this.#idle?.cancel()
    this.#timer = this.#idle = undefined
  }

  #arm(first: Call): void {
    this.#timerMs = first.dueMs
    this.#timer = this.#clock.timer(first.dueMs - this.#clock.monotonicMs(), this.#sweep)
  }

  readonly #sweep = (): void => {
    this.#timer = undefined
    const nowMs = this.#clock.monotonicMs()
    for (let first = this.#deadlines.first; first && first.dueMs <= nowMs; first = this.#deadlines.first)
      first.abandon(new CallTimeout(first.to.text, first.name, first.timeoutMs))
    const next = this.#deadlines.first
    if (next && !this.#timer) this.#arm(next)
  }

  /** The timer of a call that was answered must not keep a process alive that has no more to do. */
  readonly #idled = (): void => {
    this.#idle = undefined
    if (this.#deadlines.size > 0) return
    this.#timer?.cancel()
    this.#timer = undefined
  }
}

const idleMs = 20
const background = { background: true }

export function timeoutOf(timeoutMs: number | undefined): number {
  if (timeoutMs === undefined) return callTimeoutMsDefault
  if (typeof timeoutMs === 'number' && timeoutMs > 0) return timeoutMs
  throw new InvalidArgument('timeoutMs', 'must be a number of milliseconds above 0')
}

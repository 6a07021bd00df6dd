/**
 * One attempt of a step or of its undo: calls the function, within its time, and tells once how it ended. Unlike the machine it knows
 * nothing of retries. A function that minds no signal is left behind when its time is over; what it gives later is dropped.
 */
import type { Clock, Timer } from '../base/clock.ts'
import type { CloudEvent } from '../base/envelope.ts'
import { LimitExceeded } from '../base/error.ts'
import { isThenable } from '../journal/thenable.ts'
import type { EmitOptions, StepContext, StepOrder } from './core/step-context.ts'
import { HeartbeatMissed, StepTimeout } from './error.ts'

export interface Emission extends EmitOptions {
  readonly type: string
  readonly data: unknown
}

export type Outcome =
  | { readonly ok: true; readonly output: unknown; readonly emitted: readonly Emission[] }
  | { readonly ok: false; readonly thrown: unknown }

export interface AttemptOptions {
  readonly clock: Clock
  readonly order: StepOrder
  readonly attempt: number
  readonly cause: CloudEvent
  readonly timeoutMs: number
  readonly heartbeatMs: number | undefined
  readonly lastHeartbeat: unknown
  readonly work: (context: StepContext) => unknown
  /** Throws what is wrong with an event, so that the step learns of it. */
  readonly check: (emission: Emission) => void
  readonly settled: (outcome: Outcome) => void
}

const emissionsMax = 100

export class Attempt implements StepContext {
  readonly order: StepOrder
  readonly attempt: number
  readonly cause: CloudEvent
  lastHeartbeat: unknown
  readonly #options: AttemptOptions
  readonly #emitted: Emission[] = []
  /** Made when it is asked for: most steps never look at it. */
  #controller: AbortController | undefined
  #timer: Timer | undefined
  #beat: Timer | undefined
  #ended = false
  #abortedWith: Error | undefined

  constructor(options: AttemptOptions) {
    this.#options = options
    this.order = options.order
    this.attempt = options.attempt
    this.cause = options.cause
    this.lastHeartbeat = options.lastHeartbeat
  }

  get key(): string {
    return this.order.key
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController()
    if (this.#abortedWith) this.#controller.abort(this.#abortedWith)
    return this.#controller.signal
  }

  /** Never throws; `settled` is called in a later turn or in this one. */
  start(): void {
    const { work, timeoutMs, clock, order } = this.#options
    let given: unknown
    try {
      given = work(this)
    } catch (thrown) {
      return this.#end({ ok: false, thrown })
    }
    if (!isThenable(given)) return this.#end({ ok: true, output: given, emitted: this.#emitted })
    this.#timer = clock.timer(timeoutMs, () => this.#expire(new StepTimeout(order.step, timeoutMs)))
    this.#awaitBeat()
    given.then(
      (output) => this.#end({ ok: true, output, emitted: this.#emitted }),
      (thrown: unknown) => this.#end({ ok: false, thrown }),
    )
  }

  /** Asks it to end; it still settles, by its own doing or when its time is over. */
  abort(reason: Error): void {
    if (this.#ended) return
    this.#abortedWith ??= reason
    this.#controller?.abort(reason)
  }

  /** Gives it up: nothing is told any more. */
  drop(reason: Error): void {
    this.#ended = true
    this.#timer?.cancel()
    this.#beat?.cancel()
    this.#abortedWith ??= reason
    this.#controller?.abort(reason)
  }

  // Fields, so that a step may take them out of its context.
  readonly heartbeat = (details?: unknown): void => {
    if (details !== undefined) this.lastHeartbeat = details
    if (this.#ended) return
    this.#beat?.cancel()
    this.#awaitBeat()
  }

  readonly emit = (type: string, data: unknown, options: EmitOptions = {}): void => {
    if (this.#emitted.length >= emissionsMax)
      throw new LimitExceeded('events of one step', emissionsMax, emissionsMax + 1)
    const emission = { ...options, type, data }
    this.#options.check(emission)
    this.#emitted.push(emission)
  }

  #awaitBeat(): void {
    const { heartbeatMs, clock, order } = this.#options
    if (heartbeatMs === undefined) return
    this.#beat = clock.timer(heartbeatMs, () => this.#expire(new HeartbeatMissed(order.step, heartbeatMs)))
  }

  #expire(error: Error): void {
    if (this.#ended) return
    this.#end({ ok: false, thrown: error })
    this.#abortedWith ??= error
    this.#controller?.abort(error)
  }

  #end(outcome: Outcome): void {
    if (this.#ended) return
    this.#ended = true
    this.#timer?.cancel()
    this.#beat?.cancel()
    this.#options.settled(outcome)
  }
}

/**
 * Life: how an actor is started, ends and is started again. Unlike the cell, which is built on it, it takes no letter and
 * runs no handler; unlike the keeper it decides nothing: it is told to start or to end, and tells when that is done.
 */
import { InvalidArgument, TimedOut, errorText, messageOf, toError } from '../base/error.ts'
import type { Timer } from '../base/clock.ts'
import type { Logger } from '../base/logger.ts'
import type { Random } from '../base/random.ts'
import type { Pace, Pumped } from '../base/pace.ts'
import type {
  ActorDefinition,
  ActorRef,
  Address,
  ExitReason,
  Restart,
  Signal,
  SpawnOptions,
  StopActorOptions,
  Undelivered,
} from './actor.ts'
import { CellContext } from './context.ts'
import type { ContextHost, ContextSystem } from './context.ts'
import type { AnySpec, Behaviour } from './define.ts'
import { NotRunning, StartFailed } from './error.ts'
import type { Letter } from './letter.ts'
import { Mailbox } from './mailbox.ts'
import type { MailboxLimits } from './mailbox.ts'

/** 1 starting, 2 running, 3 stopping, 4 resting: its keeper decides, 5 ended for good. */
export type CellPhase = 'starting' | 'running' | 'stopping' | 'resting' | 'ended'

/** Who starts an actor and decides after its end: a supervisor, or the runtime for whoever has none. */
export interface Keeper {
  started(cell: Life): void
  /** Its incarnation is over: `cell.start()` or `cell.retire(reason)`, now or later. */
  exited(cell: Life, reason: ExitReason): void
}

/** What the system is to its cells. */
export interface LifeSystem extends ContextSystem {
  readonly pace: Pace
  readonly logger: Logger
  /** The context whose handler runs now. */
  current: CellContext | undefined
  addressOf(id: number): Address
  /** Ends all children, the youngest first, each by its own deadline and all by this one. */
  stopChildren(cell: Life, deadlineMs: number): Promise<void>
  /** A stream of its own for the backoff of supervisors. */
  readonly random: Random
  /** Spawns a child for another keeper than the system. */
  adopt(parent: Life, definition: ActorDefinition, input: unknown, options: SpawnOptions, keeper: Keeper): Life
  /** Ends a child at once, for good. */
  discard(cell: Life): void
  /** Its end for good: it is in no list any more. */
  forget(cell: Life): void
}

export interface CellOptions {
  readonly spec: AnySpec
  readonly handlers: Behaviour
  readonly input: unknown
  readonly id: number
  readonly name: string | undefined
  readonly limits: MailboxLimits
  readonly restart: Restart
  readonly shutdownMs: number
  readonly keeper: Keeper
  readonly parent: Life | undefined
}

export interface HaltOptions extends StopActorOptions {
  /** What its children may take, where its keeper and not it keeps the deadline. Default `deadlineMs`. */
  readonly childrenMs?: number
}

const inFlightMaxDefault = 1024

export abstract class Life implements ContextHost, Pumped {
  readonly options: CellOptions
  readonly system: LifeSystem
  readonly mailbox: Mailbox
  abstract readonly ref: ActorRef
  phase: CellPhase = 'resting'
  state: unknown
  /** Counts incarnations that are over; what one of them left running finds itself stale. */
  incarnation = 0
  /** Handlers in place of the definition's. */
  behaviour: Behaviour
  /** Letters put aside. */
  stashed: Letter[] | undefined
  /** Children in the order they were started. */
  children: Set<Life> | undefined
  /** Whoever ends with it. */
  links: Set<Life> | undefined
  /** Called at its end for good. */
  watchers: Set<(reason: ExitReason) => void> | undefined
  trapsExit = false
  /** Messages handled, over all incarnations. */
  handled = 0
  restarts = 0
  /** It has been running at least once. */
  hasRun = false
  /** Asked to end: it is not started again. */
  leaving = false
  /** Ends the children in place of the system, for a supervisor. */
  stopsChildren: ((reason: ExitReason, deadlineMs: number) => Promise<void>) | undefined
  protected inHand: CellContext | undefined
  /** A handler of it has waited: no context is used twice any more. */
  protected goesAsync = false
  protected woken = false
  /** Async work that has not settled. */
  protected pending = 0
  #inFlight: Set<CellContext> | undefined
  /** What was asked for by its own handler: `now` after the synchronous part, else after the message. */
  protected asked: { readonly reason: ExitReason; readonly options: HaltOptions; readonly now: boolean } | undefined
  /** A start is on its way. */
  protected startDue = false
  #closing = false
  #ending: { readonly dueMs: number; readonly timer: Timer } | undefined
  #startError: Error | undefined
  #started: { promise: Promise<void>; resolve: () => void; reject: (error: Error) => void } | undefined
  /** What is to be undone at the end of the incarnation. */
  #cleanups: Set<(reason: ExitReason) => void> | undefined
  protected idle: (() => void) | undefined

  constructor(system: LifeSystem, options: CellOptions) {
    this.system = system
    this.options = options
    this.mailbox = new Mailbox(options.limits)
    this.behaviour = options.handlers
  }

  get address(): Address {
    return this.system.addressOf(this.options.id)
  }
  get text(): string {
    return this.options.name ?? this.address.toString()
  }
  get busy(): boolean {
    if (this.pending === 0) return false
    const { reentrant, inFlightMax = inFlightMaxDefault } = this.options.spec
    return reentrant !== true || this.pending >= inFlightMax
  }

  /** Resolves when the first start is over. */
  get ready(): Promise<void> {
    if (this.hasRun) return Promise.resolve()
    if (!this.#started) {
      this.#started = Promise.withResolvers<void>()
      // Whoever asked and does not wait must not be told by the process.
      this.#started.promise.catch(() => {})
      if (this.phase === 'ended') this.#started.reject(this.#startError ?? new NotRunning(this.text))
    }
    return this.#started.promise
  }

  abstract accept(letter: Letter): void
  abstract undelivered(letter: Letter, why: Undelivered, cause?: unknown): void
  abstract signal(signal: Signal): void
  abstract wake(): void
  abstract pump(): void

  /** Begins the next incarnation in a turn of its own. */
  startSoon(): void {
    this.startDue = true
    this.system.pace.wake(this)
  }

  /** Takes back a start that has not begun. */
  holdStart(): void {
    this.startDue = false
  }

  /** Begins an incarnation. The keeper hears of its end, also when it never came to run. */
  start(): void {
    if (this.phase !== 'resting') return
    this.phase = 'starting'
    const { incarnation } = this
    const { spec, input } = this.options
    let context: CellContext | undefined
    try {
      this.state = madeAtOnce(spec.state(input))
      if (spec.init && this.#starts(incarnation)) {
        const { init } = spec
        const held = (context = this.inHand = new CellContext(this))
        held.begin(undefined)
        const settled = this.runAs(held, () => init(held, input as never))
        if (settled !== undefined && isThenable(settled)) return this.#awaitInit(held, settled)
      }
    } catch (error) {
      context?.end()
      if (this.#starts(incarnation)) this.#startFailed(error)
      return
    }
    context?.end()
    if (this.#starts(incarnation)) this.#running()
  }

  /** Its start may end it, by stopping the node for example. */
  #starts(incarnation: number): boolean {
    return this.incarnation === incarnation && this.phase === 'starting'
  }

  #awaitInit(context: CellContext, settled: PromiseLike<void>): void {
    const { incarnation } = this
    const { startTimeoutMs } = this.options.spec
    if (startTimeoutMs !== undefined)
      context.limit = this.system.clock.timer(startTimeoutMs, () => {
        if (this.#starts(incarnation)) this.#startFailed(new TimedOut(`init of ${this.text}`, startTimeoutMs))
      })
    Promise.resolve(settled).then(
      () => {
        this.inHand = undefined
        context.end()
        return this.#starts(incarnation) && this.#running()
      },
      (error: unknown) => {
        context.end()
        if (this.#starts(incarnation)) this.#startFailed(error)
      },
    )
    if (this.asked?.now) this.heed()
    // An exit from before this start does not wait for it.
    else if (!this.mailbox.empty && !this.woken) {
      this.woken = true
      this.system.pace.wake(this)
    }
  }

  #running(): void {
    this.phase = 'running'
    this.hasRun = true
    this.#startError = undefined
    this.#started?.resolve()
    this.options.keeper.started(this)
    if (this.asked !== undefined) this.heed()
    if (!this.mailbox.empty) this.wake()
  }

  #startFailed(cause: unknown): void {
    this.#startError = new StartFailed(this.text, { cause: toError(cause) })
    this.#over(this.#startError)
  }

  /**
   * Ends this incarnation: its children first, then what is in flight settles and `terminate` runs, by the deadline; then
   * its keeper decides. Asked for by its own handler, after the synchronous part of that.
   */
  halt(reason: ExitReason, options: HaltOptions = {}): void {
    if (this.system.current?.host === this) this.asked = { reason, options, now: true }
    else this.#end(reason, options.deadlineMs ?? this.options.shutdownMs, true, options.childrenMs)
  }

  #end(reason: ExitReason, deadlineMs: number, waits: boolean, childrenMs: number = deadlineMs): void {
    if (this.phase === 'stopping') {
      if (!this.#closing) void this.stopsChildren?.(reason, childrenMs)
      return this.#endBy(reason, deadlineMs)
    }
    if (this.phase !== 'running' && this.phase !== 'starting') return
    const wasRunning = this.phase === 'running'
    this.phase = 'stopping'
    if (reason === 'kill' || (!wasRunning && !this.stopsChildren)) return this.#over(reason)
    if (!waits) this.#abandon(reason)
    const { terminate } = this.options.spec
    if (!terminate && this.pending === 0 && !this.children?.size) return this.#over(reason)
    const { incarnation } = this
    this.#endBy(reason, deadlineMs)
    void this.#wind(reason, childrenMs).finally(() => {
      if (this.incarnation === incarnation && this.phase === 'stopping') this.#over(reason)
    })
  }

  /** The earliest deadline counts. Past it an actor that was asked to end is killed. */
  #endBy(reason: ExitReason, deadlineMs: number): void {
    const { clock } = this.system
    const dueMs = clock.monotonicMs() + deadlineMs
    if (this.#closing || dueMs === Number.POSITIVE_INFINITY || (this.#ending && this.#ending.dueMs <= dueMs)) return
    this.#ending?.timer.cancel()
    const timer = clock.timer(deadlineMs, () => this.#over(this.leaving ? 'kill' : reason))
    this.#ending = { dueMs, timer }
  }

  /** Ends this incarnation at once: no `terminate`, and what runs on finds itself stale. */
  kill(): void {
    if (this.phase === 'resting' || this.phase === 'ended' || this.#closing) return
    if (this.system.current?.host === this) this.asked = { reason: 'kill', options: {}, now: true }
    else this.#over('kill')
  }

  async #wind(reason: ExitReason, childrenMs: number): Promise<void> {
    const { incarnation } = this
    await (this.stopsChildren?.(reason, childrenMs) ?? this.system.stopChildren(this, childrenMs))
    if (this.pending > 0) await new Promise<void>((resolve) => (this.idle = resolve))
    const { terminate } = this.options.spec
    if (!terminate || this.incarnation !== incarnation) return
    const context = new CellContext(this)
    context.begin(undefined)
    try {
      await this.runAs(context, () => terminate(context, reason))
    } catch (error) {
      this.system.logger.warn({ actor: this.text, error: messageOf(error) }, 'an actor failed in terminate')
    } finally {
      context.end()
    }
  }

  /** Gives up what has not settled: its signals are aborted, its callers told. */
  #abandon(reason: ExitReason): void {
    const contexts = [...(this.#inFlight ?? [])]
    this.#inFlight = undefined
    this.pending = 0
    for (const context of contexts) {
      const { letter, passedOn } = context
      context.abort()
      context.end()
      if (letter && !passedOn) this.undelivered(letter, 'not_running', reason)
    }
  }

  /** The incarnation is over: nothing of it acts any more. */
  #over(reason: ExitReason): void {
    this.#closing = true
    this.phase = 'stopping'
    this.#ending?.timer.cancel()
    this.#ending = this.idle = undefined
    this.#abandon(reason)
    this.inHand?.abort()
    this.inHand?.end()
    this.inHand = this.asked = undefined
    for (const cleanup of this.#cleanups ?? []) cleanup(reason)
    this.#cleanups = undefined
    for (const child of this.children ?? []) this.system.discard(child)
    this.behaviour = this.options.handlers
    this.trapsExit = false
    for (const letter of this.stashed?.splice(0).toReversed() ?? []) this.mailbox.putBack(letter)
    // Links and subscriptions are the actor's and stay; children and monitors were this incarnation's.
    this.mailbox.takeSignals((signal) => !outlives(signal))
    this.incarnation++
    this.phase = 'resting'
    this.#closing = false
    this.#tellKeeper(reason)
  }

  /** A keeper that cannot decide must not leave the actor between two lives. */
  #tellKeeper(reason: ExitReason): void {
    try {
      this.options.keeper.exited(this, reason)
    } catch (thrown) {
      const error = toError(thrown)
      this.system.logger.error({ actor: this.text, error: errorText(error) }, 'the keeper of an actor failed; it ends')
      if (this.phase === 'resting') this.retire(error)
    }
  }

  /** For the keeper, instead of another start: the end. */
  retire(reason: ExitReason): void {
    if (this.phase === 'ended') return
    this.phase = 'ended'
    this.startDue = false
    this.state = undefined
    this.system.forget(this)
    for (const letter of this.mailbox.drain()) this.undelivered(letter, 'not_running', reason)
    this.mailbox.takeSignals(() => true)
    const { address } = this
    for (const other of this.links ?? []) {
      other.links?.delete(this)
      // A child that ends with the incarnation of its parent is no news for the next one.
      if (other === this.options.parent && other.phase === 'stopping') continue
      other.signal({ type: 'exit', from: address, reason })
    }
    this.links = undefined
    const watchers = [...(this.watchers ?? [])]
    this.watchers = undefined
    for (const watcher of watchers) watcher(reason)
    if (!this.hasRun) this.#started?.reject(this.#startError ?? new NotRunning(this.text, { cause: reason }))
  }

  /** Calls back at the end of this incarnation; returns how to take it back. */
  atEnd(cleanup: (reason: ExitReason) => void): () => void {
    this.#cleanups ??= new Set()
    this.#cleanups.add(cleanup)
    return () => void this.#cleanups?.delete(cleanup)
  }

  /** The context belongs to this work until it settles. */
  protected fly(context: CellContext): void {
    this.inHand = undefined
    this.goesAsync = true
    this.pending++
    ;(this.#inFlight ??= new Set()).add(context)
  }

  /** False when it was given up before. */
  protected landed(context: CellContext): boolean {
    if (!this.#inFlight?.delete(context)) return false
    this.pending--
    return true
  }

  protected settled(): void {
    if (this.phase === 'running' && !this.woken) this.pump()
    if (this.pending === 0) this.idle?.()
  }

  /** Runs user code so that what it sends and calls is from this context. */
  protected runAs<Result>(context: CellContext, work: () => Result): Result {
    const { system } = this
    const before = system.current
    system.current = context
    try {
      return work()
    } finally {
      system.current = before
    }
  }

  /** What else is in flight is given up: its state is no more to be trusted. */
  protected broke(context: CellContext, error: unknown): void {
    context.abort()
    context.end()
    if (this.phase === 'stopping') this.settled()
    else this.#end(toError(error), this.options.shutdownMs, false)
  }

  stopSoon(reason: ExitReason, context: CellContext): void {
    if (context.over) this.halt(reason)
    else this.asked ??= { reason, options: {}, now: false }
  }

  /** Does what was asked for while the handler ran. */
  protected heed(): void {
    const asked = this.asked
    this.asked = undefined
    if (asked?.reason === 'kill') this.kill()
    else if (asked) this.halt(asked.reason, asked.options)
  }
}

/** Whether a signal is the actor's and not only that of its incarnation. */
export function outlives(signal: Signal): boolean {
  return signal.type === 'exit' || signal.type === 'event-ended'
}

/** A promise would be shared as the state, and its rejection would be nobody's. */
function madeAtOnce(state: unknown): unknown {
  if (typeof state !== 'object' || state === null || !isThenable(state)) return state
  Promise.resolve(state).catch(() => {})
  throw new InvalidArgument('state', 'must be made at once, not by a promise; load what takes time in init')
}

export function isThenable(value: object): boolean {
  return typeof (value as { then?: unknown }).then === 'function'
}

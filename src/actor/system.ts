/**
 * ActorSystem: the actors of one node: it spawns them, knows their names, carries calls, links and monitors between them,
 * and ends them all. Unlike a cell it handles no message; unlike a supervisor it decides about nobody but those that have
 * none: a child of the system or of a plain actor is restarted by its own `restart`, and given up after more than
 * `intensity` failures within `periodMs`, each for itself.
 */
import type { Clock } from '../base/clock.ts'
import { CodecTooLarge } from '../base/codec.ts'
import { Aborted, InvalidArgument, errorText, toError } from '../base/error.ts'
import { plainName, wholeNumber } from '../base/limit.ts'
import { guardedLogger, silentLogger } from '../base/logger.ts'
import type { Logger } from '../base/logger.ts'
import type { Random } from '../base/random.ts'
import { randomFrom, systemEntropy } from '../base/entropy.ts'
import { systemClock } from '../base/system-clock.ts'
import { Pace } from '../base/pace.ts'
import type {
  ActorDefinition,
  ActorRef,
  Address,
  AnyProtocol,
  CallOptions,
  ExitReason,
  Monitor,
  Receipt,
  SendOptions,
  SpawnArguments,
  SpawnOptions,
  StopActorOptions,
  Subscription,
  Undelivered,
} from './actor.ts'
import type { ActorSystem, ActorSystemOptions } from './actor-system.ts'
import { addressOf } from './address.ts'
import { Call, Calls, timeoutOf } from './call.ts'
import { cycleOf, waitsFor } from './chain.ts'
import { Cell } from './cell.ts'
import type { CellSystem, Keeper } from './cell.ts'
import type { CellContext, ContextHost } from './context.ts'
import { Intensity } from './core/intensity.ts'
import { restartWanted } from './core/supervision-child.ts'
import { DeadLetterBox } from './dead-letter.ts'
import { definitionOf } from './define.ts'
import { CallCycle, CallTimeout, NameTaken, NotRunning, RestartIntensity } from './error.ts'
import { EventHub } from './event-hub.ts'
import { Groups } from './group.ts'
import type { Group } from './group.ts'
import { Letter, plainExtra } from './letter.ts'
import type { Extra, Sender } from './letter.ts'
import { mailboxLimits } from './mailbox.ts'
import { waiterOf } from './receipt.ts'
import { delayOf, deliveryOf, extraOf, priorityOf, restartOf } from './option.ts'
import { recordsOf } from './records.ts'
import type { Records } from './records.ts'
import { LocalRef } from './ref.ts'
import { snapshotOf } from './snapshot.ts'
import type { SnapshotOptions, SystemSnapshot } from './snapshot.ts'
import { stopInTurn } from './stop.ts'

export type { ActorSystem, ActorSystemOptions } from './actor-system.ts'

/** Throws `base.invalid_argument`. */
export function actorSystem(options: ActorSystemOptions): ActorSystem {
  return new LocalSystem(options)
}

const shutdownMsDefault = 5000
const stopMsDefault = 10_000

class LocalSystem implements ActorSystem, CellSystem, Keeper {
  readonly clock: Clock
  readonly logger: Logger
  readonly random: Random
  readonly pace: Pace
  readonly deadLetters: DeadLetterBox
  readonly events: EventHub
  readonly records: Records | undefined
  current: CellContext | undefined
  readonly #groups: Groups
  readonly #options: ActorSystemOptions
  readonly #incarnation: number
  readonly #calls: Calls
  readonly #cells = new Map<number, Cell>()
  readonly #names = new Map<string, Cell>()
  readonly #intensities = new WeakMap<Cell, Intensity>()
  #nextId = 1
  #closed = false
  #stopping: Promise<void> | undefined

  constructor(options: ActorSystemOptions) {
    this.#options = options
    this.clock = options.clock ?? systemClock
    this.logger = options.logger ? guardedLogger(options.logger) : silentLogger
    this.pace = new Pace(this.clock)
    this.deadLetters = new DeadLetterBox(options.deadLettersMax ?? 256)
    const entropy = options.entropy ?? systemEntropy
    this.#groups = new Groups(this)
    this.events = new EventHub({
      system: this,
      logger: this.logger,
      entropy,
      copy: options.codec && ((value) => this.#copy(value)),
    })
    const random = options.random ?? randomFrom(entropy)
    this.random = random.split('supervisors')
    this.records = options.journal && recordsOf(options.journal, { node: options.node, clock: this.clock, random })
    this.#calls = new Calls(this.clock)
    this.#incarnation = wholeNumber('incarnation', options.incarnation ?? 1, 0)
    wholeNumber('intensity', this.#bounds.intensity, 0)
    wholeNumber('periodMs', this.#bounds.periodMs, 1)
  }

  get #bounds(): { intensity: number; periodMs: number } {
    return { intensity: this.#options.intensity ?? 5, periodMs: this.#options.periodMs ?? 5000 }
  }

  get size(): number {
    return this.#cells.size
  }

  inspect(options?: SnapshotOptions): SystemSnapshot {
    const [{ node }, deadLetters] = [this.#options, this.deadLetters.count]
    return snapshotOf({ node, incarnation: this.#incarnation, cells: this.#cells, deadLetters }, options)
  }

  // Who there is.

  spawn<Input, P>(definition: ActorDefinition<Input, P>, ...given: SpawnArguments<Input>): ActorRef<P> {
    const [input, options] = given as [unknown, SpawnOptions | undefined]
    return this.#spawn(undefined, definition as unknown as ActorDefinition, input, options)
      .ref as unknown as ActorRef<P>
  }

  spawnFor(
    parent: ContextHost,
    definition: ActorDefinition,
    input: unknown,
    options: SpawnOptions | undefined,
  ): ActorRef {
    return this.#spawn(parent as Cell, definition, input, options).ref
  }

  adopt(parent: Cell, definition: ActorDefinition, input: unknown, options: SpawnOptions, keeper: Keeper): Cell {
    return this.#spawn(parent, definition, input, options, keeper)
  }

  #spawn(
    parent: Cell | undefined,
    definition: ActorDefinition,
    input: unknown,
    options: SpawnOptions | undefined,
    keeper: Keeper = this,
  ): Cell {
    if (this.#closed) throw new NotRunning(this.#options.node)
    const { spec, handlers } = definitionOf(definition as unknown as ActorDefinition<never, never>)
    const name = options?.name === undefined ? undefined : plainName('name', options.name, 128)
    if (name !== undefined && this.#names.has(name)) throw new NameTaken(name)
    const cell = new Cell(this, {
      spec,
      handlers,
      input,
      id: this.#nextId++,
      name,
      limits: mailboxLimits(options?.mailbox),
      restart: restartOf(options?.restart),
      shutdownMs: delayOf('shutdownMs', options?.shutdownMs, spec.shutdownMs ?? shutdownMsDefault),
      keeper,
      parent,
    })
    this.#cells.set(cell.options.id, cell)
    if (name !== undefined) this.#names.set(name, cell)
    if (parent) (parent.children ??= new Set()).add(cell)
    cell.startSoon()
    return cell
  }

  addressOf(id: number): Address {
    return addressOf(this.#options.node, this.#incarnation, id)
  }

  find<P = AnyProtocol>(name: string, definition?: ActorDefinition<never, P>): ActorRef<P> | undefined {
    const cell = this.#names.get(name)
    if (definition && cell && cell.options.spec !== definitionOf(definition as ActorDefinition<never, never>).spec)
      return undefined
    return cell?.ref as ActorRef<P> | undefined
  }

  forget(cell: Cell): void {
    const { id, name, parent } = cell.options
    this.#cells.delete(id)
    if (name !== undefined && this.#names.get(name) === cell) this.#names.delete(name)
    parent?.children?.delete(cell)
  }

  // What they say.

  tell(cell: Cell, name: string, message: unknown): void {
    const context = this.current
    this.#send(cell, name, message, context, undefined)
  }

  tellWith(cell: Cell, name: string, message: unknown, options: SendOptions & CallOptions): Promise<Receipt> {
    const delivery = deliveryOf(options.delivery)
    if (delivery === 'at-most-once') {
      this.#send(cell, name, message, this.current, extraOf(options))
      return Promise.resolve({ ok: true, delivery: 'at-most-once' })
    }
    return new Promise((tell) => {
      const receipt = waiterOf(delivery, options, this.clock, tell)
      this.#send(cell, name, message, this.current, { ...extraOf(options), receipt })
    })
  }

  sendFrom(context: CellContext, to: ActorRef, name: string, message: unknown): void {
    const target = LocalRef.receiverOf(to)
    if (target instanceof Cell) this.#send(target, name, message, context, undefined)
    else untyped(to).send(name, message)
  }

  #send(cell: Cell, name: string, message: unknown, from: CellContext | undefined, extra: Extra | undefined): void {
    const correlation = extra?.correlation ?? from?.correlation
    const whole =
      correlation === undefined || correlation === extra?.correlation
        ? extra
        : { ...(extra ?? plainExtra), correlation }
    if (!this.#options.codec) cell.accept(new Letter(name, message, from?.host, whole))
    else this.#put(cell, name, message, from?.host, whole)
  }

  #put(cell: Cell, name: string, message: unknown, sender: Sender | undefined, extra: Extra | undefined): void {
    let copy: unknown
    try {
      copy = this.#copy(message)
    } catch (error) {
      const why = error instanceof CodecTooLarge ? 'message_too_large' : 'not_encodable'
      cell.undelivered(new Letter(name, message, sender, extra), why, error)
      return
    }
    cell.accept(new Letter(name, copy, sender, extra))
  }

  ask(cell: Cell, name: string, message: unknown, options: CallOptions | undefined): Promise<unknown> {
    return this.#ask(cell, name, message, options, this.current)
  }

  askFrom(context: CellContext, to: ActorRef, name: string, message: unknown): Promise<unknown> {
    const target = LocalRef.receiverOf(to)
    if (target instanceof Cell) return this.#ask(target, name, message, undefined, context)
    const leftMs = context.deadlineMs - this.clock.monotonicMs()
    return untyped(to)
      .with(Number.isFinite(leftMs) ? { timeoutMs: Math.max(1, leftMs) } : {})
      .call(name, message)
  }

  #ask(
    cell: Cell,
    name: string,
    message: unknown,
    options: CallOptions | undefined,
    from: CellContext | undefined,
  ): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const frame = from?.frame
      if (frame && cell.options.spec.reentrant !== true && waitsFor(frame, cell))
        return reject(new CallCycle(cycleOf(frame, cell)))
      if (options?.signal?.aborted) return reject(new Aborted('a call', { cause: options.signal.reason }))
      const nowMs = this.clock.monotonicMs()
      const timeoutMs = Math.min(timeoutOf(options?.timeoutMs), (from?.deadlineMs ?? Number.POSITIVE_INFINITY) - nowMs)
      if (timeoutMs <= 0) return reject(new CallTimeout(cell.text, name, 0))
      const dueMs = nowMs + timeoutMs
      const priority = priorityOf(options?.priority)
      const correlation = options?.correlation ?? from?.correlation
      const answer = this.#options.codec ? this.#coded(resolve, reject) : resolve
      const call = new Call(this.#calls, { to: cell, name, timeoutMs, dueMs }, frame, answer, reject)
      this.#calls.add(call)
      if (options?.signal) call.listen(options.signal)
      if (from && !from.over) this.#carry(from, call)
      this.#send(cell, name, message, from, { priority, correlation, call, receipt: undefined })
    })
  }

  /** What nobody waits for is not worked on: a call ends with the work that makes it. */
  #carry(context: CellContext, call: Call): void {
    context.carry(call, () => {
      const due = call.dueMs <= this.clock.monotonicMs() + 1
      call.abandon(due ? new CallTimeout(call.to.text, call.name, call.timeoutMs) : new Aborted('a call'))
    })
  }

  /** An answer crosses the codec too. */
  #coded(resolve: (value: unknown) => void, reject: (error: Error) => void): (value: unknown) => void {
    return (value) => {
      try {
        resolve(this.#copy(value))
      } catch (error) {
        reject(toError(error))
      }
    }
  }

  #copy(value: unknown): unknown {
    const { codec } = this.#options
    return codec && value !== undefined ? codec.decode(codec.encode(value)) : value
  }

  forwardFrom(context: CellContext, to: ActorRef, name: string, message: unknown): void {
    const { letter } = context
    const call = letter?.extra?.call
    // That it is enqueued was told already; that it is processed, whoever has it now will tell.
    const receipt = letter?.extra?.receipt?.delivery === 'processed' ? letter.extra.receipt : undefined
    const target = LocalRef.receiverOf(to)
    if (target instanceof Cell) {
      const frame = call && !call.settled ? call.frame : undefined
      if (frame && target.options.spec.reentrant !== true && waitsFor(frame, target))
        call?.reject(new CallCycle(cycleOf(frame, target)))
      else
        this.#put(target, name, message, letter?.sender, {
          ...(letter?.extra ?? plainExtra),
          correlation: context.correlation,
          receipt,
          reminder: undefined,
        })
    } else if (receipt) void untyped(to).with({ delivery: 'processed' }).send(name, message).then(receipt.tell)
    else if (call) this.askFrom(context, to, name, message).then(call.resolve.bind(call), call.reject.bind(call))
    else untyped(to).send(name, message)
  }

  deadLetter(cell: Cell, letter: Letter, why: Undelivered): void {
    this.deadLetters.add({
      to: cell.text,
      type: cell.options.spec.type,
      name: letter.name,
      message: letter.message,
      ...(letter.sender && { sender: letter.sender.text }),
      ...(letter.extra?.correlation !== undefined && { correlation: letter.extra.correlation }),
      reason: why,
      timeMs: this.clock.now(),
    })
  }

  // Who watches whom.

  link(host: ContextHost, other: ActorRef): void {
    const [cell, target] = [host as Cell, this.#local(other)]
    if (target === cell) return
    if (target.phase === 'ended') return cell.signal({ type: 'exit', from: target.address, reason: 'noproc' })
    ;(cell.links ??= new Set()).add(target)
    ;(target.links ??= new Set()).add(cell)
  }

  unlink(host: ContextHost, other: ActorRef): void {
    const [cell, target] = [host as Cell, this.#local(other)]
    cell.links?.delete(target)
    target.links?.delete(cell)
    // One that has ended meanwhile is not heard of any more.
    const { id } = target.options
    cell.mailbox.takeSignals((signal) => signal.type === 'exit' && signal.from.id === id)
  }

  monitor(host: ContextHost, other: ActorRef | string): Monitor {
    const cell = host as Cell
    const target = typeof other === 'string' ? this.#names.get(other) : this.#local(other)
    const of = typeof other === 'string' ? other : (target?.address ?? other.address)
    let forget = () => {}
    const monitor: Monitor = {
      cancel() {
        target?.watchers?.delete(down)
        forget()
        cell.mailbox.takeSignals((signal) => signal.type === 'down' && signal.monitor === monitor)
      },
    }
    const down = (reason: ExitReason) => {
      forget()
      cell.signal({ type: 'down', monitor, of, reason })
    }
    if (!target || target.phase === 'ended') {
      down('noproc')
      return monitor
    }
    forget = cell.atEnd(() => target.watchers?.delete(down))
    ;(target.watchers ??= new Set()).add(down)
    return monitor
  }

  #local(ref: ActorRef): Cell {
    const target = LocalRef.targetOf(ref)
    if (target instanceof Cell) return target
    throw new InvalidArgument('ref', 'must be a reference to an actor of this node')
  }

  group<P = AnyProtocol>(name: string): Group<P> {
    return this.#groups.group(name) as unknown as Group<P>
  }

  joinGroup(host: ContextHost, group: string): void {
    this.#groups.join(group, host as Cell)
  }
  leaveGroup(host: ContextHost, group: string): void {
    this.#groups.leave(group, host as Cell)
  }

  subscribeTo(host: ContextHost, event: string, name: string): Subscription {
    return this.events.subscribeActor(host as Cell, event, name)
  }
  emitFrom(context: CellContext, event: string, value: unknown, token: string | undefined): number {
    return this.events.publishAs(context, event, value, token)
  }

  // Who starts again, and who ends.

  started(): void {}

  exited(cell: Cell, reason: ExitReason): void {
    if (cell.leaving || this.#closed || !restartWanted(cell.options.restart, reason)) return this.#ended(cell, reason)
    if (!cell.hasRun) return this.#ended(cell, reason)
    let intensity = this.#intensities.get(cell)
    if (!intensity) this.#intensities.set(cell, (intensity = new Intensity(this.#bounds)))
    if (!intensity.bear(this.clock.monotonicMs())) {
      const { intensity: max, periodMs } = this.#bounds
      const error = new RestartIntensity(cell.text, max, periodMs, { cause: reason })
      this.logger.error({ actor: cell.text, code: error.code }, error.message)
      return this.#ended(cell, error)
    }
    this.logger.warn({ actor: cell.text, reason: reasonText(reason) }, 'an actor failed and is started again')
    cell.restarts++
    cell.startSoon()
  }

  #ended(cell: Cell, reason: ExitReason): void {
    const { parent } = cell.options
    cell.retire(reason)
    if (parent?.options.spec.onSignal) parent.signal({ type: 'child-ended', child: cell.address, reason })
  }

  stopActor(ref: ActorRef<never>, options: StopActorOptions = {}): Promise<void> {
    delayOf('deadlineMs', options.deadlineMs, 0)
    return this.#stopCell(this.#local(ref), options)
  }

  stopChildOf(host: ContextHost, child: ActorRef, options: StopActorOptions | undefined): Promise<void> {
    const cell = this.#local(child)
    delayOf('deadlineMs', options?.deadlineMs, 0)
    if (cell.options.parent !== host)
      return Promise.reject(new InvalidArgument('child', 'must be a child of this actor'))
    return this.#stopCell(cell, options ?? {})
  }

  #stopCell(cell: Cell, options: StopActorOptions): Promise<void> {
    if (cell.phase === 'ended') return Promise.resolve()
    const ended = new Promise<void>((resolve) => (cell.watchers ??= new Set()).add(() => resolve()))
    cell.leaving = true
    const reason = options.reason ?? 'shutdown'
    if (cell.phase === 'resting') cell.options.keeper.exited(cell, reason)
    else if (reason === 'kill') cell.kill()
    else cell.halt(reason, options)
    return ended
  }

  stopChildren(cell: Cell, deadlineMs: number): Promise<void> {
    return this.#stopAll([...(cell.children ?? [])], deadlineMs, cell.options.spec.terminate ? 1 : 0)
  }

  discard(cell: Cell): void {
    void this.#stopCell(cell, { reason: 'kill' })
  }

  stop(options: { readonly deadlineMs?: number } = {}): Promise<void> {
    const deadlineMs = delayOf('deadlineMs', options.deadlineMs, stopMsDefault)
    this.#closed = true
    this.#stopping ??= this.#stop(deadlineMs)
    return this.#stopping
  }

  #stopAll(cells: readonly Cell[], deadlineMs: number, kept: 0 | 1): Promise<void> {
    return stopInTurn(this, cells, { deadlineMs, kept }, (cell, options) => this.#stopCell(cell, options))
  }

  async #stop(deadlineMs: number): Promise<void> {
    const top = [...this.#cells.values()].filter((cell) => cell.options.parent === undefined)
    await this.#stopAll(top, deadlineMs, 0)
    this.#calls.close(() => new NotRunning(this.#options.node))
    this.events.close()
    this.deadLetters.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }
}

/** A reference of another kind, whose protocol is not known here. */
function untyped(ref: ActorRef): ActorRef<Record<string, (message: unknown) => unknown>> {
  return ref
}

export function reasonText(reason: ExitReason): string {
  return typeof reason === 'string' ? reason : errorText(reason)
}

/**
 * CellContext: what a handler holds. One serves all messages of an actor as long as its handlers are synchronous; an async
 * handler keeps the one it was given until it settles. It acts for its incarnation only: used after that, it refuses, and
 * shows the state of its own incarnation, never that of the next.
 */
import type { Clock, Timer } from '../base/clock.ts'
import { Aborted, InvalidArgument } from '../base/error.ts'
import type { ColloquyError } from '../base/error.ts'
import { wholeNumber } from '../base/limit.ts'
import type {
  ActorDefinition,
  ActorRef,
  AnyProtocol,
  BoundContext,
  BoundRef,
  CallOptions,
  Context,
  ExitReason,
  Handlers,
  Later,
  MessageOf,
  Monitor,
  ResultOf,
  SendOptions,
  SpawnArguments,
  SpawnOptions,
  StopActorOptions,
  Subscription,
} from './actor.ts'
import { behaviourOf } from './define.ts'
import type { Behaviour } from './define.ts'
import { StaleContext, StashFull, UnknownMessage } from './error.ts'
import { ForwardedAnswer, LaterAnswer } from './later.ts'
import { Letter, plainExtra } from './letter.ts'
import type { CallFrame, PendingCall, Reminder, Sender } from './letter.ts'
import type { Mailbox } from './mailbox.ts'
import type { Records } from './records.ts'

/** The actor whose context it is. */
export interface ContextHost extends Sender {
  readonly system: ContextSystem
  readonly options: {
    readonly spec: { readonly type: string; readonly stashMax?: number }
    readonly handlers: Behaviour
  }
  readonly incarnation: number
  readonly state: unknown
  readonly mailbox: Mailbox
  behaviour: Behaviour
  stashed: Letter[] | undefined
  trapsExit: boolean
  accept(letter: Letter): void
  wake(): void
  /** Ends after the message of this context, or now if it is over. */
  stopSoon(reason: ExitReason, context: CellContext): void
  atEnd(cleanup: () => void): () => void
}

export interface ContextSystem {
  readonly clock: Clock
  /** Whose handler runs now. */
  current: CellContext | undefined
  spawnFor(
    parent: ContextHost,
    definition: ActorDefinition,
    input: unknown,
    options: SpawnOptions | undefined,
  ): ActorRef
  sendFrom(context: CellContext, to: ActorRef, name: string, message: unknown): void
  askFrom(context: CellContext, to: ActorRef, name: string, message: unknown): Promise<unknown>
  forwardFrom(context: CellContext, to: ActorRef, name: string, message: unknown): void
  link(host: ContextHost, other: ActorRef): void
  unlink(host: ContextHost, other: ActorRef): void
  monitor(host: ContextHost, other: ActorRef | string): Monitor
  stopChildOf(host: ContextHost, child: ActorRef, options: StopActorOptions | undefined): Promise<void>
  joinGroup(host: ContextHost, group: string): void
  leaveGroup(host: ContextHost, group: string): void
  subscribeTo(host: ContextHost, event: string, name: string): Subscription
  emitFrom(context: CellContext, event: string, value: unknown, token: string | undefined): number
  /** Where persistent actors keep their events; undefined when there is nowhere. */
  readonly records: Records | undefined
}

const stashMaxDefault = 4096

export class CellContext implements Context<unknown> {
  readonly host: ContextHost
  readonly incarnation: number
  letter: Letter | undefined
  /** The message in hand is to be stashed: it is not over. */
  setAside = false
  over = false
  /** Somebody else has the message now, and answers for it. */
  passedOn = false
  /** Ends a handler that does not settle in time. */
  limit: Timer | undefined
  /** Of its own incarnation. */
  readonly #state: unknown
  #frame: CallFrame | undefined
  #controller: AbortController | undefined
  #detach: (() => void) | undefined
  #onAbandon: (() => void) | undefined
  /** How to give up the calls that this work waits for. */
  #carried: Set<() => void> | undefined

  constructor(host: ContextHost) {
    this.host = host
    this.incarnation = host.incarnation
    this.#state = host.state
  }

  // For the cell.

  begin(letter: Letter | undefined): void {
    this.letter = letter
    this.setAside = false
    this.passedOn = false
    this.over = false
  }

  /** The message in hand is over: nobody waits in its frame, and its memory is given back. */
  end(): void {
    this.over = true
    if (this.#frame !== undefined) this.#leaveFrame()
    if (this.#controller !== undefined || this.#onAbandon !== undefined) this.#release()
    if (this.limit !== undefined) this.#unlimit()
    this.letter = undefined
  }

  abort(): void {
    this.#controller?.abort(new Aborted(`the work of ${this.host.text}`))
    for (const giveUp of this.#carried ?? []) giveUp()
  }

  /** A call of this work is given up with it, or at the end of the incarnation if the work ends first. */
  carry(call: PendingCall, giveUp: () => void): void {
    this.#listen()
    const carried = (this.#carried ??= new Set())
    carried.add(giveUp)
    const forget = this.host.atEnd(giveUp)
    call.onSettled = () => {
      carried.delete(giveUp)
      forget()
    }
  }

  #leaveFrame(): void {
    if (this.#frame) this.#frame.active = false
    this.#frame = undefined
  }

  #release(): void {
    this.#detach?.()
    const call = this.letter?.extra?.call
    // Whom it was forwarded to may have taken the place.
    if (call && call.onAbandon === this.#onAbandon) call.onAbandon = undefined
    this.#controller = this.#detach = this.#onAbandon = this.#carried = undefined
  }

  #unlimit(): void {
    this.limit?.cancel()
    this.limit = undefined
  }

  /** Whoever is called by the message in hand waits in this frame. */
  get frame(): CallFrame | undefined {
    if (this.over) return undefined
    this.#frame ??= { caller: this.host, up: this.letter?.extra?.call, active: true }
    return this.#frame
  }

  // For the handler.

  get state(): unknown {
    return this.#stale ? this.#state : this.host.state
  }
  get self(): ActorRef<AnyProtocol> {
    return this.host.ref
  }
  get sender(): ActorRef<AnyProtocol> | undefined {
    return this.letter?.sender?.ref
  }
  get correlation(): string | undefined {
    return this.letter?.extra?.correlation
  }
  get deadlineMs(): number {
    return this.letter?.extra?.call?.dueMs ?? Number.POSITIVE_INFINITY
  }

  get signal(): AbortSignal {
    if (this.#controller) return this.#controller.signal
    const controller = (this.#controller = new AbortController())
    const call = this.letter?.extra?.call
    if (this.over || this.#stale || call?.settled) {
      this.abort()
      // Nobody ends it again.
      if (this.over) this.#controller = undefined
      return controller.signal
    }
    this.#listen()
    return controller.signal
  }

  /** Hears when the caller gives up, and when the incarnation ends. */
  #listen(): void {
    if (this.#onAbandon !== undefined) return
    this.#onAbandon = () => this.abort()
    this.#detach = this.host.atEnd(this.#onAbandon)
    const call = this.letter?.extra?.call
    if (call && !call.settled) call.onAbandon = this.#onAbandon
  }

  spawn<Input, P>(definition: ActorDefinition<Input, P>, ...given: SpawnArguments<Input>): ActorRef<P> {
    this.#alive()
    const [input, options] = given as [unknown, SpawnOptions | undefined]
    const kind = definition as unknown as ActorDefinition
    return this.host.system.spawnFor(this.host, kind, input, options) as unknown as ActorRef<P>
  }

  send<P, Name extends keyof P & string>(to: ActorRef<P>, name: Name, ...message: MessageOf<P, Name>): void {
    this.#alive()
    this.host.system.sendFrom(this, to as unknown as ActorRef, name, (message as unknown[])[0])
  }

  call<P, Name extends keyof P & string>(
    to: ActorRef<P>,
    name: Name,
    ...message: MessageOf<P, Name>
  ): Promise<ResultOf<P, Name>> {
    this.#alive()
    const answer = this.host.system.askFrom(this, to as unknown as ActorRef, name, (message as unknown[])[0])
    return answer as Promise<ResultOf<P, Name>>
  }

  with(options: SendOptions & CallOptions): BoundContext {
    const bound = <P, Done>(to: ActorRef<P>, work: (to: BoundRef<P>) => Done): Done => {
      this.#alive()
      const { system } = this.host
      const before = system.current
      // Whoever sends now is this context, as before the first await.
      system.current = this
      try {
        return work(to.with(options))
      } finally {
        system.current = before
      }
    }
    return {
      send: (to, name, ...message) => bound(to, (ref) => ref.send(name, ...message)),
      call: (to, name, ...message) => bound(to, (ref) => ref.call(name, ...message)),
    }
  }

  later<Result>(): Later<Result> {
    return new LaterAnswer<Result>(this.letter?.extra?.call)
  }

  forward<P, Name extends keyof P & string>(
    to: ActorRef<P>,
    name: Name,
    ...message: MessageOf<P, Name>
  ): Later<ResultOf<P, Name>> {
    this.#alive()
    this.host.system.forwardFrom(this, to as unknown as ActorRef, name, (message as unknown[])[0])
    this.passedOn = true
    return new ForwardedAnswer()
  }

  refuse(error: ColloquyError): Later<never> {
    this.letter?.extra?.call?.reject(error)
    return new LaterAnswer<never>(undefined)
  }

  sendAfter(delayMs: number, name: string, message?: unknown): Timer {
    this.#known(name)
    const { host } = this
    const reminder = this.#reminder()
    const letter = reminderOf(host, name, message, this.correlation, reminder)
    const timer = host.system.clock.timer(delayMs, () => {
      forget()
      reminder.waiting = true
      host.accept(letter)
    })
    const forget = host.atEnd(() => timer.cancel())
    return {
      cancel() {
        timer.cancel()
        reminder.cancelled = true
        forget()
      },
    }
  }

  sendEvery(intervalMs: number, name: string, message?: unknown): Timer {
    this.#known(name)
    wholeNumber('intervalMs', intervalMs, 1)
    const { host, correlation } = this
    const { clock } = host.system
    const reminder = this.#reminder()
    let nextMs = clock.monotonicMs() + intervalMs
    let timer: Timer
    const tick = () => {
      // One that still waits is not joined by others: a slow actor finds one tick, not all it missed.
      if (!reminder.waiting) {
        reminder.waiting = true
        host.accept(reminderOf(host, name, message, correlation, reminder))
      }
      // What a busy process missed is not made up for in a burst.
      const nowMs = clock.monotonicMs()
      nextMs = Math.max(nextMs + intervalMs, nowMs)
      timer = clock.timer(nextMs - nowMs, tick)
    }
    timer = clock.timer(intervalMs, tick)
    const forget = host.atEnd(() => timer.cancel())
    return {
      cancel() {
        timer.cancel()
        reminder.cancelled = true
        forget()
      },
    }
  }

  link(other: ActorRef): void {
    this.#alive()
    this.host.system.link(this.host, other)
  }
  unlink(other: ActorRef): void {
    this.#alive()
    this.host.system.unlink(this.host, other)
  }
  monitor(other: ActorRef | string): Monitor {
    this.#alive()
    return this.host.system.monitor(this.host, other)
  }
  trapExit(on: boolean): void {
    this.#alive()
    this.host.trapsExit = on
  }

  stash(): void {
    this.#alive()
    const { host } = this
    if (!this.letter) throw new InvalidArgument('stash', 'must be called while a message is handled')
    const max = host.options.spec.stashMax ?? stashMaxDefault
    if ((host.stashed?.length ?? 0) >= max) throw new StashFull(host.text, max)
    this.setAside = true
  }

  unstash(): void {
    this.#alive()
    const letters = this.host.stashed?.splice(0) ?? []
    for (const letter of letters.toReversed()) this.host.mailbox.putBack(letter)
    this.host.wake()
  }

  become(handlers: Handlers<unknown>): void {
    this.#alive()
    for (const name of Object.keys(handlers)) this.#known(name)
    this.host.behaviour = behaviourOf(handlers, this.host.behaviour)
  }
  unbecome(): void {
    this.#alive()
    this.host.behaviour = this.host.options.handlers
  }

  stop(reason: ExitReason = 'normal'): void {
    this.#alive()
    this.host.stopSoon(reason, this)
  }
  stopChild(child: ActorRef, options?: StopActorOptions): Promise<void> {
    return this.host.system.stopChildOf(this.host, child, options)
  }
  join(group: string): void {
    this.#alive()
    this.host.system.joinGroup(this.host, group)
  }
  leave(group: string): void {
    this.#alive()
    this.host.system.leaveGroup(this.host, group)
  }
  subscribe(event: string, name: string): Subscription {
    this.#alive()
    return this.host.system.subscribeTo(this.host, event, name)
  }
  emit(event: string, value: unknown, token?: string): number {
    this.#alive()
    return this.host.system.emitFrom(this, event, value, token)
  }

  get #stale(): boolean {
    return this.host.incarnation !== this.incarnation
  }

  #reminder(): Reminder {
    return { incarnation: this.incarnation, cancelled: false, waiting: false }
  }

  #alive(): void {
    if (this.#stale) throw new StaleContext(this.host.text)
  }

  #known(name: string): void {
    this.#alive()
    if (!(name in this.host.options.handlers)) throw new UnknownMessage(this.host.options.spec.type, name)
  }
}

/** A message of an actor to itself; it belongs to the conversation in which it was set. */
function reminderOf(
  host: ContextHost,
  name: string,
  message: unknown,
  correlation: string | undefined,
  reminder: Reminder,
): Letter {
  return new Letter(name, message, host, { ...plainExtra, correlation, reminder })
}

/**
 * Actor: somebody with a state of its own, a mailbox, and one message in hand at a time, as Erlang and Ergo have them. Unlike
 * a subscription of the bus an actor has an identity, a life that is watched and restarted, and answers calls. Interfaces
 * only; nothing here is untrue of an actor on another node.
 *
 * What the runtime promises:
 *
 * | promise | |
 * | --- | --- |
 * | one at a time | a handler runs alone; an async one keeps the mailbox waiting until it settles (`reentrant` lifts that) |
 * | order | messages of one sender to one actor, of one priority, are handled in the order they were sent |
 * | delivery | `at-most-once` by default; `enqueued` and `processed` are told in a receipt |
 * | priority | among those in the mailbox: high before normal before low. One that is parked waits behind those parked before it, and a full mailbox refuses a high one as any other; only `drop-oldest` lets a lower one go for it |
 * | a full mailbox | its policy; what is not taken is told to who asked for a receipt, and ends in dead letters |
 * | signals | exits, links and monitors have a queue of their own, which nothing fills |
 * | a call | ends in the handler's result, or in a typed error: its deadline, a cycle, the callee's failure or end. Who gave up in the mailbox is not served any more |
 * | giving up | goes along the chain: the calls of work that was given up, or of an incarnation that has ended, are given up too |
 * | a failure | whatever a handler, `init` or `onSignal` throws ends this incarnation, and with it what it had in flight; the supervisor decides what comes next |
 * | a loss | each message is handled to its end, or is one dead letter with its reason; each receipt and each call ends once |
 * | a restart | keeps the reference, the name and the mailbox; state is made anew from the input; the message that failed is not retried |
 * | durability | none; see `persistentActor` |
 *
 * Life of an actor: 1. starting: `state` is made and `init` runs, messages wait; 2. running; 3. stopping: its children end
 * in reverse order, what is in flight settles, then `terminate` runs; 4. ended: links and monitors are told, what waited
 * becomes dead letters. A restart goes from 3 to 1: links stay, monitors, children and timers were the incarnation's.
 *
 * What happens when something bad does: `docs/guide/actors.md`, "When things go wrong".
 */
import type { Timer } from '../base/clock.ts'
import type { ColloquyError } from '../base/error.ts'

/** Names of messages, each with what it carries and what a call of it gives. */
export type Protocol = { readonly [name: string]: (...message: never[]) => unknown }

/**
 * Of a reference whose protocol is not known: any message with any argument, and results that have to be looked at. A type
 * for the reference is better: `system.find('tally', tally)`, or a parameter of the type `ActorRef<P>`.
 */
export type AnyProtocol = { readonly [name: string]: AnyHandler }
// Of a method: the compiler then takes a handler of any argument for one.
type AnyHandler = { handle(message?: unknown): unknown }['handle']

/** What a call of a handler with this result gives: promises and later answers are waited for. */
export type Answer<Result> = Awaited<Result> extends Later<infer Late> ? Late : Awaited<Result>
export type MessageOf<P, Name extends keyof P> = P[Name] extends (...message: infer Message) => unknown
  ? Message
  : never
export type ResultOf<P, Name extends keyof P> = P[Name] extends (...message: never[]) => infer Result
  ? Answer<Result>
  : never
/**
 * Why an actor ended. `normal` it had done its work; `shutdown` it was asked to; `kill` it was ended without being asked;
 * `noproc` there was none; `noconnection` its node cannot be reached; an error: it failed.
 */
export type ExitReason = 'normal' | 'shutdown' | 'kill' | 'noproc' | 'noconnection' | Error

/** `permanent`: always; `transient`: unless it ended by `normal` or `shutdown`; `temporary`: never. */
export type Restart = 'permanent' | 'transient' | 'temporary'

/** Where an actor is. Its text stands in logs, events and subjects. */
export interface Address {
  readonly node: string
  /** Of the node's life: an address from before its restart reaches nobody. */
  readonly incarnation: number
  readonly id: number
  toString(): string
}

export type Delivery = 'at-most-once' | 'enqueued' | 'processed'

/** What became of a send that asked for a receipt. Never a rejection: a refusal is an answer. */
export type Receipt =
  | { readonly ok: true; readonly delivery: Delivery }
  | { readonly ok: false; readonly delivery: Delivery; readonly reason: Undelivered; readonly error?: Error }

/** Why a message did not reach a handler's end. */
export type Undelivered =
  | 'mailbox_full'
  | 'mailbox_dropped'
  | 'not_running'
  | 'unknown_message'
  | 'handler_failed'
  | 'message_too_large'
  /** The caller gave up before its turn came, or whoever waited for the receipt did. */
  | 'expired'
  /** Handled, but the caller gave up before the answer. Only as a dead letter. */
  | 'late_reply'
  | 'not_encodable'

export interface SendOptions {
  /** Default `at-most-once`. */
  readonly delivery?: Delivery
  /** Taken before normal ones, or after all of them. Default `normal`. */
  readonly priority?: 'high' | 'normal' | 'low'
  /** Of the conversation; what is sent while a message is handled inherits that of the message. */
  readonly correlation?: string
}

export interface CallOptions {
  /**
   * Default 5000, and never past the deadline of the message being handled. Then `actor.call_timeout`. Of a receipt: no
   * default, and then `expired`.
   */
  readonly timeoutMs?: number
  /** Then `base.aborted`; a receipt says `expired`. */
  readonly signal?: AbortSignal
  readonly priority?: 'high' | 'normal' | 'low'
  readonly correlation?: string
}

/** How to reach an actor. Cheap to hold, equal for the same actor of the same node only by its address. */
export interface ActorRef<P = Protocol> {
  readonly address: Address
  /** Resolves when `init` is over; rejects with `actor.start_failed` when the first start failed for good. */
  readonly ready: Promise<void>
  /** Sends and forgets; never throws for what becomes of it. */
  send<Name extends keyof P & string>(name: Name, ...message: MessageOf<P, Name>): void
  /**
   * The handler's result. Rejects with `actor.call_timeout`, `actor.call_cycle` at once, `actor.call_failed` (the handler
   * threw; `cause`), `actor.not_running`, `actor.mailbox_full`, `actor.unknown_message`, or what `ctx.refuse` was given.
   */
  call<Name extends keyof P & string>(name: Name, ...message: MessageOf<P, Name>): Promise<ResultOf<P, Name>>
  /** Its name, or else its address. */
  toString(): string
  /** The same actor, with options for each send and call made through what is returned. */
  with(options: SendOptions & CallOptions): BoundRef<P>
}

export interface BoundRef<P = Protocol> {
  /** Resolves when the delivery asked for is reached, or cannot be. */
  send<Name extends keyof P & string>(name: Name, ...message: MessageOf<P, Name>): Promise<Receipt>
  call<Name extends keyof P & string>(name: Name, ...message: MessageOf<P, Name>): Promise<ResultOf<P, Name>>
}

declare const result: unique symbol

/** An answer that comes after its handler has ended, from whoever holds it. Returned by the handler. */
export interface Later<Result> {
  readonly [result]?: Result
  /** False when nobody waits any more. */
  resolve(value: Result): boolean
  reject(error: Error): boolean
}

export type Signal =
  /** A linked actor ended; only with `trapExit`. */
  | { readonly type: 'exit'; readonly from: Address; readonly reason: ExitReason }
  /** A watched actor or name ended. */
  | { readonly type: 'down'; readonly monitor: Monitor; readonly of: Address | string; readonly reason: ExitReason }
  /** A child ended and is not restarted. */
  | { readonly type: 'child-ended'; readonly child: Address; readonly reason: ExitReason }
  /** An event that it subscribed to has ended. */
  | { readonly type: 'event-ended'; readonly event: string }

export interface Monitor {
  /** Idempotent. */
  cancel(): void
}

export interface Subscription {
  /** Idempotent. What is in the mailbox already still comes. */
  cancel(): void
}

/** A context with options for what is sent and called through it. */
export interface BoundContext {
  /** Resolves when the delivery asked for is reached, or cannot be. */
  send<P, Name extends keyof P & string>(to: ActorRef<P>, name: Name, ...message: MessageOf<P, Name>): Promise<Receipt>
  /** Never past the deadline of the message in hand. */
  call<P, Name extends keyof P & string>(
    to: ActorRef<P>,
    name: Name,
    ...message: MessageOf<P, Name>
  ): Promise<ResultOf<P, Name>>
}

/** What a handler is given. Good until its handler has ended; afterwards only `state`, `self` and timers are. */
export interface Context<State> {
  readonly state: State
  readonly self: ActorRef<AnyProtocol>
  /** Who sent the message in hand, when that was an actor. */
  readonly sender: ActorRef<AnyProtocol> | undefined
  readonly correlation: string | undefined
  /** On the node's monotonic clock: when whoever called gives up; Infinity for a send. */
  readonly deadlineMs: number
  /**
   * Aborted at the deadline, when the caller gives up, and when the incarnation ends. A listener must not throw: the
   * platform makes an uncaught exception of it.
   */
  readonly signal: AbortSignal
  /** A child: it ends before its parent does. */
  spawn<Input, P>(definition: ActorDefinition<Input, P>, ...input: SpawnArguments<Input>): ActorRef<P>
  send<P, Name extends keyof P & string>(to: ActorRef<P>, name: Name, ...message: MessageOf<P, Name>): void
  /**
   * As `ref.call`, within the deadline of the message in hand, and with it in the chain that finds cycles. A plain
   * `ref.call` is that too, but only before the handler's first await: after it nobody can tell who calls.
   */
  call<P, Name extends keyof P & string>(
    to: ActorRef<P>,
    name: Name,
    ...message: MessageOf<P, Name>
  ): Promise<ResultOf<P, Name>>
  /** As `send` and `call`, with options: for messages that belong to the one in hand after an await too. */
  with(options: SendOptions & CallOptions): BoundContext
  /**
   * The caller is answered later, through what is returned; the handler returns it too. If nobody does, its deadline ends
   * it, or the end of this incarnation.
   */
  later<Result>(): Later<Result>
  /** Another actor answers the caller; the handler returns it. */
  forward<P, Name extends keyof P & string>(
    to: ActorRef<P>,
    name: Name,
    ...message: MessageOf<P, Name>
  ): Later<ResultOf<P, Name>>
  /** The caller gets this error and the actor goes on; the handler returns it. */
  refuse(error: ColloquyError): Later<never>
  /** A message to itself after a while; gone with this incarnation, or `cancel()`, also when it waits in the mailbox. */
  sendAfter(delayMs: number, name: string, message?: unknown): Timer
  /** One message of it waits at most: what a busy actor missed does not come in a burst. */
  sendEvery(intervalMs: number, name: string, message?: unknown): Timer
  /** Ends with the other, and the other with it, unless the reason is `normal`; also while a handler has not settled. */
  link(other: ActorRef): void
  unlink(other: ActorRef): void
  /** `onSignal` hears `down` when it ends, at once when it has. */
  monitor(other: ActorRef | string): Monitor
  /** Exits of linked actors come to `onSignal` instead of ending this one. */
  trapExit(on: boolean): void
  /** Puts the message in hand aside; `unstash` brings all back, before what waits. Throws `actor.stash_full`. */
  stash(): void
  unstash(): void
  /** Other handlers for some of the names, until `unbecome`. Throws `actor.unknown_message` for a name outside the protocol. */
  become(handlers: Handlers<State>): void
  unbecome(): void
  /** Ends after the message in hand. Default reason `normal`. */
  stop(reason?: ExitReason): void
  /** Ends a child, as `node.stopActor` does. */
  stopChild(child: ActorRef, options?: StopActorOptions): Promise<void>
  /** Becomes a member of the group until `leave`, or its end for good. Idempotent. */
  join(group: string): void
  leave(group: string): void
  /**
   * Each value of the event comes as a message to this handler, those buffered first, over restarts too, until it is
   * cancelled or this actor ends for good. Idempotent. Throws `actor.unknown_event`, `actor.unknown_message`.
   */
  subscribe(event: string, name: string): Subscription
  /** Publishes: to how many it went. Throws `actor.unknown_event`, `actor.event_token`. */
  emit(event: string, value: unknown, token?: string): number
}

// A message type of its own for each name; `never` lets every one in.
export type Handlers<State> = { readonly [name: string]: (ctx: Context<State>, message: never) => unknown }

export type ProtocolOf<On> = {
  readonly [Name in keyof On]: On[Name] extends (ctx: never, ...message: infer Message) => infer Result
    ? (...message: Message) => Answer<Result>
    : never
}

export interface MailboxOptions {
  /** Messages that wait, of all priorities. Default 65,536. */
  readonly limit?: number
  /**
   * At the limit. `reject` (default): not taken, told in the receipt or the call. `drop-oldest`: the oldest of the lowest
   * priority goes, but never for a lower one. `park`: the sender's receipt waits until there is room, for up to `parkMax` messages.
   */
  readonly overflow?: 'reject' | 'drop-oldest' | 'park'
  /** Default as `limit`. */
  readonly parkMax?: number
}

export interface SpawnOptions {
  /** Registers the actor under this name; taken: `actor.name_taken`. */
  readonly name?: string
  readonly mailbox?: MailboxOptions
  /** Default `transient`. */
  readonly restart?: Restart
  /** How long it may take to end before it is killed. Default that of its definition: 5000, none for a supervisor. */
  readonly shutdownMs?: number
}

export interface StopActorOptions {
  readonly reason?: ExitReason
  /** Then it is killed. Default its `shutdownMs`. */
  readonly deadlineMs?: number
}

/** The input may be left out where `state` takes none, or an optional one. */
export type SpawnArguments<Input> = undefined extends Input
  ? [input?: Input, options?: SpawnOptions]
  : [input: Input, options?: SpawnOptions]

export interface ActorSpec<Input, State, On> {
  /** Names the kind: in logs, in `top`, and for spawning it on another node. */
  readonly type: string
  /** Of the protocol; a whole number from 1. */
  readonly version: number
  /** Makes the state of each incarnation, at once. A throw, or a promise, is a failed start. */
  readonly state: (input: Input) => State
  readonly on: On
  /** Runs before the first message; messages wait for it. A throw is a failed start. */
  readonly init?: (ctx: Context<NoInfer<State>>, input: NoInfer<Input>) => void | Promise<void>
  /** Runs at the end of an incarnation, but for a kill. Its throw is logged. */
  readonly terminate?: (ctx: Context<NoInfer<State>>, reason: ExitReason) => void | Promise<void>
  readonly onSignal?: (ctx: Context<NoInfer<State>>, signal: Signal) => void | Promise<void>
  /** Takes the next message while an async handler waits. Default false. */
  readonly reentrant?: boolean
  /** Async handlers of a reentrant actor that may wait at a time; then messages wait in the mailbox. Default 1024. */
  readonly inFlightMax?: number
  /** How long one may take to end before it is killed, where its spawn does not say. Default 5000; Infinity: no bound. */
  readonly shutdownMs?: number
  /**
   * A handler, or `onSignal`, that has not settled by then fails the actor. Default: none. A handler that never yields
   * cannot be ended.
   */
  readonly handlerTimeoutMs?: number
  /** An `init` that has not settled by then is a failed start. Default: none. */
  readonly startTimeoutMs?: number
  /** Messages put aside. Default 4096. */
  readonly stashMax?: number
}

/** A kind of actor, made by `actor()`. */
export interface ActorDefinition<Input = never, P = Protocol> {
  readonly type: string
  readonly version: number
  /** For the compiler alone. */
  readonly $types?: { readonly input: (input: Input) => void; readonly protocol: P }
}

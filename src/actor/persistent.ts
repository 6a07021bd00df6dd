/**
 * persistentActor(): an actor whose state is its history in the journal. Unlike a plain actor it loses nothing that it
 * acknowledged: a command is decided into events (the decider pattern), the events are appended with the version they were
 * decided on, and only then the state is theirs and the caller is answered. A start reads the history again.
 *
 * What becomes of a command:
 *
 * | | the caller | the state |
 * | --- | --- | --- |
 * | decided, appended | `Committed` | evolved |
 * | decided into no event | `Committed`, no events | as it was |
 * | `decide` throws a `ColloquyError` | that error | as it was |
 * | somebody else appended first | `journal.wrong_version`, or `Committed` where it was this very command | read again |
 * | the journal refuses the events (size, form) | its error | read again |
 * | the journal fails otherwise | `actor.call_failed`; the events may be there or not | read again, after a restart |
 * | it comes again with the id of one that was appended | `Committed`, the same | as it was |
 *
 * A refusal of a command that was sent without waiting is a dead letter. Two actors on one stream, here or on two nodes, are
 * safe and slow: one of them gets the conflict.
 */
import { ColloquyError, InvalidArgument, LimitExceeded, messageOf } from '../base/error.ts'
import { plainName, wholeNumber } from '../base/limit.ts'
import type { DomainEvent } from '../journal/decider.ts'
import { EventTooLarge, InvalidEvent, WrongVersion } from '../journal/error.ts'
import { keepSnapshot, snapshotStream } from '../journal/snapshot.ts'
import { synchronous } from '../journal/synchronous.ts'
import type { ActorDefinition, ActorSpec, Context, Handlers, Later, ProtocolOf } from './actor.ts'
import type { Cell } from './cell.ts'
import { actor } from './define.ts'
import { JournalMissing } from './error.ts'
import { inHand, refuseInHand, untilEnd } from './in-hand.ts'
import { defaultStream, eventStream, loadHistory, snapshotType } from './persistent-history.ts'
import type { ActorSnapshotData, History, HistoryPlan } from './persistent-history.ts'
import type { Sent } from './pool.ts'
import type { Records } from './records.ts'

/** By name, each command with what it carries: pure functions of the state. */
export type Deciders<State, Event> = {
  readonly [name: string]: (state: State, message: never) => readonly Event[]
}

/** Of an actor that has commands only. */
export type NoHandlers = { readonly [name in never]: never }

/** What a call of a command gives. */
export interface Committed<Event> {
  /** Of the stream, after these events. */
  readonly version: number
  readonly events: readonly Event[]
}

export type CommandsOf<Decide, Event> = {
  readonly [Name in keyof Decide]: Decide[Name] extends (state: never, ...message: infer Message) => unknown
    ? (...message: Message) => Committed<Event>
    : never
}

export interface PersistentSpec<Input, State, Event extends DomainEvent, Decide, On> extends Pick<
  ActorSpec<Input, State, On>,
  'terminate' | 'onSignal' | 'handlerTimeoutMs' | 'stashMax'
> {
  readonly type: string
  /** Raise it when `initial`, `evolve` or the shape of the state change: snapshots of other versions are not used. */
  readonly version: number
  /**
   * Names the stream of this actor's events. Default `<type>/<input>`, where the input is text; `%`, `/` and `#` of the type
   * are escaped. It must not begin with `#snapshot/` or `#snapshot:`.
   */
  readonly stream?: (input: NoInfer<Input>) => string
  readonly initial: (input: Input) => State
  /**
   * The state after an event. Pure: it runs again at each start. An event that it cannot take is never appended.
   * Written before `decide`: the compiler takes the types of the events from here.
   */
  readonly evolve: (state: State, event: Event) => State
  /** Commands, decided on the state into events, all of which are appended or none. */
  readonly decide: Decide
  /**
   * Other messages: questions about `ctx.state`. What they change in it is in no event and no snapshot; it is lost at the end
   * of the incarnation, until which `decide` and `evolve` see it.
   */
  readonly on?: On
  /** Events between two snapshots. Default 1000; 0: none are made. */
  readonly snapshotEvery?: number
  /** Makes a command that comes again with the same id have no further effect. It stands in the events as their cause. Default: none has one. */
  readonly commandId?: (...sent: Sent<CommandsOf<NoInfer<Decide>, Event>>) => string | undefined
  /** Commands whose ids are remembered. Default 1024. */
  readonly commandsMax?: number
}

/**
 * Needs a journal in its system. Throws `base.invalid_argument`. A start without a journal fails with `actor.journal_missing`
 * as cause.
 *
 *     const account = persistentActor({
 *       type: 'account',
 *       version: 1,
 *       initial: (_owner: string) => ({ balance: 0 }),
 *       evolve: (state, event: { type: 'account.deposited'; data: number }) => ({ balance: state.balance + event.data }),
 *       decide: {
 *         deposit: (_state, amount: number) => [{ type: 'account.deposited', data: amount }],
 *       },
 *       on: { balance: (ctx) => ctx.state.balance },
 *     })
 */
export function persistentActor<
  Input,
  State,
  Event extends DomainEvent,
  const Decide extends Deciders<State, Event>,
  const On extends Handlers<State> = NoHandlers,
>(
  spec: PersistentSpec<Input, State, Event, Decide, On>,
): ActorDefinition<Input, CommandsOf<Decide, Event> & ProtocolOf<On>> {
  const plan = planOf(spec as unknown as AnyPersistentSpec)
  const on: Record<string, (ctx: Context<unknown>, message: never) => unknown> = {
    ...(spec as unknown as AnyPersistentSpec).on,
  }
  for (const [name, decide] of Object.entries(plan.decide)) {
    if (typeof decide !== 'function') throw new InvalidArgument(`decide.${name}`, 'must be a function')
    if (Object.hasOwn(on, name))
      throw new InvalidArgument(`decide.${name}`, 'must not have the name of a handler in `on`')
    on[name] = (ctx, message: unknown) => handleCommand(plan, ctx, name, message)
  }
  const { terminate, onSignal, handlerTimeoutMs, stashMax } = spec as unknown as AnyPersistentSpec
  const definition = actor({
    type: spec.type,
    version: spec.version,
    state: plan.initial,
    on,
    init: (ctx, input) => load(plan, ctx, input),
    ...(terminate && { terminate }),
    ...(onSignal && { onSignal }),
    ...(handlerTimeoutMs !== undefined && { handlerTimeoutMs }),
    ...(stashMax !== undefined && { stashMax }),
  })
  return definition as unknown as ActorDefinition<Input, CommandsOf<Decide, Event> & ProtocolOf<On>>
}

type AnyDeciders = Readonly<Record<string, (state: unknown, message: unknown) => readonly DomainEvent[]>>
type AnyPersistentSpec = PersistentSpec<unknown, unknown, DomainEvent, AnyDeciders, Handlers<unknown>>

interface Plan extends HistoryPlan {
  readonly decide: AnyDeciders
  readonly stream: (input: unknown) => string
  readonly snapshotEvery: number
  readonly commandId: ((name: string, message: unknown) => string | undefined) | undefined
}

/** What an incarnation knows beside its state. */
interface Life {
  history: History
  snapshotting: boolean
}

const lives = new WeakMap<Cell, Life>()

function planOf(spec: AnyPersistentSpec): Plan {
  for (const name of ['initial', 'evolve'] as const)
    if (typeof spec[name] !== 'function') throw new InvalidArgument(name, 'must be a function')
  if (typeof spec.decide !== 'object') throw new InvalidArgument('decide', 'must be an object of functions')
  const commandsMax = wholeNumber('commandsMax', spec.commandsMax ?? 1024, 1, 1_000_000)
  return {
    type: spec.type,
    version: spec.version,
    initial: spec.initial,
    evolve: spec.evolve,
    decide: spec.decide,
    stream: spec.stream ?? ((input) => defaultStream(spec.type, input)),
    snapshotEvery: wholeNumber('snapshotEvery', spec.snapshotEvery ?? 1000, 0),
    commandId: spec.commandId,
    commandsMax: spec.commandId ? commandsMax : 0,
  }
}

function recordsFor(plan: Plan, cell: Cell): Records {
  const { records } = cell.system
  if (!records) throw new JournalMissing(plan.type)
  return records
}

/** Reads the history again, from the journal alone: what the memory holds may be half of something. */
async function load(plan: Plan, ctx: Context<unknown>, input: unknown): Promise<void> {
  const { cell, context } = inHand(ctx)
  if (cell.incarnation !== context.incarnation) return
  const stream = eventStream(plan.stream(input))
  const { journal } = recordsFor(plan, cell)
  const { logger } = cell.system
  const history = await untilEnd(cell, (signal) => loadHistory(plan, { journal, logger, signal }, stream, input))
  // Another incarnation has begun meanwhile, and has read for itself.
  if (cell.incarnation !== context.incarnation) return
  cell.state = history.state
  lives.set(cell, { history, snapshotting: false })
}

async function handleCommand(
  plan: Plan,
  ctx: Context<unknown>,
  name: string,
  message: unknown,
): Promise<Committed<DomainEvent> | Later<never>> {
  const { cell, context } = inHand(ctx)
  const life = lives.get(cell) as Life
  const { history } = life
  let command: string | undefined
  let events: readonly DomainEvent[]
  try {
    command = plan.commandId?.(name, message)
    if (command !== undefined) plainName('commandId', command, 256)
    const before = command === undefined ? undefined : history.commands.get(command)
    if (before) return await again(recordsFor(plan, cell), history.stream, before)
    events = synchronous('decide', (plan.decide[name] as AnyDeciders[string])(history.state, message))
  } catch (error) {
    if (error instanceof ColloquyError) return refuseInHand(ctx, error)
    throw error
  }
  if (events.length === 0) return { version: history.version, events }
  // Before they are appended: an event that cannot be taken must never stand in the history.
  const state = events.reduce((state, event) => synchronous('evolve', plan.evolve(state, event)), history.state)
  const first = history.version + 1
  try {
    await append(plan, ctx, history, events, command)
  } catch (error) {
    if (!isRefusal(error)) throw error
    await load(plan, ctx, cell.options.input)
    // An append that was in doubt may be what came first, and this command the same one, said again.
    const before = command === undefined ? undefined : lives.get(cell)?.history.commands.get(command)
    if (before) return again(recordsFor(plan, cell), history.stream, before)
    return refuseInHand(ctx, error)
  }
  const version = first + events.length - 1
  // An incarnation that is over has nobody to answer, and the next one has read the events or will meet their version.
  if (cell.incarnation === context.incarnation) {
    cell.state = history.state = state
    history.version = version
    if (command !== undefined) history.commands.add(command, first, events.length)
    if (plan.snapshotEvery > 0 && version - history.snapshotVersion >= plan.snapshotEvery) snapshot(plan, cell, life)
  }
  return { version, events }
}

async function append(
  plan: Plan,
  ctx: Context<unknown>,
  history: History,
  events: readonly DomainEvent[],
  command: string | undefined,
): Promise<void> {
  const records = recordsFor(plan, inHand(ctx).cell)
  const { correlation } = ctx
  const recorded = events.map(({ type, data }) => records.event({ actor: plan.type, type, data, correlation, command }))
  await records.journal.append(history.stream, recorded, { expectedVersion: history.version })
}

/** Nothing of the append was kept, for certain. */
function isRefusal(error: unknown): error is ColloquyError {
  return (
    error instanceof WrongVersion ||
    error instanceof EventTooLarge ||
    error instanceof InvalidEvent ||
    error instanceof LimitExceeded
  )
}

async function again(
  records: Records,
  stream: string,
  before: { readonly from: number; readonly count: number },
): Promise<Committed<DomainEvent>> {
  const events: DomainEvent[] = []
  for await (const { event } of records.journal.read(stream, { fromVersion: before.from, limit: before.count }))
    events.push({ type: event.type, data: event.data })
  return { version: before.from + before.count - 1, events }
}

/** Nobody waits for it: the events say the same, and without it the next start takes longer. */
function snapshot(plan: Plan, cell: Cell, life: Life): void {
  if (life.snapshotting) return
  const { version, stream } = life.history
  life.snapshotting = true
  life.history.snapshotVersion = version
  snapshotOf(plan, cell, stream, version)
    .catch((error: unknown) =>
      cell.system.logger.warn({ stream, error: messageOf(error) }, 'a snapshot could not be kept'),
    )
    .finally(() => {
      life.snapshotting = false
    })
}

/** Of what the journal says, not of the state in memory, in which handlers and senders may have changed something. */
async function snapshotOf(plan: Plan, cell: Cell, stream: string, until: number): Promise<void> {
  const records = recordsFor(plan, cell)
  const world = { journal: records.journal, logger: cell.system.logger }
  const history = await loadHistory(plan, world, stream, cell.options.input, until)
  const { version, state, commands, snapshotsAt } = history
  const { type } = plan
  const data: ActorSnapshotData = { version, definition: plan.version, state, commands: commands.toList() }
  const plain = { actor: type, type: snapshotType(type), correlation: undefined, command: undefined }
  const event = { ...records.event({ ...plain, data }), data }
  await keepSnapshot({ journal: records.journal, snapshots: snapshotStream(stream) }, event, snapshotsAt)
}

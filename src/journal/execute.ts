/**
 * execute(): a command against one stream. It reads the stream into a state, from a snapshot where there is one, has the
 * decider decide, and appends with the version that was decided on; when somebody else was first it reads on and decides
 * again. Unlike a persistent actor it holds nothing between two commands and needs no owner of the stream.
 *
 * | | the caller gets | the stream |
 * | --- | --- | --- |
 * | decided, appended | the events, the state after them | has them |
 * | decided into no event | no events, the state | as it was |
 * | `decide` or `evolve` throws | what was thrown | as it was |
 * | others were first, `retriesMax` times and once more | `journal.contention` | as it was |
 * | the idempotency key was used before | what was appended then, `duplicate` | as it was |
 * | the journal fails | its error: the events may be there or not. With a key it is safe to say it again | |
 *
 * The events are evolved as the journal will give them back, before they are appended: one that `evolve` cannot take is never
 * in the history, and the state that a snapshot keeps is the one that the stored events lead to.
 */
import type { CloudEvent } from '../base/envelope.ts'
import { InvalidArgument } from '../base/error.ts'
import { checkKeys, wholeNumber } from '../base/limit.ts'
import type { Logger } from '../base/logger.ts'
import { silentLogger } from '../base/logger.ts'
import type { Decider, DomainEvent } from './decider.ts'
import { JournalUnsupported } from './error.ts'
import { eventMaker } from './event-maker.ts'
import type { EventBond, EventOrigin } from './event-maker.ts'
import { Execution } from './execution.ts'
import type { Executed, ExecutionHooks } from './execution.ts'
import type { AppendCondition, Journal, JournalCapabilities } from './journal.ts'
import { historyStream } from './snapshot.ts'
import { inTurn } from './turn.ts'
import { upcasting } from './upcast.ts'
import type { Upcasters } from './upcast.ts'

export type { Executed } from './execution.ts'

export interface ExecuteOptions extends EventOrigin, EventBond {
  /**
   * Names this command, 1 to 256 characters, in the whole journal. Said again with the same key it has no second effect: the
   * events of the first time are given, whatever `decide` would say now. It stands in the events as `idempotencykey`, with
   * `idempotencyindex` from 1; a command that led to no events leaves none behind, and is decided anew. Where its first
   * events have been erased it is `journal.history_erased`; where all were, it is decided anew.
   */
  readonly idempotencyKey?: string
  /** Refuses the append with `journal.condition_failed`, which is not tried again: what it was made from has to be read anew. */
  readonly unless?: AppendCondition
  /** Conflicts after which it decides again; one more is `journal.contention`. Default 32, at most 1000. */
  readonly retriesMax?: number
  /** Commands that may wait for this stream on this journal object, in line. Default 10,000. */
  readonly waitingMax?: number
  /** Ends waiting and reading with `base.aborted`. An append that has begun is waited for. */
  readonly signal?: AbortSignal
  /** Makes the event of what was decided, instead of `source`, `clock`, `id`, `cause` and `correlation`. */
  readonly event?: (decided: DomainEvent) => CloudEvent
  /** Applied to what is read, before `evolve` sees it. */
  readonly upcasters?: Upcasters
  /** Told of snapshots that are not used or could not be kept: they cost time, not truth. Default: silent. */
  readonly logger?: Logger
}

/**
 * Rejects with what `decide` and `evolve` throw, `journal.contention`, `journal.history_erased`, `journal.upcast_failed`,
 * `journal.unsupported` where the driver has no expected version, `base.limit_exceeded` (`waitingMax`),
 * `base.invalid_argument`, and as `append` and `read` do.
 */
export async function execute<State, Command, Event extends DomainEvent>(
  journal: Journal,
  stream: string,
  command: Command,
  decider: Decider<State, Command, Event>,
  options: ExecuteOptions = {},
): Promise<Executed<State, Event>> {
  const upcast = upcasting(options.upcasters)
  return executeWith(journal, stream, command, decider, options, { arrive: upcast, depart: (events) => events })
}

/** `execute` with what a typed journal does to events on their way in and out. */
export async function executeWith<State, Command, Event extends DomainEvent>(
  journal: Journal,
  stream: string,
  command: Command,
  decider: Decider<State, Command, Event>,
  options: ExecuteOptions,
  hooks: ExecutionHooks,
): Promise<Executed<State, Event>> {
  checkKeys('options', options, known)
  const { idempotencyKey, unless, signal, logger = silentLogger } = options
  const retriesMax = wholeNumber('retriesMax', options.retriesMax ?? 32, 0, 1000)
  const waitingMax = wholeNumber('waitingMax', options.waitingMax ?? 10_000, 1, 1_000_000)
  if (typeof stream !== 'string') throw new InvalidArgument('stream', 'must be text')
  historyStream(stream)
  need(journal, ['expectedVersion', 'readStream'])
  if (unless !== undefined) need(journal, ['conditions'])
  if (idempotencyKey !== undefined) need(journal, ['idempotencyWindowMs', 'readBackward'])
  const { event } = options
  if (event !== undefined && typeof event !== 'function') throw new InvalidArgument('event', 'must be a function')
  const execution = new Execution({
    journal,
    stream,
    command,
    decider,
    retriesMax,
    idempotencyKey,
    unless,
    signal,
    logger,
    hooks,
    maker: () => event ?? eventMaker(options, options),
    origin: options,
  })
  return inTurn(journal, stream, { waitingMax, signal }, () => execution.run())
}

const known: readonly (keyof ExecuteOptions)[] = [
  'idempotencyKey',
  'unless',
  'retriesMax',
  'waitingMax',
  'signal',
  'event',
  'upcasters',
  'logger',
  'source',
  'clock',
  'id',
  'cause',
  'correlation',
]

/** Drivers of this package that have all that commands need. */
const having = ['memory', 'sqlite']

function need(journal: Journal, capabilities: readonly (keyof JournalCapabilities)[]): void {
  for (const capability of capabilities)
    if (!journal.capabilities[capability]) throw new JournalUnsupported(journal.driver, capability, having)
}

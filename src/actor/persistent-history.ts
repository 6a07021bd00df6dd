/**
 * History: how a persistent actor finds its state again, from the last snapshot and the events after it. Unlike the actor it
 * appends nothing; it reads the journal and folds.
 *
 * Where snapshots live and when they are used is told in `journal/snapshot.ts`; here they also carry the ids of the last
 * commands, and one that was not made by this type of actor is not used.
 */
import type { CloudEvent } from '../base/envelope.ts'
import { InvalidArgument } from '../base/error.ts'
import { plainName } from '../base/limit.ts'
import type { Logger } from '../base/logger.ts'
import type { DomainEvent } from '../journal/decider.ts'
import { replayed } from '../journal/history.ts'
import type { Journal } from '../journal/journal.ts'
import { historyStream, isSnapshotData, lastSnapshot, snapshotStream } from '../journal/snapshot.ts'
import type { SnapshotData } from '../journal/snapshot.ts'
import { synchronous } from '../journal/synchronous.ts'
import { sourceEnd } from './records.ts'

export interface HistoryPlan {
  readonly type: string
  readonly version: number
  readonly initial: (input: unknown) => unknown
  readonly evolve: (state: unknown, event: DomainEvent) => unknown
  /** Commands whose ids are remembered; 0: none has an id. */
  readonly commandsMax: number
}

export interface History {
  readonly stream: string
  state: unknown
  /** Of the last event in the state. */
  version: number
  /** Of the last event in the latest snapshot; 0 when there is none. */
  snapshotVersion: number
  /** Of the stream of the snapshots. */
  readonly snapshotsAt: number
  readonly commands: CommandIds
}

export interface HistoryWorld {
  readonly journal: Journal
  readonly logger: Logger
  readonly signal?: AbortSignal
}

/** With the prefix of its snapshots it is no longer than the name of a stream may be. */
const streamMaxLength = 500

export function snapshotType(type: string): string {
  return `${type}.snapshot`
}

/**
 * `<type>/<input>`: another stream for each type and input. The input may hold any sign, since the type as it stands there
 * has no slash; nor can it begin as the stream of a snapshot does.
 */
export function defaultStream(type: string, input: unknown): string {
  if (typeof input === 'string') return `${type.replaceAll(/[%/#]/g, encodeURIComponent)}/${input}`
  throw new InvalidArgument('stream', 'must be given where the input is not text: it names the history of the actor')
}

/** The name of a stream that may hold the events of an actor. Throws `base.invalid_argument`. */
export function eventStream(name: string): string {
  return historyStream(plainName('stream', name, streamMaxLength))
}

/** Which events the last commands led to, so that one that comes again is not decided again. The oldest are forgotten. */
export class CommandIds {
  readonly #max: number
  readonly #events = new Map<string, { readonly from: number; count: number }>()

  constructor(max: number) {
    this.#max = max
  }

  get(id: string): { readonly from: number; readonly count: number } | undefined {
    return this.#events.get(id)
  }

  /** One event of the command, or more, from this version on. */
  add(id: string, from: number, count: number): void {
    if (this.#max === 0) return
    const known = this.#events.get(id)
    // The events of one command lie side by side.
    if (known && known.from + known.count === from) known.count += count
    else if (!known) this.#events.set(id, { from, count })
    for (const oldest of this.#events.keys()) {
      if (this.#events.size <= this.#max) break
      this.#events.delete(oldest)
    }
  }

  toList(): readonly (readonly [string, number, number])[] {
    return [...this.#events].map(([id, { from, count }]) => [id, from, count])
  }
}

/**
 * As it is; or as it was after the version `until`, or at a snapshot after that. Rejects with `journal.history_erased` when
 * events are gone that no snapshot stands for.
 */
export function loadHistory(
  plan: HistoryPlan,
  { journal, logger, signal }: HistoryWorld,
  stream: string,
  input: unknown,
  until: number = Number.POSITIVE_INFINITY,
): Promise<History> {
  return replayed<History>(
    { journal, stream, until, signal },
    () => begin(plan, { journal, logger, ...(signal && { signal }) }, stream, input),
    (history, { version, event }) => {
      history.state = synchronous('evolve', plan.evolve(history.state, { type: event.type, data: event.data }))
      history.version = version
      if (event.causationid !== undefined) history.commands.add(event.causationid, version, 1)
    },
  )
}

async function begin(plan: HistoryPlan, world: HistoryWorld, stream: string, input: unknown): Promise<History> {
  const end = sourceEnd(plan.type)
  const { at, data } = await lastSnapshot<ActorSnapshotData>({
    ...world,
    stream,
    snapshots: snapshotStream(stream),
    definition: plan.version,
    accepts: (event): event is CloudEvent<ActorSnapshotData> =>
      event.type === snapshotType(plan.type) && event.source.endsWith(end) && isActorSnapshot(event.data),
  })
  const commands = new CommandIds(plan.commandsMax)
  const plain = { stream, snapshotsAt: at, commands }
  if (!data) return { ...plain, state: plan.initial(input), version: 0, snapshotVersion: 0 }
  for (const [id, from, count] of data.commands) commands.add(id, from, count)
  return { ...plain, state: data.state, version: data.version, snapshotVersion: data.version }
}

/** The data of a snapshot's event. */
export interface ActorSnapshotData extends SnapshotData {
  readonly commands: readonly (readonly [id: string, from: number, count: number])[]
}

function isActorSnapshot(data: unknown): data is ActorSnapshotData {
  if (!isSnapshotData(data)) return false
  const { commands } = data as Partial<ActorSnapshotData>
  return Array.isArray(commands) && commands.every(isCommand)
}

function isCommand(command: unknown): boolean {
  return Array.isArray(command) && typeof command[0] === 'string' && isCount(command[1]) && isCount(command[2])
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 1
}

/**
 * History: how a persistent actor finds its state again, from the last snapshot and the events after it. Unlike the actor it
 * appends nothing; it reads the journal and folds.
 *
 * Snapshots live in the journal, in a stream of their own: `#snapshot/<stream>`, one event each, the last one counts. They
 * save time and carry nothing that the events do not say: one that is missing, not made by this type of actor, of another
 * `version` of the definition, or ahead of its events is not used, and all events are read. No actor has its events in a
 * stream of that prefix, and the prefix keeps snapshots out of what is read by `account/*`.
 */
import type { Journal, ReadStreamOptions, Recorded } from '../journal/journal.ts'
import { AssertionFailed, InvalidArgument } from '../base/error.ts'
import { plainName } from '../base/limit.ts'
import type { Logger } from '../base/logger.ts'
import { sourceEnd } from './records.ts'

/** What an actor decided: the type and data of an event in the journal. */
export interface DomainEvent {
  /** Of the CloudEvent: `account.deposited`. */
  readonly type: string
  /** What the JSON codec of `base/` takes. */
  readonly data: unknown
}

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
  readonly commands: CommandIds
}

export interface HistoryWorld {
  readonly journal: Journal
  readonly logger: Logger
  readonly signal?: AbortSignal
}

const snapshotPrefix = '#snapshot/'
/** With the prefix it is no longer than the name of a stream may be. */
const streamMaxLength = 500

export function snapshotStream(stream: string): string {
  return snapshotPrefix + stream
}

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
  if (!plainName('stream', name, streamMaxLength).startsWith(snapshotPrefix)) return name
  throw new InvalidArgument('stream', `must not begin with ${snapshotPrefix}: snapshots are there`)
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

/** As it is; or as it was after the version `until`, or at a snapshot after that. */
export async function loadHistory(
  plan: HistoryPlan,
  world: HistoryWorld,
  stream: string,
  input: unknown,
  until: number = Number.POSITIVE_INFINITY,
): Promise<History> {
  const snapshot = await lastSnapshot(plan, world, stream)
  const history: History = snapshot ?? {
    stream,
    state: plan.initial(input),
    version: 0,
    snapshotVersion: 0,
    commands: new CommandIds(plan.commandsMax),
  }
  for await (const recorded of world.journal.read(stream, readingOf(world, { fromVersion: history.version + 1 }))) {
    const { version, event } = recorded
    if (version > until) break
    if (version !== history.version + 1)
      throw new AssertionFailed(`${stream} goes on with version ${version} after ${history.version}`)
    history.state = plan.evolve(history.state, { type: event.type, data: event.data })
    history.version = version
    if (event.causationid !== undefined) history.commands.add(event.causationid, version, 1)
  }
  return history
}

function readingOf({ signal }: HistoryWorld, options: ReadStreamOptions): ReadStreamOptions {
  return { ...options, ...(signal && { signal }) }
}

async function lastSnapshot(plan: HistoryPlan, world: HistoryWorld, stream: string): Promise<History | undefined> {
  const { journal, logger } = world
  const last = await journal.version(snapshotStream(stream))
  if (last === 0) return undefined
  let found: Recorded | undefined
  for await (const recorded of journal.read(snapshotStream(stream), readingOf(world, { fromVersion: last, limit: 1 })))
    found = recorded
  // Anybody may append to any stream.
  if (found?.event.type !== snapshotType(plan.type) || !found.event.source.endsWith(sourceEnd(plan.type)))
    return undefined
  const { data } = found.event
  if (!isSnapshotData(data) || data.definition !== plan.version) return undefined
  // Restored from two backups of different age, a snapshot may know what the events do not.
  if (data.version > (await journal.version(stream))) {
    logger.warn({ stream, snapshot: data.version }, 'a snapshot is ahead of its events and is not used')
    return undefined
  }
  const commands = new CommandIds(plan.commandsMax)
  for (const [id, from, count] of data.commands) commands.add(id, from, count)
  return { stream, state: data.state, version: data.version, snapshotVersion: data.version, commands }
}

/** The data of a snapshot's event. */
export interface SnapshotData {
  /** Of the last event in the state. */
  readonly version: number
  /** Version of the definition whose state it is. */
  readonly definition: number
  readonly state: unknown
  readonly commands: readonly (readonly [id: string, from: number, count: number])[]
}

function isSnapshotData(data: unknown): data is SnapshotData {
  if (typeof data !== 'object' || data === null) return false
  const { version, definition, commands } = data as Partial<SnapshotData>
  return isCount(version) && isCount(definition) && Array.isArray(commands) && commands.every(isCommand)
}

function isCommand(command: unknown): boolean {
  return Array.isArray(command) && typeof command[0] === 'string' && isCount(command[1]) && isCount(command[2])
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 1
}

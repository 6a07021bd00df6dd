/**
 * Snapshots: states of a history, kept so that it need not be read from its first event. Unlike the history they carry
 * nothing that the events do not say: one that is missing, unreadable, foreign, of another definition or ahead of its events
 * is not used, and all events are read.
 *
 * They live in the journal, in streams of their own; the last event of such a stream counts, and those before it are erased
 * when it is written, where the driver can. The prefixes keep snapshots out of what is read by `account/*`; no history may
 * have a name that begins with one.
 *
 * | whose | stream |
 * | --- | --- |
 * | a persistent actor's | `#snapshot/<stream>` |
 * | a decider's | `#snapshot:<name>/<stream>` |
 */
import type { CloudEvent } from '../base/envelope.ts'
import { codeOf, InvalidArgument } from '../base/error.ts'
import type { Logger } from '../base/logger.ts'
import { EventUnreadable } from './error.ts'
import type { Journal, Recorded } from './journal.ts'

const actorPrefix = '#snapshot/'
const deciderPrefix = '#snapshot:'

/** Where snapshots of a stream lie: of a persistent actor, or of a decider of this name. */
export function snapshotStream(stream: string, decider?: string): string {
  return decider === undefined ? actorPrefix + stream : `${deciderPrefix}${encodeURIComponent(decider)}/${stream}`
}

/** The name, where it may be that of a history. Throws `base.invalid_argument`. */
export function historyStream(name: string): string {
  for (const prefix of [actorPrefix, deciderPrefix])
    if (name.startsWith(prefix))
      throw new InvalidArgument('stream', `must not begin with ${prefix}: snapshots are there`)
  return name
}

/** The data of a snapshot's event. */
export interface SnapshotData {
  /** Of the last event in the state. */
  readonly version: number
  /** Version of the definition whose state it is. */
  readonly definition: number
  readonly state: unknown
}

export interface SnapshotPlace {
  readonly journal: Journal
  /** Of the history. */
  readonly stream: string
  /** Of its snapshots, as `snapshotStream` names it. */
  readonly snapshots: string
}

export interface SnapshotSearch<Data extends SnapshotData> extends SnapshotPlace {
  readonly definition: number
  /** True for an event that its own kind wrote, with data that it can use: anybody may append to any stream. */
  readonly accepts: (event: CloudEvent) => event is CloudEvent<Data>
  readonly logger: Logger
  readonly signal?: AbortSignal | undefined
}

export interface SnapshotFound<Data extends SnapshotData> {
  /** Version of the stream of the snapshots: what `keepSnapshot` builds on. */
  readonly at: number
  /** Undefined when there is none that can be used. */
  readonly data?: Data
}

/** The last snapshot, if it can be used. Rejects with what reading rejects with; one that is damaged is only logged. */
export async function lastSnapshot<Data extends SnapshotData>(
  search: SnapshotSearch<Data>,
): Promise<SnapshotFound<Data>> {
  const { journal, stream, snapshots, logger } = search
  const at = await journal.version(snapshots)
  if (at === 0) return { at }
  let found: Recorded | undefined
  try {
    for await (const recorded of journal.read(snapshots, {
      fromVersion: at,
      limit: 1,
      ...(search.signal && { signal: search.signal }),
    }))
      found = recorded
  } catch (error) {
    if (!(error instanceof EventUnreadable)) throw error
    logger.warn({ stream, snapshots, error: error.message }, 'a snapshot cannot be read and is not used')
  }
  // It may also have been replaced since its version was asked for: then all events are read, and that is right as well.
  if (!found || !search.accepts(found.event) || found.event.data.definition !== search.definition) return { at }
  const { data } = found.event
  // Restored from two backups of different age, a snapshot may know what the events do not.
  if (data.version > (await journal.version(stream))) {
    logger.warn({ stream, snapshot: data.version }, 'a snapshot is ahead of its events and is not used')
    return { at }
  }
  return { at, data }
}

/** True for what has the numbers of a snapshot. */
export function isSnapshotData(data: unknown): data is SnapshotData {
  if (typeof data !== 'object' || data === null || !('state' in data)) return false
  const { version, definition } = data as Partial<SnapshotData>
  return isCount(version) && isCount(definition)
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 1
}

/**
 * Keeps a snapshot and erases those before it. False when somebody else kept one since `at` was found: that one stays, for a
 * slow writer must not put an older state after a younger one, on which the history may have been truncated. Rejects as
 * `append` and `truncate` do.
 */
export async function keepSnapshot(
  { journal, snapshots }: Omit<SnapshotPlace, 'stream'>,
  event: CloudEvent<SnapshotData>,
  at: number,
): Promise<boolean> {
  try {
    const { version } = await journal.append(snapshots, [event], { expectedVersion: at })
    if (journal.capabilities.erase && version > 1) await journal.truncate(snapshots, version)
    return true
  } catch (error) {
    if (codeOf(error) === 'journal.wrong_version') return false
    throw error
  }
}

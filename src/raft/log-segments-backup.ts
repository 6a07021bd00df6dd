/**
 * Copies of a member's log. Unlike the driver it owns nothing of what it reads: `backupLog` takes a consistent copy of a log that
 * goes on being written, `readLogForRecovery` looks at a folder that has no owner, or one that is ended, and changes nothing.
 *
 * A copy has the identity of the member. A member that is started from an old copy may have voted and acknowledged since: only
 * whoever has given up the group, or lets the member rejoin under a new identity, may use it.
 */
import { type Entropy, systemEntropy } from '../base/entropy.ts'
import { InvalidArgument } from '../base/error.ts'
import { checkKeys } from '../base/limit.ts'
import type { Disk } from '../store/disk.ts'
import { scanSegmentLog } from '../store/segment-log-scan.ts'
import { openSegmentLog } from '../store/segment-log.ts'
import type { LogRecord } from '../store/segment-log.ts'
import type { Snapshot } from './core/message.ts'
import { BrokenInvariant } from './error.ts'
import { encodeRecord, encodeSnapshotContent } from './log-codec.ts'
import type { Compaction } from './log-codec.ts'
import { LogReplay } from './log-replay.ts'
import { SnapshotFiles } from './log-segments-snapshot.ts'
import { checkSnapshot, contentOf, resultOf, rethrown, takeRecord } from './log-segments-store.ts'
import type { LogIdentity, LogStore, SnapshotContent } from './log-store.ts'
import type { LogContent } from './log-survey.ts'
import type { NewLog } from './new-group.ts'

export interface LogPlace {
  readonly disk: Disk
  /** Of the disk. Default its own. */
  readonly folder?: string
}

/**
 * Reads a member's folder and changes nothing. Undefined when there is no log. Rejects with `raft.log_corrupt`, and the errors
 * of the Disk.
 */
export async function readLogForRecovery(place: LogPlace): Promise<LogContent | undefined> {
  checkKeys('place', place, ['disk', 'folder'])
  const { disk, folder = '' } = place
  const replay = new LogReplay()
  const scan = await scanSegmentLog(disk, folder, (record, segment) => takeRecord(replay, record, segment)).catch(
    rethrown,
  )
  if (scan.lastBatch === 0) return undefined
  const replayed = resultOf(replay, folder)
  const files = new SnapshotFiles(disk, folder)
  await checkSnapshot(files, replayed, folder)
  const { identity, hardState, snapshot, compaction, entries } = replayed
  const content = contentOf(snapshot)
  return {
    identity,
    hardState,
    metadata: snapshot?.metadata,
    snapshot: snapshot && content && files.stored(snapshot.metadata, content),
    compaction,
    entries,
  }
}

/**
 * Copies the log to a folder that has none: all that was kept when it was called. Rejects with `base.invalid_argument` when there
 * is a log already, `raft.snapshot_replaced` when the snapshot went meanwhile: call it again.
 */
export async function backupLog(log: LogStore, to: LogPlace, entropy: Entropy = systemEntropy): Promise<void> {
  const { storage } = log
  const [first, last] = [storage.firstIndex(), storage.lastIndex()]
  const entries = last < first ? [] : storage.entries(first, last + 1, Infinity)
  const term = storage.term(first - 1)
  const snapshot = storage.snapshot()
  if (typeof entries === 'string' || typeof term !== 'number' || typeof snapshot === 'string')
    throw new BrokenInvariant('a log cannot give what it holds')
  const { hardState } = storage.initialState()
  // Without a configuration it is the empty one of a new log.
  const isMade = snapshot.data !== undefined || snapshot.metadata.confState.voters.length > 0
  const compaction: Compaction = { index: first - 1, term }
  await copyLog(
    { identity: log.identity, hardState, compaction, entries },
    isMade ? snapshot : undefined,
    log.snapshot(),
    to,
    entropy,
  )
}

/** Copies what was read to a folder that has no log, for a member to be opened from. The same refusals as `backupLog`. */
export async function restoreLog(from: LogPlace, to: LogPlace, entropy: Entropy = systemEntropy): Promise<LogIdentity> {
  const found = await readLogForRecovery(from)
  if (found === undefined) throw new InvalidArgument('from', 'has no log to restore')
  const { metadata, snapshot } = found
  await copyLog(found, metadata && { metadata }, snapshot, to, entropy)
  return found.identity
}

/** Writes a log that was made, as `newGroupOf` does, to a folder that has none. The same refusals as `backupLog`. */
export function writeLog(made: NewLog, to: LogPlace, entropy: Entropy = systemEntropy): Promise<void> {
  const { snapshot } = made
  return copyLog(made, snapshot && { metadata: snapshot.metadata }, snapshot, to, entropy)
}

/** The content of a snapshot, and what it must come to where that is known. */
interface ContentFrom {
  readonly content?: SnapshotContent
  chunks(): AsyncIterable<Uint8Array>
}

async function copyLog(
  found: Pick<LogContent, 'identity' | 'hardState' | 'compaction' | 'entries'>,
  kept: Snapshot | undefined,
  stored: ContentFrom | undefined,
  to: LogPlace,
  entropy: Entropy,
): Promise<void> {
  checkKeys('to', to, ['disk', 'folder'])
  const { disk, folder = '' } = to
  // Looked at before it is opened, for an opening writes.
  const { lastBatch } = await scanSegmentLog(disk, folder, () => {}).catch(rethrown)
  if (lastBatch > 0) throw new InvalidArgument('to', 'has a log already; choose an empty folder')
  const log = await openSegmentLog({ disk, folder, entropy, onRecord: () => {} }).catch(rethrown)
  try {
    const records: LogRecord[] = [encodeRecord({ type: 'identity', identity: found.identity })]
    if (kept)
      records.push(
        encodeRecord({ type: 'made', snapshot: await copied(kept, stored, new SnapshotFiles(disk, folder)) }),
      )
    if (found.compaction.index > 0) records.push(encodeRecord({ type: 'compacted', compaction: found.compaction }))
    records.push(encodeRecord({ type: 'hard-state', hardState: found.hardState }))
    for (const entry of found.entries) records.push(encodeRecord({ type: 'entry', entry }))
    await log.append(records)
  } finally {
    await log.close()
  }
}

/** Writes the content beside the log; gives the snapshot as the log tells of it. */
async function copied(
  { metadata, data }: Snapshot,
  stored: ContentFrom | undefined,
  files: SnapshotFiles,
): Promise<Snapshot> {
  if (stored === undefined) return { metadata, ...(data && { data }) }
  const content = await files.write(metadata, stored.chunks(), stored.content)
  return { metadata, data: encodeSnapshotContent(content) }
}

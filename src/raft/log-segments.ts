/**
 * The segments driver of the LogStore: what a member keeps, as records of one segment log on a Disk, with snapshots beside it.
 * Unlike the memory driver it survives; unlike the segment log below it knows what its records mean, and which segments are
 * needed no more. It never retries: after a failed write the member stops, and opens the folder anew.
 */
import { type Entropy, systemEntropy } from '../base/entropy.ts'
import { checkKeys, plainName } from '../base/limit.ts'
import type { Disk } from '../store/disk.ts'
import { openSegmentLog } from '../store/segment-log.ts'
import { LogForeign } from './error.ts'
import { encodeRecord } from './log-codec.ts'
import { LogReplay } from './log-replay.ts'
import { SnapshotFiles } from './log-segments-snapshot.ts'
import { SegmentsLog, checkSnapshot, resultOf, rethrown, takeRecord } from './log-segments-store.ts'
import type { LogIdentity, LogStore } from './log-store.ts'

export { backupLog, readLogForRecovery, restoreLog, writeLog } from './log-segments-backup.ts'

export interface LogSegmentsOptions {
  readonly disk: Disk
  /** Of the disk; made when it is missing. Default the disk's own. */
  readonly folder?: string
  /** Whose log it is, at most 256 characters each. A folder of somebody else is `raft.log_foreign`. */
  readonly group: string
  readonly member: string
  /** Default the system's; of it come the token of a new log and the salts. */
  readonly entropy?: Entropy
  /** Default 16 MiB, as of the segment log. An entry must have its room in one. */
  readonly segmentBytes?: number
  /** What keeps others away from the folder, as `lockFolder` of the store gives it; released by `close`. */
  readonly lock?: { release(): void }
}

const optionNames = ['disk', 'folder', 'group', 'member', 'entropy', 'segmentBytes', 'lock']

/**
 * Opens the log of a member, or makes one with a new token when the folder has none. Rejects with `raft.log_corrupt`,
 * `raft.log_foreign`, `base.invalid_argument`, and the errors of the Disk.
 */
export async function openLogSegments(options: LogSegmentsOptions): Promise<LogStore> {
  checkKeys('options', options, optionNames)
  const { disk, folder = '', entropy = systemEntropy, segmentBytes, lock } = options
  const [group, member] = [plainName('group', options.group, 256), plainName('member', options.member, 256)]
  const replay = new LogReplay()
  let empty = true
  const log = await openSegmentLog({
    disk,
    folder,
    entropy,
    lock,
    ...(segmentBytes !== undefined && { segmentBytes }),
    onRecord: (record, segment) => {
      empty = false
      takeRecord(replay, record, segment)
    },
  }).catch(rethrown)
  try {
    if (empty) {
      const identity: LogIdentity = { group, member, token: Buffer.from(entropy.bytes(16)).toString('hex') }
      const segment = await log.append([encodeRecord({ type: 'identity', identity })])
      replay.take({ type: 'identity', identity }, segment)
    }
    const replayed = resultOf(replay, folder)
    const { identity } = replayed
    if (identity.group !== group || identity.member !== member) throw new LogForeign(identity.group, identity.member)
    const files = new SnapshotFiles(disk, folder)
    await checkSnapshot(files, replayed, folder)
    const store = new SegmentsLog(log, files, replayed)
    await store.sweep()
    return store
  } catch (error) {
    await log.close().catch(() => {})
    return rethrown(error)
  }
}

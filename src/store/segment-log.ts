/**
 * Segment log: records in one order in files of a Disk, each durable once its append has resolved. Unlike the Store it has one
 * owner, no transactions and no reading but at the opening; unlike a journal it knows nothing of what its records mean. It never
 * tries again what failed, and never cuts what a sync covered.
 *
 * | what | promise |
 * | --- | --- |
 * | `append` resolved | its records and all before them are there after kill -9 and loss of power; with `sync: false` they are written, and durable with the next sync |
 * | `append` not resolved | its records, or a prefix of them, or nothing; all of it or nothing when they fit into one batch |
 * | order | records come back in the order of the calls, never one without those before it; appends resolve in that order too |
 * | group commit | calls that wait while a sync runs are written as one buffer, with one sync; where nothing before it is unsynced, in one call of the system |
 * | a torn tail | what power left of a batch that no sync covered is cut at the opening: segment-log-scan.ts says why nothing acknowledged is behind it |
 * | damage | `store.log_corrupt` with file and offset at the opening; nothing is changed |
 * | a failed write or sync | `store.log_failed` for that call and every later one. The opening writes what no sync covered once more, since the system may show bytes that it has given up (fsyncgate, 2018) |
 * | not seen | a disk that drops a synced batch so that its sectors, or their ends, are zeros, when it was the newest |
 *
 * Segments are filled with zeros beforehand, so that a write changes neither size nor allocation and a sync is one of data
 * alone; the next is made in the background when one is half full.
 *
 * Life: scanned and repaired; open; failed or closed.
 */
import type { Entropy } from '../base/entropy.ts'
import { deferred } from '../base/deferred.ts'
import type { Deferred } from '../base/deferred.ts'
import { Closed, InvalidArgument, LimitExceeded } from '../base/error.ts'
import { checkBytes, checkKeys, wholeNumber } from '../base/limit.ts'
import { untilAborted } from './disk-file.ts'
import { checkDiskFolder, diskFolderOf } from './disk-path.ts'
import type { Disk, DiskWait } from './disk.ts'
import { LogFailed } from './error.ts'
import { makeSegment, openSegment, segmentPath } from './segment-log-files.ts'
import type { OpenSegment } from './segment-log-files.ts'
import {
  batchHeadBytes,
  carriedBytes,
  encodeBatch,
  recordHeadBytes,
  recordsBytes,
  sectorBytes,
  sectorsFor,
} from './segment-log-format.ts'
import type { LogRecord } from './segment-log-format.ts'
import { scanSegmentLog } from './segment-log-scan.ts'
import type { LogScan, OnRecord, ScannedSegment } from './segment-log-scan.ts'

export type { LogRecord } from './segment-log-format.ts'
export type { OnRecord } from './segment-log-scan.ts'

export interface SegmentLogOptions {
  readonly disk: Disk
  /** Of the disk; made when it is missing. Default the disk's own. */
  readonly folder?: string
  /** For the salts of segments. */
  readonly entropy: Entropy
  /** Told of each record that is there, in order, before the opening resolves. The payload is the callee's. */
  readonly onRecord: OnRecord
  /** A multiple of 512, from 4096 to 1 GiB. Default 16 MiB. Those that are there keep theirs. */
  readonly segmentBytes?: number
  /** Of one batch, and never more than a segment has room for; a larger record is a batch of its own. Default 1 MiB. */
  readonly batchMaxBytes?: number
  /** Of records that wait; beyond it `append` is refused with `base.limit_exceeded`. Default 256 MiB. */
  readonly backlogMaxBytes?: number
  /** What keeps others away from the folder, as `lockFolder` gives it; released at the end, and when the opening fails. */
  readonly lock?: { release(): void } | undefined
}

export interface AppendOptions extends DiskWait {
  /** Default true. False resolves when it is written, before any sync. */
  readonly sync?: boolean
}

export interface SegmentLog extends AsyncDisposable {
  /**
   * Resolves with the number of the segment that the first record stands in. Payloads must not change until then. Rejects with
   * `store.log_failed`, `base.limit_exceeded` when the backlog is full or a record has no room in a segment, `base.closed`,
   * `base.aborted`: then it may still be written.
   */
  append(records: readonly LogRecord[], options?: AppendOptions): Promise<number>
  /** Removes all segments before this one. Durable when it resolves; a crash meanwhile may leave some. */
  removeBefore(segment: number): Promise<void>
  /** The oldest segment. */
  readonly firstSegment: number
  /** The one that is written. */
  readonly activeSegment: number
  /** Of the segments that are there, as far as they are used. */
  readonly sizeBytes: number
  /** Waits for what was asked for, syncs what is not, and lets go of the folder. Idempotent. */
  close(): Promise<void>
}

const optionNames = [
  'disk',
  'folder',
  'entropy',
  'onRecord',
  'segmentBytes',
  'batchMaxBytes',
  'backlogMaxBytes',
  'lock',
]
const gibibyte = 1024 * 1024 * 1024

/** Opens the log in a folder, or makes one. Rejects with `store.log_corrupt`, and the errors of the Disk. */
export async function openSegmentLog(options: SegmentLogOptions): Promise<SegmentLog> {
  try {
    checkKeys('options', options, optionNames)
    const folder = checkDiskFolder(options.folder ?? '')
    const limits = checkedLimits(options)
    const scan = await scanSegmentLog(options.disk, folder, options.onRecord)
    return await opened(options, folder, limits, scan)
  } catch (error) {
    options.lock?.release()
    throw error
  }
}

function checkedLimits(options: SegmentLogOptions): Limits {
  const segmentBytes = wholeNumber('segmentBytes', options.segmentBytes ?? 16 * 1024 * 1024, 4096, gibibyte)
  if (segmentBytes % sectorBytes !== 0)
    throw new InvalidArgument('segmentBytes', `must be a multiple of ${sectorBytes}`)
  const roomBytes = (segmentBytes / sectorBytes - 1) * carriedBytes
  const batchMaxBytes = wholeNumber('batchMaxBytes', options.batchMaxBytes ?? 1024 * 1024, 512, gibibyte)
  return {
    segmentBytes,
    recordMaxBytes: roomBytes - batchHeadBytes - recordHeadBytes,
    batchMaxBytes: Math.min(batchMaxBytes, roomBytes),
    backlogMaxBytes: wholeNumber('backlogMaxBytes', options.backlogMaxBytes ?? 256 * 1024 * 1024, 512),
  }
}

interface Limits {
  readonly recordMaxBytes: number
  readonly segmentBytes: number
  readonly batchMaxBytes: number
  readonly backlogMaxBytes: number
}

async function opened(options: SegmentLogOptions, folder: string, limits: Limits, scan: LogScan): Promise<SegmentLog> {
  const { disk, entropy, lock } = options
  if (folder !== '') {
    await disk.makeFolder(folder)
    await disk.syncFolder(diskFolderOf(folder))
  }
  for (const path of scan.leftovers) await disk.remove(path)
  await disk.syncFolder(folder)
  const logId = scan.active?.head.logId ?? entropy.bytes(16)
  const make = (number: number): Promise<OpenSegment> =>
    makeSegment(disk, folder, { number, logId, sizeBytes: limits.segmentBytes }, entropy)
  // An empty segment of another size has perhaps no room for what the options allow.
  const fits = ({ head }: ScannedSegment): boolean => head.sizeBytes === limits.segmentBytes
  const [behind, ...more] = scan.spares
  for (const { head } of more) await disk.remove(segmentPath(folder, head.number))
  if (more.length > 0) await disk.syncFolder(folder)
  const spare = await emptied(disk, folder, behind, fits)
  const first = scan.lastBatch > 0 ? scan.active : await emptied(disk, folder, scan.active, fits)
  const active = first ? await repaired(disk, folder, first, scan.covered) : await make(1)
  const next = spare && (await repairedBeside(active, repaired(disk, folder, spare, scan.lastBatch)))
  return new FileLog({ disk, folder, lock, limits, make }, scan, active, next)
}

/** The second of two files; the first is closed when it cannot be had. */
async function repairedBeside(active: OpenSegment, work: Promise<OpenSegment>): Promise<OpenSegment> {
  try {
    return await work
  } catch (error) {
    await active.file.close()
    throw error
  }
}

/** The segment without batches, or none when it was removed because it does not fit. */
async function emptied(
  disk: Disk,
  folder: string,
  segment: ScannedSegment | undefined,
  fits: (segment: ScannedSegment) => boolean,
): Promise<ScannedSegment | undefined> {
  if (segment === undefined || fits(segment)) return segment
  await disk.remove(segmentPath(folder, segment.head.number))
  await disk.syncFolder(folder)
  return undefined
}

/**
 * Opens a segment and makes it what the scan said: behind the end all zeros, and every batch on the disk. What no sync is known
 * to have covered is written again, for the system may have failed to write it and forgotten that.
 */
async function repaired(
  disk: Disk,
  folder: string,
  { head, bytes, end, batches, remains }: ScannedSegment,
  covered: number,
): Promise<OpenSegment> {
  const segment = await openSegment(disk, folder, head)
  try {
    const again = batches.find(({ number }) => number > covered)
    if (again)
      await segment.file.write(again.sector * sectorBytes, bytes.slice(again.sector * sectorBytes, end * sectorBytes))
    const zeros = new Uint8Array(sectorBytes)
    for (const sector of remains) await segment.file.write(sector * sectorBytes, zeros)
    await segment.file.sync()
    return segment
  } catch (error) {
    await segment.file.close()
    throw error
  }
}

interface Surroundings {
  readonly disk: Disk
  readonly folder: string
  readonly lock: { release(): void } | undefined
  readonly limits: Limits
  readonly make: (number: number) => Promise<OpenSegment>
}

/** One call that waits. */
interface Call {
  readonly records: readonly LogRecord[]
  readonly bytes: number
  readonly sync: boolean
  /** The oldest segment from this call on. */
  readonly firstSegment?: number
  readonly done: Deferred<number>
  segment: number
}

function recordsOf(calls: readonly Call[]): LogRecord[] {
  const records: LogRecord[] = []
  for (const call of calls) for (const record of call.records) records.push(record)
  return records
}

class FileLog implements SegmentLog {
  readonly #around: Surroundings
  #active: OpenSegment
  #spare: Promise<OpenSegment> | undefined
  /** The first sector of the active segment that is free. */
  #end: number
  #lastBatch: number
  #covered: number
  #sum: number
  #firstSegment: number
  /** Used bytes of each segment before the active one, by number. */
  readonly #full: Map<number, number>
  #queue: Call[] = []
  #waitingBytes = 0
  #running: Promise<void> | undefined
  #removing: Promise<void> = Promise.resolve()
  #failure: LogFailed | undefined
  #closing: Promise<void> | undefined

  constructor(around: Surroundings, scan: LogScan, active: OpenSegment, spare: OpenSegment | undefined) {
    this.#around = around
    this.#active = active
    this.#spare = spare && Promise.resolve(spare)
    this.#end = scan.active?.end ?? 1
    this.#lastBatch = this.#covered = scan.lastBatch
    this.#sum = scan.sum
    this.#firstSegment = scan.firstSegment
    this.#full = new Map(scan.full.map(({ number, usedBytes }) => [number, usedBytes]))
  }

  get firstSegment(): number {
    return this.#firstSegment
  }
  get activeSegment(): number {
    return this.#active.number
  }
  get sizeBytes(): number {
    let size = this.#end * sectorBytes
    for (const bytes of this.#full.values()) size += bytes
    return size
  }

  async append(records: readonly LogRecord[], options: AppendOptions = {}): Promise<number> {
    checkKeys('options', options, ['sync', 'signal'])
    const { recordMaxBytes } = this.#around.limits
    for (const { kind, payload } of records) {
      wholeNumber('kind', kind, 1, 255)
      if (!(payload instanceof Uint8Array)) throw new InvalidArgument('payload', 'must be a Uint8Array')
      checkBytes('the room of a record in a segment', recordMaxBytes, payload.length)
    }
    if (this.#closing) throw new Closed('the log')
    const call = this.#enqueue(records, options.sync ?? true)
    return untilAborted('an append', call, options.signal)
  }

  async removeBefore(segment: number): Promise<void> {
    wholeNumber('segment', segment, 1, this.#active.number)
    if (this.#closing) throw new Closed('the log')
    if (segment <= this.#firstSegment) return
    await this.#enqueue([], true, segment)
    this.#removing = this.#removing.catch(() => {}).then(() => this.#unlink(segment))
    await this.#removing
  }

  /** Only what a sync has told to be gone is removed; a later call may already have raised `#firstSegment`. */
  async #unlink(firstSegment: number): Promise<void> {
    const { disk, folder } = this.#around
    for (const number of this.#full.keys())
      if (number < firstSegment) {
        await disk.remove(segmentPath(folder, number))
        this.#full.delete(number)
      }
    await disk.syncFolder(folder)
  }

  #enqueue(records: readonly LogRecord[], sync: boolean, firstSegment?: number): Promise<number> {
    if (this.#failure) throw this.#failure
    const bytes = recordsBytes(records)
    const { backlogMaxBytes } = this.#around.limits
    if (this.#queue.length > 0 && this.#waitingBytes + bytes > backlogMaxBytes)
      throw new LimitExceeded('backlogMaxBytes', backlogMaxBytes, this.#waitingBytes + bytes)
    const call: Call = { records, bytes, sync, done: deferred(), segment: 0, ...(firstSegment && { firstSegment }) }
    this.#queue.push(call)
    this.#waitingBytes += bytes
    this.#running ??= this.#run()
    return call.done.promise
  }

  async #run(): Promise<void> {
    // Calls of one turn go together.
    await Promise.resolve()
    try {
      while (this.#queue.length > 0) await this.#commit(this.#take())
    } catch (cause) {
      this.#failure ??= new LogFailed(this.#around.folder, { cause })
      for (const { done } of this.#queue.splice(0)) done.reject(this.#failure)
    }
    this.#running = undefined
  }

  /** The calls of one write: as many as fit into a batch, or one that is larger. */
  #take(): Call[] {
    let bytes = batchHeadBytes
    let count = 0
    for (const call of this.#queue) {
      bytes += call.bytes
      if (count > 0 && bytes > this.#around.limits.batchMaxBytes) break
      count++
    }
    const calls = this.#queue.splice(0, count)
    for (const call of calls) this.#waitingBytes -= call.bytes
    return calls
  }

  async #commit(calls: readonly Call[]): Promise<void> {
    try {
      const firstSync = calls.findIndex(({ sync }) => sync)
      // Before a write that is durable by itself nothing may stand that is not.
      const synced = firstSync === 0 && this.#covered === this.#lastBatch
      const [first] = calls as readonly [Call, ...Call[]]
      if (calls.length > 1) await this.#write(recordsOf(calls), calls, synced)
      else if (batchHeadBytes + first.bytes <= this.#around.limits.batchMaxBytes)
        await this.#write(first.records, calls, synced)
      else await this.#writeInPieces(first)
      // Whoever needs no sync but comes after one who does is told after it: the order of the calls is that of the answers.
      const written = firstSync === -1 ? calls : calls.slice(0, firstSync)
      for (const { done, segment } of written) done.resolve(segment)
      if (firstSync === -1) return
      if (this.#covered < this.#lastBatch) await this.#sync()
      for (const { done, segment } of calls.slice(firstSync)) done.resolve(segment)
    } catch (cause) {
      this.#failure = new LogFailed(this.#around.folder, { cause })
      for (const { done } of calls) done.reject(this.#failure)
      throw cause
    }
  }

  /** One call, in as many batches as it takes. */
  async #writeInPieces(call: Call): Promise<void> {
    const { batchMaxBytes } = this.#around.limits
    let from = 0
    let bytes = batchHeadBytes
    for (const [at, { payload }] of call.records.entries()) {
      const own = recordHeadBytes + payload.length
      if (at > from && bytes + own > batchMaxBytes) {
        await this.#write(call.records.slice(from, at), [call], false)
        from = at
        bytes = batchHeadBytes
      }
      bytes += own
    }
    await this.#write(from === 0 ? call.records : call.records.slice(from), [call], false)
  }

  /** `synced`: durable by itself where the disk can do that, and else still to be synced. */
  async #write(records: readonly LogRecord[], calls: readonly Call[], synced: boolean): Promise<void> {
    const sectors = sectorsFor(batchHeadBytes + recordsBytes(records))
    if (sectors > this.#active.sizeBytes / sectorBytes - this.#end) await this.#rollOver()
    for (const call of calls) {
      call.segment ||= this.#active.number
      if (call.firstSegment !== undefined) this.#firstSegment = Math.max(this.#firstSegment, call.firstSegment)
    }
    const number = this.#lastBatch + 1
    const head = { number, covered: this.#covered, sumBefore: this.#sum, firstSegment: this.#firstSegment }
    const { bytes, sum } = encodeBatch(this.#active.seed, this.#end, head, records)
    const { file } = this.#active
    const offset = this.#end * sectorBytes
    if (synced && file.writeSynced) {
      await file.writeSynced(offset, bytes)
      this.#covered = number
    } else await file.write(offset, bytes)
    this.#lastBatch = number
    this.#sum = sum
    this.#end += sectors
    if (this.#end * sectorBytes * 2 > this.#active.sizeBytes) void this.#prepare()
  }

  async #sync(): Promise<void> {
    await this.#active.file.sync()
    this.#covered = this.#lastBatch
  }

  /** A later segment says by its being that this one was synced. */
  async #rollOver(): Promise<void> {
    if (this.#covered < this.#lastBatch) await this.#sync()
    const before = this.#active
    this.#active = await this.#prepare()
    this.#spare = undefined
    this.#full.set(before.number, this.#end * sectorBytes)
    this.#end = 1
    await before.file.close()
  }

  #prepare(): Promise<OpenSegment> {
    if (this.#spare === undefined) {
      this.#spare = this.#around.make(this.#active.number + 1)
      // Whoever needs the segment hears of the failure.
      this.#spare.catch(() => {})
    }
    return this.#spare
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    try {
      await this.#running
      await this.#removing.catch(() => {})
      if (!this.#failure && this.#covered < this.#lastBatch) await this.#sync()
    } finally {
      await this.#letGo()
    }
  }

  async #letGo(): Promise<void> {
    try {
      await this.#active.file.close()
      await this.#spare?.then(
        ({ file }) => file.close(),
        () => {},
      )
    } finally {
      this.#around.lock?.release()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

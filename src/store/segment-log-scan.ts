/**
 * What a segment log holds, read from its files. Unlike the log it changes nothing, so that a folder can be looked at by somebody
 * who does not own it; the log repairs by what is found here.
 *
 * Where the log ends, and why nothing acknowledged stands behind it: a batch counts when all of its sectors are good. The first
 * batch that has an empty sector was not on the disk as a whole, so that no sync covered it (the Disk's table: a synced sector
 * never is zeros again), and every later batch was acknowledged after it or not at all. If a later batch says that a sync did
 * cover it, or a later segment was begun, which is only done after a sync, then the disk broke its promise, and that is damage.
 * A sector that is begun and has no seal at its end is what a failed write has left, which acknowledged nothing: power leaves a
 * sector old or new. It counts as an empty one, and so does one whose erasure has failed half-way. A batch without an empty
 * sector was written as a whole: a wrong seal in it is damage, be it the newest. So is a sector that is not empty where the next
 * batch would begin: nobody can tell it from a batch.
 */
import type { Disk } from './disk.ts'
import { DiskMissing, LogCorrupt } from './error.ts'
import { listSegments, segmentPath } from './segment-log-files.ts'
import {
  batchHeadBytes,
  decodeHead,
  isEmpty,
  readBatchHead,
  readRecords,
  sealSeed,
  sectorBytes,
  sectorState,
  sectorsFor,
} from './segment-log-format.ts'
import type { BatchHead, LogRecord, SegmentHead } from './segment-log-format.ts'

/** Of a batch, at the start of its first sector; never all zeros. */
const numberBytes = 8

/** Called with each record in its order, and the number of its segment. */
export type OnRecord = (record: LogRecord, segment: number) => void

/** A segment as it was read. */
export interface ScannedSegment {
  readonly head: SegmentHead
  readonly bytes: Uint8Array
  /** The sector behind the last batch. */
  readonly end: number
  /** Batches and where they begin. */
  readonly batches: readonly { readonly number: number; readonly sector: number }[]
  /** Sectors behind the end that are not empty: remains of what was never acknowledged. */
  readonly remains: readonly number[]
}

export interface LogScan {
  /** The segment that the last batch stands in, or the first one of a log without batches. Undefined: there is no log. */
  readonly active: ScannedSegment | undefined
  /** Those behind it: made for later, or begun with batches that no sync covered and power took. */
  readonly spares: readonly ScannedSegment[]
  /** Of the segments before the active one, with the bytes used. */
  readonly full: readonly { readonly number: number; readonly usedBytes: number }[]
  /** 0: none. */
  readonly lastBatch: number
  /** Newest batch that is known to have been synced. */
  readonly covered: number
  readonly sum: number
  readonly firstSegment: number
  /** Paths of files that the log needs no more. */
  readonly leftovers: readonly string[]
}

/**
 * Reads the log. Segments that were to be removed may still be there: their records come too, as the oldest.
 * Rejects with `store.log_corrupt`, and the errors of the Disk.
 */
export async function scanSegmentLog(disk: Disk, folder: string, onRecord: OnRecord): Promise<LogScan> {
  const { numbers, unfinished } = await listed(disk, folder)
  const scan = new Scan(disk, folder, onRecord)
  // What stands before a gap can only be what a removal has left over; that is checked once the end is known.
  const gap = numbers.findLastIndex((number, at) => at > 0 && numbers[at - 1] !== number - 1)
  const run = numbers.slice(Math.max(gap, 0))
  for (const number of run) await scan.segment(number)
  return scan.result(numbers, unfinished)
}

async function listed(disk: Disk, folder: string): ReturnType<typeof listSegments> {
  try {
    return await listSegments(disk, folder)
  } catch (error) {
    if (error instanceof DiskMissing) return { numbers: [], unfinished: [] }
    throw error
  }
}

class Scan {
  readonly #disk: Disk
  readonly #folder: string
  readonly #onRecord: OnRecord
  readonly #full: { readonly number: number; readonly usedBytes: number }[] = []
  #first: number | undefined
  #active: ScannedSegment | undefined
  readonly #spares: ScannedSegment[] = []
  #last: BatchHead | undefined
  #sum = 0

  constructor(disk: Disk, folder: string, onRecord: OnRecord) {
    this.#disk = disk
    this.#folder = folder
    this.#onRecord = onRecord
  }

  async segment(number: number): Promise<void> {
    const path = segmentPath(this.#folder, number)
    const { head, bytes } = await this.#read(path, number)
    this.#first ??= number
    if (this.#active !== undefined) this.#checkFollows(head, bytes)
    const segment = this.#walk(path, head, bytes)
    if (this.#active !== undefined && segment.batches.length === 0) {
      this.#spares.push(segment)
      return
    }
    const [empty] = this.#spares
    if (empty) throw new LogCorrupt(this.#path(empty), sectorBytes, 'it is empty, and a later segment is not')
    if (this.#active !== undefined)
      this.#full.push({ number: this.#active.head.number, usedBytes: this.#active.end * sectorBytes })
    this.#active = segment
  }

  result(numbers: readonly number[], unfinished: readonly string[]): LogScan {
    const firstSegment = this.#last?.firstSegment ?? 1
    if (this.#first !== undefined && this.#first > firstSegment)
      throw new LogCorrupt(segmentPath(this.#folder, this.#first - 1), 0, 'the segment is missing')
    return {
      active: this.#active,
      spares: this.#spares,
      full: this.#full.filter(({ number }) => number >= firstSegment),
      lastBatch: this.#last?.number ?? 0,
      covered: this.#last?.covered ?? 0,
      sum: this.#sum,
      firstSegment,
      leftovers: [
        ...unfinished,
        ...numbers.filter((each) => each < firstSegment).map((each) => segmentPath(this.#folder, each)),
      ],
    }
  }

  async #read(path: string, number: number): Promise<{ head: SegmentHead; bytes: Uint8Array }> {
    await using file = await this.#disk.open(path)
    const bytes = await file.read(0, file.size)
    const head = decodeHead(bytes)
    if (head === undefined) throw new LogCorrupt(path, 0, 'it does not begin as a segment does')
    if (head.number !== number) throw new LogCorrupt(path, 0, `it is segment ${head.number} under another name`)
    const known = this.#active?.head.logId
    if (known?.some((byte, at) => byte !== head.logId[at]) === true)
      throw new LogCorrupt(path, 0, 'it is a segment of another log')
    if (bytes.length !== head.sizeBytes)
      throw new LogCorrupt(path, bytes.length, `it has ${bytes.length} bytes and was made with ${head.sizeBytes}`)
    return { head, bytes }
  }

  /** The first batch of the next segment, if there is one, is the one behind the last of this: nothing is missing in between. */
  #checkFollows(next: SegmentHead, bytes: Uint8Array): void {
    const found = readBatchHead(bytes, 1)
    if (found === undefined || sectorState(bytes, sealSeed(next), 1, found.number, true) !== 'good') return
    const expected = (this.#last?.number ?? 0) + 1
    if (found.number === expected || this.#active === undefined) return
    throw new LogCorrupt(
      this.#path(this.#active),
      this.#active.end * sectorBytes,
      `batch ${expected} is missing, and the next segment begins with ${found.number}`,
    )
  }

  #walk(path: string, head: SegmentHead, bytes: Uint8Array): ScannedSegment {
    const seed = sealSeed(head)
    const sectors = bytes.length / sectorBytes
    const batches: { number: number; sector: number }[] = []
    let sector = 1
    for (
      let next = this.#batch(path, head, bytes, seed, sector);
      next;
      next = this.#batch(path, head, bytes, seed, sector)
    ) {
      batches.push({ number: next.number, sector })
      sector += sectorsFor(next.lengthBytes)
    }
    const remains: number[] = []
    for (let at = sector; at < sectors; at++) if (!isEmpty(bytes, at * sectorBytes)) remains.push(at)
    this.#checkRemains(path, bytes, seed, sector, remains)
    return { head, bytes, end: sector, batches, remains }
  }

  /** The batch that begins here, its records told; undefined where the log ends. */
  #batch(path: string, segment: SegmentHead, bytes: Uint8Array, seed: number, sector: number): BatchHead | undefined {
    const sectors = bytes.length / sectorBytes
    if (sector >= sectors) return undefined
    const corrupt = (at: number, problem: string) => new LogCorrupt(path, at * sectorBytes, problem)
    const head = readBatchHead(bytes, sector)
    // In the oldest segment that is left, nothing says what came before but the batch itself.
    const known = this.#last !== undefined || segment.number === 1
    const number = known ? (this.#last?.number ?? 0) + 1 : (head?.number ?? 0)
    const state = sectorState(bytes, seed, sector, number, true)
    if (state === 'empty') return undefined
    // The beginning is erased and the rest is not: an opening that erased what nobody was told of has failed half-way.
    if (state === 'damaged' && isEmpty(bytes, sector * sectorBytes, numberBytes)) return undefined
    if (state === 'damaged' || head === undefined) throw corrupt(sector, `this is not how batch ${number} begins`)
    const count = sectorsFor(head.lengthBytes)
    if (head.lengthBytes < batchHeadBytes || count > sectors - sector)
      throw corrupt(sector, `a batch of ${head.lengthBytes} bytes has no room here`)
    let damaged: number | undefined
    for (let at = sector + 1; at < sector + count; at++) {
      const each = sectorState(bytes, seed, at, number, false)
      if (each === 'empty') return undefined
      if (each === 'damaged') damaged ??= at
    }
    if (damaged !== undefined) throw corrupt(damaged, `a sector of batch ${number} is not what was written`)
    if (known && head.sumBefore !== this.#sum) throw corrupt(sector, 'the batch does not go on from the one before')
    const read = readRecords(bytes, sector, head)
    if (typeof read === 'string') throw corrupt(sector, read)
    for (const record of read.records) this.#onRecord(record, segment.number)
    this.#sum = read.sum
    this.#last = head
    return head
  }

  /** A good batch behind the end, written after a sync that covered the one that is missing, is proof of damage. */
  #checkRemains(path: string, bytes: Uint8Array, seed: number, end: number, remains: readonly number[]): void {
    const missing = (this.#last?.number ?? 0) + 1
    for (const sector of remains) {
      const head = sector === end ? undefined : readBatchHead(bytes, sector)
      if (head === undefined || head.covered < missing || head.number <= head.covered) continue
      if (sectorState(bytes, seed, sector, head.number, true) === 'good')
        throw new LogCorrupt(path, end * sectorBytes, `batch ${missing} was synced and is not there`)
    }
  }

  #path({ head }: ScannedSegment): string {
    return segmentPath(this.#folder, head.number)
  }
}

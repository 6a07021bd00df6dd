/**
 * The bytes of a segment log: sectors, batches, records, the head of a segment. Unlike recovery it judges one sector or batch at
 * a time and knows no files; all of it is pure.
 *
 * A segment is a whole number of sectors of 512 bytes. Each carries 508 bytes and a seal: CRC-32C over them, seeded with what
 * the sector must be, so that a sector of another place, batch, segment or life of the file never passes. A sector that was
 * never written is all zeros, and no written one is. Under the Disk's promise that power leaves each sector old or new, this
 * tells what was not written (zeros) from what was damaged (a wrong seal), in the newest batch too.
 *
 * | part | bytes, little-endian |
 * | --- | --- |
 * | head of the segment, sector 0 | magic 8, number 8, id of the log 16, salt 16, bytes of the segment 8 |
 * | batch, from a sector's start | number 8, newest batch that a sync covers 8, bytes of the batch 4, records 4, sum before it 4, first segment needed 4; then its records; zeros up to the end of the sector |
 * | record | bytes of the payload 4, kind 1, CRC-32C 4 over both and the payload, going on from the record before; payload |
 */
import { crc32c } from '../base/crc32c.ts'

export const sectorBytes = 512
/** What a sector carries beside its seal. */
export const carriedBytes = 508
export const batchHeadBytes = 32
export const recordHeadBytes = 9

const magic = new TextEncoder().encode('clqseg01')

/** A record as it is written and read: the kind from 1 to 255 is the user's own. */
export interface LogRecord {
  readonly kind: number
  readonly payload: Uint8Array
}

export interface SegmentHead {
  readonly number: number
  /** Of the log, 16 bytes: a segment of another log is refused. */
  readonly logId: Uint8Array
  /** Of this file, 16 bytes at random. */
  readonly salt: Uint8Array
  readonly sizeBytes: number
}

export interface BatchHead {
  readonly number: number
  /** Newest batch that a sync covered when this one was written; 0 for none. */
  readonly covered: number
  /** Of the batch, this head counted, seals not. */
  readonly lengthBytes: number
  readonly count: number
  /** The sum of the last record before this batch; 0 for none. */
  readonly sumBefore: number
  /** Segments below it may be gone. */
  readonly firstSegment: number
}

export interface EncodedBatch {
  readonly bytes: Uint8Array
  readonly sum: number
}

/** Bytes of records in a batch, heads counted. */
export function recordsBytes(records: readonly LogRecord[]): number {
  let bytes = 0
  for (const { payload } of records) bytes += recordHeadBytes + payload.length
  return bytes
}

export function sectorsFor(lengthBytes: number): number {
  return Math.ceil(lengthBytes / carriedBytes)
}

export function encodeHead(head: SegmentHead): Uint8Array<ArrayBuffer> {
  const sector = new Uint8Array(sectorBytes)
  sector.set(magic)
  putWhole(sector, 8, head.number)
  sector.set(head.logId, 16)
  sector.set(head.salt, 32)
  putWhole(sector, 48, head.sizeBytes)
  put32(sector, carriedBytes, nonZero(crc32c(sector, 0, 0, carriedBytes)))
  return sector
}

/** Undefined when the sector is no head. */
export function decodeHead(sector: Uint8Array): SegmentHead | undefined {
  if (sector.length < sectorBytes || magic.some((byte, at) => sector[at] !== byte)) return undefined
  const view = viewOf(sector)
  if (view.getUint32(carriedBytes, true) !== nonZero(crc32c(sector, 0, 0, carriedBytes))) return undefined
  const [number, sizeBytes] = [getWhole(view, 8), getWhole(view, 48)]
  if (number === undefined || sizeBytes === undefined) return undefined
  return { number, logId: sector.slice(16, 32), salt: sector.slice(32, 48), sizeBytes }
}

/** Seeds the seals of one segment. */
export function sealSeed({ number, logId, salt }: SegmentHead): number {
  const own = new Uint8Array(8)
  putWhole(own, 0, number)
  return crc32c(own, crc32c(salt, crc32c(logId)))
}

const place = new Uint8Array(16)

function sealOf(bytes: Uint8Array, at: number, seed: number, sector: number, batch: number, first: boolean): number {
  put32(place, 0, sector)
  putWhole(place, 4, batch)
  place[12] = first ? 1 : 0
  return nonZero(crc32c(bytes, crc32c(place, seed), at, at + carriedBytes))
}

/** A written sector of zeros would be taken for one that was never written, if its seal were zero too. */
function nonZero(sum: number): number {
  return sum === 0 ? 0xffffffff : sum
}

/** The batch in whole sectors, from `sector` of its segment on. `lengthBytes` and `count` are its records'. */
export function encodeBatch(
  seed: number,
  sector: number,
  head: Omit<BatchHead, 'lengthBytes' | 'count'>,
  records: readonly LogRecord[],
): EncodedBatch {
  const lengthBytes = batchHeadBytes + recordsBytes(records)
  const sectors = sectorsFor(lengthBytes)
  const bytes = new Uint8Array(sectors * sectorBytes)
  putWhole(bytes, 0, head.number)
  putWhole(bytes, 8, head.covered)
  put32(bytes, 16, lengthBytes)
  put32(bytes, 20, records.length)
  put32(bytes, 24, head.sumBefore)
  put32(bytes, 28, head.firstSegment)
  let at = batchHeadBytes
  let sum = head.sumBefore
  for (const { kind, payload } of records) {
    put32(recordHead, 0, payload.length)
    recordHead[4] = kind
    sum = crc32c(payload, crc32c(recordHead, sum, 0, 5))
    put32(recordHead, 5, sum)
    at = put(bytes, put(bytes, at, recordHead), payload)
  }
  for (let index = 0; index < sectors; index++) {
    const from = index * sectorBytes
    put32(bytes, from + carriedBytes, sealOf(bytes, from, seed, sector + index, head.number, index === 0))
  }
  return { bytes, sum }
}

/** Made once: a typed array and its view for each batch and record cost more than what is put into them. */
const recordHead = new Uint8Array(recordHeadBytes)

/** Little-endian; what is above the 32nd bit is left out. */
function put32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value
  bytes[at + 1] = value >>> 8
  bytes[at + 2] = value >>> 16
  bytes[at + 3] = value >>> 24
}

function putWhole(bytes: Uint8Array, at: number, value: number): void {
  put32(bytes, at, value % 2 ** 32)
  put32(bytes, at + 4, Math.floor(value / 2 ** 32))
}

/** Copies into what sectors carry, from the place `at` in the file on; gives the place behind. */
function put(bytes: Uint8Array, at: number, data: Uint8Array): number {
  let to = at
  for (let from = 0; from < data.length;) {
    const room = carriedBytes - (to % sectorBytes)
    const piece = data.length - from <= room ? data.length - from : room
    bytes.set(piece === data.length ? data : data.subarray(from, from + piece), to)
    from += piece
    to += piece
    if (to % sectorBytes === carriedBytes) to += sectorBytes - carriedBytes
  }
  return to
}

/**
 * What a sector is: `empty` when it was never written, or begun by a write that failed, which leaves a part of what it was to write, and
 * zeros where the seal was to end; right; or neither.
 */
export type SectorState = 'empty' | 'good' | 'damaged'

export function sectorState(
  bytes: Uint8Array,
  seed: number,
  sector: number,
  batch: number,
  first: boolean,
): SectorState {
  const at = sector * sectorBytes
  const seal = viewOf(bytes).getUint32(at + carriedBytes, true)
  if (seal === 0) return 'empty'
  const right = sealOf(bytes, at, seed, sector, batch, first)
  if (seal === right) return 'good'
  // Its first bytes alone are there, the lowest.
  return [0xff, 0xffff, 0xffffff].some((part) => seal === (right & part)) ? 'empty' : 'damaged'
}

export function isEmpty(bytes: Uint8Array, at: number, length: number = sectorBytes): boolean {
  for (let byte = at; byte < at + length; byte++) if (bytes[byte] !== 0) return false
  return true
}

/** The head that stands in a sector, whether it is one or not: the seal has to tell. */
export function readBatchHead(bytes: Uint8Array, sector: number): BatchHead | undefined {
  const view = viewOf(bytes)
  const at = sector * sectorBytes
  const [number, covered] = [getWhole(view, at), getWhole(view, at + 8)]
  if (number === undefined || covered === undefined) return undefined
  return {
    number,
    covered,
    lengthBytes: view.getUint32(at + 16, true),
    count: view.getUint32(at + 20, true),
    sumBefore: view.getUint32(at + 24, true),
    firstSegment: view.getUint32(at + 28, true),
  }
}

/** The records of a batch whose sectors are good, and the sum of the last; what is wrong with them otherwise. */
export function readRecords(
  bytes: Uint8Array,
  sector: number,
  head: BatchHead,
): { readonly records: LogRecord[]; readonly sum: number } | string {
  const whole = carried(bytes, sector, head.lengthBytes)
  const view = viewOf(whole)
  const records: LogRecord[] = []
  let at = batchHeadBytes
  let sum = head.sumBefore
  for (let left = head.count; left > 0; left--) {
    if (whole.length - at < recordHeadBytes) return 'the batch ends within the head of a record'
    const length = view.getUint32(at, true)
    const from = at + recordHeadBytes
    if (length > whole.length - from) return 'the batch ends within a record'
    sum = crc32c(whole, crc32c(whole, sum, at, at + 5), from, from + length)
    if (view.getUint32(at + 5, true) !== sum) return 'the sum of a record does not go on from the one before'
    records.push({ kind: whole[at + 4] as number, payload: whole.subarray(from, from + length) })
    at = from + length
  }
  return at === whole.length ? { records, sum } : 'the batch is longer than its records'
}

/** What the sectors of a batch carry, without seals; a copy. */
function carried(bytes: Uint8Array, sector: number, length: number): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(length)
  for (let to = 0, from = sector * sectorBytes; to < length; to += carriedBytes, from += sectorBytes)
    whole.set(bytes.subarray(from, from + Math.min(carriedBytes, length - to)), to)
  return whole
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
}

/** Undefined above 2^53 - 1, which nobody writes. */
function getWhole(view: DataView, at: number): number | undefined {
  const value = view.getUint32(at + 4, true) * 2 ** 32 + view.getUint32(at, true)
  return Number.isSafeInteger(value) ? value : undefined
}

/**
 * The write-ahead log of a database, frame by frame, as SQLite would play it: what it would leave out and should not have
 * to. Unlike SQLite, which ends at the first frame that is not right and says nothing, it looks at what comes after it. It is
 * for processes that do not own the folder; it changes nothing.
 *
 * Format: https://www.sqlite.org/fileformat2.html#the_write_ahead_log. A frame belongs to the log if it has the two salts of
 * its header, and counts if its checksum, which goes on from the frame before, is right.
 */
import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { codeOfSystem } from './system-error.ts'
import type { LogFault } from './store.ts'

const headerBytes = 32
const frameHeaderBytes = 24
/** Frames that are read at once. */
const chunkFrames = 64

/** What is wrong with the log; undefined when all of it counts, or there is none. Rejects with what the system says. */
export async function logFaultOf(file: string): Promise<LogFault | undefined> {
  let handle: FileHandle
  try {
    handle = await open(file, 'r')
  } catch (error) {
    if (codeOfSystem(error) === 'ENOENT') return undefined
    throw error
  }
  try {
    return await faultIn(handle)
  } finally {
    await handle.close()
  }
}

async function faultIn(handle: FileHandle): Promise<LogFault | undefined> {
  const head = await bytesAt(handle, 0, headerBytes)
  if (head.byteLength === 0) return undefined
  if (head.byteLength < headerBytes) return { kind: 'torn', message: 'the log ends within its header' }
  const header = headerOf(head)
  if (!header)
    return { kind: 'broken', message: 'the header of the log is damaged, so that nothing in the log is read' }
  const frameBytes = frameHeaderBytes + header.pageBytes
  let sum: Sum = header.sum
  /** The number of the first frame that does not count though it belongs to the log, or might. */
  let broken: number | undefined
  let ended = false
  let following = 0
  for (let frame = 0; ; frame += chunkFrames) {
    const chunk = await bytesAt(handle, headerBytes + frame * frameBytes, chunkFrames * frameBytes)
    for (let at = 0; at < chunk.byteLength; at += frameBytes) {
      const bytes = Math.min(frameBytes, chunk.byteLength - at)
      const salts = saltsIn(chunk, at, bytes, header)
      const next =
        !ended && salts === 2 && bytes === frameBytes ? frameSum(chunk, at, frameBytes, header, sum) : undefined
      if (next) {
        sum = next
        continue
      }
      // An older log's frames that are not yet overwritten share neither salt; one flipped bit leaves the other.
      if (ended && salts === 2) following++
      if (!ended && salts > 0) broken = frame + at / frameBytes + 1
      ended = true
    }
    if (chunk.byteLength < chunkFrames * frameBytes) break
  }
  return faultOf(broken, following)
}

function faultOf(broken: number | undefined, following: number): LogFault | undefined {
  if (following > 0)
    return {
      kind: 'broken',
      message:
        `the log is damaged${broken === undefined ? '' : ` in frame ${broken}`}, and ${following} frames after it are not read: ` +
        'keep a copy of the folder; events are missing unless a write failed there',
    }
  if (broken === undefined) return undefined
  return {
    kind: 'torn',
    message:
      `the last frame of the log, ${broken}, is not whole: in order after a crash, which broke off a write that nobody was ` +
      'told of; else keep a copy of the folder: the last events are missing',
  }
}

interface Header {
  readonly littleEndian: boolean
  readonly pageBytes: number
  readonly salt1: number
  readonly salt2: number
  readonly sum: Sum
}

type Sum = readonly [number, number]

function headerOf(view: DataView): Header | undefined {
  const magic = view.getUint32(0)
  if (magic !== 0x377f0682 && magic !== 0x377f0683) return undefined
  const littleEndian = magic === 0x377f0682
  const sum = summed(view, 0, 24, littleEndian, [0, 0])
  const pageBytes = view.getUint32(8)
  if (sum[0] !== view.getUint32(24) || sum[1] !== view.getUint32(28)) return undefined
  if (pageBytes < 512 || pageBytes > 65_536) return undefined
  return { littleEndian, pageBytes, salt1: view.getUint32(16), salt2: view.getUint32(20), sum }
}

/** How many of the two salts of a frame are those of the log; what the file does not hold any more is taken to be. */
function saltsIn(view: DataView, at: number, bytes: number, { salt1, salt2 }: Header): number {
  if (bytes < 12) return 0
  const first = view.getUint32(at + 8) === salt1
  const second = bytes < 16 ? first : view.getUint32(at + 12) === salt2
  return Number(first) + Number(second)
}

/** The checksum up to and with this frame, if it is the one that stands in it. */
function frameSum(view: DataView, at: number, bytes: number, { littleEndian }: Header, before: Sum): Sum | undefined {
  const begun = summed(view, at, 8, littleEndian, before)
  const sum = summed(view, at + frameHeaderBytes, bytes - frameHeaderBytes, littleEndian, begun)
  return sum[0] === view.getUint32(at + 16) && sum[1] === view.getUint32(at + 20) ? sum : undefined
}

function summed(view: DataView, from: number, bytes: number, littleEndian: boolean, before: Sum): Sum {
  let [a, b] = before
  for (let at = from; at < from + bytes; at += 8) {
    a = (a + view.getUint32(at, littleEndian) + b) >>> 0
    b = (b + view.getUint32(at + 4, littleEndian) + a) >>> 0
  }
  return [a, b]
}

/** As many of these bytes as there are. */
async function bytesAt(handle: FileHandle, position: number, length: number): Promise<DataView> {
  const bytes = new Uint8Array(length)
  let read = 0
  while (read < length) {
    const { bytesRead } = await handle.read(bytes, read, length - read, position + read)
    if (bytesRead === 0) break
    read += bytesRead
  }
  return new DataView(bytes.buffer, 0, read)
}

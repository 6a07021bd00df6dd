/**
 * The files of a segment log: their names, and how a new segment comes to be. Unlike the log it writes no records. A segment has
 * its name only once all of its bytes are on the disk, zeros that have their room, and whoever is given one may rely on its
 * name too.
 */
import type { Entropy } from '../base/entropy.ts'
import type { Disk, DiskFile } from './disk.ts'
import { encodeHead, sealSeed } from './segment-log-format.ts'
import type { SegmentHead } from './segment-log-format.ts'

/** A segment that is open for writing. */
export interface OpenSegment {
  readonly number: number
  readonly file: DiskFile
  /** Of its seals. */
  readonly seed: number
  readonly sizeBytes: number
}

const namePattern = /^segment-(\d{10})(\.tmp)?$/

export function inFolder(folder: string, name: string): string {
  return folder === '' ? name : `${folder}/${name}`
}

export function segmentPath(folder: string, number: number): string {
  return inFolder(folder, `segment-${String(number).padStart(10, '0')}`)
}

/** The numbers of the segments in a folder, ascending, and the paths of those that were never finished. */
export async function listSegments(
  disk: Disk,
  folder: string,
): Promise<{ readonly numbers: number[]; readonly unfinished: string[] }> {
  const numbers: number[] = []
  const unfinished: string[] = []
  for (const { name, kind } of await disk.list(folder)) {
    const match = kind === 'file' ? namePattern.exec(name) : null
    if (match === null) continue
    if (match[2] === undefined) numbers.push(Number(match[1]))
    else unfinished.push(inFolder(folder, name))
  }
  return { numbers, unfinished }
}

/** Zeros are synced in such pieces: the syncs of the log that go on meanwhile wait for one of them at most. */
const pieceBytes = 1024 * 1024

/** Makes a segment, durable under its name, and opens it. */
export async function makeSegment(
  disk: Disk,
  folder: string,
  head: Omit<SegmentHead, 'salt'>,
  entropy: Entropy,
): Promise<OpenSegment> {
  const whole: SegmentHead = { ...head, salt: entropy.bytes(16) }
  const path = segmentPath(folder, head.number)
  {
    await using file = await disk.open(`${path}.tmp`, { create: true })
    await file.truncate(0)
    for (let size = 0; size < head.sizeBytes;) {
      size = Math.min(size + pieceBytes, head.sizeBytes)
      await file.preallocate(size)
      if (size === head.sizeBytes) await file.write(0, encodeHead(whole))
      await file.sync()
    }
  }
  await disk.rename(`${path}.tmp`, path)
  await disk.syncFolder(folder)
  return openSegment(disk, folder, whole)
}

export async function openSegment(disk: Disk, folder: string, head: SegmentHead): Promise<OpenSegment> {
  const file = await disk.open(segmentPath(folder, head.number))
  return { number: head.number, file, seed: sealSeed(head), sizeBytes: head.sizeBytes }
}

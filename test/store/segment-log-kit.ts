/** What the tests of the segment log share: records that tell their number, and a log on a simulated disk. */
import { manualClock } from '../../src/base/manual-clock.ts'
import { predictableEntropy } from '../../src/base/entropy.ts'
import { seededRandom } from '../../src/base/random.ts'
import { createSimDisk } from '../../src/sim/disk.ts'
import type { SimDisk } from '../../src/sim/disk.ts'
import type { Disk } from '../../src/store/disk.ts'
import { openSegmentLog } from '../../src/store/segment-log.ts'
import type { LogRecord, SegmentLog, SegmentLogOptions } from '../../src/store/segment-log.ts'

/** A record that tells its number, of so many bytes at the least. */
export function numberedRecord(number: number, bytes = 8): LogRecord {
  const payload = new Uint8Array(Math.max(bytes, 8)).fill(number % 251)
  new DataView(payload.buffer).setFloat64(0, number)
  return { kind: 1 + (number % 7), payload }
}

export function numberOf({ kind, payload }: LogRecord): number {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length)
  const number = view.getFloat64(0)
  const expected = numberedRecord(number, payload.length)
  if (kind !== expected.kind || Buffer.compare(payload, expected.payload) !== 0)
    throw new Error(`record ${number} is not as it was written`)
  return number
}

export interface Found {
  readonly log: SegmentLog
  readonly numbers: number[]
  readonly segments: number[]
}

export async function openFound(disk: Disk, options: Partial<SegmentLogOptions> = {}): Promise<Found> {
  const numbers: number[] = []
  const segments: number[] = []
  const log = await openSegmentLog({
    disk,
    folder: 'wal',
    entropy: predictableEntropy(seededRandom(disk.driver)),
    segmentBytes: 4096,
    batchMaxBytes: 2048,
    ...options,
    onRecord: (record, segment) => {
      numbers.push(numberOf(record))
      segments.push(segment)
    },
  })
  return { log, numbers, segments }
}

/** No time passes in operations, so that no clock has to be turned. */
export function instantDisk(seed: number | string): SimDisk {
  return createSimDisk({
    clock: manualClock(),
    random: seededRandom(seed),
    trouble: { syncMinMs: 0, syncMaxMs: 0 },
  })
}

export const upTo = (count: number, from = 0): number[] => Array.from({ length: count }, (_none, at) => from + at)

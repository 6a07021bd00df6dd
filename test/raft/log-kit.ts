/** Logs of a member for tests: on a simulated disk whose operations take no time, small segments. */
import { predictableEntropy } from '../../src/base/entropy.ts'
import { seededRandom } from '../../src/base/random.ts'
import type { LogBench } from '../../src/raft/conformance-log.ts'
import { openLogSegments } from '../../src/raft/log-segments.ts'
import type { LogSegmentsOptions } from '../../src/raft/log-segments.ts'
import type { LogStore } from '../../src/raft/log-store.ts'
import type { Disk } from '../../src/store/disk.ts'

export const openMember = (disk: Disk, options: Partial<LogSegmentsOptions> = {}): Promise<LogStore> =>
  openLogSegments({
    disk,
    folder: 'log',
    group: 'ops',
    member: 'a',
    entropy: predictableEntropy(seededRandom('member')),
    segmentBytes: 4096,
    ...options,
  })

/** A bench over a disk that is mounted anew for each opening. */
export async function segmentsBench(mount: () => Disk, end?: () => Promise<void>): Promise<LogBench> {
  let log = await openMember(mount())
  return {
    log,
    reopen: async () => {
      await log.close()
      log = await openMember(mount())
      return log
    },
    async [Symbol.asyncDispose]() {
      await log.close()
      await end?.()
    },
  }
}

import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../src/base/random.ts'
import { createSimDisk } from '../../src/sim/disk.ts'
import type { DiskTrouble } from '../../src/sim/disk.ts'
import { diskChecks } from '../../src/store/conformance-disk.ts'
import type { DiskBench } from '../../src/store/conformance-disk.ts'
import { turning } from './turning.ts'

async function bench(trouble: Partial<DiskTrouble>): Promise<DiskBench> {
  const { clock, ...turns } = turning((each) => each.pending > 0)
  const sim = createSimDisk({ clock, random: seededRandom(5), trouble })
  return {
    disk: sim.mount(),
    reopen: async () => sim.mount(),
    [Symbol.asyncDispose]: () => turns[Symbol.asyncDispose](),
  }
}

describe.each([
  ['healthy', {}],
  ['slow', { latencyMinMs: 0, latencyMaxMs: 20, syncMinMs: 1, syncMaxMs: 50 }],
] as const)('disk conformance, simulated and %s', (_name, trouble) => {
  it.for(diskChecks)('$name', async (check) => {
    await expect(check.run(() => bench(trouble))).resolves.toBe(undefined)
  })
})

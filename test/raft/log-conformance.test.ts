import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../src/base/random.ts'
import { logChecks } from '../../src/raft/conformance-log.ts'
import { logMemory } from '../../src/raft/log-memory.ts'
import { createSimDisk } from '../../src/sim/disk.ts'
import { filesDisk } from '../../src/store/disk-files.ts'
import { turning } from '../sim/turning.ts'
import { instantDisk } from '../store/segment-log-kit.ts'
import { segmentsBench } from './log-kit.ts'

async function onFiles() {
  const folder = await mkdtemp(join(tmpdir(), 'colloquy-raft-log-'))
  return segmentsBench(
    () => filesDisk({ folder }),
    () => rm(folder, { recursive: true, force: true }),
  )
}

async function onSimulatedDisk() {
  const sim = instantDisk('conformance')
  return segmentsBench(() => sim.mount())
}

async function onSlowDisk() {
  const { clock, ...turns } = turning((each) => each.pending > 0)
  const trouble = { latencyMinMs: 0, latencyMaxMs: 2, syncMinMs: 1, syncMaxMs: 4 }
  const sim = createSimDisk({ clock, random: seededRandom('slow'), trouble })
  return segmentsBench(
    () => sim.mount(),
    async () => {
      await turns[Symbol.asyncDispose]()
    },
  )
}

async function inMemory() {
  const log = logMemory({ group: 'ops', member: 'a' })
  return { log, [Symbol.asyncDispose]: () => log.close() }
}

describe.each([
  ['memory', inMemory],
  ['segments on files', onFiles],
  ['segments on a simulated disk', onSimulatedDisk],
  ['segments on a slow simulated disk', onSlowDisk],
])('log conformance, %s', (_name, open) => {
  it.for(logChecks)('$name', async (check) => {
    await expect(check.run(open)).resolves.toBe(undefined)
  })
})

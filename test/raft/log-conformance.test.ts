import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { logChecks } from '../../src/raft/conformance-log.ts'
import { logMemory } from '../../src/raft/log-memory.ts'
import { filesDisk } from '../../src/store/disk-files.ts'
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

async function inMemory() {
  const log = logMemory({ group: 'ops', member: 'a' })
  return { log, [Symbol.asyncDispose]: () => log.close() }
}

describe.each([
  ['memory', inMemory],
  ['segments on files', onFiles],
  ['segments on a simulated disk', onSimulatedDisk],
])('log conformance, %s', (_name, open) => {
  it.for(logChecks)('$name', async (check) => {
    await expect(check.run(open)).resolves.toBe(undefined)
  })
})

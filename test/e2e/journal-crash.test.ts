import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { seededRandom } from '../../src/base/random.ts'
import { gather } from '../../src/journal/conformance-kit.ts'
import type { Recorded } from '../../src/journal/journal.ts'
import { journalSchema, storeJournal } from '../../src/journal/sqlite.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { crashSeed, killsOf, runUntilKilled } from './crash-kit.ts'

const script = new URL('../journal/crash-writer.ts', import.meta.url)
const kills = killsOf(20)
const seed = crashSeed('journal-crash-1')

interface Acknowledged {
  readonly stream: string
  readonly version: number
  readonly position: string
}

interface Batched {
  readonly stream: string
  readonly version: number
  readonly first: number
  readonly size: number
}

it(
  `keeps all that it acknowledged through ${kills} kills, and whole batches only (seed ${seed})`,
  { timeout: 20_000 * kills },
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'colloquy-crash-'))
    onTestFinished(() => rm(folder, { recursive: true, force: true }))
    const random = seededRandom(seed)
    const acknowledged: Acknowledged[] = []
    for (let kill = 0; kill < kills; kill++) {
      const before = acknowledged.length
      const lines = 1 + random.integer(120)
      const { said, killed } = await runUntilKilled<Acknowledged>(script, [folder, `${seed}/${kill}`], lines)
      expect(killed).toBe(true)
      acknowledged.push(...said)
      expect(acknowledged.length).toBeGreaterThan(before)
      verify(await readAll(folder), acknowledged)
    }
  },
)

async function readAll(folder: string): Promise<Recorded[]> {
  const store = await openSqliteStore({ folder, schemas: [journalSchema] })
  await using journal = storeJournal(store, { ownsStore: true })
  return await gather(journal.readAll())
}

function verify(all: readonly Recorded[], acknowledged: readonly Acknowledged[]): void {
  // This driver counts positions from 1; nobody else may rely on it.
  expect(all.map(({ position }) => position)).toEqual(all.map((_, at) => String(at + 1)))
  const versions = new Map<string, number>()
  for (const { stream, version, event } of all) {
    const { first, size, ...told } = event.data as Batched
    expect(version).toBe((versions.get(stream) ?? 0) + 1)
    expect({ stream: told.stream, version: told.version }).toEqual({ stream, version })
    expect(version).toBeLessThan(first + size)
    versions.set(stream, version)
  }
  for (const { stream, event } of all) {
    const { first, size } = event.data as Batched
    expect(versions.get(stream)).toBeGreaterThanOrEqual(first + size - 1)
  }
  for (const { stream, version, position } of acknowledged)
    expect(all[Number(position) - 1]).toMatchObject({ stream, version, position })
}

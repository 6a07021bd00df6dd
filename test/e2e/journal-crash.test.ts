import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { expect, it, onTestFinished } from 'vitest'
import { seededRandom } from '../../src/base/random.ts'
import { gather } from '../../src/journal/conformance-kit.ts'
import type { Recorded } from '../../src/journal/journal.ts'
import { journalSchema, storeJournal } from '../../src/journal/sqlite.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'

const writer = fileURLToPath(new URL('../journal/crash-writer.ts', import.meta.url))
const kills = 20
const seed = process.env['COLLOQUY_CRASH_SEED'] ?? 'journal-crash-1'

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

it(`keeps all that it acknowledged through ${kills} kills, and whole batches only (seed ${seed})`, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'colloquy-crash-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  const random = seededRandom(seed)
  const acknowledged: Acknowledged[] = []
  for (let kill = 0; kill < kills; kill++) {
    const before = acknowledged.length
    const told = await writeUntilKilled(folder, `${seed}/${kill}`, 1 + random.integer(120))
    acknowledged.push(...told)
    expect(acknowledged.length).toBeGreaterThan(before)
    verify(await readAll(folder), acknowledged)
  }
})

/** What the process said before it was killed, which is when it has said `lines` lines; a few more may be under way. */
async function writeUntilKilled(folder: string, seed: string, lines: number): Promise<Acknowledged[]> {
  const child = spawn(process.execPath, [writer, folder, seed], { stdio: ['ignore', 'pipe', 'pipe'] })
  const closed = once(child, 'close')
  let complaint = ''
  child.stderr.on('data', (chunk: Buffer) => {
    complaint += chunk.toString()
  })
  const told: Acknowledged[] = []
  for await (const line of createInterface({ input: child.stdout })) {
    // Only the last line can be cut off by the kill, and a cut line was not said.
    if (!line.endsWith('}')) continue
    told.push(JSON.parse(line) as Acknowledged)
    if (told.length === lines) child.kill('SIGKILL')
  }
  const [, signal] = (await closed) as [number | null, string | null]
  expect({ signal, complaint }).toEqual({ signal: 'SIGKILL', complaint: '' })
  return told
}

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

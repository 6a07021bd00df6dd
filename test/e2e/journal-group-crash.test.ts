import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { expect, it, onTestFinished } from 'vitest'
import { seededRandom } from '../../src/base/random.ts'
import { event, gather } from '../../src/journal/conformance-kit.ts'
import type { ParkedEvent } from '../../src/journal/group.ts'
import type { Journal, Recorded } from '../../src/journal/journal.ts'
import { journalSchema, storeJournal } from '../../src/journal/sqlite.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'

const worker = fileURLToPath(new URL('../journal/group-worker.ts', import.meta.url))
const kills = 15
const seed = process.env['COLLOQUY_CRASH_SEED'] ?? 'journal-group-crash-1'
const streams = ['a', 'b', 'c', 'd', 'e', 'f']
const poisons = [
  ['a', 20],
  ['c', 5],
  ['c', 6],
] as const

interface Said {
  readonly what: 'begun' | 'acked' | 'nacked' | 'parked'
  readonly stream: string
  readonly version: number
  readonly position: string
  readonly attempt: number
}

it(`settles every event at least once, and none after its ack, through ${kills} kills and poison that kills too (seed ${seed})`, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'colloquy-group-crash-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  await fill(folder)
  const random = seededRandom(seed)
  const said: Said[] = []
  let lives = 0
  let killed = 0
  for (let finished = false; !finished; lives++) {
    const lines = lives < kills ? 1 + random.integer(90) : Number.POSITIVE_INFINITY
    const life = await live(folder, `${seed}/${lives}`, lines)
    said.push(...life.said)
    finished = life.finished
    if (!finished) killed++
    // Each life but the last is ended by a kill, and poison has five of them at most.
    expect(lives).toBeLessThan(kills + poisons.length * 5 + 1)
  }
  // The two of one stream come one after another and take five deliveries each.
  expect(killed).toBeGreaterThanOrEqual(10)
  const store = await openSqliteStore({ folder, schemas: [journalSchema] })
  await using journal = storeJournal(store, { ownsStore: true })
  verify(await gather(journal.readAll()), await parkedOf(journal), said)
})

async function fill(folder: string): Promise<void> {
  const store = await openSqliteStore({ folder, schemas: [journalSchema] })
  await using journal = storeJournal(store, { ownsStore: true })
  for (let version = 1; version <= 40; version++)
    await Promise.all(
      streams.map((stream) => {
        const poison = poisons.some(([name, at]) => name === stream && at === version)
        return journal.append(stream, [event(version, { type: poison ? 'poison' : 'plain' })])
      }),
    )
}

/** What the process said before it was killed, by the test when it had said `lines` lines, or by poison. */
async function live(folder: string, seed: string, lines: number): Promise<{ said: Said[]; finished: boolean }> {
  const child = spawn(process.execPath, [worker, folder, seed], { stdio: ['ignore', 'pipe', 'pipe'] })
  const closed = once(child, 'close')
  let complaint = ''
  child.stderr.on('data', (chunk: Buffer) => {
    complaint += chunk.toString()
  })
  const said: Said[] = []
  for await (const line of createInterface({ input: child.stdout })) {
    // Only the last line can be cut off by the kill, and a cut line was not said.
    if (!line.endsWith('}')) continue
    said.push(JSON.parse(line) as Said)
    if (said.length === lines) child.kill('SIGKILL')
  }
  const [code, signal] = (await closed) as [number | null, string | null]
  expect({ complaint, ended: signal ?? code }).toEqual({ complaint: '', ended: signal === null ? 0 : 'SIGKILL' })
  return { said, finished: signal === null }
}

async function parkedOf(journal: Journal): Promise<ParkedEvent[]> {
  await using group = await journal.group('workers', { partitionBy: ({ stream }) => stream, maxDeliveries: 5 })
  const { lag, checkpoint, inFlight, delayed, waiting } = await group.status()
  expect({ lag, checkpoint, inFlight, delayed, waiting }).toEqual({
    lag: 0,
    checkpoint: await journal.head(),
    inFlight: 0,
    delayed: 0,
    waiting: 0,
  })
  const all: ParkedEvent[] = []
  for await (const parked of group.parked()) all.push(parked)
  return all
}

function verify(all: readonly Recorded[], parked: readonly ParkedEvent[], said: readonly Said[]): void {
  const settled = new Set<string>()
  const begun = new Map<string, number>()
  const versions = new Map<string, number>()
  for (const { what, stream, version, position, attempt } of said) {
    // What was acknowledged or parked, and said to be, never comes again.
    expect(settled.has(position)).toBe(false)
    if (what === 'begun') {
      expect(attempt).toBeGreaterThan(begun.get(position) ?? 0)
      expect(attempt).toBeLessThanOrEqual(5)
      begun.set(position, attempt)
      // Inside a stream, which is the key, the order of the journal; a failed one before all later ones.
      expect(version).toBeGreaterThanOrEqual(versions.get(stream) ?? 0)
      versions.set(stream, version)
    }
    if (what === 'acked' || what === 'parked') settled.add(position)
  }
  const aside = new Map(parked.map((each) => [each.position, each]))
  for (const { position } of all) expect(begun.has(position) || aside.get(position)?.attempts === 5).toBe(true)
  for (const { what, position } of said) if (what === 'parked') expect(aside.get(position)?.reason).toBe('set aside')
  for (const { what, position } of said) if (what === 'acked') expect(aside.has(position)).toBe(false)
  for (const { attempts, reason } of parked) if (reason !== 'set aside') expect(attempts).toBe(5)
  const poisoned = all.filter(({ event }) => event.type === 'poison').map(({ position }) => position)
  expect(poisoned).toHaveLength(poisons.length)
  for (const position of poisoned) expect(aside.get(position)?.reason).toMatch(/lost with the process/)
}

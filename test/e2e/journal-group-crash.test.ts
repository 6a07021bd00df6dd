import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { seededRandom } from '../../src/base/random.ts'
import { event, gather } from '../../src/journal/conformance-kit.ts'
import type { ParkedEvent } from '../../src/journal/group.ts'
import type { Journal, Recorded } from '../../src/journal/journal.ts'
import { journalSchema, storeJournal } from '../../src/journal/sqlite.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { crashSeed, killsOf, runUntilKilled } from './crash-kit.ts'

const script = new URL('../journal/group-worker.ts', import.meta.url)
const kills = killsOf(15)
const seed = crashSeed('journal-group-crash-1')
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

it(
  `settles every event at least once, and none after its ack, through ${kills} kills and poison that kills too (seed ${seed})`,
  { timeout: 20_000 * kills },
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'colloquy-group-crash-'))
    onTestFinished(() => rm(folder, { recursive: true, force: true }))
    await fill(folder)
    const random = seededRandom(seed)
    const said: Said[] = []
    let lives = 0
    let killed = 0
    for (let finished = false; !finished; lives++) {
      const lines = lives < kills ? 1 + random.integer(90) : Number.POSITIVE_INFINITY
      const life = await runUntilKilled<Said>(script, [folder, `${seed}/${lives}`], lines)
      said.push(...life.said)
      finished = !life.killed
      if (!finished) killed++
      // Each life but the last is ended by a kill, and poison has five of them at most.
      expect(lives).toBeLessThan(kills + poisons.length * 5 + 1)
    }
    // The two of one stream come one after another and take five deliveries each.
    expect(killed).toBeGreaterThanOrEqual(10)
    const store = await openSqliteStore({ folder, schemas: [journalSchema] })
    await using journal = storeJournal(store, { ownsStore: true })
    verify(await gather(journal.readAll()), await parkedOf(journal), said)
  },
)

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
  expect(broken(said)).toEqual([])
  const begun = new Set(said.map(({ position }) => position))
  const aside = new Map(parked.map((each) => [each.position, each]))
  const missed = all.filter(({ position }) => !begun.has(position) && aside.get(position)?.attempts !== 5)
  expect(missed).toEqual([])
  const undone = said.filter(({ what, position }) => what === 'acked' && aside.has(position))
  expect(undone).toEqual([])
  const unparked = said.filter(({ what, position }) => what === 'parked' && aside.get(position)?.reason !== 'set aside')
  expect(unparked).toEqual([])
  const early = parked.filter(({ reason, attempts }) => reason !== 'set aside' && attempts !== 5)
  expect(early).toEqual([])
  const poisoned = all.filter(({ event }) => event.type === 'poison').map(({ position }) => aside.get(position)?.reason)
  expect(poisoned).toHaveLength(poisons.length)
  for (const reason of poisoned) expect(reason).toMatch(/lost with the process/)
}

/** What was said that must not be, given what was said before. */
function broken(said: readonly Said[]): string[] {
  const settled = new Set<string>()
  const begun = new Map<string, number>()
  const versions = new Map<string, number>()
  const faults: string[] = []
  for (const { what, stream, version, position, attempt } of said) {
    if (settled.has(position)) faults.push(`${position} came again after it was settled`)
    if (what === 'acked' || what === 'parked') settled.add(position)
    if (what !== 'begun') continue
    if (attempt <= (begun.get(position) ?? 0) || attempt > 5) faults.push(`${position} came with attempt ${attempt}`)
    begun.set(position, attempt)
    // Inside a stream, which is the key, the order of the journal; a failed one before all later ones.
    if (version < (versions.get(stream) ?? 0)) faults.push(`${version} of ${stream} came after a later one`)
    versions.set(stream, version)
  }
  return faults
}

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { seededRandom } from '../../src/base/random.ts'
import type { Parked } from '../../src/choreography/choreography.ts'
import { createChoreography } from '../../src/choreography/create.ts'
import { choreographySchema } from '../../src/choreography/schema.ts'
import { event, gather } from '../../src/journal/conformance-kit.ts'
import type { Recorded } from '../../src/journal/journal.ts'
import { journalSchema, storeJournal } from '../../src/journal/sqlite.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { crashSeed, killsOf, runUntilKilled } from './crash-kit.ts'

const script = new URL('../choreography/crash-worker.ts', import.meta.url)
const kills = killsOf(12, 40)
const seed = crashSeed('choreography-crash-1')
const asks = 120
const poisons = new Set([30, 71])
const fails = new Set([10, 50])
const watched = [3, 30, 50, 500, 501]
const schemas = [journalSchema, choreographySchema]

interface Said {
  readonly what: 'begun' | 'told'
  readonly rule: string
  readonly n?: number
  readonly attempt?: number
  readonly version?: number
  readonly code?: string
}

it(
  `brings each event to one record or parks it, with what it emits once, through ${kills} kills and actions that kill too (seed ${seed})`,
  { timeout: 20_000 * (kills + 20) },
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'colloquy-choreography-crash-'))
    onTestFinished(() => rm(folder, { recursive: true, force: true }))
    await begin(folder)
    const random = seededRandom(seed)
    const said: Said[] = []
    let killed = 0
    for (let lives = 0, finished = false; !finished; lives++) {
      const lines = killed < kills ? 1 + random.integer(40) : Number.POSITIVE_INFINITY
      const life = await runUntilKilled<Said>(script, [folder, `${seed}/${lives}`], lines)
      said.push(...life.said)
      finished = !life.killed
      if (!finished) killed++
      expect(lives).toBeLessThan(kills + poisons.size * 6 + 2)
    }
    expect(killed).toBeGreaterThanOrEqual(Math.min(kills, 8))
    const store = await openSqliteStore({ folder, schemas })
    await using journal = storeJournal(store, { ownsStore: true })
    await using choreography = await createChoreography({ journal, store })
    verify(await gather(journal.readAll()), await gather(choreography.parked()), said)
  },
)

/** The rules are known before there are events: a new rule begins where the choreography stands. */
async function begin(folder: string): Promise<void> {
  await runUntilKilled<Said>(script, [folder, `${seed}/first`], Number.POSITIVE_INFINITY)
  const store = await openSqliteStore({ folder, schemas })
  await using journal = storeJournal(store, { ownsStore: true })
  const time = new Date().toISOString()
  for (let n = 0; n < asks; n++) {
    const data = { n, ...(poisons.has(n) && { poison: true }), ...(fails.has(n) && { fails: true }) }
    const asked = event(n + 1, { type: 'asked', subject: `task/${n % 7}`, data, time })
    await journal.append('asked', [asked])
    // What comes twice is acted on once.
    if (n % 10 === 0) await journal.append('asked-again', [asked])
  }
  for (const [at, n] of watched.entries())
    await journal.append('watched', [event(1000 + at, { type: 'watched', data: { n }, time })])
}

function verify(all: readonly Recorded[], parked: readonly Parked[], said: readonly Said[]): void {
  const dataOf = (type: string) => all.filter(({ event }) => event.type === type).map(({ event }) => event.data)
  const numbers = (type: string) => dataOf(type).map((data) => (data as { n: number }).n)
  const up = (a: number, b: number) => a - b
  const everybody = Array.from({ length: asks }, (_, n) => n)
  // A kill in each of five attempts parks an innocent one too: never yet, but it may be.
  const lost = parked.filter(({ code }) => code === 'choreography.attempts_lost')
  const aside = new Set(parked.filter(({ rule }) => rule === 'answer').map(({ version }) => version - 1))
  for (const n of [...poisons, ...fails]) expect(aside).toContain(n)
  expect(lost.length).toBeGreaterThanOrEqual(poisons.size)
  const well = everybody.filter((n) => !aside.has(n))
  expect(well.length).toBeGreaterThan(asks - 10)
  expect(numbers('answered').sort(up)).toEqual(well)
  expect(numbers('thanked').sort(up)).toEqual(well)
  expect((dataOf('paired') as number[][]).map(([n]) => n as number).sort(up)).toEqual(well)
  const records = dataOf('agent.action.completed') as { rule: string }[]
  for (const rule of ['answer', 'thank', 'pair'])
    expect(records.filter((each) => each.rule === rule)).toHaveLength(well.length)
  // Who had no thanks in time is told of, once; late thanks may come after it.
  const silent = (dataOf('agent.reply.absent') as { key: string }[]).map(({ key }) => Number(key)).sort(up)
  expect(new Set(silent).size).toBe(silent.length)
  for (const n of [...watched].filter((n) => n >= asks || aside.has(n))) expect(silent).toContain(n)
  expect(broken(said)).toEqual([])
  const told = new Set(said.filter(({ what }) => what === 'told').map(({ version }) => (version as number) - 1))
  expect(told).toEqual(aside)
  for (const { event } of all.filter(({ event }) => event.type === 'answered'))
    expect(event).toMatchObject({ hop: 1, path: 'rule:answer' })
}

/** Of one key of a rule the order of the journal, whatever was killed. */
function broken(said: readonly Said[]): string[] {
  const last = new Map<number, number>()
  const faults: string[] = []
  for (const { what, n = -1 } of said) {
    if (what !== 'begun') continue
    if (n < (last.get(n % 7) ?? 0)) faults.push(`${n} was begun after ${last.get(n % 7)}`)
    last.set(n % 7, n)
  }
  return faults
}

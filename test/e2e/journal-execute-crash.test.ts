import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { seededRandom } from '../../src/base/random.ts'
import { gather } from '../../src/journal/conformance-kit.ts'
import { execute } from '../../src/journal/execute.ts'
import { snapshotStream } from '../../src/journal/snapshot.ts'
import { journalSchema, storeJournal } from '../../src/journal/sqlite.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { counter } from '../journal/decider-kit.ts'
import { crashSeed, killsOf, runUntilKilled } from './crash-kit.ts'

const script = new URL('../journal/execute-writer.ts', import.meta.url)
const kills = killsOf(25)
const seed = crashSeed('journal-execute-1')

interface Acknowledged {
  readonly stream: string
  readonly who: string
  readonly version: number
}

it(
  `loses no command that it acknowledged and doubles none, through ${kills} kills (seed ${seed})`,
  { timeout: 20_000 * kills },
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'colloquy-execute-crash-'))
    onTestFinished(() => rm(folder, { recursive: true, force: true }))
    const random = seededRandom(seed)
    const last = new Map<string, Acknowledged>()
    const snapshots = new Map<string, number>()
    let truncated = 0
    for (let kill = 0; kill < kills; kill++) {
      const lines = 1 + random.integer(80)
      const { said, killed } = await runUntilKilled<Acknowledged>(script, [folder, `${seed}/${kill}`], lines)
      expect(killed).toBe(true)
      for (const told of said) last.set(told.stream, told)
      const store = await openSqliteStore({ folder, schemas: [journalSchema] })
      await using journal = storeJournal(store, { ownsStore: true })
      for (const [stream, { who, version }] of last) {
        const { state } = await execute(journal, stream, { kind: 'add', who: '', times: 0 }, counter(5))
        // Each once, in order, without a gap; one more than the last may have been under way.
        expect(state.who).toEqual(state.who.map((_, at) => `${at}`))
        expect(state.sum).toBe(state.who.length)
        expect(state.who.length).toBeGreaterThanOrEqual(Number(who) + 1)
        expect(version).toBe(Number(who) + 1)
        expect(await journal.version(stream)).toBe(state.who.length)
        // A kill may fall between a snapshot and the erasing of those before it, and the next kill may do so as well.
        const before = Math.max(snapshots.get(stream) ?? 0, 1)
        const now = (await gather(journal.read(snapshotStream(stream, 'counter')))).length
        expect(now).toBeLessThanOrEqual(before + 1)
        snapshots.set(stream, now)
        if ((await journal.stream(stream)).firstVersion > 1) truncated++
      }
    }
    expect(last.size).toBe(4)
    expect(truncated).toBeGreaterThan(0)
  },
)

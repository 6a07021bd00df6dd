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
import { execute } from '../../src/journal/execute.ts'
import { snapshotStream } from '../../src/journal/snapshot.ts'
import { journalSchema, storeJournal } from '../../src/journal/sqlite.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { counter } from '../journal/decider-kit.ts'

const writer = fileURLToPath(new URL('../journal/execute-writer.ts', import.meta.url))
const kills = 25
const seed = process.env['COLLOQUY_CRASH_SEED'] ?? 'journal-execute-1'

interface Acknowledged {
  readonly stream: string
  readonly who: string
  readonly version: number
}

it(`loses no command that it acknowledged and doubles none, through ${kills} kills (seed ${seed})`, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'colloquy-execute-crash-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  const random = seededRandom(seed)
  const last = new Map<string, Acknowledged>()
  let truncated = 0
  for (let kill = 0; kill < kills; kill++) {
    for (const told of await commandUntilKilled(folder, `${seed}/${kill}`, 1 + random.integer(80)))
      last.set(told.stream, told)
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
      // A kill may fall between a snapshot and the erasing of those before it.
      expect((await gather(journal.read(snapshotStream(stream, 'counter')))).length).toBeLessThanOrEqual(2)
      if ((await journal.stream(stream)).firstVersion > 1) truncated++
    }
  }
  expect(last.size).toBe(4)
  expect(truncated).toBeGreaterThan(0)
})

/** What the process said before it was killed, which is when it has said `lines` lines; a few more may be under way. */
async function commandUntilKilled(folder: string, seed: string, lines: number): Promise<Acknowledged[]> {
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

import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { seededRandom } from '../../src/base/random.ts'
import { gather } from '../../src/journal/conformance-kit.ts'
import type { Journal } from '../../src/journal/journal.ts'
import { journalSchema, storeJournal } from '../../src/journal/sqlite.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import type { SagaCall } from '../../src/testing/saga-harness-calls.ts'
import { violationsOf } from '../../src/testing/saga-harness-judge.ts'
import { SagaLog } from '../../src/testing/saga-harness-log.ts'
import type { Played } from '../../src/testing/saga-harness-play.ts'
import { createWorkflow } from '../../src/workflow/create-workflow.ts'
import type { RunResult, RunView } from '../../src/workflow/workflow.ts'
import { crashSeed, runUntilKilled } from './crash-kit.ts'
import { crashSagas, effectsTo, endOf } from './saga-crash-sagas.ts'
import type { Effect } from './saga-crash-sagas.ts'

const script = new URL('./saga-crash-worker.ts', import.meta.url)
const seed = crashSeed('saga-crash-1')
/** `COLLOQUY_CRASH_SAGAS` sets it. */
const sagas = Number(process.env['COLLOQUY_CRASH_SAGAS'] ?? 500)
/** Lines that a process says at most before it is killed: what it says in about two seconds. */
const linesMax = 400

it(
  `brings ${sagas} sagas to the ends that they must have, whole or undone, through kills of their process (seed ${seed})`,
  { timeout: 60_000 + sagas * 2000 },
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'colloquy-saga-crash-'))
    onTestFinished(() => rm(folder, { recursive: true, force: true }))
    const file = join(folder, 'effects')
    const random = seededRandom(seed)
    let kills = 0
    for (let killed = true; killed;) {
      const args = [folder, file, `${sagas}`, `${seed}/${kills}`]
      const life = await runUntilKilled<object>(script, args, 1 + random.integer(linesMax))
      ;({ killed } = life)
      if (killed) kills++
      expect(kills).toBeLessThan(20 + sagas)
    }
    expect(kills).toBeGreaterThan(sagas / 50)
    const store = await openSqliteStore({ folder, schemas: [journalSchema] })
    await using journal = storeJournal(store, { ownsStore: true })
    const played = await playedOf(journal, callsOf(await readFile(file, 'utf8')), folder)
    expect(violationsOf(played, { kills: [{ record: 1, when: 'after' }] })).toEqual([])
    const roots = played.runs.filter(({ parent }) => parent === undefined)
    expect(roots.map(({ run, status }) => [Number(run), status]).toSorted(([a], [b]) => Number(a) - Number(b))).toEqual(
      Array.from({ length: sagas }, (_, n) => [n, endOf(n)]),
    )
    // Some calls were cut off, and what they had begun was done again.
    expect(played.calls.filter(({ end }) => end === 'left').length).toBeGreaterThan(kills / 4)
  },
)

/** What the file says, as calls; a line that a kill has cut was not said. */
function callsOf(text: string): SagaCall[] {
  const calls: SagaCall[] = []
  const open = new Map<string, number>()
  let life = 0
  for (const [at, line] of text.split('\n').entries()) {
    if (!line.endsWith('}')) continue
    const { what, output, ...said } = JSON.parse(line) as Effect
    if (what === 'life') {
      for (const index of open.values()) calls[index] = { ...(calls[index] as SagaCall), end: 'left', until: at }
      open.clear()
      life++
      continue
    }
    const place = `${said.key} ${said.attempt}`
    if (what === 'begins') {
      open.set(place, calls.length)
      calls.push({ ...said, worker: life, late: false, input: undefined, from: at, until: at, end: 'runs' })
      continue
    }
    const index = open.get(place) as number
    open.delete(place)
    calls[index] = { ...(calls[index] as SagaCall), end: what, until: at, output }
  }
  return calls
}

/** What is in the journal and in the file, as the harness has it. Where a record stands among the calls is not known: it counts as later. */
async function playedOf(journal: Journal, calls: SagaCall[], folder: string): Promise<Played> {
  const definitions = crashSagas(effectsTo(join(folder, 'none'), seededRandom(0), () => undefined))
  const log = new SagaLog(definitions.map(({ definition }) => definition))
  let place = 10_000_000
  for (const { stream, version, event, position } of await gather(journal.readAll()))
    log.write([{ stream, events: [{ ...event, source: '/0' }] }], [{ version, position }], () => ++place)
  const results = new Map<string, RunResult>()
  const views = new Map<string, RunView>()
  await using workflow = await createWorkflow({ journal, sagas: definitions, host: 'crash' })
  for (const run of log.runs.keys()) {
    const handle = await workflow.run(run)
    results.set(run, await handle.result({ timeoutMs: 10_000 }))
    views.set(run, await handle.view())
  }
  const end = { results, views }
  return {
    runs: [...log.runs.values()],
    calls,
    lines: log.lines,
    allCalls: calls,
    allLines: log.lines,
    end,
    again: end,
    retried: [],
    records: log.lines.length,
    workers: 1,
    stuck: undefined,
    thrown: undefined,
  }
}

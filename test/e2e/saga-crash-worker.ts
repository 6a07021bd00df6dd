/**
 * A process that runs sagas on a data folder, for the test that kills it: goes on with what is there, starts what is not, sends the signals, and
 * ends when every run has ended or rests. Run: node saga-crash-worker.ts <folder> <effects> <count> <seed>
 */
import { seededRandom } from '../../src/base/random.ts'
import { journalSchema, storeJournal } from '../../src/journal/sqlite.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { createWorkflow } from '../../src/workflow/create-workflow.ts'
import { crashSagas, effectsTo, isApproved, kinds, sagaOf } from './saga-crash-sagas.ts'

const [folder, file, many, seed] = process.argv.slice(2) as [string, string, string, string]
const count = Number(many)
const random = seededRandom(seed)
const effects = effectsTo(file, random, ({ what, key }) => process.stdout.write(`${JSON.stringify({ what, key })}\n`))
effects.life()

const store = await openSqliteStore({ folder, schemas: [journalSchema] })
const journal = storeJournal(store, { ownsStore: true })
const known = new Set<number>()
const workflow = await createWorkflow({
  journal,
  sagas: crashSagas(effects),
  host: 'crash',
  lostMax: 1000,
  random: random.split('workflow'),
})
for await (const { run, parent } of workflow.runs()) if (parent === undefined) known.add(Number(run))

/** Starts it or finds it, and waits for it. */
async function through(n: number): Promise<void> {
  const run = known.has(n) ? await workflow.run(`${n}`) : await workflow.startByName(sagaOf(n), { n }, { id: `${n}` })
  if (n % kinds === 3)
    await run.signal('go', { approved: isApproved(n) }, { id: 'the only one' }).catch((thrown: { code?: unknown }) => {
      if (thrown.code !== 'workflow.run_ended') throw thrown
    })
  await run.result()
}

let next = 0
async function lane(): Promise<void> {
  while (next < count) await through(next++)
}
await Promise.all(Array.from({ length: 40 }, lane))
await workflow.close()
await journal.close()

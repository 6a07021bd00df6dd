/**
 * A process with rules on a data folder, for the test that kills it: says what its actions do, one line of JSON each, until nothing is left
 * to do. Run: node crash-worker.ts <folder> <seed>
 */
import { sleep } from '../../src/base/clock.ts'
import { seededRandom } from '../../src/base/random.ts'
import { systemClock } from '../../src/base/system-clock.ts'
import { createChoreography } from '../../src/choreography/create.ts'
import { choreographySchema } from '../../src/choreography/schema.ts'
import { journalSchema, storeJournal } from '../../src/journal/sqlite.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'

const [folder, seed] = process.argv.slice(2) as [string, string]
const say = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`)

const store = await openSqliteStore({ folder, schemas: [journalSchema, choreographySchema] })
const journal = storeJournal(store, { ownsStore: true })
const choreography = await createChoreography({
  journal,
  store,
  random: seededRandom(seed),
  heldMax: 16,
  onTrouble: ({ rule, version, code }) => void say({ what: 'told', rule, version, code }),
})
const retry = { attemptsMax: 5, backoffMs: 1, backoffMaxMs: 5 }
const of = (type: string) => ({ type: [type] })

await choreography.rule<{ n: number; poison?: boolean; fails?: boolean }>(
  'answer',
  of('asked'),
  async ({ data, subject }, { attempt, emit }) => {
    say({ what: 'begun', rule: 'answer', n: data.n, attempt })
    emit('answered', { n: data.n }, { ...(subject !== undefined && { subject }), stream: `answers/${data.n % 3}` })
    if (data.poison === true) process.kill(process.pid, 'SIGKILL')
    await new Promise(setImmediate)
    if (data.fails === true) throw new Error('never')
    if (data.n % 4 === 1 && attempt === 1) throw new Error('not at first')
  },
  { retry, concurrency: 4 },
)
await choreography.rule<{ n: number }>(
  'thank',
  of('answered'),
  ({ data }, { emit }) => emit('thanked', { n: data.n }),
  {
    retry,
  },
)
await choreography.sequence<{ n: number }, { n: number }>(
  'pair',
  { first: of('answered'), next: of('thanked'), same: '/data/n', withinMs: 3_600_000 },
  ([one, other], { emit }) => emit('paired', [one.data.n, other.data.n]),
  { retry },
)
await choreography.absent(
  'silent',
  { pattern: of('watched'), answer: of('thanked'), same: '/data/n', withinMs: 400 },
  undefined,
  { retry },
)
await choreography.idle()
// Nothing tells that waits are over, so their number is asked for again and again. Then what they came to is waited for.
while ((await choreography.status()).open > 0) await sleep(systemClock, 5)
await choreography.idle()
await choreography.close()
await journal.close()

/**
 * The process that the crash test of consumer groups kills: two consumers of one group work on the events of a journal, and
 * say of each delivery when it begins and how it was settled, the latter only after it was. An event of the type `poison`
 * kills the process. It ends by itself when nothing is left. Run as `node group-worker.ts <folder> <seed>`.
 */
import { seededRandom } from '../../src/base/random.ts'
import type { Random } from '../../src/base/random.ts'
import { event } from '../../src/journal/conformance-kit.ts'
import type { ConsumerGroup, Delivery } from '../../src/journal/group.ts'
import type { Journal } from '../../src/journal/journal.ts'
import { journalSchema, storeJournal } from '../../src/journal/sqlite.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { say } from '../say.ts'

const [folder, seed] = process.argv.slice(2)
if (folder === undefined || seed === undefined) throw new Error('run it with a folder and a seed')
const random = seededRandom(seed)
const journal = storeJournal(await openSqliteStore({ folder, schemas: [journalSchema] }), { ownsStore: true })
const group = await journal.group('workers', { partitionBy: ({ stream }) => stream, maxDeliveries: 5 })
const done = new AbortController()
if ((await group.status()).lag === 0) done.abort()
await Promise.all(['one', 'two'].map((name) => consume(journal, group, name, random.split(name))))
await journal.close()

async function consume(journal: Journal, group: ConsumerGroup, name: string, random: Random): Promise<void> {
  for await (const delivery of group.consume({ name, prefetch: 1 + random.integer(40), signal: done.signal })) {
    tell('begun', delivery)
    if (delivery.recorded.event.type === 'poison') process.kill(process.pid, 'SIGKILL')
    if (random.integer(3) === 0) await new Promise((resolve) => setImmediate(resolve))
    if (random.integer(40) === 0) await journal.append(`more/${random.integer(4)}`, [event(1)])
    await settle(delivery, random)
    if ((await group.status()).lag === 0) done.abort()
  }
}

async function settle(delivery: Delivery, random: Random): Promise<void> {
  switch (random.integer(12)) {
    case 0:
      if (delivery.attempt === 5) break
      await delivery.nack({ delayMs: random.integer(3), reason: 'not now' })
      return tell('nacked', delivery)
    case 1:
      await delivery.park('set aside')
      return tell('parked', delivery)
    default:
  }
  await delivery.ack()
  tell('acked', delivery)
}

function tell(what: string, { recorded, attempt }: Delivery): void {
  const { stream, version, position } = recorded
  say(JSON.stringify({ what, stream, version, position, attempt }))
}

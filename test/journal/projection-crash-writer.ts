/**
 * The process that the crash test of projections kills: it appends for ever, and runs an inline projection, an asynchronous one
 * that is rebuilt again and again, and a reactor, all in one folder. It says of each append that it was acknowledged, and
 * of each message that it was sent. Run as `node projection-crash-writer.ts <folder> <seed>`.
 */
import type { CloudEvent } from '../../src/base/envelope.ts'
import { sleep } from '../../src/base/clock.ts'
import { seededRandom } from '../../src/base/random.ts'
import type { Random } from '../../src/base/random.ts'
import { systemClock } from '../../src/base/system-clock.ts'
import { event } from '../../src/journal/conformance-kit.ts'
import { runProjection } from '../../src/journal/projection-runner.ts'
import { runReactor } from '../../src/journal/reactor-runner.ts'
import { reactor } from '../../src/journal/reactor.ts'
import { storeJournal } from '../../src/journal/sqlite.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { balances, inlineBalances } from './projection-definitions.ts'
import { schemas } from './projection-schemas.ts'
import { say } from '../say.ts'

const [folder, seed] = process.argv.slice(2)
if (folder === undefined || seed === undefined) throw new Error('run it with a folder and a seed')
const random = seededRandom(seed)
const store = await openSqliteStore({ folder, schemas })
const journal = storeJournal(store, { inline: [inlineBalances] })

const tell = (what: unknown): void => say(JSON.stringify(what))

let unconfirmed: { event: string; of: string }[] = []
const bus = {
  publish(_subject: string, data: Uint8Array, { headers = {} }: { headers?: Record<string, unknown> } = {}): void {
    const { of } = JSON.parse(Buffer.from(data).toString()) as { of: string }
    unconfirmed.push({ event: String(headers['ce-id']), of })
  },
  async flush(): Promise<void> {
    const confirmed = unconfirmed
    unconfirmed = []
    // As over a network: a kill in between finds what was deleted too early.
    await sleep(systemClock, 4)
    for (const sent of confirmed) tell({ sent })
  },
}

const answering = reactor({
  name: 'answering',
  on: {
    'account.paid': (_event: CloudEvent, { position, publish, append }) => {
      publish('answers', { type: 'answered', data: { of: position } })
      append('answers', [{ type: 'answered', data: { of: position } }])
    },
  },
})

const projection = await runProjection(balances, { journal, store, batch: 16 })
await runReactor(answering, { journal, store, bus, batch: 8 })
await Promise.all([...['a', 'b', 'c'].map((stream) => appendForEver(stream, random.split(stream))), rebuildForEver()])

async function appendForEver(stream: string, random: Random): Promise<never> {
  for (;;) {
    const events = Array.from({ length: 1 + random.integer(4) }, (_, at) =>
      event(at, { type: 'account.paid', data: { cents: random.integer(100) } }),
    )
    const { version, position } = await journal.append(stream, events)
    tell({ acknowledged: { stream, version, position } })
  }
}

async function rebuildForEver(): Promise<never> {
  for (;;) {
    await projection.caughtUp()
    await projection.rebuild()
    tell({ rebuilt: true })
  }
}

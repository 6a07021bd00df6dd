/**
 * The process that the crash test kills: appends batches to several streams at once, each with the version it expects, and
 * says of each batch that it was acknowledged only after it was. Run as `node crash-writer.ts <folder> <seed>`.
 */
import { seededRandom } from '../../src/base/random.ts'
import type { Random } from '../../src/base/random.ts'
import { event } from '../../src/journal/conformance-kit.ts'
import type { Journal } from '../../src/journal/journal.ts'
import { journalSchema, storeJournal } from '../../src/journal/sqlite.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { say } from '../say.ts'

const streams = ['orders', 'agents/1', 'agents/2', 'votes', 'notes']

const [folder, seed] = process.argv.slice(2)
if (folder === undefined || seed === undefined) throw new Error('run it with a folder and a seed')
const random = seededRandom(seed)
const journal = storeJournal(await openSqliteStore({ folder, schemas: [journalSchema] }), { ownsStore: true })
await Promise.all(streams.map((stream) => appendForEver(journal, stream, random.split(stream))))

async function appendForEver(journal: Journal, stream: string, random: Random): Promise<never> {
  let version = await journal.version(stream)
  for (;;) {
    const size = 1 + random.integer(6)
    const text = 'x'.repeat(random.integer(random.integer(20) === 0 ? 20_000 : 300))
    const batch = Array.from({ length: size }, (_, at) =>
      event(version + at + 1, { data: { stream, version: version + at + 1, first: version + 1, size, text } }),
    )
    const appended = await journal.append(stream, batch, { expectedVersion: version })
    version = appended.version
    say(JSON.stringify({ stream, version, position: appended.position }))
  }
}

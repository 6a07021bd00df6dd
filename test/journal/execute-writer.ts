/**
 * The process that the crash test of commands kills: executes commands on several streams at once, and says of each that it
 * was acknowledged only after it was. It begins by saying the last command again that it finds: whoever was killed before the
 * answer would do the same. Run as `node execute-writer.ts <folder> <seed>`.
 */
import { seededRandom } from '../../src/base/random.ts'
import type { Random } from '../../src/base/random.ts'
import { execute } from '../../src/journal/execute.ts'
import { snapshotStream } from '../../src/journal/snapshot.ts'
import { journalSchema, storeJournal } from '../../src/journal/sqlite.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { counter } from './decider-kit.ts'
import { say } from '../say.ts'

const [folder, seed] = process.argv.slice(2)
if (folder === undefined || seed === undefined) throw new Error('run it with a folder and a seed')
const random = seededRandom(seed)
const journal = storeJournal(await openSqliteStore({ folder, schemas: [journalSchema] }), { ownsStore: true })
const decider = counter(5)
await Promise.all(['a', 'b', 'c', 'd'].map((stream) => commandForEver(`c/${stream}`, random.split(stream))))

async function commandForEver(stream: string, random: Random): Promise<never> {
  const { state } = await execute(journal, stream, { kind: 'add', who: '', times: 0 }, decider)
  for (let next = Math.max(0, state.who.length - 1); ; next++) {
    const command = { kind: 'add', who: `${next}` } as const
    const { version } = await execute(journal, stream, command, decider, { idempotencyKey: `${stream}/${next}` })
    say(JSON.stringify({ stream, who: `${next}`, version }))
    if (random.integer(5) === 0) await truncate(stream, version)
  }
}

/** What a snapshot stands for goes; the last event stays, and with it the key of a command whose answer may be lost. */
async function truncate(stream: string, version: number): Promise<void> {
  for await (const { event } of journal.readBackward(snapshotStream(stream, 'counter'), { limit: 1 })) {
    const { version: covered } = event.data as { readonly version: number }
    await journal.truncate(stream, Math.min(covered + 1, version))
  }
}

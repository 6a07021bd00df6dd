/**
 * The process that the crash test kills: commands several persistent accounts at once, and says of each command that it was
 * acknowledged only after it was. It begins by saying the last command again that it finds: whoever was killed before the
 * answer would do the same. Run as `node persistent-writer.ts <folder> <seed>`.
 */
import type { ActorRef } from '../../src/actor/actor.ts'
import { actorSystem } from '../../src/actor/system.ts'
import { seededRandom } from '../../src/base/random.ts'
import type { Random } from '../../src/base/random.ts'
import { journalSchema, storeJournal } from '../../src/journal/sqlite.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { accountKind } from './persistent-kit.ts'
import type { AccountProtocol } from './persistent-kit.ts'
import { say } from '../say.ts'

const owners = ['alice', 'bob', 'carol', 'dave']

const [folder, seed] = process.argv.slice(2)
if (folder === undefined || seed === undefined) throw new Error('run it with a folder and a seed')
const random = seededRandom(seed)
const journal = storeJournal(await openSqliteStore({ folder, schemas: [journalSchema] }), { ownsStore: true })
const system = actorSystem({ node: 'crash', journal, intensity: 1_000_000 })
const kind = accountKind(5)
await Promise.all(owners.map((owner) => commandForEver(system.spawn(kind, owner), owner, random.split(owner))))

async function commandForEver(account: ActorRef<AccountProtocol>, owner: string, random: Random): Promise<never> {
  const { taken } = await account.call('account')
  for (let next = Math.max(0, taken.length - 1); ; next++) {
    const { version } = await account.call('deposit', { id: `${next}`, amount: 1 })
    say(JSON.stringify({ owner, id: `${next}`, version }))
    if (random.integer(3) === 0) await account.call('marks', 1 + random.integer(4))
    if (random.integer(9) === 0) await account.call('fail').catch(() => {})
  }
}

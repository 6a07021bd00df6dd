import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { actorSystem } from '../../src/actor/system.ts'
import { seededRandom } from '../../src/base/random.ts'
import { gather } from '../../src/journal/conformance-kit.ts'
import type { Journal } from '../../src/journal/journal.ts'
import { journalSchema, storeJournal } from '../../src/journal/sqlite.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { accountKind } from '../actor/persistent-kit.ts'
import type { AccountState } from '../actor/persistent-kit.ts'
import { crashSeed, killsOf, runUntilKilled } from './crash-kit.ts'

const script = new URL('../actor/persistent-writer.ts', import.meta.url)
const kills = killsOf(20)
const seed = crashSeed('actor-persistent-1')

interface Acknowledged {
  readonly owner: string
  readonly id: string
  readonly version: number
}

it(
  `loses no command that it acknowledged and doubles none, through ${kills} kills (seed ${seed})`,
  { timeout: 20_000 * kills },
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'colloquy-actor-crash-'))
    onTestFinished(() => rm(folder, { recursive: true, force: true }))
    const random = seededRandom(seed)
    const acknowledged: Acknowledged[] = []
    for (let kill = 0; kill < kills; kill++) {
      const lines = 1 + random.integer(80)
      const { said, killed } = await runUntilKilled<Acknowledged>(script, [folder, `${seed}/${kill}`], lines)
      expect(killed).toBe(true)
      expect(said.length).toBeGreaterThan(0)
      acknowledged.push(...said)
      const store = await openSqliteStore({ folder, schemas: [journalSchema] })
      await using journal = storeJournal(store, { ownsStore: true })
      await verify(journal, acknowledged)
    }
  },
)

async function verify(journal: Journal, acknowledged: readonly Acknowledged[]): Promise<void> {
  await using system = actorSystem({ node: 'verify', journal })
  const kind = accountKind(5)
  for (const owner of new Set(acknowledged.map(({ owner }) => owner))) {
    const events = await gather(journal.read(`account/${owner}`))
    const deposits = events.filter(({ event }) => event.type === 'account.deposited')
    const ids = deposits.map(({ event }) => (event.data as { id: string }).id)
    // Each once, in order, without a gap.
    expect(ids).toEqual(ids.map((_, at) => `${at}`))
    for (const each of acknowledged.filter((each) => each.owner === owner))
      expect(deposits.find(({ version }) => version === each.version)?.event.data).toMatchObject({ id: each.id })
    // What the snapshots lead to is what all events lead to.
    const account = system.spawn(kind, owner)
    const state: AccountState = await account.call('account')
    expect({ balance: state.balance, taken: state.taken, marks: state.marks.length }).toEqual({
      balance: ids.length,
      taken: ids,
      marks: events.length - ids.length,
    })
    await account.call('deposit', { id: ids.at(-1) as string, amount: 1 })
    expect(await journal.version(`account/${owner}`)).toBe(events.length)
  }
}

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { seededRandom } from '../../src/base/random.ts'
import { gather } from '../../src/journal/conformance-kit.ts'
import type { Recorded } from '../../src/journal/journal.ts'
import { projectionView } from '../../src/journal/projection-view.ts'
import type { Projection } from '../../src/journal/projection.ts'
import { storeJournal } from '../../src/journal/sqlite.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { procedure } from '../../src/store/procedure.ts'
import type { Procedure, Store } from '../../src/store/store.ts'
import { balances, inlineBalances } from '../journal/projection-definitions.ts'
import type { Balance } from '../journal/projection-definitions.ts'
import { schemas } from '../journal/projection-schemas.ts'
import { crashSeed, killsOf, runUntilKilled } from './crash-kit.ts'

const script = new URL('../journal/projection-crash-writer.ts', import.meta.url)
const kills = killsOf(12, 200)
const seed = crashSeed('projection-crash-1')

interface Sent {
  readonly event: string
  readonly of: string
}

interface Told {
  readonly acknowledged: { readonly stream: string; readonly version: number; readonly position: string }[]
  readonly sent: Sent[]
  rebuilds: number
}

it(
  `after each of ${kills} kills every projection is the fold up to its checkpoint, and what left is what was stored (seed ${seed})`,
  { timeout: 20_000 * kills },
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'colloquy-crash-'))
    onTestFinished(() => rm(folder, { recursive: true, force: true }))
    const random = seededRandom(seed)
    const told: Told = { acknowledged: [], sent: [], rebuilds: 0 }
    for (let kill = 0; kill < kills; kill++) {
      // Of many lives each is shorter, so that the whole is not read too often.
      const lines = 1 + random.integer(kills > 20 ? 120 : 400)
      const args = [folder, `${seed}/${kill}`]
      const life = await runUntilKilled<Line>(script, args, lines)
      expect(life.killed).toBe(true)
      for (const line of life.said) note(told, line)
      await verify(folder, told)
    }
    expect(told.acknowledged.length).toBeGreaterThan(kills)
    expect(told.sent.length).toBeGreaterThan(0)
    expect(told.rebuilds).toBeGreaterThan(0)
  },
)

/** What the process says: an append that was acknowledged, a message that left, or that a rebuild was over. */
interface Line {
  readonly acknowledged?: Told['acknowledged'][number]
  readonly sent?: Sent
}

function note(told: Told, { acknowledged, sent }: Line): void {
  if (acknowledged) told.acknowledged.push(acknowledged)
  else if (sent) told.sent.push(sent)
  else told.rebuilds++
}

interface Kept {
  readonly positions: Readonly<Record<string, string>>
  /** Texts of the messages that wait, by kind. */
  readonly waiting: readonly { readonly kind: string; readonly of: string }[]
  /** Messages that were parked. */
  readonly parked: number
}

const kept: Procedure<null, Kept> = procedure(import.meta.url, 'kept', (tx) => {
  const rows = tx
    .sql('SELECT s.owner, g.position FROM projection_served s JOIN projection_generation g ON g.id = s.generation')
    .all()
  const outbox = tx.sql('SELECT kind, events, parked FROM projection_outbox').all()
  return {
    parked: outbox.filter(({ parked }) => parked !== 0).length,
    positions: Object.fromEntries(rows.map(({ owner, position }) => [String(owner), String(position)])),
    waiting: outbox.map(({ kind, events }) => {
      const [event] = JSON.parse(String(events)) as [{ data: { of: string } }]
      return { kind: String(kind), of: event.data.of }
    }),
  }
})

async function verify(folder: string, { acknowledged, sent }: Told): Promise<void> {
  await using store = await openSqliteStore({ folder, schemas })
  await using journal = storeJournal(store)
  const all = await gather(journal.readAll())
  for (const { stream, version, position } of acknowledged)
    expect(all[Number(position) - 1]).toMatchObject({ stream, version, position })
  const { positions, waiting, parked } = await store.read(kept, null)
  expect(parked).toBe(0)
  // This driver counts positions from 1; nobody else may rely on it.
  const upTo = (owner: string) => Number(positions[owner] ?? 0)
  expect(upTo('projection/inline-balances')).toBe(all.length)
  expect(await statesOf(store, inlineBalances)).toEqual(fold(all))
  expect(await statesOf(store, balances)).toEqual(fold(all.slice(0, upTo('projection/balances'))))

  const handled = all.slice(0, upTo('reactor/answering')).filter(({ event }) => event.type === 'account.paid')
  const of = new Set(handled.map(({ position }) => position))
  const ids = new Map<string, string>()
  for (const { event, of: position } of sent) {
    // None of a checkpoint that was not stored, and each try the same event.
    expect(of).toContain(position)
    expect(ids.get(position) ?? event).toBe(event)
    ids.set(position, event)
  }
  const answers = all.filter(({ stream }) => stream === 'answers').map(({ event }) => (event.data as { of: string }).of)
  expect(new Set(answers).size).toBe(answers.length)
  const left = (kind: string) => waiting.filter((each) => each.kind === kind).map((each) => each.of)
  expect(new Set([...ids.keys(), ...left('publish')])).toEqual(of)
  expect(new Set([...answers, ...left('append')])).toEqual(of)
}

async function statesOf(store: Store, definition: Projection<Balance>): Promise<Map<string, Balance>> {
  return new Map((await gather(projectionView(definition, store).all())).map(({ key, state }) => [key, state]))
}

function fold(events: readonly Recorded[]): Map<string, Balance> {
  const states = new Map<string, Balance>()
  for (const { stream, event } of events) {
    if (event.type !== 'account.paid') continue
    const { cents, count } = states.get(stream) ?? { cents: 0, count: 0 }
    states.set(stream, { cents: cents + (event.data as { cents: number }).cents, count: count + 1 })
  }
  return states
}

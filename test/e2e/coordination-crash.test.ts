import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import type { CloudEvent } from '../../src/base/envelope.ts'
import { seededRandom } from '../../src/base/random.ts'
import { choreographySchema } from '../../src/choreography/schema.ts'
import type { Case, DoneAction } from '../../src/coordination/coordination.ts'
import { event, gather } from '../../src/journal/conformance-kit.ts'
import type { Recorded } from '../../src/journal/journal.ts'
import { journalSchema, storeJournal } from '../../src/journal/sqlite.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { crashSeed, killsOf, runUntilKilled } from './crash-kit.ts'

const script = new URL('../coordination/crash-worker.ts', import.meta.url)
const kills = killsOf(10, 40)
const seed = crashSeed('coordination-crash-1')
const orders = 90
const fails = new Set([11, 44])

it(
  `brings each event one way, each saga to its end and each case its actions, through ${kills} kills (seed ${seed})`,
  { timeout: 20_000 * (kills + 10) },
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'colloquy-coordination-crash-'))
    onTestFinished(() => rm(folder, { recursive: true, force: true }))
    await begin(folder)
    const random = seededRandom(seed)
    let killed = 0
    for (let finished = false; !finished;) {
      const lines = killed < kills ? 1 + random.integer(30) : Number.POSITIVE_INFINITY
      finished = !(await runUntilKilled(script, [folder, `${seed}/${killed}`], lines)).killed
      if (!finished) killed++
    }
    expect(killed).toBeGreaterThanOrEqual(Math.min(kills, 6))
    const store = await openSqliteStore({ folder, schemas: [journalSchema, choreographySchema] })
    await using journal = storeJournal(store, { ownsStore: true })
    verify(await gather(journal.readAll()))
  },
)

/** The coordinator has been there before there are events. */
async function begin(folder: string): Promise<void> {
  await runUntilKilled(script, [folder, `${seed}/first`], Number.POSITIVE_INFINITY)
  const store = await openSqliteStore({ folder, schemas: [journalSchema, choreographySchema] })
  await using journal = storeJournal(store, { ownsStore: true })
  const time = new Date().toISOString()
  for (let n = 0; n < orders; n++) {
    const about = { subject: `order/${n}`, time, domain: n === 70 ? 'mars' : 'orders' }
    const data = { n, ...(fails.has(n) && { fails: true }) }
    const created: CloudEvent = { ...event(n + 1, { type: 'order.created', data }), ...about, correlationid: `c-${n}` }
    await journal.append('orders', [n % 6 === 5 ? { ...created, criticality: 'critical' } : created])
    // Fraud is found some orders later, while rules may be at work on the order.
    const old = n - (n % 9)
    if (n % 4 !== 3 || old < 0) continue
    const found = { ...event(1000 + n, { type: 'fraud.found', data: {} }), ...about, subject: `order/${old}` }
    await journal.append('fraud', [{ ...found, domain: 'orders', correlationid: `c-${old}` }])
  }
}

interface Decided {
  readonly route: string
  readonly ref: { readonly id: string; readonly type: string }
  readonly case?: string
}
interface Action {
  readonly rule: string
  readonly event: { readonly id: string }
}

function verify(all: readonly Recorded[]): void {
  const of = (type: string) => all.filter((each) => each.event.type === type)
  const data = <Data>(type: string) => of(type).map((each) => each.event.data as Data)
  const decided = data<Decided>('coordination.decided')
  const own = /^(?:coordination|saga|agent\.action)\./
  const routable = all.filter((each) => !own.test(each.event.type)).map((each) => each.event.id)
  // One decision for each event, and none for anything else.
  expect(decided.map(({ ref }) => ref.id).toSorted()).toEqual(routable.toSorted())
  const routeOf = new Map(decided.map(({ ref, route }) => [ref.id, route]))
  const acted = data<Action>('agent.action.completed')
  const fenced = data<Action>('agent.action.fenced')
  const failed = data<Action>('agent.action.failed')
  // No rule acted on what went elsewhere, and none twice.
  for (const { event } of [...acted, ...fenced, ...failed]) expect(routeOf.get(event.id)).toBe('choreography')
  expect(new Set(acted.map(({ rule, event }) => `${rule} ${event.id}`)).size).toBe(acted.length)
  // What went to the rules was acted on, or kept from it by a hand-over, or is parked.
  const ended = new Set([...acted, ...fenced, ...failed].map(({ event }) => event.id))
  const watched = decided.filter(({ ref }) => ['order.created', 'payment.made', 'order.settled'].includes(ref.type))
  for (const { route, ref } of watched) expect(ended.has(ref.id)).toBe(route === 'choreography')
  verifyCases(all, decided)
  verifyHandOvers(all)
}

function verifyCases(all: readonly Recorded[], decided: readonly Decided[]): void {
  const of = (type: string) => all.filter((each) => each.event.type === type)
  const started = of('saga.started').map((each) => (each.event.data as { input: Case }).input.id)
  const completed = of('saga.completed').length
  expect(new Set(started).size).toBe(started.length)
  expect(completed).toBe(started.length)
  const opened = decided.flatMap((each) => (each.route === 'saga' && each.case !== undefined ? [each.case] : []))
  const troubles = of('coordination.escalated').map((each) => (each.event.data as { case: string }).case)
  expect(started.toSorted()).toEqual([...opened, ...troubles].toSorted())
  expect(troubles.length).toBe(of('agent.action.failed').length)
  expect(decided.filter(({ route }) => route === 'escalation')).toHaveLength(1)
  expect(of('coordination.settled')).toHaveLength(started.length + 1)
  expect(of('coordination.unescalated')).toEqual([])
}

function verifyHandOvers(all: readonly Recorded[]): void {
  const taken = all.filter((each) => each.event.type === 'coordination.handed_over')
  expect(taken.length).toBeGreaterThan(5)
  for (const handOver of taken) {
    const correlation = handOver.event.correlationid
    const at = all.indexOf(handOver)
    const later = all.slice(at).filter(({ event }) => event.correlationid === correlation)
    // Of what came later only what the saga itself has said was acted on.
    const acted = later.filter(({ event }) => event.type === 'agent.action.completed')
    for (const { event } of acted) expect((event.data as Action).rule).toBe('thanks')
    const before = all.slice(0, at).filter(({ event }) => event.correlationid === correlation)
    const records = before.filter(({ event }) => event.type.startsWith('agent.action.'))
    const { case: caseId } = handOver.event.data as { case: string }
    const inputs = all
      .filter(({ event }) => event.type === 'saga.started')
      .map((each) => (each.event.data as { input: Case }).input)
    const done: readonly DoneAction[] | undefined = inputs.find(({ id }) => id === caseId)?.done
    expect(done?.map((each) => `${each.rule} ${each.event.id}`)).toEqual(
      records.map(({ event }) => `${(event.data as Action).rule} ${(event.data as Action).event.id}`),
    )
  }
}

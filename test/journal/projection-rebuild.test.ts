import { describe, expect, it, onTestFinished } from 'vitest'
import type { CloudEvent } from '../../src/base/envelope.ts'
import { gather } from '../../src/journal/conformance-kit.ts'
import type { Recorded } from '../../src/journal/journal.ts'
import { begin } from '../../src/journal/projection-generation.ts'
import { runProjection } from '../../src/journal/projection-runner.ts'
import type { RebuildProgress, RunProjectionOptions } from '../../src/journal/projection-runner.ts'
import { servedGeneration, tableProjection } from '../../src/journal/projection-table.ts'
import { projection } from '../../src/journal/projection.ts'
import type { Projection } from '../../src/journal/projection.ts'
import { projectionView } from '../../src/journal/projection-view.ts'
import { procedure } from '../../src/store/procedure.ts'
import type { Procedure, Store } from '../../src/store/store.ts'
import { balances, lateSales, readSales, sales } from './projection-definitions.ts'
import { FaultyStore, paid, said, worlds } from './projection-kit.ts'
import type { World } from './projection-kit.ts'

const counts: Procedure<null, Record<string, number>> = procedure(import.meta.url, 'counts', (tx) => {
  const of = (table: string) => Number(tx.sql(`SELECT count(*) AS n FROM ${table}`).get()?.['n'])
  return { generations: of('projection_generation'), states: of('projection_state'), sales: of('sale') }
})
const salesOf: Procedure<number, Record<string, unknown>[]> = procedure(import.meta.url, 'salesOf', (tx, generation) =>
  readSales(tx, generation),
)

async function run<State>(definition: Projection<State>, world: World, more: Partial<RunProjectionOptions> = {}) {
  const runner = await runProjection(definition, { ...world, ...more })
  onTestFinished(() => runner.stop())
  return runner
}

interface Seen {
  first: string[]
  again: string[]
}

/** Tells what it handled for the first time and what again; `calls` beside the state, as a side effect would be. */
function seeing(calls: { id: string; replaying: boolean }[], version = 1): Projection<Seen> {
  return projection({
    name: 'seeing',
    version,
    init: () => ({ first: [], again: [] }),
    on: {
      t: (state: Seen, { id }: CloudEvent, { replaying }) => {
        calls.push({ id, replaying })
        ;(replaying ? state.again : state.first).push(id)
      },
    },
  })
}

const [{ open: openMemory }] = worlds as [(typeof worlds)[0]]

describe.each(worlds)('a rebuild in a $name store', ({ open }) => {
  it('fills a second generation, tells how far it is, switches, and leaves nothing of the first', async () => {
    const world = await open()
    const calls: { id: string; replaying: boolean }[] = []
    const runner = await run(seeing(calls), world, { batch: 10 })
    const events = Array.from({ length: 95 }, () => said('t', 0))
    const ids = events.map(({ id }) => id)
    await world.journal.append('a', events)
    await runner.caughtUp()
    const told: RebuildProgress[] = []
    await runner.rebuild({ onProgress: (progress) => told.push(progress) })
    expect(await runner.get()).toEqual({ first: [], again: ids })
    expect(calls.map(({ replaying }) => replaying)).toEqual([...ids.map(() => false), ...ids.map(() => true)])
    expect(told.map(({ done }) => done)).toEqual(told.map(({ done }) => done).toSorted((a, b) => a - b))
    expect(told.at(-1)).toEqual({ done: 95, total: 95 })
    expect(told.length).toBeGreaterThan(5)
    const tellings = told.length
    const late = said('t', 1)
    await world.journal.append('a', [late])
    await runner.caughtUp()
    expect(await runner.get()).toEqual({ first: [late.id], again: ids })
    expect([told.length, (await runner.status()).rebuild]).toEqual([tellings, undefined])
    await runner.stop()
    const again = await run(seeing(calls), world)
    await again.caughtUp()
    await again.stop()
    expect(await world.store.read(counts, null)).toMatchObject({ generations: 1, states: 1 })
  })

  it('serves the old states and keeps them up to date until it has caught up; what comes meanwhile is handled first by them', async () => {
    const world = await open()
    const calls: { id: string; replaying: boolean }[] = []
    const runner = await run(seeing(calls), world, { batch: 7 })
    await world.journal.append(
      'a',
      Array.from({ length: 60 }, () => said('t', 0)),
    )
    await runner.caughtUp()
    const appends: Promise<unknown>[] = []
    await runner.rebuild({
      onProgress: ({ done }) => {
        if (done > 0 && done < 60) appends.push(world.journal.append('b', [said('t', 1)]))
      },
    })
    expect(appends.length).toBeGreaterThan(3)
    await Promise.all(appends)
    await runner.caughtUp()
    const all = (await gather(world.journal.readAll())).map(({ event }) => event.id)
    const state = (await runner.get()) as Seen
    expect([...state.again, ...state.first]).toEqual(all)
    // Each was handled for the first time exactly once, whichever generation did.
    expect(calls.flatMap(({ id, replaying }) => (replaying ? [] : [id]))).toEqual(all)
  })
})

describe('a rebuild that does not come to its end', () => {
  it('leaves the served states untouched when a handler fails, and the next rebuild starts anew', async () => {
    const world = await openMemory()
    let broken = false
    const definition = projection({
      name: 'breakable',
      init: () => ({ n: 0 }),
      on: {
        t: (state, _event: CloudEvent, { replaying }) => {
          if (broken && replaying && state.n === 3) throw new Error('broken')
          state.n++
        },
      },
    })
    const runner = await run(definition, world, { onError: { retryMax: 0 }, batch: 2 })
    await world.journal.append(
      'a',
      Array.from({ length: 5 }, () => said('t', 0)),
    )
    await runner.caughtUp()
    broken = true
    await expect(runner.rebuild()).rejects.toMatchObject({ code: 'journal.projection_failed', version: 4 })
    expect(await runner.get()).toEqual({ n: 5 })
    await world.journal.append('a', [said('t', 0)])
    await runner.caughtUp()
    expect(await runner.get()).toEqual({ n: 6 })
    broken = false
    await runner.rebuild()
    expect(await runner.get()).toEqual({ n: 6 })
    await runner.stop()
    expect(await world.store.read(counts, null)).toMatchObject({ generations: 1 })
  })

  it('is given up at its signal, refused while another is under way, and swept away after a crash', async () => {
    const world = await openMemory()
    const store = new FaultyStore(world.store)
    const runner = await run(balances, { ...world, store }, { batch: 2 })
    await world.journal.append(
      'a',
      Array.from({ length: 9 }, () => paid(1)),
    )
    await runner.caughtUp()
    const abort = new AbortController()
    const first = runner.rebuild({ signal: abort.signal, onProgress: () => abort.abort() })
    await expect(runner.rebuild()).rejects.toMatchObject({ code: 'journal.projection_rebuilding' })
    await expect(first).rejects.toMatchObject({ code: 'base.aborted' })
    // A crash: nothing more is written, not even what sweeps up.
    let dead = false
    store.fault = () => (dead ? 'before' : 'none')
    const dying = runner.rebuild({
      onProgress: () => {
        dead = true
      },
    })
    await expect(dying).rejects.toThrow('lost on the way')
    await runner.stop()
    expect(await world.store.read(counts, null)).toMatchObject({ generations: 2 })
    const again = await run(balances, world)
    await again.caughtUp()
    expect(await again.get('a')).toEqual({ cents: 9, count: 9 })
    await again.stop()
    expect(await world.store.read(counts, null)).toMatchObject({ generations: 1, states: 1 })
  })

  it('goes on where it was when a position that only stood in memory could not be stored', async () => {
    const world = await openMemory()
    const store = new FaultyStore(world.store)
    const runner = await run(balances, { ...world, store })
    await world.journal.append('a', [paid(1)])
    await runner.caughtUp()
    // An event for nobody: its position is not worth a write.
    await world.journal.append('a', [said('account.named', 'x')])
    await runner.caughtUp()
    let faults = 1
    store.fault = (name) => (name === 'commitStates' && faults-- > 0 ? 'before' : 'none')
    await expect(runner.rebuild()).rejects.toThrow('lost on the way')
    await runner.caughtUp({ timeoutMs: 5000 })
    await runner.rebuild()
    expect(await runner.get('a')).toEqual({ cents: 1, count: 1 })
  })

  it('takes a switch that was kept for one, though its answer was lost', async () => {
    const world = await openMemory()
    const store = new FaultyStore(world.store)
    store.fault = (name) => (name === 'switchOver' ? 'after' : 'none')
    const runner = await run(balances, { ...world, store })
    await world.journal.append('a', [paid(1)])
    await runner.caughtUp()
    await runner.rebuild()
    await world.journal.append('a', [paid(2)])
    await runner.caughtUp()
    expect(await runner.get('a')).toEqual({ cents: 3, count: 2 })
  })
})

describe('a raised version', () => {
  it('rebuilds by itself as a replay, serves the old states meanwhile, then handles what is new', async () => {
    const world = await openMemory()
    const calls: { id: string; replaying: boolean }[] = []
    const old = await run(seeing(calls), world)
    await world.journal.append('a', [said('t', 0), said('t', 1)])
    await old.caughtUp()
    await old.stop()
    const [one, two] = calls.map(({ id }) => id)
    const three = said('t', 2)
    await world.journal.append('a', [three])
    const held = Promise.withResolvers<void>()
    const gate = holding(world.store, held.promise)
    const raised = await run(seeing(calls, 2), { ...world, store: gate })
    expect(await raised.get()).toEqual({ first: [one, two], again: [] })
    expect(await raised.status()).toMatchObject({ state: 'catching-up', version: 1 })
    held.resolve()
    await raised.caughtUp()
    expect(await raised.get()).toEqual({ first: [three.id], again: [one, two] })
    expect(await raised.status()).toMatchObject({ state: 'live', version: 2 })
    await raised.stop()
    await expect(runProjection(seeing(calls, 1), world)).rejects.toMatchObject({
      code: 'journal.projection_newer',
      found: 2,
      known: 1,
    })
  })
})

/** The same store, whose states are not written before the promise resolves. */
function holding(store: Store, until: Promise<void>): Store {
  const held = new FaultyStore(store)
  return Object.assign(Object.create(held) as Store, {
    write: async (...call: Parameters<Store['write']>) => {
      if (call[0].name === 'commitStates') await until
      return held.write(...call)
    },
    read: held.read.bind(held),
    writeTogether: held.writeTogether.bind(held),
  })
}

describe('reading all states over a switch', () => {
  it('ends with journal.projection_switched, never with a part', async () => {
    const world = await openMemory()
    const runner = await run(balances, world)
    for (let at = 0; at < 300; at++) await world.journal.append(`s${String(at).padStart(3, '0')}`, [paid(1)])
    await runner.caughtUp()
    const reading = (async () => {
      let seen = 0
      for await (const { key } of runner.all()) {
        seen++
        if (key === 's100') await runner.rebuild()
      }
      return seen
    })()
    await expect(reading).rejects.toMatchObject({ code: 'journal.projection_switched' })
    expect(await gather(projectionView(balances, world.store).all())).toHaveLength(300)
  })
})

describe.each(worlds)('a projection into a table in a $name store', ({ open }) => {
  const definition = tableProjection({ name: 'sales', filter: { types: ['account.paid'] }, apply: sales })
  const rows = async ({ store }: World) => store.read(salesOf, (await servedGeneration(store, 'sales')) ?? 0)

  it('changes its rows with the checkpoint, parks the one event that it cannot take, and is rebuilt beside itself', async () => {
    const world = await open()
    expect(await servedGeneration(world.store, 'sales')).toBeUndefined()
    const policy = { retryMax: 1, backoffMs: 0, otherwise: 'park' } as const
    const runner = await runProjection(definition, { ...world, onError: policy })
    onTestFinished(() => runner.stop())
    await world.journal.append('a', [paid(1), paid(2), paid(13), paid(3), paid(666), paid(4)])
    await runner.caughtUp()
    expect((await rows(world)).map(({ cents }) => cents)).toEqual([1, 2, 3, 4])
    const parked = await gather(runner.parked())
    expect(parked.map(({ recorded }) => (recorded as Recorded<{ cents: number }>).event.data.cents)).toEqual([13, 666])
    expect(parked[1]?.reason).toBe('no number for a sale')
    await runner.rebuild()
    expect(await rows(world)).toEqual([1, 2, 3, 4].map((cents) => ({ cents, replaying: 1 })))
    expect((await runner.status()).parked).toBe(2)
    await world.journal.append('a', [paid(5)])
    await runner.caughtUp()
    await runner.stop()
    expect((await rows(world)).at(-1)).toEqual({ cents: 5, replaying: 0 })
    const again = await runProjection(definition, world)
    await again.caughtUp()
    await again.stop()
    expect(await world.store.read(counts, null)).toMatchObject({ sales: 5 })
  })

  it('refuses a function that is asynchronous, as a failure of its event; nothing of it is kept, and the store goes on', async () => {
    const world = await open()
    const late = tableProjection({ name: 'late', apply: lateSales })
    const { position } = await world.journal.append('a', [paid(1), paid(2)])
    const runner = await runProjection(late, { ...world, onError: { retryMax: 0, otherwise: 'park' } })
    onTestFinished(() => runner.stop())
    await runner.caughtUp({ position })
    expect(await gather(runner.parked())).toMatchObject([1, 2].map(() => ({ code: 'base.invalid_argument' })))
    expect(await world.store.read(counts, null)).toMatchObject({ sales: 0 })
    await world.journal.append('a', [paid(3)])
    await runner.caughtUp()
    expect((await runner.status()).state).toBe('live')
  })

  it('refuses a batch that does not know the last commit, and changes no row', async () => {
    const world = await open()
    const { id } = await world.store.write(begin, { owner: 'projection/sales', version: 1, position: '' })
    const [recorded] = [{ stream: 'a', version: 1, position: '1', event: paid(1) }]
    const step = { generation: id, revision: 0, to: '1', replaying: false, publishes: false }
    const apply = (revision: number) =>
      world.store.write(sales, { kind: 'apply', step: { ...step, revision }, events: [recorded] })
    expect(await apply(1)).toEqual({ kind: 'taken' })
    expect(await rows(world)).toEqual([])
    expect(await apply(0)).toEqual({ kind: 'kept' })
    expect(await apply(0)).toEqual({ kind: 'taken' })
    expect(await rows(world)).toHaveLength(1)
  })
})

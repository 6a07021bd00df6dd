import { describe, expect, it, onTestFinished } from 'vitest'
import type { CloudEvent } from '../../src/base/envelope.ts'
import { gather } from '../../src/journal/conformance-kit.ts'
import { discardEvents } from '../../src/journal/projection-parked.ts'
import { runProjection } from '../../src/journal/projection-runner.ts'
import type { ProjectionRunner, RunProjectionOptions } from '../../src/journal/projection-runner.ts'
import { projection } from '../../src/journal/projection.ts'
import type { Projection } from '../../src/journal/projection.ts'
import { reactor } from '../../src/journal/reactor.ts'
import type { Reactor } from '../../src/journal/reactor.ts'
import { said, worlds } from './projection-kit.ts'
import type { World } from './projection-kit.ts'
import { dataOf, run as react } from './reactor-kit.ts'

const parking = { retryMax: 0, otherwise: 'park' } as const

async function run<State>(
  definition: Projection<State>,
  world: World,
  more: Partial<RunProjectionOptions> = {},
): Promise<ProjectionRunner<State>> {
  const runner = await runProjection(definition, { ...world, onError: parking, ...more })
  onTestFinished(() => runner.stop())
  return runner
}

/** What the handlers cannot take now. */
interface Broken {
  readonly data: Set<number>
}

const broken = (...data: number[]): Broken => ({ data: new Set(data) })

/** The numbers in the order in which they were taken. */
function listing({ data }: Broken, version = 1): Projection<number[]> {
  return projection({
    name: 'listing',
    version,
    init: () => [] as number[],
    on: {
      t: (state: number[], event: CloudEvent<number>) => {
        if (data.has(event.data)) throw new Error(`no ${event.data}`)
        state.push(event.data)
      },
    },
  })
}

/** Publishes and appends each number. */
function telling({ data }: Broken, seen: [number, boolean][] = []): Reactor {
  return reactor({
    name: 'telling',
    on: {
      t: (event: CloudEvent<number>, { publish, append, replaying }) => {
        if (data.has(event.data)) throw new Error(`no ${event.data}`)
        seen.push([event.data, replaying])
        publish('s', { type: 'm', data: event.data })
        append('told', [{ type: 'm', data: event.data }])
      },
    },
  })
}

const numbers = (...data: number[]) => data.map((n) => said('t', n))

describe.each(worlds)('parked events in a $name store', ({ open }) => {
  it('are applied once each by two retries at once', async () => {
    const world = await open()
    const faults = broken(1, 2, 3)
    const runner = await run(listing(faults), world)
    await world.journal.append('a', numbers(1, 2, 3))
    await runner.caughtUp()
    faults.data.clear()
    const both = await Promise.all([runner.retryParked(), runner.retryParked()])
    expect(both.map(({ retried }) => retried)).toEqual([3, 0])
    expect(await runner.get()).toEqual([1, 2, 3])
  })

  it('of a reactor are handled once each by two retries at once', async () => {
    const world = await open()
    const faults = broken(1, 2, 3)
    const { runner, bus } = await react(telling(faults), world, { onError: parking })
    await world.journal.append('a', numbers(1, 2, 3))
    await runner.caughtUp()
    faults.data.clear()
    await Promise.all([runner.retryParked(), runner.retryParked()])
    await runner.sent()
    expect(bus.data()).toEqual([1, 2, 3])
    expect(await dataOf(world.journal, 'told')).toEqual([1, 2, 3])
  })

  it('move no checkpoint when they are taken up: what was handled before is replayed to its end', async () => {
    const world = await open()
    const faults = broken(1)
    const seen: [number, boolean][] = []
    const { runner, bus } = await react(telling(faults, seen), world, { onError: parking, batch: 1 })
    const { position } = await world.journal.append('a', numbers(1))
    await world.journal.append('a', numbers(2, 3, 4, 5))
    await runner.caughtUp()
    await runner.sent()
    faults.data.clear()
    seen.length = 0
    // Both ask for the turn of the line before the replay has begun.
    await Promise.all([runner.rewind({ to: position }), runner.retryParked()])
    await runner.caughtUp()
    await runner.sent()
    expect(seen.filter(([n]) => n > 1)).toEqual([2, 3, 4, 5].map((n) => [n, true]))
    expect((bus.data() as number[]).toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5])
  })

  it('that lie after the target of a rewind are parked no more: the replay hands them over again', async () => {
    const world = await open()
    const faults = broken(1, 3)
    const seen: [number, boolean][] = []
    const { runner } = await react(telling(faults, seen), world, { onError: parking })
    await world.journal.append('a', numbers(1))
    const { position } = await world.journal.append('a', numbers(2))
    await world.journal.append('a', numbers(3, 4))
    await runner.caughtUp()
    faults.data.clear()
    seen.length = 0
    await runner.rewind({ to: position })
    await runner.caughtUp()
    expect(seen).toEqual([
      [3, true],
      [4, true],
    ])
    expect(await gather(runner.parked())).toMatchObject([{ recorded: { event: { data: 1 } } }])
    expect(await runner.retryParked()).toEqual({ retried: 1, left: 0 })
  })

  it('stay parked over a rewind when the journal has them no more', async () => {
    const world = await open()
    const faults = broken(1)
    const seen: [number, boolean][] = []
    const { runner } = await react(telling(faults, seen), world, { onError: parking })
    await world.journal.append('a', numbers(1, 2))
    await runner.caughtUp()
    await world.journal.truncate('a', 2)
    await runner.rewind()
    await runner.caughtUp()
    faults.data.clear()
    seen.length = 0
    expect(await runner.retryParked()).toEqual({ retried: 1, left: 0 })
    expect(seen).toEqual([[1, false]])
  })
})

const [{ open: openMemory }] = worlds as [(typeof worlds)[0]]

interface Account {
  cents: number
}

/** The first state is the data of the event itself. */
const sharing = (name: string): Projection<Account> =>
  projection({
    name,
    init: () => ({ cents: 0 }),
    key: ({ stream }) => stream,
    on: {
      opened: (_state: Account, event: CloudEvent<Account>) => event.data,
      paid: (state, event: CloudEvent<Account>) => {
        state.cents += event.data.cents
      },
      poison: () => {
        throw new Error('poison')
      },
      // No JSON form, which is found only when the whole batch is written.
      unfit: () => ({ cents: Symbol('s') }) as unknown as Account,
    },
  })

describe('a state that shares its data with the event', () => {
  it.each(['poison', 'unfit'])('is folded from the event as it was when a later one fails: %s', async (type) => {
    const world = await openMemory()
    await world.journal.append('a', [
      said('opened', { cents: 0 }),
      said('paid', { cents: 10 }),
      said(type, null),
      said('paid', { cents: 1 }),
    ])
    const runner = await run(sharing('sharing'), world, { onError: { ...parking, retryMax: 2, backoffMs: 0 } })
    await runner.caughtUp()
    expect(await runner.get('a')).toEqual({ cents: 11 })
  })

  it('is parked as it was, whatever its handler did to it before it threw', async () => {
    const world = await openMemory()
    const definition = projection({
      name: 'spoils',
      init: () => 0,
      on: {
        t: (_state: number, event: CloudEvent<Account>) => {
          event.data.cents = 99
          throw new Error('no')
        },
      },
    })
    await world.journal.append('a', [said('t', { cents: 1 })])
    const runner = await run(definition, world)
    await runner.caughtUp()
    expect(await gather(runner.parked())).toMatchObject([{ recorded: { event: { data: { cents: 1 } } } }])
  })

  it('loses an event that was erased while it was tried again, and goes on', async () => {
    const world = await openMemory()
    let erasing: Promise<unknown> | undefined
    const taken: number[] = []
    const definition = projection({
      name: 'erased',
      init: () => 0,
      on: {
        t: (_state: number, event: CloudEvent<number>) => {
          if (event.data === 1) {
            erasing ??= world.journal.truncate('a', 2)
            throw new Error('no')
          }
          taken.push(event.data)
        },
      },
    })
    await world.journal.append('a', numbers(1))
    const runner = await run(definition, world, { onError: { retryMax: 1000, backoffMs: 0 } })
    await runner.caughtUp()
    await world.journal.append('a', numbers(2))
    await runner.caughtUp()
    expect(taken).toEqual([2])
  })

  it('begins as a copy of what `init` gives, for each key its own', async () => {
    const world = await openMemory()
    const zero = { cents: 0 }
    const definition = projection({
      name: 'shared',
      init: () => zero,
      key: ({ stream }) => stream,
      on: {
        paid: (state: Account, event: CloudEvent<Account>) => {
          state.cents += event.data.cents
        },
      },
    })
    await world.journal.append('a', [said('paid', { cents: 1 })])
    await world.journal.append('b', [said('paid', { cents: 2 })])
    const runner = await run(definition, world)
    await runner.caughtUp()
    expect([await runner.get('a'), await runner.get('b'), zero]).toEqual([{ cents: 1 }, { cents: 2 }, { cents: 0 }])
  })
})

describe.each(worlds)('parked events and a rebuild in a $name store', ({ open }) => {
  it('are carried over when the journal has erased them, and only then', async () => {
    const world = await open()
    const faults = broken(1, 2, 3)
    const runner = await run(listing(faults), world)
    await world.journal.append('a', numbers(1))
    await world.journal.append('b', numbers(2, 3, 4))
    await runner.caughtUp()
    await world.journal.truncate('a', 2)
    faults.data.delete(2)
    await runner.rebuild()
    expect(await runner.get()).toEqual([2, 4])
    const parked = await gather(runner.parked())
    expect(parked.map(({ recorded }) => recorded.event.data)).toEqual([1, 3])
    faults.data.clear()
    expect(await runner.retryParked()).toEqual({ retried: 2, left: 0 })
    expect(await runner.get()).toEqual([2, 4, 1, 3])
  })

  it('are not taken up by a new version before it has taken over', async () => {
    const world = await open()
    const faults = broken(1)
    const old = await run(listing(faults), world)
    await world.journal.append('a', numbers(1, 2))
    await old.caughtUp()
    await old.stop()
    faults.data.clear()
    const runner = await run(listing(faults, 2), world)
    await expect(runner.retryParked()).rejects.toMatchObject({ code: 'journal.projection_rebuilding' })
    await runner.caughtUp()
    expect(await runner.get()).toEqual([1, 2])
    expect(await runner.retryParked()).toEqual({ retried: 0, left: 0 })
  })
})

describe.each(worlds)('a full set of parked events in a $name store', ({ open }) => {
  it('is taken up or discarded after the projection has failed, and the next run goes on', async () => {
    const world = await open()
    const faults = broken(1, 2, 3, 5)
    const runner = await run(listing(faults), world, { parkedMax: 2 })
    await world.journal.append('a', numbers(1, 2, 3, 4, 5))
    await expect(runner.caughtUp()).rejects.toMatchObject({
      cause: { code: 'journal.parked_full', max: 2, what: 'events' },
    })
    faults.data.delete(1)
    expect(await runner.retryParked()).toEqual({ retried: 1, left: 1 })
    const [left] = await gather(runner.parked())
    expect(left).toMatchObject({ recorded: { event: { data: 2 } } })
    expect(await runner.discardParked([left?.id ?? 0, 10_000])).toBe(1)
    expect(await runner.discardParked('all')).toBe(0)
    expect((await runner.status()).parked).toBe(0)
    await runner.stop()
    await expect(runner.retryParked()).rejects.toMatchObject({ code: 'journal.projection_stopped' })
    await expect(runner.discardParked('all')).rejects.toMatchObject({ code: 'journal.projection_stopped' })
    const again = await run(listing(faults), world, { parkedMax: 2 })
    await again.caughtUp()
    expect(await again.get()).toEqual([1, 4])
    const [three] = await gather(again.parked())
    expect(await again.discardParked([three?.id ?? 0])).toBe(1)
    expect(await gather(again.parked())).toMatchObject([{ recorded: { event: { data: 5 } } }])
    expect(await again.discardParked('all')).toBe(1)
  })

  it('of a reactor is taken up after it has failed', async () => {
    const world = await open()
    const faults = broken(1, 2)
    const { runner, bus } = await react(telling(faults), world, { onError: parking, parkedMax: 1 })
    await world.journal.append('a', numbers(1, 2))
    await expect(runner.caughtUp()).rejects.toMatchObject({ cause: { code: 'journal.parked_full' } })
    faults.data.clear()
    expect(await runner.retryParked()).toEqual({ retried: 1, left: 0 })
    await runner.stop()
    const { runner: again, bus: later } = await react(telling(faults), world, { onError: parking, parkedMax: 1 })
    await again.caughtUp()
    await again.sent()
    expect(([...bus.data(), ...later.data()] as number[]).toSorted((a, b) => a - b)).toEqual([1, 2])
  })
})

describe('discarding parked events', () => {
  it('takes ids or all, and nothing else', async () => {
    const world = await openMemory()
    const runner = await run(listing(broken()), world)
    for (const which of [undefined, 'every', [1.5], [-1], 3])
      await expect(runner.discardParked(which as never)).rejects.toMatchObject({ code: 'base.invalid_argument' })
  })
})

describe('two retries of parked events', () => {
  it('go one after another', async () => {
    const world = await openMemory()
    const tries: number[] = []
    const definition = projection({
      name: 'never',
      init: () => 0,
      on: {
        t: (_state: number, event: CloudEvent<number>) => {
          tries.push(event.data)
          throw new Error('no')
        },
      },
    })
    const runner = await run(definition, world)
    await world.journal.append('a', numbers(1, 2, 3))
    await runner.caughtUp()
    tries.length = 0
    await Promise.all([runner.retryParked(), runner.retryParked()])
    expect(tries).toEqual([1, 2, 3, 1, 2, 3])
  })

  it('by two processes call no handler for what the other has taken up or discarded', async () => {
    const world = await openMemory()
    const calls: number[] = []
    let mended = false
    const definition = reactor({
      name: 'crossed',
      on: {
        t: async (event: CloudEvent<number>, { publish }) => {
          if (!mended) throw new Error('no')
          calls.push(event.data)
          await world.store.write(discardEvents, { generation: 1, ids: null })
          publish('s', { type: 'm', data: event.data })
        },
      },
    })
    const { runner, bus } = await react(definition, world, { onError: parking })
    await world.journal.append('a', numbers(1, 2))
    await runner.caughtUp()
    mended = true
    expect(await runner.retryParked()).toEqual({ retried: 0, left: 0 })
    await runner.sent()
    expect([calls, bus.sent]).toEqual([[1], []])
  })
})

describe('a rebuild', () => {
  it('carries over no parked event that it met before the journal erased it', async () => {
    const world = await openMemory()
    let erasing: Promise<unknown> | undefined
    let mended = false
    const definition = projection({
      name: 'met',
      init: () => [] as number[],
      on: {
        t: (state: number[], event: CloudEvent<number>, { replaying }) => {
          if (event.data === 1 && !mended) throw new Error('no')
          if (replaying) erasing ??= world.journal.truncate('a', 2)
          state.push(event.data)
        },
      },
    })
    const runner = await run(definition, world)
    await world.journal.append('a', numbers(1))
    await world.journal.append('b', numbers(2))
    await runner.caughtUp()
    mended = true
    await runner.rebuild()
    await erasing
    expect(await runner.get()).toEqual([1, 2])
    expect((await runner.status()).parked).toBe(0)
  })

  it('carries over no parked event that the journal has and that is not for the new version', async () => {
    const world = await openMemory()
    const old = await run(listing(broken(1)), world)
    await world.journal.append('a', numbers(1))
    await old.caughtUp()
    await old.stop()
    const other = projection({ name: 'listing', version: 2, init: () => 0, on: { u: () => 1 } })
    const runner = await run(other, world)
    await runner.caughtUp()
    expect((await runner.status()).parked).toBe(0)
  })
})

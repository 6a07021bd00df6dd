import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ActorRef } from '../../src/actor/actor.ts'
import { actor } from '../../src/actor/define.ts'
import type { SystemSnapshot } from '../../src/actor/snapshot.ts'
import { child, supervisor } from '../../src/actor/supervisor.ts'
import { stage, turn } from './kit.ts'

const hand = actor({
  type: 'hand',
  version: 1,
  state: () => ({}),
  on: {
    spawn: (ctx, name: string | undefined): ActorRef<Hand> =>
      ctx.spawn(hand, undefined, name === undefined ? {} : { name }) as unknown as ActorRef<Hand>,
    note: (_ctx, _text: string) => {},
    wait: () => new Promise<void>(() => {}),
    crash: () => {
      throw new Error('a secret of the error')
    },
  },
})
interface Hand {
  readonly [name: string]: (...message: never[]) => unknown
  readonly spawn: (name: string | undefined) => ActorRef<Hand>
  readonly note: (text: string) => void
  readonly wait: () => void
  readonly crash: () => void
}

const sums = ({ actors, rest }: SystemSnapshot) => ({
  actors: actors.length + rest.reduce((sum, group) => sum + group.actors, 0),
  waiting: [...actors, ...rest].reduce((sum, { waiting }) => sum + waiting, 0),
  parked: [...actors, ...rest].reduce((sum, { parked }) => sum + parked, 0),
  handled: [...actors, ...rest].reduce((sum, { handled }) => sum + handled, 0),
  restarts: [...actors, ...rest].reduce((sum, { restarts }) => sum + restarts, 0),
})

describe('a snapshot of an actor system', () => {
  it('tells the tree, what waits, what was handled, restarts and the strategy of supervisors', async () => {
    const { system } = stage()
    const tree = supervisor({ strategy: 'all-for-one', children: [child('one', hand, undefined, { name: 'one' })] })
    await system.spawn(tree, undefined, { name: 'top' }).ready
    const one = system.find('one') as ActorRef<Hand>
    one.send('note', 'x')
    one.send('crash')
    await turn()
    for (let left = 3; left > 0; left--) one.send('wait')
    await turn()
    const common = { parked: 0, phase: 'running' }
    expect(system.inspect()).toEqual({
      node: 'a',
      incarnation: 1,
      total: { actors: 2, waiting: 2, parked: 0, handled: 3, restarts: 1 },
      deadLetters: 1,
      actors: [
        {
          ...common,
          id: 1,
          address: 'a/1.1',
          name: 'top',
          type: 'supervisor',
          strategy: 'all-for-one',
          waiting: 0,
          handled: 0,
          restarts: 0,
        },
        {
          ...common,
          id: 2,
          address: 'a/1.2',
          name: 'one',
          type: 'hand',
          parent: 1,
          waiting: 2,
          handled: 3,
          restarts: 1,
        },
      ],
      rest: [],
    })
    await system.stop({ deadlineMs: 0 })
    expect(system.inspect()).toMatchObject({ total: { actors: 0, waiting: 0 }, actors: [] })
  })

  it('counts what is parked apart', async () => {
    const { system } = stage()
    const ref = system.spawn(hand, undefined, { mailbox: { limit: 1, overflow: 'park', parkMax: 5 } })
    for (let left = 4; left > 0; left--) ref.send('wait')
    await turn()
    expect(system.inspect().actors).toEqual([expect.objectContaining({ waiting: 1, parked: 2, handled: 1 })])
  })

  it('holds no message, no state and no text of an error', async () => {
    const { system } = stage()
    const ref = system.spawn(hand)
    ref.send('wait')
    ref.send('note', 'a secret of the message')
    const other = system.spawn(hand)
    other.send('crash')
    await turn()
    expect(system.deadLetters.count).toBe(1)
    expect(JSON.stringify(system.inspect())).not.toContain('secret')
  })

  it('lists supervisors first, then names, then those for which most wait, then those that handled most', async () => {
    const { system } = stage()
    const idle = system.spawn(hand)
    const busy = system.spawn(hand)
    const full = system.spawn(hand)
    system.spawn(hand, undefined, { name: 'named' })
    await system.spawn(supervisor({ strategy: 'one-for-one', children: [] })).ready
    busy.send('note', 'x')
    for (let left = 3; left > 0; left--) full.send('wait')
    await idle.ready
    await turn()
    const ids = (actorsMax: number) => system.inspect({ actorsMax }).actors.map(({ id }) => id)
    expect([0, 1, 2, 3, 4, 5].map(ids)).toEqual([[], [5], [4, 5], [3, 4, 5], [2, 3, 4, 5], [1, 2, 3, 4, 5]])
  })

  it('lists the ancestors of whom it lists, or not this one', async () => {
    const { system } = stage()
    const root = system.spawn(hand) as unknown as ActorRef<Hand>
    const middle = await root.call('spawn', undefined)
    await middle.call('spawn', 'deep')
    for (let left = 5; left > 0; left--) system.spawn(hand)
    const listed = (actorsMax: number) => system.inspect({ actorsMax }).actors.map(({ id, parent }) => [id, parent])
    expect(listed(3)).toEqual([
      [1, undefined],
      [2, 1],
      [3, 2],
    ])
    expect(listed(2)).toEqual([[1, undefined]])
  })

  it('counts the rest by the nearest listed ancestor and type, and what fits in no group together', async () => {
    const { system } = stage()
    const other = actor({ type: 'other', version: 1, state: () => ({}), on: { none: () => {} } })
    const root = system.spawn(hand, undefined, { name: 'root' }) as unknown as ActorRef<Hand>
    const middle = await root.call('spawn', undefined)
    for (let left = 3; left > 0; left--) await middle.call('spawn', undefined)
    for (let left = 2; left > 0; left--) system.spawn(other)
    const none = { waiting: 0, parked: 0, restarts: 0 }
    expect(system.inspect({ actorsMax: 1 }).rest).toEqual([
      { parent: 1, type: 'hand', actors: 4, handled: 3, ...none },
      { type: 'other', actors: 2, handled: 0, ...none },
    ])
    expect(system.inspect({ actorsMax: 1, groupsMax: 1 }).rest).toEqual([
      { parent: 1, type: 'hand', actors: 4, handled: 3, ...none },
      { actors: 2, handled: 0, ...none },
    ])
  })

  it('is within its bounds and loses nobody, whatever the tree', async () => {
    const trees = fc.array(fc.record({ under: fc.nat(), named: fc.boolean(), notes: fc.nat({ max: 3 }) }), {
      maxLength: 30,
    })
    const bounds = fc.record({ actorsMax: fc.nat({ max: 35 }), groupsMax: fc.nat({ max: 5 }) })
    await fc.assert(
      fc.asyncProperty(trees, bounds, async (tree, { actorsMax, groupsMax }) => {
        const { system } = stage()
        const refs: ActorRef<Hand>[] = []
        for (const [at, { under, named, notes }] of tree.entries()) {
          const parent = refs[under % (refs.length + 1)]
          const name = named ? `n${at}` : undefined
          const ref = parent
            ? await parent.call('spawn', name)
            : (system.spawn(hand, undefined, name === undefined ? {} : { name }) as unknown as ActorRef<Hand>)
          refs.push(ref)
          for (let left = notes; left > 0; left--) ref.send('note', 'x')
        }
        const snapshot = system.inspect({ actorsMax, groupsMax })
        expect(snapshot.actors.length).toBeLessThanOrEqual(actorsMax)
        expect(snapshot.rest.length).toBeLessThanOrEqual(groupsMax + 1)
        expect(sums(snapshot)).toEqual(snapshot.total)
        const seen = new Set<number | undefined>([undefined])
        for (const { id, parent } of snapshot.actors) {
          expect(seen.has(parent)).toBe(true)
          seen.add(id)
        }
        for (const { parent } of snapshot.rest) expect(seen.has(parent)).toBe(true)
        await system.stop()
      }),
      { numRuns: 50 },
    )
  })

  it('refuses bounds that are none', () => {
    const { system } = stage()
    for (const actorsMax of [-1, 10_001, Number.NaN, 1.5])
      expect(() => system.inspect({ actorsMax })).toThrow(expect.objectContaining({ code: 'base.invalid_argument' }))
  })
})

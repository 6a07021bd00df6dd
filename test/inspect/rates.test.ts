import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ratesBetween } from '../../src/inspect/rates.ts'
import { Watch } from '../../src/inspect/watch.ts'
import type { GroupView } from '../../src/inspect/wire.ts'
import { actorView, nodeView } from './views.ts'

const group = (given: Partial<GroupView>): GroupView => ({
  type: 'tally',
  actors: 10,
  waiting: 0,
  parked: 0,
  handled: 0,
  restarts: 0,
  ...given,
})

describe('rates between two looks', () => {
  it('are what was handled a second, by the clock of the node', () => {
    const before = nodeView({ upMs: 1000, deadLetters: 1, actors: [actorView(1, { handled: 10 }), actorView(2)] })
    const after = nodeView({
      upMs: 1500,
      deadLetters: 4,
      process: { ...before.process, cpuMs: before.process.cpuMs + 250 },
      actors: [actorView(1, { handled: 110, restarts: 2 }), actorView(2)],
    })
    expect(ratesBetween(before, after)).toEqual({
      actors: new Map([
        [1, 200],
        [2, 0],
      ]),
      rest: [],
      handled: 200,
      restarted: new Map([[1, 2]]),
      deadLetters: 6,
      cpu: 0.5,
    })
  })

  it('count a new actor from nothing, but only where all were listed before', () => {
    const after = nodeView({ upMs: 2000, actors: [actorView(1), actorView(9, { handled: 5, restarts: 1 })] })
    const before = nodeView({ actors: [actorView(1)] })
    expect(ratesBetween(before, after)?.actors.get(9)).toBe(5)
    expect(ratesBetween({ ...before, rest: [group({})] }, after)?.actors.has(9)).toBe(false)
  })

  it('of a group are told while the same number is in it', () => {
    const rest = (given: Partial<GroupView>) => [group({ parent: 1, ...given }), group({ type: 'other' })]
    const rates = (given: Partial<GroupView>) =>
      ratesBetween(nodeView({ rest: rest({}) }), nodeView({ upMs: 2000, rest: rest(given) }))
    expect(rates({ handled: 7 })).toMatchObject({ rest: [7, 0], handled: 7 })
    expect(rates({ handled: 7, actors: 11 })).toMatchObject({ rest: [undefined, 0], handled: 0 })
    expect(rates({ handled: 7, parent: 2 })).toMatchObject({ rest: [undefined, 0], handled: 0 })
  })

  it('are not there for two lives, or one moment', () => {
    const before = nodeView()
    for (const other of [
      nodeView({ upMs: 2000, incarnation: 2 }),
      nodeView({ upMs: 2000, node: 'beta' }),
      nodeView({ upMs: 2000, process: { ...before.process, pid: 8 } }),
      nodeView({ upMs: 1000 }),
      nodeView({ upMs: 500 }),
    ])
      expect(ratesBetween(before, other)).toBeUndefined()
  })

  it('are never below nothing, whatever two looks say', () => {
    const view = fc
      .record({ handled: fc.array(fc.nat(), { maxLength: 5 }), upMs: fc.nat(), cpuMs: fc.nat(), deadLetters: fc.nat() })
      .map(({ handled, upMs, cpuMs, deadLetters }) =>
        nodeView({
          upMs,
          deadLetters,
          process: { ...nodeView().process, cpuMs },
          actors: handled.map((count, at) => actorView(at, { handled: count, restarts: count % 7 })),
          rest: handled.map((count, at) => group({ parent: at, handled: count })),
        }),
      )
    fc.assert(
      fc.property(view, view, (before, after) => {
        const rates = ratesBetween(before, after)
        if (!rates) return
        const all = [...rates.actors.values(), ...rates.rest, ...rates.restarted.values(), rates.handled]
        for (const rate of [...all, rates.cpu, rates.deadLetters]) expect(rate ?? 0).toBeGreaterThanOrEqual(0)
      }),
    )
  })
})

describe('a watch over nodes', () => {
  it('knows rates from the second look on, and keeps them when an answer comes twice', () => {
    const watch = new Watch()
    watch.take([nodeView()], 0)
    expect(watch.nodes).toEqual([{ view: nodeView(), rates: undefined, awayMs: 0 }])
    const later = nodeView({ upMs: 2000, deadLetters: 3 })
    watch.take([later], 1000)
    watch.take([later], 1050)
    expect(watch.nodes).toEqual([{ view: later, rates: expect.objectContaining({ deadLetters: 3 }), awayMs: 0 }])
  })

  it('keeps who is gone for a while, and takes a new life of it in its place', () => {
    const watch = new Watch({ awayMaxMs: 1000 })
    watch.take([nodeView(), nodeView({ node: 'beta' })], 0)
    watch.take([nodeView({ node: 'beta', upMs: 2000 })], 1000)
    expect(watch.nodes.map(({ view, awayMs }) => [view.node, awayMs])).toEqual([
      ['alpha', 1000],
      ['beta', 0],
    ])
    watch.take([nodeView({ incarnation: 2, upMs: 1 })], 1001)
    expect(watch.nodes.map(({ view, rates, awayMs }) => [view.node, view.incarnation, rates, awayMs])).toEqual([
      ['alpha', 2, undefined, 0],
      ['beta', 1, expect.anything(), 1],
    ])
    watch.take([], 3000)
    expect(watch.nodes).toEqual([])
  })

  it('keeps two that have one name as two, and no more nodes than its bound', () => {
    const watch = new Watch({ nodesMax: 2 })
    watch.take([nodeView(), nodeView({ incarnation: 2 })], 0)
    expect(watch.nodes).toHaveLength(2)
    watch.take([nodeView({ node: 'new' })], 1)
    expect(watch.nodes.map(({ view }) => view.node)).toEqual(['alpha', 'new'])
  })
})

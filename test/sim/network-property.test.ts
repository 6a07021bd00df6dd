import { equal, ok } from 'node:assert/strict'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { codeOf } from '../../src/base/error.ts'
import { say, stage } from './network-stage.ts'
import type { Stage } from './network-stage.ts'

const nodes = ['a', 'b', 'c']
const node = fc.constantFrom(...nodes)
const chance = fc.constantFrom(0, 0.1, 0.5)

const weather = fc.record({
  latencyMinMs: fc.nat(5),
  latencyMaxMs: fc.integer({ min: 5, max: 50 }),
  tailChance: chance,
  lossChance: chance,
  duplicateChance: chance,
  reorderChance: chance,
  resetChance: fc.constantFrom(0, 0, 0.05),
})

const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('send' as const),
      from: node,
      to: node,
      kind: fc.constantFrom('datagram' as const, 'stream' as const),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.nat(400) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('cut' as const), from: node, to: node, oneWay: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('isolate' as const), node }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('weather' as const), weather }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('heal' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('hold' as const, 'release' as const), node }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('crash' as const, 'detach' as const), node }) },
)
const scenario = fc.tuple(fc.nat(), weather, fc.array(step, { maxLength: 60 }))

/** Runs it, then heals everything and waits for longer than any timeout. */
async function run([seed, base, steps]: typeof scenario extends fc.Arbitrary<infer T> ? T : never): Promise<Stage> {
  const own = stage({ seed, weather: base, streamTimeoutMs: 500, heldMax: 5 })
  const { network, clock, attach } = own
  const endpoints = new Map(nodes.map((name) => [name, attach(name)]))
  const again = (name: string) => void endpoints.set(name, attach(name))
  let sent = 0
  for (const each of steps) {
    if (each.do === 'send') {
      try {
        endpoints.get(each.from)?.send(each.to, say(sent++), { kind: each.kind })
      } catch (error) {
        equal(codeOf(error), 'sim.network_full')
      }
    }
    if (each.do === 'pass') await clock.advance(each.ms)
    if (each.do === 'cut') network.cut(each.from, each.to, { oneWay: each.oneWay })
    if (each.do === 'isolate') network.isolate(each.node)
    if (each.do === 'weather') network.weather(each.weather)
    if (each.do === 'heal') network.heal()
    if (each.do === 'hold') network.hold(each.node)
    if (each.do === 'release') network.release(each.node)
    if (each.do === 'crash') network.crash(each.node)
    if (each.do === 'detach') endpoints.get(each.node)?.detach()
    if (each.do === 'crash' || each.do === 'detach') again(each.node)
  }
  network.heal()
  for (const name of nodes) network.release(name)
  await clock.advance(20_000)
  return own
}

describe('simulated network, whatever happens in it', () => {
  it('each message is delivered or dropped, once and told, a duplicate too, and nothing stays in flight', async () => {
    await fc.assert(
      fc.asyncProperty(scenario, async (given) => {
        const { events, network } = await run(given)
        const open = new Map<number, number>()
        for (const event of events) {
          if (event.type === 'broken') continue
          const step = event.type === 'sent' || event.type === 'duplicated' ? 1 : -1
          const left = (open.get(event.id) ?? 0) + step
          expect(left).toBeGreaterThanOrEqual(0)
          open.set(event.id, left)
        }
        expect([...open.values()].filter((left) => left !== 0)).toEqual([])
        expect(network.inFlight).toEqual({ messages: 0, bytes: 0 })
      }),
      { numRuns: 300 },
    )
  })

  it('a stream brings each message at most once and in order, and each that is missing is told to one that still lives', async () => {
    await fc.assert(
      fc.asyncProperty(scenario, async (given) => {
        const { events } = await run(given)
        const kinds = new Map<number, string>()
        const last = new Map<string, number>()
        const lost = new Map<string, number>()
        const told = new Map<string, number>()
        for (const event of events) {
          if (event.type === 'sent') kinds.set(event.id, event.kind)
          if (event.type === 'broken') {
            const way = `${event.at}>${event.peer}`
            told.set(way, (told.get(way) ?? 0) + event.lost)
          }
          if (event.type === 'sent' || event.type === 'broken' || kinds.get(event.id) !== 'stream') continue
          const way = `${event.from}>${event.to}`
          expect(event.type).not.toBe('duplicated')
          if (event.type === 'delivered') {
            ok(event.id > (last.get(way) ?? 0))
            last.set(way, event.id)
          }
          if (event.type === 'dropped') lost.set(way, (lost.get(way) ?? 0) + 1)
        }
        // Who crashes or detaches hears nothing of what it lost; everybody else hears of every message.
        const ended = new Set(
          given[2].flatMap((each) => (each.do === 'crash' || each.do === 'detach' ? [each.node] : [])),
        )
        for (const [way, count] of lost) {
          const heard = told.get(way) ?? 0
          ok(ended.has(way.charAt(0)) ? heard <= count : heard === count, `${way} lost ${count} and heard of ${heard}`)
        }
        for (const way of told.keys()) ok(told.get(way) === 0 || lost.has(way))
      }),
      { numRuns: 300 },
    )
  })

  it('the same seed gives the same events in the same order', async () => {
    await fc.assert(
      fc.asyncProperty(scenario, async (given) => {
        const [first, second] = [await run(given), await run(given)]
        expect(second.events).toEqual(first.events)
        expect([...second.got]).toEqual([...first.got])
      }),
      { numRuns: 50 },
    )
  })

  it('a link has chance of its own: what others send changes nothing on it', async () => {
    const trip = async (others: boolean) => {
      const { attach, clock, gotBy } = stage({ seed: 9, weather: { lossChance: 0.3, latencyMaxMs: 30 } })
      const [a, , c] = nodes.map(attach)
      for (let at = 0; at < 100; at++) {
        if (others) c?.send('b', say(at))
        a?.send('b', say(at))
      }
      await clock.advance(100)
      return gotBy('b').filter((text) => text.startsWith('a'))
    }
    expect(await trip(true)).toEqual(await trip(false))
  })
})

import { describe, expect, it } from 'vitest'
import { sleep } from '../../src/base/clock.ts'
import { predictableEntropy } from '../../src/base/entropy.ts'
import { seededRandom } from '../../src/base/random.ts'
import { transportChecks } from '../../src/raft/conformance-transport.ts'
import type { TransportNodes } from '../../src/raft/conformance-transport.ts'
import { busTransport } from '../../src/raft/transport-bus.ts'
import { createSimBus } from '../../src/sim/bus.ts'
import { createSimNetwork } from '../../src/sim/network.ts'
import type { Weather } from '../../src/sim/network.ts'
import { simulate } from '../../src/sim/simulate.ts'
import type { SimReport } from '../../src/sim/simulate.ts'
import { simTransport } from '../../src/sim/transport.ts'
import type { World } from '../../src/sim/world.ts'
import { turning } from './turning.ts'

const names = ['n1', 'n2', 'n3']

function network(weather: Partial<Weather>) {
  let inFlight = () => 0
  const { clock, ...turns } = turning(() => inFlight() > 0)
  const random = seededRandom(7)
  const made = createSimNetwork({ clock, random: random.split('network'), weather })
  inFlight = () => made.inFlight.messages
  return { clock, network: made, random, turns }
}

function overWires(nodes: number, weather: Partial<Weather>): TransportNodes {
  const { clock, network: wires, random, turns } = network(weather)
  const transports = names.slice(0, nodes).map((name) =>
    simTransport({
      name,
      clock,
      entropy: predictableEntropy(random.split(name)),
      wire: (handlers, options) => wires.attach(name, handlers, options),
    }),
  )
  return {
    transports,
    settle: () => Promise.resolve(),
    async [Symbol.asyncDispose]() {
      await Promise.all(transports.map((transport) => transport.close()))
      await turns[Symbol.asyncDispose]()
    },
  }
}

function overBus(nodes: number, weather: Partial<Weather>): TransportNodes {
  const { clock, network: wires, random, turns } = network(weather)
  const bus = createSimBus(wires, { clock, random: random.split('bus') })
  const buses = names.slice(0, nodes).map((name) => bus.connect(name))
  const transports = buses.map((each, at) =>
    busTransport(each, { clock, entropy: predictableEntropy(random.split(names[at]!)) }),
  )
  return {
    transports,
    settle: () => Promise.resolve(),
    async [Symbol.asyncDispose]() {
      await Promise.all(transports.map((transport) => transport.close()))
      await Promise.all(buses.map((each) => each.close()))
      await turns[Symbol.asyncDispose]()
    },
  }
}

const rough: Partial<Weather> = { latencyMinMs: 0, latencyMaxMs: 9, tailChance: 0.1, tailMaxMs: 50, lossChance: 0.05 }

describe.each([
  ['over the simulated network', overWires, {}],
  ['over the simulated network in rough weather', overWires, rough],
  ['over the simulated bus', overBus, {}],
] as const)('raft transport %s', (_name, openOver, weather) => {
  it.each(transportChecks.map((check) => [check.name, check] as const))('%s', async (_check, check) => {
    await expect(check.run((nodes) => Promise.resolve(openOver(nodes, weather)))).resolves.toBeUndefined()
  })
})

describe('raft transport in a world', () => {
  interface Told {
    readonly text: string
    readonly at: number
  }

  /** Two nodes that say something to each other every 100 ms, and one of which sends streams, under whatever is done to them. */
  async function talk(
    seed: number,
    kind: 'stream' | 'datagram',
    harm: (world: World) => Promise<void>,
  ): Promise<{ report: SimReport; told: Told[]; streams: string[] }> {
    const told: Told[] = []
    const streams: string[] = []
    const report = await simulate({ seed }, async (world) => {
      for (const [name, other] of [
        ['a', 'b'],
        ['b', 'a'],
      ] as const)
        world.node(name, async (ports) => {
          const transport = simTransport(ports, { kind })
          const link = transport.join('group', name, {
            frame: (from, bytes) => {
              told.push({ text: `${from} ${Buffer.from(bytes).toString()}`, at: ports.clock.monotonicMs() })
              world.count('frames')
            },
            unreachable: () => world.count('unreachable'),
            stream: async (from, _header, content) => {
              let bytes = 0
              for await (const piece of content) bytes += piece.length
              streams.push(`${from} ${bytes}`)
            },
          })
          for (let at = 1; !ports.signal.aborted; at++) {
            link.send(other, Buffer.from(`${ports.incarnation}.${at}`))
            if (name === 'a' && at % 10 === 0)
              void link.stream(other, Buffer.of(1), big()).then(
                () => world.count('streams sent'),
                () => world.count('streams failed'),
              )
            await sleep(ports.clock, 100)
          }
          await transport.close()
        })
      await world.sleep(3000)
      await harm(world)
      await world.sleep(3000)
    })
    return { report, told, streams }
  }

  it('is the same from run to run', async () => {
    const runs = [await talk(5, 'datagram', rain), await talk(5, 'datagram', rain)]
    expect(runs[0]!.report.digest).toBe(runs[1]!.report.digest)
    expect(runs[0]!.told).toEqual(runs[1]!.told)
    expect(runs[0]!.told.length).toBeGreaterThan(50)
  })

  it('tells of a node that crashed, fails the streams to it, and reaches it again', async () => {
    const { report, told, streams } = await talk(6, 'stream', async (world) => {
      const b = world.nodes.find(({ name }) => name === 'b')!
      // In the midst of a stream, which takes some twenty milliseconds from here on.
      await world.sleep(908)
      b.crash()
      await world.sleep(5000)
      b.restart()
      await world.sleep(20_000)
    })
    expect(report.counters['unreachable']).toBeGreaterThan(0)
    expect(report.counters['streams failed']).toBeGreaterThan(0)
    expect(told.some(({ text }) => text.startsWith('b 2.'))).toBe(true)
    expect(streams.every((text) => text === 'a 500000')).toBe(true)
    expect(streams.length).toBe(report.counters['streams sent'])
  })

  it('takes streams whole or not at all in bad weather', async () => {
    const { report, streams } = await talk(7, 'datagram', rain)
    expect(streams.every((text) => text === 'a 500000')).toBe(true)
    expect(report.counters['streams sent']).toBeGreaterThan(3)
  })
})

async function rain(world: World): Promise<void> {
  const weather = { lossChance: 0.2, duplicateChance: 0.2, latencyMinMs: 1, latencyMaxMs: 200 }
  const bad = world.network.weather(weather)
  await world.sleep(30_000)
  bad.end()
  await world.sleep(20_000)
}

async function* big(): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = 0; at < 5; at++) yield new Uint8Array(100_000)
}

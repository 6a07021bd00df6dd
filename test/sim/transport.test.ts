import { describe, expect, it } from 'vitest'
import { predictableEntropy } from '../../src/base/entropy.ts'
import { seededRandom } from '../../src/base/random.ts'
import { transportChecks } from '../../src/raft/conformance-transport.ts'
import type { TransportNodes } from '../../src/raft/conformance-transport.ts'
import { busTransport } from '../../src/raft/transport-bus.ts'
import { createSimBus } from '../../src/sim/bus.ts'
import { createSimNetwork } from '../../src/sim/network.ts'
import type { Weather } from '../../src/sim/network.ts'
import { simTransport } from '../../src/sim/transport.ts'
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

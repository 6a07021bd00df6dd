import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../src/base/random.ts'
import { busChecks } from '../../src/bus/conformance.ts'
import type { BusPair } from '../../src/bus/conformance.ts'
import { createSimBus } from '../../src/sim/bus.ts'
import { createSimNetwork } from '../../src/sim/network.ts'
import type { LinkKind, Weather } from '../../src/sim/network.ts'
import { turning } from './turning.ts'

function pairOver(kind: LinkKind, weather: Partial<Weather>): BusPair {
  let inFlight = () => 0
  const { clock, pass, ...turns } = turning(() => inFlight() > 0)
  const random = seededRandom(7)
  const network = createSimNetwork({ clock, random: random.split('network'), weather })
  inFlight = () => network.inFlight.messages
  const bus = createSimBus(network, { clock, random: random.split('bus'), kind })
  const [a, b] = [bus.connect('a'), bus.connect('b')]
  return {
    a,
    b,
    settle: async () => {},
    pass,
    async [Symbol.asyncDispose]() {
      await a.close()
      await b.close()
      await turns[Symbol.asyncDispose]()
    },
  }
}

const rough: Partial<Weather> = { latencyMinMs: 0, latencyMaxMs: 9, tailChance: 0.1, tailMaxMs: 50, lossChance: 0.05 }

describe.each([
  ['streams in perfect weather', 'stream', {}],
  ['streams in rough weather, whose losses are only delays', 'stream', rough],
  ['datagrams in perfect weather', 'datagram', {}],
] as const)('simulated bus conformance, %s', (_name, kind, weather) => {
  it.for(busChecks)('$name', async (check) => {
    await expect(check.run(async () => pairOver(kind, weather))).resolves.toBe(undefined)
  })
})

import { describe, expect, it } from 'vitest'
import { memoryHub } from '../../src/bus/memory.ts'
import { transportChecks } from '../../src/raft/conformance-transport.ts'
import type { TransportNodes } from '../../src/raft/conformance-transport.ts'
import { busTransport } from '../../src/raft/transport-bus.ts'

function open(nodes: number): Promise<TransportNodes> {
  const hub = memoryHub()
  const buses = Array.from({ length: nodes }, () => hub.connect())
  const transports = buses.map((bus) => busTransport(bus))
  return Promise.resolve({
    transports,
    settle: () => Promise.resolve(),
    async [Symbol.asyncDispose]() {
      await Promise.all(transports.map((transport) => transport.close()))
      await Promise.all(buses.map((bus) => bus.close()))
    },
  })
}

describe('bus transport', () => {
  it.each(transportChecks.map((check) => [check.name, check] as const))('%s', async (_name, check) => {
    await expect(check.run(open)).resolves.toBeUndefined()
  })
})

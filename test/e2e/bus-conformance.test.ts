/**
 * The checks of the port over the embedded server: two NATS drivers, a NATS driver and a memory connection of the same hub
 * both ways round, and NATS drivers over WebSocket. Unlike `bus-nats.test.ts` the server is ours.
 */
import { describe, expect, it } from 'vitest'
import { sleep } from '../../src/base/clock.ts'
import { systemClock } from '../../src/base/system-clock.ts'
import type { Bus } from '../../src/bus/bus.ts'
import { busChecks } from '../../src/bus/conformance.ts'
import type { BusHarness } from '../../src/bus/conformance.ts'
import { Hub } from '../../src/bus/memory-hub.ts'
import { memoryHub } from '../../src/bus/memory.ts'
import type { MemoryHub } from '../../src/bus/memory.ts'
import { connectNats } from '../../src/bus/nats.ts'
import { serveBus } from '../../src/bus/serve.ts'
import type { BusServer } from '../../src/bus/serve.ts'

type OpenBus = (server: BusServer, hub: MemoryHub) => Promise<Bus>

const overTcp: OpenBus = ({ url }) => connectNats({ servers: url })
const overWebSocket: OpenBus = ({ websocketUrl = '' }) => connectNats({ servers: websocketUrl })
const inside: OpenBus = async (_server, hub) => hub.connect()

/** Each check has a server of its own, so that none hears another's rest. */
function harness(openA: OpenBus, openB: OpenBus): BusHarness {
  return async () => {
    const hub = memoryHub()
    const server = await serveBus(hub, { port: 0, websocket: { port: 0 } })
    const [a, b] = await Promise.all([openA(server, hub), openB(server, hub)])
    return {
      a,
      b,
      // A server has read a subscription when it answers the PING behind it; what then waits for the other side comes
      // before the answer to a later PING of that side.
      settle: async () => {
        for (let round = 0; round < 2; round++) await Promise.all([a.flush(), b.flush()])
      },
      pass: (ms) => sleep(systemClock, ms),
      async [Symbol.asyncDispose]() {
        await Promise.all([a.close(), b.close()])
        await server.close()
        if (!(hub instanceof Hub)) throw new Error('a memory hub is a hub')
        expect({ routes: hub.routes.size, nodes: hub.routes.nodes }).toEqual({ routes: 0, nodes: 0 })
      },
    }
  }
}

describe.each([
  ['two NATS drivers', overTcp, overTcp],
  ['a NATS driver and a memory connection', overTcp, inside],
  ['a memory connection and a NATS driver', inside, overTcp],
  ['two NATS drivers over WebSocket', overWebSocket, overWebSocket],
  ['a NATS driver over WebSocket and one over TCP', overWebSocket, overTcp],
] as const)('conformance over the embedded server, %s', (_name, openA, openB) => {
  const open = harness(openA, openB)
  it.for(busChecks)('$name', async (check) => {
    await expect(check.run(open)).resolves.toBe(undefined)
  })
})

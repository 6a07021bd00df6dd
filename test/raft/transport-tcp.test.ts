import { describe, expect, it } from 'vitest'
import { transportChecks } from '../../src/raft/conformance-transport.ts'
import type { TransportNodes } from '../../src/raft/conformance-transport.ts'
import { tcpTransport } from '../../src/raft/transport-tcp.ts'
import type { TcpTransportOptions } from '../../src/raft/transport-tcp.ts'

const secret = 'a secret of the group, by chance'

async function open(nodes: number, options: TcpTransportOptions): Promise<TransportNodes> {
  const transports = await Promise.all(Array.from({ length: nodes }, () => tcpTransport(options)))
  return {
    transports,
    settle: () => Promise.resolve(),
    async [Symbol.asyncDispose]() {
      await Promise.all(transports.map((transport) => transport.close()))
    },
  }
}

for (const [how, options] of [
  ['in the open', {}],
  ['with a secret', { secret }],
] as const)
  describe(`tcp transport ${how}`, () => {
    it.each(transportChecks.map((check) => [check.name, check] as const))('%s', async (_name, check) => {
      await expect(check.run((nodes) => open(nodes, { ...options, frameMaxBytes: 1_000_000 }))).resolves.toBeUndefined()
    })
  })

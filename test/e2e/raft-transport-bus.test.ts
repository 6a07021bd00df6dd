/** The transport over the bus as it is between processes: NATS connections with the permissions of a node, and a server that goes. */
import { describe, expect, it } from 'vitest'
import { aclFor } from '../../src/bus/acl.ts'
import { memoryHub } from '../../src/bus/memory.ts'
import { connectNats } from '../../src/bus/nats.ts'
import { serveBus } from '../../src/bus/serve.ts'
import { transportChecks } from '../../src/raft/conformance-transport.ts'
import type { TransportNodes } from '../../src/raft/conformance-transport.ts'
import { busTransport } from '../../src/raft/transport-bus.ts'
import { eventually, joinMember } from '../raft/tcp-kit.ts'

const names = ['a', 'b', 'c']
const { users } = aclFor({ realm: 'main', users: names.map((user) => ({ user, roles: ['node'] })) })
const passwordOf = (user: string) => `the password of ${user}`
const known = users.map(({ user, permissions }) => ({ user, password: passwordOf(user), permissions }))

function connect(url: string, user: string) {
  return connectNats({
    servers: url,
    user,
    password: passwordOf(user),
    inboxPrefix: `_INBOX_${user}`,
    reconnect: { waitMs: 5, waitMaxMs: 20 },
  })
}

async function open(nodes: number): Promise<TransportNodes> {
  const server = await serveBus(memoryHub(), { port: 0, users: known })
  const buses = await Promise.all(names.slice(0, nodes).map((user) => connect(server.url, user)))
  const transports = buses.map((bus) => busTransport(bus))
  return {
    transports,
    settle: async () => void (await Promise.all(buses.map((bus) => bus.flush()))),
    async [Symbol.asyncDispose]() {
      await Promise.all(transports.map((transport) => transport.close()))
      await Promise.all(buses.map((bus) => bus.close()))
      await server.close()
    },
  }
}

describe('bus transport over NATS', () => {
  it.each(transportChecks.map((check) => [check.name, check] as const))('%s', async (_name, check) => {
    await expect(check.run(open)).resolves.toBeUndefined()
  })

  it('tells of a server that is gone, stands still, and goes on when it is back', async () => {
    const first = await serveBus(memoryHub(), { port: 0, users: known })
    const [busA, busB] = [await connect(first.url, 'a'), await connect(first.url, 'b')]
    const [a, b] = [joinMember(busTransport(busA), 'a'), joinMember(busTransport(busB), 'b')]
    await Promise.all([busA.flush(), busB.flush()])
    a.link.send('b', Buffer.from('before'))
    await b.until(() => b.frames.length === 1)
    await first.close()
    await a.until(() => a.lost.length > 0)
    expect(a.lost).toEqual(['b'])
    const again = await serveBus(memoryHub(), { port: Number(new URL(first.url).port), users: known })
    await eventually(() => {
      a.link.send('b', Buffer.from('after'))
      return b.frames.includes('after')
    })
    await Promise.all([busA.close(), busB.close()])
    await again.close()
  })
})

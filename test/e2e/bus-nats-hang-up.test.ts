/**
 * A dial of the NATS driver that hangs: a server that accepts and is silent must not hold the process of a bus that was
 * closed. The program is a process of its own with a dial that would last for an hour; it ends by itself or not at all.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'
import type { NatsOptions } from '../../src/bus/nats.ts'
import { actAsServer } from './fake-nats.ts'

const started: ChildProcess[] = []
afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL')
})

/** Closes its bus, or gives up its first connect, at the first message from here. */
function program(options: NatsOptions): { readonly connected: Promise<unknown>; readonly end: () => Promise<unknown> } {
  const child = fork(fileURLToPath(new URL('./nats-program.ts', import.meta.url)), [JSON.stringify(options)])
  started.push(child)
  const gone = once(child, 'exit')
  return {
    connected: once(child, 'message'),
    async end() {
      child.send('end')
      const [code] = (await gone) as [unknown]
      return code
    },
  }
}

const forAnHour = { connectTimeoutMs: 3_600_000, reconnect: { waitMs: 0, waitMaxMs: 0 } }
const wantsTls = { tls_required: true }

describe('NATS bus, closed while a dial hangs', () => {
  it('ends its process while it reconnects to a port that accepts and never answers', async () => {
    await using server = await actAsServer()
    const { connected, end } = program({ servers: server.url, ...forAnHour })
    const first = await server.next()
    await connected
    server.greet('silent')
    first.socket.destroy()
    await server.next()
    expect(await end()).toBe(0)
  })

  it('ends its process after dials that ran out of time', async () => {
    await using server = await actAsServer()
    const { connected, end } = program({ servers: server.url, ...forAnHour, connectTimeoutMs: 50 })
    const first = await server.next()
    await connected
    server.greet('silent')
    first.socket.destroy()
    for (let dial = 0; dial < 4; dial++) await server.next()
    expect(await end()).toBe(0)
  })

  it.each<[string, NatsOptions, 'silent' | object, string]>([
    ['before the server says a word', {}, 'silent', 'nats'],
    ['after the login was sent', {}, {}, 'nats'],
    ['in the middle of TLS', { tls: {} }, wantsTls, 'nats'],
    ['in TLS that comes first', { tls: { handshakeFirst: true } }, 'silent', 'nats'],
    ['before a WebSocket opens', {}, 'silent', 'ws'],
    ['before a WebSocket has its TLS', {}, 'silent', 'wss'],
  ])('ends its process when the first connect is given up %s', async (_when, options, greeting, scheme) => {
    await using server = await actAsServer({ pongs: false })
    server.greet(greeting as 'silent')
    const { end } = program({ servers: `${scheme}://127.0.0.1:${server.port}`, ...options, ...forAnHour })
    const { socket } = await server.next()
    const silent = greeting === 'silent' && scheme === 'nats' && !options.tls
    if (!silent) await once(socket, 'data')
    expect(await end()).toBe(0)
  })
})

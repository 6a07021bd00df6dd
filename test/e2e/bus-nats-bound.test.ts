/**
 * The NATS driver when the bound of payloads changes under it: by another server on the same port, by a reload, by a word on
 * a live connection. Unlike the outage tests nothing is lost here but what no server would take, and that is told.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { startNatsServer } from '../../scripts/servers.ts'
import type { Message } from '../../src/bus/bus.ts'
import { type NatsBus, type NatsOptions, connectNats } from '../../src/bus/nats.ts'
import { hasNatsServer } from '../bus/nats-servers.ts'
import { eventually, none, outcome, thrown, watch } from './bus-nats-kit.ts'
import { actAsServer } from './fake-nats.ts'

const opened: AsyncDisposable[] = []
afterEach(async () => {
  for (const each of opened.splice(0).reverse()) await each[Symbol.asyncDispose]()
})

function keep<T extends AsyncDisposable>(made: T): T {
  opened.push(made)
  return made
}

async function connect(options: NatsOptions): Promise<NatsBus> {
  return keep(await connectNats({ reconnect: { waitMs: 5, waitMaxMs: 50 }, ...options }))
}

const tooLarge = (maxBytes: number, actualBytes: number) =>
  expect.objectContaining({ code: 'bus.payload_too_large', maxBytes, actualBytes })

describe.skipIf(!hasNatsServer)('NATS bus, a server comes back with a smaller bound', () => {
  it('tells what waited and is too large for it, counts it, and sends the rest', async () => {
    const first = keep(await startNatsServer({ payloadMaxBytes: 4000 }))
    const bus = await connect({ servers: first.url })
    const statuses = watch(bus)
    const got = bus.subscribe('kept.*')
    await bus.flush()
    await first.kill()
    await statuses.until('disconnected')
    bus.publish('kept.1', new Uint8Array(1000))
    bus.publish('kept.2', new Uint8Array(1001))
    bus.publish('kept.3', new Uint8Array(3000))
    bus.publish('kept.4', new Uint8Array(983), { headers: { a: 'b' } })
    bus.publish('kept.5', none)
    const late = outcome(bus.request('late', new Uint8Array(3500), { timeoutMs: 1 }))
    const asked = outcome(bus.request('asked', new Uint8Array(2000), { timeoutMs: 60_000 }))
    const flushed = outcome(bus.flush({ timeoutMs: 60_000 }))
    expect(await late).toBe('bus.timeout')
    expect(bus.buffered).toBe(7)
    keep(await startNatsServer({ port: first.port, payloadMaxBytes: 1000 }))
    expect((await statuses.until('reconnected')).unconfirmed).toBe(3)
    expect((await statuses.until('error')).error).toEqual(tooLarge(1000, 3000))
    expect([await asked, await flushed]).toEqual(['bus.payload_too_large', 'bus.disconnected'])
    await bus.flush()
    const messages = got[Symbol.asyncIterator]()
    const [one, five] = [await messages.next(), await messages.next()].map(({ value }) => (value as Message).subject)
    expect([one, five, got.pending, bus.buffered]).toEqual(['kept.1', 'kept.5', 0, 0])
    expect(bus.payloadMaxBytes).toBe(1000)
    expect(statuses.seen.filter(({ type }) => type === 'error')).toHaveLength(1)
  })

  it('counts as unconfirmed what a server, reloaded without a word, throws the connection out for', async () => {
    const server = keep(await startNatsServer({ payloadMaxBytes: 4000 }))
    const bus = await connect({ servers: server.url })
    const statuses = watch(bus)
    await bus.flush()
    const file = join(server.folder, 'nats-server.conf')
    await writeFile(file, (await readFile(file, 'utf8')).replace('max_payload: 4000', 'max_payload: 1000'))
    server.signal('SIGHUP')
    await eventually(() => server.log().includes('Reloaded: max_payload = 1000'))
    await bus.flush()
    // It tells nobody, so the first that is too large goes out.
    expect(bus.payloadMaxBytes).toBe(4000)
    bus.publish('a', new Uint8Array(3000))
    const { error } = await statuses.until('error')
    expect([error.code, error.message]).toEqual(['bus.server_refused', expect.stringMatching(/maximum payload/i)])
    expect((await statuses.until('reconnected')).unconfirmed).toBe(1)
    expect(bus.payloadMaxBytes).toBe(1000)
    expect(thrown(() => bus.publish('a', new Uint8Array(3000)))).toBe('bus.payload_too_large')
  })
})

describe('NATS bus, told of another bound on a live connection', () => {
  it('takes it at once, smaller and larger', async () => {
    await using server = await actAsServer()
    const bus = await connect({ servers: server.url })
    const first = await server.next()
    first.info({ max_payload: 100 })
    await bus.flush()
    expect(bus.payloadMaxBytes).toBe(100)
    expect(thrown(() => bus.publish('a', new Uint8Array(101)))).toBe('bus.payload_too_large')
    expect(thrown(() => bus.publish('a', new Uint8Array(100)))).toBe('fine')
    first.info({ max_payload: 200 })
    await bus.flush()
    expect(thrown(() => bus.publish('a', new Uint8Array(200)))).toBe('fine')
    expect(thrown(() => bus.publish('a', new Uint8Array(201)))).toBe('bus.payload_too_large')
    await bus.flush()
    expect(first.published).toEqual([100, 200])
  })

  it('refuses what is too large also when nobody has looked at the bound since', async () => {
    await using server = await actAsServer()
    const bus = await connect({ servers: server.url })
    const first = await server.next()
    first.info({ max_payload: 100 })
    await bus.flush()
    expect(thrown(() => bus.publish('a', new Uint8Array(101)))).toBe('bus.payload_too_large')
    await bus.flush()
    expect(first.published).toEqual([])
  })
})

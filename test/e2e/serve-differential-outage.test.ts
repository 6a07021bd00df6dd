/**
 * A server that goes away, comes back or says that it leaves, and clients that it gives up, as the official client sees it:
 * the same on the embedded server and on a real nats-server. Unlike `serve-differential-client.test.ts` each test has
 * servers of its own.
 */
import { connect as openSocket } from 'node:net'
import { describe, expect, it } from 'vitest'
import { connectNats } from '../../src/bus/nats.ts'
import { hasNatsServer } from '../bus/nats-servers.ts'
import { rawClient } from '../bus/raw-client.ts'
import { bytes, none, watch } from './bus-nats-kit.ts'
import { outcome, reader, seen, statuses, texts } from './serve-scenes.ts'
import type { Stage } from './serve-scenes.ts'

const quiet = 'CONNECT {"verbose":false,"headers":true,"no_responders":true,"protocol":1}\r\n'
/** Tries again and again until it is back. */
const patient = { reconnect: true, maxReconnectAttempts: -1, reconnectTimeWait: 20, reconnectJitter: 1 }

/** What a server says to a client that it does not take, INFO left out. */
function lastWords(port: number): Promise<string> {
  return new Promise((resolve) => {
    let text = ''
    const socket = openSocket(port, '127.0.0.1')
    socket.setEncoding('latin1').on('data', (chunk: string) => (text += chunk))
    socket.on('error', () => {})
    socket.on('close', () => resolve(text.replaceAll(/^INFO [^\n]*\n/gm, '')))
  })
}

describe.skipIf(!hasNatsServer)('outages on the embedded server and on a nats-server', () => {
  it('is reconnected to on the same port, subscriptions and counts of max too', async () => {
    await expect(
      seen(
        {},
        async ({ side, client }: Stage) => {
          const [a, b] = [await client(patient), await client(patient)]
          const [told, toldB] = [statuses(a), statuses(b)]
          const read = reader(b.subscribe('r.>'))
          const limited = b.subscribe('r.x', { max: 3 })
          b.subscribe('svc', { queue: 'q', callback: (_error, message) => void message.respond('here') })
          await b.flush()
          a.publish('r.x', 'before')
          const before = texts(await read(1))
          await a.flush()
          await side.stop()
          await Promise.all([told.until('disconnect'), toldB.until('disconnect')])
          await side.start()
          await toldB.until('reconnect')
          await b.flush()
          await told.until('reconnect')
          for (const each of ['1', '2', '3']) a.publish('r.x', each)
          const after = texts(await read(3))
          await b.flush()
          const answer = (await a.request('svc', 'x', { timeout: 10_000 })).string()
          // What a cluster looks like is no business of an outage.
          const types = [...new Set(told.seen)].filter((type) => type !== 'update')
          return { before, after, limited: limited.getReceived(), answer, types }
        },
        {
          before: ['before'],
          after: ['1', '2', '3'],
          limited: 3,
          answer: 'here',
          types: ['disconnect', 'reconnecting', 'reconnect'],
        },
      ),
    ).resolves.toBe(undefined)
  })

  // The official client throws away at each dial what was published since the last; our driver keeps it.
  it('gets what our driver was told to publish while it was away, in order, before what is newer', async () => {
    await expect(
      seen(
        {},
        async ({ side }: Stage) => {
          await using bus = await connectNats({ servers: side.url, reconnect: { waitMs: 5, waitMaxMs: 50 } })
          const told = watch(bus)
          const kept = bus.subscribe('kept.>')
          await bus.flush()
          await side.stop()
          await told.until('disconnected')
          const meanwhile = bytes('meanwhile')
          for (const each of ['a', 'b', 'c']) bus.publish(`kept.${each}`, meanwhile, { headers: { h: each } })
          const { buffered } = bus
          await side.start()
          const { unconfirmed } = await told.until('reconnected')
          bus.publish('kept.new', none)
          await bus.flush()
          kept.unsubscribe(kept.received + kept.pending)
          const got: unknown[] = []
          for await (const { subject, headers, data } of kept) got.push([subject, headers?.['h']?.[0], data.length])
          return { buffered, unconfirmed, got }
        },
        {
          buffered: 3,
          unconfirmed: 0,
          got: [
            ['kept.a', 'a', 9],
            ['kept.b', 'b', 9],
            ['kept.c', 'c', 9],
            ['kept.new', undefined, 0],
          ],
        },
      ),
    ).resolves.toBe(undefined)
  })

  it('tells its clients that it leaves, and they may stay a while', async () => {
    await expect(
      seen(
        {},
        async ({ side, client }: Stage) => {
          const a = await client()
          const told = statuses(a)
          const read = reader(a.subscribe('l'))
          await a.flush()
          await side.lameDuck()
          const { type } = await told.until('ldm')
          a.publish('l', 'still served')
          const got = texts(await read(1))
          const late = await outcome(rawClient(side.port))
          await a.close()
          return { type, got, late: late === 'fine' ? 'taken' : 'refused' }
        },
        { type: 'ldm', got: ['still served'], late: 'refused' },
      ),
    ).resolves.toBe(undefined)
  })

  it('asks silent clients, and gives up those that do not answer', async () => {
    await expect(
      seen(
        { pingIntervalMs: 150, pingsOutMax: 2 },
        async ({ side, client }: Stage) => {
          const alive = await client()
          await using silent = await rawClient(side.port)
          silent.send(`${quiet}PING\r\n`)
          const text = (await silent.ended).replaceAll(/^INFO [^\n]*\n/gm, '')
          return [text.replace(/(?:PING\r\n)+/, 'PING...'), await outcome(alive.flush())]
        },
        ["PONG\r\nPING...-ERR 'Stale Connection'\r\n", 'fine'],
      ),
    ).resolves.toBe(undefined)
  })

  it('refuses clients above its bound with its words', async () => {
    await expect(
      seen(
        { connectionsMax: 1 },
        async ({ side, client }: Stage) => {
          const first = await client()
          const second = await lastWords(side.port)
          await first.close()
          // It has left when the next one is let in.
          for (;;) {
            const third = await outcome(client())
            if (third === 'fine') return { second, third }
          }
        },
        { second: "-ERR 'maximum connections exceeded'\r\n", third: 'fine' },
      ),
    ).resolves.toBe(undefined)
  })

  it('disconnects a client that reads nothing, and no other', async () => {
    await expect(
      seen(
        { pendingMaxBytes: 1024 * 1024 },
        async ({ side, client }: Stage) => {
          const [publisher, quick] = [await client(), await client()]
          const slow = await rawClient(side.port)
          slow.send(`${quiet}SUB f 1\r\nPING\r\n`)
          await slow.until(/PONG/)
          slow.socket.pause()
          let got = 0
          let sent = 0
          quick.subscribe('f', { callback: () => void got++ })
          await quick.flush()
          const data = new Uint8Array(100_000)
          // More than the kernel keeps for the slow one and the server's bound together.
          while (sent < 400) {
            publisher.publish('f', data)
            sent++
            await publisher.flush()
            await quick.flush()
          }
          slow.socket.resume()
          await slow.ended
          return { got, quick: await outcome(quick.flush()), publisher: await outcome(publisher.flush()) }
        },
        { got: 400, quick: 'fine', publisher: 'fine' },
      ),
    ).resolves.toBe(undefined)
  })
})

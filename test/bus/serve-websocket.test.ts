/**
 * The embedded server's transport on WebSocket, with real sockets of this machine and the package `ws` on both sides. Time
 * is a manual clock wherever a time decides; no test waits for time to pass.
 */
import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import { describe, expect, it, vi } from 'vitest'
import { WebSocket } from 'ws'
import { deferred } from '../../src/base/deferred.ts'
import { PeerMissing } from '../../src/base/error.ts'
import { listenWebSocket } from '../../src/bus/serve-socket.ts'
import type { WebSocketListenOptions } from '../../src/bus/serve-socket.ts'
import { type Served, dial, pem, readAll, serve, setUp, toDispose, watch } from './serve-stage.ts'

setUp()

describe('a wire over WebSocket', () => {
  function dialWs(served: Served, options: { path?: string; secure?: boolean; origin?: string } = {}): WebSocket {
    const { path = '/', secure = false, origin } = options
    const socket = new WebSocket(`${secure ? 'wss' : 'ws'}://127.0.0.1:${served.listener.port}${path}`, {
      ca: pem.ca,
      ...(origin !== undefined && { origin }),
    })
    socket.on('error', () => {})
    toDispose.push(() => socket.terminate())
    return socket
  }
  const serveWs = (options: WebSocketListenOptions = {}) => serve(options, listenWebSocket)

  it.each([
    ['in the open', false],
    ['over TLS', true],
  ])('carries binary messages both ways, %s, on any path', async (_how, secure) => {
    const served = await serveWs(secure ? { tls: { cert: pem.cert, key: pem.key } } : {})
    const socket = dialWs(served, { path: '/some/where?x=1', secure })
    const seen = watch(await served.next())
    expect(seen.wire.encrypted).toBe(secure)
    seen.wire.write(Buffer.from('INFO'))
    const [info, isBinary] = (await once(socket, 'message')) as [Buffer, boolean]
    expect([info.toString(), isBinary]).toEqual(['INFO', true])
    socket.send(Buffer.from('CONNECT'))
    seen.wire.resume()
    await seen.until('CONNECT')
    const message = once(socket, 'message')
    seen.wire.end(Buffer.from('last'))
    expect(String((await message)[0])).toBe('last')
    const [code] = (await once(socket, 'close')) as [number]
    expect(code).toBe(1000)
    await seen.closed
    expect(served.clock.pending).toBe(0)
  })

  it('reads nothing before resume, nor while paused', async () => {
    const served = await serveWs()
    const socket = dialWs(served)
    const seen = watch(await served.next())
    await once(socket, 'open')
    socket.send(Buffer.from('first '))
    // Another client comes and goes, which takes longer than those bytes do.
    const visit = async () => {
      const other = dialWs(served)
      await once(other, 'open')
      const { wire } = watch(await served.next())
      wire.end()
      await once(other, 'close')
    }
    await visit()
    expect(seen.text()).toBe('')
    seen.wire.resume()
    await seen.until('first ')
    seen.wire.pause()
    socket.send(Buffer.from('second'))
    await visit()
    expect(seen.text()).toBe('first ')
    seen.wire.resume()
    await seen.until('second')
  })

  it('tells that the client closed, or was cut off', async () => {
    const served = await serveWs()
    const polite = dialWs(served)
    const first = watch(await served.next())
    first.wire.resume()
    polite.close()
    expect(await first.closed).toBe('the client closed the connection')
    const rude = dialWs(served)
    const second = watch(await served.next())
    second.wire.resume()
    rude.terminate()
    await second.closed
  })

  it('refuses text', async () => {
    const served = await serveWs()
    const socket = dialWs(served)
    const seen = watch(await served.next())
    seen.wire.resume()
    await once(socket, 'open')
    socket.send('PING\r\n')
    const [code] = (await once(socket, 'close')) as [number]
    expect(code).toBe(1003)
    expect(await seen.closed).toContain('binary')
    expect(seen.text()).toBe('')
  })

  it('ends a client whose message is beyond the bound', async () => {
    const served = await serveWs({ payloadMaxBytes: 1000 })
    const socket = dialWs(served)
    const seen = watch(await served.next())
    seen.wire.resume()
    await once(socket, 'open')
    socket.send(Buffer.alloc(8000, 0x61))
    socket.send(Buffer.alloc(8001, 0x61))
    const [code] = (await once(socket, 'close')) as [number]
    expect(code).toBe(1009)
    expect(await seen.closed).toContain('payload')
    expect(seen.text().length).toBe(8000)
  })

  it('counts what waits, drains, and cuts off who does not read', async () => {
    const served = await serveWs({ lingerMs: 100 })
    const socket = dialWs(served)
    await once(socket, 'open')
    socket.pause()
    const seen = watch(await served.next())
    while (seen.wire.queuedBytes === 0) seen.wire.write(Buffer.alloc(1024 * 1024))
    const drained = deferred()
    seen.wire.onDrain = () => drained.resolve()
    socket.resume()
    await drained.promise
    expect(seen.wire.queuedBytes).toBe(0)
    socket.pause()
    while (seen.wire.queuedBytes === 0) seen.wire.write(Buffer.alloc(1024 * 1024))
    seen.wire.end()
    await served.clock.advance(100)
    await seen.closed
  })

  it('answers pings, but not those of a client that reads nothing', async () => {
    const served = await serveWs()
    const socket = dialWs(served)
    const seen = watch(await served.next())
    seen.wire.resume()
    await once(socket, 'open')
    socket.ping('one')
    expect(String((await once(socket, 'pong'))[0])).toBe('one')
    socket.pause()
    while (seen.wire.queuedBytes === 0) seen.wire.write(Buffer.alloc(1024 * 1024))
    const { queuedBytes } = seen.wire
    for (let count = 0; count < 500; count++) socket.ping('x'.repeat(100))
    socket.send(Buffer.from('after the pings'))
    await seen.until('after the pings')
    expect(seen.wire.queuedBytes).toBeLessThanOrEqual(queuedBytes)
  })

  it('takes the pages that are named, and clients that name none', async () => {
    const served = await serveWs({ origins: ['https://good.example'] })
    const bad = dialWs(served, { origin: 'https://evil.example' })
    const [refusal] = (await once(bad, 'error')) as [Error]
    expect(refusal.message).toContain('403')
    const good = dialWs(served, { origin: 'https://good.example' })
    await once(good, 'open')
    const none = dialWs(served)
    await once(none, 'open')
  })

  it('answers a plain request with what to do, and cuts off one that does not end', async () => {
    const served = await serveWs()
    const status = await new Promise((resolve, reject) => {
      httpRequest({ port: served.listener.port, host: '127.0.0.1' }, (response) => {
        response.resume()
        resolve(response.statusCode)
      })
        .on('error', reject)
        .end()
    })
    expect(status).toBe(426)
    const slow = dial(served)
    slow.write('GET / HTTP/1.1\r\nHost: x\r\n')
    const dials = dialWs(served)
    await once(dials, 'open')
    await served.clock.advance(2000)
    await readAll(slow)
    expect(dials.readyState).toBe(WebSocket.OPEN)
  })

  it('needs the package ws, and says so', async () => {
    vi.doMock('ws', () => {
      throw Object.assign(new Error("Cannot find package 'ws'"), { code: 'ERR_MODULE_NOT_FOUND' })
    })
    const failure = await listenWebSocket({}, () => {}).catch((error: unknown) => error)
    vi.doUnmock('ws')
    expect(failure).toBeInstanceOf(PeerMissing)
    expect(failure).toMatchObject({ peer: 'ws' })
  })
})

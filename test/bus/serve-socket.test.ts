/**
 * The embedded server's transport on TCP, with real sockets of this machine: in the open, TLS after INFO and from the first
 * byte, client certificates. Time is a manual clock wherever a time decides; no test waits for time to pass.
 */
import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { deferred } from '../../src/base/deferred.ts'
import { InvalidArgument, TimedOut } from '../../src/base/error.ts'
import { HandshakeFailed, ListenFailed } from '../../src/bus/error.ts'
import { listenTcp } from '../../src/bus/serve-socket.ts'
import type { ListenOptions } from '../../src/bus/serve-socket.ts'
import { dial, dialTls, pem, readAll, serve, setUp, watch } from './serve-stage.ts'

setUp()

describe('a wire over TCP', () => {
  it('reads nothing before resume, then everything', async () => {
    const served = await serve()
    const socket = dial(served)
    socket.write('early')
    const { wire, until, text } = watch(await served.next())
    await once(socket, 'ready').catch(() => {})
    expect(text()).toBe('')
    wire.resume()
    await until('early')
    expect(wire).toMatchObject({ encrypted: false, remote: `127.0.0.1:${socket.localPort}`, queuedBytes: 0 })
    expect(typeof wire.upgrade).toBe('undefined')
  })

  it('tells that its client has gone, once, and after what was written has been sent', async () => {
    const served = await serve()
    const socket = dial(served)
    const seen = watch(await served.next())
    seen.wire.resume()
    socket.end('last words')
    await seen.until('last words')
    seen.wire.write(Buffer.from('answer'))
    expect(await seen.closed).toBe('the client closed the connection')
    expect(await readAll(socket)).toBe('answer')
  })

  it('tells of a client that resets, without an unhandled error', async () => {
    const served = await serve()
    const socket = dial(served)
    const seen = watch(await served.next())
    seen.wire.resume()
    socket.resetAndDestroy()
    expect(await seen.closed).toMatch(/ECONNRESET|closed/)
    expect(seen.wire.write(Buffer.from('x'))).toBe(true)
    seen.wire.end()
  })

  it('counts what the kernel has not taken, and calls onDrain when it has', async () => {
    const served = await serve()
    const socket = dial(served)
    socket.pause()
    const { wire } = watch(await served.next())
    const chunk = Buffer.alloc(1024 * 1024, 0x61)
    let written = 0
    let flowing = true
    for (; wire.queuedBytes === 0; written++) flowing = wire.write(chunk)
    expect(flowing).toBe(false)
    const drained = deferred()
    wire.onDrain = () => drained.resolve()
    let read = 0
    socket.on('data', (data: Buffer) => (read += data.length))
    socket.resume()
    await drained.promise
    expect(wire.queuedBytes).toBe(0)
    wire.end()
    await once(socket, 'close')
    expect(read).toBe(written * chunk.length)
  })

  it('sends what waits and the last bytes at the end, and drops what still comes', async () => {
    const served = await serve()
    const socket = dial(served)
    const seen = watch(await served.next())
    seen.wire.resume()
    seen.wire.write(Buffer.from('one '))
    seen.wire.end(Buffer.from('two'))
    seen.wire.end(Buffer.from('three'))
    seen.wire.write(Buffer.from('four'))
    socket.write('too late')
    expect(await readAll(socket)).toBe('one two')
    await seen.closed
    expect(seen.text()).toBe('')
  })

  it('cuts off a client that does not take what was written, when the time is over', async () => {
    const served = await serve({ lingerMs: 700 })
    const socket = dial(served)
    socket.pause()
    const seen = watch(await served.next())
    while (seen.wire.queuedBytes === 0) seen.wire.write(Buffer.alloc(1024 * 1024))
    seen.wire.end()
    await served.clock.advance(699)
    expect(seen.wire.queuedBytes).toBeGreaterThan(0)
    await served.clock.advance(1)
    await seen.closed
    expect(served.clock.pending).toBe(0)
  })

  it('stops reading while paused', async () => {
    const served = await serve()
    const socket = dial(served)
    const seen = watch(await served.next())
    seen.wire.resume()
    socket.write('first')
    await seen.until('first')
    seen.wire.pause()
    // More than the buffers between hold, so that it cannot have been taken.
    const flowing = socket.write(Buffer.alloc(16 * 1024 * 1024, 0x62))
    expect(flowing).toBe(false)
    const other = dial(served)
    await served.next()
    expect(other.destroyed).toBe(false)
    expect(seen.text()).toBe('first')
    seen.wire.resume()
    await once(socket, 'drain')
    expect(seen.text().length).toBeGreaterThan(5)
  })
})

describe('listening', () => {
  it('refuses a port that is taken', async () => {
    const { listener } = await serve()
    const failure = await listenTcp({ port: listener.port }, () => {}).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(ListenFailed)
    expect(failure).toMatchObject({ code: 'bus.listen_failed', port: listener.port, host: '127.0.0.1' })
  })

  it.each([
    ['a port that is none', { port: 70_000 }, 'port'],
    ['no text as a host', { host: '' }, 'host'],
    ['no time for handshakes', { handshakeTimeoutMs: 0 }, 'handshakeTimeoutMs'],
    ['paths in place of PEM', { tls: { cert: '/a.pem', key: '/b.pem' } }, 'tls.cert'],
  ])('refuses %s', async (_what, options, argument) => {
    await expect(listenTcp(options, () => {})).rejects.toMatchObject({ code: 'base.invalid_argument', argument })
  })

  it('refuses a key that is not of the certificate, verify without an authority, and an authority without verify', async () => {
    const { cert, key, ca, clientKey } = pem
    const refuses = (tls: NonNullable<ListenOptions['tls']>) =>
      expect(listenTcp({ tls }, () => {})).rejects.toBeInstanceOf(InvalidArgument)
    await refuses({ cert, key: clientKey })
    await refuses({ cert, key, verify: true })
    await refuses({ cert, key, ca })
  })

  it('closes a socket beyond its bound without a word', async () => {
    const served = await serve({ socketsMax: 1 })
    dial(served)
    await served.next()
    const second = dial(served)
    expect(await readAll(second)).toBe('')
  })

  it('takes nobody after close, and is closed when the last wire has ended', async () => {
    const served = await serve()
    const socket = dial(served)
    const { wire } = watch(await served.next())
    const closed = served.listener.close()
    const late = dial(served)
    const [error] = (await once(late, 'error')) as [NodeJS.ErrnoException]
    expect(error.code).toBe('ECONNREFUSED')
    wire.end(Buffer.from('bye'))
    expect(await readAll(socket)).toBe('bye')
    await closed
  })
})

describe('TLS after INFO', () => {
  async function meet(options: Partial<NonNullable<ListenOptions['tls']>> = {}, client = {}) {
    const { cert, key } = pem
    const served = await serve({ tls: { cert, key, ...options } })
    const plain = dial(served)
    const wire = await served.next()
    const seen = watch(wire)
    wire.write(Buffer.from('INFO {}\r\n'))
    const upgraded = wire.upgrade?.() ?? Promise.reject(new Error('no upgrade'))
    const outcome = upgraded.then(
      () => 'secure' as const,
      (error: unknown) => error,
    )
    const [info] = (await once(plain, 'data')) as [Buffer]
    expect(info.toString()).toBe('INFO {}\r\n')
    return { served, plain, wire, seen, outcome, secure: () => dialTls({ socket: plain, ...client }) }
  }

  it('says INFO in the open, then goes on inside', async () => {
    const { wire, seen, outcome, secure } = await meet()
    expect(wire.encrypted).toBe(false)
    const socket = secure()
    socket.write('CONNECT {}\r\n')
    expect(await outcome).toBe('secure')
    expect(wire.encrypted).toBe(true)
    wire.resume()
    await seen.until('CONNECT {}\r\n')
    wire.end(Buffer.from('PONG\r\n'))
    expect(await readAll(socket)).toBe('PONG\r\n')
    await seen.closed
  })

  it('carries megabytes both ways', async () => {
    const { wire, seen, outcome, secure } = await meet()
    const socket = secure()
    expect(await outcome).toBe('secure')
    wire.resume()
    const bytes = 3 * 1024 * 1024
    const back = readAll(socket)
    socket.write(Buffer.alloc(bytes, 0x63))
    socket.write('END')
    await seen.until('END')
    expect(seen.text().length).toBe(bytes + 3)
    wire.write(Buffer.alloc(bytes, 0x64))
    wire.end()
    expect((await back).length).toBe(bytes)
  })

  it('fails, typed, for a client that leaves in the middle of the handshake', async () => {
    const { plain, outcome, seen } = await meet()
    // The begin of a ClientHello and no more.
    plain.end(Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00]))
    expect(await outcome).toBeInstanceOf(HandshakeFailed)
    await seen.closed
  })

  it('fails for a client that goes on in the open, and its words are never read', async () => {
    const { plain, outcome, seen } = await meet()
    plain.write('CONNECT {"user":"a","pass":"b"}\r\nPUB a 0\r\n\r\n')
    expect(await outcome).toMatchObject({ code: 'bus.handshake_failed' })
    await seen.closed
    expect(seen.text()).toBe('')
  })

  it('cuts off a client that says nothing, when the time is over', async () => {
    const { served, outcome, seen } = await meet()
    await served.clock.advance(1999)
    await served.clock.advance(1)
    expect(await outcome).toBeInstanceOf(TimedOut)
    await seen.closed
    expect(served.clock.pending).toBe(0)
  })

  it('ends in the open a wire that is not wanted', async () => {
    const { cert, key } = pem
    const served = await serve({ tls: { cert, key } })
    const plain = dial(served)
    const { wire, closed } = watch(await served.next())
    wire.end(Buffer.from("-ERR 'no'\r\n"))
    expect(await readAll(plain)).toBe("-ERR 'no'\r\n")
    await closed
  })

  it('takes a client whose certificate the authority signed, and no other', async () => {
    const mutual = { ca: pem.ca, verify: true }
    const good = await meet(mutual, { cert: pem.clientCert, key: pem.clientKey })
    good.secure()
    expect(await good.outcome).toBe('secure')
    const stranger = await meet(mutual, { cert: pem.strangerCert, key: pem.strangerKey })
    stranger.secure()
    expect(await stranger.outcome).toBeInstanceOf(HandshakeFailed)
    const nobody = await meet(mutual)
    nobody.secure()
    expect(await nobody.outcome).toBeInstanceOf(HandshakeFailed)
    await Promise.all([stranger.seen.closed, nobody.seen.closed])
  })
})

describe('TLS from the first byte', () => {
  const first = (more = {}) => serve({ tls: { cert: pem.cert, key: pem.key, handshakeFirst: true, ...more } })

  it('hands out the wire when it is secure', async () => {
    const served = await first()
    const socket = dialTls({ port: served.listener.port })
    socket.write('hello')
    const seen = watch(await served.next())
    expect(seen.wire.encrypted).toBe(true)
    expect(typeof seen.wire.upgrade).toBe('undefined')
    const other = dialTls({ port: served.listener.port })
    await once(other, 'secureConnect')
    await served.next()
    expect(seen.text()).toBe('')
    seen.wire.resume()
    await seen.until('hello')
    seen.wire.end(Buffer.from('bye'))
    expect(await readAll(socket)).toBe('bye')
  })

  it('hands out nothing for a stranger, for silence, and for clients in the open', async () => {
    const served = await first({ ca: pem.ca, verify: true })
    const stranger = dialTls({ port: served.listener.port, cert: pem.strangerCert, key: pem.strangerKey })
    const open = dial(served)
    open.write('CONNECT {}\r\n')
    await Promise.all([readAll(stranger), readAll(open)])
    const silent = dial(served)
    const known = dialTls({ port: served.listener.port, cert: pem.clientCert, key: pem.clientKey })
    const { wire } = watch(await served.next())
    await served.clock.advance(2000)
    await readAll(silent)
    // The one wire is that of the last client.
    expect(wire.remote).toBe(`127.0.0.1:${known.localPort}`)
  })

  it('cuts off a handshake when the listener closes', async () => {
    const served = await first()
    const silent = dial(served)
    await once(silent, 'connect')
    const other = dialTls({ port: served.listener.port })
    const { wire } = watch(await served.next())
    const closed = served.listener.close()
    expect(await readAll(silent)).toBe('')
    wire.destroy()
    await closed
    other.destroy()
  })
})

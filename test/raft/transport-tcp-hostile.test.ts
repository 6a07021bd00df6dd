import { createSecretKey } from 'node:crypto'
import { createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { lineLogger } from '../../src/base/logger.ts'
import { manualClock } from '../../src/base/manual-clock.ts'
import type { ManualClock } from '../../src/base/manual-clock.ts'
import { tcpTransport } from '../../src/raft/transport-tcp.ts'
import type { TcpTransport, TcpTransportOptions } from '../../src/raft/transport-tcp.ts'
import { Transcript, decodeWelcome, encodeHello } from '../../src/raft/transport-tcp-handshake.ts'
import type { Hello } from '../../src/raft/transport-tcp-handshake.ts'
import { RecordOpener, RecordSealer, recordKinds } from '../../src/raft/transport-tcp-record.ts'
import { eventually, joinMember, portOf, proxyTo, stranger } from './tcp-kit.ts'
import type { TestMember } from './tcp-kit.ts'

const secret = 'a secret of the group, by chance'
const open: { close(): Promise<unknown> }[] = []

afterEach(async () => {
  for (const each of open.splice(0)) await each.close()
})

async function transport(options: TcpTransportOptions = {}): Promise<TcpTransport> {
  const made = await tcpTransport(options)
  open.push(made)
  return made
}

interface Pair {
  readonly ta: TcpTransport
  readonly tb: TcpTransport
  readonly a: TestMember
  readonly b: TestMember
}

/** Members a and b; a knows b. */
async function pair(options: TcpTransportOptions = {}): Promise<Pair> {
  const [ta, tb] = [await transport(options), await transport(options)]
  const [a, b] = [joinMember(ta, 'a'), joinMember(tb, 'b')]
  a.link.setAddress('b', tb.address)
  return { ta, tb, a, b }
}

function say(member: TestMember, to: string, text: string): boolean {
  return member.link.send(to, Buffer.from(text))
}

const greeting: Hello = {
  purpose: 'frames',
  proves: false,
  group: 'group',
  from: 'a',
  to: 'b',
  nonce: new Uint8Array(32),
}

/** A member by hand: greets, proves what it can, then has the means to say anything. */
async function byHand(port: number, hello: Partial<Hello> = {}, proof?: string) {
  const wire = await stranger(port)
  const sealer = new RecordSealer()
  const said = encodeHello({ ...greeting, ...hello })
  wire.socket.write(sealer.seal(recordKinds.hello, [said]))
  await Promise.race([eventually(() => Buffer.concat(wire.heard).length >= 45), wire.closed])
  if (proof !== undefined) {
    const opener = new RecordOpener(1000)
    opener.push(Buffer.concat(wire.heard), (_kind, body) => {
      opener.stop()
      const { nonce } = decodeWelcome(body, true)
      const transcript = new Transcript(createSecretKey(Buffer.from(proof)), said, nonce)
      wire.socket.write(sealer.seal(recordKinds.proof, [transcript.ofClient]))
      sealer.useKey(transcript.keys.toServer)
    })
  }
  const frames = (texts: readonly string[]) => {
    const parts = texts.map((text) => Buffer.from(text))
    const bytes = parts.reduce((sum, part) => sum + part.length + 4, 0)
    return sealer.sealFrames(parts, 0, parts.length, bytes)
  }
  return { ...wire, sealer, frames }
}

/** A node that greets like a member of a group without a secret, and then does with the socket what it is told to. */
async function fakeNode(then: (socket: Socket) => void): Promise<{ address: string }> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('data', () => {
      socket.write(new RecordSealer().seal(recordKinds.welcome, [new Uint8Array(32)]))
      then(socket)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  open.push({
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy()
        server.close(resolve)
      }),
  })
  return { address: `tcp://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

/** Lets time pass on the manual clock, with turns for the sockets between, until the condition holds. */
async function passing(clock: ManualClock, stepMs: number, condition: () => boolean): Promise<void> {
  while (!condition()) {
    await clock.advance(stepMs)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

describe('tcp transport and strangers', () => {
  it('closes on garbage, counts it, and goes on with its members', async () => {
    const { tb, a, b } = await pair({ secret })
    const garbage = [
      Buffer.from('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n'),
      Buffer.alloc(3000, 255),
      Buffer.alloc(3000),
      Buffer.from([255, 255, 255, 255, 0, 0, 0, 0]),
      new RecordSealer().seal(recordKinds.frames, [Buffer.from('frames at once')]),
      new RecordSealer().seal(recordKinds.hello, [Buffer.from('no greeting')]),
    ]
    for (const [at, bytes] of garbage.entries()) {
      const { socket, closed, heard } = await stranger(portOf(tb.address))
      socket.write(bytes)
      await closed
      expect(tb.refused).toBe(at + 1)
      expect(heard).toEqual([])
    }
    expect(say(a, 'b', 'after')).toBe(true)
    await b.until(() => b.frames.length === 1)
    expect(b.frames).toEqual(['after'])
  })

  it('closes on whoever says nothing, or half of it, when the time for a handshake is over', async () => {
    const clock = manualClock()
    const { tb } = await pair({ clock, handshakeTimeoutMs: 500 })
    const silent = await stranger(portOf(tb.address))
    const half = await stranger(portOf(tb.address))
    half.socket.write(new RecordSealer().seal(recordKinds.hello, [encodeHello(greeting)]).subarray(0, 40))
    let closed = 0
    for (const each of [silent, half]) void each.closed.then(() => closed++)
    await passing(clock, 100, () => closed === 2)
    expect(clock.monotonicMs()).toBeGreaterThanOrEqual(500)
    expect(tb.refused).toBe(2)
  })

  it('closes on a member that is not here, another group, a version of later, and itself', async () => {
    const { tb, b } = await pair()
    for (const hello of [{ to: 'z' }, { group: 'other' }, { from: 'b' }, { proves: true }] as const) {
      const { closed } = await byHand(portOf(tb.address), hello)
      await closed
    }
    expect(tb.refused).toBe(4)
    const later = Buffer.from(encodeHello(greeting))
    later[4] = 2
    const { socket, closed } = await stranger(portOf(tb.address))
    socket.write(new RecordSealer().seal(recordKinds.hello, [later]))
    await closed
    expect(tb.refused).toBe(5)
    expect(b.frames).toEqual([])
  })

  it('takes no more connections than its bound, those that stay silent too', async () => {
    const tb = await transport({ connectionsMax: 2 })
    const b = joinMember(tb, 'b')
    const first = await byHand(portOf(tb.address))
    await stranger(portOf(tb.address))
    const third = await stranger(portOf(tb.address))
    await third.closed
    first.socket.write(first.frames(['heard']))
    await b.until(() => b.frames.length === 1)
    expect(b.frames).toEqual(['heard'])
  })

  it('is not told of a wrong secret more than that, on either side', async () => {
    const lines: string[] = []
    const logger = lineLogger({ write: (line) => lines.push(line), now: () => 0, level: 'debug' })
    const [ta, tb] = [await transport({ secret: `${secret}!`, logger }), await transport({ secret, logger })]
    const [a, b] = [joinMember(ta, 'a'), joinMember(tb, 'b')]
    a.link.setAddress('b', tb.address)
    expect(say(a, 'b', 'never')).toBe(true)
    await a.until(() => a.lost.length === 1)
    expect(a.link.counts).toEqual({ sent: 0, received: 0, dropped: 1, refused: 0 })
    const forged = await byHand(portOf(tb.address), { proves: true }, `${secret}!`)
    forged.socket.write(forged.frames(['never']))
    await forged.closed
    await expect(a.link.stream('b', Buffer.from('never'), one('never'))).rejects.toThrow(
      expect.objectContaining({ code: 'raft.stream_failed' }),
    )
    await eventually(() => b.link.counts.refused >= 2)
    expect(b.frames).toEqual([])
    expect(lines.length).toBeGreaterThan(1)
    expect(lines.join('')).not.toContain(secret)
  })

  it('lets nobody without the secret take the place of a member', async () => {
    const { tb, a, b } = await pair({ secret })
    say(a, 'b', 'before')
    await b.until(() => b.frames.length === 1)
    const forged = await byHand(portOf(tb.address), { proves: true }, `${secret}!`)
    await forged.closed
    say(a, 'b', 'after')
    await b.until(() => b.frames.length === 2)
    expect([a.lost, b.link.counts.refused]).toEqual([[], 1])
  })

  it('takes a member by hand that has the secret, which shows that the forged ones failed for the lack of it', async () => {
    const tb = await transport({ secret })
    const b = joinMember(tb, 'b')
    const member = await byHand(portOf(tb.address), { proves: true }, secret)
    member.socket.write(member.frames(['one', 'two']))
    await b.until(() => b.frames.length === 2)
    expect(b.frames).toEqual(['one', 'two'])
  })
})

describe('tcp transport and whoever sits in between', () => {
  it('takes nothing of a connection that is replayed', async () => {
    const { tb, a, b } = await pair({ secret })
    await using proxy = await proxyTo(portOf(tb.address))
    a.link.setAddress('b', proxy.address)
    say(a, 'b', 'once')
    await b.until(() => b.frames.length === 1)
    const { socket, closed } = await stranger(portOf(tb.address))
    socket.write(Buffer.concat(proxy.seen[0]!))
    await closed
    expect(b.link.counts).toEqual({ sent: 0, received: 1, dropped: 0, refused: 1 })
  })

  it.each(['repeated', 'injected', 'changed', 'left out'])(
    'breaks at a record that is %s, and takes nothing of it',
    async (how) => {
      const { tb, a, b } = await pair({ secret })
      await using proxy = await proxyTo(portOf(tb.address))
      a.link.setAddress('b', proxy.address)
      say(a, 'b', 'first')
      await b.until(() => b.frames.length === 1)
      const harm: Record<string, (piece: Buffer) => Buffer> = {
        repeated: (piece) => Buffer.concat([piece, piece]),
        injected: (piece) => Buffer.concat([new RecordSealer().seal(recordKinds.frames, [Buffer.alloc(20)]), piece]),
        changed: (piece) => Buffer.concat([piece.subarray(0, 14), Buffer.of(piece[14]! ^ 1), piece.subarray(15)]),
        'left out': () => Buffer.alloc(0),
      }
      const before = proxy.seen[0]!.length
      proxy.onward = harm[how]!
      say(a, 'b', 'second')
      await eventually(() => proxy.seen[0]!.length > before)
      proxy.onward = (piece) => piece
      say(a, 'b', 'third')
      await a.until(() => a.lost.length === 1)
      expect(b.frames).toEqual(how === 'repeated' ? ['first', 'second'] : ['first'])
      expect(b.link.counts.refused).toBe(1)
    },
  )

  it('fails both sides of a stream that is cut', async () => {
    const { tb, a, b } = await pair({ secret })
    await using proxy = await proxyTo(portOf(tb.address))
    a.link.setAddress('b', proxy.address)
    const there = new Promise((resolve) => {
      b.onStream = async (_from, _header, content) => {
        try {
          for await (const _piece of content) proxy.cut()
        } catch (error) {
          resolve(error)
          throw error
        }
      }
    })
    const endless = (async function* () {
      yield Buffer.from('first')
      await new Promise(() => {})
    })()
    const failed = expect.objectContaining({ code: 'raft.stream_failed' })
    await expect(a.link.stream('b', Buffer.from('header'), endless)).rejects.toThrow(failed)
    expect(await there).toEqual(failed)
  })
})

describe('tcp transport and members that fail', () => {
  it('holds for a peer that does not read no more than its bounds, and breaks when it stays silent', async () => {
    const clock = manualClock()
    const slow = await fakeNode((socket) => socket.pause())
    const { a, b } = await pair({ clock, queueMax: 100, queueMaxBytes: 4_000_000 })
    a.link.setAddress('slow', slow.address)
    const frame = Buffer.alloc(50_000)
    let taken = 0
    while (a.link.send('slow', frame) || a.link.counts.dropped < 50) {
      taken = a.link.counts.sent
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(a.link.counts.dropped).toBe(50)
    // What the kernel holds of it is not ours to bound.
    expect(taken).toBeLessThan(1000)
    expect(say(a, 'b', 'not held up')).toBe(true)
    await b.until(() => b.frames.length === 1)
    await passing(clock, 1000, () => a.lost.includes('slow'))
    expect(clock.monotonicMs()).toBeGreaterThanOrEqual(10_000)
    expect(a.lost).toEqual(['slow'])
  })

  it('bounds what waits by frames as well', async () => {
    const slow = await fakeNode((socket) => socket.pause())
    const { a } = await pair({ queueMax: 100 })
    a.link.setAddress('slow', slow.address)
    let taken = 0
    while (a.link.send('slow', Buffer.from('x'))) taken++
    expect(taken).toBe(100)
    expect(a.link.counts).toEqual({ sent: 0, received: 0, dropped: 1, refused: 0 })
  })

  it('hears all of a member that floods, and others meanwhile', async () => {
    const [tb, tc] = [await transport(), await transport()]
    const [b, c] = [joinMember(tb, 'b'), joinMember(tc, 'c')]
    c.link.setAddress('b', tb.address)
    const flood = await byHand(portOf(tb.address))
    const texts = Array.from({ length: 1000 }, () => 'flood')
    for (let at = 0; at < 100; at++) flood.socket.write(flood.frames(texts))
    say(c, 'b', 'heard')
    await b.until(() => b.frames.length === 100_001)
    expect(b.frames.filter((text) => text === 'heard')).toEqual(['heard'])
    expect(b.link.counts).toEqual({ sent: 0, received: 100_001, dropped: 0, refused: 0 })
  })

  it('breaks with a member that announces a frame above the bound', async () => {
    const tb = await transport({ frameMaxBytes: 1000 })
    const b = joinMember(tb, 'b')
    const giant = await byHand(portOf(tb.address))
    giant.socket.write(giant.frames(['x'.repeat(1000)]))
    await b.until(() => b.frames.length === 1)
    giant.socket.write(giant.frames(['y'.repeat(1001)]))
    await giant.closed
    const longer = await byHand(portOf(tb.address))
    longer.socket.write(Buffer.from([0, 0, 0, 64, 1, 0, 0, 0, 1, 2, 3]))
    await longer.closed
    expect(b.link.counts).toEqual({ sent: 0, received: 1, dropped: 0, refused: 2 })
  })

  it('reaches a member that was killed and is back, after a wait, and tells of the loss', async () => {
    const clock = manualClock()
    const { tb, a, b } = await pair({ clock, secret })
    say(a, 'b', 'before')
    await b.until(() => b.frames.length === 1)
    await tb.close()
    await a.until(() => a.lost.length === 1)
    expect(say(a, 'b', 'too early')).toBe(false)
    await clock.advance(60)
    expect(say(a, 'b', 'to nobody')).toBe(true)
    await a.until(() => a.lost.length === 2)
    expect(a.link.counts).toEqual({ sent: 1, received: 0, dropped: 2, refused: 0 })
    const again = await transport({ clock, secret, listen: { port: portOf(tb.address) } })
    const back = joinMember(again, 'b')
    await clock.advance(200)
    expect(say(a, 'b', 'after')).toBe(true)
    await back.until(() => back.frames.length === 1)
    expect(back.frames).toEqual(['after'])
    expect(b.frames).toEqual(['before'])
  })

  it('dials a node that is not there less and less often', async () => {
    const clock = manualClock()
    const { a } = await pair({ clock, reconnectMs: 100, reconnectMaxMs: 1600 })
    const gone = await transport()
    a.link.setAddress('gone', gone.address)
    await gone.close()
    const waits: number[] = []
    let sinceMs = 0
    for (let at = 1; at <= 8; at++) {
      await passing(clock, 1, () => say(a, 'gone', 'x'))
      waits.push(clock.monotonicMs() - sinceMs)
      sinceMs = clock.monotonicMs()
      await a.until(() => a.lost.length === at)
    }
    // Each wait is between half of its bound and all of it, and the bound doubles up to the longest.
    for (const [at, waitMs] of waits.slice(1).entries()) {
      const boundMs = Math.min(1600, 100 * 2 ** at)
      expect(waitMs).toBeGreaterThanOrEqual(boundMs / 2)
      expect(waitMs).toBeLessThanOrEqual(boundMs + 1)
    }
  })

  it('sends all frames of a turn in one record', async () => {
    const records: number[] = []
    const opener = new RecordOpener(1_000_000)
    let come = () => {}
    const all = new Promise<void>((resolve) => (come = resolve))
    const node = await fakeNode((socket) => {
      opener.push(new RecordSealer().seal(recordKinds.hello), () => {})
      socket.on('data', (piece: Buffer) => {
        opener.push(piece, (kind, body) => {
          records.push(kind)
          if (body.includes('last')) come()
        })
      })
    })
    const { a } = await pair()
    a.link.setAddress('c', node.address)
    for (let turn = 0; turn < 3; turn++) {
      for (let at = 0; at < 100; at++) say(a, 'c', 'frame')
      if (turn === 2) say(a, 'c', 'last')
      await eventually(() => a.link.counts.sent >= (turn + 1) * 100)
    }
    await all
    expect(records).toEqual([recordKinds.frames, recordKinds.frames, recordKinds.frames])
  })

  it('goes to the new address of a member that moved', async () => {
    const { a, b } = await pair()
    say(a, 'b', 'here')
    await b.until(() => b.frames.length === 1)
    const elsewhere = await transport()
    const moved = joinMember(elsewhere, 'b')
    a.link.setAddress('b', elsewhere.address)
    say(a, 'b', 'there')
    await moved.until(() => moved.frames.length === 1)
    expect([b.frames, moved.frames]).toEqual([['here'], ['there']])
    expect(a.lost).toEqual([])
  })

  it('has one connection of each member: the latest', async () => {
    const tb = await transport()
    const b = joinMember(tb, 'b')
    const former = await byHand(portOf(tb.address))
    const latter = await byHand(portOf(tb.address))
    await former.closed
    latter.socket.write(latter.frames(['latter']))
    await b.until(() => b.frames.length === 1)
    expect(b.frames).toEqual(['latter'])
  })

  it('keeps a connection that has nothing to say, and ends one whose other side is gone without a word', async () => {
    const clock = manualClock()
    const { tb, a, b } = await pair({ clock })
    const gone = await byHand(portOf(tb.address), { from: 'gone' })
    say(a, 'b', 'first')
    await b.until(() => b.frames.length === 1)
    let closed = false
    void gone.closed.then(() => (closed = true))
    await passing(clock, 500, () => closed)
    const endMs = clock.monotonicMs() + 60_000
    await passing(clock, 500, () => clock.monotonicMs() > endMs)
    say(a, 'b', 'still there')
    await b.until(() => b.frames.length === 2)
    expect(a.lost).toEqual([])
  })

  it('breaks with a member at whose frame the receiver throws, says so, and goes on', async () => {
    const lines: string[] = []
    const logger = lineLogger({ write: (line) => lines.push(line), now: () => 0 })
    const { a, b } = await pair({ logger })
    b.onFrame = () => {
      throw new Error('a defect of the receiver')
    }
    say(a, 'b', 'first')
    await a.until(() => a.lost.length === 1)
    b.onFrame = () => {}
    await eventually(() => say(a, 'b', 'second'))
    await b.until(() => b.frames.length === 2)
    expect(lines.join('')).toContain('a defect of the receiver')
    expect(b.link.counts.refused).toBe(0)
  })

  it('takes as many streams at one time as it may', async () => {
    const { a, b } = await pair({ streamsMax: 1 })
    let end = () => {}
    const held = new Promise<void>((resolve) => (end = resolve))
    let begun = false
    b.onStream = async (_from, _header, content) => {
      begun = true
      await held
      for await (const _piece of content);
    }
    const first = a.link.stream('b', Buffer.from('1'), one('first'))
    await eventually(() => begun)
    await expect(a.link.stream('b', Buffer.from('2'), one('second'))).rejects.toThrow(
      expect.objectContaining({ code: 'raft.stream_failed' }),
    )
    end()
    await first
    await a.link.stream('b', Buffer.from('3'), one('third'))
  })
})

async function* one(text: string): AsyncGenerator<Uint8Array, void, undefined> {
  yield Buffer.from(text)
}

describe('tcp transport options', () => {
  it.each([
    [{ listen: { host: '0.0.0.0' } }, 'raft.unauthenticated'],
    [{ listen: { host: '::' } }, 'raft.unauthenticated'],
    [{ listen: { host: 'example.org' } }, 'raft.unauthenticated'],
    [{ secret: 'too short' }, 'base.invalid_argument'],
    [{ secret, tls: { key: 'k', cert: 'c', ca: 'a' } }, 'base.invalid_argument'],
    [{ tls: { key: 'k', cert: 'c', ca: 'a' } }, 'base.invalid_argument'],
    [{ queueMax: 0 }, 'base.invalid_argument'],
    [{ keepaliveMs: 2000, idleTimeoutMs: 1000 }, 'base.invalid_argument'],
    [{ timeout: 1 }, 'base.invalid_argument'],
  ])('refuses %j', async (options, code) => {
    await expect(tcpTransport(options as TcpTransportOptions)).rejects.toThrow(expect.objectContaining({ code }))
  })

  it('tells of a port that is taken', async () => {
    const first = await transport()
    const listen = { port: portOf(first.address) }
    await expect(tcpTransport({ listen })).rejects.toThrow(expect.objectContaining({ code: 'raft.listen_failed' }))
  })

  it('dials nobody beyond this machine without a proof of who that is', async () => {
    const { a } = await pair()
    const refused = expect.objectContaining({ code: 'raft.unauthenticated' })
    expect(() => a.link.setAddress('c', 'tcp://192.0.2.1:7000')).toThrow(refused)
    for (const address of [
      '127.0.0.1:1',
      'tcp://127.0.0.1',
      'tcp://127.0.0.1:0',
      'tcp://127.0.0.1:65536',
      'http://a:1',
      '',
    ])
      expect(() => a.link.setAddress('c', address)).toThrow(expect.objectContaining({ code: 'base.invalid_argument' }))
    a.link.setAddress('c', 'tcp://[::1]:7000')
    const proving = joinMember(await transport({ secret }), 'a')
    proving.link.setAddress('c', 'tcp://192.0.2.1:7000')
  })

  it('tells the address that others are to dial', async () => {
    const made = await transport({ secret, listen: { host: '0.0.0.0' }, advertiseHost: 'node-a.example' })
    expect(made.address).toMatch(/^tcp:\/\/node-a\.example:\d+$/)
  })
})

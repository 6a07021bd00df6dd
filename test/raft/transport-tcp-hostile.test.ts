import { afterEach, describe, expect, it } from 'vitest'
import { lineLogger } from '../../src/base/logger.ts'
import { manualClock } from '../../src/base/manual-clock.ts'
import { encodeHello } from '../../src/raft/transport-tcp-handshake.ts'
import { RecordSealer, recordKinds } from '../../src/raft/transport-tcp-record.ts'
import { eventually, joinMember, portOf, proxyTo, stranger } from './tcp-kit.ts'
import { byHand, closeAll, greeting, one, pair, passing, say, secret, transport } from './tcp-pair.ts'

afterEach(closeAll)

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
    for (const hello of [{ to: 'z' }, { group: 'other' }, { from: 'b' }, { from: '' }, { proves: true }] as const) {
      const { closed } = await byHand(portOf(tb.address), hello)
      await closed
    }
    expect(tb.refused).toBe(5)
    const later = Buffer.from(encodeHello(greeting))
    later[4] = 2
    const { socket, closed } = await stranger(portOf(tb.address))
    socket.write(new RecordSealer().seal(recordKinds.hello, [later]))
    await closed
    expect(tb.refused).toBe(6)
    expect(b.frames).toEqual([])
  })

  it('takes no more connections than its bound, and members before strangers', async () => {
    // Nobody is closed for being silent: no time passes.
    const tb = await transport({ connectionsMax: 3, clock: manualClock() })
    const b = joinMember(tb, 'b')
    const member = await byHand(portOf(tb.address))
    const strangers = [await stranger(portOf(tb.address)), await stranger(portOf(tb.address))]
    const third = await stranger(portOf(tb.address))
    await strangers[0]!.closed
    const second = await byHand(portOf(tb.address), { from: 'c' })
    await strangers[1]!.closed
    const last = await byHand(portOf(tb.address), { from: 'd' })
    await third.closed
    const beyond = await stranger(portOf(tb.address))
    await beyond.closed
    for (const each of [member, second, last]) each.socket.write(each.frames(['heard']))
    await b.until(() => b.frames.length === 3)
    expect(tb.refused).toBe(4)
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

import { afterEach, describe, expect, it } from 'vitest'
import { lineLogger } from '../../src/base/logger.ts'
import { manualClock } from '../../src/base/manual-clock.ts'
import { RecordOpener, RecordSealer, recordKinds } from '../../src/raft/transport-tcp-record.ts'
import { eventually, joinMember, portOf } from './tcp-kit.ts'
import { byHand, closeAll, fakeNode, one, pair, passing, say, secret, transport } from './tcp-pair.ts'

afterEach(closeAll)

describe('tcp transport and members that fail', () => {
  it('holds for a peer that does not read no more than its bounds, and breaks when it stays silent', async () => {
    const clock = manualClock()
    const slow = await fakeNode((socket) => socket.pause())
    const { a, b } = await pair({ clock, queueMaxBytes: 4_000_000 })
    a.link.setAddress('slow', slow.address)
    const frame = Buffer.alloc(50_000)
    let taken = 0
    while (a.link.counts.dropped < 50 && taken < 2000) {
      if (a.link.send('slow', frame)) taken++
      await new Promise((resolve) => setImmediate(resolve))
    }
    // What the kernel holds of it, some megabytes, is not ours to bound.
    expect(taken).toBeLessThan(1000)
    expect(a.link.counts.dropped).toBe(50)
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

  it('lets go of a stream that was refused, though its sender reads nothing and goes on', async () => {
    const clock = manualClock()
    const { tb, a, b } = await pair({ clock, streamsMax: 1 })
    const hand = await byHand(portOf(tb.address), { purpose: 'stream', from: 'hand' })
    hand.socket.pause()
    b.onStream = async () => {
      // More has come than may wait, so that the connection is paused.
      for (let turn = 0; turn < 100; turn++) await new Promise((resolve) => setImmediate(resolve))
      throw new Error('refused')
    }
    hand.socket.write(hand.sealer.seal(recordKinds.header))
    for (let at = 0; at < 20; at++) hand.socket.write(hand.sealer.seal(recordKinds.chunk, [Buffer.alloc(100_000)]))
    const sent = async () =>
      a.link.stream('b', Buffer.of(1), one('next')).then(
        () => true,
        () => false,
      )
    expect(await sent()).toBe(false)
    b.onStream = async (_from, _header, content) => {
      for await (const _piece of content);
    }
    while (!(await sent()) && clock.monotonicMs() < 60_000) {
      hand.socket.write(Buffer.alloc(10))
      await clock.advance(1000)
    }
    expect(clock.monotonicMs()).toBeGreaterThanOrEqual(10_000)
    expect(clock.monotonicMs()).toBeLessThan(60_000)
  })
})

import { describe, expect, it } from 'vitest'
import { predictableEntropy, systemEntropy } from '../../src/base/entropy.ts'
import { manualClock } from '../../src/base/manual-clock.ts'
import { seededRandom } from '../../src/base/random.ts'
import type { Message } from '../../src/bus/bus.ts'
import { ConnectFailed, PermissionDenied } from '../../src/bus/error.ts'
import { RequestMux } from '../../src/bus/requests.ts'
import type { RequestMuxOptions } from '../../src/bus/requests.ts'

const none = new Uint8Array(0)

function muxOf(options: Partial<RequestMuxOptions> = {}) {
  const clock = manualClock()
  const sent: string[] = []
  const mux = new RequestMux({
    clock,
    entropy: systemEntropy,
    send: (_subject, _data, reply) => void sent.push(reply),
    ...options,
  })
  return { mux, clock, sent }
}

function answerTo(subject: string | undefined, text = ''): Message {
  return { subject: subject ?? 'nowhere', data: new TextEncoder().encode(text), respond: () => false }
}

const outcomeOf = (work: Promise<unknown>) =>
  work.then(
    () => 'answered',
    (error: { code?: string }) => error.code,
  )

describe('request mux', () => {
  it('gives each request a reply subject of its own under one inbox', () => {
    const { mux, sent } = muxOf()
    for (let at = 0; at < 10_000; at++) void outcomeOf(mux.request('a', none))
    expect(new Set(sent).size).toBe(10_000)
    const prefix = mux.inbox.slice(0, -1)
    expect(prefix).toMatch(/^_INBOX\.[\w-]{22}\.$/)
    for (const reply of sent) expect(reply.slice(prefix.length)).toMatch(/^[\w-]{11}$/)
    mux.close()
  })

  it('names its inboxes by the entropy it is given', () => {
    const inbox = () => muxOf({ entropy: predictableEntropy(seededRandom(7)) }).mux.inbox
    expect(inbox()).toBe(inbox())
    expect(muxOf().mux.inbox).not.toBe(muxOf().mux.inbox)
  })

  it('takes no answer whose token is not exact', async () => {
    const { mux, sent } = muxOf()
    const outcome = outcomeOf(mux.request('a', none))
    const [reply = ''] = sent
    const wrong = reply.slice(0, -1) + (reply.endsWith('A') ? 'B' : 'A')
    for (const subject of [wrong, reply.slice(0, -1), `${reply}x`, mux.inbox, '', '_INBOX.']) {
      mux.deliver(answerTo(subject))
      mux.noResponders(subject)
    }
    expect(mux.pending).toBe(1)
    mux.deliver(answerTo(reply))
    expect(await outcome).toBe('answered')
    expect(mux.pending).toBe(0)
  })

  it('does not give a place that is used again to a late answer', async () => {
    const { mux, sent } = muxOf()
    const first = outcomeOf(mux.request('a', none))
    mux.noResponders(sent[0] ?? '')
    expect(await first).toBe('bus.no_responders')
    const second = outcomeOf(mux.request('a', none))
    mux.deliver(answerTo(sent[0]))
    expect(mux.pending).toBe(1)
    mux.deliver(answerTo(sent[1]))
    expect(await second).toBe('answered')
  })

  it('keeps one timer for all and fires each at its own time, whatever the order of deadlines', async () => {
    const { mux, clock } = muxOf()
    const times = Array.from({ length: 300 }, (_none, at) => 1 + ((at * 7919) % 1000))
    const ended: number[] = []
    for (const timeoutMs of times)
      void mux.request('a', none, { timeoutMs }).catch(() => void ended.push(clock.monotonicMs() - timeoutMs))
    expect(clock.pending).toBe(1)
    await clock.advance(1000)
    expect(ended).toEqual(times.map(() => 0))
    expect(clock.pending).toBe(0)
  })

  it('leaves no timer behind when all were answered', async () => {
    const { mux, clock, sent } = muxOf()
    const all = Array.from({ length: 100 }, () => mux.request('a', none))
    for (const reply of sent) mux.deliver(answerTo(reply))
    await Promise.all(all)
    expect(mux.pending).toBe(0)
    await clock.advance(100)
    expect(clock.pending).toBe(0)
  })

  it('makes no Error for a request that is answered', async () => {
    const { mux, sent } = muxOf()
    const before = Error.stackTraceLimit
    let made = 0
    Object.defineProperty(Error, 'stackTraceLimit', {
      configurable: true,
      get: () => {
        made++
        return before
      },
    })
    try {
      const request = mux.request('a', none)
      mux.deliver(answerTo(sent[0]))
      await request
    } finally {
      Object.defineProperty(Error, 'stackTraceLimit', { configurable: true, writable: true, value: before })
    }
    expect(made).toBe(0)
  })

  it('bounds the requests that wait', async () => {
    const { mux, sent } = muxOf({ requestsMax: 2 })
    const waiting = [mux.request('a', none), mux.request('a', none)]
    expect(await outcomeOf(mux.request('a', none))).toBe('base.limit_exceeded')
    mux.deliver(answerTo(sent[0]))
    const third = mux.request('a', none)
    for (const reply of sent.slice(1)) mux.deliver(answerTo(reply))
    await Promise.all([...waiting, third])
  })

  it('frees the listener of a signal with the request', async () => {
    const { mux, sent } = muxOf()
    const controller = new AbortController()
    const request = mux.request('a', none, { signal: controller.signal })
    mux.deliver(answerTo(sent[0]))
    await request
    controller.abort()
    expect(mux.pending).toBe(0)
  })

  it('passes on what send throws, and forgets the request', async () => {
    const { mux } = muxOf({
      send: () => {
        throw new RangeError('refused')
      },
    })
    await expect(mux.request('a', none)).rejects.toThrow(RangeError)
    await expect(mux.requestMany('a', none)[Symbol.asyncIterator]().next()).rejects.toThrow(RangeError)
    expect(mux.pending).toBe(0)
  })

  it('ends requestMany with bus.slow_consumer when too many answers wait', async () => {
    const { mux, sent } = muxOf()
    const iterator = mux.requestMany('a', none)[Symbol.asyncIterator]()
    for (let at = 0; at <= 65_536; at++) mux.deliver(answerTo(sent[0]))
    expect(mux.pending).toBe(0)
    for (let at = 0; at < 65_536; at++) expect((await iterator.next()).done).toBe(false)
    await expect(iterator.next()).rejects.toMatchObject({ code: 'bus.slow_consumer' })
    expect((await iterator.next()).done).toBe(true)
  })

  it('aborting requestMany ends it at once, whatever waits', async () => {
    const { mux, sent } = muxOf()
    const controller = new AbortController()
    const iterator = mux.requestMany('a', none, { signal: controller.signal })[Symbol.asyncIterator]()
    mux.deliver(answerTo(sent[0]))
    controller.abort()
    await expect(iterator.next()).rejects.toMatchObject({ code: 'base.aborted' })
    expect((await iterator.next()).done).toBe(true)
  })

  it('runs the sentinel outside the call that delivers, and passes on what it throws', async () => {
    const { mux, sent } = muxOf()
    const sentinel = () => {
      throw new RangeError('in the sentinel')
    }
    const next = mux.requestMany('a', none, { sentinel })[Symbol.asyncIterator]().next()
    expect(() => mux.deliver(answerTo(sent[0]))).not.toThrow()
    await expect(next).rejects.toThrow(RangeError)
    expect(mux.pending).toBe(0)
  })

  it('moves the stall with each answer and keeps the end of all', async () => {
    const { mux, clock, sent } = muxOf()
    const iterator = mux.requestMany('a', none, { timeoutMs: 100, stallMs: 30 })[Symbol.asyncIterator]()
    for (let at = 0; at < 4; at++) {
      mux.deliver(answerTo(sent[0]))
      expect((await iterator.next()).done).toBe(false)
      await clock.advance(25)
      expect(mux.pending).toBe(at < 3 ? 1 : 0)
    }
    expect((await iterator.next()).done).toBe(true)
  })

  it('has its inbox under the prefix it is given, and knows its own', async () => {
    const { mux, sent } = muxOf({ inboxPrefix: '_INBOX_me.x' })
    expect(mux.inbox).toMatch(/^_INBOX_me\.x\.[\w-]{22}\.\*$/)
    void outcomeOf(mux.request('a', none))
    const [reply = ''] = sent
    expect(reply.startsWith(mux.inbox.slice(0, -1))).toBe(true)
    expect(mux.owns(reply)).toBe(true)
    expect([muxOf().mux.inbox, '_INBOX_me.x.other', 'a'].map((each) => mux.owns(each))).toEqual([false, false, false])
  })

  it('knows which request still waits, by its whole reply subject', async () => {
    const { mux, sent } = muxOf()
    const asked = [outcomeOf(mux.request('a', none)), outcomeOf(mux.request('a', none))]
    const [first = '', second = ''] = sent
    expect([mux.waits(first), mux.waits(second), mux.waits(`${first.slice(0, -1)}!`), mux.waits('a')]).toEqual([
      true,
      true,
      false,
      false,
    ])
    mux.deliver(answerTo(first))
    expect([mux.waits(first), mux.waits(second)]).toEqual([false, true])
    mux.deliver(answerTo(second))
    expect(await Promise.all(asked)).toEqual(['answered', 'answered'])
    expect(mux.waits(second)).toBe(false)
  })

  it('fails all requests on one subject, and no other', async () => {
    const { mux, sent } = muxOf()
    const ends = ['a', 'b', 'a'].map((subject) => outcomeOf(mux.request(subject, none)))
    const many = mux.requestMany('a', none)[Symbol.asyncIterator]().next()
    mux.failSubject('a', new PermissionDenied('publish', 'a'))
    expect([await ends[0], await ends[2]]).toEqual(['bus.permission_denied', 'bus.permission_denied'])
    await expect(many).rejects.toMatchObject({ code: 'bus.permission_denied' })
    expect(mux.pending).toBe(1)
    mux.deliver(answerTo(sent[1]))
    expect(await ends[1]).toBe('answered')
  })

  it('fails the request with one reply subject, nobody for a strange one, and all when none is named', async () => {
    const { mux, sent } = muxOf()
    const ends = ['a', 'a', 'b'].map((subject) => outcomeOf(mux.request(subject, none)))
    const denied = new PermissionDenied('subscribe', mux.inbox)
    mux.failReply('_INBOX.strange.x', denied)
    expect(mux.pending).toBe(3)
    mux.failReply(sent[1], denied)
    expect(await ends[1]).toBe('bus.permission_denied')
    expect(mux.pending).toBe(2)
    mux.failReply(undefined, denied)
    expect([await ends[0], await ends[2], mux.pending]).toEqual(['bus.permission_denied', 'bus.permission_denied', 0])
    const later = outcomeOf(mux.request('a', none))
    mux.deliver(answerTo(sent[3]))
    expect(await later).toBe('answered')
  })

  it('says why it was closed, when it was not the owner', async () => {
    const reason = new ConnectFailed(['nats://h:1'])
    const [given, own] = [muxOf(), muxOf()]
    const [lost, many] = [given.mux.request('a', none), given.mux.requestMany('a', none)[Symbol.asyncIterator]().next()]
    const closed = own.mux.request('a', none)
    given.mux.close(reason)
    own.mux.close()
    await expect(lost).rejects.toMatchObject({ code: 'bus.closed', cause: reason })
    await expect(many).rejects.toMatchObject({ code: 'bus.closed', cause: reason })
    await expect(closed).rejects.toSatisfy((error: Error) => !('cause' in error))
    expect(await outcomeOf(given.mux.request('a', none))).toBe('bus.closed')
  })
})

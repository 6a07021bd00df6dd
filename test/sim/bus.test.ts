import { describe, expect, it } from 'vitest'
import { manualClock } from '../../src/base/manual-clock.ts'
import { seededRandom } from '../../src/base/random.ts'
import type { Bus, BusStatus } from '../../src/bus/bus.ts'
import { createSimBus } from '../../src/sim/bus.ts'
import { createSimNetwork } from '../../src/sim/network.ts'
import type { LinkKind, SimNetworkOptions } from '../../src/sim/network.ts'

interface Given extends Partial<SimNetworkOptions> {
  readonly kind?: LinkKind
  readonly seed?: number
}

function stage({ kind, seed = 1, ...given }: Given = {}) {
  const clock = manualClock()
  const random = seededRandom(seed)
  const network = createSimNetwork({ clock, random: random.split('network'), streamTimeoutMs: 1000, ...given })
  const bus = createSimBus(network, { clock, random: random.split('bus'), ...(kind && { kind }) })
  const connect = (node: string) => bus.connect(node)
  const heard = (connection: Bus, subject: string, queue?: string): string[] => {
    const list: string[] = []
    void connection.subscribe(subject, queue === undefined ? {} : { queue }).each(({ data }) => {
      list.push(Buffer.from(data).toString())
    })
    return list
  }
  return { clock, network, bus, connect, heard }
}

const say = (text: string | number) => Buffer.from(String(text))

const outcome = (work: Promise<unknown>) => {
  const seen = { is: 'waiting' }
  work.then(
    () => (seen.is = 'done'),
    (error: { code?: string }) => (seen.is = error.code ?? 'unknown'),
  )
  return seen
}

async function statuses(connection: Bus, seen: BusStatus[]): Promise<void> {
  for await (const status of connection.status()) seen.push(status)
}

describe('simulated bus', () => {
  it('brings a message to another node after the latency, and to its own node at once', async () => {
    const { clock, connect, heard } = stage({ weather: { latencyMinMs: 20, latencyMaxMs: 20 } })
    const [a, b, own] = [connect('a'), connect('b'), connect('a')]
    const [there, here] = [heard(b, 'x'), heard(own, 'x')]
    a.publish('x', say(1))
    await clock.advance(19)
    expect([there, here]).toEqual([[], ['1']])
    await clock.advance(1)
    expect(there).toEqual(['1'])
  })

  it('delivers late and in order what was published during a short cut', async () => {
    const { clock, connect, heard, network } = stage()
    const [a, b, c] = [connect('a'), connect('b'), connect('c')]
    const [atB, atC] = [heard(b, 'x'), heard(c, 'x')]
    const cut = network.cut('a', 'b')
    for (const at of [1, 2, 3]) a.publish('x', say(at))
    await clock.advance(500)
    expect([atB, atC]).toEqual([[], ['1', '2', '3']])
    cut.end()
    await clock.advance(5)
    expect(atB).toEqual(['1', '2', '3'])
  })

  it('tells of a cut that lasted too long: disconnected, the flush, and what was lost when it is in touch again', async () => {
    const { clock, connect, heard, network } = stage()
    const [a, b] = [connect('a'), connect('b')]
    const atB = heard(b, 'x')
    const seen: BusStatus[] = []
    void statuses(a, seen)
    a.publish('x', say(1))
    await clock.advance(5)
    const cut = network.cut('a', 'b')
    a.publish('x', say(2))
    a.publish('x', say(3))
    const flush = outcome(a.flush({ timeoutMs: 60_000 }))
    await clock.advance(900)
    expect(flush.is).toBe('waiting')
    await clock.advance(200)
    expect(flush.is).toBe('bus.disconnected')
    expect(seen).toEqual([{ type: 'disconnected', reason: 'the stream with b broke: timeout' }])
    cut.end()
    a.publish('x', say(4))
    await clock.advance(2000)
    expect(atB).toEqual(['1', '4'])
    expect(seen.slice(1)).toEqual([{ type: 'reconnected', server: 'b', unconfirmed: 2 }])
  })

  it('loses, repeats and reorders in silence with datagrams, and never with streams', async () => {
    const weather = { lossChance: 0.1, duplicateChance: 0.1, reorderChance: 0.2, reorderMaxMs: 20 }
    const sent = Array.from({ length: 300 }, (_none, at) => `${at}`)
    const run = async (kind: LinkKind) => {
      const { clock, connect, heard } = stage({ kind, weather, streamTimeoutMs: 60_000 })
      const [a, b] = [connect('a'), connect('b')]
      const list = heard(b, 'x')
      for (const each of sent) a.publish('x', say(each))
      await clock.advance(100_000)
      return list
    }
    expect(await run('stream')).toEqual(sent)
    const got = await run('datagram')
    expect(new Set(got).size).toBeLessThan(300)
    expect(new Set(got).size).toBeLessThan(got.length)
    const firsts = [...new Set(got)]
    expect(firsts).not.toEqual(firsts.toSorted((one, other) => Number(one) - Number(other)))
  })

  it('sends what a queue group has to a member behind a cut, as a broker that has not noticed', async () => {
    const { clock, connect, heard, network } = stage({ kind: 'datagram' })
    const [a, b, c] = [connect('a'), connect('b'), connect('c')]
    const [atB, atC] = [heard(b, 'x', 'q'), heard(c, 'x', 'q')]
    network.isolate('b')
    for (let at = 0; at < 200; at++) a.publish('x', say(at))
    await clock.advance(10)
    expect(atB).toEqual([])
    expect(atC.length).toBeGreaterThan(60)
    expect(atC.length).toBeLessThan(140)
  })

  it('gives no member of a queue group more than it wants, though what it has is still on its way', async () => {
    for (let seed = 0; seed < 8; seed++) {
      const { clock, connect } = stage({ seed })
      const [a, b] = [connect('a'), connect('b')]
      const got: string[] = []
      for (const options of [{ max: 1 }, { max: 2 }, {}])
        void b
          .subscribe('x', { queue: 'q', ...options })
          .each(({ data }) => void got.push(Buffer.from(data).toString()))
      for (let at = 0; at < 9; at++) a.publish('x', say(at))
      await clock.advance(5)
      expect(got.sort()).toEqual(['0', '1', '2', '3', '4', '5', '6', '7', '8'])
    }
  })

  it('drains what was on its way when the drain began, and then nothing more', async () => {
    const { clock, connect } = stage()
    const [a, b] = [connect('a'), connect('b')]
    const got: string[] = []
    const subscription = b.subscribe('x')
    void subscription.each(({ data }) => void got.push(Buffer.from(data).toString()))
    a.publish('x', say(1))
    const drained = outcome(subscription.drain())
    a.publish('x', say(2))
    await clock.advance(0)
    expect(drained.is).toBe('waiting')
    await clock.advance(5)
    expect([drained.is, got]).toEqual(['done', ['1']])
  })

  it('flushes what was published before, and waits for nothing that came later', async () => {
    const { clock, connect, heard, network } = stage()
    const [a, b, c] = [connect('a'), connect('b'), connect('c')]
    const [atB] = [heard(b, 'b'), heard(c, 'c')]
    network.weather({ latencyMinMs: 5000 }, { to: 'c' })
    a.publish('b', say(1))
    const flush = outcome(a.flush())
    a.publish('c', say(2))
    const later = outcome(a.flush({ timeoutMs: 10_000 }))
    await clock.advance(0)
    expect(flush.is).toBe('waiting')
    await clock.advance(1)
    expect([flush.is, later.is, atB]).toEqual(['done', 'waiting', ['1']])
    await clock.advance(5000)
    expect(later.is).toBe('done')
  })

  it('a request crosses both ways, has no responders at once, and waits for one that is cut off', async () => {
    const { clock, connect, network } = stage({ weather: { latencyMinMs: 10, latencyMaxMs: 10 } })
    const [a, b] = [connect('a'), connect('b')]
    const none = outcome(a.request('ask', say('?')))
    await clock.advance(0)
    expect(none.is).toBe('bus.no_responders')
    void b.subscribe('ask').each((message) => void message.respond(say('!')))
    const answered = outcome(a.request('ask', say('?')))
    await clock.advance(19)
    expect(answered.is).toBe('waiting')
    await clock.advance(1)
    expect(answered.is).toBe('done')
    network.cut('b', 'a', { oneWay: true })
    const unanswered = outcome(a.request('ask', say('?'), { timeoutMs: 300 }))
    await clock.advance(300)
    expect(unanswered.is).toBe('bus.timeout')
  })

  it('a full network is bus.buffer_full, and what had room was sent', async () => {
    const { clock, connect, heard } = stage({ messagesMax: 3 })
    const [a, b] = [connect('a'), connect('b')]
    const list = heard(b, 'x')
    for (const at of [1, 2, 3]) a.publish('x', say(at))
    expect(() => a.publish('x', say(4))).toThrow(expect.objectContaining({ code: 'bus.buffer_full' }))
    await clock.advance(1)
    expect(list).toEqual(['1', '2', '3'])
    a.publish('x', say(5))
    await clock.advance(1)
    expect(list.at(-1)).toBe('5')
  })

  it('what is published is copied on its way: a sender that writes to it later changes nothing at the other node', async () => {
    const { clock, connect, heard } = stage()
    const [a, b] = [connect('a'), connect('b')]
    const list = heard(b, 'x')
    const data = say('before')
    a.publish('x', data)
    data.fill(0)
    await clock.advance(1)
    expect(list).toEqual(['before'])
  })

  it('the same seed picks the same members and names the same inboxes', async () => {
    const run = async (seed: number) => {
      const { clock, connect } = stage({ seed })
      const [a, b] = [connect('a'), connect('b')]
      const log: string[] = []
      for (const name of ['one', 'two', 'three'])
        void b.subscribe('ask', { queue: 'q' }).each((message) => {
          log.push(`${name} ${message.reply}`)
          message.respond(say(name))
        })
      for (let at = 0; at < 20; at++) void a.request('ask', say(at)).catch(() => {})
      await clock.advance(50)
      return log
    }
    const [first, again, other] = [await run(1), await run(1), await run(2)]
    expect(first).toHaveLength(20)
    expect(again).toEqual(first)
    expect(other).not.toEqual(first)
  })
})

describe('simulated bus, a node that crashes', () => {
  it('has no interest any more, hears nothing, and its calls throw sim.revoked', async () => {
    const { clock, connect, heard, network } = stage()
    const [a, b] = [connect('a'), connect('b')]
    const before = heard(b, 'x')
    a.publish('x', say('in flight'))
    network.crash('b')
    const nobody = outcome(a.request('x', say('?')))
    await clock.advance(50)
    expect(before).toEqual([])
    expect(nobody.is).toBe('bus.no_responders')
    const revoked = expect.objectContaining({ code: 'sim.revoked' })
    expect(() => b.publish('x', say('x'))).toThrow(revoked)
    expect(() => b.subscribe('x')).toThrow(revoked)
    await expect(b.request('x', say('x'))).rejects.toEqual(revoked)
    await expect(b.flush()).rejects.toEqual(revoked)
    await expect(b.drain()).rejects.toEqual(revoked)
    await b.close()
  })

  it('lets nothing that waited there go on: no handler, no iteration, no answer, no timeout', async () => {
    const { clock, connect, network } = stage()
    const [a, b] = [connect('a'), connect('b')]
    const ran: string[] = []
    void a.subscribe('ask')
    const subscription = b.subscribe('x')
    const next = outcome(b.subscribe('y')[Symbol.asyncIterator]().next())
    const request = outcome(b.request('ask', say('?'), { timeoutMs: 100 }))
    const flush = outcome(b.flush({ timeoutMs: 100 }))
    a.publish('x', say('1'))
    a.publish('y', say('1'))
    // What has arrived and waits in the queue is lost too.
    b.publish('x', say('own'))
    void subscription.each(() => void ran.push('handler'))
    network.crash('b')
    await clock.advance(10_000)
    expect([ran, next.is, request.is, flush.is]).toEqual([[], 'waiting', 'waiting', 'waiting'])
  })

  it('connects anew, and hears what is published then', async () => {
    const { clock, connect, heard, network } = stage()
    const [a, b] = [connect('a'), connect('b')]
    const old = heard(b, 'x')
    network.crash('b')
    const list = heard(connect('b'), 'x')
    a.publish('x', say('new'))
    await clock.advance(10)
    expect([old, list]).toEqual([[], ['new']])
  })

  it('is no loss of touch for others, whose flush goes on', async () => {
    const { clock, connect, heard, network } = stage()
    const [a, b] = [connect('a'), connect('b')]
    heard(b, 'x')
    const seen: BusStatus[] = []
    void statuses(a, seen)
    a.publish('x', say('1'))
    const flush = outcome(a.flush())
    network.crash('b')
    await clock.advance(50)
    expect(flush.is).toBe('done')
    expect(seen).toEqual([])
  })
})

describe('simulated bus, a node that is paused', () => {
  it('sends and hears nothing, and all of it later', async () => {
    const { clock, connect, heard, network } = stage()
    const [a, b] = [connect('a'), connect('b')]
    const [atA, atB] = [heard(a, 'to.a'), heard(b, 'to.b')]
    network.hold('b')
    a.publish('to.b', say(1))
    b.publish('to.a', say(2))
    await clock.advance(5000)
    expect([atA, atB]).toEqual([[], []])
    network.release('b')
    await clock.advance(10)
    expect([atA, atB]).toEqual([['2'], ['1']])
  })
})

import { describe, expect, it } from 'vitest'
import { say, stage } from './network-stage.ts'

const stream = { kind: 'stream' } as const

describe('simulated network, streams', () => {
  it('keep order and lose nothing in weather that loses, doubles and reorders', async () => {
    const { attach, clock, gotBy, drops } = stage({
      weather: { latencyMaxMs: 30, lossChance: 0.2, duplicateChance: 0.5, reorderChance: 0.5, tailChance: 0.1 },
    })
    const [a, b] = [attach('a'), attach('b')]
    const sent = Array.from({ length: 300 }, (_none, at) => at)
    for (const at of sent) {
      a.send('b', say(at), stream)
      b.send('a', say(at), stream)
    }
    await clock.advance(60_000)
    expect(gotBy('b')).toEqual(sent.map((at) => `a:${at}`))
    expect(gotBy('a')).toEqual(sent.map((at) => `b:${at}`))
    expect(drops()).toEqual([])
  })

  it('wait for the end of a cut, and then bring everything, late and in order', async () => {
    const { attach, clock, gotBy, network } = stage()
    const [a] = [attach('a'), attach('b')]
    a.send('b', say('1'), stream)
    const cut = network.cut('a', 'b')
    a.send('b', say('2'), stream)
    await clock.advance(9000)
    expect(gotBy('b')).toEqual([])
    cut.end()
    a.send('b', say('3'), stream)
    await clock.advance(1)
    expect(gotBy('b')).toEqual(['a:1', 'a:2', 'a:3'])
  })

  it('break after the timeout of a cut; each end is told once, with what it lost', async () => {
    const { attach, clock, gotBy, network, drops } = stage({ streamTimeoutMs: 1000 })
    const [a, b] = [attach('a'), attach('b')]
    a.send('b', say('1'), stream)
    await clock.advance(1)
    const cut = network.cut('a', 'b')
    a.send('b', say('2'), stream)
    a.send('b', say('3'), stream)
    b.send('a', say('4'), stream)
    await clock.advance(1001)
    expect(gotBy('a')).toEqual(['b broke: timeout, 2 lost'])
    await clock.advance(5000)
    expect(gotBy('b')).toEqual(['a:1', 'a broke: timeout, 1 lost'])
    cut.end()
    a.send('b', say('5'), stream)
    b.send('a', say('6'), stream)
    await clock.advance(5000)
    expect(gotBy('a')).toEqual(['b broke: timeout, 2 lost', 'b:6'])
    expect(gotBy('b')).toEqual(['a:1', 'a broke: timeout, 1 lost', 'a:5'])
    expect(drops()).toEqual(['broken', 'broken', 'broken'])
    expect(network.inFlight.messages).toBe(0)
  })

  it('stall one way alone at a cut of one way', async () => {
    const { attach, clock, gotBy, network } = stage()
    const [a, b] = [attach('a'), attach('b')]
    network.cut('a', 'b', { oneWay: true })
    a.send('b', say('1'), stream)
    b.send('a', say('2'), stream)
    await clock.advance(100)
    expect([gotBy('a'), gotBy('b')]).toEqual([['b:2'], []])
  })

  it('tell the far end of a break before anything of the next stream', async () => {
    const { attach, clock, gotBy, network } = stage({ streamTimeoutMs: 100 })
    const [a] = [attach('a'), attach('b')]
    a.send('b', say('0'), stream)
    await clock.advance(1)
    const cut = network.cut('a', 'b')
    a.send('b', say('1'), stream)
    await clock.advance(102)
    // The mark of the break is stuck at the cut, on a way that will be slow; the next stream is fast.
    const slow = network.weather({ latencyMinMs: 50 })
    cut.end()
    slow.end()
    a.send('b', say('2'), stream)
    await clock.advance(200)
    expect(gotBy('b')).toEqual(['a:0', 'a broke: reset, 0 lost', 'a:2'])
  })

  it('that one end has given up bring it nothing more; the other end hears of what it sent meanwhile', async () => {
    const { attach, clock, gotBy, network } = stage({ streamTimeoutMs: 1000 })
    const [a, b] = [attach('a'), attach('b')]
    a.send('b', say('1'), stream)
    await clock.advance(1)
    network.cut('a', 'b', { oneWay: true })
    a.send('b', say('2'), stream)
    await clock.advance(1002)
    b.send('a', say('3'), stream)
    await clock.advance(5000)
    expect(gotBy('a')).toEqual(['b broke: timeout, 1 lost'])
    expect(gotBy('b')).toEqual(['a:1', 'a broke: timeout, 1 lost'])
  })

  it('of a former incarnation bring nothing after one of the next has brought something', async () => {
    const { attach, clock, gotBy, network } = stage()
    const [a] = [attach('a'), attach('b')]
    const slow = network.weather({ latencyMinMs: 50 })
    a.send('b', say('old'), stream)
    network.crash('a')
    slow.end()
    const again = attach('a')
    again.send('b', say('new'), stream)
    await clock.advance(100)
    expect(gotBy('b')).toEqual(['a broke: reset, 0 lost', 'a:new'])
    again.send('b', say('more'), stream)
    await clock.advance(100)
    expect(gotBy('b').slice(2)).toEqual(['a:more'])
  })

  it('are reset by the weather, and a message that was lost with one is told to its sender', async () => {
    const { attach, clock, gotBy } = stage({ weather: { resetChance: 1 } })
    const [a] = [attach('a'), attach('b')]
    a.send('b', say('1'), stream)
    await clock.advance(10)
    expect(gotBy('a')).toEqual(['b broke: reset, 1 lost'])
  })

  it('are refused where nobody is attached', async () => {
    const { attach, clock, gotBy, network } = stage()
    const a = attach('a')
    network.add('b')
    a.send('b', say('1'), stream)
    await clock.advance(10)
    expect(gotBy('a')).toEqual(['b broke: refused, 1 lost'])
    attach('b')
    a.send('b', say('2'), stream)
    await clock.advance(10)
    expect(gotBy('b')).toEqual(['a:2'])
  })

  it('with loss of everything break after the timeout', async () => {
    const { attach, clock, gotBy } = stage({ weather: { lossChance: 1 }, streamTimeoutMs: 500 })
    const [a] = [attach('a'), attach('b')]
    a.send('b', say('1'), stream)
    await clock.advance(2000)
    expect(gotBy('a')).toEqual(['b broke: timeout, 1 lost'])
    expect(gotBy('b')).toEqual(['a broke: timeout, 0 lost'])
  })
})

describe('simulated network, paused nodes', () => {
  it('hold what comes and what they send, in order, until they are released', async () => {
    const { attach, clock, gotBy, network } = stage()
    const [a, b] = [attach('a'), attach('b')]
    network.hold('b')
    for (const text of ['1', '2', '3']) {
      a.send('b', say(text))
      b.send('a', say(text))
    }
    await clock.advance(1000)
    expect([gotBy('a'), gotBy('b')]).toEqual([[], []])
    // What comes while the held is handed out comes behind it.
    network.weather({ latencyMinMs: 0, latencyMaxMs: 0 })
    network.release('b')
    a.send('b', say('4'))
    await clock.advance(10)
    expect(gotBy('b')).toEqual(['a:1', 'a:2', 'a:3', 'a:4'])
    expect(gotBy('a')).toEqual(['b:1', 'b:2', 'b:3'])
  })

  it('drop datagrams beyond the bound, and let streams wait without breaking', async () => {
    const { attach, clock, gotBy, network, drops } = stage({ heldMax: 2, streamTimeoutMs: 100 })
    const [a, b] = [attach('a'), attach('b')]
    network.hold('b')
    for (const text of ['1', '2', '3']) a.send('b', say(text))
    await clock.advance(1)
    expect(drops()).toEqual(['held'])
    for (const text of ['4', '5', '6']) a.send('b', say(text), stream)
    b.send('a', say('x'))
    b.send('a', say('x'))
    expect(() => b.send('a', say('x'))).toThrow(expect.objectContaining({ code: 'sim.network_full' }))
    await clock.advance(10_000)
    network.release('b')
    await clock.advance(10)
    expect(gotBy('b')).toEqual(['a:1', 'a:2', 'a:4', 'a:5', 'a:6'])
    expect(network.inFlight.messages).toBe(0)
  })

  it('that detach while they are handed what was held lose the rest, each message once', async () => {
    const { attach, clock, network, drops } = stage()
    const a = attach('a')
    const got: string[] = []
    const b = network.attach('b', {
      onMessage: ({ data }) => {
        got.push(Buffer.from(data).toString())
        b.detach()
      },
    })
    network.hold('b')
    for (const text of ['1', '2', '3']) a.send('b', say(text), text === '2' ? stream : {})
    await clock.advance(5)
    network.release('b')
    await clock.advance(5)
    expect(got).toEqual(['1'])
    expect(drops()).toEqual(['detached', 'detached'])
    expect(network.inFlight).toEqual({ messages: 0, bytes: 0 })
  })

  it('that are paused when they attach are paused', async () => {
    const { attach, clock, gotBy, network } = stage()
    const a = attach('a')
    network.add('b')
    network.hold('b')
    attach('b')
    a.send('b', say('1'))
    await clock.advance(5)
    expect(gotBy('b')).toEqual([])
  })
})

describe('simulated network, crashed nodes', () => {
  it('lose what they held of a stream, and the sender hears of it', async () => {
    const { attach, clock, gotBy, network, drops } = stage()
    const [a, b] = [attach('a'), attach('b')]
    a.send('b', say('1'), stream)
    b.send('b', say('own'), stream)
    network.hold('b')
    await clock.advance(5)
    network.crash('b')
    await clock.advance(5)
    expect(gotBy('a')).toEqual(['b broke: crashed, 1 lost'])
    expect(drops()).toEqual(['crashed', 'crashed'])
    expect(network.inFlight.messages).toBe(0)
  })

  it('lose what they sent to themselves and had not got when they were paused', async () => {
    const { attach, clock, network, drops } = stage()
    const b = attach('b')
    b.send('b', say('own'), stream)
    network.hold('b')
    network.crash('b')
    await clock.advance(5)
    expect(drops()).toEqual(['crashed'])
    expect(network.inFlight.messages).toBe(0)
  })

  it('say nothing any more, and what was in flight from them may still arrive', async () => {
    const { attach, clock, gotBy, network } = stage()
    const [a] = [attach('a'), attach('b')]
    a.send('b', say('in flight'))
    a.send('b', say('in a stream'), stream)
    network.crash('a')
    expect(() => a.send('b', say('x'))).toThrow(expect.objectContaining({ code: 'sim.revoked' }))
    await clock.advance(10)
    expect(gotBy('b')).toEqual(['a:in flight', 'a:in a stream', 'a broke: crashed, 0 lost'])
  })

  it('lose what was in flight to them, though they are up again when it arrives', async () => {
    const { attach, clock, gotBy, network, drops } = stage()
    const [a, before] = [attach('a'), attach('b')]
    a.send('b', say('datagram'))
    a.send('b', say('stream'), stream)
    network.crash('b')
    expect(before.node).toBe('b')
    attach('b')
    await clock.advance(10)
    expect(gotBy('b')).toEqual([])
    expect(drops().sort()).toEqual(['crashed', 'crashed'])
    expect(gotBy('a')).toEqual(['b broke: crashed, 1 lost'])
    a.send('b', say('new'), stream)
    await clock.advance(10)
    expect(gotBy('b')).toEqual(['a:new'])
  })

  it('lose what they held while they were paused', async () => {
    const { attach, clock, gotBy, network, drops } = stage()
    const [a, b] = [attach('a'), attach('b')]
    network.hold('b')
    a.send('b', say('in'))
    b.send('a', say('out'))
    await clock.advance(5)
    network.crash('b')
    attach('b')
    await clock.advance(5)
    expect([gotBy('a'), gotBy('b')]).toEqual([[], []])
    expect(drops()).toEqual(['crashed', 'crashed'])
    expect(network.inFlight.messages).toBe(0)
  })
})

import { describe, expect, it } from 'vitest'
import { say, stage } from './network-stage.ts'

const numbers = (count: number) => Array.from({ length: count }, (_none, at) => at)

describe('simulated network, datagrams', () => {
  it('arrive after the latency, outside the call of the sender, and not before', async () => {
    const { attach, clock, gotBy } = stage({ weather: { latencyMinMs: 5, latencyMaxMs: 5 } })
    const [a] = [attach('a'), attach('b')]
    a.send('b', say('x'))
    await clock.advance(4)
    expect(gotBy('b')).toEqual([])
    await clock.advance(1)
    expect(gotBy('b')).toEqual(['a:x'])
  })

  it('carry a copy: what the sender writes later changes nothing', async () => {
    const { attach, clock, gotBy } = stage()
    const [a] = [attach('a'), attach('b')]
    const bytes = say('before')
    a.send('b', bytes)
    bytes.fill(0)
    await clock.advance(1)
    expect(gotBy('b')).toEqual(['a:before'])
  })

  it('keep their order under latency that varies, unless the weather reorders', async () => {
    const { attach, clock, gotBy, network } = stage({ weather: { latencyMinMs: 0, latencyMaxMs: 50, tailChance: 0.2 } })
    const [a] = [attach('a'), attach('b')]
    const sent = numbers(200).map((at) => `a:${at}`)
    for (const at of numbers(200)) a.send('b', say(at))
    await clock.advance(2000)
    expect(gotBy('b')).toEqual(sent)
    network.weather({ reorderChance: 0.3 })
    for (const at of numbers(200)) a.send('b', say(at))
    await clock.advance(2000)
    const second = gotBy('b').slice(200)
    expect(second).not.toEqual(sent)
    expect([...second].sort()).toEqual([...sent].sort())
  })

  it('are lost and doubled at about the chance given, each told', async () => {
    const { attach, clock, gotBy, events, drops } = stage({ weather: { lossChance: 0.25, duplicateChance: 0.5 } })
    const [a] = [attach('a'), attach('b')]
    for (const at of numbers(4000)) a.send('b', say(at))
    await clock.advance(10)
    const lost = drops().length
    const doubled = events.filter(({ type }) => type === 'duplicated').length
    expect(new Set(drops())).toEqual(new Set(['loss']))
    expect(Math.abs(lost - 1000)).toBeLessThan(150)
    expect(Math.abs(doubled - 1500)).toBeLessThan(150)
    expect(gotBy('b').length).toBe(4000 - lost + doubled)
  })

  it('wait for each other where the bandwidth is small', async () => {
    const { attach, clock, gotBy } = stage({ weather: { latencyMinMs: 0, latencyMaxMs: 0, bytesPerSecond: 1000 } })
    const [a] = [attach('a'), attach('b')]
    for (const at of numbers(3)) a.send('b', new Uint8Array(100).fill(48 + at))
    await clock.advance(199)
    expect(gotBy('b').length).toBe(1)
    await clock.advance(101)
    expect(gotBy('b').length).toBe(3)
  })

  it('to a node that is not attached are dropped, and those to a port that attaches in time arrive', async () => {
    const { attach, clock, gotBy, network, drops } = stage()
    const a = attach('a')
    network.add('b')
    a.send('b', say('early'))
    await clock.advance(1)
    a.send('b', say('in time'))
    attach('b')
    await clock.advance(1)
    expect(drops()).toEqual(['absent'])
    expect(gotBy('b')).toEqual(['a:in time'])
  })

  it('to itself a node sends without weather and cuts', async () => {
    const { attach, clock, gotBy, network } = stage({ weather: { lossChance: 1 } })
    const a = attach('a')
    network.isolate('a')
    a.send('a', say('own'))
    a.send('a', say('own stream'), { kind: 'stream' })
    expect(gotBy('a')).toEqual([])
    await clock.advance(0)
    expect(gotBy('a')).toEqual(['a:own', 'a:own stream'])
  })
})

describe('simulated network, cuts', () => {
  /** Who is heard by whom: each of three nodes sends to each other. */
  async function heard(cut: (network: ReturnType<typeof stage>['network']) => unknown): Promise<string[]> {
    const { attach, clock, gotBy, network } = stage()
    const nodes = ['a', 'b', 'c']
    const endpoints = nodes.map(attach)
    cut(network)
    for (const from of endpoints) for (const to of nodes) if (to !== from.node) from.send(to, say(to))
    await clock.advance(10)
    const found = nodes.flatMap((node) => gotBy(node)).sort()
    const reached = nodes.flatMap((from) =>
      nodes.filter((to) => to !== from && network.reaches(from, to)).map((to) => `${from}:${to}`),
    )
    expect(reached.sort()).toEqual(found)
    return found
  }
  const all = ['a:b', 'a:c', 'b:a', 'b:c', 'c:a', 'c:b']
  const without = (...gone: string[]) => all.filter((each) => !gone.includes(each))

  it('between two nodes leave the third in touch with both', async () => {
    expect(await heard((network) => network.cut('a', 'b'))).toEqual(without('a:b', 'b:a'))
  })

  it('of one way leave the other', async () => {
    expect(await heard((network) => network.cut('a', 'b', { oneWay: true }))).toEqual(without('a:b'))
  })

  it('between groups leave a node of no group in touch with all', async () => {
    expect(await heard((network) => network.partition([['a'], ['b', 'c']]))).toEqual(['b:c', 'c:b'])
    expect(await heard((network) => network.partition([['a'], ['b']]))).toEqual(without('a:b', 'b:a'))
  })

  it('around one node may let it hear, or be heard', async () => {
    expect(await heard((network) => network.isolate('a'))).toEqual(['b:c', 'c:b'])
    expect(await heard((network) => network.isolate('a', { receives: true }))).toEqual(without('a:b', 'a:c'))
    expect(await heard((network) => network.isolate('a', { sends: true }))).toEqual(without('b:a', 'c:a'))
  })

  it('that overlap end one by one, and heal ends all', async () => {
    const overlapping = (network: ReturnType<typeof stage>['network']) => {
      const [first, second] = [network.cut('a', 'b'), network.isolate('a')]
      first.end()
      first.end()
      expect(network.reaches('a', 'b')).toBe(false)
      return second
    }
    expect(await heard(overlapping)).toEqual(['b:c', 'c:b'])
    expect(await heard((network) => overlapping(network).end())).toEqual(all)
    expect(
      await heard((network) => {
        overlapping(network)
        network.heal()
      }),
    ).toEqual(all)
  })

  it('around a node cover nodes that come later', async () => {
    const { attach, network } = stage()
    attach('a')
    network.isolate('a')
    attach('late')
    expect(network.reaches('late', 'a')).toBe(false)
  })

  it('lose what is in flight and what is sent meanwhile', async () => {
    const { attach, clock, gotBy, network, drops } = stage()
    const [a] = [attach('a'), attach('b')]
    a.send('b', say('in flight'))
    const cut = network.cut('a', 'b')
    a.send('b', say('meanwhile'))
    await clock.advance(5)
    cut.end()
    a.send('b', say('after'))
    await clock.advance(5)
    expect(gotBy('b')).toEqual(['a:after'])
    expect(drops()).toEqual(['cut', 'cut'])
  })

  it('and weather of one link leave the others, the last change on top', async () => {
    const { attach, clock, gotBy, network } = stage()
    const [a, b] = [attach('a'), attach('b')]
    attach('c')
    const lossy = network.weather({ lossChance: 1 }, { from: 'a' })
    const cured = network.weather({ lossChance: 0 }, { to: 'c' })
    for (const to of ['b', 'c']) a.send(to, say('1'))
    b.send('a', say('1'))
    await clock.advance(5)
    expect([gotBy('a'), gotBy('b'), gotBy('c')]).toEqual([['b:1'], [], ['a:1']])
    cured.end()
    a.send('c', say('2'))
    lossy.end()
    a.send('c', say('3'))
    await clock.advance(5)
    expect(gotBy('c')).toEqual(['a:1', 'a:3'])
  })
})

describe('simulated network, limits and names', () => {
  const code = (work: () => unknown) => {
    try {
      work()
    } catch (error) {
      return (error as { code?: string }).code
    }
    return 'nothing'
  }

  it('refuses more in flight than its bounds, and takes more when something has arrived', async () => {
    const { attach, clock, network } = stage({ messagesMax: 2, bytesMax: 10 })
    const [a] = [attach('a'), attach('b')]
    a.send('b', say('1'))
    expect(code(() => a.send('b', new Uint8Array(10)))).toBe('sim.network_full')
    a.send('b', say('2'))
    expect(code(() => a.send('b', say('3')))).toBe('sim.network_full')
    expect(network.inFlight).toEqual({ messages: 2, bytes: 2 })
    await clock.advance(1)
    expect(network.inFlight).toEqual({ messages: 0, bytes: 0 })
    a.send('b', new Uint8Array(10))
  })

  it('knows only nodes that were added or attached, and one owner of a port', () => {
    const { attach, network } = stage()
    const a = attach('a')
    for (const work of [
      () => a.send('b', say('x')),
      () => network.cut('a', 'b'),
      () => network.isolate('b'),
      () => network.partition([['a'], ['b']]),
      () => network.weather({}, { to: 'b' }),
      () => network.hold('b'),
      () => network.crash('b'),
    ])
      expect(code(work)).toBe('sim.node_unknown')
    expect(code(() => attach('a'))).toBe('sim.port_taken')
    a.detach()
    expect(code(() => a.send('a', say('x')))).toBe('sim.revoked')
    attach('a')
  })

  it('checks weather and options', () => {
    const { attach, network } = stage()
    const a = attach('a')
    for (const weather of [
      { lossChance: 1.1 },
      { lossChance: Number.NaN },
      { latencyMinMs: -1 },
      { latencyMinMs: 5, latencyMaxMs: 4 },
      { bytesPerSecond: 0 },
      { loss: 1 } as object,
    ])
      expect(code(() => network.weather(weather))).toBe('base.invalid_argument')
    expect(code(() => stage({ messagesMax: 0 }))).toBe('base.invalid_argument')
    expect(code(() => a.send('a', 'text' as unknown as Uint8Array))).toBe('base.invalid_argument')
    expect(code(() => a.send('a', say('x'), { kind: 'tcp' as 'stream' }))).toBe('base.invalid_argument')
  })
})

import { describe, expect, it } from 'vitest'
import { makeEvent } from '../../src/base/envelope.ts'
import { parkedOf, turns, world } from './kit.ts'
import { countsLeft } from './procedures.ts'

describe('what ends agents that answer each other', () => {
  it('is the cycle: the same rule on the same key again within one correlation', async () => {
    const { open, say, events } = world()
    const choreography = await open({ cycleMax: 3 })
    const of = (type: string) => ({ type: [type] })
    for (const [from, to] of [
      ['a', 'b'],
      ['b', 'c'],
      ['c', 'a'],
    ] as const)
      await choreography.rule(`${from}-to-${to}`, of(from), (_, { emit }) => emit(to, 1, { subject: 'same' }))
    const first = await say('a', 1, { subject: 'same' })
    await choreography.idle()
    const parked = await parkedOf(choreography)
    expect(parked).toMatchObject([
      { rule: 'a-to-b', kind: 'cycle', code: 'choreography.cycle', key: 'same', correlationid: first.id, attempts: 0 },
    ])
    expect(await events('a')).toHaveLength(4)
    expect((await events('a')).at(-1)?.event).toMatchObject({
      hop: 9,
      correlationid: first.id,
      path: Array(3).fill('rule:a-to-b rule:b-to-c rule:c-to-a').join(' '),
    })
    expect(await events('agent.action.failed')).toEqual([])
  })

  it('is no cycle on other keys, and the hops end it', async () => {
    const { open, say, events } = world()
    const choreography = await open({ maxHops: 5 })
    await choreography.rule('on', { type: ['n'] }, ({ data }, { emit }) =>
      emit('n', Number(data) + 1, { subject: `${Number(data) + 1}` }),
    )
    await say('n', 0, { subject: '0' })
    await choreography.idle()
    expect((await events('n')).map(({ event }) => event.hop)).toEqual([0, 1, 2, 3, 4, 5, 6])
    expect(await parkedOf(choreography)).toMatchObject([{ kind: 'hops', code: 'choreography.hops' }])
  })

  it('is the size of the correlation, whatever senders say of hops', async () => {
    const { open, clock, append, events } = world()
    const choreography = await open({ maxEventsPerCorrelation: 4, cycleMax: 100 })
    await choreography.rule('any', { type: ['n'] }, () => {})
    for (let at = 0; at < 6; at++) {
      const event = makeEvent({ type: 'n', source: '/outside', data: at }, { clock, id: () => `${at}` })
      await append({ ...event, correlationid: 'one', hop: 0 })
    }
    await choreography.idle()
    expect(await events('agent.action.completed')).toHaveLength(4)
    expect(await parkedOf(choreography)).toMatchObject([{ kind: 'events' }, { kind: 'events' }])
  })

  it('holds over a restart', async () => {
    const { open, say, events } = world()
    const act = (_: unknown, { emit }: { emit: (type: string, data: unknown) => void }): void => emit('n', 1)
    const first = await open({ cycleMax: 2 })
    await first.rule('again', { type: ['n'] }, act)
    await say('n', 1)
    await first.idle()
    await first.close()
    const last = (await events('n')).at(-1)?.event
    const second = await open({ cycleMax: 2 })
    await second.rule('again', { type: ['n'] }, act)
    await say('n', 1, { cause: last as never })
    await second.idle()
    expect(await parkedOf(second)).toHaveLength(2)
    expect(await events('n')).toHaveLength(4)
  })

  it('ends a rule that matches its own output, its records too, without an event about it', async () => {
    const { open, say, events } = world()
    const choreography = await open()
    await choreography.rule('all', { type: [{ prefix: '' }] }, (_, { emit }) => emit('more', 1))
    await say('begin')
    await choreography.idle()
    const all = await events('begin', 'more', 'agent.action.completed', 'agent.action.failed')
    expect(all.length).toBeLessThan(10)
    expect((await parkedOf(choreography)).every(({ kind }) => kind === 'cycle')).toBe(true)
  })

  it('ends a rule on failures that fails itself', async () => {
    const { open, say, clock, events } = world()
    const choreography = await open()
    const retry = { attemptsMax: 1 }
    const fail = () => {
      throw new Error('no')
    }
    await choreography.rule('fails', { type: ['begin'] }, fail, { retry })
    await choreography.rule('heals', { type: ['agent.action.failed'] }, fail, { retry, key: 'id' })
    await say('begin')
    await turns(clock, 1000)
    await choreography.idle()
    // Each is on a key of its own, so that only the hops end it.
    expect((await events('agent.action.failed')).at(-1)?.event.hop).toBe(17)
    expect((await parkedOf(choreography)).at(-1)).toMatchObject({ kind: 'hops', rule: 'heals' })
  })

  it('lets an operator replay what a cap has parked', async () => {
    const { open, say, clock } = world()
    const choreography = await open({ cycleMax: 1 })
    let acted = 0
    await choreography.rule('twice', { type: ['n'] }, () => void acted++)
    const first = await say('n')
    await say('n', 1, { cause: first })
    await choreography.idle()
    expect(acted).toBe(1)
    expect(await choreography.replayParked()).toBe(1)
    await turns(clock)
    await choreography.idle()
    expect(acted).toBe(2)
  })

  it('forgets what was not counted for long, and no more than that', async () => {
    const { open, say, store } = world()
    const choreography = await open({ countedMax: 100 })
    await choreography.rule('any', { type: ['n'] }, () => {})
    for (let at = 0; at < 200; at++) await say('n', at)
    await choreography.idle()
    const left = await store.read(countsLeft, 0)
    expect(left).toBeGreaterThanOrEqual(100)
    expect(left).toBeLessThanOrEqual(125)
  })
})

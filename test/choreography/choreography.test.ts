import { describe, expect, it } from 'vitest'
import { parkedOf, world } from './kit.ts'

const created = { type: ['order.created'] }

describe('a rule', () => {
  it('acts on the events of its pattern, and what it emits stands beside its record', async () => {
    const { open, say, events, journal } = world()
    const choreography = await open()
    await choreography.rule<{ amount: number }>(
      'pay',
      { type: ['order.created'], data: { amount: [{ numeric: ['>', 10] }] } },
      ({ data }, { emit }) => {
        emit('payment.asked', { amount: data.amount }, { subject: 'order/1', domain: 'billing', criticality: 'high' })
        return 'asked'
      },
    )
    await say('order.created', { amount: 5 })
    const cause = await say('order.created', { amount: 50 }, { subject: 'order/1' })
    await choreography.idle()
    const [emitted, ...others] = await events('payment.asked')
    expect(others).toEqual([])
    expect(emitted).toMatchObject({
      stream: 'choreography/main/pay',
      event: {
        source: '/choreography/main',
        subject: 'order/1',
        domain: 'billing',
        criticality: 'high',
        causationid: cause.id,
        correlationid: cause.id,
        hop: 1,
        path: 'rule:pay',
        data: { amount: 50 },
      },
    })
    const [record] = await events('agent.action.completed')
    expect(record).toMatchObject({ stream: 'choreography/main/pay', version: 2 })
    expect(record?.event.data).toEqual({
      rule: 'pay',
      key: 'order/1',
      attempts: 1,
      event: { id: cause.id, source: '/test', type: 'order.created', stream: 'outside', version: 2 },
      emitted: 1,
      result: 'asked',
    })
    expect(await choreography.status()).toMatchObject({ waiting: 0, running: 0, parked: 0, lag: 0 })
    expect(await parkedOf(choreography)).toEqual([])
    expect(await journal.version('choreography/main/pay')).toBe(2)
  })

  it('acts once on an event that was appended twice', async () => {
    const { open, say, append, events } = world()
    const choreography = await open()
    let acted = 0
    await choreography.rule('count', created, () => void acted++)
    const event = await say('order.created')
    await append(event, 'elsewhere')
    await choreography.idle()
    await append(event, 'later')
    await choreography.idle()
    expect(acted).toBe(1)
    expect(await events('agent.action.completed')).toHaveLength(1)
  })

  it('goes on after a restart where it stood, without acting again', async () => {
    const { open, say, events } = world()
    const first = await open()
    const acted: unknown[] = []
    await first.rule('note', created, ({ data }) => void acted.push(data))
    await say('order.created', 1)
    await first.idle()
    await first.close()
    await say('order.created', 2)
    const second = await open()
    await second.rule('note', created, ({ data }) => void acted.push(data))
    await second.idle()
    expect(acted).toEqual([1, 2])
    expect(await events('agent.action.completed')).toHaveLength(2)
  })
})

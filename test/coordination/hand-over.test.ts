import { describe, expect, it } from 'vitest'
import type { Case, Difference } from '../../src/coordination/coordination.ts'
import { gather } from '../../src/journal/conformance-kit.ts'
import { saga } from '../../src/workflow/saga.ts'
import { keeping, until, world } from './kit.ts'

const of = (type: string) => ({ type: [type] })
const shop = { domain: 'shop' }

/** An action that waits until the test lets it end. */
function gate(): {
  readonly passed: Promise<void>
  readonly arrived: Promise<void>
  arrive: () => void
  open: () => void
} {
  const passing = Promise.withResolvers<void>()
  const arriving = Promise.withResolvers<void>()
  return { passed: passing.promise, arrived: arriving.promise, arrive: arriving.resolve, open: passing.resolve }
}

describe('a hand-over', () => {
  it('keeps an action in flight from being recorded, and gives the saga what was done before', async () => {
    const { coordinator: open, choreography: rules, say, events, clock } = await world()
    const cases: Case[] = []
    const coordinator = await open({ domains: { shop: { saga: keeping('rescue', cases) } } })
    const choreography = await rules(coordinator)
    const slow = gate()
    await choreography.rule('reserve', of('ordered'), (_, { emit }) => {
      emit('reserved', {}, shop)
      return { place: 'B7' }
    })
    await choreography.rule('pack', of('reserved'), async (_, { emit }) => {
      emit('packed', {}, shop)
      slow.arrive()
      await slow.passed
    })
    const ordered = await say('ordered', {}, shop)
    await slow.arrived
    const taken = await coordinator.handOver(ordered, { reason: 'the house is on fire', by: 'Ada' })
    slow.open()
    await choreography.idle()
    await until(clock, async () => (await events('coordination.settled')).length > 0)
    expect(await events('packed')).toEqual([])
    expect(await events('agent.action.fenced')).toMatchObject([{ data: { rule: 'pack', ran: true } }])
    expect(cases).toMatchObject([
      {
        id: taken.case,
        kind: 'hand-over',
        reason: 'the house is on fire',
        takenOver: 'correlation',
        event: ordered.event,
        done: [{ rule: 'reserve', ended: 'completed', result: { place: 'B7' }, event: { type: 'ordered' } }],
      },
    ])
    expect(await events('coordination.handed_over')).toMatchObject([{ data: { by: 'Ada', scope: 'correlation' } }])
  })

  it('has one winner', async () => {
    const { coordinator: open, say, events } = await world()
    const coordinator = await open({ domains: { shop: { handler: () => undefined } } })
    const other = await open({ domains: { shop: { handler: () => undefined } } })
    const recorded = await say('ordered', {}, { ...shop, subject: 'o-1' })
    const tries = await Promise.allSettled([
      coordinator.handOver(recorded, { reason: 'one' }),
      other.handOver(recorded, { reason: 'two' }),
      coordinator.handOver(recorded, { reason: 'three' }),
    ])
    expect(tries.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    const reasons = tries.flatMap((each) =>
      each.status === 'rejected' ? [(each.reason as { code: string }).code] : [],
    )
    expect(reasons).toEqual(['coordination.handed_over', 'coordination.handed_over'])
    // Whoever has the whole has the part.
    const part = coordinator.handOver(recorded, { reason: 'four', scope: 'subject' })
    await expect(part).rejects.toMatchObject({ code: 'coordination.handed_over' })
    await coordinator.caughtUp()
    expect(await events('coordination.assigned')).toHaveLength(1)
  })

  it('is heard of by others of its name who had known the conversation as free', async () => {
    const { coordinator: open, say } = await world()
    const domains = { shop: { handler: () => undefined } }
    const [one, other] = [await open({ domains }), await open({ domains })]
    const recorded = await say('ordered', {}, shop)
    expect(await one.hooks.mayAct(recorded.event)).toBe(true)
    await other.handOver(recorded, { reason: 'mine' })
    await one.caughtUp()
    expect(await one.hooks.mayAct(recorded.event)).toBe(false)
    await expect(one.handOver(recorded, { reason: 'mine' })).rejects.toMatchObject({ code: 'coordination.handed_over' })
  })

  it('does not let rules act on what waits or comes later, and tells the saga of it', async () => {
    const { coordinator: open, choreography: rules, say, events, clock } = await world()
    const cases: Case[] = []
    const coordinator = await open({ domains: { shop: { saga: keeping('rescue', cases, { waits: 'late' }) } } })
    const choreography = await rules(coordinator)
    const acted: string[] = []
    const slow = gate()
    await choreography.rule('act', of('n'), async ({ id }) => {
      acted.push(id)
      slow.arrive()
      await slow.passed
    })
    // They wait for one another by their subject.
    const first = await say('n', 1, { ...shop, subject: 's' })
    const second = await say('n', 2, { ...shop, subject: 's', cause: first.event })
    await slow.arrived
    await coordinator.handOver(first, { reason: 'mine' })
    slow.open()
    const third = await say('n', { much: 3 }, { ...shop, subject: 's', cause: first.event })
    await choreography.idle()
    await until(clock, async () => (await events('saga.completed')).length > 0)
    expect(acted).toEqual([first.event.id])
    expect(await events('agent.action.fenced')).toMatchObject([
      { data: { event: { id: first.event.id }, ran: true } },
      { data: { event: { id: second.event.id }, ran: false } },
    ])
    expect(await coordinator.decided(third.event)).toMatchObject({ route: 'withheld' })
    // Other conversations go on.
    await say('n', 4, { ...shop, subject: 's' })
    await choreography.idle()
    expect(acted).toHaveLength(2)
    expect(await gather<Difference>(coordinator.replay({ domains: { shop: {} } }))).toEqual([])
  })

  it('takes only what has the subject of the event, where it is asked for no more', async () => {
    const { coordinator: open, choreography: rules, say } = await world()
    const cases: Case[] = []
    const coordinator = await open({ domains: { shop: { saga: keeping('rescue', cases) } } })
    const choreography = await rules(coordinator)
    const acted: unknown[] = []
    await choreography.rule('act', of('n'), ({ data }) => void acted.push(data))
    const one = await say('n', 'one', { ...shop, subject: 'a' })
    await say('n', 'zero', { ...shop, subject: 'b', cause: one.event })
    await choreography.idle()
    await coordinator.handOver(one, { reason: 'mine', scope: 'subject' })
    await say('n', 'two', { ...shop, subject: 'a', cause: one.event })
    await say('n', 'three', { ...shop, subject: 'b', cause: one.event })
    await choreography.idle()
    await coordinator.caughtUp()
    expect(acted).toEqual(['one', 'zero', 'three'])
    expect(cases).toMatchObject([{ takenOver: 'subject', done: [{ rule: 'act', key: 'a' }] }])
  })

  it('lets rules act on what the saga says that took over', async () => {
    const { coordinator: open, choreography: rules, say, events, clock } = await world()
    const refund = saga<Case>('refund').step('pay', {
      do: (_about, context) => context.emit('refunded', {}, shop),
      irreversible: { leaves: 'money' },
    })
    const coordinator = await open({ domains: { shop: { saga: refund } } })
    const choreography = await rules(coordinator)
    await choreography.rule('tell', of('refunded'), (_, { emit }) => emit('told', {}, shop))
    await choreography.rule('file', of('told'), (_, { emit }) => emit('filed', {}, shop))
    await choreography.rule('ship', of('paid'), (_, { emit }) => emit('shipped', {}, shop))
    const paid = await say('paid', {}, { ...shop, criticality: 'high' })
    await coordinator.caughtUp()
    await coordinator.handOver(await say('other', {}, { ...shop, cause: paid.event }), { reason: 'again' })
    const fresh = await say('ordered', {}, shop)
    await coordinator.handOver(fresh, { reason: 'mine' })
    await until(clock, async () => (await events('filed')).length > 0)
    await choreography.idle()
    expect(await events('filed')).toMatchObject([{ correlationid: fresh.event.correlationid }])
    // In the other conversation the same saga had been before: what comes through it cannot be told apart, and nothing is free.
    expect(await events('told')).toHaveLength(1)
    expect(await events('shipped')).toEqual([])
  })

  it('is made by a rule, together with its decision', async () => {
    const { coordinator: open, choreography: rules, say, events, clock } = await world()
    const cases: Case[] = []
    const fraud = {
      name: 'fraud',
      when: of('fraud.found'),
      reason: 'fraud ends the order',
      to: 'saga',
      handOver: 'correlation',
    } as const
    const coordinator = await open({ domains: { shop: { saga: keeping('rescue', cases), rules: [fraud] } } })
    const choreography = await rules(coordinator)
    await choreography.rule('act', of('ordered'), () => 'done')
    const ordered = await say('ordered', {}, shop)
    await choreography.idle()
    const found = await say('fraud.found', {}, { ...shop, cause: ordered.event })
    const again = await say('fraud.found', {}, { ...shop, cause: ordered.event })
    const later = await say('ordered', {}, { ...shop, cause: ordered.event })
    await coordinator.caughtUp()
    await until(clock, async () => (await events('coordination.settled')).length === 2)
    expect(await events('coordination.handed_over')).toHaveLength(1)
    expect(cases.toSorted((one, other) => Number(!one.takenOver) - Number(!other.takenOver))).toMatchObject([
      { takenOver: 'correlation', reason: 'fraud ends the order', done: [{ rule: 'act', result: 'done' }] },
      { kind: 'route', done: [{ rule: 'act' }] },
    ])
    for (const { event } of [found, again]) expect(await coordinator.decided(event)).toMatchObject({ route: 'saga' })
    expect(await coordinator.decided(later.event)).toMatchObject({ route: 'withheld' })
  })

  it('names the actions that were left out of a case', async () => {
    const { coordinator: open, choreography: rules, say } = await world()
    const cases: Case[] = []
    const coordinator = await open({ domains: { shop: { saga: keeping('rescue', cases) } }, doneMax: 2 })
    const choreography = await rules(coordinator, { cycleMax: 100 })
    await choreography.rule('act', of('n'), ({ data }) => data)
    const first = await say('n', 0, shop)
    for (let n = 1; n < 5; n++) await say('n', n, { ...shop, cause: first.event })
    await choreography.idle()
    await coordinator.handOver(first, { reason: 'mine' })
    await coordinator.caughtUp()
    expect(cases).toMatchObject([{ done: [{ result: 3 }, { result: 4 }], omitted: 3 }])
  })
})

describe('a race of a hand-over with rules', () => {
  it('has each event acted on and in the case, or neither, wherever it is cut', async () => {
    for (let cut = 0; cut < 14; cut++) {
      const { coordinator: open, choreography: rules, say, events, clock } = await world()
      const cases: Case[] = []
      const coordinator = await open({ domains: { shop: { saga: keeping('rescue', cases) } } })
      const choreography = await rules(coordinator, { cycleMax: 100 })
      await choreography.rule<number>('step', of('n'), ({ data }, { emit }) => {
        if (data < 6) emit('n', data + 1, shop)
        return data
      })
      const first = await say('n', 0, shop)
      for (let turn = 0; turn < cut; turn++) await clock.advance(0)
      const { case: caseId } = await coordinator.handOver(first, { reason: 'mine' })
      await choreography.idle()
      await until(clock, async () => (await events('coordination.settled')).length === 1)
      const recorded = (await events('agent.action.completed')).map(({ data }) => (data as { result: number }).result)
      expect(cases).toMatchObject([{ id: caseId }])
      expect(cases[0]?.done.map(({ result }) => result)).toEqual(recorded)
      expect(await events('n')).toHaveLength(Math.min(7, recorded.length + 1))
      await choreography.close()
      await coordinator.close()
    }
  })
})

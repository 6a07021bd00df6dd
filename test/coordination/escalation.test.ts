import { describe, expect, it } from 'vitest'
import type { Case, HandlerContext, Unescalated } from '../../src/coordination/coordination.ts'
import { gather } from '../../src/journal/conformance-kit.ts'
import { Unretryable } from '../../src/workflow/error.ts'
import { saga } from '../../src/workflow/saga.ts'
import { keeping, until, world } from './kit.ts'

const of = (type: string) => ({ type: [type] })
const once = { retry: { attemptsMax: 1 } }

describe('escalation', () => {
  it('brings a dead letter to the team, its domain and the root, until somebody settles it', async () => {
    const { coordinator: open, choreography: rules, say, events, clock } = await world()
    const team: Case[] = []
    const asked: [Case, HandlerContext][] = []
    const coordinator = await open({
      domains: {
        cards: { parent: 'bank', saga: keeping('team', team, { fails: true }) },
        bank: { parent: 'company' },
        company: { owner: 'Bo', handler: (about, context) => void asked.push([about, context]) },
      },
      root: { handler: () => expect.unreachable('it was settled below') },
    })
    const choreography = await rules(coordinator)
    await choreography.rule('first', of('card.used'), (_, { emit }) => emit('noted', {}), once)
    await choreography.rule('bad', of('card.used'), () => Promise.reject(new Error('no such card')), once)
    const { event } = await say('card.used', { card: 7 }, { domain: 'cards', subject: 'card-7' })
    await until(clock, async () => (await events('coordination.settled')).length > 0)
    expect(await events('coordination.escalated')).toMatchObject([
      { causationid: event.id, correlationid: event.correlationid, hop: 1, data: { level: 'cards', kind: 'trouble' } },
    ])
    expect(team).toHaveLength(1)
    expect(asked).toMatchObject([
      [
        {
          kind: 'trouble',
          from: 'cards',
          level: 'company',
          reason: 'no such card',
          event,
          trouble: { kind: 'dead', rule: 'bad', key: 'card-7', reason: 'no such card' },
          before: [{ level: 'cards', error: { code: 'coordination.saga_failed' } }],
        },
        { level: 'company', attempt: 1 },
      ],
    ])
    expect(asked[0]?.[0].done).toMatchObject([
      { rule: 'first', ended: 'completed' },
      { rule: 'bad', ended: 'failed' },
    ])
    expect((await events('coordination.assigned')).map(({ data }) => (data as { level: string }).level)).toEqual([
      'cards',
      'company',
    ])
    expect(await gather(coordinator.unescalated())).toEqual([])
  })

  it('asks a handler again, then goes up, and at last rests where everybody sees it', async () => {
    const { coordinator: open, say, events, clock } = await world()
    const asked: string[] = []
    const never = (_: Case, { level, attempt, key }: HandlerContext) => {
      asked.push(`${level} ${attempt} ${key.split('.').at(-1)}`)
      throw new Error(`${level} cannot`)
    }
    const coordinator = await open({
      domains: { shop: { handler: never } },
      root: { handler: never, owner: 'Cy' },
      escalate: { attemptsMax: 2, backoffMs: 100 },
    })
    await say('n', {}, { domain: 'shop', criticality: 'high' })
    await until(clock, () => asked.length === 1)
    await clock.advance(100)
    await until(clock, () => asked.length === 3)
    await clock.advance(100)
    await until(clock, async () => (await events('coordination.unescalated')).length === 1)
    expect(asked).toEqual(['shop 1 1', 'shop 2 1', 'root 1 2', 'root 2 2'])
    const [resting] = await gather<Unescalated>(coordinator.unescalated())
    expect(resting).toMatchObject({ kind: 'route', why: { message: 'root cannot' } })
    expect(await events('coordination.unescalated')).toMatchObject([
      { data: { before: [{ level: 'shop' }, { level: 'root' }] } },
    ])
    await coordinator.resolve(resting?.case ?? '', 'done', { by: 'Di', note: 'by hand' })
    expect(await gather(coordinator.unescalated())).toEqual([])
    expect(await events('coordination.settled')).toMatchObject([
      { data: { outcome: 'done', by: 'Di', note: 'by hand' } },
    ])
    await expect(coordinator.resolve(resting?.case ?? '', 'done')).rejects.toMatchObject({
      code: 'coordination.case_settled',
    })
    await expect(coordinator.resolve('r-none', 'retry')).rejects.toMatchObject({ code: 'coordination.case_unknown' })
  })

  it('begins a resting case anew when an operator says so', async () => {
    const { coordinator: open, say, events, clock } = await world()
    let isThere = false
    const coordinator = await open({
      domains: {
        shop: {
          handler: () => {
            if (!isThere) throw new Error('nobody is there')
          },
        },
      },
      escalate: { attemptsMax: 1 },
    })
    await say('n', {}, { domain: 'shop', criticality: 'high' })
    await coordinator.caughtUp()
    const [resting] = await gather<Unescalated>(coordinator.unescalated())
    isThere = true
    await coordinator.resolve(resting?.case ?? '', 'retry')
    await until(clock, async () => (await events('coordination.settled')).length === 1)
    expect(await gather(coordinator.unescalated())).toEqual([])
  })

  it('brings an unknown domain to the root', async () => {
    const { coordinator: open, say } = await world()
    const asked: Case[] = []
    const coordinator = await open({ domains: { shop: {} }, root: { handler: (about) => void asked.push(about) } })
    await say('n', {}, { domain: 'mars' })
    await coordinator.caughtUp()
    expect(asked).toMatchObject([{ kind: 'unknown', level: 'root', reason: 'nobody knows the domain mars' }])
  })

  it('rests at once where nobody answers', async () => {
    const { coordinator: open, say } = await world()
    const coordinator = await open({ domains: { shop: {} } })
    await say('n', {}, { domain: 'shop', criticality: 'high' })
    await coordinator.caughtUp()
    expect(await gather<Unescalated>(coordinator.unescalated())).toMatchObject([
      { why: { code: 'coordination.nobody' } },
    ])
  })

  it('goes up when a saga does not take the case, and when there is none of its name', async () => {
    const { coordinator: open, say } = await world()
    const asked: Case[] = []
    const coordinator = await open({
      domains: {
        team: {
          parent: 'shop',
          saga: keeping('picky', []),
          input: () => {
            throw new TypeError('no such input')
          },
        },
        shop: { saga: 'unknown' },
      },
      root: { handler: (about) => void asked.push(about) },
    })
    await say('n', {}, { domain: 'team', criticality: 'high' })
    await coordinator.caughtUp()
    expect(asked[0]?.before).toMatchObject([
      { level: 'team', error: { message: 'no such input' } },
      { level: 'shop', error: { code: 'base.invalid_argument' } },
    ])
  })

  it('brings a reply that does not come to the domain of the event that waits for it', async () => {
    const { coordinator: open, choreography: rules, say, clock } = await world()
    const asked: Case[] = []
    const coordinator = await open({ domains: { shop: { handler: (about) => void asked.push(about) } } })
    const choreography = await rules(coordinator)
    await choreography.absent('reply', { pattern: of('asked'), answer: of('told'), same: 'subject', withinMs: 1000 })
    const { event } = await say('asked', {}, { domain: 'shop', subject: 'q' })
    await choreography.caughtUp()
    await clock.advance(1001)
    await until(clock, () => asked.length > 0)
    expect(asked).toMatchObject([
      {
        kind: 'trouble',
        event,
        trouble: { kind: 'absent', rule: 'reply', key: 'q', reason: 'no reply came within 1000 ms' },
      },
    ])
  })

  it('takes the conversation over where a cycle was met, so that it ends', async () => {
    const { coordinator: open, choreography: rules, say, events, clock } = await world()
    const asked: Case[] = []
    const coordinator = await open({ domains: { chat: { handler: (about) => void asked.push(about) } } })
    const choreography = await rules(coordinator, { cycleMax: 2 })
    const answer = { domain: 'chat', subject: 'talk' }
    await choreography.rule('ping', of('ping'), (_, { emit }) => emit('pong', {}, answer))
    await choreography.rule('pong', of('pong'), (_, { emit }) => emit('ping', {}, answer))
    const first = await say('ping', {}, { domain: 'chat', subject: 'talk' })
    await until(clock, () => asked.length > 0)
    expect(asked).toMatchObject([{ trouble: { kind: 'cycle', rule: 'ping' }, takenOver: 'correlation', from: 'chat' }])
    const before = (await events('pong')).length
    const later = await say('ping', {}, { domain: 'chat', subject: 'other', cause: first.event })
    await choreography.idle()
    expect(await coordinator.decided(later.event)).toMatchObject({ route: 'withheld' })
    expect(await events('pong')).toHaveLength(before)
  })

  it('goes up past a saga that rests for an operator, and is not settled a second time when that one ends', async () => {
    const { coordinator: open, workflow, say, events, clock } = await world()
    const stuck = saga<Case>('stuck')
      .step('hold', {
        do: () => 'held',
        undo: () => {
          throw new Unretryable('it does not come off')
        },
      })
      .step('break', {
        do: () => {
          throw new Unretryable('broken')
        },
        readOnly: true,
      })
    const asked: Case[] = []
    const coordinator = await open({
      domains: { shop: { saga: stuck } },
      root: { handler: (about) => void asked.push(about) },
    })
    await say('n', {}, { domain: 'shop', criticality: 'high' })
    await until(clock, async () => (await events('coordination.settled')).length > 0)
    expect(asked).toMatchObject([
      { level: 'root', before: [{ level: 'shop', error: { code: 'coordination.saga_failed' } }] },
    ])
    for await (const { run } of workflow.runs({ saga: 'stuck' })) await workflow.resolve(run, 'hold', 'skip')
    await until(clock, async () => (await events('saga.compensated')).length > 0)
    await coordinator.caughtUp()
    expect(await events('coordination.settled')).toHaveLength(1)
  })

  it('is begun once for each time that an event was parked, however often that is told', async () => {
    const { coordinator: open, say, events, clock } = await world()
    const coordinator = await open({ domains: { shop: { handler: () => undefined } } })
    const { event, stream, version } = await say('n', {}, { domain: 'shop' })
    const about = { rule: 'r', key: undefined, kind: 'dead', code: 'unknown', reason: 'no', attempts: 1 } as const
    const parked = { id: 1, parkedAtMs: clock.now(), stream, version, correlationid: event.correlationid ?? event.id }
    await coordinator.hooks.onTrouble({ ...about, ...parked, event })
    await coordinator.hooks.onTrouble({ ...about, ...parked, event })
    expect(await events('coordination.escalated')).toHaveLength(1)
    await coordinator.hooks.onTrouble({ ...about, ...parked, parkedAtMs: clock.now() + 1, event: undefined })
    expect((await events('coordination.escalated')).map(({ data }) => (data as { level: string }).level)).toEqual([
      'shop',
      // Of an event that was erased nobody knows the domain.
      'root',
    ])
  })

  it('leaves alone what it is not told to bring up', async () => {
    const { coordinator: open, choreography: rules, say, events } = await world()
    const coordinator = await open({ domains: { shop: {} }, escalate: { on: ['absent'] } })
    const choreography = await rules(coordinator)
    await choreography.rule('bad', of('n'), () => Promise.reject(new Error('no')), once)
    await say('n', {}, { domain: 'shop' })
    await choreography.idle()
    await coordinator.caughtUp()
    expect(await events('coordination.escalated')).toEqual([])
    expect(await choreography.status()).toMatchObject({ parked: 1 })
  })
})

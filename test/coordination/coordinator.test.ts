import { describe, expect, it } from 'vitest'
import type { Case, Difference, Unescalated } from '../../src/coordination/coordination.ts'
import { gather } from '../../src/journal/conformance-kit.ts'
import { start } from '../../src/journal/journal.ts'
import { saga } from '../../src/workflow/saga.ts'
import { keeping, until, world } from './kit.ts'

describe('a coordinator', () => {
  it('gives what is critical to the saga of its domain, and what is routine to the rules', async () => {
    const { coordinator: open, choreography: rules, say, events, clock } = await world()
    const cases: Case[] = []
    const coordinator = await open({ domains: { shop: { saga: keeping('rescue', cases), owner: 'Ada' } } })
    const choreography = await rules(coordinator)
    const acted: unknown[] = []
    await choreography.rule('act', { type: ['n'] }, ({ data }) => void acted.push(data))
    const loud = await say('n', 'loud', { domain: 'shop', criticality: 'critical' })
    await say('n', 'calm', { domain: 'shop' })
    await say('n', 'nobody', {})
    await coordinator.caughtUp()
    await choreography.idle()
    await until(clock, async () => (await events('coordination.settled')).length > 0)
    expect(acted).toEqual(['calm', 'nobody'])
    expect(cases).toMatchObject([
      { kind: 'route', from: 'shop', level: 'shop', event: loud.event, done: [], omitted: 0, before: [] },
    ])
    const [first, second, ...more] = await events('coordination.decided')
    expect(more).toEqual([])
    expect(first).toMatchObject({
      correlationid: loud.event.correlationid,
      causationid: loud.event.id,
      hop: 1,
      data: {
        route: 'saga',
        rule: 'default/criticality',
        reason: 'its criticality is critical (sender)',
        level: 'shop',
      },
    })
    expect(second).toMatchObject({ data: { route: 'choreography', rule: 'default/routine' } })
    const [assigned] = await events('coordination.assigned')
    expect(assigned).toMatchObject({ data: { by: 'saga', owner: 'Ada', level: 'shop' } })
    expect(await events('saga.started')).toMatchObject([{ hop: 1, path: 'saga:rescue', domain: 'shop' }])
    expect(await coordinator.decided(loud.event)).toMatchObject({ route: 'saga' })
    expect(await coordinator.status()).toMatchObject({ cases: 0, error: undefined })
  })

  it('decides once on an event, however often it is appended and whatever the rules say after a restart', async () => {
    const { coordinator: open, say, append, events } = await world()
    const cases: Case[] = []
    const domains = { shop: { saga: keeping('rescue', cases) } }
    const before = await open({ domains })
    const { event } = await say('n', {}, { domain: 'shop', criticality: 'high' })
    await append(event, 'again')
    await before.caughtUp()
    await before.close()
    const all = { name: 'all', when: { domain: ['shop'] }, reason: 'all is quiet', to: 'choreography' } as const
    const after = await open({ domains, rules: [all] })
    await append(event, 'once-more')
    await after.caughtUp()
    expect(await events('coordination.decided')).toHaveLength(1)
    expect(await events('saga.started')).toHaveLength(1)
    expect(await after.hooks.admits(await append(event, 'asked'))).toBe(false)
  })

  it('takes a saga for begun that had begun before, also when its input would be another by now', async () => {
    const { coordinator: open, journal, say, events } = await world()
    const cases: Case[] = []
    let made = 0
    const input = (about: Case) => ({ ...about, made: made++ })
    const domains = { shop: { saga: keeping('rescue', cases, { waits: 'more' }), input } }
    const before = await open({ domains })
    const { place } = await before.status()
    await say('n', {}, { domain: 'shop', criticality: 'high' })
    await before.caughtUp()
    await before.close()
    // As after a crash: it had come further than it has kept.
    await journal.setMetadata('coordination/main/decisions', { custom: { place } })
    const after = await open({ domains })
    await after.caughtUp()
    expect(made).toBe(2)
    expect(await events('saga.started')).toHaveLength(1)
    expect(await events('coordination.failed')).toEqual([])
  })

  it('routes what came while it was away, and nothing from before it was first opened', async () => {
    const { coordinator: open, say, events } = await world()
    const domains = { shop: {} }
    await say('n', 'early', { domain: 'shop' })
    const first = await open({ domains })
    await first.close()
    const away = await say('n', 'away', { domain: 'shop' })
    const second = await open({ domains })
    await second.caughtUp()
    expect(await events('coordination.decided')).toMatchObject([{ causationid: away.event.id }])
    const all = await open({ domains, name: 'all', from: start })
    await all.caughtUp()
    expect(await events('coordination.decided')).toHaveLength(3)
  })

  it('tells what other rules would have done otherwise, and why', async () => {
    const { coordinator: open, say } = await world()
    const coordinator = await open({ domains: { shop: {}, bank: {} } })
    const small = await say('paid', { amount: 10 }, { domain: 'bank' })
    const large = await say('paid', { amount: 5000 }, { domain: 'bank' })
    await say('sold', {}, { domain: 'shop' })
    await coordinator.caughtUp()
    const money = {
      name: 'money',
      when: { data: { amount: [{ numeric: ['>', 1000] }] } },
      reason: 'much money',
      to: 'saga',
    } as const
    const changed = await gather<Difference>(coordinator.replay({ domains: { shop: {}, bank: { rules: [money] } } }))
    expect(changed).toEqual([
      {
        ref: { stream: 'outside', version: 2, id: large.event.id, source: '/test', type: 'paid' },
        was: { route: 'choreography', level: 'bank', rule: 'default/routine', reason: 'it is routine' },
        would: { route: 'saga', level: 'bank', rule: 'bank/money', reason: 'much money' },
      },
    ])
    const gone = await gather<Difference>(coordinator.replay({ domains: { shop: {} }, from: small.position }))
    expect(gone.map(({ would }) => would.rule)).toEqual(['default/unknown-domain', 'default/unknown-domain'])
    expect(await gather(coordinator.replay({}))).toEqual([])
  })

  it.each([
    [{ domains: { root: {} } }, /domains.root must have a name/],
    [{ domains: { a: { parent: 'b' } } }, /domains.a.parent is b, which is none/],
    [{ domains: { a: { parent: 'b' }, b: { parent: 'a' } } }, /above itself/],
    [{ domains: { a: { saga: 's', handler: () => 0 } } }, /has a saga and a handler/],
    [{ domains: { a: { rules: [{ name: 'x', when: { type: ['t'] }, reason: 'r' }] } } }, /either says/],
    [
      { domains: { a: { rules: [{ name: 'x', when: {}, reason: 'r', to: 'saga' }] } } },
      /domains.a.rules.x.when is not right/,
    ],
    [
      {
        domains: {},
        rules: [{ name: 'x', when: { type: ['t'] }, reason: 'r', to: 'choreography', handOver: 'subject' }],
      },
      /handOver must be/,
    ],
    [{ domains: { a: { sagas: 's' } } }, /did you mean saga/],
  ])('refuses domains and rules that cannot be meant so: %j', async (given, words) => {
    const { coordinator: open } = await world()
    const refused = open(given as unknown as Parameters<typeof open>[0])
    await expect(refused).rejects.toMatchObject({ code: 'coordination.config_invalid' })
    await expect(refused).rejects.toThrow(words)
  })

  it('refuses calls once it is closed', async () => {
    const { coordinator: open, say } = await world()
    const coordinator = await open({ domains: {} })
    const recorded = await say('n')
    await coordinator.close()
    await expect(coordinator.caughtUp()).rejects.toMatchObject({ code: 'base.closed' })
    await expect(coordinator.hooks.admits(recorded)).rejects.toMatchObject({ code: 'base.closed' })
  })

  it('looks no more for whoever waited until it had caught up, and waits no longer', async () => {
    const { coordinator: open, journal, say, events, clock } = await world()
    let asked = 0
    const counting = new Proxy(journal, {
      get(target, name) {
        if (name === 'behind') asked++
        const value: unknown = Reflect.get(target, name)
        return typeof value === 'function' ? (value.bind(target) as unknown) : value
      },
    })
    const held = Promise.withResolvers<void>()
    const coordinator = await open({ journal: counting, domains: { shop: { handler: () => held.promise } } })
    await say('n', {}, { domain: 'shop', criticality: 'high' })
    await until(clock, async () => (await events('coordination.assigned')).length > 0)
    const timeouts = [1, 2, 3].map((timeoutMs) => coordinator.caughtUp({ timeoutMs }).catch((error: unknown) => error))
    await clock.advance(3)
    expect(await Promise.all(timeouts)).toMatchObject([1, 2, 3].map(() => ({ code: 'base.timeout' })))
    // What they had asked by then is answered long before.
    await say('n', {}, { domain: 'shop' })
    await until(clock, async () => (await events('coordination.decided')).length === 2)
    asked = 0
    await say('n', {}, { domain: 'shop' })
    await until(clock, async () => (await events('coordination.decided')).length === 3)
    held.resolve()
    await until(clock, async () => (await events('coordination.settled')).length === 1)
    expect(asked).toBe(0)
  })

  it('ends a circle of sagas whose events are cases of their own', async () => {
    const { coordinator: open, say, events, clock } = await world()
    const echo = saga<Case>('echo').step('again', {
      do: (_about, context) => context.emit('n', {}, { domain: 'shop', criticality: 'critical' }),
      irreversible: { leaves: 'an echo' },
    })
    const coordinator = await open({ domains: { shop: { saga: echo } }, maxHops: 6 })
    await say('n', {}, { domain: 'shop', criticality: 'critical' })
    await until(clock, async () => (await events('coordination.unescalated')).length > 0)
    const resting = await gather<Unescalated>(coordinator.unescalated())
    expect(resting).toMatchObject([{ kind: 'route', why: { code: 'coordination.hops' } }])
    await clock.advance(1000)
    expect((await events('saga.started')).length).toBeLessThanOrEqual(6)
  })

  it('caps how many are asked in one correlation', async () => {
    const { coordinator: open, say, clock, events } = await world()
    const coordinator = await open({
      domains: { shop: { handler: () => undefined } },
      maxCasesPerCorrelation: 2,
    })
    const { event } = await say('n', {}, { domain: 'shop', criticality: 'critical' })
    for (let n = 0; n < 3; n++) {
      await coordinator.caughtUp()
      await say('n', { n }, { domain: 'shop', criticality: 'critical', cause: event })
    }
    await until(clock, async () => (await events('coordination.unescalated')).length === 2)
    expect(await gather<Unescalated>(coordinator.unescalated())).toMatchObject([
      { why: { code: 'coordination.cases' } },
      { why: { code: 'coordination.cases' } },
    ])
  })
})

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { CloudEvent, Criticality } from '../../../src/base/envelope.ts'
import { compileRouting } from '../../../src/coordination/config.ts'
import type { Domain, RouteRule, Says } from '../../../src/coordination/coordination.ts'
import { decide } from '../../../src/coordination/core/decide.ts'
import type { Decision } from '../../../src/coordination/core/decide.ts'

const event = (more: object = {}): CloudEvent => ({
  specversion: '1.0',
  id: 'e',
  source: '/s',
  type: 'order.created',
  data: {},
  ...more,
})
const says = (name: string, said: Says, when: RouteRule['when'] = { type: [{ exists: true }] }): RouteRule => ({
  name,
  when,
  reason: name,
  says: said,
})
const to = (name: string, way: 'saga' | 'choreography', when: RouteRule['when']): RouteRule => ({
  name,
  when,
  reason: `because of ${name}`,
  to: way,
})
const decided = (given: CloudEvent, domains: Record<string, Domain>, rules: RouteRule[] = []): Decision | undefined =>
  decide(given, compileRouting({ domains, rules }).levels)

const criticality = fc.constantFrom<Criticality>('low', 'normal', 'high', 'critical')
const domainName = fc.constantFrom('team', 'shop', 'world', 'elsewhere')
/** A sender may claim anything. */
const anyEvent = fc
  .record(
    {
      domain: domainName,
      criticality,
      irreversible: fc.constantFrom<unknown>(true, false, 'true', 'false', 'yes', 1),
      domains: fc.constantFrom<unknown>('team', 'team,shop', 'shop  ,team', '', 7),
      subject: fc.constantFrom('a', 'b'),
    },
    { requiredKeys: [] },
  )
  .map((claims) => event(claims))
const said = fc.record(
  { criticality, irreversible: fc.boolean(), domains: fc.subarray(['team', 'shop', 'world']) },
  { requiredKeys: [] },
)
const when = fc.constantFrom<RouteRule['when']>(
  { type: ['order.created'] },
  { type: ['other'] },
  { subject: ['a'] },
  { criticality: ['high', 'critical'] },
  { domain: ['team'] },
)
const ruleOf = fc.oneof(
  fc.record({ when, says: said }).map(({ when, says }) => ({ when, says: { irreversible: false, ...says } })),
  fc.record({ when, to: fc.constantFrom('saga' as const, 'choreography' as const) }),
)
const rules = fc
  .array(ruleOf, { maxLength: 4 })
  .map((list): RouteRule[] => list.map((rule, at) => ({ ...rule, name: `r${at}`, reason: `r${at}` })))
const hierarchy = fc.record({ team: rules, shop: rules, world: rules, root: rules }).map((each) => ({
  domains: {
    team: { parent: 'shop', rules: each.team },
    shop: { parent: 'world', rules: each.shop },
    world: { rules: each.world },
  },
  rules: each.root,
}))

describe('a decision', () => {
  it('is made of every event that says a domain, and is always the same', () => {
    fc.assert(
      fc.property(anyEvent, hierarchy, (given, routing) => {
        const once = decide(given, compileRouting(routing).levels)
        expect(decide(given, compileRouting(routing).levels)).toEqual(once)
        expect(once === undefined).toBe(given.domain === undefined)
        if (!once) return
        expect(['saga', 'choreography', 'escalation']).toContain(once.route)
        expect(once.reason).not.toBe('')
        expect(once.route === 'escalation').toBe(given.domain === 'elsewhere')
      }),
    )
  })

  it('lets the nearest level that speaks have its way, each value by itself, whatever the sender says', () => {
    fc.assert(
      fc.property(anyEvent, hierarchy, (given, routing) => {
        const decision = decide(given, compileRouting(routing).levels)
        if (!decision || decision.route === 'escalation') return
        const chain = ['team', 'shop', 'world'].slice(['team', 'shop', 'world'].indexOf(decision.domain))
        // The slow and obvious way: each rule alone, nearest first.
        const speaking = [...chain, 'root'].flatMap((level) => {
          const list = level === 'root' ? routing.rules : (routing.domains[level as 'team'].rules ?? [])
          return list
            .filter(({ when, says }) => says && fits(given, when))
            .map(({ says, name }) => ({ says, by: `${level}/${name}` }))
        })
        for (const name of ['criticality', 'irreversible'] as const) {
          const first = speaking.find(({ says }) => says?.[name] !== undefined)
          const { value, by } = decision.judged[name]
          const claimed = given[name as 'criticality'] === undefined ? 'default' : 'sender'
          expect({ value, by }).toEqual(first ? { value: first.says?.[name], by: first.by } : { value, by: claimed })
        }
        expect(decision.judged.domains.value[0]).toBe(decision.domain)
      }),
    )
  })

  it('sends to a saga what is critical, cannot be taken back, or touches several domains, and the rest to choreography', () => {
    const domains = { team: {} }
    const routes = (more: object) => {
      const { route, rule } = decided(event({ domain: 'team', ...more }), domains) as Decision
      return [route, rule]
    }
    expect(routes({})).toEqual(['choreography', 'default/routine'])
    expect(routes({ criticality: 'normal' })).toEqual(['choreography', 'default/routine'])
    expect(routes({ criticality: 'high' })).toEqual(['saga', 'default/criticality'])
    expect(routes({ criticality: 'critical' })).toEqual(['saga', 'default/criticality'])
    expect(routes({ irreversible: true })).toEqual(['saga', 'default/irreversible'])
    expect(routes({ irreversible: 'false' })).toEqual(['choreography', 'default/routine'])
    // What is said unclearly is taken in earnest.
    expect(routes({ irreversible: 'perhaps' })).toEqual(['saga', 'default/irreversible'])
    expect(routes({ domains: 'team' })).toEqual(['choreography', 'default/routine'])
    expect(routes({ domains: 'team, shop' })).toEqual(['saga', 'default/domains'])
  })

  it('holds the reason of each rule that overruled the sender, for the journal', () => {
    const domains = { shop: { rules: [says('calm', { criticality: 'low' })] } }
    const { judged } = decided(event({ domain: 'shop', criticality: 'high', irreversible: true }), domains) ?? {}
    expect(judged?.criticality).toEqual({ value: 'low', by: 'shop/calm', reason: says('calm', {}).reason })
    expect(judged?.irreversible).toEqual({ value: true, by: 'sender' })
  })

  it('lets a domain lower and raise what a sender declares', () => {
    const domains = {
      shop: { rules: [says('all-normal', { criticality: 'normal', irreversible: false, domains: [] })] },
      bank: { rules: [says('all-high', { criticality: 'high' }), says('late', { criticality: 'low' })] },
    }
    const loud = { criticality: 'critical', irreversible: true, domains: 'a,b,c' } as const
    expect(decided(event({ domain: 'shop', ...loud }), domains)).toMatchObject({
      route: 'choreography',
      judged: { criticality: { value: 'normal', by: 'shop/all-normal' }, irreversible: { value: false } },
    })
    expect(decided(event({ domain: 'bank', criticality: 'low' }), domains)).toMatchObject({
      route: 'saga',
      rule: 'default/criticality',
      reason: 'its criticality is high (bank/all-high)',
    })
  })

  it('asks where an event goes of what was made of it, the domain first, then its parents, then the root', () => {
    const team: Domain = { parent: 'shop', rules: [to('quiet', 'choreography', { criticality: ['critical'] })] }
    const shop: Domain = {
      rules: [
        says('money', { criticality: 'critical' }, { data: { amount: [{ numeric: ['>', 100] }] } }),
        to('wide', 'saga', { touched: [{ numeric: ['>', 1] }] }),
      ],
    }
    const root = [to('last', 'saga', { type: [{ prefix: 'order.' }] })]
    const of = (domain: string, more: object) => decided(event({ domain, ...more }), { team, shop }, root)
    expect(of('team', { data: { amount: 500 } })).toMatchObject({
      route: 'choreography',
      rule: 'team/quiet',
      reason: 'because of quiet',
    })
    expect(of('team', { domains: 'shop' })).toMatchObject({ route: 'saga', rule: 'shop/wide', level: 'team' })
    expect(of('shop', {})).toMatchObject({ route: 'saga', rule: 'root/last' })
  })

  it('knows an event by the domain whose own it is, whatever domain it says', () => {
    const domains = { bank: { events: { type: [{ prefix: 'payment.' }] } }, shop: {} }
    expect(decided(event({ type: 'payment.taken', domain: 'shop' }), domains)?.domain).toBe('bank')
    expect(decided(event({ type: 'payment.taken' }), domains)?.domain).toBe('bank')
    expect(decided(event({ type: 'order.created', domain: 'shop' }), domains)?.domain).toBe('shop')
    expect(decided(event(), domains)).toBeUndefined()
  })

  it('goes up to the root from a domain that nobody knows, whatever the rules of the root say', () => {
    const root = [to('all', 'choreography', { type: [{ exists: true }] })]
    expect(decided(event({ domain: 'mars' }), { shop: {} }, root)).toMatchObject({
      route: 'escalation',
      level: 'root',
      rule: 'default/unknown-domain',
    })
    // The root is no domain that a sender may name.
    expect(decided(event({ domain: 'root' }), { shop: {} })?.route).toBe('escalation')
    expect(decided(event({ domain: '__proto__' }), { shop: {} })?.route).toBe('escalation')
  })
})

/** The few patterns of this test, by hand. */
function fits(given: CloudEvent, pattern: RouteRule['when']): boolean {
  return Object.entries(pattern).every(([name, values]) => {
    const value = (given as unknown as Record<string, unknown>)[name]
    return (values as readonly unknown[]).includes(value)
  })
}

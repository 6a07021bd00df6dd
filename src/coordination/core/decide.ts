/**
 * decide(): which way an event goes, and why. What a sender says of its event are claims: the rules of its domain, then those of the levels
 * above, may say otherwise, and the nearest that speaks counts. Pure: of the same event and rules the decision is always the same.
 *
 * | | in this order, the first that fits |
 * | --- | --- |
 * | domain | the domain whose own the event is; the `domain` that it says |
 * | criticality, irreversible, domains touched, each by itself | a rule of the domain, of its parents, of the root; what the event says; `normal`, no, its own |
 * | the way | unknown domain: up to the root; a rule of the domain, of its parents, of the root; saga when critical or high, irreversible, or several domains; choreography |
 */
import type { CloudEvent, Criticality } from '../../base/envelope.ts'
import { root } from './levels.ts'
import type { Levels } from './levels.ts'

/** `withheld`: it belongs to a conversation that somebody has taken over, so no rule may act on it. */
export type Route = 'saga' | 'choreography' | 'escalation' | 'withheld'

/** A value, and who said it: `sender`, `default`, or a rule as `<level>/<name>`. */
export interface Judged<Value> {
  readonly value: Value
  readonly by: string
  /** Of the rule, where one said it. */
  readonly reason?: string
}

export interface Judgement {
  readonly criticality: Judged<Criticality>
  readonly irreversible: Judged<boolean>
  /** Its own first. */
  readonly domains: Judged<readonly string[]>
}

export interface Decision {
  readonly route: Route
  readonly domain: string
  /** Where a case of it begins. */
  readonly level: string
  /** `<level>/<name>`, or `default/<why>`. */
  readonly rule: string
  readonly reason: string
  readonly judged: Judgement
  readonly handOver?: 'correlation' | 'subject'
}

/** Undefined when the event belongs to no domain: then it is nobody's to route. */
export function decide(event: CloudEvent, levels: Levels): Decision | undefined {
  const domain = levels.domainOf(event)
  if (domain === undefined) return undefined
  const chain = levels.chain(domain)
  const judged = judge(event, domain, chain, levels)
  if (!levels.isDomain(domain))
    return {
      route: 'escalation',
      domain,
      level: root,
      rule: 'default/unknown-domain',
      reason: `nobody knows the domain ${domain}`,
      judged,
    }
  const { criticality, irreversible, domains } = judged
  const view = {
    ...event,
    domain,
    criticality: criticality.value,
    irreversible: irreversible.value,
    domains: domains.value,
    touched: domains.value.length,
  }
  for (const { level, rule } of levels.routes(view, chain)) {
    const { to: route, name, reason, handOver } = rule
    return { route, domain, level: domain, rule: `${level}/${name}`, reason, judged, ...(handOver && { handOver }) }
  }
  return { domain, level: domain, judged, ...byDefault(judged) }
}

function byDefault({ criticality, irreversible, domains }: Judgement): Pick<Decision, 'route' | 'rule' | 'reason'> {
  if (criticality.value === 'critical' || criticality.value === 'high')
    return {
      route: 'saga',
      rule: 'default/criticality',
      reason: `its criticality is ${criticality.value} (${criticality.by})`,
    }
  if (irreversible.value)
    return { route: 'saga', rule: 'default/irreversible', reason: `it cannot be taken back (${irreversible.by})` }
  if (domains.value.length > 1)
    return {
      route: 'saga',
      rule: 'default/domains',
      reason: `it touches ${domains.value.length} domains: ${domains.value.slice(0, 8).join(', ')} (${domains.by})`,
    }
  return { route: 'choreography', rule: 'default/routine', reason: 'it is routine' }
}

function judge(event: CloudEvent, domain: string, chain: readonly string[], levels: Levels): Judgement {
  let criticality: Judged<Criticality> | undefined
  let irreversible: Judged<boolean> | undefined
  let touched: Judged<readonly string[]> | undefined
  for (const { level, rule } of levels.says(event, chain)) {
    const { says, reason, name } = rule
    const said = { by: `${level}/${name}`, reason }
    if (says.criticality !== undefined) criticality ??= { value: says.criticality, ...said }
    if (says.irreversible !== undefined) irreversible ??= { value: says.irreversible, ...said }
    if (says.domains !== undefined) touched ??= { value: says.domains, ...said }
  }
  touched ??= claimedDomains(event)
  return {
    criticality: criticality ?? claimedCriticality(event),
    irreversible: irreversible ?? claimedIrreversible(event),
    domains: { ...touched, value: [...new Set([domain, ...touched.value])] },
  }
}

function claimedCriticality({ criticality }: CloudEvent): Judged<Criticality> {
  return criticality === undefined ? { value: 'normal', by: 'default' } : { value: criticality, by: 'sender' }
}

/** Extensions of CloudEvents: `irreversible`, a Boolean or text, and `domains`, names divided by commas or spaces. */
function claimedIrreversible(event: CloudEvent): Judged<boolean> {
  const said = extension(event, 'irreversible')
  if (said === undefined) return { value: false, by: 'default' }
  // What is said unclearly is taken in earnest.
  return { value: said !== false && said !== 'false', by: 'sender' }
}

function claimedDomains(event: CloudEvent): Judged<readonly string[]> {
  const said = extension(event, 'domains')
  if (typeof said !== 'string') return { value: [], by: 'default' }
  return { value: said.split(/[\s,]+/).filter((name) => name !== ''), by: 'sender' }
}

function extension(event: CloudEvent, name: string): unknown {
  return Object.hasOwn(event, name) ? (event as unknown as Readonly<Record<string, unknown>>)[name] : undefined
}

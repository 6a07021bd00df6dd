/**
 * Domains and rules after their checks: compiled levels, who answers for each, and a hash that tells one set of rules from another. Unlike
 * the face it has one form for the root and the domains; it decides nothing.
 */
import { hash } from 'node:crypto'
import type { Criticality } from '../base/envelope.ts'
import { messageOf, toError } from '../base/error.ts'
import { checkKeys, plainName } from '../base/limit.ts'
import { selectionOf } from '../choreography/definition.ts'
import type { AnySaga } from '../workflow/saga.ts'
import type { Domain, Responsible, RouteRule, Routing, Says } from './coordination.ts'
import { Levels, root } from './core/levels.ts'
import type { LevelConfig, SaysRule, ToRule } from './core/levels.ts'
import { ConfigInvalid } from './error.ts'

const domainsMax = 1000
const rulesMax = 1000
const depthMax = 32
const touchedMax = 64
const criticalities: ReadonlySet<unknown> = new Set<Criticality>(['low', 'normal', 'high', 'critical'])
const responsibleKeys = ['owner', 'saga', 'input', 'handler'] as const

export interface CompiledRouting {
  readonly levels: Levels
  /** Of what the rules say, wherever they are functions of nothing else. */
  readonly hash: string
}

/** Throws `coordination.config_invalid`. */
export function compileRouting({ domains, rules = [] }: Routing): CompiledRouting {
  guarded('domains', () => checkKeys('domains', domains, Object.keys(domains ?? {})))
  const entries = Object.entries(domains)
  if (entries.length > domainsMax)
    throw new ConfigInvalid('domains', `are ${entries.length}, and ${domainsMax} at most`)
  const configs = entries.map(([name, domain]) => domainConfig(name, domain, domains))
  for (const { name } of configs) checkDepth(name, domains)
  const plain = entries.map(([name, { parent, events, rules: own }]) => ({ name, parent, events, rules: own }))
  return {
    levels: new Levels(configs, splitRules('rules', rules)),
    hash: hash('sha256', JSON.stringify([plain, rules]), 'hex').slice(0, 16),
  }
}

function domainConfig(name: string, domain: Domain, all: Routing['domains']): LevelConfig {
  const at = `domains.${name}`
  if (!/^[\w.-]{1,64}$/.test(name) || name === root)
    throw new ConfigInvalid(at, `must have a name of 1 to 64 of letters, digits, ".", "_" and "-", other than ${root}`)
  guarded(at, () => checkKeys(at, domain, ['parent', 'events', 'rules', ...responsibleKeys]))
  const { parent, events, rules = [] } = domain
  if (parent !== undefined && !Object.hasOwn(all, parent))
    throw new ConfigInvalid(`${at}.parent`, `is ${messageOf(parent).slice(0, 80)}, which is none of the domains`)
  return {
    name,
    parent,
    events: events === undefined ? undefined : guarded(`${at}.events`, () => selectionOf(events)),
    ...splitRules(`${at}.rules`, rules),
  }
}

function checkDepth(name: string, domains: Routing['domains']): void {
  let depth = 0
  for (let at: string | undefined = name; at !== undefined; at = domains[at]?.parent)
    if (++depth > depthMax)
      throw new ConfigInvalid(`domains.${name}`, `has more than ${depthMax} levels above it, or is above itself`)
}

function splitRules(at: string, rules: readonly RouteRule[]): Pick<LevelConfig, 'says' | 'to'> {
  if (!Array.isArray(rules) || rules.length > rulesMax)
    throw new ConfigInvalid(at, `must be a list of ${rulesMax} rules at most`)
  const names = new Set<string>()
  const says: SaysRule[] = []
  const to: ToRule[] = []
  for (const [place, rule] of (rules as readonly RouteRule[]).entries()) {
    const { name } = checkRule(`${at}.${place}`, rule)
    const where = `${at}.${name}`
    if (names.has(name)) throw new ConfigInvalid(where, 'is there twice; give each rule of a domain a name of its own')
    names.add(name)
    const selection = guarded(`${where}.when`, () => selectionOf(rule.when))
    const { reason } = rule
    if (rule.says !== undefined) says.push({ name, reason, selection, says: checkSays(`${where}.says`, rule.says) })
    else if (rule.to !== undefined) to.push({ name, reason, selection, to: rule.to, handOver: rule.handOver })
  }
  return { says, to }
}

function checkRule(at: string, rule: RouteRule): RouteRule {
  guarded(at, () => checkKeys(at, rule, ['name', 'when', 'reason', 'says', 'to', 'handOver']))
  const { name, reason, says, to, handOver } = rule
  if (typeof name !== 'string' || !/^[\w.-]{1,100}$/.test(name))
    throw new ConfigInvalid(at, 'must have a name of 1 to 100 of letters, digits, ".", "_" and "-"')
  guarded(`${at}.reason`, () => plainName('reason', reason, 500))
  if ((says === undefined) === (to === undefined))
    throw new ConfigInvalid(at, 'must have either says, what it makes of the event, or to, where it goes')
  if (to !== undefined && to !== 'saga' && to !== 'choreography')
    throw new ConfigInvalid(`${at}.to`, 'must be saga or choreography')
  if (handOver !== undefined && (to !== 'saga' || (handOver !== 'correlation' && handOver !== 'subject')))
    throw new ConfigInvalid(`${at}.handOver`, 'must be correlation or subject, beside to: saga')
  return rule
}

function checkSays(at: string, says: Says): Says {
  guarded(at, () => checkKeys(at, says, ['criticality', 'irreversible', 'domains']))
  const { criticality, irreversible, domains } = says
  if (criticality !== undefined && !criticalities.has(criticality))
    throw new ConfigInvalid(`${at}.criticality`, 'must be low, normal, high or critical')
  if (irreversible !== undefined && typeof irreversible !== 'boolean')
    throw new ConfigInvalid(`${at}.irreversible`, 'must be true or false')
  if (domains !== undefined && !isNames(domains))
    throw new ConfigInvalid(`${at}.domains`, `must be a list of ${touchedMax} names at most`)
  if (criticality === undefined && irreversible === undefined && domains === undefined)
    throw new ConfigInvalid(at, 'must say criticality, irreversible or domains')
  return says
}

function isNames(value: unknown): boolean {
  return Array.isArray(value) && value.length <= touchedMax && value.every((each) => typeof each === 'string')
}

/** Who answers for each level; a saga that is given whole is listed, so that the workflow can run it. */
export interface Answering {
  readonly byLevel: ReadonlyMap<string, Responsible>
  readonly sagas: readonly AnySaga[]
}

/** Throws `coordination.config_invalid`. */
export function checkResponsible(domains: Routing['domains'], atRoot: Responsible = {}): Answering {
  const byLevel = new Map<string, Responsible>()
  guarded('root', () => checkKeys('root', atRoot, responsibleKeys))
  const sagas: AnySaga[] = []
  for (const [level, given] of [...Object.entries(domains), [root, atRoot] as const]) {
    const at = level === root ? root : `domains.${level}`
    const { owner, saga, input, handler } = given
    if (owner !== undefined) guarded(`${at}.owner`, () => plainName('owner', owner, 256))
    if (saga !== undefined && handler !== undefined)
      throw new ConfigInvalid(at, 'has a saga and a handler; put the one that comes second into a domain above it')
    if (saga !== undefined && typeof saga !== 'string' && typeof saga?.definition?.name !== 'string')
      throw new ConfigInvalid(`${at}.saga`, 'must be a saga or the name of one')
    for (const [key, value] of [['input', input] as const, ['handler', handler] as const])
      if (value !== undefined && typeof value !== 'function')
        throw new ConfigInvalid(`${at}.${key}`, 'must be a function')
    if (saga !== undefined && typeof saga !== 'string') sagas.push(saga)
    byLevel.set(level, given)
  }
  return { byLevel, sagas }
}

export function sagaName({ saga }: Responsible): string | undefined {
  return typeof saga === 'object' ? saga.definition.name : saga
}

function guarded<T>(at: string, check: () => T): T {
  try {
    return check()
  } catch (thrown) {
    if (thrown instanceof ConfigInvalid) throw thrown
    throw new ConfigInvalid(at, `is not right: ${toError(thrown).message}`, { cause: thrown })
  }
}

/**
 * The hierarchy of domains and its rules, compiled once. Unlike the configuration that it is made of, each level knows those above it and
 * its rules are matchers. Pure; who answers for a level is not its business.
 */
import type { CloudEvent, Criticality } from '../../base/envelope.ts'
import { EventMatcher } from '../../choreography/core/matcher.ts'
import type { Selection } from '../../choreography/core/selection.ts'

export const root = 'root'

export interface SaysRule {
  readonly name: string
  readonly reason: string
  readonly selection: Selection
  readonly says: {
    readonly criticality?: Criticality
    readonly irreversible?: boolean
    readonly domains?: readonly string[]
  }
}

export interface ToRule {
  readonly name: string
  readonly reason: string
  readonly selection: Selection
  readonly to: 'saga' | 'choreography'
  readonly handOver: 'correlation' | 'subject' | undefined
}

export interface LevelConfig {
  readonly name: string
  /** Undefined: the root is above it. */
  readonly parent: string | undefined
  /** Its own events, whatever they say. */
  readonly events: Selection | undefined
  readonly says: readonly SaysRule[]
  readonly to: readonly ToRule[]
}

interface Level {
  readonly says: EventMatcher<SaysRule>
  readonly to: EventMatcher<ToRule>
}

export class Levels {
  readonly #levels = new Map<string, Level>()
  readonly #chains = new Map<string, readonly string[]>()
  readonly #owners = new EventMatcher<string>()

  /** Parents are known and in no circle; the root is not among the domains. */
  constructor(domains: readonly LevelConfig[], rootRules: Pick<LevelConfig, 'says' | 'to'>) {
    const parents = new Map(domains.map(({ name, parent }) => [name, parent]))
    for (const domain of domains) {
      this.#levels.set(domain.name, compiled(domain))
      if (domain.events) this.#owners.set(domain.name, domain.events)
      const chain: string[] = []
      for (let at: string | undefined = domain.name; at !== undefined; at = parents.get(at)) chain.push(at)
      this.#chains.set(domain.name, [...chain, root])
    }
    this.#levels.set(root, compiled(rootRules))
    this.#chains.set(root, [root])
  }

  /** From a level to the root; of an unknown one only the root. */
  chain(level: string): readonly string[] {
    return this.#chains.get(level) ?? [root]
  }

  isDomain(name: string): boolean {
    return name !== root && this.#levels.has(name)
  }

  /** The domain of an event: whose own it is, else what it says; undefined when it says nothing. */
  domainOf(event: CloudEvent): string | undefined {
    const [owner] = this.#owners.size === 0 ? [] : this.#owners.match(event)
    return owner ?? event.domain
  }

  /** Where an event belongs: its domain, or the root when nobody knows that. */
  levelOf(event: CloudEvent): string {
    const domain = this.domainOf(event)
    return domain !== undefined && this.isDomain(domain) ? domain : root
  }

  /** The rules that the event fits, the nearest level first, with the level of each. */
  *says(event: object, chain: readonly string[]): Generator<{ level: string; rule: SaysRule }, void> {
    for (const level of chain)
      for (const rule of this.#levels.get(level)?.says.match(event) ?? []) yield { level, rule }
  }

  *routes(event: object, chain: readonly string[]): Generator<{ level: string; rule: ToRule }, void> {
    for (const level of chain) for (const rule of this.#levels.get(level)?.to.match(event) ?? []) yield { level, rule }
  }
}

function compiled({ says, to }: Pick<LevelConfig, 'says' | 'to'>): Level {
  const level: Level = { says: new EventMatcher(), to: new EventMatcher() }
  for (const rule of says) level.says.set(rule, rule.selection)
  for (const rule of to) level.to.set(rule, rule.selection)
  return level
}

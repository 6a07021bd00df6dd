/**
 * Line: rules that stand at one place in the journal, and the one matcher over their patterns. The main line is where the choreography
 * stands; another is that of rules which still have to come there. Unlike the intake it reads no journal and keeps nothing.
 */
import type { CloudEvent } from '../base/envelope.ts'
import type { Position, Recorded } from '../journal/journal.ts'
import { EventMatcher } from './core/matcher.ts'
import { parts } from './core/waits.ts'
import type { Definition } from './definition.ts'
import type { OpenWaits } from './open-waits.ts'

/** A rule that was given since the start. */
export interface ActiveRule {
  definition: Definition
  readonly waits: OpenWaits | undefined
  line: Line
  /** What it is matched by. */
  members: readonly Member[]
}

export interface Member {
  readonly rule: ActiveRule
  /** Bit of the part; see `core/waits.ts`. */
  readonly fits: number
}

/** An event and the rules that it is for. */
export interface Arrived {
  readonly recorded: Recorded
  readonly rules: readonly Member[]
}

export class Line {
  position: Position
  readonly rules: Set<ActiveRule> = new Set()
  /** Those of them that begin further on than the line stands: events up to there are not for them. */
  readonly ahead: Map<ActiveRule, Position> = new Map()
  readonly #matcher = new EventMatcher<Member>()

  constructor(position: Position) {
    this.position = position
  }

  add(rule: ActiveRule, after?: Position): void {
    rule.line = this
    this.rules.add(rule)
    if (after !== undefined) this.ahead.set(rule, after)
    this.#set(rule)
  }

  /** Its definition has changed. */
  change(rule: ActiveRule): void {
    for (const member of rule.members) this.#matcher.delete(member)
    this.#set(rule)
  }

  #set(rule: ActiveRule): void {
    rule.members = rule.definition.parts.map(({ selection }, at) => {
      const member = { rule, fits: at === 0 ? parts.first : parts.second }
      this.#matcher.set(member, selection)
      return member
    })
  }

  remove(rule: ActiveRule): void {
    this.rules.delete(rule)
    this.ahead.delete(rule)
    for (const member of rule.members) this.#matcher.delete(member)
  }

  /** Each rule once, with all its parts that the event fits. */
  match(event: CloudEvent): readonly Member[] {
    const members = this.#matcher.match(event)
    if (members.length < 2) return members
    const whole = new Map<ActiveRule, Member>()
    for (const member of members) {
      const other = whole.get(member.rule)
      whole.set(member.rule, other ? { rule: member.rule, fits: other.fits | member.fits } : member)
    }
    return whole.size === members.length ? members : [...whole.values()]
  }
}

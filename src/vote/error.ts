/** The errors of voting, one class a cause. A ballot that breaks a rule is a recorded refusal, never one of these. */
import { ColloquyError } from '../base/error.ts'
import type { BallotKind } from './ballot.ts'

/** The election itself cannot be counted, whatever the ballots say. */
export class InvalidElection extends ColloquyError {
  override readonly code = 'vote.invalid_election'
  /** The field of the election that is wrong. */
  readonly field: string
  constructor(field: string, mend: string) {
    super(`the election's ${field} ${mend}`)
    this.field = field
  }
}

export class UnknownRule extends ColloquyError {
  override readonly code = 'vote.unknown_rule'
  readonly rule: string
  readonly known: readonly string[]
  constructor(rule: string, known: readonly string[], meant?: string) {
    const near = meant === undefined ? '' : `; did you mean ${meant}?`
    super(`there is no voting rule ${JSON.stringify(rule.slice(0, 80))}; there is: ${known.join(', ')}${near}`)
    this.rule = rule
    this.known = known
  }
}

/** The text of a tie-break names neither a rule nor a seeded lot. */
export class UnknownTie extends ColloquyError {
  override readonly code = 'vote.unknown_tie'
  readonly text: string
  readonly known: readonly string[]
  constructor(text: string, mend: string, known: readonly string[]) {
    super(`the tie-break ${JSON.stringify(text.slice(0, 80))} ${mend}; there is: ${known.join(', ')}`)
    this.text = text
    this.known = known
  }
}

/** A declared tie-break cannot read the ballots of this election. */
export class TieUnfit extends ColloquyError {
  override readonly code = 'vote.tie_unfit'
  readonly tie: string
  constructor(tie: string, kind: BallotKind, accepts: readonly BallotKind[]) {
    super(
      `the tie-break ${tie} counts ${accepts.join(', ')} ballots and this election has ${kind} ones; choose another`,
    )
    this.tie = tie
  }
}

/** Following every way to break the ties inside a count passed its bound. */
export class TooManyUniverses extends ColloquyError {
  override readonly code = 'vote.too_many_universes'
  readonly rule: string
  readonly universesMax: number
  constructor(rule: string, universesMax: number) {
    super(
      `${rule} has ties that lead to more than ${universesMax} different situations; declare a tie chain that ends with a seeded lot, or raise universesMax`,
    )
    this.rule = rule
    this.universesMax = universesMax
  }
}

/** The exact count of a rule whose work grows exponentially would pass its bound. */
export class TooLarge extends ColloquyError {
  override readonly code = 'vote.too_large'
  readonly rule: string
  /** What there are too many of. */
  readonly what: string
  readonly max: number
  constructor(rule: string, what: string, max: number, mend: string) {
    super(`${rule} counts exactly up to ${max} ${what}; ${mend}`)
    this.rule = rule
    this.what = what
    this.max = max
  }
}

/** A rule gave a count that is none: a defect of the rule, whoever wrote it. */
export class RuleBroken extends ColloquyError {
  override readonly code = 'vote.rule_broken'
  readonly rule: string
  constructor(rule: string, what: string) {
    super(`the rule ${rule} ${what}; correct the rule`)
    this.rule = rule
  }
}

/**
 * The errors of debates: what is refused before anything is asked. What a speaker or a judge does wrong while a debate runs
 * is no error but a fact of its record.
 */
import { ColloquyError } from '../../base/error.ts'

/** A format, a side, a judge or an option of a debate does not fit the others; nothing was asked. */
export class DebateInvalid extends ColloquyError {
  override readonly code = 'deliberation.debate_invalid'
}

/** Matches fall into groups that never met: strengths of two groups cannot be compared. */
export class MatchesDisconnected extends ColloquyError {
  override readonly code = 'deliberation.matches_disconnected'
  /** Players of each group, in order of first appearance. */
  readonly groups: readonly (readonly string[])[]
  constructor(groups: readonly (readonly string[])[]) {
    const shown = groups.map((group) => group.slice(0, 5).join(', ')).slice(0, 5)
    super(
      `no win leads back between some players, so their strengths have no bound: ${shown.join(' | ')}; add matches
between the groups, or ask for prior: 1`.replaceAll('\n', ' '),
    )
    this.groups = groups
  }
}

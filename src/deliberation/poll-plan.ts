/**
 * The plan of a poll: by what it is counted, who sees which ballot when, who may vote for whom. It is plain JSON, so that it can stand in
 * an agenda, in a record and in an identity. It asks and counts nothing; `hold-poll.ts` does.
 */
import { createHash } from 'node:crypto'
import type { SealedTerms, Secrecy } from '../vote/commit-reveal.ts'
import type { Digest } from '../vote/commitment.ts'
import type { Quorum } from '../vote/election.ts'
import type { RuleSpec } from '../vote/rule-from.ts'
import type { CastVote } from './participant.ts'

export interface PollPlan {
  readonly rule: RuleSpec
  /** Default: any turnout decides. */
  readonly quorum?: Quorum
  /** As `tieChain` of `src/vote` reads them. Default: ties stay. */
  readonly ties?: readonly string[]
  /** Default `public`. */
  readonly secrecy?: Secrecy
  /** Whether every ballot is fixed before one is shown. Default false for a public poll; the others always are. */
  readonly sealed?: boolean
  /** Of a secret poll: who may see the ballots, in words. */
  readonly seenBy?: readonly string[]
  /** What who committed and did not rightly reveal counts as. Default `absent`. */
  readonly unrevealed?: SealedTerms['unrevealed']
  /** Whether a participant may let another vote for it. Default false; only where the ballots are public and not sealed. */
  readonly delegation?: boolean
  /** By name. Default 1 each. In a pseudonymous poll all must be equal, or they would tell who is who. */
  readonly weights?: Readonly<Record<string, number | string>>
}

/** Who took part; unlike a vote it says nothing of what for. */
export interface Attendance {
  readonly participant: string
  readonly status: CastVote['status'] | 'sealed'
}

/** SHA-256. */
export const sha256: Digest = (bytes) => createHash('sha256').update(bytes).digest()

/** Whether ballots are fixed before one is shown. */
export function isSealed({ sealed, secrecy = 'public' }: PollPlan): boolean {
  return sealed === true || secrecy !== 'public'
}

/** What the parts of a plan say against each other: the field, and the mend. */
export function planProblem(plan: PollPlan, names: readonly string[]): [field: string, mend: string] | undefined {
  const { secrecy = 'public', sealed, delegation, seenBy = [], weights = {} } = plan
  if (sealed === false && secrecy !== 'public') return ['sealed', `must not be false: a ${secrecy} poll always is`]
  if (delegation === true && isSealed(plan))
    return ['delegation', 'must be false here: who votes for whom would show before the ballots do']
  if ((secrecy === 'secret') !== seenBy.length > 0)
    return ['seenBy', 'must say who may see the ballots of a secret poll, and of no other']
  const given = new Set(names.map((name) => String(weights[name] ?? 1)))
  if (secrecy === 'pseudonymous' && given.size > 1)
    return ['weights', 'must all be equal in a pseudonymous poll, or they would tell who is who']
  return undefined
}

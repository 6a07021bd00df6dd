/**
 * The rules of the house by name. Not a mutable registry: who has a rule of their own passes a longer list, so that no
 * import changes what another part of the program counts by.
 */
import { UnknownRule } from './error.ts'
import type { Rule } from './rule.ts'
import { approval } from './rules/approval.ts'
import { borda } from './rules/borda.ts'
import { instantRunoff } from './rules/instant-runoff.ts'
import { plurality } from './rules/plurality.ts'
import { schulze } from './rules/schulze.ts'
import { condorcetWinner } from './rules/condorcet.ts'
import { smithSet } from './rules/smith-set.ts'
import { copeland } from './rules/copeland.ts'
import { minimax } from './rules/minimax.ts'
import { dodgsonTideman } from './rules/dodgson-tideman.ts'
import { splitCycle } from './rules/split-cycle.ts'
import { rankedPairs } from './rules/ranked-pairs.ts'
import { coombs } from './rules/coombs.ts'
import { twoRound } from './rules/two-round.ts'
import { baldwin, nanson } from './rules/borda-elimination.ts'
import { bucklin } from './rules/bucklin.ts'
import { dowdall } from './rules/dowdall.ts'
import { majority, supermajority, unanimity } from './rules/threshold.ts'
import { cumulative, disAndApproval, quadratic, score } from './rules/score.ts'
import { star } from './rules/star.ts'
import { majorityJudgement } from './rules/majority-judgement.ts'
import { kemeny } from './rules/kemeny.ts'
import { randomBallot, randomSmith } from './rules/random-ballot.ts'
import { maximalLotteries } from './rules/maximal-lotteries.ts'
import { dodgson } from './rules/dodgson.ts'

export const rules: readonly Rule[] = [
  plurality,
  approval,
  borda,
  instantRunoff,
  schulze(),
  schulze({ strength: 'margins' }),
  schulze({ strength: 'ratio' }),
  condorcetWinner,
  smithSet,
  copeland,
  minimax(),
  minimax({ measure: 'margins' }),
  minimax({ measure: 'opposition' }),
  dodgsonTideman,
  splitCycle,
  rankedPairs(),
  rankedPairs({ strength: 'margins' }),
  coombs,
  twoRound,
  baldwin,
  nanson,
  bucklin,
  dowdall,
  majority,
  supermajority(),
  unanimity,
  score(),
  score({ by: 'mean' }),
  score({ by: 'median' }),
  disAndApproval,
  cumulative(),
  quadratic(),
  star(),
  majorityJudgement(),
  kemeny,
  randomBallot,
  randomSmith,
  maximalLotteries,
  dodgson,
]

/** The rule of that name or alias; case, spaces and underscores do not matter. Throws `vote.unknown_rule`. */
export function ruleNamed(name: string, among: readonly Rule[] = rules): Rule {
  const wanted = normal(name)
  const found = among.find((rule) => rule.name === wanted || rule.aliases?.includes(wanted))
  if (found) return found
  throw new UnknownRule(
    name,
    among.map((rule) => rule.name),
  )
}

function normal(name: string): string {
  return name
    .trim()
    .toLowerCase()
    .replaceAll(/[\s_]+/g, '-')
}

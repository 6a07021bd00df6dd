/**
 * Random ballot and the random dictator over the Smith set: chance takes one ballot, by weight, and its first choice wins,
 * among all or among the Smith set (Gibbard, "Manipulation of schemes that mix voting with chance", 1977). The count draws
 * nothing: it gives the exact probability of each candidate, and without a lot all who have one are tied. A seeded lot in the
 * tie chain draws by these probabilities; any other tie-break picks among the tied as it always does.
 */
import { dominanceSets } from '../dominance.ts'
import { pairwise } from '../pairwise.ts'
import type { PairwiseMatrix } from '../pairwise.ts'
import type { Profile } from '../profile.ts'
import { divide, one, zero } from '../rational.ts'
import type { Rational } from '../rational.ts'
import { rankByScore } from '../rule.ts'
import type { Count, Rule } from '../rule.ts'
import { SharedSums } from '../sums.ts'

const draw = 'Who has a probability above zero may win; a seeded lot as tie-break draws one by these probabilities.'

export const randomBallot: Rule = {
  name: 'random-ballot',
  aliases: ['random-dictator'],
  title: 'Random ballot',
  ballot: 'single',
  accepts: ['single', 'ranked'],
  unit: 'probability',
  method: [
    'The probability of a candidate is its share of the first choices by weight; candidates tied on the first level share it equally.',
    draw,
  ],
  count: (profile) =>
    count(
      profile,
      profile.candidates.map((_, at) => at),
    ),
}

export const randomSmith: Rule = {
  name: 'random-smith',
  aliases: ['random-dictator-smith'],
  title: 'Random dictator over the Smith set',
  ballot: 'ranked',
  accepts: ['ranked', 'single'],
  unit: 'probability',
  method: [
    'The Smith set is the smallest set whose members beat everybody outside it pairwise.',
    'The probability of a member is its share of the ballots, by weight, that put it above the other members; several tied there share it equally, and a ballot that ranks no member counts for all alike.',
    draw,
  ],
  count(profile) {
    const matrix = pairwise(profile)
    return count(profile, dominanceSets(matrix)[0] as number[], matrix)
  },
}

function count(profile: Profile, among: readonly number[], matrix?: PairwiseMatrix): Count {
  const size = profile.candidates.length
  const isAmong = new Uint8Array(size)
  for (const candidate of among) isAmong[candidate] = 1
  const sums = new SharedSums(size)
  for (const { levels, units } of profile.ballots) {
    let sharers: readonly number[] = []
    for (let at = 0; at < levels.length && sharers.length === 0; at++)
      sharers = (levels[at] as readonly number[]).filter((candidate) => isAmong[candidate] === 1)
    if (sharers.length === 0) sharers = among
    for (const candidate of sharers) sums.add(candidate, units, sharers.length)
  }
  const lottery = profile.candidates.map((_, at) => divide(sums.total(at, profile.scale), profile.weight))
  return { ...countOfLottery(lottery), ...(matrix && { matrix }) }
}

/** All who may win are tied; the others stand behind them. */
export function countOfLottery(lottery: readonly Rational[]): Count {
  const ranking = rankByScore(lottery.map((each) => (each.num > 0n ? one : zero)))
  return { ranking, scores: lottery, lottery }
}

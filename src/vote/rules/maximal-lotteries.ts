/**
 * Maximal lotteries: the probabilities that no other lottery beats, in weight of ballots, on average (Kreweras, "Aggregation
 * of preference orderings", 1965; Fishburn, "Probabilistic social choice based on simple voting comparisons", 1984; Brandl,
 * Brandt and Seedig, "Consistent probabilistic social choice", 2016). Unlike a random ballot it elects who beats every other
 * for certain. They are the optimal strategies of the symmetric game of the pairwise margins, found here exactly.
 *
 * The count draws nothing: all who have a probability are tied, and a seeded lot in the tie chain draws by them. Where ties
 * leave several such lotteries, the most even one is given, which has everybody whom any of them has. Candidates outside the
 * Smith set never have any probability, so the game is played in it; one with several lotteries and more than 16 candidates
 * there, or any with more than 200, is `vote.too_large`.
 */
import { dominanceSets } from '../dominance.ts'
import { TooLarge } from '../error.ts'
import { pairwise, pairwiseKinds } from '../pairwise.ts'
import type { PairwiseMatrix } from '../pairwise.ts'
import type { Profile } from '../profile.ts'
import { add, greatestCommonDivisor, multiply, subtract, toText, zero } from '../rational.ts'
import type { Rational } from '../rational.ts'
import type { Count, Rule } from '../rule.ts'
import { evenestStrategy, onlyStrategy } from '../symmetric-game.ts'
import type { Gains } from '../symmetric-game.ts'
import { countOfLottery } from './random-ballot.ts'

const smithMax = 200
const severalMax = 16

export const maximalLotteries: Rule = {
  name: 'maximal-lotteries',
  aliases: ['maximal-lottery'],
  title: 'Maximal lotteries',
  ballot: 'ranked',
  accepts: pairwiseKinds,
  bounded: true,
  candidatesMax: () => severalMax,
  unit: 'probability',
  method: [
    'For each two candidates, the weight of the ballots that put one above the other is compared; the difference is the margin.',
    'The probabilities are such that against every candidate the margins, each times the probability of who has it, sum to 0 or more; where several are, the most even ones are taken.',
    'Who has a probability above zero may win; a seeded lot as tie-break draws one by these probabilities.',
  ],
  count,
}

function count(profile: Profile): Count {
  const matrix = pairwise(profile)
  const smith = dominanceSets(matrix)[0] as number[]
  const mend = 'break the ties with another rule, such as schulze'
  if (smith.length > smithMax) throw new TooLarge('maximal-lotteries', 'candidates in the Smith set', smithMax, mend)
  const gains = marginsIn(matrix, smith, profile.scale)
  let strategy = onlyStrategy(gains)
  if (!strategy) {
    if (smith.length > severalMax)
      throw new TooLarge('maximal-lotteries', 'candidates in a Smith set with several lotteries', severalMax, mend)
    strategy = evenestStrategy(gains)
  }
  const lottery = profile.candidates.map((): Rational => zero)
  for (const [at, candidate] of smith.entries()) lottery[candidate] = strategy[at] as Rational
  return { ...countOfLottery(lottery), matrix, notes: notesOn(profile, matrix, lottery) }
}

/** The margins as whole numbers without a common divisor. */
function marginsIn(matrix: PairwiseMatrix, among: readonly number[], scale: bigint): Gains {
  const margins = among.map((a) =>
    among.map((b) => {
      if (a === b) return 0n
      const { num, den } = subtract(matrix[a]?.[b] as Rational, matrix[b]?.[a] as Rational)
      return (num * scale) / den
    }),
  )
  const divisor = margins.flat().reduce(greatestCommonDivisor, 0n)
  return divisor > 1n ? margins.map((row) => row.map((each) => each / divisor)) : margins
}

/** Above this many candidates the sums are not spelt out. */
const notesMax = 20

function notesOn(profile: Profile, matrix: PairwiseMatrix, lottery: readonly Rational[]): string[] {
  if (lottery.length > notesMax) return []
  return profile.candidates.map((name, b) => {
    let gain = zero
    for (const [a, probability] of lottery.entries()) {
      if (a === b || probability.num === 0n) continue
      gain = add(gain, multiply(probability, subtract(matrix[a]?.[b] as Rational, matrix[b]?.[a] as Rational)))
    }
    return `Against ${name} the lottery gains ${toText(gain)} on average.`
  })
}

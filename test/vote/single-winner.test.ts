/** Hand-made elections for the rules with one winner: each can be counted on paper. */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../src/base/random.ts'
import {
  baldwin,
  bucklin,
  by,
  condorcetLoser,
  condorcetWinner,
  coombs,
  copeland,
  dodgson,
  dowdall,
  explain,
  kemeny,
  majority,
  maximalLotteries,
  minimax,
  nanson,
  parseRational,
  randomBallot,
  randomSmith,
  rankedPairs,
  ruleNamed,
  rules,
  seeded,
  smithSet,
  splitCycle,
  supermajority,
  tally,
  twoRound,
  unanimity,
} from '../../src/vote/index.ts'
import type { CastBallot, Election } from '../../src/vote/index.ts'
import { minimiseWhole } from '../../src/vote/integer-programme.ts'
import { levels, ranked, scoresOf } from './support.ts'

/** A beats B by 11 to 5, B beats C by 12 to 4, C beats A by 9 to 7. */
const cycle = ranked('A B C', [7, 'A > B > C'], [5, 'B > C > A'], [4, 'C > A > B'])
/** Three in the same cycle by 2 to 1 each. */
const level = ranked('A B C', [1, 'A > B > C'], [1, 'B > C > A'], [1, 'C > A > B'])
const last = (election: Election, rule: Parameters<typeof tally>[0]) => explain(tally(rule, election)).slice(-2)

describe('majorities', () => {
  const votes = ranked('A B', [2, 'A > B'], [1, 'B > A'])
  it('demand more than half, a share or all, and else elect nobody', () => {
    expect(tally(majority, votes)).toMatchObject({ status: 'decided', winners: ['A'] })
    expect(tally(supermajority(), votes)).toMatchObject({ status: 'decided', winners: ['A'] })
    expect(tally(supermajority({ share: 0.67 }), votes)).toMatchObject({ status: 'no-winner', winners: [] })
    expect(tally(unanimity, votes)).toMatchObject({ status: 'no-winner', winners: [], ranking: [['A'], ['B']] })
    expect(tally(unanimity, ranked('A B', [2, 'A'])).winners).toEqual(['A'])
    const half = ranked('A B', [1, 'A'], [1, 'B'])
    expect(tally(majority, half, { ties: [seeded(1)] })).toMatchObject({ status: 'no-winner', tieSteps: [] })
    expect(explain(tally(majority, half)).at(-1)).toBe('Nobody meets what the rule demands, so nobody has won.')
  })

  it('do not take abstentions for votes against', () => {
    const ballots: CastBallot[] = [...votes.ballots, { voter: 'eve', weight: 9, ballot: { kind: 'abstain' } }]
    expect(tally(majority, { ...votes, ballots }).winners).toEqual(['A'])
  })

  it.each([0.5, 1.1, 'most', -1])('refuse a share of %s', (share) => {
    expect(() => supermajority({ share })).toThrow(expect.objectContaining({ code: 'base.invalid_argument' }))
  })
})

describe('the pairwise family', () => {
  it('has no Condorcet winner or loser in a cycle, and the Smith set holds it', () => {
    const four = { ...cycle, candidates: ['A', 'B', 'C', 'D'] }
    expect(tally(condorcetWinner, four)).toMatchObject({ status: 'no-winner', winners: [] })
    expect(tally(condorcetLoser, four)).toMatchObject({ status: 'decided', winners: ['D'] })
    expect(levels(tally(smithSet, four))).toEqual([['A', 'B', 'C'], ['D']])
    expect(scoresOf(tally(copeland, four))).toEqual({ A: '2', B: '2', C: '2', D: '0' })
  })

  it('finds minimax by each measure', () => {
    for (const measure of ['winning', 'margins', 'opposition'] as const)
      expect(levels(tally(minimax({ measure }), cycle))).toEqual([['A'], ['B'], ['C']])
    expect(explain(tally(minimax({ measure: 'margins' }), cycle))).toContain('The worst defeat of A is 2, by C.')
  })

  it('locks pairs from the strongest, and tells each', () => {
    expect(last(cycle, rankedPairs())).toEqual(['The link C > A of 9 is left out: it would close a cycle.', 'A wins.'])
    expect(explain(tally(rankedPairs({ strength: 'margins' }), cycle))).toContain('The link B > C of 8 is locked.')
  })

  it('leaves out equal links that close a cycle together, follows every order, or asks the chain', () => {
    // D loses to all, so only the three links of the cycle are in question.
    const tied = ranked('A B C D', [1, 'A > B > C > D'], [1, 'B > C > A > D'], [1, 'C > A > B > D'])
    expect(levels(tally(rankedPairs(), tied))).toEqual([['A', 'B', 'C'], ['D']])
    expect(levels(tally(rankedPairs(), tied, { parallelUniverses: true }))).toEqual([['A', 'B', 'C'], ['D']])
    const broken = tally(rankedPairs(), tied, { ties: [seeded(7)] })
    expect(broken.status).toBe('decided')
    expect(broken.tieSteps[0]?.where).toBe('the first winner among the links of strength 2')
    const every = tally(rankedPairs(), tied, { ties: [seeded(7)], parallelUniverses: true })
    expect(every.tieSteps.map(({ where }) => where)).toEqual(['the first place'])
  })

  it('keeps the wins that are no weakest link of a cycle', () => {
    expect(levels(tally(splitCycle, cycle))).toEqual([['A'], ['B'], ['C']])
    expect(levels(tally(splitCycle, level))).toEqual([['A', 'B', 'C']])
  })

  it('ranks by Kemeny with the score of the best ranking', () => {
    expect(last(cycle, kemeny)).toEqual(['The best score is 30, that of A > B > C.', 'A wins.'])
    expect(levels(tally(kemeny, level))).toEqual([['A', 'B', 'C']])
  })

  it('counts Kemeny beyond 16 candidates where no cycle is that long, and else says so', () => {
    const names = Array.from({ length: 40 }, (_, at) => `C${at}`)
    const one: Election = {
      candidates: names,
      ballots: [{ voter: 'ann', ballot: { kind: 'ranked', ranking: names.map((name) => [name]) } }],
    }
    expect(tally(kemeny, one).ranking).toEqual(names.map((name) => [name]))
    const turned = [0, 13, 26].map((by, at): CastBallot => ({
      voter: `${at}`,
      ballot: { kind: 'ranked', ranking: [...names.slice(by), ...names.slice(0, by)].map((name) => [name]) },
    }))
    expect(() => tally(kemeny, { candidates: names, ballots: turned })).toThrow(
      expect.objectContaining({ code: 'vote.too_large', max: 16 }),
    )
  })

  it('counts the swaps of Dodgson', () => {
    expect(explain(tally(dodgson, cycle)).slice(-4)).toEqual([
      'A needs 2 swaps, by weight, to beat every other.',
      'B needs 4 swaps, by weight, to beat every other.',
      'C needs 5 swaps, by weight, to beat every other.',
      'A wins.',
    ])
  })

  it('counts the swaps of Dodgson out of a tie as half a swap past somebody', () => {
    const tied = ranked('A B C D E', [2, 'B > C=D=E > A'], [4, 'A=B > C=D=E'])
    expect(explain(tally(dodgson, tied))).toContain('A needs 3 swaps, by weight, to beat every other.')
  })

  it('finds the least whole cost as trying all numbers does', () => {
    const number = fc.integer({ min: 0, max: 3 })
    const three = fc.tuple(number, number, number)
    const demands = fc.array(fc.tuple(three, fc.integer({ min: 0, max: 7 })), { minLength: 1, maxLength: 3 })
    fc.assert(
      fc.property(three, demands, (costs, given) => {
        const big = (row: readonly number[]) => row.map(BigInt)
        // None is needed more than seven times, since every row that counts at all counts by one or more.
        let least = Infinity
        for (let at = 0; at < 512; at++) {
          const y = [at & 7, (at >> 3) & 7, at >> 6]
          const dot = (row: readonly number[]) => row.reduce((sum, each, place) => sum + each * (y[place] ?? 0), 0)
          if (given.every(([row, demand]) => dot(row) >= demand)) least = Math.min(least, dot(costs))
        }
        const found = minimiseWhole(
          { costs: big(costs), demands: given.map(([row, demand]) => ({ row: big(row), least: BigInt(demand) })) },
          10_000,
        )
        expect(found).toEqual(least === Infinity ? { kind: 'impossible' } : { kind: 'least', cost: BigInt(least) })
      }),
      { numRuns: 300 },
    )
  })

  it('says when Dodgson passes its bound', () => {
    const random = seededRandom('dodgson')
    const names = Array.from({ length: 12 }, (_, at) => `C${at}`)
    const turned = Array.from({ length: 120 }, (_, at): CastBallot => ({
      voter: `${at}`,
      ballot: { kind: 'ranked', ranking: random.shuffle(names).map((name) => [name]) },
    }))
    expect(() => tally(dodgson, { candidates: names, ballots: turned })).toThrow(
      expect.objectContaining({ code: 'vote.too_large' }),
    )
  })
})

describe('rounds', () => {
  it('coombs takes out who is last most often, where instant runoff takes out who is first least often', () => {
    const election = ranked('A B C', [4, 'A > B > C'], [3, 'C > B > A'], [2, 'B > C > A'])
    expect(tally(coombs, election).winners).toEqual(['B'])
    expect(tally(ruleNamed('irv'), election).winners).toEqual(['C'])
  })

  it('coombs shares last places among the unlisted, or leaves them out', () => {
    const election = ranked('A B C D', [4, 'A > B'], [3, 'B > A > C > D'], [3, 'C > B > A > D'])
    expect(tally(coombs, election).rounds?.[0]?.eliminated).toEqual([['D']])
    const open = tally(coombs, { ...election, unranked: 'no-opinion' })
    expect(open.rounds?.[0]?.eliminated).toEqual([['D']])
  })

  it('coombs finds nobody last on a ballot that holds level all whom it ranks, under no-opinion', () => {
    const election = ranked('A B C', [3, 'A > B > C'], [3, 'C > B > A'], [4, 'A=B'])
    const open = tally(coombs, { ...election, unranked: 'no-opinion' })
    expect(open.rounds?.[0]?.eliminated).toEqual([['A'], ['C']])
  })

  it('two rounds compare the two with the most first votes', () => {
    const outcome = tally(twoRound, ranked('A B C', [4, 'A > C > B'], [3, 'B > C > A'], [2, 'C > B > A']))
    expect(levels(outcome)).toEqual([['B'], ['A'], ['C']])
    expect(outcome.proof.notes).toEqual(['Second round between A and B: B wins it.'])
    const tied = ranked('A B C', [4, 'A > B > C'], [3, 'B > A > C'], [3, 'C > A > B'])
    expect(tally(twoRound, tied).proof.notes).toHaveLength(2)
    expect(tally(twoRound, tied, { ties: [by('borda')] }).proof.notes).toHaveLength(1)
    expect(tally(twoRound, tied, { ties: [by('borda')], parallelUniverses: true }).proof.notes).toHaveLength(2)
  })

  it('two rounds, STAR and the others stand with one candidate', () => {
    for (const rule of rules) {
      if (rule.ballot === 'approval' || rule.ballot === 'grades') continue
      expect(tally(rule, ranked('A', [1, 'A'])).winners).toEqual(['A'])
    }
  })

  it('Baldwin and Nanson take out low points until they are equal', () => {
    expect(tally(baldwin, cycle).rounds?.map(({ eliminated }) => eliminated)).toEqual([[['C']], [['B']], []])
    const wide = ranked('A B C', [5, 'A > B > C'], [2, 'B > C > A'])
    expect(tally(nanson, wide).rounds?.map(({ eliminated }) => eliminated)).toEqual([[['C']], [['B']], []])
    const clear = ranked('A B C', [5, 'A > B > C'], [1, 'C > B > A'])
    expect(tally(nanson, clear).rounds?.map(({ eliminated }) => eliminated)).toEqual([[['B', 'C']], []])
    expect(tally(baldwin, level).winners).toEqual(['A', 'B', 'C'])
  })

  it('Bucklin adds second choices, and the largest total of the round wins', () => {
    const outcome = tally(bucklin, ranked('A B C', [4, 'A > B > C'], [3, 'B > C > A'], [2, 'C > B > A']))
    expect(outcome.rounds).toHaveLength(2)
    expect(scoresOf(outcome)).toEqual({ A: '4', B: '9', C: '5' })
    expect(tally(bucklin, ranked('A B C', [2, 'A'], [2, 'B'], [1, 'C'])).winners).toEqual(['A', 'B'])
  })

  it('Dowdall shares the mean of places', () => {
    const election = ranked('A B C D', [6, 'A > B=C'])
    expect(scoresOf(tally(dowdall, election))).toEqual({ A: '6', B: '5/2', C: '5/2', D: '3/2' })
    expect(scoresOf(tally(dowdall, { ...election, unranked: 'no-opinion' }))).toMatchObject({ D: '0' })
  })
})

describe('rules of chance', () => {
  it('give exact probabilities', () => {
    expect(scoresOf(tally(randomBallot, ranked('A B C', [3, 'A'], ['1/2', 'B=C'])))).toEqual({
      A: '6/7',
      B: '1/14',
      C: '1/14',
    })
    expect(scoresOf(tally(randomSmith, ranked('A B C', [2, 'A > B > C'], [1, 'C > A > B'])))).toMatchObject({ A: '1' })
    const outside = ranked('A B C D', [2, 'A > B > C > D'], [2, 'B > C > A > D'], [2, 'C > A > B > D'], [1, 'D'])
    expect(scoresOf(tally(randomSmith, outside))).toEqual({ A: '1/3', B: '1/3', C: '1/3', D: '0' })
    expect(scoresOf(tally(maximalLotteries, cycle))).toEqual({ A: '1/2', B: '1/8', C: '3/8' })
  })

  it('take the most even lottery where there are several', () => {
    const even = ranked('A B C D', [1, 'A=B > C=D'], [1, 'C=D > A=B'])
    expect(scoresOf(tally(maximalLotteries, even))).toEqual({ A: '1/4', B: '1/4', C: '1/4', D: '1/4' })
    // B is beaten by C and only level with A: it has no part in any.
    const part = ranked('A B C', [1, 'A > C > B'], [1, 'C > B > A'])
    expect(scoresOf(tally(maximalLotteries, part))).toEqual({ A: '1/2', B: '0', C: '1/2' })
  })

  it('are drawn by their probabilities, and the draw is recorded', () => {
    const election = ranked('A B', [9, 'A'], [1, 'B'])
    const drawn = Array.from({ length: 1000 }, (_, seed) => tally(randomBallot, election, { ties: [seeded(seed)] }))
    const wins = drawn.filter(({ winners }) => winners[0] === 'A').length
    // The seeds are fixed, so this is no chance: nine in ten, within five standard deviations.
    expect(wins).toBeGreaterThan(850)
    expect(wins).toBeLessThan(950)
    expect(drawn[0]).toMatchObject({ status: 'decided', tieSteps: [{ by: 'seeded:0', tied: ['A', 'B'] }] })
    const turned = { candidates: ['B', 'A'], ballots: election.ballots }
    for (const [seed, { winners }] of drawn.slice(0, 50).entries())
      expect(tally(randomBallot, turned, { ties: [seeded(seed)] }).winners).toEqual(winners)
  })

  it('draw exactly where the common denominator is beyond a double', () => {
    const ballots = ['A', 'B', 'C'].map((choice, at): CastBallot => ({
      voter: choice,
      weight: `1/${10n ** 30n + BigInt(at)}`,
      ballot: { kind: 'single', choice },
    }))
    const { scores = [], winners } = tally(
      randomBallot,
      { candidates: ['A', 'B', 'C'], ballots },
      { ties: [seeded(3)] },
    )
    expect(winners).toHaveLength(1)
    for (const { score } of scores) expect(parseRational(score)?.num).toBeGreaterThan(0n)
  })
})

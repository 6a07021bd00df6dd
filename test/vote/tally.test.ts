import { describe, expect, it } from 'vitest'
import {
  approval,
  borda,
  by,
  instantRunoff,
  parseTie,
  plurality,
  rules,
  schulze,
  seeded,
  tally,
  tieChain,
  unfitTie,
} from '../../src/vote/index.ts'
import type { CastBallot } from '../../src/vote/index.ts'
import { ranked } from './support.ts'

const tie = ranked('A B C', [2, 'A > C'], [2, 'B > A'], [1, 'C > B'])

describe('ties', () => {
  it('stay a set without a chain', () => {
    expect(tally(plurality, tie)).toMatchObject({
      status: 'tied',
      winners: ['A', 'B'],
      ranking: [['A', 'B'], ['C']],
      tieSteps: [],
    })
  })

  it('are broken by the chain, and each step is told', () => {
    const outcome = tally(plurality, tie, { ties: [by('plurality'), by(borda), seeded(7)] })
    expect(outcome).toMatchObject({ status: 'decided', winners: ['A'], ranking: [['A'], ['B'], ['C']] })
    expect(outcome.tieSteps).toEqual([
      { where: 'the first place', want: 'best', tied: ['A', 'B'], by: 'plurality', remained: ['A', 'B'] },
      { where: 'the first place', want: 'best', tied: ['A', 'B'], by: 'borda', remained: ['A'] },
    ])
  })

  it('may be made smaller by a chain that does not end them', () => {
    const three = ranked('A B C', [2, 'A > B'], [2, 'B > A'], [2, 'C'])
    const outcome = tally(plurality, three, { ties: [by('borda')] })
    expect(outcome).toMatchObject({ status: 'tied', winners: ['A', 'B'], ranking: [['A', 'B'], ['C']] })
  })

  it('inside a count go to the chain too, for the worst', () => {
    const election = ranked('A B C', [4, 'A > B'], [3, 'B > A'], [3, 'C > B'])
    expect(tally(instantRunoff, election).winners).toEqual(['A', 'B'])
    const outcome = tally(instantRunoff, election, { ties: [by('borda')] })
    expect(outcome).toMatchObject({ status: 'decided', winners: ['B'] })
    expect(outcome.tieSteps).toEqual([
      {
        where: 'the last place in round 1 (still in: A, B, C)',
        want: 'worst',
        tied: ['B', 'C'],
        by: 'borda',
        remained: ['C'],
      },
    ])
    expect(outcome.rounds?.[0]?.eliminated).toEqual([['C']])
  })

  it('inside a count that the chain leaves open are followed every way, and the chain is asked again for the winner', () => {
    const election = ranked('A B C', [2, 'A > B'], [2, 'B > C'], [1, 'C > A'], [1, 'C > B'])
    const outcome = tally(instantRunoff, election, { ties: [by('irv'), by('borda')] })
    expect(outcome).toMatchObject({ status: 'decided', winners: ['B'] })
    expect(outcome.tieSteps.map(({ by, where, remained }) => [by, where.slice(0, 15), remained])).toEqual([
      ['instant-runoff', 'the last place ', ['A', 'B', 'C']],
      ['borda', 'the last place ', ['A']],
    ])
  })

  it('by lot depend on the seed and on who stands, not on the order given', () => {
    const lots = new Set<string>()
    for (let seed = 0; seed < 40; seed++) {
      const ties = [seeded(seed)]
      const { winners } = tally(plurality, tie, { ties })
      const turned = { candidates: tie.candidates.toReversed(), ballots: tie.ballots.toReversed() }
      expect(tally(plurality, turned, { ties }).winners).toEqual(winners)
      lots.add(winners.join())
    }
    expect([...lots].sort()).toEqual(['A', 'B'])
  })

  it('by lot always end', () => {
    const candidates = Array.from({ length: 40 }, (_, at) => `candidate ${at}`)
    const ballots = candidates.map((name): CastBallot => ({
      voter: name,
      ballot: { kind: 'ranked', ranking: [[name]] },
    }))
    for (const rule of [plurality, borda, instantRunoff, schulze()])
      expect(tally(rule, { candidates, ballots }, { ties: [seeded('lot')] }).status).toBe('decided')
  })

  it('refuse a tie-break that cannot read the ballots', () => {
    const ballots: CastBallot[] = [{ voter: 'ann', ballot: { kind: 'approval', approves: ['A'] } }]
    expect(() => tally(approval, { candidates: ['A', 'B'], ballots }, { ties: [by('irv')] })).toThrow(
      'the tie-break instant-runoff counts ranked, single ballots and this election has approval ones; choose another',
    )
    expect(unfitTie(approval, [seeded(1), by('borda')])).toBeUndefined()
    expect(unfitTie(approval, [by('borda'), by('plurality')])).toMatchObject({
      code: 'vote.tie_unfit',
      tie: 'plurality',
    })
  })
})

describe('tie-breaks as text', () => {
  it('are rules, or lots with a seed', () => {
    expect(parseTie('irv').name).toBe('instant-runoff')
    expect(parseTie('seeded:7').name).toBe('seeded:7')
    expect(tieChain(['borda', 'seeded'], 7).map((each) => each.name)).toEqual(['borda', 'seeded:7'])
    expect(tieChain(['seeded:a:b', 'Schulze'], 7).map((each) => each.name)).toEqual(['seeded:a:b', 'schulze'])
  })

  it('draw as the number does', () => {
    for (let seed = 0; seed < 20; seed++)
      expect(tally(plurality, tie, { ties: [parseTie(`seeded:${seed}`)] }).winners).toEqual(
        tally(plurality, tie, { ties: [seeded(seed)] }).winners,
      )
  })

  it('say what there is when they are neither', () => {
    const code = { code: 'vote.unknown_tie' }
    expect(() => parseTie('coin')).toThrow(expect.objectContaining(code))
    expect(() => parseTie('coin')).toThrow(
      'the tie-break "coin" names neither a rule nor a seeded lot; there is: plurality',
    )
    expect(() => parseTie('seeded')).toThrow('has no seed; write seeded:7')
    expect(() => parseTie('seeded:', { seed: 1 })).toThrow(expect.objectContaining(code))
  })
})

describe('an election in which nobody counts', () => {
  const candidates = ['A', 'B']
  const ballots: CastBallot[] = [
    { voter: 'ann', ballot: { kind: 'abstain' } },
    { voter: 'bob', ballot: { kind: 'single', choice: 'Z' } },
  ]
  it.each(rules)('has no winner by accident: $name', (rule) => {
    for (const cast of [[], ballots]) {
      const outcome = tally(rule, { candidates, ballots: cast }, { ties: [seeded(1)] })
      expect(outcome).toMatchObject({ status: 'tied', winners: candidates, ranking: [candidates], tieSteps: [] })
    }
    expect(tally(rule, { candidates: ['A'], ballots: [] }).status).toBe('tied')
    const quorum = { share: 0.5, eligible: 3 }
    expect(tally(rule, { candidates, ballots, quorum })).toMatchObject({ status: 'no-quorum', winners: [] })
  })
})

describe('an outcome', () => {
  it.each(rules)('is plain JSON data: $name', (rule) => {
    const ballots: CastBallot[] =
      rule.ballot === 'approval'
        ? [{ voter: 'ann', weight: '1/3', ballot: { kind: 'approval', approves: ['A', 'B'] } }]
        : [...tie.ballots, { voter: 'x', weight: '1/3', ballot: { kind: 'single', choice: '__proto__' } }]
    const election = { candidates: ['A', 'B', 'C', '__proto__'], ballots, quorum: { share: 0.5 } }
    const outcome = tally(rule, election, { ties: [seeded(7)] })
    expect(JSON.parse(JSON.stringify(outcome))).toEqual(outcome)
    expect(JSON.stringify(outcome)).toBe(JSON.stringify(tally(rule, election, { ties: [seeded(7)] })))
  })

  it('does not change the election it was made from', () => {
    const frozen = JSON.stringify(tie)
    for (const rule of rules) if (rule.ballot === 'ranked') tally(rule, tie, { ties: [by('borda'), seeded(1)] })
    expect(JSON.stringify(tie)).toBe(frozen)
  })
})

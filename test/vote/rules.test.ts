import { describe, expect, it } from 'vitest'
import { approval, borda, instantRunoff, plurality, ruleNamed, rules, schulze, tally } from '../../src/vote/index.ts'
import type { Rule } from '../../src/vote/index.ts'
import { TooManyUniverses } from '../../src/vote/error.ts'
import { levels, ranked, scoresOf } from './support.ts'

describe('plurality', () => {
  it('counts first places and lets those tied there share the weight', () => {
    const outcome = tally(plurality, ranked('A B C', [3, 'A > B'], [2, 'B=C > A'], [1, 'A=B=C']))
    expect(scoresOf(outcome)).toEqual({ A: '10/3', B: '4/3', C: '4/3' })
    expect(outcome).toMatchObject({ status: 'decided', winners: ['A'], ranking: [['A'], ['B', 'C']] })
  })
})

describe('approval', () => {
  it('gives the whole weight to each approved', () => {
    const outcome = tally(approval, {
      candidates: ['A', 'B', 'C'],
      ballots: [
        { voter: 'ann', ballot: { kind: 'approval', approves: ['A', 'B'] } },
        { voter: 'bob', weight: 0.5, ballot: { kind: 'approval', approves: ['B', 'C'] } },
        { voter: 'cid', ballot: { kind: 'single', choice: 'C' } },
      ],
    })
    expect(scoresOf(outcome)).toEqual({ A: '1', B: '3/2', C: '3/2' })
    expect(outcome).toMatchObject({ status: 'tied', winners: ['B', 'C'] })
  })
})

describe('borda', () => {
  it('gives n-1, n-2, ... and the mean of their places to the tied', () => {
    const outcome = tally(borda, ranked('A B C D', [1, 'A > B=C > D']))
    expect(scoresOf(outcome)).toEqual({ A: '3', B: '3/2', C: '3/2', D: '0' })
  })

  it('counts the unlisted as tied last, or leaves their pairs out', () => {
    const election = ranked('A B C D', [2, 'A > B'])
    expect(scoresOf(tally(borda, election))).toEqual({ A: '6', B: '4', C: '1', D: '1' })
    expect(scoresOf(tally(borda, { ...election, unranked: 'no-opinion' }))).toEqual({ A: '2', B: '0', C: '0', D: '0' })
  })

  it('can pass over the favourite of a majority', () => {
    const outcome = tally(borda, ranked('A B C', [3, 'A > B > C'], [2, 'B > C > A']))
    expect(scoresOf(outcome)).toEqual({ A: '6', B: '7', C: '2' })
  })

  it('reads an approval ballot as two levels', () => {
    const ballots = [{ voter: 'ann', ballot: { kind: 'approval' as const, approves: ['A', 'B'] } }]
    expect(scoresOf(tally(borda, { candidates: ['A', 'B', 'C'], ballots }))).toEqual({ A: '3/2', B: '3/2', C: '0' })
  })
})

describe('instant runoff', () => {
  it('moves the ballots of the last to their next choice until one has a majority', () => {
    const outcome = tally(instantRunoff, ranked('A B C', [8, 'A > B'], [7, 'B > A'], [4, 'C > B > A'], [1, 'C']))
    expect(outcome.rounds).toEqual([
      {
        number: 1,
        tallies: [
          { candidate: 'A', weight: '8' },
          { candidate: 'B', weight: '7' },
          { candidate: 'C', weight: '5' },
        ],
        exhausted: '0',
        elected: [],
        eliminated: [['C']],
      },
      {
        number: 2,
        tallies: [
          { candidate: 'A', weight: '8' },
          { candidate: 'B', weight: '11' },
        ],
        exhausted: '1',
        elected: ['B'],
        eliminated: [],
      },
    ])
    expect(outcome).toMatchObject({ status: 'decided', ranking: [['B'], ['A'], ['C']] })
  })

  it('takes a majority of what still counts, not of all ballots', () => {
    const outcome = tally(instantRunoff, ranked('A B C', [4, 'A'], [3, 'B'], [2, 'C']))
    expect(outcome.rounds?.[1]).toMatchObject({ exhausted: '2', elected: ['A'] })
  })

  it('lets candidates tied on a level share the ballot while both are in', () => {
    const outcome = tally(instantRunoff, ranked('A B C', [5, 'A'], [4, 'B=C'], [1, 'B'], [1, 'C'], ['1/2', 'B']))
    expect(outcome.rounds?.[0]?.tallies.map(({ weight }) => weight)).toEqual(['5', '7/2', '3'])
    expect(outcome.rounds?.[1]?.tallies.map(({ weight }) => weight)).toEqual(['5', '11/2'])
    expect(outcome.winners).toEqual(['B'])
  })

  it('follows every way of an open tie and keeps all winners', () => {
    // A leaves: B has 4 of 6. B leaves: C has 4 of 6. C leaves: A and B are level, and each can win.
    const outcome = tally(instantRunoff, ranked('A B C', [2, 'A > B'], [2, 'B > C'], [1, 'C > A'], [1, 'C > B']))
    expect(outcome).toMatchObject({ status: 'tied', winners: ['A', 'B', 'C'] })
    expect(outcome.rounds?.[0]?.eliminated).toEqual([['A'], ['B'], ['C']])
    // Either of the tied may leave and A still wins.
    const harmless = tally(instantRunoff, ranked('A B C', [4, 'A > B'], [2, 'B > A'], [2, 'C > A']))
    expect(harmless).toMatchObject({ status: 'decided', winners: ['A'], ranking: [['A'], ['B', 'C']] })
  })

  it('lets all leave together whom no ballot counts for', () => {
    const election = ranked('A B C', [3, 'A > B'], [3, 'B > A'], [2, 'C > A'])
    const candidates = [...Array.from({ length: 60 }, (_, at) => `none ${at}`), 'A', 'B', 'C']
    const outcome = tally(instantRunoff, { candidates, ballots: election.ballots })
    expect(outcome.rounds).toHaveLength(3)
    expect(outcome.rounds?.[0]?.eliminated[0]).toHaveLength(60)
    expect(levels(outcome).map((level) => level.length)).toEqual([1, 1, 1, 60])
  })

  it('stops with a typed error when open ties lead too far', () => {
    const size = 16
    const candidates = Array.from({ length: size }, (_, at) => `candidate ${at}`)
    const ballots = candidates.map((name) => ({ voter: name, ballot: { kind: 'ranked' as const, ranking: [[name]] } }))
    expect(() => tally(instantRunoff, { candidates, ballots })).toThrow(TooManyUniverses)
    expect(() => tally(instantRunoff, { candidates, ballots })).toThrow('more than 4096 different situations')
    const few = { candidates: candidates.slice(0, 4), ballots: ballots.slice(0, 4) }
    // The sets of four, three, two and one candidate left: 1 + 4 + 6 + 4.
    expect(tally(instantRunoff, few, { universesMax: 15 }).rounds).toHaveLength(15)
    expect(() => tally(instantRunoff, few, { universesMax: 14 })).toThrow(TooManyUniverses)
    expect(() => tally(instantRunoff, few, { universesMax: 0 })).toThrow('universesMax')
  })

  it('follows fewer situations where there are more ballots, unless told otherwise', () => {
    const candidates = Array.from({ length: 16 }, (_, at) => `candidate ${at}`)
    const ballots = Array.from({ length: 20_480 }, (_, at) => ({
      voter: `voter ${at}`,
      ballot: { kind: 'ranked' as const, ranking: [[candidates[at % 16] ?? '']] },
    }))
    expect(() => tally(instantRunoff, { candidates, ballots })).toThrow('more than 2000 different situations')
    expect(() => tally(instantRunoff, { candidates, ballots }, { universesMax: 20 })).toThrow('more than 20 different')
  })

  it('places those still in by their votes when a majority ends it early', () => {
    const outcome = tally(instantRunoff, ranked('A B C D', [1, 'A'], [6, 'B'], [2, 'C'], [2, 'D']))
    expect(outcome.ranking).toEqual([['B'], ['C', 'D'], ['A']])
    expect(outcome.rounds).toHaveLength(1)
  })
})

describe('schulze', () => {
  /** Five voters' groups whose cycle A > B > C > A is decided by paths. */
  const cycle = ranked('A B C', [7, 'A > B > C'], [5, 'B > C > A'], [4, 'C > A > B'])

  it('decides a cycle by the strongest paths and shows them', () => {
    const outcome = tally(schulze(), cycle)
    expect(outcome.matrix).toEqual([
      ['', '11', '7'],
      ['5', '', '12'],
      ['9', '4', ''],
    ])
    const table = (name: string) => outcome.proof.tables.find((each) => each.name === name)?.cells
    expect(table('paths')).toEqual([
      ['', '11', '11'],
      ['9', '', '12'],
      ['9', '9', ''],
    ])
    expect(table('before')).toEqual([
      ['', 'A', 'B'],
      ['C', '', 'B'],
      ['C', 'A', ''],
    ])
    expect(outcome.proof.notes).toEqual([
      'Strongest path from A to B: 11 (A > B); back: 9 (B > C > A).',
      'Strongest path from A to C: 11 (A > B > C); back: 9 (C > A).',
    ])
    expect(outcome.ranking).toEqual([['A'], ['B'], ['C']])
  })

  it('keeps ties as sets', () => {
    const outcome = tally(schulze(), ranked('A B C', [1, 'A > B > C'], [1, 'B > A > C']))
    expect(outcome).toMatchObject({ status: 'tied', winners: ['A', 'B'], ranking: [['A', 'B'], ['C']] })
  })

  it('ranks nobody above one who beats them, though ties do not chain', () => {
    // A beats B; C is level with both: A and C are unbeaten, B is not.
    const outcome = tally(schulze(), {
      ...ranked('A B C', [1, 'A > B']),
      unranked: 'no-opinion',
    })
    expect(outcome.ranking).toEqual([['A', 'C'], ['B']])
  })

  it('depends on what makes a link strong', () => {
    // With no-opinion each ballot speaks of one pair: A beats B 30 to 20, B beats C 10 to 3, C beats A 8 to 0.
    // Weakest link by winning votes C > A, by margins B > C, by ratio A > B.
    const election = {
      ...ranked('A B C', [30, 'A > B'], [20, 'B > A'], [10, 'B > C'], [3, 'C > B'], [8, 'C > A']),
      unranked: 'no-opinion' as const,
    }
    expect(tally(schulze(), election).winners).toEqual(['A'])
    expect(tally(schulze({ strength: 'margins' }), election).winners).toEqual(['C'])
    const ratio = tally(schulze({ strength: 'ratio' }), election)
    expect(ratio.winners).toEqual(['B'])
    expect(ratio.proof.tables[0]?.cells).toEqual([
      ['', '30 : 20', '0'],
      ['0', '', '10 : 3'],
      ['8 : 0', '0', ''],
    ])
  })

  it('holds a larger win without opposition stronger, by ratio', () => {
    const election = {
      ...ranked('A B C', [3, 'A > B'], [2, 'B > C'], [4, 'C > A']),
      unranked: 'no-opinion' as const,
    }
    expect(tally(schulze({ strength: 'ratio' }), election).winners).toEqual(['C'])
  })
})

describe('the rules by name', () => {
  it('finds names and aliases, whatever their case and hyphens', () => {
    expect(ruleNamed('irv')).toBe(instantRunoff)
    expect(ruleNamed(' Instant Runoff ')).toBe(instantRunoff)
    expect(ruleNamed('schulze_winning').name).toBe('schulze')
    expect(ruleNamed('schulze_margins').name).toBe('schulze-margins')
  })

  it('says which there are when there is none of that name', () => {
    expect(() => ruleNamed('bordà')).toThrow(
      'there is no voting rule "bordà"; there is: plurality, approval, borda, instant-runoff, schulze, schulze-margins, schulze-ratio',
    )
    expect(() => ruleNamed('x')).toThrow(
      expect.objectContaining({ code: 'vote.unknown_rule', known: rules.map((rule) => rule.name) }),
    )
  })

  it('have no name twice', () => {
    const all = rules.flatMap((rule) => [rule.name, ...(rule.aliases ?? [])])
    expect(new Set(all).size).toBe(all.length)
    for (const rule of rules) expect(rule.accepts).toContain(rule.ballot)
  })

  it('take a rule of somebody else, found in a longer list', () => {
    const alphabet: Rule = {
      name: 'alphabet',
      title: 'Alphabet',
      ballot: 'single',
      accepts: ['single'],
      unit: 'letters',
      method: ['The first in the alphabet wins.'],
      count: ({ candidates }) => ({
        ranking: candidates
          .map((_, at) => at)
          .sort((a, b) => ((candidates[a] ?? '') < (candidates[b] ?? '') ? -1 : 1))
          .map((at) => [at]),
      }),
    }
    const rule = ruleNamed('alphabet', [...rules, alphabet])
    const ballots = [{ voter: 'ann', ballot: { kind: 'single' as const, choice: 'B' } }]
    expect(tally(rule, { candidates: ['B', 'A'], ballots }).winners).toEqual(['A'])
  })

  it.each([[[]], [[[0]]], [[[0], [0, 1]]], [[[0, 1], []]], [[[0, 2]]]])(
    'refuses a count that ranks %j of two candidates',
    (ranking) => {
      const broken: Rule = { ...plurality, name: 'broken', count: () => ({ ranking }) }
      const ballots = [{ voter: 'ann', ballot: { kind: 'single' as const, choice: 'B' } }]
      expect(() => tally(broken, { candidates: ['B', 'A'], ballots })).toThrow(
        expect.objectContaining({ code: 'vote.rule_broken' }),
      )
    },
  )
})

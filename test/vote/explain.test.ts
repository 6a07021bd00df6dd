import { describe, expect, it } from 'vitest'
import {
  borda,
  by,
  countTables,
  explain,
  instantRunoff,
  pairwiseTable,
  plurality,
  rules,
  schulze,
  seeded,
  tally,
} from '../../src/vote/index.ts'
import type { CastBallot, Election, Outcome } from '../../src/vote/index.ts'
import { ranked } from './support.ts'

const cycle = ranked('A B C', [7, 'A > B > C'], [5, 'B > C > A'], [4, 'C > A > B'])

describe('explain', () => {
  it('tells a Schulze count so that it can be checked', () => {
    expect(explain(tally(schulze(), cycle))).toEqual([
      '3 ballots of weight 16 counted.',
      `Schulze (winning votes): ${schulze().method.join(' ')}`,
      'A beats B by 11 to 5.',
      'C beats A by 9 to 7.',
      'B beats C by 12 to 4.',
      'Strongest path from A to B: 11 (A > B); back: 9 (B > C > A).',
      'Strongest path from A to C: 11 (A > B > C); back: 9 (C > A).',
      'A wins.',
    ])
  })

  it('tells rounds, shares, refusals, abstentions and the quorum', () => {
    const ballots: CastBallot[] = [
      ...ranked('A B C', [4, 'A'], [3, 'B=C > A'], [2, 'C'], [1, 'B']).ballots,
      { voter: 'dee', ballot: { kind: 'single', choice: 'D' } },
      { voter: 'eve', ballot: { kind: 'abstain' } },
    ]
    const election: Election = { candidates: ['A', 'B', 'C'], ballots, quorum: { share: '2/3', eligible: 12 } }
    expect(explain(tally(instantRunoff, election))).toEqual([
      '4 ballots of weight 10 counted, 1 abstained, 1 refused.',
      'Refused: dee: "D" is not a candidate.',
      'Quorum: 11 of 12 present, 8 needed: met.',
      `Instant runoff: ${instantRunoff.method.join(' ')}`,
      'Round 1: A 4, C 7/2 (3.5), B 5/2 (2.5) votes of 10; B leaves.',
      'Round 2: C 5, A 4 votes of 9, 1 exhausted; C is elected.',
      'C wins.',
    ])
  })

  it('tells each use of the tie chain, and a tie that remains', () => {
    const tie = ranked('A B', [1, 'A > B'], [1, 'B > A'])
    expect(explain(tally(plurality, tie)).slice(-2)).toEqual([
      'Of votes: A 1, B 1.',
      'A and B are tied; no tie-break declared tells them apart.',
    ])
    const { winners } = tally(plurality, tie, { ties: [seeded(7)] })
    expect(explain(tally(plurality, tie, { ties: [by('borda'), seeded(7)] })).slice(-3)).toEqual([
      'Tie for the first place between A and B: borda does not tell them apart.',
      `Tie for the first place between A and B: by seeded:7 ${winners[0]} is the best.`,
      `${winners[0]} wins.`,
    ])
  })

  it('tells the rounds of every way apart', () => {
    const lines = explain(
      tally(instantRunoff, ranked('A B C', [4, 'A > B'], [2, 'B > A'], [2, 'C > A'], [1, 'B'], [1, 'C'])),
    )
    expect(lines).toContain(
      'Round 1: A 4, B 3, C 3 votes of 10; B and C are tied for leaving, and each way is followed.',
    )
    expect(lines).toContain('Round 2 among A and C: A 6, C 3 votes of 9, 1 exhausted; A is elected.')
    expect(lines).toContain('Round 2 among A and B: A 6, B 3 votes of 9, 1 exhausted; A is elected.')
  })

  it('names no winner without a quorum or without votes', () => {
    const few = tally(plurality, { ...ranked('A B', [1, 'A']), quorum: { share: 1, eligible: 3 } })
    expect(explain(few).at(-1)).toBe('There is no quorum, so nobody has won.')
    expect(explain(few)).toContain('Quorum: 1 of 3 present, 3 needed: not met.')
    expect(explain(tally(plurality, { candidates: ['A', 'B'], ballots: [] })).at(-1)).toBe(
      'No weight was counted, so nobody has won: A and B.',
    )
  })

  it.each(rules.filter((rule) => rule.ballot !== 'approval'))('reads an outcome from its JSON: $name', (rule) => {
    const outcome = tally(rule, cycle, { ties: [by(borda), seeded(1)] })
    const read = JSON.parse(JSON.stringify(outcome)) as Outcome
    expect(explain(read)).toEqual(explain(outcome))
    expect(countTables(read)).toEqual(countTables(outcome))
  })
})

describe('tables', () => {
  it('show the pairwise matrix, aligned', () => {
    expect(pairwiseTable(tally(schulze(), cycle))).toBe(
      [
        '| row above column | A   | B   | C   |',
        '| ---------------- | --- | --- | --- |',
        '| A                | -   | 11  | 7   |',
        '| B                | 5   | -   | 12  |',
        '| C                | 9   | 4   | -   |',
      ].join('\n'),
    )
    expect(pairwiseTable(tally(plurality, cycle))).toBeUndefined()
  })

  it('show scores, best first, and rounds', () => {
    expect(countTables(tally(borda, ranked('A B', [1, 'A=B'], [2, 'B'])))).toEqual([
      {
        title: 'points',
        table: [
          '| candidate | points    |',
          '| --------- | --------- |',
          '| B         | 5/2 (2.5) |',
          '| A         | 1/2 (0.5) |',
        ].join('\n'),
      },
    ])
    const [rounds] = countTables(tally(instantRunoff, ranked('A B C', [4, 'A'], [3, 'B'], [2, 'C'])))
    expect(rounds?.table.split('\n').slice(2)).toEqual([
      '| 1     | 4   | 3   | 2   | 0         | C leaves     |',
      '| 2     | 4   | 3   |     | 2         | A is elected |',
    ])
  })

  it('keep a name with a bar in its cell', () => {
    const table = pairwiseTable(tally(schulze(), { ...ranked('a|b C', [1, 'a|b']) }))
    expect(table?.split('\n')[2]).toBe('| a\\|b             | -    | 1   |')
  })
})

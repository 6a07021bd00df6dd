/** The table of criteria: properties for what a rule is proven to satisfy, witnesses for what it is known to fail. */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { condorcetLoser, ruleNamed, rules } from '../../src/vote/index.ts'
import type { Election } from '../../src/vote/index.ts'
import { criteria } from './criterion.ts'
import type { CriterionName } from './criterion.ts'
import { anyElection, ranked } from './support.ts'
import { witnesses } from './witness.ts'

const schulze: readonly CriterionName[] = [
  'majority',
  'mutual-majority',
  'condorcet',
  'condorcet-loser',
  'smith',
  'monotonicity',
  'reversal-symmetry',
  'clones',
  'homogeneity',
]
const simple: readonly CriterionName[] = ['majority', 'condorcet', 'monotonicity', 'homogeneity']
const smith: readonly CriterionName[] = ['majority', 'mutual-majority', 'condorcet', 'condorcet-loser', 'smith']

/** What each rule is proven to satisfy; the guide has the sources. */
const satisfied: Readonly<Record<string, readonly CriterionName[]>> = {
  plurality: ['majority', 'monotonicity', 'participation', 'reinforcement', 'homogeneity'],
  borda: ['condorcet-loser', 'monotonicity', 'participation', 'reversal-symmetry', 'reinforcement', 'homogeneity'],
  dowdall: ['monotonicity', 'participation', 'reinforcement', 'homogeneity'],
  bucklin: ['majority', 'mutual-majority', 'monotonicity', 'homogeneity'],
  'instant-runoff': ['majority', 'mutual-majority', 'condorcet-loser', 'clones', 'homogeneity'],
  coombs: ['majority', 'condorcet-loser', 'homogeneity'],
  'two-round': ['majority', 'condorcet-loser', 'homogeneity'],
  baldwin: [...smith, 'homogeneity'],
  nanson: [...smith, 'reversal-symmetry', 'homogeneity'],
  schulze,
  'schulze-margins': schulze,
  'schulze-ratio': schulze,
  'ranked-pairs': [...smith, 'reversal-symmetry', 'homogeneity'],
  'ranked-pairs-margins': [...smith, 'reversal-symmetry', 'homogeneity'],
  'split-cycle': schulze,
  'smith-set': [...smith, 'monotonicity', 'clones', 'homogeneity'],
  copeland: [...smith, 'monotonicity', 'reversal-symmetry', 'homogeneity'],
  minimax: simple,
  'minimax-margins': simple,
  'minimax-opposition': ['majority', 'monotonicity', 'homogeneity'],
  'dodgson-tideman': ['majority', 'condorcet', 'homogeneity'],
  kemeny: [...smith, 'monotonicity', 'reversal-symmetry', 'homogeneity'],
  dodgson: ['majority', 'condorcet'],
  'random-ballot': ['monotonicity', 'participation', 'reversal-symmetry', 'clones', 'homogeneity'],
  'random-smith': [...smith, 'clones', 'homogeneity'],
  'maximal-lotteries': [...smith, 'clones', 'homogeneity'],
}

const proven = Object.entries(satisfied).flatMap(([rule, names]) => names.map((name) => [rule, name] as const))
const strict = anyElection({ strict: true, candidatesMax: 5, ballotsMax: 7, weights: fc.integer({ min: 1, max: 5 }) })

describe('proven', () => {
  it.each(proven)('%s satisfies %s', (rule, name) => {
    // Each of these checks tallies the election twice or thrice; the exact programmes of Dodgson take their time.
    const numRuns = rule === 'dodgson' ? 25 : 80
    fc.assert(
      fc.property(strict, fc.nat({ max: 2 ** 20 }), (election, choice) => {
        expect(criteria[name](ruleNamed(rule), election, choice)).toBeUndefined()
      }),
      { numRuns },
    )
  })
})

describe('known to fail', () => {
  it.each(witnesses.map((witness) => [witness.rule, witness.fails, witness] as const))(
    '%s fails %s in the committed election',
    (rule, name, { candidates, ballots, choice }) => {
      const election: Election = ranked(
        candidates,
        ...ballots.map(([weight, ranking]): [number, string] => [weight, ranking]),
      )
      expect(criteria[name](ruleNamed(rule), election, choice)).toBeTypeOf('string')
    },
  )
})

describe('the table of the guide', () => {
  const guide = readFileSync(resolve(import.meta.dirname, '../../docs/guide/voting.md'), 'utf8')
  const rows = new Map(
    guide
      .split('\n')
      .filter((line) => line.startsWith('| `'))
      .map((line) => line.split('|').map((cell) => cell.trim()))
      .map(([, rule = '', ...cells]) => [rule.replaceAll('`', ''), cells] as const),
  )
  const columns = Object.keys(criteria) as CriterionName[]

  it.each(Object.keys(satisfied))('says of %s what is shown here and no more', (rule) => {
    const failed = new Set(witnesses.filter((witness) => witness.rule === rule).map(({ fails }) => fails))
    const shown = columns.map((name) => (satisfied[rule]?.includes(name) ? 'yes' : failed.has(name) ? 'no' : ''))
    expect(rows.get(rule)?.slice(0, columns.length)).toEqual(shown)
  })

  it('names every rule', () => {
    for (const { name } of [...rules, condorcetLoser]) expect(guide).toContain(`\`${name}\``)
  })

  it('claims nothing both ways', () => {
    for (const { rule, fails } of witnesses) expect(satisfied[rule] ?? []).not.toContain(fails)
  })
})

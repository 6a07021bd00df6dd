import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { rules, ruleFrom, ruleNames, ruleOptions, ruleSpec, ruleUnfit, tally } from '../../src/vote/index.ts'
import type { RuleSpec } from '../../src/vote/index.ts'

describe('a rule from data', () => {
  it.each<[RuleSpec, string]>([
    ['schulze', 'schulze'],
    ['Ranked Pairs', 'ranked-pairs'],
    [{ name: 'tideman', strength: 'margins' }, 'ranked-pairs-margins'],
    [{ name: 'minimax', measure: 'opposition' }, 'minimax-opposition'],
    [{ name: 'supermajority', share: '3/4' }, 'supermajority-3/4'],
    [{ name: 'score', by: 'median', max: 10 }, 'score-median'],
    [{ name: 'star', min: -2, max: 2 }, 'star'],
    [{ name: 'cumulative', points: 7 }, 'cumulative-7'],
    [{ name: 'quadratic', credits: 9 }, 'quadratic-9'],
    [{ name: 'majority-judgment', max: 3 }, 'majority-judgement'],
    [{ name: 'meek', seats: 3, digits: 12 }, 'meek'],
    [{ name: 'PAV', seats: 2 }, 'pav'],
    [{ name: 'rule x', seats: 2, completion: 'none' }, 'equal-shares-none'],
    ...(['droop', 'hare', 'hagenbach-bischoff', 'imperiali'] as const).map((quota): [RuleSpec, string] => [
      { name: 'stv', seats: 2, quota },
      quota === 'droop' ? 'stv' : `stv-${quota}`,
    ]),
  ])('reads %j as %s', (spec, name) => {
    expect(ruleFrom(spec).name).toBe(name)
  })

  it('takes every rule of the house by its name, and keeps each as itself', () => {
    for (const rule of rules) {
      expect(ruleFrom(rule.name)).toBe(rule)
      expect(ruleSpec(rule.name)).toBe(rule.name)
    }
    for (const name of ruleNames) {
      const spec = 'seats' in ruleOptions(name) ? { name, seats: 1 } : name
      expect(ruleSpec(ruleSpec(spec))).toEqual(ruleSpec(spec))
    }
  })

  it('gives the seats and the scale to the rule that it builds', () => {
    expect(ruleFrom({ name: 'stv', seats: 3, digits: 5 }).seats).toBe(3)
    expect(ruleFrom({ name: 'score', min: -3, max: 3 }).grading).toEqual({ min: -3, max: 3 })
  })

  it.each<[unknown, string, string]>([
    ['shulze', 'vote.unknown_rule', 'did you mean schulze?'],
    [{ name: 'stvv', seats: 2 }, 'vote.unknown_rule', 'did you mean stv?'],
    ['stv', 'base.invalid_argument', 'seats is missing; write { name: stv, seats: 2 }'],
    [{ name: 'stv', seat: 2 }, 'base.invalid_argument', 'seat is no option of stv; did you mean seats?'],
    [{ name: 'stv', seats: 0 }, 'base.invalid_argument', 'seats must be a whole number'],
    [{ name: 'stv', seats: 2, quota: 'har' }, 'base.invalid_argument', 'did you mean hare?'],
    [{ name: 'schulze', strength: 3 }, 'base.invalid_argument', 'strength must be winning, margins or ratio'],
    [{ name: 'borda', seats: 2 }, 'base.invalid_argument', 'seats is no option of borda, which has none'],
    [{ name: 'score', min: 5, max: 1 }, 'base.invalid_argument', 'max must be above 5'],
    [{ seats: 2 }, 'base.invalid_argument', 'name is missing'],
    [7, 'base.invalid_argument', 'must be a name, or a map'],
  ])('refuses %j with %s', (spec, code, message) => {
    expect(() => ruleFrom(spec as RuleSpec)).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(message) as string }),
    )
  })

  it('never throws anything that is not typed, whatever it is given', () => {
    const spec = fc.oneof(
      fc.string(),
      fc.jsonValue(),
      fc.record({ name: fc.constantFrom(...ruleNames), seats: fc.jsonValue() }),
    )
    fc.assert(
      fc.property(spec, (given) => {
        expect(codeThrown(() => ruleFrom(given as RuleSpec))).toMatch(/^(none|(base|vote)\..+)$/)
      }),
    )
  })
})

describe('what is known before anybody is asked', () => {
  it('names the rules that may not count so many candidates', () => {
    expect(ruleUnfit(ruleFrom('kemeny'), 16, 50)).toBeUndefined()
    expect(ruleUnfit(ruleFrom('kemeny'), 17, 50)).toContain('up to 16 candidates')
    expect(ruleUnfit(ruleFrom('maximal-lotteries'), 17, 3)).toContain('up to 16 candidates')
    expect(ruleUnfit(ruleFrom('dodgson'), 9, 50)).toBeUndefined()
    expect(ruleUnfit(ruleFrom('dodgson'), 10, 50)).toContain('up to 9 candidates')
    expect(ruleUnfit(ruleFrom({ name: 'pav', seats: 6 }), 12, 50)).toBeUndefined()
    expect(ruleUnfit(ruleFrom({ name: 'pav', seats: 6 }), 13, 50)).toContain('up to 12 candidates')
    expect(ruleUnfit(ruleFrom({ name: 'stv', seats: 7 }), 20, 50)).toContain('state its digits')
    expect(ruleUnfit(ruleFrom({ name: 'stv', seats: 7, digits: 9 }), 20, 50)).toBeUndefined()
    expect(ruleUnfit(ruleFrom({ name: 'meek', seats: 3 }), 2, 50)).toContain('fills 3 seats and there are 2 candidates')
    expect(ruleUnfit(ruleFrom('schulze'), 500, 50)).toBeUndefined()
  })

  it('and what it lets pass is counted, whatever the ballots are', () => {
    const letters = 'ABCDEFGHIJKL'.split('')
    const ballots = fc.array(fc.subarray(letters, { minLength: 1 }), { minLength: 1, maxLength: 40 })
    fc.assert(
      fc.property(ballots, fc.integer({ min: 1, max: 12 }), (approvals, seats) => {
        const cast = approvals.map((approves, at) => ({
          voter: `v${at}`,
          ballot: { kind: 'approval', approves } as const,
        }))
        const rule = ruleFrom({ name: 'pav', seats })
        expect(tally(rule, { candidates: letters, ballots: cast }).committees?.length).toBeGreaterThan(0)
      }),
      { numRuns: 30 },
    )
  })
})

function codeThrown(work: () => unknown): string {
  try {
    work()
    return 'none'
  } catch (error) {
    return String((error as { code?: unknown }).code)
  }
}

import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { add, explain, parseRational, plurality, rational, tally, toText } from '../../src/vote/index.ts'
import type { CastBallot, Delegation, Election, Outcome, Rational } from '../../src/vote/index.ts'
import { scoresOf } from './support.ts'

const vote = (voter: string, choice: string, weight?: number | string): CastBallot => ({
  voter,
  ballot: { kind: 'single', choice },
  ...(weight !== undefined && { weight }),
})
const hand = (...chains: string[]): Delegation[] =>
  chains.map((chain) => {
    const [voter = '', to = ''] = chain.split('>')
    return { voter, to }
  })
const count = (election: Partial<Election>): Outcome =>
  tally(plurality, { candidates: ['x', 'y'], ballots: [], ...election })
const idleOf = (outcome: Outcome): Record<string, string> =>
  Object.fromEntries((outcome.delegation?.idle ?? []).map(({ voter, cause }) => [voter, cause]))

describe('delegation', () => {
  it('gives the weight to whoever votes at the end of the chain, and records who votes for whom', () => {
    const outcome = count({
      ballots: [vote('ann', 'x'), vote('bob', 'y', 2)],
      delegations: [...hand('cleo>ann', 'dan>cleo'), { voter: 'eve', to: 'bob', weight: '1/2' }],
    })
    expect(scoresOf(outcome)).toEqual({ x: '3', y: '5/2' })
    expect(outcome.delegation).toEqual({
      carried: [
        { voter: 'cleo', to: 'ann', by: 'ann', steps: 1, weight: '1' },
        { voter: 'dan', to: 'cleo', by: 'ann', steps: 2, weight: '1' },
        { voter: 'eve', to: 'bob', by: 'bob', steps: 1, weight: '1/2' },
      ],
      idle: [],
    })
    expect(explain(outcome)).toContain('ann votes for cleo and dan too.')
  })

  it("lets a voter's own ballot go first, and others go on to it", () => {
    const outcome = count({
      ballots: [vote('ann', 'x'), vote('bob', 'y')],
      delegations: hand('bob>ann', 'cleo>bob'),
    })
    expect(scoresOf(outcome)).toEqual({ x: '1', y: '2' })
    expect(idleOf(outcome)).toEqual({ bob: 'own-ballot' })
  })

  it('finds circles, and all that leads into one', () => {
    const outcome = count({
      ballots: [vote('ann', 'x')],
      delegations: hand('b>c', 'c>d', 'd>b', 'e>d', 'f>f', 'g>ann'),
    })
    expect(idleOf(outcome)).toEqual({ b: 'circle', c: 'circle', d: 'circle', e: 'circle', f: 'circle' })
    expect(scoresOf(outcome)).toEqual({ x: '2', y: '0' })
    expect(outcome.delegation?.idle[0]?.reason).toBe('it leads in a circle: b to c to d to b')
    expect(explain(outcome)).toContain('Not delegated: f to f: it leads in a circle: f to f.')
  })

  it('carries nothing over more steps than allowed, and the nearer ones still', () => {
    const election = { ballots: [vote('ann', 'x')], delegations: hand('d>c', 'c>b', 'b>ann'), delegationStepsMax: 2 }
    expect(idleOf(count(election))).toEqual({ d: 'too-far' })
    expect(scoresOf(count(election))).toEqual({ x: '3', y: '0' })
  })

  it.each<[string, Partial<Election>, string, string]>([
    ['somebody who neither voted nor delegated', { delegations: hand('b>z') }, 'b', 'no-ballot'],
    [
      'somebody with two ballots',
      { ballots: [vote('a', 'x'), vote('a', 'y')], delegations: hand('b>a') },
      'b',
      'no-ballot',
    ],
    ['somebody whose ballot is refused', { ballots: [vote('a', 'q')], delegations: hand('b>a') }, 'b', 'refused'],
    ['two at once', { ballots: [vote('a', 'x')], delegations: hand('b>a', 'b>a') }, 'b', 'doubled'],
    [
      'somebody who delegated twice',
      { ballots: [vote('a', 'x')], delegations: hand('b>a', 'b>a', 'c>b') },
      'c',
      'no-ballot',
    ],
    ['nobody', { delegations: [{ voter: 'b' } as Delegation] }, 'b', 'invalid'],
    [
      'a negative weight',
      { ballots: [vote('a', 'x')], delegations: [{ voter: 'b', to: 'a', weight: -1 }] },
      'b',
      'invalid',
    ],
    [
      'a weight that is not a number',
      { ballots: [vote('a', 'x')], delegations: [{ voter: 'b', to: 'a', weight: NaN }] },
      'b',
      'invalid',
    ],
  ])('records a delegation to %s as carrying nothing', (_what, election, voter, cause) => {
    const outcome = count(election)
    expect(idleOf(outcome)[voter]).toBe(cause)
    expect(outcome.delegation?.carried.filter((each) => each.voter === voter)).toEqual([])
  })

  it('counts who was carried as present, and the others as absent', () => {
    const election = {
      ballots: [vote('ann', 'x'), { voter: 'bob', ballot: { kind: 'abstain' } } as CastBallot],
      delegations: hand('cleo>ann', 'dan>bob', 'eve>nobody', 'fay>fay'),
      quorum: { share: '1/2' },
    }
    expect(count(election).quorum).toEqual({ share: '1/2', eligible: '6', needed: '3', present: '4', met: true })
  })

  it('refuses an election that calls a delegating voter absent', () => {
    expect(() => count({ ballots: [vote('a', 'x')], delegations: hand('b>a'), absent: [{ voter: 'b' }] })).toThrow(
      expect.objectContaining({ code: 'vote.invalid_election', field: 'absent' }) as Error,
    )
  })

  it.each([
    [{ delegations: {} as never }, 'vote.invalid_election'],
    [{ delegations: [], delegationStepsMax: 0 }, 'base.invalid_argument'],
    [{ delegations: Array.from({ length: 1_000_001 }, () => ({ voter: 'a', to: 'b' })) }, 'base.limit_exceeded'],
  ])('refuses what is out of bounds (%#)', (election, code) => {
    expect(() => count(election)).toThrow(expect.objectContaining({ code }) as Error)
  })

  it('follows a chain of a hundred thousand without overflowing', () => {
    const delegations = Array.from({ length: 100_000 }, (_, at) => ({ voter: `v${at}`, to: `v${at + 1}` }))
    const outcome = count({ ballots: [vote('v100000', 'x')], delegations })
    expect(scoresOf(outcome)).toEqual({ x: '17', y: '0' })
    expect(outcome.delegation?.idle).toHaveLength(100_000 - 16)
  })

  it('makes and loses no weight: counted, idle and own sum up to all that was given', () => {
    const people = ['a', 'b', 'c', 'd', 'e', 'f', 'g']
    const someone = fc.constantFrom(...people)
    const weight = fc.constantFrom<number | string>(1, 2, 0.1, '1/3', 0)
    const voters = fc.tuple(fc.uniqueArray(someone, { maxLength: 4 }), fc.infiniteStream(weight))
    const chains = fc.uniqueArray(fc.record({ voter: someone, to: someone, weight }), {
      selector: ({ voter }) => voter,
    })
    fc.assert(
      fc.property(
        voters,
        chains,
        fc.integer({ min: 1, max: 5 }),
        ([names, weights], delegations, delegationStepsMax) => {
          const ballots = names.map((name) => vote(name, 'x', weights.next().value))
          const outcome = count({ ballots, delegations, delegationStepsMax })
          const sum = (all: readonly (number | string)[]) =>
            all.reduce<Rational>((total, each) => add(total, parseRational(each) as Rational), rational(0))
          const carried = outcome.delegation?.carried ?? []
          expect(carried.length + (outcome.delegation?.idle.length ?? 0)).toBe(delegations.length)
          const own = ballots.map((cast) => cast.weight ?? 1)
          expect(outcome.counted.weight).toBe(toText(sum([...own, ...carried.map((each) => each.weight)])))
          for (const { by, voter } of carried) {
            expect(names).toContain(by)
            expect(names).not.toContain(voter)
          }
        },
      ),
    )
  })
})

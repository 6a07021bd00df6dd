import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bradleyTerry } from '../../../src/deliberation/core/bradley-terry.ts'
import type { Match } from '../../../src/deliberation/core/bradley-terry.ts'
import { seededRandom } from '../../../src/base/random.ts'

function won(winner: string, loser: string, weight = 1): Match {
  return { winner, loser, weight }
}

function log(fit: ReturnType<typeof bradleyTerry>, name: string): number {
  return fit.strengths.find((each) => each.name === name)!.logStrength
}

/** By cofactors. */
function inverseOf3(m: readonly (readonly number[])[]): number[][] {
  const at = (row: number, column: number) => m[row % 3]![column % 3]!
  const cofactor = (row: number, column: number) =>
    at(row + 1, column + 1) * at(row + 2, column + 2) - at(row + 1, column + 2) * at(row + 2, column + 1)
  const determinant = [0, 1, 2].reduce((sum, column) => sum + at(0, column) * cofactor(0, column), 0)
  return [0, 1, 2].map((row) => [0, 1, 2].map((column) => cofactor(column, row) / determinant))
}

/** Every player beats the next in a ring, so that all hang together; then any matches. */
const matches = fc
  .array(fc.tuple(fc.integer({ min: 0, max: 4 }), fc.integer({ min: 0, max: 4 }), fc.boolean()), { maxLength: 25 })
  .map((drawn) => [
    ...[0, 1, 2, 3, 4].map((at): Match => won(`p${at}`, `p${(at + 1) % 5}`)),
    ...drawn.filter(([a, b]) => a !== b).map(([a, b, tie]): Match => ({ winner: `p${a}`, loser: `p${b}`, tie })),
  ])

describe('strengths by Bradley and Terry', () => {
  it('of two players are the odds of their wins, with the error of a logit', () => {
    const fit = bradleyTerry([won('a', 'b', 3), won('b', 'a', 1)])
    expect(log(fit, 'a') - log(fit, 'b')).toBeCloseTo(Math.log(3), 9)
    // The variance of the logit is 1/3 + 1/1; that of each from the mean of both is a quarter of it.
    expect(fit.strengths[0]!.standardError).toBeCloseTo(Math.sqrt(4 / 3) / 2, 9)
    expect(fit.converged).toBe(true)
  })

  it('make what each would be expected to win what it has won', () => {
    fc.assert(
      fc.property(matches, (given) => {
        const fit = bradleyTerry(given)
        for (const { name, wins } of fit.strengths) {
          let expected = 0
          for (const { winner, loser } of given) {
            if (winner !== name && loser !== name) continue
            const other = winner === name ? loser : winner
            expected += 1 / (1 + Math.exp(log(fit, other) - log(fit, name)))
          }
          expect(expected).toBeCloseTo(wins, 6)
        }
      }),
      { numRuns: 50 },
    )
  })

  it('do not depend on the order of the matches, nor on names, and turn round when every result does', () => {
    fc.assert(
      fc.property(matches, fc.integer(), (given, seed) => {
        const fit = bradleyTerry(given)
        const shuffled = bradleyTerry(seededRandom(seed).shuffle(given))
        const turned = bradleyTerry(given.map((each) => ({ ...each, winner: each.loser, loser: each.winner })))
        for (const { name, logStrength } of fit.strengths) {
          expect(log(shuffled, name)).toBeCloseTo(logStrength, 6)
          expect(log(turned, name)).toBeCloseTo(-logStrength, 6)
        }
      }),
      { numRuns: 50 },
    )
  })

  it('recover the order of players whose strengths are known', () => {
    const random = seededRandom('arena')
    const strengths = [3, 1.8, 1, 0.5, 0.2]
    const games = Array.from({ length: 3000 }, () => {
      const [a, b] = random.shuffle([0, 1, 2, 3, 4]) as [number, number]
      const first = random.float() < strengths[a]! / (strengths[a]! + strengths[b]!)
      return won(`p${first ? a : b}`, `p${first ? b : a}`)
    })
    const fit = bradleyTerry(games)
    expect(fit.strengths.map(({ name }) => name)).toEqual(['p0', 'p1', 'p2', 'p3', 'p4'])
    for (const [at, strength] of strengths.entries()) {
      const error = fit.strengths[at]!.standardError
      const mean = strengths.reduce((sum, each) => sum + Math.log(each), 0) / 5
      expect(Math.abs(log(fit, `p${at}`) - (Math.log(strength) - mean))).toBeLessThan(4 * error)
    }
  })

  it('have no bound where wins do not lead back, which is a typed error that names the groups', () => {
    const given = [won('a', 'b'), won('b', 'a'), won('a', 'c'), won('d', 'e')]
    const groups = [['a', 'b'], ['c'], ['d'], ['e']]
    expect(() => bradleyTerry(given)).toThrow(
      expect.objectContaining({ code: 'deliberation.matches_disconnected', groups }),
    )
    const fit = bradleyTerry(given, { prior: 0.5 })
    expect(log(fit, 'a')).toBeGreaterThan(log(fit, 'c'))
    expect(fit.strengths.every(({ logStrength, standardError }) => Number.isFinite(logStrength + standardError))).toBe(
      true,
    )
  })

  it('have with a prior the errors that the curvature of the likelihood gives, found by differences', () => {
    const given = [won('a', 'b', 4), won('b', 'c', 2), won('c', 'b', 1), won('a', 'c', 1)]
    const prior = 0.7
    const fit = bradleyTerry(given, { prior })
    const names = ['a', 'b', 'c']
    const logistic = (difference: number) => -Math.log(1 + Math.exp(-difference))
    const likelihood = (at: readonly number[]) =>
      given.reduce(
        (sum, each) => sum + each.weight! * logistic(at[names.indexOf(each.winner)]! - at[names.indexOf(each.loser)]!),
        0,
      ) + at.reduce((sum, own) => sum + prior * (logistic(own) + logistic(-own)), 0)
    // The fit is centred; the likelihood with a prior is not, so that its own middle is looked for first.
    const logs = names.map((name) => log(fit, name))
    let shift = 0
    for (let step = 0; step < 60; step++) {
      const slope =
        (likelihood(logs.map((own) => own + shift + 1e-5)) - likelihood(logs.map((own) => own + shift - 1e-5))) / 2e-5
      shift += slope / 2
    }
    const top = logs.map((own) => own + shift)
    const h = 1e-3
    const moved = (i: number, j: number, a: number, b: number) =>
      likelihood(top.map((own, at) => own + (at === i ? a * h : 0) + (at === j ? b * h : 0)))
    const curvature = names.map((_, i) =>
      names.map(
        (__, j) => -(moved(i, j, 1, 1) - moved(i, j, 1, -1) - moved(i, j, -1, 1) + moved(i, j, -1, -1)) / (4 * h * h),
      ),
    )
    const inverse = inverseOf3(curvature)
    for (const [at, name] of names.entries()) {
      const weights = names.map((_, other) => (other === at ? 2 / 3 : -1 / 3))
      const variance = weights.reduce(
        (sum, w, i) => sum + weights.reduce((part, v, j) => part + w * v * inverse[i]![j]!, 0),
        0,
      )
      expect(fit.strengths.find((each) => each.name === name)!.standardError).toBeCloseTo(Math.sqrt(variance), 4)
    }
  })

  it('take a tie for half a win of each', () => {
    const fit = bradleyTerry([{ winner: 'a', loser: 'b', tie: true }])
    expect(log(fit, 'a')).toBeCloseTo(0, 12)
    expect(fit.strengths.map(({ wins }) => wins)).toEqual([0.5, 0.5])
  })

  it.each([[[won('a', 'a')]], [[won('a', 'b', 0)]], [[won('a', 'b', Number.NaN)]], [[won('', 'b')]]])(
    'refuse matches that are none: %j',
    (given) => {
      expect(() => bradleyTerry(given)).toThrow(expect.objectContaining({ code: 'base.invalid_argument' }))
    },
  )

  it('of nobody are none', () => {
    expect(bradleyTerry([])).toEqual({ strengths: [], iterations: 0, converged: true })
  })
})

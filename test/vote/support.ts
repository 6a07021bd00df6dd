/** Short ways to write elections, and arbitrary ones for properties. */
import * as fc from 'fast-check'
import type { CastBallot, Election, Outcome } from '../../src/vote/index.ts'

/** `A > B=C` with a weight; voters are numbered. */
export function rankings(...lines: [weight: number | string, ranking: string][]): CastBallot[] {
  return lines.map(([weight, ranking], at) => ({
    voter: `voter ${at + 1}`,
    weight,
    ballot: { kind: 'ranked', ranking: ranking.split('>').map((level) => level.split('=').map((name) => name.trim())) },
  }))
}

export function ranked(candidates: string, ...lines: [weight: number | string, ranking: string][]): Election {
  return { candidates: candidates.split(' '), ballots: rankings(...lines) }
}

export const sorted = (names: readonly string[]): string[] => [...names].sort()

/** A ranking as sets: levels in order, names inside each sorted. */
export const levels = (outcome: Outcome): string[][] => outcome.ranking.map(sorted)

export const scoresOf = (outcome: Outcome): Record<string, string> =>
  Object.fromEntries((outcome.scores ?? []).map(({ candidate, score }) => [candidate, score]))

export const names = ['A', 'B', 'C', 'D', 'E', 'F']

/** A ranking of some candidates with ties, as levels. */
function ranking(candidates: readonly string[]): fc.Arbitrary<string[][]> {
  return fc
    .tuple(
      fc.shuffledSubarray([...candidates], { minLength: 1 }),
      fc.array(fc.boolean(), { minLength: candidates.length, maxLength: candidates.length }),
    )
    .map(([order, cuts]) => {
      const made: string[][] = []
      for (const [at, candidate] of order.entries()) {
        const level = made.at(-1)
        if (level && cuts[at]) level.push(candidate)
        else made.push([candidate])
      }
      return made
    })
}

export interface ElectionShape {
  readonly candidatesMax?: number
  readonly ballotsMax?: number
  readonly weights?: fc.Arbitrary<number | string>
  readonly unranked?: fc.Arbitrary<'tied-last' | 'no-opinion'>
  readonly strict?: boolean
}

/** Ranked elections, small and full of ties. */
export function anyElection(shape: ElectionShape = {}): fc.Arbitrary<Election> {
  const weights = shape.weights ?? fc.oneof(fc.integer({ min: 1, max: 4 }), fc.constantFrom(0.1, 0.2, 0.5, '1/3', 0))
  const unranked = shape.unranked ?? fc.constantFrom('tied-last' as const, 'no-opinion' as const)
  return fc.tuple(fc.integer({ min: 2, max: shape.candidatesMax ?? 5 }), unranked).chain(([size, rule]) => {
    const candidates = names.slice(0, size)
    const one = shape.strict
      ? fc.shuffledSubarray(candidates, { minLength: size }).map((order) => order.map((name) => [name]))
      : ranking(candidates)
    return fc
      .array(fc.tuple(weights, one), { minLength: 1, maxLength: shape.ballotsMax ?? 7 })
      .map((lines): Election => ({
        candidates,
        unranked: rule,
        ballots: lines.map(([weight, levels], at) => ({
          voter: `voter ${at}`,
          weight,
          ballot: { kind: 'ranked', ranking: levels },
        })),
      }))
  })
}

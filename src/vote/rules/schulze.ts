/**
 * Schulze: a candidate wins against another when its strongest path of pairwise wins to it is stronger than the path back;
 * a path is as strong as its weakest link (Schulze, "A new monotonic, clone-independent, reversal symmetric, and
 * condorcet-consistent single-winner election method", 2011). Unlike Copeland or minimax it counts detours. A family with
 * one parameter: what makes a link strong. Ties stay sets; no seed and no chain takes part.
 */
import { linkSentences, linkSteps, linkTitles, peel, strongestPaths } from '../link.ts'
import type { LinkStrength } from '../link.ts'
import { pairwise, pairwiseKinds, pairwiseMethod } from '../pairwise.ts'
import type { Profile } from '../profile.ts'
import type { Count, Rule } from '../rule.ts'

export function schulze(options: { readonly strength?: LinkStrength } = {}): Rule {
  const strength = options.strength ?? 'winning'
  return {
    name: strength === 'winning' ? 'schulze' : `schulze-${strength}`,
    aliases: strength === 'winning' ? ['schulze-winning', 'beatpath'] : [],
    title: `Schulze (${linkTitles[strength]})`,
    ballot: 'ranked',
    accepts: pairwiseKinds,
    unit: 'votes',
    method: [
      pairwiseMethod,
      linkSentences[strength],
      'A path is as strong as its weakest link; who has the stronger path to the other stands above it.',
    ],
    count: (profile) => count(profile, strength),
  }
}

function count(profile: Profile, strength: LinkStrength): Count {
  const matrix = pairwise(profile)
  const size = profile.candidates.length
  const steps = linkSteps(matrix, strength)
  const { paths, before } = strongestPaths(steps.grid, size)
  const beats = (a: number, b: number) => (paths[a * size + b] as number) > (paths[b * size + a] as number)
  const ranking = peel(size, beats)
  const square = (cell: (a: number, b: number) => string) =>
    profile.candidates.map((_, a) => profile.candidates.map((_, b) => (a === b ? '' : cell(a, b))))
  const textAt = (grid: Int32Array, a: number, b: number) => steps.texts[grid[a * size + b] as number] as string
  return {
    ranking,
    matrix,
    tables: [
      { name: 'links', title: 'strength of the direct link', cells: square((a, b) => textAt(steps.grid, a, b)) },
      { name: 'paths', title: 'strength of the strongest path', cells: square((a, b) => textAt(paths, a, b)) },
      {
        name: 'before',
        title: 'the candidate before the column on a strongest path from the row',
        cells: square((a, b) => profile.candidates[before[a * size + b] as number] ?? ''),
      },
    ],
    notes: notesOn(profile, ranking, (a, b) => textAt(paths, a, b), before),
  }
}

/** For one winner, why each of the others does not stand above it; with more winners the tables have the rest. */
function notesOn(
  profile: Profile,
  ranking: readonly (readonly number[])[],
  strengthOf: (a: number, b: number) => string,
  before: Int32Array,
): string[] {
  const size = profile.candidates.length
  const winners = ranking[0] ?? []
  const winner = winners[0] as number
  const route = (a: number, b: number) => {
    const names = [profile.candidates[b]]
    for (let at = b; at !== a; names.unshift(profile.candidates[at])) at = before[a * size + at] as number
    return names.join(' > ')
  }
  const side = (a: number, b: number) => (strengthOf(a, b) === '0' ? 'none' : `${strengthOf(a, b)} (${route(a, b)})`)
  return profile.candidates.flatMap((name, other) =>
    other === winner
      ? []
      : `Strongest path from ${profile.candidates[winner]} to ${name}: ${side(winner, other)}; back: ${side(other, winner)}.`,
  )
}

/**
 * Schulze: a candidate wins against another when its strongest path of pairwise wins to it is stronger than the path back;
 * a path is as strong as its weakest link (Schulze, "A new monotonic, clone-independent, reversal symmetric, and
 * condorcet-consistent single-winner election method", 2011). Unlike Copeland or minimax it counts detours. A family with
 * one parameter: what makes a link strong. Ties stay sets; no seed and no chain takes part.
 */
import { assert } from '../../base/error.ts'
import { pairwise } from '../pairwise.ts'
import type { PairwiseMatrix } from '../pairwise.ts'
import type { Profile } from '../profile.ts'
import { compare, subtract, toText } from '../rational.ts'
import type { Rational } from '../rational.ts'
import type { Count, Rule } from '../rule.ts'

/**
 * What makes the link of a pairwise win strong. `winning`: the weight for the winner; `margins`: that less the weight for
 * the loser; `ratio`: the one divided by the other, a win without any weight against it above all others.
 */
export type LinkStrength = 'winning' | 'margins' | 'ratio'

const titles = { winning: 'winning votes', margins: 'margins', ratio: 'ratio' } as const

const links = {
  winning: 'The link of a pairwise win is as strong as the weight of the ballots that put the winner above.',
  margins: 'The link of a pairwise win is as strong as the weight for the winner less the weight for the loser.',
  ratio: 'The link of a pairwise win is as strong as the weight for the winner divided by the weight for the loser.',
} as const

export function schulze(options: { readonly strength?: LinkStrength } = {}): Rule {
  const strength = options.strength ?? 'winning'
  return {
    name: strength === 'winning' ? 'schulze' : `schulze-${strength}`,
    aliases: strength === 'winning' ? ['schulze-winning', 'beatpath'] : [],
    title: `Schulze (${titles[strength]})`,
    ballot: 'ranked',
    accepts: ['ranked', 'approval', 'single'],
    unit: 'votes',
    method: [
      'For each two candidates, the weight of the ballots that put one above the other is compared.',
      links[strength],
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

/**
 * Levels of a strict partial order: those whom nobody beats, then those whom nobody else left beats, and so on. The
 * relation is transitive, so somebody is always unbeaten; but two tied with a third need not be tied with each other, so
 * the levels cannot come from sorting.
 */
function peel(size: number, beats: (a: number, b: number) => boolean): number[][] {
  let left = Array.from({ length: size }, (_, at) => at)
  const levels: number[][] = []
  while (left.length > 0) {
    const level = left.filter((b) => !left.some((a) => beats(a, b)))
    assert(level.length > 0, 'the Schulze relation has a cycle')
    levels.push(level)
    left = left.filter((candidate) => !level.includes(candidate))
  }
  return levels
}

/**
 * The links by rank: 0 for no win, then 1, 2, ... from the weakest strength to the strongest. Paths only compare, so ranks
 * do for the exact values, at the speed of whole numbers.
 */
function linkSteps(matrix: PairwiseMatrix, strength: LinkStrength): { grid: Int32Array; texts: string[] } {
  const size = matrix.length
  const wins: { cell: number; won: Rational; lost: Rational }[] = []
  for (let a = 0; a < size; a++) {
    for (let b = 0; b < size; b++) {
      const won = matrix[a]?.[b] as Rational
      const lost = matrix[b]?.[a] as Rational
      if (compare(won, lost) > 0) wins.push({ cell: a * size + b, won, lost })
    }
  }
  const order = orders[strength]
  wins.sort(order)
  const grid = new Int32Array(size * size)
  const texts = ['0']
  for (const [at, win] of wins.entries()) {
    const last = wins[at - 1]
    if (!last || order(last, win) !== 0) texts.push(textOf(win, strength))
    grid[win.cell] = texts.length - 1
  }
  return { grid, texts }
}

interface Win {
  readonly won: Rational
  readonly lost: Rational
}

const orders: Readonly<Record<LinkStrength, (a: Win, b: Win) => number>> = {
  winning: (a, b) => compare(a.won, b.won),
  margins: (a, b) => compare(subtract(a.won, a.lost), subtract(b.won, b.lost)),
  ratio(a, b) {
    // Crosswise, so that a win without any weight against it needs no infinity; between two such the larger is stronger.
    if (a.lost.num === 0n && b.lost.num === 0n) return compare(a.won, b.won)
    return compare(
      { num: a.won.num * b.lost.num, den: a.won.den * b.lost.den },
      { num: b.won.num * a.lost.num, den: b.won.den * a.lost.den },
    )
  },
}

function textOf(win: Win, strength: LinkStrength): string {
  if (strength === 'ratio') return `${toText(win.won)} : ${toText(win.lost)}`
  return toText(strength === 'winning' ? win.won : subtract(win.won, win.lost))
}

/** Floyd and Warshall's algorithm on (max, min); `before[a, b]` is the candidate before b on a strongest path from a. */
function strongestPaths(grid: Int32Array, size: number): { paths: Int32Array; before: Int32Array } {
  const paths = Int32Array.from(grid)
  const before = Int32Array.from(grid, (step, cell) => (step > 0 ? Math.floor(cell / size) : -1))
  for (let through = 0; through < size; through++) {
    for (let from = 0; from < size; from++) {
      const first = paths[from * size + through] as number
      if (from === through || first === 0) continue
      for (let to = 0; to < size; to++) {
        if (to === from || to === through) continue
        const strength = Math.min(first, paths[through * size + to] as number)
        if (strength <= (paths[from * size + to] as number)) continue
        paths[from * size + to] = strength
        before[from * size + to] = before[through * size + to] as number
      }
    }
  }
  return { paths, before }
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

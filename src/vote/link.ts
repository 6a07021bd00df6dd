/**
 * Links: the pairwise wins as edges of a graph, with the strength by which Schulze's rule, ranked pairs and split cycle
 * compare them, and what those share: strongest paths and the levels of an order. It ranks nobody itself.
 */
import { assert } from '../base/error.ts'
import type { PairwiseMatrix } from './pairwise.ts'
import { compare, subtract, toText } from './rational.ts'
import type { Rational } from './rational.ts'

/**
 * What makes the link of a pairwise win strong. `winning`: the weight for the winner; `margins`: that less the weight for
 * the loser; `ratio`: the one divided by the other, a win without any weight against it above all others.
 */
export type LinkStrength = 'winning' | 'margins' | 'ratio'

export const linkTitles: Readonly<Record<LinkStrength, string>> = {
  winning: 'winning votes',
  margins: 'margins',
  ratio: 'ratio',
}

export const linkSentences: Readonly<Record<LinkStrength, string>> = {
  winning: 'The link of a pairwise win is as strong as the weight of the ballots that put the winner above.',
  margins: 'The link of a pairwise win is as strong as the weight for the winner less the weight for the loser.',
  ratio: 'The link of a pairwise win is as strong as the weight for the winner divided by the weight for the loser.',
}

/**
 * Levels of a strict partial order: those whom nobody beats, then those whom nobody else left beats, and so on. The
 * relation is transitive, so somebody is always unbeaten; but two tied with a third need not be tied with each other, so
 * the levels cannot come from sorting.
 */
export function peel(size: number, beats: (a: number, b: number) => boolean): number[][] {
  let left = Array.from({ length: size }, (_, at) => at)
  const levels: number[][] = []
  while (left.length > 0) {
    const level = left.filter((b) => !left.some((a) => beats(a, b)))
    assert(level.length > 0, 'the relation has a cycle')
    levels.push(level)
    left = left.filter((candidate) => !level.includes(candidate))
  }
  return levels
}

/** `grid[a * size + b]`: the rank of the link from a to b; `texts[rank]`: its strength. */
export interface Links {
  readonly grid: Int32Array
  readonly texts: readonly string[]
}

/**
 * The links by rank: 0 for no win, then 1, 2, ... from the weakest strength to the strongest. Paths only compare, so ranks
 * do for the exact values, at the speed of whole numbers.
 */
export function linkSteps(matrix: PairwiseMatrix, strength: LinkStrength): Links {
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
export function strongestPaths(
  grid: Int32Array,
  size: number,
): { readonly paths: Int32Array; readonly before: Int32Array } {
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

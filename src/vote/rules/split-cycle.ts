/**
 * Split cycle: in every cycle of pairwise wins the weakest are set aside, and whoever is then beaten by nobody wins
 * (Holliday and Pacuit, "Split Cycle: a new Condorcet-consistent voting method independent of clones and immune to
 * spoilers", 2023). Unlike Schulze's rule, which reads more out of the paths, it leaves more ties, and adding a candidate
 * cannot spoil the others. A win stands exactly if no path back is as strong, which is how it is counted here.
 */
import { linkSteps, peel, strongestPaths } from '../link.ts'
import { pairwise, pairwiseKinds } from '../pairwise.ts'
import type { Profile } from '../profile.ts'
import type { Count, Rule } from '../rule.ts'

export const splitCycle: Rule = {
  name: 'split-cycle',
  title: 'Split cycle',
  ballot: 'ranked',
  accepts: pairwiseKinds,
  unit: 'votes',
  method: [
    'For each two candidates, the weight of the ballots that put one above the other is compared; a win has the difference as its margin.',
    'A win is set aside when it is among the smallest margins of some cycle of wins; the others stand.',
    'Whom no standing win beats wins; then those whom nobody else left beats, and so on.',
  ],
  count,
}

/** Above this many standing wins the table says it better. */
const notesMax = 30

function count(profile: Profile): Count {
  const matrix = pairwise(profile)
  const size = profile.candidates.length
  const { grid, texts } = linkSteps(matrix, 'margins')
  const { paths } = strongestPaths(grid, size)
  const stands = (a: number, b: number) => {
    const link = grid[a * size + b] as number
    return link > 0 && (paths[b * size + a] as number) < link
  }
  const text = (rank: number | undefined) => texts[rank ?? 0] as string
  const notes: string[] = []
  const cells = profile.candidates.map((one, a) =>
    profile.candidates.map((other, b) => {
      if (a === b) return ''
      if (!stands(a, b)) return '0'
      notes.push(`The win of ${one} over ${other} by ${text(grid[a * size + b])} stands.`)
      return text(grid[a * size + b])
    }),
  )
  return {
    ranking: peel(size, stands),
    matrix,
    tables: [{ name: 'standing', title: 'margin of the wins that stand', cells }],
    notes: notes.length > notesMax ? [] : notes,
  }
}

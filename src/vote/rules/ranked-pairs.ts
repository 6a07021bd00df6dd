/**
 * Ranked pairs: pairwise wins are locked in from the strongest to the weakest, but for those that would close a cycle with
 * what is locked already; who is then beaten by nobody wins (Tideman, "Independence of clones as a criterion for voting
 * rules", 1987). Unlike Schulze's rule it gives an order without cycles link by link. A family with one parameter: what
 * makes a link strong.
 *
 * Links of equal strength are the only choice in it. The declared chain orders them: first the link whose winner stands
 * best, then the one whose loser stands worst (Zavist and Tideman, "Complete independence of clones in the ranked pairs
 * rule", 1989). Those it leaves open and that close a cycle only together are all left out, which treats them alike; under
 * `parallelUniverses` every order is followed instead (Brill and Fischer, "The price of neutrality for the ranked pairs
 * method", 2012) and a candidate stands at the best place that it takes in any. Graphs with the same paths are one, so the
 * work is bounded by graphs, not by orders; past the bound `vote.too_many_universes`.
 */
import { TooManyUniverses } from '../error.ts'
import { linkSentences, linkSteps, linkTitles, peel } from '../link.ts'
import type { LinkStrength } from '../link.ts'
import { pairwise, pairwiseKinds, pairwiseMethod } from '../pairwise.ts'
import type { Profile } from '../profile.ts'
import { Reachability } from '../reachability.ts'
import { levelsOf } from '../rule.ts'
import type { Count, CountHelp, Rule } from '../rule.ts'

export function rankedPairs(options: { readonly strength?: LinkStrength } = {}): Rule {
  const strength = options.strength ?? 'winning'
  const name = strength === 'winning' ? 'ranked-pairs' : `ranked-pairs-${strength}`
  return {
    name,
    aliases: strength === 'winning' ? ['ranked-pairs-winning', 'tideman'] : [],
    title: `Ranked pairs (${linkTitles[strength]})`,
    ballot: 'ranked',
    accepts: pairwiseKinds,
    unit: 'votes',
    method: [
      pairwiseMethod,
      linkSentences[strength],
      'From the strongest to the weakest, a link is locked unless it would close a cycle with those locked before.',
      'Links of equal strength that would close a cycle together are ordered by the tie chain, or followed in every order, or else all left out.',
      'Who is beaten by no locked link wins; then those beaten by nobody else left, and so on.',
    ],
    count: (profile, help) => count(profile, strength, name, help),
  }
}

interface Link {
  readonly from: number
  readonly to: number
}

function count(profile: Profile, strength: LinkStrength, name: string, help: CountHelp): Count {
  const matrix = pairwise(profile)
  const size = matrix.length
  const { grid, texts } = linkSteps(matrix, strength)
  const groups: Link[][] = texts.map(() => [])
  for (const [cell, rank] of grid.entries())
    if (rank > 0) groups[rank]?.push({ from: Math.floor(cell / size), to: cell % size })
  let graphs = [new Reachability(size)]
  for (let rank = texts.length - 1; rank > 0; rank--) {
    const group = groups[rank] as Link[]
    if (help.parallelUniverses) graphs = everyOrder(graphs, group, name, help.universesMax)
    else for (const graph of graphs) lockAll(graph, group, profile, `the links of strength ${texts[rank]}`, help)
  }
  const [only] = graphs
  return {
    ranking: rankingOf(graphs, size),
    matrix,
    ...(only && graphs.length === 1 && { notes: notesOn(profile, groups, texts, only) }),
  }
}

/** The links that are neither settled by the graph nor against it. */
function openLinks(graph: Reachability, group: readonly Link[]): Link[] {
  return group.filter(({ from, to }) => !graph.reaches(from, to) && !graph.reaches(to, from))
}

/**
 * Locks those that are in no cycle even when all are locked: they can neither be left out nor make another be left out, in
 * whatever order. Gives the others.
 */
function lockSafe(graph: Reachability, group: readonly Link[]): Link[] {
  const open = openLinks(graph, group)
  if (open.length > 1) {
    const all = graph.copy()
    for (const { from, to } of open) all.add(from, to)
    const unsafe = open.filter(({ from, to }) => all.reaches(to, from))
    if (unsafe.length > 0) {
      for (const { from, to } of open) if (!all.reaches(to, from)) graph.add(from, to)
      return openLinks(graph, unsafe)
    }
  }
  for (const { from, to } of open) graph.add(from, to)
  return []
}

/** One graph: ties by the chain, and what it leaves open is left out. */
function lockAll(graph: Reachability, group: readonly Link[], profile: Profile, where: string, help: CountHelp): void {
  for (let open = lockSafe(graph, group); open.length > 0; open = lockSafe(graph, open)) {
    const next = nextLink(open, profile, where, help)
    if (!next) return
    graph.add(next.from, next.to)
  }
}

/** The link that the chain puts first; undefined when it does not tell. */
function nextLink(open: readonly Link[], profile: Profile, where: string, help: CountHelp): Link | undefined {
  const [winner, ...more] = settled(
    open.map(({ from }) => from),
    'best',
    `the first winner among ${where}`,
    help,
  )
  if (winner === undefined || more.length > 0) return undefined
  const losers = open.filter(({ from }) => from === winner).map(({ to }) => to)
  const [loser, ...others] = settled(losers, 'worst', `the first loser to ${profile.candidates[winner]}`, help)
  return loser === undefined || others.length > 0 ? undefined : { from: winner, to: loser }
}

function settled(candidates: number[], want: 'best' | 'worst', where: string, help: CountHelp): readonly number[] {
  const tied = [...new Set(candidates)].sort((a, b) => a - b)
  return tied.length === 1 ? tied : help.settle(tied, want, where)
}

/** The graphs that the orders of a group lead to, each once. */
function everyOrder(
  graphs: Reachability[],
  group: readonly Link[],
  name: string,
  universesMax: number,
): Reachability[] {
  const seen = new Set<string>()
  const done = new Map<string, Reachability>()
  const stack = [...graphs]
  for (let graph = stack.pop(); graph; graph = stack.pop()) {
    const open = lockSafe(graph, group)
    const key = graph.key()
    if (open.length === 0) {
      done.set(key, graph)
      continue
    }
    // A graph met before has been followed already.
    if (seen.has(key)) continue
    seen.add(key)
    if (seen.size + done.size > universesMax) throw new TooManyUniverses(name, universesMax)
    for (const { from, to } of open) {
      const next = graph.copy()
      next.add(from, to)
      stack.push(next)
    }
    if (stack.length > universesMax) throw new TooManyUniverses(name, universesMax)
  }
  if (done.size > universesMax) throw new TooManyUniverses(name, universesMax)
  return [...done.values()]
}

function rankingOf(graphs: readonly Reachability[], size: number): number[][] {
  const best = new Int32Array(size).fill(size)
  for (const graph of graphs) {
    let place = 0
    for (const level of peel(size, (a, b) => graph.reaches(a, b))) {
      for (const candidate of level) best[candidate] = Math.min(best[candidate] as number, place)
      place += level.length
    }
  }
  return levelsOf(size, (a, b) => (best[a] as number) - (best[b] as number))
}

/** Above this many links the matrix says it better. */
const notesMax = 30

function notesOn(
  profile: Profile,
  groups: readonly (readonly Link[])[],
  texts: readonly string[],
  graph: Reachability,
): string[] {
  const notes = groups
    .flatMap((group, rank) => group.map((link) => ({ ...link, strength: texts[rank] as string })))
    .toReversed()
    .map(({ from, to, strength }) => {
      const link = `The link ${profile.candidates[from]} > ${profile.candidates[to]} of ${strength}`
      return graph.reaches(from, to) ? `${link} is locked.` : `${link} is left out: it would close a cycle.`
    })
  return notes.length > notesMax ? [] : notes
}

/**
 * Voting: 10,000 ballots of 10 candidates through each rule, checks, weights and proof included. One peer is the naive way to
 * count the same ballots with doubles, written here: no validation, no exact sums, no tie sets, no record. The other is the
 * library `votes`, a rule of each family on the very same ballots, with the ballots in its own form made beforehand.
 */
import * as votes from 'votes'
import { seededRandom } from '../src/base/random.ts'
import { ruleNamed, tally } from '../src/vote/index.ts'
import type { CastBallot, Election } from '../src/vote/index.ts'
import type { BenchCase } from './harness.ts'

const ballotCount = 10_000
/** One round counts the election this often, so that a round is long enough to time. */
const repeats = 5

type Naive = (rankings: readonly (readonly number[])[], weights: readonly number[], size: number) => number

const naiveRules: Readonly<Record<string, Naive>> = {
  plurality: (rankings, weights, size) => {
    const votes = Array.from({ length: size }, () => 0)
    for (const [at, ranking] of rankings.entries()) (votes[ranking[0] ?? 0] as number) += weights[at] ?? 0
    return best(votes)
  },
  approval: (rankings, weights, size) => {
    const votes = Array.from({ length: size }, () => 0)
    for (const [at, ranking] of rankings.entries())
      for (const candidate of ranking) (votes[candidate] as number) += weights[at] ?? 0
    return best(votes)
  },
  borda: (rankings, weights, size) => {
    const points = Array.from({ length: size }, () => 0)
    for (const [at, ranking] of rankings.entries())
      for (const [place, candidate] of ranking.entries())
        (points[candidate] as number) += (size - 1 - place) * (weights[at] ?? 0)
    return best(points)
  },
  'instant-runoff': (rankings, weights, size) => {
    const inside = new Set(Array.from({ length: size }, (_, at) => at))
    for (;;) {
      const votes = new Map([...inside].map((candidate) => [candidate, 0]))
      let counting = 0
      for (const [at, ranking] of rankings.entries()) {
        const first = ranking.find((candidate) => inside.has(candidate))
        if (first === undefined) continue
        votes.set(first, (votes.get(first) ?? 0) + (weights[at] ?? 0))
        counting += weights[at] ?? 0
      }
      const order = [...votes].sort(([, a], [, b]) => b - a)
      const [leader, most] = order[0] ?? [0, 0]
      if (most > counting / 2 || inside.size === 1) return leader
      inside.delete(order.at(-1)?.[0] ?? 0)
    }
  },
  schulze: (rankings, weights, size) => {
    const square = () => Array.from({ length: size }, () => Array.from({ length: size }, () => 0))
    const above = square()
    for (const [at, ranking] of rankings.entries())
      for (const [high, a] of ranking.entries())
        for (const b of ranking.slice(high + 1)) ((above[a] as number[])[b] as number) += weights[at] ?? 0
    const cell = (grid: number[][], a: number, b: number) => grid[a]?.[b] ?? 0
    const paths = above.map((row, a) => row.map((won, b) => (won > cell(above, b, a) ? won : 0)))
    for (let through = 0; through < size; through++)
      for (let a = 0; a < size; a++)
        for (let b = 0; b < size; b++) {
          const detour = Math.min(cell(paths, a, through), cell(paths, through, b))
          if (detour > cell(paths, a, b)) (paths[a] as number[])[b] = detour
        }
    return paths.findIndex((row, a) => row.every((strength, b) => strength >= cell(paths, b, a)))
  },
}

function best(scores: readonly number[]): number {
  return scores.indexOf(Math.max(...scores))
}

/** Names to places, believing every ballot. */
function readNaively({ candidates, ballots }: Election): [rankings: number[][], weights: number[]] {
  const places = new Map(candidates.map((candidate, at) => [candidate, at]))
  const rankings = ballots.map(({ ballot }) => {
    if (ballot.kind === 'ranked') return ballot.ranking.map(([name = '']) => places.get(name) ?? 0)
    return ballot.kind === 'approval' ? ballot.approves.map((name) => places.get(name) ?? 0) : []
  })
  return [rankings, ballots.map(({ weight }) => Number(weight ?? 1))]
}

function electionOf(name: string, size: number, weighted: boolean): Election {
  const random = seededRandom(`bench vote ${name} ${size}`)
  const places = Array.from({ length: size }, (_, at) => at)
  const length = name === 'approval' ? Math.ceil(size / 2) : size
  const rankings = Array.from({ length: ballotCount }, () => random.shuffle(places).slice(0, length))
  const weights = rankings.map(() => (weighted ? (1 + random.integer(100_000)) / 1000 : 1))
  const candidates = places.map((at) => `candidate ${at}`)
  const nameOf = (at: number) => candidates[at] as string
  const ballots = rankings.map((ranking, at): CastBallot => {
    const ballot =
      name === 'approval'
        ? ({ kind: 'approval', approves: ranking.map(nameOf) } as const)
        : ({ kind: 'ranked', ranking: ranking.map((candidate) => [nameOf(candidate)]) } as const)
    return { voter: `voter ${at}`, ballot, weight: weights[at] ?? 1 }
  })
  return { candidates, ballots }
}

function benchOf(name: string, size: number, weighted: boolean): BenchCase {
  const election = electionOf(name, size, weighted)
  const rule = ruleNamed(name)
  const naive = naiveRules[name] as Naive
  const batchOf = (run: () => unknown) => ({
    batch() {
      for (let repeat = 0; repeat < repeats; repeat++) run()
      return repeats * ballotCount
    },
  })
  return {
    name: `${rule.title}, ${ballotCount} ballots of ${size}${weighted ? ', decimal weights' : ''}`,
    unit: 'ballots/s',
    peerName: 'naive doubles',
    ours: () => batchOf(() => tally(rule, election)),
    peer: () => batchOf(() => naive(...readNaively(election), size)),
  }
}

type Theirs = { ranking(): string[][] }
type Ballots = { readonly ballots: votes.Ballot[]; readonly candidates: string[] }

/** A rule of each family as `votes` has it; those that count pairs get the matrix by its own function, timed with them. */
const peers: Readonly<Record<string, (given: Ballots) => Theirs>> = {
  borda: (given) => new votes.Borda(given),
  'instant-runoff': (given) => new votes.InstantRunoff(given),
  coombs: (given) => new votes.Coombs(given),
  'two-round': (given) => new votes.TwoRoundRunoff(given),
  nanson: (given) => new votes.Nanson(given),
  baldwin: (given) => new votes.Baldwin(given),
  copeland: (given) => new votes.Copeland(matrixOf(given)),
  minimax: (given) => new votes.Minimax(matrixOf(given)),
  schulze: (given) => new votes.Schulze(matrixOf(given)),
  'ranked-pairs': (given) => new votes.RankedPairs(matrixOf(given)),
}

function matrixOf({ ballots, candidates }: Ballots): votes.Matrix {
  return votes.utils.matrixFromBallots(ballots, candidates)
}

function peerOf(name: string, size: number): BenchCase {
  const election = electionOf(name, size, false)
  const rule = ruleNamed(name)
  const theirs: Ballots = {
    candidates: [...election.candidates],
    ballots: election.ballots.map(({ ballot }) => ({
      ranking: ballot.kind === 'ranked' ? ballot.ranking.map((level) => [...level]) : [],
      weight: 1,
    })),
  }
  const peer = peers[name] as (given: Ballots) => Theirs
  const batchOf = (run: () => unknown) => ({
    batch() {
      run()
      return ballotCount
    },
  })
  return {
    name: `${rule.title}, ${ballotCount} ballots of ${size}, beside votes`,
    unit: 'ballots/s',
    peerName: 'votes 3.0',
    rounds: 3,
    ours: () => batchOf(() => tally(rule, election)),
    peer: () => batchOf(() => peer(theirs).ranking()),
  }
}

export const cases: readonly BenchCase[] = [
  ...Object.keys(naiveRules).map((name) => benchOf(name, 10, false)),
  benchOf('schulze', 10, true),
  benchOf('schulze', 100, false),
  ...Object.keys(peers).map((name) => peerOf(name, 10)),
]

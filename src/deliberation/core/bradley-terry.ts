/**
 * Strengths of debaters, judges or models from the results of many matches, by the model of Bradley and Terry (1952): one of
 * strength p beats one of strength q with the probability p / (p + q). Unlike a count of wins it knows whom they were won
 * against. Fitted by the minorisation-maximisation algorithm of Hunter (2004), which raises the likelihood in every step. Pure.
 */
import { InvalidArgument, LimitExceeded } from '../../base/error.ts'
import { checkKeys, wholeNumber } from '../../base/limit.ts'
import { MatchesDisconnected } from './debate-error.ts'

export interface Match {
  readonly winner: string
  readonly loser: string
  /** True: nobody won; each gets half a win. */
  readonly tie?: boolean
  /** How often, or how heavy; above 0. Default 1. */
  readonly weight?: number
}

export interface BradleyTerryOptions {
  /**
   * Wins and losses, this many each, that every player gets against one imaginary player of middle strength: gives a bound
   * to whoever never lost and joins groups that never met. Default 0: none.
   */
  readonly prior?: number
  /** Default 10,000. */
  readonly iterationsMax?: number
}

export interface Strength {
  readonly name: string
  /** Natural logarithm of the strength; the mean over all players is 0. A difference of 0.4 is a chance of 60%. */
  readonly logStrength: number
  /** Wins, ties at half. */
  readonly wins: number
  readonly matches: number
  /** Standard error of `logStrength`, from the inverse of the information matrix; a rough figure when matches are few. */
  readonly standardError: number
}

export interface BradleyTerry {
  /** Strongest first; equals in order of first appearance. */
  readonly strengths: readonly Strength[]
  readonly iterations: number
  /** False when `iterationsMax` ended it. */
  readonly converged: boolean
}

const playersMax = 500

/**
 * Fits the strengths. Throws `base.invalid_argument`, `base.limit_exceeded` beyond 500 players, and, without a prior,
 * `deliberation.matches_disconnected` when the players do not hang together by wins: then some strengths have no bound.
 */
export function bradleyTerry(matches: Iterable<Match>, options: BradleyTerryOptions = {}): BradleyTerry {
  checkKeys('options', options, ['prior', 'iterationsMax'])
  const { prior = 0 } = options
  if (typeof prior !== 'number' || !Number.isFinite(prior) || prior < 0)
    throw new InvalidArgument('prior', 'must be a number of 0 or more')
  const iterationsMax = wholeNumber('iterationsMax', options.iterationsMax ?? 10_000, 1)
  const table = readMatches(matches)
  const { names } = table
  if (names.length === 0) return { strengths: [], iterations: 0, converged: true }
  if (prior === 0) checkConnected(table)
  const fit = fitStrengths(table, prior, iterationsMax)
  const errors = standardErrors(table, prior, fit.logs)
  const logs = centred(fit.logs)
  const strengths = names.map((name, at) => ({
    name,
    logStrength: logs[at]!,
    wins: table.wins[at]!,
    matches: table.played[at]!.reduce((sum, count) => sum + count, 0),
    standardError: errors[at]!,
  }))
  const sorted = strengths.toSorted((a, b) => b.logStrength - a.logStrength)
  return { strengths: sorted, iterations: fit.iterations, converged: fit.converged }
}

interface Table {
  readonly names: readonly string[]
  /** Ties at half. */
  readonly wins: readonly number[]
  /** How often two met. */
  readonly played: readonly (readonly number[])[]
  /** Whether the first has any win, or part of one, over the second. */
  readonly beat: readonly (readonly boolean[])[]
}

function readMatches(matches: Iterable<Match>): Table {
  const places = new Map<string, number>()
  const place = (name: unknown): number => {
    if (typeof name !== 'string' || name === '') throw new InvalidArgument('matches', 'must name winner and loser')
    const known = places.get(name) ?? places.size
    places.set(name, known)
    if (places.size > playersMax) throw new LimitExceeded('players', playersMax, places.size)
    return known
  }
  const read = Array.from(matches, ({ winner, loser, tie, weight = 1 }) => {
    if (winner === loser)
      throw new InvalidArgument('matches', `has ${JSON.stringify(winner).slice(0, 40)} against itself`)
    if (typeof weight !== 'number' || !Number.isFinite(weight) || weight <= 0)
      throw new InvalidArgument('matches', 'has a weight that is not a number above 0')
    return { winner: place(winner), loser: place(loser), tie: tie === true, weight }
  })
  const names = [...places.keys()]
  const wins = names.map(() => 0)
  const played = names.map(() => names.map(() => 0))
  const beat = names.map(() => names.map(() => false))
  for (const { winner, loser, tie, weight } of read) {
    played[winner]![loser]! += weight
    played[loser]![winner]! += weight
    wins[winner]! += tie ? weight / 2 : weight
    beat[winner]![loser] = true
    if (!tie) continue
    wins[loser]! += weight / 2
    beat[loser]![winner] = true
  }
  return { names, wins, played, beat }
}

/** Strengths have a bound exactly when a way of wins leads from everybody to everybody (Ford, 1957). */
function checkConnected({ names, beat }: Table): void {
  const reach = (from: number, step: (one: number, other: number) => boolean): Set<number> => {
    const seen = new Set([from])
    for (const one of seen) for (const other of names.keys()) if (step(one, other)) seen.add(other)
    return seen
  }
  const left = new Set(names.keys())
  const groups: string[][] = []
  for (const start of names.keys()) {
    if (!left.has(start)) continue
    const down = reach(start, (one, other) => beat[one]![other]!)
    const up = reach(start, (one, other) => beat[other]![one]!)
    const group = [...down.intersection(up)].sort((a, b) => a - b)
    for (const member of group) left.delete(member)
    groups.push(group.map((member) => names[member]!))
  }
  if (groups.length > 1) throw new MatchesDisconnected(groups)
}

interface Fit {
  readonly logs: readonly number[]
  readonly iterations: number
  readonly converged: boolean
}

const precision = 1e-12

function fitStrengths({ names, wins, played }: Table, prior: number, iterationsMax: number): Fit {
  let strengths = names.map(() => 1)
  for (let iteration = 1; iteration <= iterationsMax; iteration++) {
    const raised = strengths.map((own, at) => {
      let weight = prior === 0 ? 0 : (2 * prior) / (own + 1)
      for (const [other, count] of played[at]!.entries()) if (count > 0) weight += count / (own + strengths[other]!)
      return (wins[at]! + prior) / weight
    })
    // With a prior the imaginary player fixes the scale; without one the geometric mean does.
    const scale = prior > 0 ? 1 : Math.exp(raised.reduce((sum, value) => sum + Math.log(value), 0) / raised.length)
    const next = raised.map((value) => value / scale)
    const moved = Math.max(...next.map((value, at) => Math.abs(Math.log(value / strengths[at]!))))
    strengths = next
    if (moved < precision) return { logs: strengths.map(Math.log), iterations: iteration, converged: true }
  }
  return { logs: strengths.map(Math.log), iterations: iterationsMax, converged: false }
}

function centred(logs: readonly number[]): readonly number[] {
  const mean = logs.reduce((sum, value) => sum + value, 0) / logs.length
  return logs.map((value) => value - mean)
}

/** Without a prior only differences are known: the ones are the null space, and adding their projection makes it invertible. */
function standardErrors({ names, played }: Table, prior: number, logs: readonly number[]): readonly number[] {
  const n = names.length
  const information = names.map(() => names.map(() => 0))
  for (let one = 0; one < n; one++) {
    for (let other = 0; other < n; other++) {
      const count = played[one]![other]!
      if (count === 0) continue
      const part = count * slope(logs[one]! - logs[other]!)
      information[one]![one]! += part
      information[one]![other]! -= part
    }
    information[one]![one]! += 2 * prior * slope(logs[one]!)
  }
  if (prior === 0) for (const row of information) for (let at = 0; at < n; at++) row[at]! += 1 / n
  const inverse = inverted(information)
  const rowMeans = inverse.map((row) => row.reduce((sum, value) => sum + value, 0) / n)
  const mean = rowMeans.reduce((sum, value) => sum + value, 0) / n
  // The variance of each less the mean of all: what a reader compares are differences.
  return names.map((_, at) => Math.sqrt(Math.max(0, inverse[at]![at]! - 2 * rowMeans[at]! + mean)))
}

/** p (1 - p) for the chance p of a difference. */
function slope(difference: number): number {
  const p = 1 / (1 + Math.exp(-difference))
  return p * (1 - p)
}

/** Gauss and Jordan with the largest pivot of each column. */
function inverted(matrix: readonly (readonly number[])[]): readonly (readonly number[])[] {
  const n = matrix.length
  const rows = matrix.map((row, at) => [...row, ...row.map((_, column) => (column === at ? 1 : 0))])
  for (let column = 0; column < n; column++) {
    let pivot = column
    for (let row = column; row < n; row++)
      if (Math.abs(rows[row]![column]!) > Math.abs(rows[pivot]![column]!)) pivot = row
    const chosen = rows[pivot]!
    rows[pivot] = rows[column]!
    rows[column] = chosen
    const head = chosen[column]!
    for (let at = 0; at < 2 * n; at++) chosen[at]! /= head
    for (let row = 0; row < n; row++) {
      const factor = rows[row]![column]!
      if (row === column || factor === 0) continue
      for (let at = 0; at < 2 * n; at++) rows[row]![at]! -= factor * chosen[at]!
    }
  }
  return rows.map((row) => row.slice(n))
}

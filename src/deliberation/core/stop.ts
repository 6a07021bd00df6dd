/**
 * Stop conditions: whether the record of a discussion meets one, and with what figures. Each is a function of the record alone. Pure.
 *
 * | condition | holds when |
 * | --- | --- |
 * | `turns`, `rounds` | so many contributions, or whole rounds after the drafts, are in the record |
 * | `consensus` | in each of the last so many rounds everybody who holds a position holds the same one, and at least two hold one |
 * | `stable`, options | the share of each option moved by at most `threshold` in each of the last so many rounds: total variation distance |
 * | `stable`, confidence | the same for how sure they are: the two-sample Kolmogorov-Smirnov statistic between one round and the next |
 * | `no-new` | in each of the last so many rounds nobody quoted anew, and at most `novelty` of any text was new, by runs of three words |
 * | `repetition` | the last contribution is as alike to an earlier one of the same speaker as `similarity`, within the last `window` |
 * | `confident` | after a round everybody holds the same position, each at least as sure as `min` |
 * | `phrase` | somebody, or the one named, said the phrase, in any case |
 *
 * Sources: Kolmogorov-Smirnov stability as a stop for debates of models: arXiv 2510.12697 (which fits a mixture first; this compares what
 * was stated). A gate by confidence: arXiv 2504.05047. Repetition and unawareness of the end as failures of such systems: arXiv 2503.13657.
 */
import type { Contribution } from '../participant.ts'
import { contributionsOf } from '../record.ts'
import type { DiscussionItem } from '../record.ts'
import { noveltyOf, shinglesOf, similarity } from './novelty.ts'
import type { Stop, StopCondition } from './plan.ts'
import { positionsByRound } from './position.ts'
import type { Positions } from './position.ts'

/** Why a condition holds, in words and figures. */
export interface StopReason {
  readonly kind: StopCondition['kind']
  readonly detail: string
}

export interface StopView {
  readonly record: readonly DiscussionItem[]
  /** The last round that is whole; -1 before the first. */
  readonly roundsWhole: number
}

/** The reason why a condition holds; the first of `any`, the last of `all`. Undefined while it does not. */
export function stopReason(stop: Stop, view: StopView): StopReason | undefined {
  if (stop.kind === 'any') return first(stop.of, (each) => stopReason(each, view))
  if (stop.kind === 'all') {
    const reasons = stop.of.map((each) => stopReason(each, view))
    return reasons.every((reason) => reason !== undefined) ? reasons.at(-1) : undefined
  }
  const detail = detailOf(stop, view)
  return detail === undefined ? undefined : { kind: stop.kind, detail }
}

function detailOf(stop: StopCondition, view: StopView): string | undefined {
  const said = contributionsOf(view.record)
  switch (stop.kind) {
    case 'turns':
      return said.length >= stop.max ? `${said.length} contributions` : undefined
    case 'rounds':
      return view.roundsWhole >= stop.max ? `${view.roundsWhole} rounds` : undefined
    case 'consensus':
      return consensus(view, stop.rounds)
    case 'stable':
      return stable(view, stop)
    case 'no-new':
      return noNew(said, view.roundsWhole, stop)
    case 'repetition':
      return repetition(said, stop.window, stop.similarity)
    case 'confident':
      return confident(view, stop.min)
    case 'phrase':
    default:
      return phrase(said, stop.text, stop.by)
  }
}

function consensus(view: StopView, rounds: number): string | undefined {
  const last = lastRounds(view, rounds)
  const option = last && unanimous(last[0] as Positions)
  if (option === undefined || !last?.every((positions) => unanimous(positions) === option)) return undefined
  return `all hold ${JSON.stringify(option)}, for ${rounds} rounds`
}

function unanimous(positions: Positions): string | undefined {
  const options = new Set([...positions.values()].map(({ option }) => option))
  return positions.size >= 2 && options.size === 1 ? [...options][0] : undefined
}

function stable(
  view: StopView,
  { measure, rounds, threshold }: Extract<StopCondition, { readonly kind: 'stable' }>,
): string | undefined {
  const last = lastRounds(view, rounds + 1)
  if (!last?.every(({ size }) => size > 0)) return undefined
  const distances = last.slice(1).map((positions, at) => {
    const before = last[at] as Positions
    return measure === 'options'
      ? totalVariation(optionsOf(before), optionsOf(positions))
      : kolmogorovSmirnov(confidencesOf(before), confidencesOf(positions))
  })
  const most = Math.max(...distances)
  return most <= threshold ? `${measure} moved by ${most.toFixed(3)} at most in ${rounds} rounds` : undefined
}

function confident(view: StopView, min: number): string | undefined {
  const [positions] = lastRounds(view, 1) ?? []
  if (!positions || unanimous(positions) === undefined) return undefined
  const least = Math.min(...[...positions.values()].map(({ confidence }) => confidence ?? 0))
  return least >= min ? `all agree and are sure by ${least.toFixed(2)} at least` : undefined
}

function noNew(
  said: readonly Contribution[],
  roundsWhole: number,
  { rounds, novelty }: Extract<StopCondition, { readonly kind: 'no-new' }>,
): string | undefined {
  const from = roundsWhole - rounds + 1
  if (from < 1) return undefined
  const known = new Set<string>()
  const quoted = new Set<string>()
  let most = 0
  for (const { round, status, text, quotes } of said) {
    if (round > roundsWhole || status !== 'given') continue
    const shingles = shinglesOf(text)
    if (round >= from) {
      if (quotes.some((quote) => !quoted.has(`${quote.source}\n${quote.text}`))) return undefined
      most = Math.max(most, noveltyOf(shingles, known))
      if (most > novelty) return undefined
    }
    for (const shingle of shingles) known.add(shingle)
    for (const quote of quotes) quoted.add(`${quote.source}\n${quote.text}`)
  }
  return `at most ${most.toFixed(2)} of a text was new in ${rounds} rounds`
}

/** The last contribution beside those of the same speaker within the window. */
export function repetition(said: readonly Contribution[], window: number, least: number): string | undefined {
  const given = said.filter(({ status, act }) => status === 'given' && act !== 'revision').slice(-window)
  const last = given.at(-1)
  if (!last) return undefined
  const shingles = shinglesOf(last.text)
  for (const earlier of given.slice(0, -1)) {
    if (earlier.participant !== last.participant) continue
    const alike = similarity(shinglesOf(earlier.text), shingles)
    if (alike >= least) return `${last.id} repeats ${earlier.id} (${alike.toFixed(2)} alike)`
  }
  return undefined
}

/** The last contributions go round: two whole turns of a circle of two to `window` / 2 contributions alike, one by one. */
export function loop(said: readonly Contribution[], window: number, least: number): string | undefined {
  const given = said.filter(({ status }) => status === 'given').slice(-window)
  for (let period = 2; period * 2 <= given.length; period++) {
    const last = given.slice(-period)
    const before = given.slice(-2 * period, -period)
    const alike = last.map((each, at) =>
      similarity(shinglesOf(each.text), shinglesOf((before[at] as Contribution).text)),
    )
    if (alike.every((each) => each >= least)) return `the last ${period} contributions repeat the ${period} before`
  }
  return undefined
}

function phrase(said: readonly Contribution[], text: string, by: string | undefined): string | undefined {
  const wanted = text.trim().toLowerCase()
  const found = said.findLast(
    (each) =>
      each.status === 'given' &&
      (by === undefined || each.participant === by) &&
      each.text.toLowerCase().includes(wanted),
  )
  return found && `${found.participant} said ${JSON.stringify(text)} in ${found.id}`
}

/** Positions after the last whole rounds; undefined when there are not so many. */
function lastRounds({ record, roundsWhole }: StopView, count: number): readonly Positions[] | undefined {
  return roundsWhole + 1 < count ? undefined : positionsByRound(record, roundsWhole).slice(-count)
}

function optionsOf(positions: Positions): ReadonlyMap<string, number> {
  const counts = Map.groupBy(positions.values(), ({ option }) => option)
  return new Map(Array.from(counts, ([option, held]) => [option, held.length / positions.size]))
}

function confidencesOf(positions: Positions): readonly number[] {
  return Array.from(positions.values(), ({ confidence }) => confidence ?? 0)
}

/** Half the sum of the differences of two distributions, from 0 to 1. */
export function totalVariation(one: ReadonlyMap<string, number>, other: ReadonlyMap<string, number>): number {
  const keys = new Set([...one.keys(), ...other.keys()])
  let sum = 0
  for (const key of keys) sum += Math.abs((one.get(key) ?? 0) - (other.get(key) ?? 0))
  return sum / 2
}

/** The largest difference between the distribution functions of two samples, from 0 to 1; 1 where just one is empty. */
export function kolmogorovSmirnov(one: readonly number[], other: readonly number[]): number {
  if (one.length === 0 || other.length === 0) return one.length === other.length ? 0 : 1
  const a = [...one].sort((x, y) => x - y)
  const b = [...other].sort((x, y) => x - y)
  let [i, j, most] = [0, 0, 0]
  while (i < a.length && j < b.length) {
    const value = Math.min(a[i] as number, b[j] as number)
    while (i < a.length && (a[i] as number) <= value) i++
    while (j < b.length && (b[j] as number) <= value) j++
    most = Math.max(most, Math.abs(i / a.length - j / b.length))
  }
  return most
}

function first<T, R>(items: readonly T[], find: (item: T) => R | undefined): R | undefined {
  for (const item of items) {
    const found = find(item)
    if (found !== undefined) return found
  }
  return undefined
}

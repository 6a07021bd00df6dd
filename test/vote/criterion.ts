/**
 * Criteria of voting rules as checks of one election: each gives what is wrong, or undefined. They run both as properties
 * for the rules that satisfy them and on committed witnesses for those that do not. All ballots are rankings; most criteria
 * are stated for strict ones.
 */
import { tally } from '../../src/vote/index.ts'
import type { CastBallot, Election, Rule } from '../../src/vote/index.ts'

export type Ranking = readonly (readonly string[])[]

export const rankingOf = ({ ballot }: CastBallot): Ranking => (ballot.kind === 'ranked' ? ballot.ranking : [])

const winnersOf = (rule: Rule, election: Election): readonly string[] => tally(rule, election).winners

const withBallots = (election: Election, rankings: readonly { weight: number; ranking: Ranking }[]): Election => ({
  ...election,
  ballots: rankings.map(({ weight, ranking }, at) => ({
    voter: `voter ${at}`,
    weight,
    ballot: { kind: 'ranked', ranking },
  })),
})

const linesOf = (election: Election) =>
  election.ballots.map((cast) => ({ weight: Number(cast.weight ?? 1), ranking: rankingOf(cast) }))

/** Margin of a over b, counted from the definition. */
export function margin(election: Election, a: string, b: string): number {
  let sum = 0
  for (const { weight, ranking } of linesOf(election)) {
    const place = (name: string) => {
      const at = ranking.findIndex((level) => level.includes(name))
      return at < 0 ? ranking.length : at
    }
    sum += Math.sign(place(b) - place(a)) * weight
  }
  return sum
}

const others = (election: Election, one: string) => election.candidates.filter((name) => name !== one)

export function condorcetWinnerOf(election: Election): string | undefined {
  return election.candidates.find((one) => others(election, one).every((other) => margin(election, one, other) > 0))
}

export function smithOf(election: Election): string[] {
  const { candidates } = election
  let best = [...candidates]
  for (let bits = 1; bits < 2 ** candidates.length; bits++) {
    const inside = candidates.filter((_, at) => (bits >> at) % 2 === 1)
    const outside = candidates.filter((name) => !inside.includes(name))
    if (inside.length < best.length && inside.every((a) => outside.every((b) => margin(election, a, b) > 0)))
      best = inside
  }
  return best
}

const differs = (what: string, winners: readonly string[]): string =>
  `${what}, yet ${winners.join(', ') || 'nobody'} won`

/** A check of one rule on one election; `choice` picks among the changes that it could try. */
export type Criterion = (rule: Rule, election: Election, choice: number) => string | undefined

export const majorityCriterion: Criterion = (rule, election) => {
  const lines = linesOf(election)
  const all = lines.reduce((sum, { weight }) => sum + weight, 0)
  const favourite = election.candidates.find(
    (name) => 2 * lines.reduce((sum, { weight, ranking }) => sum + (ranking[0]?.join() === name ? weight : 0), 0) > all,
  )
  const winners = winnersOf(rule, election)
  if (favourite === undefined || winners.join() === favourite) return undefined
  return differs(`${favourite} is first on a majority`, winners)
}

/** A majority that puts the same set above all others gets a winner from it (mutual majority). */
export const mutualMajority: Criterion = (rule, election) => {
  const lines = linesOf(election)
  const all = lines.reduce((sum, { weight }) => sum + weight, 0)
  const winners = winnersOf(rule, election)
  for (let size = 1; size < election.candidates.length; size++) {
    const sets = new Map<string, number>()
    for (const { weight, ranking } of lines) {
      const top = ranking.slice(0, size).flat().toSorted().join()
      sets.set(top, (sets.get(top) ?? 0) + weight)
    }
    for (const [set, weight] of sets)
      if (2 * weight > all && !winners.every((name) => set.split(',').includes(name)))
        return differs(`a majority puts ${set} on top`, winners)
  }
  return undefined
}

export const condorcetCriterion: Criterion = (rule, election) => {
  const best = condorcetWinnerOf(election)
  const winners = winnersOf(rule, election)
  return best === undefined || winners.join() === best ? undefined : differs(`${best} beats every other`, winners)
}

export const condorcetLoserCriterion: Criterion = (rule, election) => {
  const worst = election.candidates.find((one) =>
    others(election, one).every((other) => margin(election, one, other) < 0),
  )
  const winners = winnersOf(rule, election)
  return worst === undefined || !winners.includes(worst) ? undefined : differs(`${worst} loses to every other`, winners)
}

export const smithCriterion: Criterion = (rule, election) => {
  const smith = smithOf(election)
  const winners = winnersOf(rule, election)
  return winners.every((name) => smith.includes(name))
    ? undefined
    : differs(`the Smith set is ${smith.join()}`, winners)
}

/** A winner raised on one ballot, the others in their order, is still among the winners. */
export const monotonicity: Criterion = (rule, election, choice) => {
  const before = winnersOf(rule, election)
  const lines = linesOf(election)
  const winner = before[choice % before.length]
  const at = choice % lines.length
  const line = lines[at]
  if (winner === undefined || !line) return undefined
  const from = line.ranking.findIndex((level) => level.includes(winner))
  if (from < 1) return undefined
  const rest = line.ranking.filter((_, level) => level !== from)
  const to = choice % from
  const raised = withBallots(election, lines.with(at, { ...line, ranking: rest.toSpliced(to, 0, [winner]) }))
  const after = winnersOf(rule, raised)
  if (after.includes(winner)) return undefined
  return differs(`${winner} won and was raised on ballot ${at + 1}`, after)
}

/** A ballot that is added never makes the winner worse for whoever casts it, where both winners are alone. */
export const participation: Criterion = (rule, election, choice) => {
  const lines = linesOf(election)
  const at = choice % lines.length
  const added = lines[at]
  if (!added || lines.length < 2) return undefined
  const before = winnersOf(rule, withBallots(election, lines.toSpliced(at, 1)))
  const after = winnersOf(rule, election)
  const [one] = before
  const [other] = after
  if (one === undefined || other === undefined || before.length > 1 || after.length > 1) return undefined
  const place = (name: string) => added.ranking.findIndex((level) => level.includes(name))
  return place(one) >= place(other)
    ? undefined
    : differs(`${one} won before ballot ${at + 1}, which prefers it, came`, after)
}

/** An only winner among several does not win when every ballot is turned round. */
export const reversalSymmetry: Criterion = (rule, election) => {
  const before = winnersOf(rule, election)
  const [one] = before
  if (one === undefined || before.length > 1 || election.candidates.length < 2) return undefined
  const turned = withBallots(
    election,
    linesOf(election).map(({ weight, ranking }) => ({ weight, ranking: ranking.toReversed() })),
  )
  const after = winnersOf(rule, turned)
  return after.includes(one) ? differs(`${one} won, and all ballots were turned round`, after) : undefined
}

/**
 * A candidate gets one clone or two, side by side on every ballot: somebody else wins exactly if it won before, and one of
 * the clones exactly if the original did. With two the order of the three on each ballot is one of a cycle.
 */
export const cloneIndependence: Criterion = (rule, election, choice) => {
  const original = election.candidates[choice % election.candidates.length] as string
  const copies = [original, `${original}'`, `${original}''`].slice(0, choice % 3 === 0 ? 3 : 2)
  const lines = linesOf(election).map(({ weight, ranking }, at) => {
    const turn = (choice >> (at % 10)) % copies.length
    const order = [...copies.slice(turn), ...copies.slice(0, turn)].map((name) => [name])
    return { weight, ranking: ranking.flatMap((level): Ranking => (level.includes(original) ? order : [level])) }
  })
  const before = winnersOf(rule, election)
  const cloned = withBallots({ ...election, candidates: [...election.candidates, ...copies.slice(1)] }, lines)
  const after = [...new Set(winnersOf(rule, cloned).map((name) => (copies.includes(name) ? original : name)))]
  return after.toSorted().join() === before.toSorted().join()
    ? undefined
    : differs(`${before.join(', ')} won before ${original} had ${copies.length - 1} clones`, after)
}

/** Two electorates that have winners in common elect exactly these together (reinforcement); the ballots are cut in two. */
export const reinforcement: Criterion = (rule, election, choice) => {
  const lines = linesOf(election)
  const cut = 1 + (choice % Math.max(1, lines.length - 1))
  if (lines.length < 2) return undefined
  const one = winnersOf(rule, withBallots(election, lines.slice(0, cut)))
  const other = winnersOf(rule, withBallots(election, lines.slice(cut)))
  const shared = one.filter((name) => other.includes(name))
  const together = winnersOf(rule, election)
  return shared.length === 0 || together.toSorted().join() === shared.toSorted().join()
    ? undefined
    : differs(`the first ${cut} lines and the others share ${shared.join(', ')}`, together)
}

/** All weights multiplied by three change no winner. */
export const homogeneity: Criterion = (rule, election) => {
  const before = winnersOf(rule, election)
  const more = withBallots(
    election,
    linesOf(election).map(({ weight, ranking }) => ({ weight: 3 * weight, ranking })),
  )
  const after = winnersOf(rule, more)
  return after.toSorted().join() === before.toSorted().join()
    ? undefined
    : differs(`${before.join(', ')} won before all weights were tripled`, after)
}

export const criteria = {
  majority: majorityCriterion,
  'mutual-majority': mutualMajority,
  condorcet: condorcetCriterion,
  'condorcet-loser': condorcetLoserCriterion,
  smith: smithCriterion,
  monotonicity,
  participation,
  'reversal-symmetry': reversalSymmetry,
  clones: cloneIndependence,
  reinforcement,
  homogeneity,
} as const satisfies Readonly<Record<string, Criterion>>

export type CriterionName = keyof typeof criteria

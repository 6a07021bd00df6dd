/**
 * The checks of one file of elections: each published or computed result against the count of the house. One check is one
 * case; a null is skipped and counted as such. It gives results as data and prints nothing.
 */
import { messageOf } from '../../../src/base/index.ts'
import * as vote from '../../../src/vote/index.ts'
import type { Ballot, CastBallot, Election, Outcome } from '../../../src/vote/index.ts'
import type { CommitteeElection, ElectionFile, GradesElection, RankedElection, StvElection } from './format.ts'
import { committeeMeaning, gradesMeaning, rankedMeaning, stvMeaning } from './table.ts'
import type { Meaning } from './table.ts'

export interface Case {
  /** `tennessee computed.borda`. */
  readonly name: string
  readonly status: 'passed' | 'failed' | 'skipped'
  /** What differs, or why it was skipped. */
  readonly detail?: string
}

/** All cases of a file, in its order. */
export function* checkFile({ rankedElections, otherElections }: ElectionFile): Generator<Case> {
  for (const election of rankedElections) yield* checkRanked(election)
  for (const election of otherElections)
    switch (election.kind) {
      case 'stv':
        yield* checkStv(election)
        break
      case 'grades':
        yield* checkGrades(election)
        break
      case 'approval-committee':
      default:
        yield* checkCommittee(election)
    }
}

const roundTolerance = 1e-6

/** Passed when `difference` gives nothing; what it throws is a difference too. */
function caseOf(name: string, difference: () => string | undefined): Case {
  try {
    const detail = difference()
    return detail === undefined ? { name, status: 'passed' } : { name, status: 'failed', detail }
  } catch (error) {
    return { name, status: 'failed', detail: messageOf(error) }
  }
}

function* entriesOf<T>(
  id: string,
  field: string,
  named: Readonly<Record<string, T | null>> | null | undefined,
  check: (rule: string, value: T) => string | undefined,
): Generator<Case> {
  for (const [rule, value] of Object.entries(named ?? {})) {
    const name = `${id} ${field}.${rule}`
    if (value === null) yield { name, status: 'skipped', detail: 'the file has null' }
    else yield caseOf(name, () => check(rule, value))
  }
}

function* checkRanked(election: RankedElection): Generator<Case> {
  const { id } = election
  const counts = new Counts(() => rankedInput(election))
  const outcomeOf = (name: string) => counts.of(name, known(name, rankedMeaning(name)))
  const winners = (name: string, wanted: readonly string[]) => setDifference(outcomeOf(name).winners, wanted)
  yield* entriesOf(id, 'publishedWinners', election.publishedWinners, winners)
  yield* entriesOf(id, 'computed', election.computed, winners)
  yield* entriesOf(id, 'publishedTieBroken', election.publishedTieBroken, (name, wanted) => {
    const meaning = known(name, rankedMeaning(name))
    const every: Meaning = { ...meaning, options: { ...meaning.options, parallelUniverses: true } }
    return insideDifference(counts.of(`${name} every way`, every).winners, wanted)
  })
  yield* entriesOf(id, 'publishedRanking', election.publishedRanking, (name, wanted) =>
    rankingDifference(outcomeOf(name).ranking, wanted),
  )
  if (election.pairwise) yield caseOf(`${id} pairwise`, () => pairwiseDifference(election))
  const { kemenyBestScore } = election
  if (typeof kemenyBestScore === 'number')
    yield caseOf(`${id} kemenyBestScore`, () => kemenyDifference(outcomeOf('kemeny'), kemenyBestScore))
  else if (kemenyBestScore === null)
    yield { name: `${id} kemenyBestScore`, status: 'skipped', detail: 'the file has null' }
}

function* checkGrades(election: GradesElection): Generator<Case> {
  const { id, scale } = election
  const outcomeOf = (name: string, everyWay = false) => {
    const meaning = known(name, gradesMeaning(name, scale))
    const options = { ...meaning.options, ...(everyWay && { parallelUniverses: true }) }
    return vote.tally(meaning.rule, gradesInput(election, meaning.takes), options)
  }
  const winners = (name: string, wanted: readonly string[]) => setDifference(outcomeOf(name).winners, wanted)
  yield* entriesOf(id, 'publishedWinners', election.publishedWinners, winners)
  yield* entriesOf(id, 'computed', election.computed, winners)
  yield* entriesOf(id, 'publishedTieBroken', election.publishedTieBroken, (name, wanted) =>
    insideDifference(outcomeOf(name, true).winners, wanted),
  )
}

function* checkStv(election: StvElection): Generator<Case> {
  const { id, seats, quota, quotaValue, publishedElected, publishedRounds } = election
  const counts = new Counts(() => rankedInput(election))
  const outcome = () => counts.of('stv', stvMeaning(seats, quota))
  if (typeof quotaValue === 'number')
    yield caseOf(`${id} quotaValue`, () => {
      const weight = vote.parseRational(outcome().counted.weight) ?? vote.rational(0)
      const ours = vote.toNumber(vote.stvQuota(quota, weight, seats))
      return near(ours, quotaValue) ? undefined : `wanted ${quotaValue}, got ${ours}`
    })
  else if (quotaValue === null) yield { name: `${id} quotaValue`, status: 'skipped', detail: 'the file has null' }
  if (publishedElected)
    yield caseOf(`${id} publishedElected`, () => committeeInside(outcome().committees ?? [], publishedElected))
  else yield { name: `${id} publishedElected`, status: 'skipped', detail: 'the file has none' }
  if (!publishedRounds) {
    yield { name: `${id} publishedRounds`, status: 'skipped', detail: 'the file has none' }
    return
  }
  for (const [at, round] of publishedRounds.entries()) {
    const name = `${id} publishedRounds ${at + 1}`
    if (round === null) yield { name, status: 'skipped', detail: 'the file has null' }
    else yield caseOf(name, () => roundDifference(outcome(), at + 1, round))
  }
}

function* checkCommittee(election: CommitteeElection): Generator<Case> {
  const { id, seats } = election
  const ballots = cast(election.ballots, ({ approves }) =>
    approves.length === 0 ? { kind: 'abstain' } : { kind: 'approval', approves },
  )
  yield* entriesOf(id, 'publishedCommittees', election.publishedCommittees, (name, wanted) => {
    const { rule, options } = known(name, committeeMeaning(name, seats))
    const outcome = vote.tally(rule, { candidates: election.candidates, ballots }, options)
    const ours = (outcome.committees ?? []).map(setText).toSorted()
    const theirs = wanted.map(setText).toSorted()
    return same(ours, theirs) ? undefined : `wanted ${theirs.join(' ')}, got ${ours.join(' ')}`
  })
}

/** Counts once what several parts of the file name. */
class Counts {
  readonly #input: () => Election
  readonly #outcomes = new Map<string, Outcome>()
  #election: Election | undefined

  constructor(input: () => Election) {
    this.#input = input
  }

  of(name: string, { rule, options }: Meaning): Outcome {
    let outcome = this.#outcomes.get(name)
    if (!outcome) {
      this.#election ??= this.#input()
      outcome = vote.tally(rule, this.#election, options)
      const [refused] = outcome.counted.refused
      if (refused) throw new Error(`a ballot was refused: ${refused.voter}: ${refused.reason}`)
      this.#outcomes.set(name, outcome)
    }
    return outcome
  }
}

function known<T>(name: string, meaning: T | undefined): T {
  if (meaning === undefined) throw new Error(`the file names the rule ${name}, which FORMAT.md does not define`)
  return meaning
}

function cast<B extends { readonly weight: number }>(ballots: readonly B[], to: (ballot: B) => Ballot): CastBallot[] {
  return ballots.map((each, at) => ({ voter: `ballot ${at + 1}`, weight: each.weight, ballot: to(each) }))
}

/** An empty ranking says nothing of anybody: that is an abstention in the house. */
function rankedInput({ candidates, ballots, unrankedRule }: RankedElection | StvElection): Election {
  return {
    candidates,
    unranked: unrankedRule,
    ballots: cast(ballots, ({ ranking }) => (ranking.length === 0 ? { kind: 'abstain' } : { kind: 'ranked', ranking })),
  }
}

function gradesInput({ candidates, ballots, scale, unrankedRule }: GradesElection, takes: string): Election {
  const max = Math.max(...scale)
  return {
    candidates,
    unranked: unrankedRule,
    ballots: cast(ballots, ({ grades }): Ballot => {
      if (takes === 'grades') return Object.keys(grades).length === 0 ? { kind: 'abstain' } : { kind: 'grades', grades }
      const approves = candidates.filter((name) => grades[name] === max)
      return approves.length === 0 ? { kind: 'abstain' } : { kind: 'approval', approves }
    }),
  }
}

const setText = (names: readonly string[]): string => `{${names.toSorted().join(', ')}}`
const same = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((each, at) => each === b[at])

function setDifference(ours: readonly string[], wanted: readonly string[]): string | undefined {
  return same(ours.toSorted(), [...new Set(wanted)].toSorted())
    ? undefined
    : `wanted ${setText(wanted)}, got ${setText(ours)}`
}

function insideDifference(ours: readonly string[], wanted: readonly string[]): string | undefined {
  const outside = wanted.filter((name) => !ours.includes(name))
  return wanted.length > 0 && outside.length === 0
    ? undefined
    : `wanted ${setText(wanted)} inside the union over all tie-breaks, which is ${setText(ours)}`
}

function rankingDifference(
  ours: readonly (readonly string[])[],
  wanted: readonly (string | readonly string[])[],
): string | undefined {
  const text = (levels: readonly (string | readonly string[])[]) =>
    levels.map((level) => setText([level].flat())).join(' > ')
  return text(ours) === text(wanted) ? undefined : `wanted ${text(wanted)}, got ${text(ours)}`
}

function matrixOf(election: RankedElection): (a: string, b: string) => number {
  const { candidates, matrix = [] } = vote.tally(vote.ruleNamed('schulze'), rankedInput(election))
  return (a, b) =>
    vote.toNumber(vote.parseRational(matrix[candidates.indexOf(a)]?.[candidates.indexOf(b)] ?? '') ?? vote.rational(0))
}

function pairwiseDifference(election: RankedElection): string | undefined {
  const cell = matrixOf(election)
  for (const [a, row] of Object.entries(election.pairwise ?? {}))
    for (const [b, wanted] of Object.entries(row)) {
      if (a === b || wanted === null) continue
      if (!election.candidates.includes(a) || !election.candidates.includes(b)) return `${a} or ${b} does not stand`
      if (!near(cell(a, b), wanted)) return `${a} above ${b}: wanted ${wanted}, got ${cell(a, b)}`
    }
  return undefined
}

/** The rule states its best score in a note, the rankings that have it being too many to list. */
function kemenyDifference({ proof }: Outcome, wanted: number): string | undefined {
  const [, stated = ''] =
    /^The best score is (\S+), /.exec(proof.notes.find((note) => note.startsWith('The best score')) ?? '') ?? []
  const ours = vote.parseRational(stated)
  return ours && near(vote.toNumber(ours), wanted) ? undefined : `wanted ${wanted}, got ${stated || 'none'}`
}

function near(a: number, b: number): boolean {
  return Math.abs(a - b) <= roundTolerance * Math.max(1, Math.abs(b))
}

/** A tie that the source broke leaves several committees; the published one must be one of them. */
function committeeInside(committees: readonly (readonly string[])[], wanted: readonly string[]): string | undefined {
  const ours = committees.map(setText)
  return ours.includes(setText(wanted)) ? undefined : `wanted ${setText(wanted)}, got ${ours.join(' or ')}`
}

/** A round of that number in some way to break the ties; a candidate of weight 0 may be left out. */
function roundDifference(
  { rounds = [] }: Outcome,
  number: number,
  wanted: Readonly<Record<string, number | null>>,
): string | undefined {
  const differences = rounds
    .filter((round) => round.number === number)
    .map(({ tallies }) => {
      const ours = new Map(
        tallies.map(({ candidate, weight }) => [
          candidate,
          vote.toNumber(vote.parseRational(weight) ?? vote.rational(0)),
        ]),
      )
      const wrong = [...new Set([...ours.keys(), ...Object.keys(wanted)])].filter((name) => {
        const value = wanted[name]
        return value !== null && Math.abs((ours.get(name) ?? 0) - (value ?? 0)) > roundTolerance
      })
      return wrong.map((name) => `${name}: wanted ${wanted[name] ?? 'nothing'}, got ${ours.get(name) ?? 'nothing'}`)
    })
  if (differences.some((each) => each.length === 0)) return undefined
  return differences[0]?.join('; ') ?? 'there is no such round'
}

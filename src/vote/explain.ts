/**
 * Explain: an outcome in plain sentences and tables that a person can check by hand. It reads the outcome alone, so it works
 * as well on one that comes from a journal or from another machine; it knows no rule, only the parts of an outcome.
 */
import type { Outcome, Round, TieStep } from './outcome.ts'
import { add, compare, parseRational, toDecimal, zero } from './rational.ts'
import type { Rational } from './rational.ts'

/** Plain sentences, in the order of the count; the last says the result. */
export function explain(outcome: Outcome): string[] {
  return [
    countedLine(outcome),
    ...outcome.counted.refused.map(
      ({ voter, reason }) => `Refused: ${voter || 'a ballot without a voter'}: ${reason}.`,
    ),
    ...delegationLines(outcome),
    ...quorumLines(outcome),
    `${outcome.title}: ${outcome.proof.method.join(' ')}`,
    ...scoreLines(outcome),
    ...(outcome.rounds ?? []).map((round) => roundLine(round, outcome)),
    ...duelLines(outcome),
    ...outcome.proof.notes,
    ...outcome.tieSteps.map(tieLine),
    resultLine(outcome),
  ]
}

/**
 * The pairwise matrix as a table, Markdown and readable as text: in a row the weight of the ballots that put the row's
 * candidate above the column's. Undefined when the rule does not compare in pairs.
 */
export function pairwiseTable({ matrix, candidates }: Outcome): string | undefined {
  return matrix && squareTable('row above column', candidates, matrix)
}

/** All tables of an outcome, each with its title: scores, rounds, pairwise matrix, and what the rule adds. */
export function countTables(outcome: Outcome): { title: string; table: string }[] {
  const { candidates, scores, rounds, proof } = outcome
  const tables: { title: string; table: string }[] = []
  if (scores)
    tables.push({
      title: proof.unit,
      table: markdownTable(
        ['candidate', proof.unit],
        byScore(scores).map(({ candidate, score }) => [candidate, spell(score)]),
      ),
    })
  if (rounds) tables.push({ title: 'rounds', table: roundsTable(outcome, rounds) })
  const pairs = pairwiseTable(outcome)
  if (pairs) tables.push({ title: 'pairwise matrix', table: pairs })
  for (const { title, cells } of proof.tables)
    tables.push({ title, table: squareTable('row to column', candidates, cells) })
  return tables
}

function countedLine({ counted }: Outcome): string {
  const parts = [
    `${plural(counted.ballots, 'ballot')} of weight ${spell(counted.weight)} counted`,
    ...(counted.abstained > 0 ? [`${counted.abstained} abstained`] : []),
    ...(counted.refused.length > 0 ? [`${counted.refused.length} refused`] : []),
  ]
  return `${parts.join(', ')}.`
}

/** Who votes for whom, by the one who does. */
function delegationLines({ delegation }: Outcome): string[] {
  if (!delegation) return []
  const votersBy = new Map<string, string[]>()
  for (const { by, voter, weight } of delegation.carried) {
    const voters = votersBy.get(by) ?? []
    voters.push(weight === '1' ? voter : `${voter} (weight ${spell(weight)})`)
    votersBy.set(by, voters)
  }
  return [
    ...[...votersBy].map(([by, voters]) => `${by} votes for ${listed(voters)} too.`),
    ...delegation.idle.map(
      ({ voter, to, reason }) => `Not delegated: ${voter || 'somebody'} to ${to || 'nobody'}: ${reason}.`,
    ),
  ]
}

function quorumLines({ quorum }: Outcome): string[] {
  if (!quorum) return []
  const { present, eligible, needed, met } = quorum
  return [
    `Quorum: ${spell(present)} of ${spell(eligible)} present, ${spell(needed)} needed: ${met ? 'met' : 'not met'}.`,
  ]
}

function scoreLines({ scores, proof }: Outcome): string[] {
  if (!scores) return []
  return [
    `Of ${proof.unit}: ${byScore(scores)
      .map(({ candidate, score }) => `${candidate} ${spell(score)}`)
      .join(', ')}.`,
  ]
}

function roundLine(round: Round, { proof, rounds = [] }: Outcome): string {
  const tallies = [...round.tallies]
    .sort((a, b) => compare(read(b.weight), read(a.weight)))
    .map(({ candidate, weight }) => `${candidate} ${spell(weight)}`)
  const counting = round.tallies.reduce((sum, { weight }) => add(sum, read(weight)), zero)
  // Where ties were followed every way, a number alone does not name a round.
  const alone = rounds.filter((other) => other.number === round.number).length === 1
  const inside = alone ? '' : ` among ${listed(round.tallies.map(({ candidate }) => candidate))}`
  const exhausted = read(round.exhausted).num === 0n ? '' : `, ${spell(round.exhausted)} exhausted`
  const said = `Round ${round.number}${inside}: ${tallies.join(', ')} ${proof.unit} of ${amount(counting)}${exhausted}`
  return `${said}; ${roundEnd(round)}.`
}

function roundEnd({ elected, eliminated }: Round): string {
  if (elected.length > 0) return `${listed(elected)} ${elected.length === 1 ? 'is' : 'are'} elected`
  if (eliminated.length === 0) return 'nobody leaves'
  const [only = []] = eliminated
  if (eliminated.length === 1) return `${listed(only)} ${only.length === 1 ? 'leaves' : 'leave together'}`
  return `${listed(eliminated.map((set) => listed(set)))} are tied for leaving, and each way is followed`
}

/** Above this many pairs the matrix says it better. */
const duelsMax = 15

function duelLines({ matrix, candidates }: Outcome): string[] {
  if (!matrix || (candidates.length * (candidates.length - 1)) / 2 > duelsMax) return []
  return candidates.flatMap((one, a) =>
    candidates.slice(a + 1).map((other, after) => {
      const [mine = '', theirs = ''] = [matrix[a]?.[a + 1 + after], matrix[a + 1 + after]?.[a]]
      const order = compare(read(mine), read(theirs))
      if (order === 0) return `${one} and ${other} are level, ${spell(mine)} each.`
      const [winner, loser, won, lost] = order > 0 ? [one, other, mine, theirs] : [other, one, theirs, mine]
      return `${winner} beats ${loser} by ${spell(won)} to ${spell(lost)}.`
    }),
  )
}

function tieLine({ where, want, tied, by, remained }: TieStep): string {
  const start = `Tie for ${where} between ${listed(tied)}`
  if (remained.length === tied.length) return `${start}: ${by} does not tell them apart.`
  return `${start}: by ${by} ${listed(remained)} ${remained.length === 1 ? 'is' : 'are'} the ${want}.`
}

function resultLine({ status, winners, counted, committees }: Outcome): string {
  switch (status) {
    case 'decided':
      if (committees) return `${listed(winners)} ${winners.length === 1 ? 'is' : 'are'} elected.`
      return `${listed(winners)} wins.`
    case 'tied':
      if (committees && counted.weight !== '0')
        return `${committees.length} committees are tied, and no tie-break declared tells them apart: ${committees.map(listed).join('; ')}.`
      return counted.weight === '0'
        ? `No weight was counted, so nobody has won: ${listed(winners)}.`
        : `${listed(winners)} are tied; no tie-break declared tells them apart.`
    case 'no-winner':
      return 'Nobody meets what the rule demands, so nobody has won.'
    case 'no-quorum':
    default:
      return 'There is no quorum, so nobody has won.'
  }
}

function byScore<T extends { readonly score: string }>(scores: readonly T[]): T[] {
  return [...scores].sort((a, b) => compare(read(b.score), read(a.score)))
}

function roundsTable({ candidates }: Outcome, rounds: readonly Round[]): string {
  const rows = rounds.map((round) => {
    const weights = new Map(round.tallies.map(({ candidate, weight }) => [candidate, weight]))
    const cells = candidates.map((candidate) => spell(weights.get(candidate) ?? ''))
    return [String(round.number), ...cells, spell(round.exhausted), roundEnd(round)]
  })
  return markdownTable(['round', ...candidates, 'exhausted', 'then'], rows)
}

function squareTable(corner: string, candidates: readonly string[], cells: readonly (readonly string[])[]): string {
  const rows = candidates.map((candidate, at) => [candidate, ...(cells[at] ?? []).map((cell) => cell || '-')])
  return markdownTable([corner, ...candidates], rows)
}

/** Cells padded to the width of their column, so that the Markdown reads as text too. */
function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const escaped = [head, ...rows].map((row) => row.map((cell) => cell.replaceAll('\\', '\\\\').replaceAll('|', '\\|')))
  const widths = head.map((_, column) => Math.max(3, ...escaped.map((row) => (row[column] ?? '').length)))
  const line = (row: readonly string[]) => `| ${row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(' | ')} |`
  const [first = [], ...rest] = escaped
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`
  return [line(first), rule, ...rest.map(line)].join('\n')
}

function read(exact: string): Rational {
  return parseRational(exact) ?? zero
}

/** `7/2 (3.5)`: exact first, a decimal for the eye. */
function spell(exact: string): string {
  return exact.includes('/') ? `${exact} (${toDecimal(read(exact))})` : exact
}

function amount(value: Rational): string {
  return toDecimal(value)
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}

/** `A`, `A and B`, `A, B and C`. */
function listed(names: readonly string[]): string {
  return names.length < 2 ? (names[0] ?? 'nobody') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`
}

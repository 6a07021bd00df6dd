/**
 * The file of elections as it stands on disk, read and checked. Unlike the checks of results it knows no rule; unlike an
 * `Election` of the house its ballots have weights and no voters. What it does not know in a file it leaves alone, but for
 * the parts that are counted: those are refused with the place and what is wrong.
 */
import * as z from 'zod'
import { ColloquyError } from '../../../src/base/index.ts'

/** The file is not one of the format; `at` says where. */
export class InvalidElectionFile extends ColloquyError {
  override readonly code = 'vote.invalid_election_file'
  readonly at: string
  constructor(at: string, mend: string, options?: ErrorOptions) {
    super(`${at || 'the file'}: ${mend}; write it as FORMAT.md says`, options)
    this.at = at
  }
}

/** More than any published election has; a file beyond it is a mistake, and would only run out of memory later. */
export const fileLimits: {
  readonly bytesMax: number
  readonly electionsMax: number
  readonly candidatesMax: number
  readonly ballotsMax: number
} = { bytesMax: 256 * 1024 * 1024, electionsMax: 10_000, candidatesMax: 500, ballotsMax: 1_000_000 }

const name = z.string().min(1).max(1000)
const names = z.array(name).max(fileLimits.candidatesMax)
const weight = z.number().min(0)
const ranking = z.array(names)
const unrankedRule = z.enum(['tied-last', 'no-opinion'])
const byRule = z.record(name, names.nullable()).nullish()
const rankedBallots = z.array(z.object({ weight, ranking })).max(fileLimits.ballotsMax)

const rankedElection = z.object({
  id: name,
  candidates: names.min(1),
  unrankedRule: unrankedRule.default('tied-last'),
  ballots: rankedBallots,
  pairwise: z.record(name, z.record(name, weight.nullable())).nullish(),
  publishedWinners: byRule,
  computed: byRule,
  publishedTieBroken: byRule,
  publishedRanking: z.record(name, z.array(z.union([name, names])).nullable()).nullish(),
  kemenyBestScore: z.number().nullish(),
})

const stv = z.object({
  id: name,
  kind: z.literal('stv'),
  candidates: names.min(1),
  seats: z.int().min(1),
  quota: z.enum(['droop', 'hare', 'hagenbach-bischoff', 'imperiali']).default('droop'),
  quotaValue: z.number().nullish(),
  unrankedRule: unrankedRule.default('tied-last'),
  ballots: rankedBallots,
  publishedElected: names.nullish(),
  publishedRounds: z.array(z.record(name, weight.nullable()).nullable()).max(10_000).nullish(),
})

const grades = z.object({
  id: name,
  kind: z.literal('grades'),
  candidates: names.min(1),
  scale: z.array(z.number()).min(2).max(1000),
  unrankedRule: unrankedRule.default('no-opinion'),
  ballots: z.array(z.object({ weight, grades: z.record(name, z.number()) })).max(fileLimits.ballotsMax),
  publishedWinners: byRule,
  computed: byRule,
  publishedTieBroken: byRule,
})

const approvalCommittee = z.object({
  id: name,
  kind: z.literal('approval-committee'),
  candidates: names.min(1),
  seats: z.int().min(1),
  ballots: z.array(z.object({ weight, approves: names })).max(fileLimits.ballotsMax),
  publishedCommittees: z.record(name, z.array(names).nullable()).nullish(),
})

const file = z.object({
  rankedElections: z.array(rankedElection).max(fileLimits.electionsMax).default([]),
  otherElections: z
    .array(z.discriminatedUnion('kind', [stv, grades, approvalCommittee]))
    .max(fileLimits.electionsMax)
    .default([]),
})

export type RankedElection = z.infer<typeof rankedElection>
export type StvElection = z.infer<typeof stv>
export type GradesElection = z.infer<typeof grades>
export type CommitteeElection = z.infer<typeof approvalCommittee>
export type ElectionFile = z.infer<typeof file>

/** Reads the text of a file. Throws `vote.invalid_election_file`. */
export function parseElectionFile(text: string): ElectionFile {
  if (text.length > fileLimits.bytesMax)
    throw new InvalidElectionFile('', `it has ${text.length} characters, more than ${fileLimits.bytesMax}`)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new InvalidElectionFile('', 'it is not JSON', { cause })
  }
  const read = file.safeParse(value)
  if (!read.success) {
    const [issue] = read.error.issues
    throw new InvalidElectionFile(issue?.path.join('.') ?? '', issue?.message ?? 'it is not of the format')
  }
  if (read.data.rankedElections.length + read.data.otherElections.length === 0)
    throw new InvalidElectionFile('', 'it has no elections')
  return read.data
}

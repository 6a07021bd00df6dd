/**
 * Decision: what an action is given of the meeting that started it, as plain data: the question, what was decided and how, who would have
 * had it otherwise, and the head by which the record can be checked. Unlike `Concluded`, which is the end of the record, it stands alone.
 * It is made of the record and nothing else, so that whoever goes on makes the same again. Pure.
 */
import type { Ballot } from '../vote/ballot.ts'
import type { Balloted, Committed, ConcludedStatus } from './event.ts'
import type { ConveneRecord } from './record.ts'
import type { RecordHead } from './transcript.ts'

/** The input of the saga: `saga<Decision>('publish')`. */
export interface Decision {
  /** Stream of the meeting in the journal: one for each. */
  readonly meeting: string
  /** The question. */
  readonly topic: string
  readonly options: readonly string[]
  readonly status: Exclude<ConcludedStatus, 'stopped'>
  /** The winner where there is one alone; null where several have won, are tied, or nobody has. */
  readonly decision: string | null
  readonly winners: readonly string[]
  /** Levels best first. */
  readonly ranking: readonly (readonly string[])[]
  readonly rule: string
  /** Absent where nothing was counted. */
  readonly tally?: Tally
  /** Who put another option above all winners, and why; absent where the poll was secret. */
  readonly dissent?: readonly Dissent[]
  /** Why it came out so, in sentences; the first 20. */
  readonly explanation: readonly string[]
  /** Where a raft group has taken it. */
  readonly commit?: Committed
  /** Of the record up to the conclusion; `colloquy verify` checks a transcript against it. */
  readonly record: RecordHead
}

/** What was counted. Weights are exact, as text: `7`, `7/2`. */
export interface Tally {
  readonly ballots: number
  readonly weight: string
  readonly abstained: number
  readonly abstainedWeight: string
}

export interface Dissent {
  readonly participant: string
  readonly weight: number
  /** What the participant would have had. */
  readonly instead: readonly string[]
  /** At most 1000 characters. */
  readonly reason: string
}

const sentencesMax = 20
const textMaxLength = 1000

/** The input of a meeting that is concluded. `record` is the head of the record up to the conclusion. */
export function decisionOf(
  { stream, started, concluded, ballots, sealed }: Omit<ConveneRecord, 'version'>,
  record: RecordHead,
): Decision {
  if (!concluded || concluded.status === 'stopped') throw new TypeError(`${stream} is not concluded`)
  const { status, winners, ranking, rule, outcome, commit } = concluded
  const { topic, options } = started
  return {
    meeting: stream,
    topic,
    options,
    status,
    decision: status === 'decided' && winners.length === 1 ? (winners[0] ?? null) : null,
    winners,
    ranking,
    rule,
    ...(outcome && { tally: tallyOf(outcome.counted) }),
    ...(sealed.length === 0 && { dissent: dissentOf(ballots, winners) }),
    explanation: concluded.explanation.slice(0, sentencesMax).map(cut),
    ...(commit && { commit }),
    record,
  }
}

function tallyOf({ ballots, weight, abstained, abstainedWeight }: Tally): Tally {
  return { ballots, weight, abstained, abstainedWeight }
}

function dissentOf(ballots: readonly Balloted[], winners: readonly string[]): Dissent[] {
  if (winners.length === 0) return []
  return ballots.flatMap(({ participant, weight, status, ballot, reason }) => {
    const best = status === 'cast' ? bestOf(ballot) : []
    if (best.length === 0 || best.some((option) => winners.includes(option))) return []
    return [{ participant, weight, instead: best, reason: cut(reason) }]
  })
}

/** What a ballot puts above all else. */
function bestOf(ballot: Ballot): readonly string[] {
  switch (ballot.kind) {
    case 'ranked':
      return ballot.ranking[0] ?? []
    case 'approval':
      return ballot.approves
    case 'single':
      return [ballot.choice]
    case 'grades': {
      const best = Math.max(...Object.values(ballot.grades))
      return Object.keys(ballot.grades).filter((option) => ballot.grades[option] === best)
    }
    case 'abstain':
    default:
      return []
  }
}

/** What is cut may lie inside a pair of surrogates, of which half is no text. */
function cut(text: string): string {
  return text.slice(0, textMaxLength).toWellFormed()
}

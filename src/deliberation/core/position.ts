/**
 * Positions: what each participant held best after each round, from what it said of itself and from its ballots in straw polls; and what
 * that tells of a discussion: who changed when and after whose turn, and whether changes went with the majority. Pure.
 */
import type { Contribution, Position } from '../participant.ts'
import { isContribution } from '../record.ts'
import type { DiscussionItem } from '../record.ts'
import type { Ballot } from '../../vote/ballot.ts'

/** A change of what somebody holds best. */
export interface Flip {
  readonly participant: string
  readonly from: string
  readonly to: string
  /** Round in which the new position was stated. */
  readonly round: number
  /** The last contribution that it heard of before; absent when there was none. */
  readonly after?: string
  /** Whether more of the others held the new position than the old one before. */
  readonly withMajority: boolean
}

/** Positions after a round, by participant; who has stated none is not in it. */
export type Positions = ReadonlyMap<string, Position>

/** Positions after each round from 0 to `rounds`. */
export function positionsByRound(record: readonly DiscussionItem[], rounds: number): readonly Positions[] {
  const held = new Map<string, Position>()
  const byRound: Positions[] = []
  for (let round = 0; round <= rounds; round++) {
    for (const stated of statedIn(record, round)) held.set(stated.participant, stated.position)
    byRound.push(new Map(held))
  }
  return byRound
}

export function flipsOf(record: readonly DiscussionItem[]): readonly Flip[] {
  const held = new Map<string, Position>()
  const flips: Flip[] = []
  let heard: Contribution | undefined
  for (const item of record) {
    for (const { participant, position, round } of statedBy(item)) {
      const before = held.get(participant)
      if (before && before.option !== position.option) {
        const others = [...held].filter(([name]) => name !== participant).map(([, each]) => each.option)
        const count = (option: string) => others.filter((each) => each === option).length
        flips.push({
          participant,
          from: before.option,
          to: position.option,
          round,
          ...(heard && { after: heard.id }),
          withMajority: count(position.option) > count(before.option),
        })
      }
      held.set(participant, position)
    }
    if (isContribution(item) && item.status === 'given') heard = item
  }
  return flips
}

/** Share of the changes that went to a position which more of the others held; undefined where nobody changed. */
export function conformityOf(flips: readonly Flip[]): number | undefined {
  return flips.length === 0 ? undefined : flips.filter(({ withMajority }) => withMajority).length / flips.length
}

interface Stated {
  readonly participant: string
  readonly position: Position
  readonly round: number
}

function statedIn(record: readonly DiscussionItem[], round: number): readonly Stated[] {
  return record.flatMap(statedBy).filter((each) => each.round === round)
}

function statedBy(item: DiscussionItem): readonly Stated[] {
  if (isContribution(item)) {
    const { participant, position, round } = item
    return position ? [{ participant, position, round }] : []
  }
  if (item.item !== 'poll') return []
  return item.votes.flatMap(({ participant, ballot }) => {
    const option = firstOf(ballot)
    return option === undefined ? [] : [{ participant, position: { option }, round: item.round }]
  })
}

/** The one option that a ballot puts first; undefined where it puts none, or several. */
export function firstOf(ballot: Ballot): string | undefined {
  switch (ballot.kind) {
    case 'single':
      return ballot.choice
    case 'ranked':
      return ballot.ranking[0]?.length === 1 ? ballot.ranking[0][0] : undefined
    case 'approval':
      return ballot.approves.length === 1 ? ballot.approves[0] : undefined
    case 'grades': {
      const [best, next] = Object.entries(ballot.grades).sort(([, a], [, b]) => b - a)
      return best && (!next || best[1] > next[1]) ? best[0] : undefined
    }
    case 'abstain':
    default:
      return undefined
  }
}

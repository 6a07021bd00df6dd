/**
 * The minutes of what an agenda may ask for beside discussion and ballots: who was given the floor, straw polls, the debate, a sealed
 * poll. Unlike `minutes.ts`, which knows the whole, it has a section for one event at a time.
 */
import type { Ballot } from '../vote/ballot.ts'
import { conveneTypes } from './event.ts'
import type { Concluded, ConveneData, ConveneEvent } from './event.ts'

type RoadType =
  | typeof conveneTypes.discussed
  | typeof conveneTypes.contested
  | typeof conveneTypes.debated
  | typeof conveneTypes.sealed

export type RoadEvent = Extract<ConveneEvent, { readonly type: RoadType }>

const roadTypes: ReadonlySet<string> = new Set<RoadType>([
  conveneTypes.discussed,
  conveneTypes.contested,
  conveneTypes.debated,
  conveneTypes.sealed,
])

export function isRoadEvent(event: ConveneEvent): event is RoadEvent {
  return roadTypes.has(event.type)
}

/** How what others wrote is shown and not obeyed. */
export interface RoadWords {
  readonly escape: (text: string) => string
  readonly block: (text: string) => string
  readonly ballotText: (ballot: Ballot) => string
}

export class RoadMinutes {
  readonly #words: RoadWords
  #phase: string | undefined
  #hasSealed = false

  constructor(words: RoadWords) {
    this.#words = words
  }

  section(event: RoadEvent): string[] {
    switch (event.type) {
      case conveneTypes.discussed:
        return this.#discussed(event.data)
      case conveneTypes.contested:
        return this.#contested(event.data)
      case conveneTypes.debated:
        return this.#debated(event.data)
      case conveneTypes.sealed:
      default:
        return this.#sealed(event.data)
    }
  }

  #discussed(item: ConveneData['colloquy.convene.discussed']): string[] {
    const { escape, ballotText } = this.#words
    switch (item.item) {
      case 'choice':
        return [
          `_The floor goes to ${escape(item.speaker)} (${item.by}${item.reason ? `: ${escape(item.reason)}` : ''})._`,
        ]
      case 'poll': {
        const votes = item.votes.map(
          ({ participant, status, ballot }) =>
            `${escape(participant)}: ${status === 'absent' ? 'absent' : escape(ballotText(ballot))}`,
        )
        return [`_Straw poll: ${votes.join('; ')}._`]
      }
      case 'escalation':
        return [`_${escape(item.by)} decides on the used-up budget (${item.reason}): ${item.decision}._`]
      case 'end':
      default:
        return [`_The talk is over: ${item.reason}._`]
    }
  }

  #contested({ contested, margin, threshold, held, reason }: ConveneData['colloquy.convene.contested']): string[] {
    const { escape } = this.#words
    const measured = `The lead of the first option is ${margin} of the weight; below ${threshold} it is contested.`
    const follows = held
      ? 'A debate is held.'
      : `No debate is held${reason === undefined ? '' : `: ${escape(reason)}`}.`
    return [`## Debate\n\n${measured} ${contested ? 'It is.' : 'It is not.'} ${follows}`]
  }

  #debated(item: ConveneData['colloquy.convene.debated']): string[] {
    const { escape, block } = this.#words
    switch (item.item) {
      case 'stop':
        return [`_The time for the debate is over._`]
      case 'audience':
        return [
          ...this.#heading(item.phase),
          `_${escape(item.participant)}: ${escape(item.side ?? 'undecided')}. ${escape(item.reason)}_`,
        ]
      case 'judgement':
        return [
          `_${escape(item.judge)} judges (${item.stage}, ${item.order.map(escape).join(' first, then ')}): ${item.status}. ${escape(item.reason)}_`,
        ]
      case 'contribution':
      default: {
        const head = `#### d${item.number} ${escape(item.participant)} (side ${escape(item.side)}, ${item.act ?? 'speech'})`
        const said = item.status === 'absent' ? `_Absent: ${escape(item.reason ?? '')}_` : block(item.text)
        const struck = (item.struck ?? []).map(({ text }) => `_Struck, not found in its source: "${escape(text)}"_`)
        return [...this.#heading(item.phase), [head, said, ...struck].join('\n\n')]
      }
    }
  }

  #heading(phase: string): string[] {
    if (phase === this.#phase) return []
    this.#phase = phase
    return [`### Debate: ${this.#words.escape(phase)}`]
  }

  #sealed(item: ConveneData['colloquy.convene.sealed']): string[] {
    const { escape, ballotText } = this.#words
    const heading = this.#hasSealed ? [] : ['## Sealed ballots']
    this.#hasSealed = true
    switch (item.item) {
      case 'sealed': {
        const commitment = item.commitment === undefined ? '' : ` \`${item.commitment}\``
        const said = item.status === 'absent' ? `is absent: ${escape(item.reason ?? '')}` : `has committed${commitment}`
        return [...heading, `- ${escape(item.participant)} ${said}`]
      }
      case 'commitment':
        return [...heading, `- ${escape(item.voter)} has committed \`${item.commitment}\``]
      case 'reveal':
      default: {
        const said = item.ballot ? escape(ballotText(item.ballot)) : 'a ballot that stays secret'
        const shown =
          item.refused === undefined
            ? `reveals ${said}. ${escape(item.reason ?? '')}`
            : `reveals nothing: ${escape(item.refused)}`
        return [...heading, `- ${escape(item.voter)} ${shown}`.trimEnd()]
      }
    }
  }
}

/** What a reader may check a sealed poll by. */
export function auditText({ audit }: Concluded): string[] {
  return audit ? [`Audit record of the sealed poll: head \`${audit.head}\`.`] : []
}

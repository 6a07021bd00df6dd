/**
 * The format of a debate as data: who speaks when, on whose behalf, and what each may see. Unlike a discussion's rounds each
 * phase names its speakers by side and seat, not by who they are. It is checked once, before anything is asked; it asks nobody.
 */
import { wholeNumber } from '../../base/limit.ts'
import { DebateInvalid } from './debate-error.ts'

/** A place in a team: the side's name and the seat in it, from 1. */
export interface SeatRef {
  readonly side: string
  readonly seat: number
}

/** What a speaker sees of earlier phases: none, all, or those that are named. Its own contributions it always sees. */
export type Sees = 'nothing' | 'all' | readonly string[]

/** What one turn may take. */
export interface TurnBounds {
  /** Characters of the text; more is cut, and a note says so. */
  readonly textMaxLength?: number
  /** Time for the turn, beside the debate's own deadline for turns. */
  readonly timeMs?: number
  /** Output tokens of the turn, known only when it ends: more is noted as overshoot. */
  readonly tokensMax?: number
}

export interface SpeechPhase {
  readonly kind: 'speeches'
  /** Unique in its format. */
  readonly name: string
  readonly act: 'opening' | 'speech' | 'rebuttal' | 'closing'
  /** In speaking order; each once. */
  readonly speakers: readonly SeatRef[]
  /** All speak at once and none sees another's of this phase. Default false: one after the other. */
  readonly sealed?: boolean
  readonly sees: Sees
  /** What the format asks for, in words. */
  readonly task?: string
  readonly bounds?: TurnBounds
}

/** Pairs of one question and one answer. A questioner that passes ends it; one that is absent loses that pair. */
export interface CrossPhase {
  readonly kind: 'cross-examination'
  readonly name: string
  readonly questioner: SeatRef
  readonly answerer: SeatRef
  /** From 1 to 20. */
  readonly pairs: number
  readonly sees: Sees
  /** Of each question and each answer. */
  readonly bounds?: TurnBounds
}

/** The audience votes. Skipped where there is none. */
export interface AudiencePhase {
  readonly kind: 'audience'
  readonly name: string
}

export type DebatePhase = SpeechPhase | CrossPhase | AudiencePhase

export interface FormatSide {
  /** Unique in the format: `for`, `opening-government`. */
  readonly name: string
  /** Seats that the phases may name, from 1 to 10. Fewer speakers take them in turn. */
  readonly seats: number
}

export interface DebateFormat {
  readonly name: string
  /** From 2 to 10, in the order of the format. */
  readonly sides: readonly FormatSide[]
  readonly phases: readonly DebatePhase[]
  /** Who decides: `judges`, or `audience`: the side that gained most between the first poll of the audience and the last. */
  readonly decision: 'judges' | 'audience'
  /** Where the order of speeches is defined. */
  readonly source?: string
}

/** Bounds of a format. */
export const formatLimits: {
  readonly sidesMax: number
  readonly seatsMax: number
  readonly phasesMax: number
  readonly pairsMax: number
  readonly nameMaxLength: number
} = { sidesMax: 10, seatsMax: 10, phasesMax: 100, pairsMax: 20, nameMaxLength: 100 }

/** The format, if it holds together. Throws `deliberation.debate_invalid` or `base.invalid_argument` with what does not. */
export function checkFormat(format: DebateFormat): DebateFormat {
  const { sides, phases } = format
  if (!Array.isArray(sides) || sides.length < 2 || sides.length > formatLimits.sidesMax)
    throw new DebateInvalid(`a format has 2 to ${formatLimits.sidesMax} sides`)
  if (!Array.isArray(phases) || phases.length > formatLimits.phasesMax)
    throw new DebateInvalid(`a format has at most ${formatLimits.phasesMax} phases`)
  const seats = new Map(sides.map((side) => [checkName('side', side.name), side.seats]))
  if (seats.size !== sides.length) throw new DebateInvalid('each side of a format needs a name of its own')
  for (const [name, count] of seats) wholeNumber(`seats of ${name}`, count, 1, formatLimits.seatsMax)
  const before = new Set<string>()
  for (const phase of phases) {
    checkPhase(phase, seats, before)
    before.add(phase.name)
  }
  if (!phases.some((phase) => phase.kind !== 'audience')) throw new DebateInvalid('nobody speaks in this format')
  if (format.decision !== 'judges' && format.decision !== 'audience')
    throw new DebateInvalid('decision is judges or audience')
  return format
}

function checkName(what: string, name: unknown): string {
  const { nameMaxLength } = formatLimits
  if (typeof name === 'string' && name.trim() === name && name.length >= 1 && name.length <= nameMaxLength) return name
  throw new DebateInvalid(`a ${what}'s name is text of 1 to ${nameMaxLength} characters without space around it`)
}

const speechActs: ReadonlySet<string> = new Set(['opening', 'speech', 'rebuttal', 'closing'])

function checkPhase(phase: DebatePhase, seats: ReadonlyMap<string, number>, before: ReadonlySet<string>): void {
  const name = checkName('phase', phase.name)
  if (before.has(name)) throw new DebateInvalid(`two phases are called ${name}; rename one`)
  switch (phase.kind) {
    case 'audience':
      return
    case 'speeches': {
      if (!speechActs.has(phase.act)) throw new DebateInvalid(`${name} asks for no act of a debate`)
      if (!Array.isArray(phase.speakers) || phase.speakers.length === 0)
        throw new DebateInvalid(`${name} has no speaker`)
      const keys = new Set(phase.speakers.map((ref) => checkSeat(name, ref, seats)))
      if (keys.size !== phase.speakers.length) throw new DebateInvalid(`a seat speaks twice in ${name}; add a phase`)
      break
    }
    case 'cross-examination': {
      checkSeat(name, phase.questioner, seats)
      checkSeat(name, phase.answerer, seats)
      if (phase.questioner.side === phase.answerer.side)
        throw new DebateInvalid(`in ${name} a side questions itself; name the other side`)
      wholeNumber(`pairs of ${name}`, phase.pairs, 1, formatLimits.pairsMax)
      break
    }
    default:
      throw new DebateInvalid(`${name} is no kind of phase: speeches, cross-examination or audience`)
  }
  checkSees(phase, before)
  checkBounds(name, phase.bounds ?? {})
}

function checkSeat(phase: string, ref: SeatRef, seats: ReadonlyMap<string, number>): string {
  const count = seats.get(ref?.side)
  if (count === undefined || !Number.isSafeInteger(ref.seat) || ref.seat < 1 || ref.seat > count)
    throw new DebateInvalid(`${phase} names a seat that no side has: ${JSON.stringify(ref)}`)
  return `${ref.side} ${ref.seat}`
}

function checkSees({ name, sees }: SpeechPhase | CrossPhase, before: ReadonlySet<string>): void {
  if (sees === 'nothing' || sees === 'all') return
  if (!Array.isArray(sees)) throw new DebateInvalid(`${name} sees nothing, all, or a list of phases`)
  const unknown = sees.find((each: string) => !before.has(each))
  if (unknown !== undefined) throw new DebateInvalid(`${name} sees ${String(unknown)}, which is no earlier phase`)
}

function checkBounds(name: string, bounds: TurnBounds): void {
  const { textMaxLength, timeMs, tokensMax } = bounds
  if (textMaxLength !== undefined) wholeNumber(`textMaxLength of ${name}`, textMaxLength, 1, 1_000_000)
  if (timeMs !== undefined) wholeNumber(`timeMs of ${name}`, timeMs, 1)
  if (tokensMax !== undefined) wholeNumber(`tokensMax of ${name}`, tokensMax, 1)
}

/**
 * The formats of debates that have a name. Each is data that `runDebate` follows; a list of your own does as well. A minute
 * of a speech stands for 900 characters of text, some 150 words. Points of information are left out of all of them: nobody
 * interrupts a speaker here.
 */
import { wholeNumber } from '../base/limit.ts'
import { checkFormat } from './core/debate-format.ts'
import type { CrossPhase, DebateFormat, DebatePhase, SeatRef, SpeechPhase, TurnBounds } from './core/debate-format.ts'

const minuteLength = 900

function minutes(count: number): TurnBounds {
  return { textMaxLength: count * minuteLength }
}

function seat(side: string, at: number = 1): SeatRef {
  return { side, seat: at }
}

export interface OxfordOptions {
  /** Speakers of each side in the openings, 1 to 4. Default 1. */
  readonly seats?: number
  /** All openings at once, none seeing another. Default true, so that the first speaker sets no frame for the second. */
  readonly sealedOpenings?: boolean
  /** Rounds of rebuttal, 0 to 10. Default 1. */
  readonly rebuttals?: number
  /** Question and answer pairs that each side puts to the other, 0 to 20. Default 0: none. */
  readonly crossExamination?: number
}

/**
 * For and against a motion, before an audience that votes before and after: the side that gained most has won, not the one
 * with most votes (Oxford Union; the rule of the gain is that of Intelligence Squared).
 */
export function oxford(options: OxfordOptions = {}): DebateFormat {
  const seats = wholeNumber('seats', options.seats ?? 1, 1, 4)
  const rounds = wholeNumber('rebuttals', options.rebuttals ?? 1, 0, 10)
  const pairs = wholeNumber('crossExamination', options.crossExamination ?? 0, 0, 20)
  const opening = Array.from({ length: seats }, (_, at) => [seat('for', at + 1), seat('against', at + 1)]).flat()
  const phases: DebatePhase[] = [
    { kind: 'audience', name: 'audience before' },
    { ...speeches('openings', 'opening', opening, 7), sealed: options.sealedOpenings ?? true, sees: 'nothing' },
  ]
  if (pairs > 0) phases.push(cross('for questions against', 'for', 'against', pairs, 1))
  if (pairs > 0) phases.push(cross('against questions for', 'against', 'for', pairs, 1))
  for (let round = 1; round <= rounds; round++)
    phases.push(speeches(`rebuttals ${round}`, 'rebuttal', [seat('for'), seat('against')], 4))
  phases.push(speeches('closings', 'closing', [seat('against'), seat('for')], 2))
  phases.push({ kind: 'audience', name: 'audience after' })
  return checkFormat({
    name: 'oxford',
    sides: [
      { name: 'for', seats },
      { name: 'against', seats },
    ],
    phases,
    decision: 'audience',
    source: 'Oxford Union order of debate; winner by gain as in Intelligence Squared',
  })
}

function speeches(name: string, act: SpeechPhase['act'], speakers: readonly SeatRef[], length: number): SpeechPhase {
  return { kind: 'speeches', name, act, speakers, sees: 'all', bounds: minutes(length) }
}

function cross(name: string, questioner: string, answerer: string, pairs: number, at: number, other = at): CrossPhase {
  return {
    kind: 'cross-examination',
    name,
    questioner: seat(questioner, at),
    answerer: seat(answerer, other),
    pairs,
    sees: 'all',
    bounds: minutes(1),
  }
}

/** One against one: 6, 3, 7, 3, 4, 6 and 3 minutes (National Speech and Debate Association, Lincoln-Douglas debate). */
export function lincolnDouglas(): DebateFormat {
  const [aff, neg] = ['affirmative', 'negative']
  return checkFormat({
    name: 'lincoln-douglas',
    sides: [
      { name: aff, seats: 1 },
      { name: neg, seats: 1 },
    ],
    phases: [
      { ...speeches('affirmative constructive', 'opening', [seat(aff)], 6), sees: 'nothing' },
      cross('cross-examination of the affirmative', neg, aff, 3, 1),
      speeches('negative constructive', 'speech', [seat(neg)], 7),
      cross('cross-examination of the negative', aff, neg, 3, 1),
      speeches('first affirmative rebuttal', 'rebuttal', [seat(aff)], 4),
      speeches('negative rebuttal', 'rebuttal', [seat(neg)], 6),
      speeches('second affirmative rebuttal', 'closing', [seat(aff)], 3),
    ],
    decision: 'judges',
    source: 'National Speech and Debate Association, Lincoln-Douglas debate, speech order and times',
  })
}

/**
 * Two against two: four constructive speeches of 8 minutes, each cross-examined for 3, then four rebuttals of 5, the negative
 * first (National Speech and Debate Association, policy debate).
 */
export function policy(): DebateFormat {
  const [aff, neg] = ['affirmative', 'negative']
  const constructive = (name: string, side: string, at: number, act: SpeechPhase['act'] = 'speech') =>
    speeches(name, act, [seat(side, at)], 8)
  const rebuttal = (name: string, side: string, at: number) => speeches(name, 'rebuttal', [seat(side, at)], 5)
  return checkFormat({
    name: 'policy',
    sides: [
      { name: aff, seats: 2 },
      { name: neg, seats: 2 },
    ],
    phases: [
      { ...constructive('first affirmative constructive', aff, 1, 'opening'), sees: 'nothing' },
      cross('second negative questions', neg, aff, 3, 2, 1),
      constructive('first negative constructive', neg, 1),
      cross('first affirmative questions', aff, neg, 3, 1, 1),
      constructive('second affirmative constructive', aff, 2),
      cross('first negative questions', neg, aff, 3, 1, 2),
      constructive('second negative constructive', neg, 2),
      cross('second affirmative questions', aff, neg, 3, 2, 2),
      rebuttal('first negative rebuttal', neg, 1),
      rebuttal('first affirmative rebuttal', aff, 1),
      rebuttal('second negative rebuttal', neg, 2),
      rebuttal('second affirmative rebuttal', aff, 2),
    ],
    decision: 'judges',
    source: 'National Speech and Debate Association, policy debate, speech order and times',
  })
}

export interface CrossExaminationOptions {
  /** Pairs that each side puts, 1 to 20. Default 3. */
  readonly pairs?: number
}

/**
 * Sealed openings, then each side questions the other, then one closing each that sees all: a short form of the house in the
 * manner of the Oregon plan, where cross-examination stands in the middle (Gray, Quarterly Journal of Speech Education, 1926).
 */
export function crossExamination(options: CrossExaminationOptions = {}): DebateFormat {
  const pairs = wholeNumber('pairs', options.pairs ?? 3, 1, 20)
  const both = [seat('affirmative'), seat('negative')]
  const openingsOnly: readonly string[] = ['openings']
  return checkFormat({
    name: 'cross-examination',
    sides: [
      { name: 'affirmative', seats: 1 },
      { name: 'negative', seats: 1 },
    ],
    phases: [
      { ...speeches('openings', 'opening', both, 6), sealed: true, sees: 'nothing' },
      { ...cross('negative questions', 'negative', 'affirmative', pairs, 1), sees: openingsOnly },
      { ...cross('affirmative questions', 'affirmative', 'negative', pairs, 1), sees: openingsOnly },
      speeches('closings', 'closing', [seat('negative'), seat('affirmative')], 4),
    ],
    decision: 'judges',
    source: 'after the Oregon plan of debating, J. Stanley Gray, 1926',
  })
}

const teams = ['opening-government', 'opening-opposition', 'closing-government', 'closing-opposition'] as const

/**
 * Four teams of two, ranked first to fourth: prime minister, leader of the opposition and their deputies, then the members
 * and the whips of the closing half, 7 minutes each (World Universities Debating Championship, debating and judging manual).
 */
export function britishParliamentary(): DebateFormat {
  const [og, oo, cg, co] = teams
  const order: readonly (readonly [string, SpeechPhase['act'], string, number])[] = [
    ['prime minister', 'opening', og, 1],
    ['leader of opposition', 'speech', oo, 1],
    ['deputy prime minister', 'speech', og, 2],
    ['deputy leader of opposition', 'speech', oo, 2],
    ['member of government', 'speech', cg, 1],
    ['member of opposition', 'speech', co, 1],
    ['government whip', 'closing', cg, 2],
    ['opposition whip', 'closing', co, 2],
  ]
  return checkFormat({
    name: 'british-parliamentary',
    sides: teams.map((name) => ({ name, seats: 2 })),
    phases: order.map(([name, act, side, at]) => speeches(name, act, [seat(side, at)], 7)),
    decision: 'judges',
    source: 'World Universities Debating Championship, debating and judging manual, order of speeches',
  })
}

export interface PanelOptions {
  /** One for each panelist: `keeper`, `racer`; 2 to 10. */
  readonly sides: readonly string[]
  /** Rounds of responses, 0 to 10. Default 1. */
  readonly rounds?: number
}

/** Each panelist for itself: sealed openings, rounds in which each answers, a closing each. All are ranked. A house form. */
export function panel(options: PanelOptions): DebateFormat {
  const rounds = wholeNumber('rounds', options.rounds ?? 1, 0, 10)
  const all = options.sides.map((name) => seat(name))
  return checkFormat({
    name: 'panel',
    sides: options.sides.map((name) => ({ name, seats: 1 })),
    phases: [
      { ...speeches('openings', 'opening', all, 4), sealed: true, sees: 'nothing' },
      ...Array.from({ length: rounds }, (_, at) => speeches(`responses ${at + 1}`, 'rebuttal', all, 3)),
      speeches('closings', 'closing', all, 2),
    ],
    decision: 'judges',
  })
}

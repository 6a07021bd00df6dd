/** Debates for tests: speakers and judges made of plain functions, and a record kept in a list. */
import { manualClock } from '../../src/base/manual-clock.ts'
import { seededRandom } from '../../src/base/random.ts'
import type { DebateItem, JudgementItem, SpokenItem } from '../../src/deliberation/core/debate-record.ts'
import { runDebate } from '../../src/deliberation/debate.ts'
import type { DebateOptions, DebateSide } from '../../src/deliberation/debate.ts'
import { crossExamination } from '../../src/deliberation/debate-formats.ts'
import type { Document } from '../../src/deliberation/document.ts'
import type { Hearing, Judge, Judgement } from '../../src/deliberation/judge.ts'
import type { Participant, Quote } from '../../src/deliberation/participant.ts'
import { paper } from './papers.ts'
import { noUsage, panelist } from './panelist.ts'

export const never: Promise<never> = new Promise<never>(() => {})

export interface TestJudge extends Judge {
  readonly hearings: Hearing[]
}

/** A judge that says what it is told to; by default the first side that it knows by position gets the points. */
export function testJudge(
  name: string,
  does: (hearing: Hearing, signal: AbortSignal) => Promise<Judgement> | Judgement,
  kind = 'code',
): TestJudge {
  const hearings: Hearing[] = []
  return {
    name,
    kind,
    hearings,
    async judge(hearing, signal) {
      hearings.push(hearing)
      return does(hearing, signal)
    },
  }
}

/** The same points on every criterion for each side, by its position. */
export function scoring(points: Readonly<Record<string, number>>, reason = 'as told') {
  return (hearing: Hearing): Judgement => ({
    scores: Object.fromEntries(
      hearing.sides.map((side) => [
        side.label,
        Object.fromEntries(hearing.rubric.map(({ name }) => [name, points[side.position] ?? 0])),
      ]),
    ),
    reason,
    usage: noUsage,
  })
}

export function sideOf(name: string, ...speakers: Participant[]): DebateSide {
  return { name, position: `the position of ${name}`, speakers }
}

export interface Held {
  readonly result: ReturnType<typeof runDebate>
  readonly recorded: DebateItem[]
  readonly clock: ReturnType<typeof manualClock>
}

export function debate(more: Partial<DebateOptions> = {}): Held {
  const recorded: DebateItem[] = [...(more.recorded ?? [])]
  const clock = manualClock()
  const options: DebateOptions = {
    motion: 'the house would write its own log',
    format: crossExamination({ pairs: 1 }),
    sides: [sideOf('affirmative', panelist('ann')), sideOf('negative', panelist('bob'))],
    judges: [testJudge('judge', scoring({ 'the position of affirmative': 7, 'the position of negative': 4 }))],
    clock,
    random: seededRandom(1),
    record: async (item) => {
      recorded.push(item)
      return item
    },
    ...more,
  }
  return { result: runDebate(options), recorded, clock }
}

export function spokenIn(record: readonly DebateItem[]): readonly SpokenItem[] {
  return record.filter((item) => item.item === 'contribution')
}

export function judgementsIn(record: readonly DebateItem[]): readonly JudgementItem[] {
  return record.filter((item) => item.item === 'judgement')
}

/** The evidence of these debates. */
export const logPaper: Document = paper('docs/log.md', 'A log of our own is fast.\nIt was never proven in the field.')

/** A quote as a speaker gives it, with a line that is wrong and a claim that it verifies. */
export function evidenceQuote(text: string): Quote {
  return { text, source: 'docs/log.md', line: 99, verified: true }
}

import { describe, expect, it } from 'vitest'
import { crossExamination } from '../../src/deliberation/debate-formats.ts'
import type { DebateItem } from '../../src/deliberation/core/debate-record.ts'
import { extractive } from '../../src/deliberation/extractive.ts'
import { extractiveJudge } from '../../src/deliberation/extractive-judge.ts'
import type { HeardSpeech, Hearing } from '../../src/deliberation/judge.ts'
import { passageIndex } from '../../src/deliberation/passage-index.ts'
import { seededRandom } from '../../src/base/random.ts'
import { debate, spokenIn } from './debate-kit.ts'
import { costPaper, options, storePaper, topic } from './papers.ts'

const documents = [storePaper, costPaper]
const signal = new AbortController().signal

function held(recorded?: readonly DebateItem[]) {
  const index = passageIndex(documents)
  return debate({
    motion: topic,
    options,
    format: crossExamination({ pairs: 1 }),
    sides: [
      {
        name: 'affirmative',
        position: 'SQLite is enough.',
        bearing: { option: options[0]!, direction: 'for' },
        speakers: [extractive({ name: 'keeper', index })],
      },
      {
        name: 'negative',
        position: 'SQLite is not enough.',
        bearing: { option: options[0]!, direction: 'against' },
        speakers: [extractive({ name: 'racer', index })],
      },
    ],
    judges: [extractiveJudge({ name: 'counter', index })],
    evidence: { documents, citation: 'required' },
    baseline: 'independent-vote',
    ...(recorded && { recorded }),
  })
}

describe('a debate of extractive participants on real documents', () => {
  it('is held with quotes that all verify, each side speaking its own way', async () => {
    const { record } = await held().result
    const spoken = spokenIn(record)
    expect(spoken.flatMap((item) => item.quotes).every((quote) => quote.verified)).toBe(true)
    expect(spoken.some((item) => item.struck)).toBe(false)
    const ways = (side: string) =>
      spoken
        .filter((item) => item.side === side && item.act === 'opening')
        .flatMap((item) => item.quotes.flatMap(({ bearing }) => bearing ?? []))
        .flatMap((bearing) => (bearing.option === options[0] ? [bearing.direction] : []))
    expect(ways('affirmative')).toContain('for')
    expect(ways('affirmative')).not.toContain('against')
    expect(ways('negative')).toContain('against')
    expect(ways('negative')).not.toContain('for')
  })

  it('asks about a quote of the other side, answers the question, and closes with nothing new', async () => {
    const { record } = await held().result
    const spoken = spokenIn(record)
    const question = spoken.find((item) => item.act === 'question' && item.status === 'given')!
    expect(question.text).toMatch(/^You rest on docs\/\w+\.md:\d+\. How does it stand beside this\?\n/)
    const target = spoken.find((item) => item.id === question.answers[0])!
    expect(target.side).not.toBe(question.side)
    const answer = spoken.find((item) => item.act === 'answer' && item.phase === question.phase)!
    expect(answer.status === 'passed' || answer.answers.includes(question.id)).toBe(true)
    for (const closing of spoken.filter((item) => item.act === 'closing')) {
      const before = spoken.filter((item) => item.side === closing.side && item.number < closing.number)
      const said = new Set(before.flatMap((item) => item.quotes.map((quote) => quote.text)))
      expect(closing.quotes.length).toBeGreaterThan(0)
      expect(closing.quotes.every((quote) => said.has(quote.text))).toBe(true)
      expect(closing.text).toMatch(new RegExp(`^In sum: ${said.size} quotes? of the evidence for my side`))
    }
  })

  it('ends in the same verdict in either order of hearing, and on every run', async () => {
    const one = await held().result
    const other = await held(one.record.slice(0, 7)).result
    expect(JSON.stringify(other)).toBe(JSON.stringify(one))
    expect(one.orderFlips).toEqual([])
    expect(one.judges[0]!.status).toBe('cast')
    expect(one.baseline!.before.status).toBe('decided')
  })
})

function spoke(number: number, label: string, more: Partial<HeardSpeech> = {}): HeardSpeech {
  return {
    id: `c${number}`,
    number,
    label,
    seat: 1,
    phase: 'p',
    act: 'speech',
    text: 'It is so.',
    quotes: [],
    answers: [],
    ...more,
  }
}

function hearing(speeches: readonly HeardSpeech[], more: Partial<Hearing> = {}): Hearing {
  return {
    motion: topic,
    options,
    sides: options.map((option, at) => ({ label: 'AB'[at]!, position: option })),
    speeches,
    rubric: ['evidence', 'rebuttal', 'coverage', 'clarity'].map((name) => ({ name, weight: 1 })),
    scoreMax: 10,
    stage: 'after',
    random: seededRandom(1),
    ...more,
  }
}

function quoted(text: string, verified = true, way?: 'for' | 'against') {
  return { text, source: 'a.md', line: 1, verified, ...(way && { bearing: { option: options[0]!, direction: way } }) }
}

describe('an extractive judge', () => {
  const judge = extractiveJudge({ name: 'counter' })

  it('gives more for quotes that verify and bear the side way, and less for what does not verify', async () => {
    const score = async (quotes: HeardSpeech['quotes']) =>
      (await judge.judge(hearing([spoke(1, 'A', { quotes })]), signal)).scores!['A']!['evidence']!
    const one = await score([quoted('one', true, 'for')])
    expect(await score([])).toBe(0)
    expect(one).toBe(2.5)
    expect(await score([quoted('one', true, 'for'), quoted('two', true, 'for')])).toBeGreaterThan(one)
    expect(await score([quoted('one', true, 'against')])).toBeLessThan(one)
    expect(await score([quoted('one', true, 'for'), quoted('two', false, 'for')])).toBeLessThan(one)
    expect(await score([quoted('one', true, 'for'), quoted('one', true, 'for')])).toBe(one)
    // A thousand quotes never reach the whole scale by themselves, and never pass it.
    const flood = Array.from({ length: 1000 }, (_, at) => quoted(`quote ${at}`, true, 'for'))
    expect(await score(flood)).toBeLessThanOrEqual(10)
  })

  it('counts an answer that is named and in the same words, or quotes on them, and none that came before', async () => {
    const rebuttal = async (speeches: readonly HeardSpeech[]) =>
      (await judge.judge(hearing(speeches), signal)).scores!['B']!['rebuttal']
    const said = spoke(1, 'A', { text: 'The segment log is scanned by every query.' })
    const answer = { text: 'No query scans the whole segment log.', answers: ['c1'] }
    expect(await rebuttal([said, spoke(2, 'B', answer)])).toBe(10)
    expect(await rebuttal([said, spoke(2, 'B', { ...answer, text: 'I answer all of it.' })])).toBe(0)
    expect(await rebuttal([spoke(1, 'A'), spoke(2, 'B')])).toBe(0)
    expect(await rebuttal([spoke(2, 'A'), spoke(1, 'B', { answers: ['c2'] })])).toBe(0)
    const point = quoted('the segment log is scanned by every query')
    const reply = quoted('every query scans the segment log at once')
    expect(await rebuttal([spoke(1, 'A', { quotes: [point] }), spoke(2, 'B', { quotes: [reply] })])).toBe(10)
  })

  it('takes short sentences for clear', async () => {
    const long = `${Array.from({ length: 30 }, (_, at) => `word${at}`).join(' ')}.`
    const { scores } = await judge.judge(
      hearing([spoke(1, 'A', { text: `Short one. ${long}` }), spoke(2, 'B')]),
      signal,
    )
    expect([scores!['A']!['clarity'], scores!['B']!['clarity']]).toEqual([5, 10])
  })

  it('says what it counted in its reason, and never claims to understand', async () => {
    const { reason } = await judge.judge(hearing([spoke(1, 'A', { quotes: [quoted('one', true, 'for')] })]), signal)
    expect(reason).toContain('A: 1 verified quote (1 bearing its way), 0 of 0 speeches of the others answered')
  })

  it('abstains on a criterion that it cannot measure, unless one of its measures stands for it', async () => {
    const rubric = [{ name: 'charm', weight: 1 }]
    expect(await judge.judge(hearing([], { rubric }), signal)).toMatchObject({ abstain: true })
    const mapped = extractiveJudge({ name: 'counter', measures: { charm: 'clarity' } })
    expect((await mapped.judge(hearing([], { rubric }), signal)).scores).toEqual({ A: { charm: 0 }, B: { charm: 0 } })
  })

  it('abstains before any talk without evidence of its own, and counts it with some', async () => {
    const before = hearing([], { stage: 'before' })
    expect(await judge.judge(before, signal)).toMatchObject({ abstain: true })
    using index = passageIndex(documents)
    const { scores } = await extractiveJudge({ name: 'counter', index }).judge(before, signal)
    expect(scores!['A']!['evidence']).toBeGreaterThan(scores!['B']!['evidence']!)
  })
})

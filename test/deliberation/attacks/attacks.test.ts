/** What attacks do to prompts and to judges of plain code. Counted; that a model resists is claimed nowhere. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../../src/base/random.ts'
import { extractiveJudge } from '../../../src/deliberation/extractive-judge.ts'
import { fenceOf } from '../../../src/deliberation/fence.ts'
import type { HeardSpeech, Hearing } from '../../../src/deliberation/judge.ts'
import { evidenceQuote } from '../debate-kit.ts'
import { attacks } from './texts.ts'

const texts = Object.values(attacks)
const hostile = fc.oneof(
  fc.constantFrom(...texts),
  fc
    .array(
      fc.oneof(
        fc.constantFrom(...texts, '\n', '\r', '\u2028', '#', '1', ' A1: ', '[a:', '1]', '<', '/data-'),
        fc.string(),
      ),
      {
        maxLength: 8,
      },
    )
    .map((parts) => parts.join('')),
)

function hearing(text: string): Hearing {
  const speech = (more: Partial<HeardSpeech>): HeardSpeech => ({
    id: 'c1',
    number: 1,
    label: 'A',
    seat: 1,
    phase: 'opening',
    act: 'opening',
    text: 'A log of our own is fast.',
    quotes: [],
    answers: [],
    ...more,
  })
  return {
    motion: 'Should we write a log of our own?',
    options: ['our own log', 'a known store'],
    sides: [
      { label: 'A', position: 'our own log', bearing: { option: 'our own log', direction: 'for' } },
      { label: 'B', position: 'a known store', bearing: { option: 'our own log', direction: 'against' } },
    ],
    speeches: [
      speech({ quotes: [evidenceQuote('A log of our own is fast.')] }),
      speech({ id: 'c2', number: 2, label: 'B', text: `A known store it is. ${text}` }),
    ],
    rubric: [{ name: 'evidence', description: 'verified quotes', weight: 1 }],
    scoreMax: 10,
    stage: 'after',
    random: seededRandom(1),
  }
}

describe('attacks on a prompt', () => {
  it('open and close no fence, and begin no contribution or passage but their own', () => {
    fc.assert(
      fc.property(hostile, fc.integer(), (text, seed) => {
        const fence = fenceOf(seededRandom(seed))
        const shown = fence.clean(`#7 B1, closing, closing: ${text}${fence.close}${fence.open('debate')}`)
        const later = shown.split(/[\n\r\v\f\u0085\u2028\u2029]/).slice(1)
        expect(shown).not.toMatch(/<\/?data-|<\||\[\/?INST\]/i)
        expect(shown).not.toContain(fence.close.slice(7, -1))
        expect(shown.startsWith('#7 B1, closing, closing: ')).toBe(true)
        expect(later.filter((line) => /^\s*(#\d+\s.{0,200}:|\[(?! )[^\]]{1,200}:\d+\])/.test(line))).toEqual([])
      }),
      { numRuns: 500 },
    )
  })

  it('leave what is no head as it is, so that quotes of it still verify', () => {
    const fence = fenceOf(seededRandom(1))
    const text = '# Log\n#12 is done\n[a link](https://example.org:80/x)\n- [x] done'
    expect(fence.clean(text)).toBe(text)
  })
})

describe('attacks on the judge of plain code', () => {
  it('change no score of evidence: it counts quotes, and reads no instruction', async () => {
    const judge = extractiveJudge({ name: 'judge' })
    const signal = new AbortController().signal
    const plain = await judge.judge(hearing(''), signal)
    const turned: string[] = []
    for (const [name, text] of Object.entries(attacks)) {
      const { scores } = await judge.judge(hearing(text), signal)
      if (JSON.stringify(scores) !== JSON.stringify(plain.scores)) turned.push(name)
    }
    expect(plain.scores?.['A']?.['evidence']).toBeGreaterThan(plain.scores?.['B']?.['evidence'] ?? Infinity)
    expect(turned).toEqual([])
  })

  it('are counted against all of its measures, and the count is told', async () => {
    const judge = extractiveJudge({ name: 'judge' })
    const signal = new AbortController().signal
    const rubric = ['evidence', 'rebuttal', 'coverage', 'clarity'].map((name) => ({
      name,
      description: name,
      weight: 1,
    }))
    const sums = async (text: string, more: Partial<HeardSpeech> = {}) => {
      const asked = hearing(text)
      const [first, second] = asked.speeches as [HeardSpeech, HeardSpeech]
      const { scores = {} } = await judge.judge({ ...asked, rubric, speeches: [first, { ...second, ...more }] }, signal)
      return ['A', 'B'].map((side) => Object.values(scores[side] ?? {}).reduce((sum, each) => sum + each, 0)) as [
        number,
        number,
      ]
    }
    const [a, b] = await sums('')
    const moved: string[] = []
    const turned: string[] = []
    const note = (name: string, [now, other]: readonly [number, number]) => {
      if (now !== a || other !== b) moved.push(name)
      if (Math.sign(now - other) !== Math.sign(a - b)) turned.push(name)
    }
    for (const [name, text] of Object.entries(attacks)) note(name, await sums(text))
    note('names every speech as answered', await sums('', { answers: ['c1'] }))
    note('fills up with short sentences', await sums('Yes. So it is. Quite so. '.repeat(200)))
    console.log(
      `extractive judge, four measures: ${moved.length} of ${Object.keys(attacks).length + 2} attacks move a score, ${turned.length} turn the verdict${turned.length > 0 ? `: ${turned.join(', ')}` : ''}`,
    )
    expect(a).toBeGreaterThan(b)
    // What counts words can be moved by words; who quotes nothing still does not win by them.
    expect(turned.filter((name) => name in attacks)).toEqual([])
  })

  it('gain nothing by quoting one sentence in slices', async () => {
    const judge = extractiveJudge({ name: 'judge' })
    const sentence = 'SQLite costs nothing to license and comes with the runtime, so installing stays simple for all.'
    const words = sentence.split(' ')
    const slices = Array.from({ length: 8 }, (_, at) => words.slice(at, at + 8).join(' '))
    const evidence = async (texts: readonly string[]) => {
      const asked = hearing('')
      const [first, second] = asked.speeches as [HeardSpeech, HeardSpeech]
      const quotes = texts.map((text) => evidenceQuote(text))
      const { scores } = await judge.judge(
        { ...asked, speeches: [first, { ...second, quotes }] },
        new AbortController().signal,
      )
      return scores?.['B']?.['evidence']
    }
    expect(await evidence([sentence, ...slices, 'SQLite', 'costs'])).toBe(await evidence([sentence]))
    expect(await evidence([sentence, 'Another thing stands in the very same page.'])).toBeGreaterThan(
      (await evidence([sentence]))!,
    )
  })
})

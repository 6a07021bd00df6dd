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
})

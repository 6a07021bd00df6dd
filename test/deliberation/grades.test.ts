import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../src/base/random.ts'
import { gradesFrom } from '../../src/deliberation/extractive-grades.ts'
import { ballotSchema, ballotTask, readVote } from '../../src/deliberation/llm-ballot.ts'
import { checkBallot, ruleFrom } from '../../src/vote/index.ts'
import type { Grading, RuleSpec } from '../../src/vote/index.ts'

const specs: readonly RuleSpec[] = [
  'score',
  { name: 'star', min: -3, max: 7 },
  { name: 'majority-judgement', max: 6 },
  'disapproval',
  'cumulative',
  { name: 'cumulative', points: 1 },
  'quadratic',
  { name: 'quadratic', credits: 3 },
]
const scaleOf = (spec: RuleSpec): Grading => ruleFrom(spec).grading ?? { min: 0, max: 0 }

describe('the grades of an extractive participant', () => {
  it('fit the scale of every rule, and never put a lower score above a higher', () => {
    const score = fc.integer({ min: -1200, max: 1200 }).map((each) => each / 1000)
    fc.assert(
      fc.property(
        fc.array(score, { minLength: 2, maxLength: 8 }),
        fc.constantFrom(...specs),
        fc.nat(),
        (scores, spec, seed) => {
          const scored = scores.map((each, at) => ({ option: `o${at}`, score: each }))
          const { grades } = gradesFrom(scored, scaleOf(spec), seededRandom(seed))
          fc.pre(new Set(scores).size > 1)
          const names = scored.map(({ option }) => option)
          expect(checkBallot({ kind: 'grades', grades }, names, 'grades', scaleOf(spec))).toBeUndefined()
          const byScore = scored.toSorted((a, b) => a.score - b.score).map((each) => grades?.[each.option] ?? 0)
          const told = scored.toSorted((a, b) => a.score - b.score)
          const turned = byScore.filter(
            (grade, at) => told[at + 1] && told[at]!.score < told[at + 1]!.score && grade > byScore[at + 1]!,
          )
          expect(turned).toEqual([])
        },
      ),
    )
  })

  it('are none where nothing tells the options apart', () => {
    const level = ['A', 'B'].map((option) => ({ option, score: 0.25 }))
    for (const spec of specs) expect(gradesFrom(level, scaleOf(spec), seededRandom(1)).grades).toBeUndefined()
  })

  it('share points in proportion to what speaks for an option', () => {
    const scored = [
      { option: 'A', score: 0.6 },
      { option: 'B', score: 0.4 },
      { option: 'C', score: -0.5 },
    ]
    expect(gradesFrom(scored, scaleOf('cumulative'), seededRandom(1)).grades).toEqual({ A: 6, B: 4, C: 0 })
    expect(gradesFrom(scored, scaleOf('disapproval'), seededRandom(1)).grades).toEqual({ A: 1, B: 1, C: -1 })
    expect(gradesFrom(scored, scaleOf('quadratic'), seededRandom(1)).grades).toEqual({ A: 6, B: 5, C: -5 })
  })

  it('give a point that cannot be shared by a lot that is told', () => {
    const scored = [
      { option: 'A', score: 0.5 },
      { option: 'B', score: 0.5 },
      { option: 'C', score: 0 },
    ]
    const given = Array.from({ length: 20 }, (_, seed) =>
      gradesFrom(scored, scaleOf({ name: 'cumulative', points: 1 }), seededRandom(seed)),
    )
    expect(new Set(given.map(({ grades }) => grades?.['A']))).toEqual(new Set([0, 1]))
    for (const { told } of given) expect(told).toContain('drawn by lot')
  })
})

describe("a model's ballot of grades", () => {
  const asked = { ballot: 'grades', options: ['A', 'B'], scale: scaleOf('cumulative') } as const

  it('is told the scale and what the grades must keep to', () => {
    expect(ballotTask(asked)).toContain('a number from 0 to 10; the grades of your ballot must sum to exactly 10')
    expect(ballotTask({ ...asked, scale: scaleOf('quadratic') })).toContain('squares of your grades may sum to 100')
    expect(JSON.stringify(ballotSchema(asked).json)).toContain('"grade":{"type":"number","minimum":0,"maximum":10}')
  })

  it('is read by the numbers of the options', () => {
    const grades = [
      { option: 2, grade: 3 },
      { option: 1, grade: 7 },
    ]
    expect(readVote({ grades, abstain: false, reason: 'r' }, asked)).toEqual({
      ballot: { kind: 'grades', grades: { A: 7, B: 3 } },
      reason: 'r',
    })
  })

  it.each([
    [
      'an option graded twice',
      [
        { option: 1, grade: 5 },
        { option: 1, grade: 5 },
      ],
      'graded twice',
    ],
    ['no option of that number', [{ option: 3, grade: 10 }], 'is not the number of an option'],
    ['prose for a grade', [{ option: 1, grade: 'ten' }], 'is not a number'],
    ['a wrong sum', [{ option: 1, grade: 9 }], 'must sum to 10'],
    ['no object', [null], 'is not the number of an option'],
  ])('is refused for %s', (_name, grades, message) => {
    expect(() => readVote({ grades }, asked)).toThrow(message)
  })

  it('can name who votes for it, where the poll lets it', () => {
    const offered = { ballot: 'single', options: ['A'], delegates: ['bo', 'cy'] } as const
    expect(ballotTask(offered)).toContain('(1 "bo", 2 "cy")')
    expect(readVote({ delegate: 2, choice: 1 }, offered)).toMatchObject({ delegate: 'cy', ballot: { kind: 'abstain' } })
    expect(readVote({ delegate: 0, choice: 1 }, offered)).toEqual({
      ballot: { kind: 'single', choice: 'A' },
      reason: '',
    })
    expect(readVote({ delegate: 2, choice: 1 }, { ballot: 'single', options: ['A'] })).not.toHaveProperty('delegate')
  })
})

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readPosition, turnTask } from '../../src/deliberation/llm-turn.ts'
import type { Act } from '../../src/deliberation/participant.ts'
import { contribution, turn } from './papers.ts'

describe('the position at the end of an answer', () => {
  const options = ['SQLite', 'a log']
  it.each([
    ['So it is.\nPOSITION: 1, 70% sure', 'So it is.', { option: 'SQLite', confidence: 0.7 }],
    ['So it is.\n**Position: option 2** (90 %)', 'So it is.', { option: 'a log', confidence: 0.9 }],
    ['POSITION: 2\nSo it is.', 'So it is.', { option: 'a log' }],
    ['> POSITION: 1, 20% sure\nx\nPOSITION: 2, 100%', 'x', { option: 'a log', confidence: 1 }],
    ['So it is.\nPOSITION: 7, 70% sure', 'So it is.', undefined],
    ['So it is.\nPOSITION: 1, 700% sure', 'So it is.', { option: 'SQLite' }],
    ['My position: 1 of them is wrong', 'My position: 1 of them is wrong', undefined],
  ])('%j', (text, rest, position) => {
    expect(readPosition(text, options)).toEqual({ text: rest, ...(position && { position }) })
  })

  it('is an option or none, whatever the text', () => {
    fc.assert(
      fc.property(
        fc.string(),
        fc.constantFrom('POSITION: ', 'position:', '\nPOSITION: 1'),
        fc.string(),
        (a, mark, b) => {
          const { position } = readPosition(`${a}\n${mark}${b}`, options)
          expect([undefined, ...options]).toContain(position?.option)
          expect(position?.confidence ?? 0).toBeGreaterThanOrEqual(0)
          expect(position?.confidence ?? 0).toBeLessThanOrEqual(1)
        },
      ),
    )
  })
})

describe('the task of a turn', () => {
  it('is another for every act, and says the side and what the format asks', () => {
    const acts: readonly Act[] = [
      'draft',
      'speech',
      'critique',
      'revision',
      'synthesis',
      'dissent',
      'opening',
      'rebuttal',
      'question',
      'answer',
      'closing',
    ]
    const asked = acts.map((act) => turnTask({ ...turn(1, [contribution(1, 'bo', {})]), act }))
    expect(new Set(asked).size).toBe(acts.length)
    const told = turnTask({ ...turn(1), task: 'Two minutes.', side: { name: 'pro', position: 'the motion' } })
    expect(told).toContain('"pro", which stands for: the motion')
    expect(told).toContain('Two minutes.')
  })
})

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { sagaShape } from './generated.ts'
import { ends, played, wrongsOf } from './judged.ts'
import type { Options } from './simulated.ts'

const choices = fc.array(fc.nat(0xffff), { maxLength: 150, size: 'max' })

/** What was wrong with the least saga that was found in time to show it, and its seed; empty when nothing was. */
function wrongIn(options: Options, numRuns: number): string {
  const property = fc.property(sagaShape, choices, (shape, list) => {
    const [wrong] = wrongsOf(played(shape, list, options))
    if (wrong !== undefined) throw new Error(wrong)
  })
  const found = fc.check(property, { numRuns, interruptAfterTimeLimit: 20_000 })
  return found.failed ? (fc.defaultReportMessage(found) ?? 'failed') : ''
}

describe('any saga, whatever comes', () => {
  it('ends whole or undone or rests, and is undone in the reverse order', () => {
    expect(wrongIn({ crashes: false, operators: false }, 2000)).toBe('')
  })

  it('does so through crashes and lost workers', () => {
    expect(wrongIn({ crashes: true, operators: false }, 2000)).toBe('')
  })

  it('does so when operators settle steps, try them again and turn it round', () => {
    expect(wrongIn({ crashes: true, operators: true }, 2000)).toBe('')
    // Ends that never come would show nothing.
    for (const end of ['completed', 'compensated', 'attention']) expect(ends.get(end)).toBeGreaterThan(100)
  })
})

import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Recorded } from '../../src/journal/journal.ts'
import { countUpTo, isPast } from '../../src/journal/position-order.ts'

/** Positions that are opaque, of a journal to which `appends` says how much is added between two questions. */
function journalOf(head: number, appends: readonly number[]) {
  let [last, asked] = [head, 0]
  return {
    behind: async (position: string) => {
      last += appends[asked++] ?? 0
      return last - numberOf(position)
    },
  }
}

const names = ['z', 'q', 'b', 'y', 'a', 'm']
const nameOf = (number: number) => (number === 0 ? '' : `${names[number % names.length]}${number}`)
const numberOf = (name: string) => (name === '' ? 0 : Number(name.slice(1)))

describe('the order of positions', () => {
  it('is that of the journal, whatever their texts are and whatever is appended meanwhile', async () => {
    const place = fc.integer({ min: 0, max: 20 })
    await fc.assert(
      fc.asyncProperty(
        place,
        place,
        fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 40 }),
        async (at, of, more) => {
          expect(await isPast(journalOf(20, more), nameOf(at), nameOf(of))).toBe(at >= of)
        },
      ),
    )
  })

  it('answers while appends never cease, when the distance is larger than what comes between two questions', async () => {
    const more = Array.from({ length: 1000 }, () => 1)
    expect(await isPast(journalOf(20, more), nameOf(11), nameOf(10))).toBe(true)
    expect(await isPast(journalOf(20, more), nameOf(10), nameOf(12))).toBe(false)
    // Too near to be sure: the cautious answer.
    expect(await isPast(journalOf(20, more), nameOf(10), nameOf(11))).toBe(false)
  })

  it('counts the events up to a position, of an event or between two', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.integer({ min: 1, max: 30 })),
        fc.integer({ min: 0, max: 30 }),
        async (all, until) => {
          const events = all.toSorted((a, b) => a - b).map((number) => ({ position: nameOf(number) }) as Recorded)
          const expected = all.filter((number) => number <= until).length
          expect(await countUpTo(journalOf(30, [1, 0, 2]), events, nameOf(until))).toBe(expected)
        },
      ),
    )
  })
})

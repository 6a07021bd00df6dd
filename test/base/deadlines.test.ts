import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DeadlineHeap } from '../../src/base/deadlines.ts'
import type { DeadlineEntry } from '../../src/base/deadlines.ts'

const step = fc.oneof(
  fc.record({ add: fc.nat(50) }),
  fc.record({ remove: fc.nat(100) }),
  fc.record({ move: fc.nat(100), to: fc.nat(50) }),
)

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

/** Runs the steps on a heap and on a list; size and first deadline after each. */
function replay(steps: readonly Step[]): { answers: string[]; expected: string[] } {
  const heap = new DeadlineHeap<DeadlineEntry>()
  const list: DeadlineEntry[] = []
  const answers: string[] = []
  const expected: string[] = []
  for (const each of steps) {
    if ('add' in each) {
      const entry = { dueMs: each.add, slot: -1 }
      list.push(entry)
      heap.add(entry)
    } else if (list.length > 0) {
      const at = ('move' in each ? each.move : each.remove) % list.length
      const entry = list[at] as DeadlineEntry
      if ('move' in each) heap.move(entry, each.to)
      else {
        list.splice(at, 1)
        heap.remove(entry)
        heap.remove(entry)
      }
    }
    answers.push(`${heap.size} ${heap.first?.dueMs}`)
    expected.push(`${list.length} ${list.length === 0 ? undefined : Math.min(...list.map(({ dueMs }) => dueMs))}`)
  }
  return { answers, expected }
}

describe('deadline heap', () => {
  it('knows what is due first, as a plain list does', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200, size: 'max' }), (steps) => {
        const { answers, expected } = replay(steps)
        expect(answers).toEqual(expected)
      }),
    )
  })
})

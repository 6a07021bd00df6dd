import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { reduce } from '../../src/sim/reduce.ts'

const hasAll = (needed: readonly number[]) => (part: readonly number[]) => needed.every((item) => part.includes(item))

describe('reduce', () => {
  it('finds exactly what a failure needs, when it needs certain items', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 60 }), fc.array(fc.nat(), { maxLength: 6 }), async (length, picks) => {
        const items = Array.from({ length }, (_, at) => at)
        const needed = length === 0 ? [] : [...new Set(picks.map((pick) => pick % length))].sort((a, b) => a - b)
        const result = await reduce(items, hasAll(needed))
        expect(result).toMatchObject({ items: needed, reproduced: true, minimal: true })
      }),
    )
  })

  it('leaves nothing that could be left out, whatever the failure is', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 7 }),
        fc.array(fc.boolean(), { minLength: 128, maxLength: 128 }),
        async (length, table) => {
          const items = Array.from({ length }, (_, at) => at)
          const fails = (part: readonly number[]) => table[part.reduce((sum, item) => sum + 2 ** item, 0)]!
          const result = await reduce(items, fails)
          expect(result.reproduced).toBe(fails(items))
          expect(fails(result.items)).toBe(result.reproduced)
          expect(result.minimal).toBe(result.reproduced)
          const without = result.items.map((left) => result.items.filter((item) => item !== left))
          expect(result.reproduced && without.some(fails)).toBe(false)
        },
      ),
      { numRuns: 500 },
    )
  })

  it('keeps the order, and tells equal items apart by their places', async () => {
    const result = await reduce(['x', 'a', 'x', 'b', 'x'], (part) => part.filter((item) => item === 'x').length >= 2)
    expect(result.items).toEqual(['x', 'x'])
  })

  it('never runs the same part twice, nor more often than it may', async () => {
    const items = Array.from({ length: 40 }, (_, at) => at)
    const asked: string[] = []
    const fails = async (part: readonly number[]) => {
      asked.push(part.join())
      return hasAll([3, 17, 31])(part)
    }
    const whole = await reduce(items, fails)
    expect(new Set(asked).size).toBe(asked.length)
    expect(whole.runs).toBe(asked.length)
    for (const runsMax of [1, 2, 5, whole.runs - 1]) {
      const cut = await reduce(items, fails, { runsMax })
      expect(cut.runs).toBe(runsMax)
      expect(cut.minimal).toBe(false)
      expect(hasAll([3, 17, 31])(cut.items)).toBe(true)
    }
    expect(await reduce(items, fails, { runsMax: whole.runs })).toEqual(whole)
  })

  it('says that a failure needs none of the items', async () => {
    expect(await reduce([1, 2, 3], () => true)).toEqual({ items: [], runs: 2, reproduced: true, minimal: true })
  })

  it('lets the errors of the test through and stops when it is aborted', async () => {
    await expect(reduce([1], () => Promise.reject(new Error('broken test')))).rejects.toThrow('broken test')
    const controller = new AbortController()
    const aborted = reduce(
      [1, 2, 3, 4],
      () => {
        controller.abort()
        return true
      },
      { signal: controller.signal },
    )
    await expect(aborted).rejects.toMatchObject({ code: 'base.aborted' })
    await expect(reduce([1], () => true, { runsMax: 0 })).rejects.toThrow(/runsMax must be/)
  })
})

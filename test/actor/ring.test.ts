import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Ring } from '../../src/actor/core/ring.ts'

describe('ring', () => {
  it('is a list with two ends, whatever is done to it', () => {
    const step = fc.constantFrom('push', 'push', 'push', 'unshift', 'shift')
    fc.assert(
      fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
        const ring = new Ring<number>()
        const list: number[] = []
        for (const [at, what] of steps.entries()) {
          const given = what === 'shift' ? ring.shift() : ring[what](at)
          const wanted = what === 'shift' ? list.shift() : list[what](at)
          expect(given).toBe(what === 'shift' ? wanted : undefined)
          expect(ring.size).toBe(list.length)
        }
        for (const value of list) expect(ring.shift()).toBe(value)
        expect(ring.shift()).toBeUndefined()
      }),
    )
  })

  it('keeps its order over a burst and after it', () => {
    const ring = new Ring<number>()
    for (let round = 0; round < 3; round++) {
      for (let at = 0; at < 1000; at++) ring.push(at)
      for (let at = 0; at < 1000; at++) expect(ring.shift()).toBe(at)
      ring.unshift(7)
      expect(ring.shift()).toBe(7)
    }
  })
})

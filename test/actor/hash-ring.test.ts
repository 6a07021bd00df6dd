import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { HashRing } from '../../src/actor/core/hash-ring.ts'

const keys = Array.from({ length: 4000 }, (_, at) => `key ${at}`)
const ringOf = (ids: readonly string[]) => {
  const ring = new HashRing<string>()
  for (const id of ids) ring.add(id, id)
  return ring
}
const ids = fc.uniqueArray(fc.string({ maxLength: 20 }), { minLength: 1, maxLength: 24 })

describe('hash ring', () => {
  it('gives nobody when there is nobody', () => {
    expect(new HashRing().of('key')).toBeUndefined()
    const ring = ringOf(['a'])
    expect(ring.of('key')).toBe('a')
    expect(ring.remove('a')).toBe(true)
    expect(ring.remove('a')).toBe(false)
    expect(ring.of('key')).toBeUndefined()
  })

  it('refuses two members of one id', () => {
    expect(() => ringOf(['a', 'a'])).toThrow(expect.objectContaining({ code: 'base.invalid_argument' }))
  })

  it('moves keys to the new member only, and only keys of the one that goes', () => {
    fc.assert(
      fc.property(ids, fc.string({ maxLength: 20 }), (members, added) => {
        fc.pre(!members.includes(added))
        const ring = ringOf(members)
        const sample = keys.slice(0, 300)
        const before = sample.map((key) => ring.of(key))
        ring.add(added, added)
        const after = sample.map((key) => ring.of(key))
        for (const [at, owner] of after.entries()) expect([before[at], added]).toContain(owner)
        ring.remove(added)
        expect(sample.map((key) => ring.of(key))).toEqual(before)
      }),
      { numRuns: 60 },
    )
  })

  it('asks for the same member whatever the order in which they came', () => {
    fc.assert(
      fc.property(ids, fc.func(fc.integer()), (members, rank) => {
        const shuffled = [...members].sort((a, b) => rank(a) - rank(b))
        const [one, other] = [ringOf(members), ringOf(shuffled)]
        for (const key of keys.slice(0, 200)) expect(one.of(key)).toBe(other.of(key))
      }),
      { numRuns: 60 },
    )
  })

  it('tells points of one place apart by id', () => {
    // The only points of these two fall together.
    const pair = ['node-139599', 'node-322382']
    for (const members of [pair, pair.toReversed()]) {
      const ring = new HashRing<string>({ points: 1 })
      for (const id of members) ring.add(id, id)
      expect(new Set(keys.map((key) => ring.of(key)))).toEqual(new Set(['node-139599']))
    }
  })

  it('moves about one part in n when the n-th member comes', () => {
    for (let n = 2; n <= 16; n++) {
      const ring = ringOf(Array.from({ length: n - 1 }, (_, at) => `node-${at}`))
      const before = keys.map((key) => ring.of(key))
      ring.add('new', 'new')
      const moved = keys.filter((key, at) => ring.of(key) !== before[at]).length / keys.length
      expect(moved).toBeGreaterThan(0.6 / n)
      expect(moved).toBeLessThan(1.5 / n)
    }
  })
})

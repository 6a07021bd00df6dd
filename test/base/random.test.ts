import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { InvalidArgument } from '../../src/base/error.ts'
import { type Random, seededRandom } from '../../src/base/random.ts'

/**
 * sfc32 and the seeding again, from their definitions and in big integers, so that no slip of 32-bit arithmetic in the
 * code is repeated here.
 */
function* reference(path: string): Generator<number, never> {
  const word = (value: bigint) => BigInt.asUintN(32, value)
  const rotate = (value: bigint, by: bigint) => word((value << by) | (value >> (32n - by)))
  const murmur = (seed: bigint) => {
    let hash = seed
    for (let at = 0; at < path.length; at++) {
      const block = word(rotate(word(BigInt(path.charCodeAt(at)) * 0xcc9e2d51n), 15n) * 0x1b873593n)
      hash = word(rotate(hash ^ block, 13n) * 5n + 0xe6546b64n)
    }
    hash ^= BigInt(path.length)
    hash = word((hash ^ (hash >> 16n)) * 0x85ebca6bn)
    hash = word((hash ^ (hash >> 13n)) * 0xc2b2ae35n)
    return hash ^ (hash >> 16n)
  }
  let [a, b, c, counter] = [murmur(0x9e3779b9n), murmur(0x243f6a88n), murmur(0xb7e15162n), 1n]
  for (let round = 0; ; round++) {
    const out = word(a + b + counter)
    counter = word(counter + 1n)
    a = b ^ (b >> 9n)
    b = word(c + (c << 3n))
    c = word(rotate(c, 21n) + out)
    if (round >= 12) yield Number(out)
  }
}

const draw = (random: Random, count: number) => Array.from({ length: count }, () => random.uint32())
const expected = (path: string, count: number) => {
  const words = reference(path)
  return Array.from({ length: count }, () => words.next().value)
}
const seed = fc.oneof(fc.string({ unit: 'binary' }), fc.integer(), fc.double())

describe('seeded random', () => {
  it('draws what an independent sfc32 draws, for every seed', () => {
    fc.assert(
      fc.property(seed, (value) => {
        const text = String(value)
        expect(draw(seededRandom(value), 40)).toEqual(expected(`${typeof value}:${text.length}:${text}`, 40))
      }),
    )
  })

  it('never changes: the first numbers of three seeds are pinned', () => {
    expect([draw(seededRandom(0), 3), draw(seededRandom('colloquy'), 3), draw(seededRandom(42).split('a'), 3)]).toEqual(
      [
        [647419360, 2931234022, 2082983883],
        [3736124951, 2572825440, 716660612],
        [2242470989, 4188811579, 3750108390],
      ],
    )
  })

  it('keeps the number 1 and the text 1 apart', () => {
    expect(draw(seededRandom(1), 4)).not.toEqual(draw(seededRandom('1'), 4))
  })

  it('gives floats in [0, 1) of 53 bits from two words', () => {
    fc.assert(
      fc.property(seed, (value) => {
        const [first, second] = draw(seededRandom(value), 2) as [number, number]
        const float = seededRandom(value).float()
        expect(float).toBe(((first >>> 5) * 2 ** 26 + (second >>> 6)) / 2 ** 53)
        expect(float >= 0 && float < 1).toBe(true)
      }),
    )
  })
})

describe('random split', () => {
  it('does not depend on how many numbers were drawn, on either side', () => {
    fc.assert(
      fc.property(seed, fc.string(), fc.nat(50), (value, name, drawn) => {
        const used = seededRandom(value)
        draw(used, drawn)
        expect(draw(used.split(name), 5)).toEqual(draw(seededRandom(value).split(name), 5))
        const split = seededRandom(value)
        draw(split.split(name), drawn)
        expect(draw(split, 5)).toEqual(draw(seededRandom(value), 5))
      }),
    )
  })

  it('gives different paths of names different streams', () => {
    const path = fc.array(fc.oneof(fc.string(), fc.constantFrom('a', 'a/b', 'b/c', '1:b', '')), { maxLength: 4 })
    const walk = (from: Random, names: readonly string[]) => names.reduce((random, name) => random.split(name), from)
    fc.assert(
      fc.property(path, path, (left, right) => {
        fc.pre(JSON.stringify(left) !== JSON.stringify(right))
        expect(draw(walk(seededRandom('s'), left), 4)).not.toEqual(draw(walk(seededRandom('s'), right), 4))
      }),
    )
    expect(draw(seededRandom('s').split('a').split('b/c'), 4)).not.toEqual(
      draw(seededRandom('s').split('a/b').split('c'), 4),
    )
  })

  it('keeps a seed that is written like a path apart from the split', () => {
    expect(draw(seededRandom('a/1:b'), 4)).not.toEqual(draw(seededRandom('a').split('b'), 4))
    expect(draw(seededRandom('a'), 4)).not.toEqual(draw(seededRandom('').split('a'), 4))
  })
})

describe('random integer', () => {
  it('stays in [0, below)', () => {
    fc.assert(
      fc.property(seed, fc.integer({ min: 1, max: 2 ** 32 }), (value, below) => {
        const drawn = seededRandom(value).integer(below)
        expect(Number.isInteger(drawn) && drawn >= 0 && drawn < below).toBe(true)
      }),
    )
  })

  it('draws again from the words that would favour the low numbers, and only from those', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 2 ** 32 }), (value, below) => {
        const words = reference(`number:${String(value).length}:${value}`)
        const fair = 2 ** 32 - (2 ** 32 % below)
        let word = words.next().value
        while (word >= fair) word = words.next().value
        expect(seededRandom(value).integer(below)).toBe(word % below)
      }),
    )
  })

  it('meets the redraw: at 2^31+1 about half of all words are unfair', () => {
    const below = 2 ** 31 + 1
    const random = seededRandom('redraw')
    const plain = seededRandom('redraw')
    for (let count = 0; count < 100; count++) expect(random.integer(below)).toBeLessThan(below)
    draw(plain, 100)
    expect(random.uint32()).not.toBe(plain.uint32())
  })

  it('takes the first unfair word as unfair: below a word past 2^31 that is the word itself', () => {
    const [first, second] = draw(seededRandom('rim'), 2) as [number, number]
    expect(first).toBeGreaterThan(2 ** 31)
    expect(second).toBeLessThan(first)
    expect(seededRandom('rim').integer(first)).toBe(second)
  })

  it('gives the 6 faces of a die within 5 standard deviations of equal shares', () => {
    const random = seededRandom('die')
    const seen = [0, 0, 0, 0, 0, 0]
    for (let count = 0; count < 60_000; count++) (seen[random.integer(6)] as number) += 1
    for (const count of seen) expect(Math.abs(count - 10_000)).toBeLessThan(5 * Math.sqrt(60_000 * (1 / 6) * (5 / 6)))
  })

  it.each([0, -1, 1.5, 2 ** 32 + 1, Number.NaN])('refuses a bound of %d', (below) => {
    expect(() => seededRandom(1).integer(below)).toThrow(InvalidArgument)
  })
})

describe('random pick and shuffle', () => {
  it('shuffles into a permutation, in a copy', () => {
    fc.assert(
      fc.property(seed, fc.array(fc.integer()), (value, items) => {
        const before = [...items]
        const shuffled = seededRandom(value).shuffle(items)
        expect(items).toEqual(before)
        expect(shuffled.toSorted((a, b) => a - b)).toEqual(items.toSorted((a, b) => a - b))
      }),
    )
  })

  it('reaches every order of three about equally often', () => {
    const random = seededRandom('orders')
    const seen = new Map<string, number>()
    for (let count = 0; count < 6000; count++) {
      const order = random.shuffle(['a', 'b', 'c']).join('')
      seen.set(order, (seen.get(order) ?? 0) + 1)
    }
    expect(seen.size).toBe(6)
    for (const count of seen.values()) expect(Math.abs(count - 1000)).toBeLessThan(150)
  })

  it('picks one of the items and refuses to pick from none', () => {
    fc.assert(
      fc.property(seed, fc.array(fc.integer(), { minLength: 1 }), (value, items) => {
        expect(items).toContain(seededRandom(value).pick(items))
      }),
    )
    expect(() => seededRandom(1).pick([])).toThrow(InvalidArgument)
  })
})

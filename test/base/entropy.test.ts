import { describe, expect, it } from 'vitest'
import { predictableEntropy, systemEntropy } from '../../src/base/entropy.ts'
import { InvalidArgument } from '../../src/base/error.ts'
import { seededRandom } from '../../src/base/random.ts'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

describe('system entropy', () => {
  it('gives fresh bytes of the asked length, on both sides of its pool', () => {
    const seen = new Set<string>()
    for (let round = 0; round < 300; round++)
      for (const length of [16, 33, 1024, 1025, 5000]) {
        const bytes = systemEntropy.bytes(length)
        expect(bytes).toHaveLength(length)
        seen.add(hex(bytes.subarray(0, 16)))
      }
    expect(seen.size).toBe(1500)
  })

  it('owns nothing of what it gave: two answers share no memory and no buffer beyond them', () => {
    const [first, second] = [systemEntropy.bytes(16), systemEntropy.bytes(16)]
    expect(first.buffer.byteLength).toBe(16)
    const before = hex(second)
    first.fill(0)
    expect(hex(second)).toBe(before)
  })

  it('gives nothing for 0', () => expect(systemEntropy.bytes(0)).toHaveLength(0))

  it.each([-1, -16, 1.5, Number.NaN, 2 ** 31])('refuses a length of %d and stays unpredictable', (length) => {
    systemEntropy.bytes(32)
    expect(() => systemEntropy.bytes(length)).toThrow(InvalidArgument)
    const after = systemEntropy.bytes(32)
    expect(after).toHaveLength(32)
    expect(hex(after)).not.toMatch(/0{16}/)
  })
})

describe('predictable entropy', () => {
  it('repeats itself from the same seed', () => {
    const of = (seed: string) => hex(predictableEntropy(seededRandom(seed)).bytes(40))
    expect(of('a')).toBe(of('a'))
    expect(of('a')).not.toBe(of('b'))
  })

  it('refuses a bad length', () => {
    expect(() => predictableEntropy(seededRandom(1)).bytes(-1)).toThrow(InvalidArgument)
  })
})

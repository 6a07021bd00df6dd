import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { crc32c } from '../../src/base/crc32c.ts'

const filled = (byte: number) => new Uint8Array(32).fill(byte)
const counting = Uint8Array.from({ length: 32 }, (_none, at) => at)

/** One bit after the other, as RFC 3720 defines the sum. */
function bitwise(bytes: Uint8Array): number {
  let sum = 0xffffffff
  for (const byte of bytes)
    for (let bit = 0; bit < 8; bit++) {
      const odd = ((sum ^ (byte >>> bit)) & 1) === 1
      sum = odd ? (sum >>> 1) ^ 0x82f63b78 : sum >>> 1
    }
  return ~sum >>> 0
}

describe('crc32c', () => {
  it.each([
    ['zeros', filled(0), 0x8a9136aa],
    ['ones', filled(0xff), 0x62a8ab43],
    ['counting up', counting, 0x46dd794e],
    ['counting down', counting.toReversed(), 0x113fdb5c],
    ['digits', Buffer.from('123456789'), 0xe3069283],
    ['nothing', new Uint8Array(0), 0],
  ])('gives the sum of RFC 3720 for %s', (_name, bytes, sum) => {
    expect(crc32c(bytes)).toBe(sum)
  })

  it('equals the definition by bits, for bytes of any length', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        expect(crc32c(bytes)).toBe(bitwise(bytes))
      }),
    )
  })

  it('goes on from the sum of what came before, and over any part', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat(60), fc.nat(60), (bytes, one, other) => {
        const [from, to] = [Math.min(one, other, bytes.length), Math.min(Math.max(one, other), bytes.length)]
        expect(crc32c(bytes.subarray(from), crc32c(bytes.subarray(0, from)))).toBe(crc32c(bytes))
        expect(crc32c(bytes, 0, from, to)).toBe(crc32c(bytes.slice(from, to)))
      }),
    )
  })
})

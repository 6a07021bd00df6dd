import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ByteReader, ByteWriter } from '../../src/raft/bytes.ts'
import { InvalidFrame } from '../../src/raft/error.ts'
import { numbers } from './wire-kit.ts'

describe('bytes of a frame', () => {
  it('reads what was written, whatever the hint of its size', () => {
    const part = fc.oneof(
      fc.record({ what: fc.constant('u8' as const), value: fc.nat(255) }),
      fc.record({ what: fc.constant('u32' as const), value: fc.nat(2 ** 32 - 1) }),
      fc.record({ what: fc.constant('varint' as const), value: numbers }),
      fc.record({ what: fc.constant('blob' as const), value: fc.uint8Array({ maxLength: 400 }) }),
      fc.record({ what: fc.constant('text' as const), value: fc.string({ unit: 'grapheme', maxLength: 20 }) }),
    )
    fc.assert(
      fc.property(fc.array(part), fc.nat(600), (parts, hint) => {
        const out = new ByteWriter(hint)
        for (const { what, value } of parts)
          if (what === 'blob') out.blob(value)
          else if (what === 'text') out.text(value)
          else out[what](value)
        const bytes = out.finish()
        expect(bytes.length).toBe(out.length)
        const input = new ByteReader(bytes)
        const read = parts.map(({ what }) =>
          what === 'blob' ? Uint8Array.from(input.blob()) : what === 'text' ? input.text(1000) : input[what](),
        )
        expect(read).toEqual(parts.map(({ value }) => value))
        input.end()
      }),
    )
  })

  it('writes a number in as few bytes as it needs', () => {
    for (let bits = 0; bits <= 53; bits++) {
      const out = new ByteWriter()
      out.varint(Math.min(2 ** bits, Number.MAX_SAFE_INTEGER))
      expect(out.length).toBe(bits === 53 ? 8 : Math.floor(bits / 7) + 1)
    }
  })

  it('writes no number that is not whole, below zero or above 2^53-1', () => {
    for (const value of [-1, 0.5, 200.5, 2 ** 53, Number.NaN, Infinity])
      expect(() => new ByteWriter().varint(value)).toThrow(expect.objectContaining({ code: 'raft.broken_invariant' }))
  })

  it('refuses numbers that are too large, too long or cut off', () => {
    const bad = [[0x80], [0x80, 0], [0xff, 0x80, 0], [255, 255, 255, 255, 255, 255, 255, 16], Array(9).fill(0x81), []]
    for (const bytes of bad) expect(() => new ByteReader(Uint8Array.from(bytes)).varint()).toThrow(InvalidFrame)
    expect(new ByteReader(Uint8Array.of(255, 255, 255, 255, 255, 255, 255, 15)).varint()).toBe(Number.MAX_SAFE_INTEGER)
  })

  it('refuses lengths beyond the end or the bound, and what is left over', () => {
    expect(() => new ByteReader(Uint8Array.of(3, 1, 2)).blob()).toThrow('ends too early')
    expect(() => new ByteReader(Uint8Array.of(2, 1, 2)).blob(1)).toThrow('above 1')
    expect(() => new ByteReader(Uint8Array.of(3, 1, 2)).count(10)).toThrow('announces more')
    expect(() => new ByteReader(Uint8Array.of(2, 1, 2, 3)).count(10, 2)).toThrow('announces more')
    expect(() => new ByteReader(Uint8Array.of(1, 2, 3)).u32()).toThrow('ends too early')
    expect(() => new ByteReader(Uint8Array.of(2)).flag()).toThrow('flag')
    expect(() => new ByteReader(Uint8Array.of(1, 0xff)).text(10)).toThrow('UTF-8')
    expect(() => new ByteReader(Uint8Array.of(1)).end()).toThrow('1 bytes after its end')
  })
})

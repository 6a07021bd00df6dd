import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Entry } from '../../../src/raft/core/message.ts'
import {
  countWithin,
  entriesBytes,
  entryBytes,
  limitBytes,
  sliceWithin,
  payloadBytes,
  varintBytes,
} from '../../../src/raft/core/wire-size.ts'

const entryOf = (term: number, index: number, size?: number): Entry => ({
  term,
  index,
  type: 'EntryNormal',
  data: size === undefined ? undefined : new Uint8Array(size),
})

describe('sizes on the wire', () => {
  it('count seven bits a byte for whole numbers', () => {
    const number = fc.maxSafeNat()
    fc.assert(
      fc.property(number, (value) => varintBytes(value) === Math.ceil(Math.max(1, value.toString(2).length) / 7)),
    )
    expect([0, 127, 128, 2 ** 32, Number.MAX_SAFE_INTEGER].map(varintBytes)).toEqual([1, 1, 2, 5, 8])
  })

  it('are those of raftpb: tags, type, term, index, and data with its length', () => {
    // 08 00 10 01 18 01, and 22 03 with three bytes.
    expect(entryBytes(entryOf(1, 1))).toBe(6)
    expect(entryBytes(entryOf(1, 1, 0))).toBe(8)
    expect(entryBytes(entryOf(1, 1, 3))).toBe(11)
    expect(entryBytes(entryOf(300, 200, 200))).toBe(4 + 2 + 2 + 1 + 2 + 200)
  })

  it('of payloads are the data alone', () => {
    expect(payloadBytes([entryOf(1, 1, 3), entryOf(1, 2), entryOf(1, 3, 4)])).toBe(7)
  })

  it('limit to the longest prefix that fits, and to one entry at least', () => {
    const entries = fc
      .array(fc.nat(50), { maxLength: 10 })
      .map((sizes) => sizes.map((size, at) => entryOf(1, at, size)))
    fc.assert(
      fc.property(entries, fc.nat(400), (all, max) => {
        const kept = limitBytes(all, max)
        // The longest prefix that fits, found the slow way.
        const fitting = all.findLastIndex((_, at) => entriesBytes(all.slice(0, at + 1)) <= max) + 1
        expect(kept).toEqual(all.slice(0, Math.max(fitting, 1)))
        expect(countWithin(all, Infinity)).toBe(all.length)
      }),
    )
  })

  it('cut a part out of a long log in the same way, and look at one entry at most that does not fit', () => {
    const sizes = fc.array(fc.nat(50), { minLength: 1, maxLength: 10 })
    fc.assert(
      fc.property(sizes, fc.nat(9), fc.nat(400), (each, from, max) => {
        const all = each.map((size, at) => entryOf(1, at, size))
        const start = Math.min(from, all.length)
        expect(sliceWithin(all, start, all.length, max)).toEqual(limitBytes(all.slice(start), max))
      }),
    )
    const log = [entryOf(1, 1, 3), entryOf(1, 2, 3), entryOf(1, 3, 3)]
    // Nothing stands behind them: to look there would throw.
    log.length = 1000
    expect(sliceWithin(log, 0, 1000, 25)).toEqual(log.slice(0, 2))
  })
})

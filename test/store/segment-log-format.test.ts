import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  decodeHead,
  encodeBatch,
  encodeHead,
  isEmpty,
  readBatchHead,
  readRecords,
  sealSeed,
  sectorBytes,
  sectorState,
} from '../../src/store/segment-log-format.ts'

const head = { number: 3, logId: new Uint8Array(16).fill(1), salt: new Uint8Array(16).fill(2), sizeBytes: 8192 }
const seed = sealSeed(head)
const records = fc.array(
  fc.record({ kind: fc.integer({ min: 1, max: 255 }), payload: fc.uint8Array({ maxLength: 900 }) }),
  {
    maxLength: 5,
  },
)
const whole = fc.maxSafeNat()

/** A batch at sector 0, as a file of its own. */
function batchOf(made: { kind: number; payload: Uint8Array }[], number = 9) {
  return encodeBatch(seed, 0, { number, covered: 4, sumBefore: 5, firstSegment: 6 }, made)
}

describe('bytes of a segment log', () => {
  it('a batch is read as it was written', () => {
    fc.assert(
      fc.property(records, whole, whole, (made, number, covered) => {
        const { bytes, sum } = encodeBatch(seed, 0, { number, covered, sumBefore: 5, firstSegment: 6 }, made)
        const found = readBatchHead(bytes, 0)
        expect(found).toMatchObject({ number, covered, sumBefore: 5, firstSegment: 6, count: made.length })
        expect(found && readRecords(bytes, 0, found)).toEqual({ records: made, sum })
      }),
    )
  })

  it('a sector is good in its place, batch, segment and role alone', () => {
    fc.assert(
      fc.property(records, fc.nat(20), fc.nat(20), (made, sector, number) => {
        const { bytes } = batchOf(made)
        const other = sealSeed({ ...head, salt: new Uint8Array(16).fill(3) })
        for (let at = 0; at < bytes.length / sectorBytes; at++) {
          expect(sectorState(bytes, seed, at, 9, at === 0)).toBe('good')
          expect(sectorState(bytes, seed, at, 9, at !== 0)).toBe('damaged')
          expect(sectorState(bytes, other, at, 9, at === 0)).toBe('damaged')
          expect(sectorState(bytes, seed, at, number, at === 0)).toBe(number === 9 ? 'good' : 'damaged')
          const moved = new Uint8Array(21 * sectorBytes)
          moved.set(bytes.subarray(at * sectorBytes, (at + 1) * sectorBytes), sector * sectorBytes)
          expect(sectorState(moved, seed, sector, 9, at === 0)).toBe(sector === at ? 'good' : 'damaged')
        }
      }),
    )
  })

  it('no written sector is empty, and every changed bit is seen', () => {
    fc.assert(
      fc.property(records, fc.nat(), fc.nat(7), (made, place, bit) => {
        const { bytes } = batchOf(made)
        for (let at = 0; at < bytes.length; at += sectorBytes) expect(isEmpty(bytes, at)).toBe(false)
        const byte = place % bytes.length
        bytes[byte] = (bytes[byte] as number) ^ (1 << bit)
        const sector = Math.floor(byte / sectorBytes)
        expect(sectorState(bytes, seed, sector, 9, sector === 0)).toBe('damaged')
      }),
    )
    expect(sectorState(new Uint8Array(sectorBytes), seed, 0, 9, true)).toBe('empty')
  })

  it('records whose sums do not go on are told, behind good seals too', () => {
    const { bytes } = batchOf([{ kind: 1, payload: new Uint8Array(20) }])
    const found = readBatchHead(bytes, 0)
    expect(found && readRecords(bytes, 0, { ...found, sumBefore: 6 })).toMatch(/does not go on/)
    expect(found && readRecords(bytes, 0, { ...found, count: 2 })).toMatch(/ends within/)
    expect(found && readRecords(bytes, 0, { ...found, count: 0 })).toMatch(/longer/)
    expect(found && readRecords(bytes, 0, { ...found, lengthBytes: 50 })).toMatch(/ends within a record/)
  })

  it('the head of a segment is read as it was written, and with any bit changed is none', () => {
    fc.assert(
      fc.property(whole, whole, fc.nat(sectorBytes - 1), fc.nat(7), (number, sizeBytes, byte, bit) => {
        const sector = encodeHead({ ...head, number, sizeBytes })
        expect(decodeHead(sector)).toEqual({ ...head, number, sizeBytes })
        sector[byte] = (sector[byte] as number) ^ (1 << bit)
        expect(decodeHead(sector)).toBe(undefined)
      }),
    )
  })
})

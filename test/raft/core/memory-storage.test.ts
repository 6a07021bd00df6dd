import { describe, expect, it } from 'vitest'
import { MemoryStorage } from '../../../src/raft/core/memory-storage.ts'
import { type Entry, emptyConfState, emptyHardState } from '../../../src/raft/core/message.ts'

const entry = (index: number, term = 1): Entry => ({ term, index, type: 'EntryNormal' })
const snapshot = (index: number) => ({ metadata: { index, term: 2, confState: { ...emptyConfState, voters: [1] } } })

function full(): MemoryStorage {
  const storage = new MemoryStorage()
  storage.append([entry(1), entry(2), entry(3), entry(4)])
  return storage
}

describe('the storage in memory', () => {
  it('begins empty, at index 1', () => {
    const storage = new MemoryStorage()
    expect([storage.firstIndex(), storage.lastIndex(), storage.term(0)]).toEqual([1, 0, 0])
    expect(storage.initialState()).toEqual({ hardState: emptyHardState, confState: emptyConfState })
    expect(storage.entries(1, 1, Infinity)).toBe('unavailable')
  })

  it('forgets what is compacted, but for the last term', () => {
    const storage = full()
    expect(storage.compact(2)).toBeUndefined()
    expect(storage.compact(2)).toBe('compacted')
    expect([storage.term(1), storage.term(2), storage.term(3), storage.term(5)]).toEqual([
      'compacted',
      1,
      1,
      'unavailable',
    ])
    expect(storage.entries(2, 4, Infinity)).toBe('compacted')
    expect(storage.entries(3, 5, Infinity)).toEqual([entry(3), entry(4)])
    expect(() => storage.compact(9)).toThrow(/outside the log/)
  })

  it('overwrites from the first new entry on, and skips what is compacted', () => {
    const storage = full()
    storage.compact(2)
    storage.append([entry(1, 9), entry(2, 9)])
    expect(storage.lastIndex()).toBe(4)
    storage.append([entry(2, 9), entry(3, 3)])
    expect(storage.entries(3, 4, Infinity)).toEqual([entry(3, 3)])
    expect(storage.lastIndex()).toBe(3)
    expect(() => storage.append([entry(5)])).toThrow(/gap/)
  })

  it('gives arrays that its own changes do not reach', () => {
    const storage = full()
    const given = storage.entries(1, 5, Infinity)
    storage.append([entry(2, 7)])
    expect(given).toEqual([entry(1), entry(2), entry(3), entry(4)])
  })

  it('gives one entry however few bytes are allowed', () => {
    expect(full().entries(1, 5, 0)).toEqual([entry(1)])
    expect(full().entries(1, 5, 12)).toEqual([entry(1), entry(2)])
  })

  it('takes newer snapshots only', () => {
    const storage = full()
    expect(storage.applySnapshot(snapshot(6))).toBeUndefined()
    expect([storage.firstIndex(), storage.lastIndex(), storage.term(6)]).toEqual([7, 6, 2])
    expect(storage.applySnapshot(snapshot(6))).toBe('snapshot_out_of_date')
    expect(storage.initialState().confState.voters).toEqual([1])
  })

  it('makes snapshots of what it has, with the configuration of before unless another is given', () => {
    const storage = full()
    const voters = { ...emptyConfState, voters: [1, 2] }
    expect(storage.createSnapshot(2, voters, undefined)).toEqual({
      metadata: { index: 2, term: 1, confState: voters },
      data: undefined,
    })
    const later = storage.createSnapshot(3, undefined, undefined)
    expect(later).toMatchObject({ metadata: { index: 3, confState: voters } })
    expect(storage.createSnapshot(3, undefined, undefined)).toBe('snapshot_out_of_date')
    expect(() => storage.createSnapshot(9, undefined, undefined)).toThrow(/outside the log/)
    expect(storage.lastIndex()).toBe(4)
  })
})

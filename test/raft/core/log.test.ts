import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RaftLog } from '../../../src/raft/core/log.ts'
import { MemoryStorage } from '../../../src/raft/core/memory-storage.ts'
import { type Entry, emptyConfState } from '../../../src/raft/core/message.ts'
import { entryBytes } from '../../../src/raft/core/wire-size.ts'

/** Entries from an index on, of these terms. */
function entriesFrom(first: number, terms: readonly number[]): Entry[] {
  return terms.map((term, at) => ({ term, index: first + at, type: 'EntryNormal' }))
}

function storageWith(terms: readonly number[], compacted = 0): MemoryStorage {
  const storage = new MemoryStorage()
  storage.append(entriesFrom(1, terms))
  if (compacted > 0) storage.compact(compacted)
  return storage
}

function termsOf(log: RaftLog): number[] {
  const entries = log.entriesFrom(log.firstIndex(), Infinity)
  return entries === 'compacted' ? [] : entries.map(({ term }) => term)
}

describe('the log of a follower', () => {
  it('refuses entries whose predecessor it does not have', () => {
    const log = new RaftLog(storageWith([1, 1]))
    expect(log.maybeAppend(3, 1, 0, entriesFrom(4, [1]))).toBe(false)
    expect(log.maybeAppend(2, 2, 0, entriesFrom(3, [2]))).toBe(false)
    expect(termsOf(log)).toEqual([1, 1])
  })

  it('gives up what conflicts with the leader, and what follows it, and nothing before', () => {
    const log = new RaftLog(storageWith([1, 2, 2, 2]))
    expect(log.maybeAppend(1, 1, 0, entriesFrom(2, [2, 3]))).toBe(true)
    expect(termsOf(log)).toEqual([1, 2, 3])
    expect(log.unstable.offset).toBe(3)
  })

  it('keeps later entries when the leader sends old ones again', () => {
    const log = new RaftLog(storageWith([1, 1, 1]))
    expect(log.maybeAppend(0, 0, 0, entriesFrom(1, [1]))).toBe(true)
    expect(termsOf(log)).toEqual([1, 1, 1])
  })

  it('never replaces a committed entry', () => {
    const log = new RaftLog(storageWith([1, 1]))
    log.commitTo(2)
    expect(() => log.maybeAppend(1, 1, 0, entriesFrom(2, [2]))).toThrow(/conflicts with a committed one/)
    expect(() => log.append(entriesFrom(2, [2]))).toThrow(/would replace a committed entry/)
  })

  it('commits what the leader has committed as far as it was just told that the logs agree', () => {
    const log = new RaftLog(storageWith([1, 1, 1]))
    log.maybeAppend(1, 1, 3, entriesFrom(2, [1]))
    expect(log.committed).toBe(2)
  })

  it('never commits less than before, nor more than it has', () => {
    const log = new RaftLog(storageWith([1, 1]))
    log.commitTo(2)
    log.commitTo(1)
    expect(log.committed).toBe(2)
    expect(() => log.commitTo(3)).toThrow(/truncated, damaged or lost/)
  })

  it('is compared with another by the last term first, then by length', () => {
    const log = new RaftLog(storageWith([1, 2, 2]))
    expect([log.isUpToDate(1, 3), log.isUpToDate(3, 2), log.isUpToDate(4, 2)]).toEqual([true, true, true])
    expect([log.isUpToDate(2, 2), log.isUpToDate(9, 1)]).toEqual([false, false])
  })

  it('agrees with the leader after any appends that the leader of each term may send', () => {
    const appends = fc.array(fc.record({ from: fc.nat(6), count: fc.nat(4), term: fc.integer({ min: 1, max: 3 }) }), {
      maxLength: 20,
    })
    fc.assert(
      fc.property(appends, (all) => {
        const log = new RaftLog(new MemoryStorage())
        let model: number[] = []
        for (const { from, count, term } of all.toSorted((one, other) => one.term - other.term)) {
          const prevTerm = from === 0 ? 0 : model[from - 1]
          const fits = from === 0 || prevTerm !== undefined
          const terms = Array<number>(count).fill(term)
          expect(log.maybeAppend(from, prevTerm ?? 9, 0, entriesFrom(from + 1, terms))).toBe(fits)
          if (!fits) continue
          const conflict = terms.findIndex((each, at) => model[from + at] !== each)
          if (conflict >= 0) model = [...model.slice(0, from), ...terms]
          expect(termsOf(log)).toEqual(model)
        }
      }),
    )
  })

  it('tells by one known entry of another log where the two may agree, passing over entries of later terms', () => {
    const log = new RaftLog(storageWith([1, 3, 3, 3, 5, 5]))
    expect(log.findConflictByTerm(6, 2)).toEqual({ index: 1, term: 1 })
    expect(log.findConflictByTerm(6, 3)).toEqual({ index: 4, term: 3 })
    expect(log.findConflictByTerm(9, 3)).toEqual({ index: 9, term: 0 })
    expect(new RaftLog(storageWith([3])).findConflictByTerm(1, 2)).toEqual({ index: 0, term: 0 })
  })
})

describe('the log', () => {
  it('knows the term of the last compacted entry and says of others that they are compacted or not there', () => {
    const log = new RaftLog(storageWith([1, 2, 3], 2))
    expect([log.term(1), log.term(2), log.term(3), log.term(4)]).toEqual(['compacted', 2, 3, 'unavailable'])
    expect(log.slice(2, 4, Infinity)).toBe('compacted')
    expect([log.committed, log.applying, log.applied]).toEqual([2, 2, 2])
  })

  it('commits by counting only entries of the given term', () => {
    const log = new RaftLog(storageWith([1, 2]))
    expect(log.maybeCommit(1, 2)).toBe(false)
    expect(log.maybeCommit(2, 2)).toBe(true)
    expect(log.maybeCommit(2, 2)).toBe(false)
    expect(log.maybeCommit(Infinity, 2)).toBe(false)
  })

  it('gives what is committed over stable and unstable entries, and only stable ones where it must', () => {
    const log = new RaftLog(storageWith([1, 1]))
    log.append(entriesFrom(3, [1, 1]))
    log.commitTo(4)
    expect(log.nextCommitted(true).map(({ index }) => index)).toEqual([1, 2, 3, 4])
    expect(log.nextCommitted(false).map(({ index }) => index)).toEqual([1, 2])
  })

  it('gives no entries beside a snapshot', () => {
    const log = new RaftLog(storageWith([1]))
    log.restore({ metadata: { index: 5, term: 2, confState: emptyConfState } })
    log.append(entriesFrom(6, [2]))
    log.commitTo(6)
    expect(log.hasNextCommitted(true)).toBe(false)
    expect([log.firstIndex(), log.lastIndex(), log.term(5)]).toEqual([6, 6, 2])
  })

  it('hands out no more bytes than may be applied at a time, but always one entry', () => {
    const size = entryBytes(entriesFrom(1, [1])[0]!)
    const log = new RaftLog(storageWith([1, 1, 1, 1]), 2 * size)
    log.commitTo(4)
    const first = log.nextCommitted(true)
    expect(first.length).toBe(2)
    log.acceptApplying(2, 2 * size, true)
    expect(log.nextCommitted(true)).toEqual([])
    log.appliedTo(1, size)
    expect(log.nextCommitted(true).length).toBe(1)
    const small = new RaftLog(storageWith([1, 1]), 1)
    small.commitTo(2)
    expect(small.nextCommitted(true).length).toBe(1)
  })

  it('waits also when the next entry alone would pass the limit', () => {
    const size = entryBytes(entriesFrom(1, [1])[0]!)
    const log = new RaftLog(storageWith([1, 1]), size + 1)
    log.commitTo(2)
    log.acceptApplying(1, size, true)
    expect(log.hasNextCommitted(true)).toBe(false)
    log.appliedTo(1, size)
    expect(log.hasNextCommitted(true)).toBe(true)
  })

  it('applies nothing that is not committed, and nothing twice', () => {
    const log = new RaftLog(storageWith([1, 1]))
    log.commitTo(1)
    expect(() => log.appliedTo(2, 0)).toThrow(/outside/)
    expect(() => log.acceptApplying(2, 0, true)).toThrow(/beyond the committed/)
    log.appliedTo(1, 0)
    expect(() => log.appliedTo(0, 0)).toThrow(/outside/)
  })
})

describe('what is unstable', () => {
  it('is handed out once, and stays readable until it is stable', () => {
    const log = new RaftLog(storageWith([1]))
    log.append(entriesFrom(2, [1, 1]))
    const { unstable } = log
    expect(unstable.nextEntries().map(({ index }) => index)).toEqual([2, 3])
    unstable.acceptInProgress()
    expect(unstable.hasNextEntries()).toBe(false)
    log.append(entriesFrom(4, [1]))
    expect(unstable.nextEntries().map(({ index }) => index)).toEqual([4])
    expect(termsOf(log).length).toBe(4)
    expect(unstable.stableTo(3, 1)).toBe(true)
    expect([unstable.offset, unstable.offsetInProgress]).toEqual([4, 4])
  })

  it('is handed out again from where it was replaced', () => {
    const log = new RaftLog(storageWith([1]))
    log.append(entriesFrom(2, [1, 1, 1]))
    log.unstable.acceptInProgress()
    log.append(entriesFrom(3, [2]))
    expect(log.unstable.nextEntries()).toEqual(entriesFrom(3, [2]))
    log.append(entriesFrom(1, [3]))
    expect(log.unstable.nextEntries()).toEqual(entriesFrom(1, [3]))
  })

  it('is not taken for stable when another entry was written in its place', () => {
    const log = new RaftLog(storageWith([1]))
    log.append(entriesFrom(2, [1]))
    log.unstable.acceptInProgress()
    log.append(entriesFrom(2, [2]))
    expect(log.unstable.stableTo(2, 1)).toBe(false)
    expect(log.unstable.stableTo(9, 2)).toBe(false)
    expect(log.unstable.entries.length).toBe(1)
  })

  it('holds a snapshot until that very one is stable', () => {
    const log = new RaftLog(new MemoryStorage())
    log.restore({ metadata: { index: 4, term: 1, confState: emptyConfState } })
    const { unstable } = log
    unstable.acceptInProgress()
    expect([unstable.nextSnapshot(), log.hasNextOrInProgressSnapshot()]).toEqual([undefined, true])
    unstable.stableSnapshotTo(3)
    expect(log.hasNextOrInProgressSnapshot()).toBe(true)
    unstable.stableSnapshotTo(4)
    expect(log.hasNextOrInProgressSnapshot()).toBe(false)
  })

  it('leaves no gap', () => {
    const log = new RaftLog(storageWith([1]))
    expect(() => log.append(entriesFrom(3, [1]))).toThrow(/gap/)
  })
})

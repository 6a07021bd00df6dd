import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { predictableEntropy } from '../../src/base/entropy.ts'
import { codeOf, InvalidArgument } from '../../src/base/error.ts'
import { seededRandom } from '../../src/base/random.ts'
import type { Entry, Snapshot } from '../../src/raft/core/message.ts'
import { InvalidFrame } from '../../src/raft/error.ts'
import { decodeRecord, decodeSnapshotContent, encodeRecord, encodeSnapshotContent } from '../../src/raft/log-codec.ts'
import type { MemberRecord } from '../../src/raft/log-codec.ts'
import { logMemory } from '../../src/raft/log-memory.ts'
import { backupLog, readLogForRecovery, restoreLog } from '../../src/raft/log-segments.ts'
import type { Disk } from '../../src/store/disk.ts'
import { openSegmentLog } from '../../src/store/segment-log.ts'
import { instantDisk } from '../store/segment-log-kit.ts'
import { openMember } from './log-kit.ts'

const whole = fc.maxSafeNat()
const ids = fc.array(whole, { maxLength: 5 })
const data = fc.option(fc.uint8Array({ maxLength: 50 }), { nil: undefined })
const withData = <T extends object>(made: T, bytes: Uint8Array | undefined) => (bytes ? { ...made, data: bytes } : made)
const entries = fc
  .tuple(whole, whole, fc.constantFrom('EntryNormal', 'EntryConfChange', 'EntryConfChangeV2'), data)
  .map(([term, index, type, bytes]): Entry => withData({ term, index, type }, bytes))
const snapshots = fc
  .tuple(whole, whole, fc.tuple(ids, ids, ids, ids, fc.boolean()), data)
  .map(([index, term, [voters, learners, votersOutgoing, learnersNext, autoLeave], bytes]): Snapshot => {
    const confState = { voters, learners, votersOutgoing, learnersNext, autoLeave }
    return withData({ metadata: { index, term, confState } }, bytes)
  })
const token = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes).toString('hex'))
const name = fc.string({ minLength: 1, maxLength: 40, unit: 'grapheme' })
const records: fc.Arbitrary<MemberRecord> = fc.oneof(
  fc.record({ group: name, member: name, token }).map((identity): MemberRecord => ({ type: 'identity', identity })),
  fc
    .record({ term: whole, vote: whole, commit: whole })
    .map((hardState): MemberRecord => ({ type: 'hard-state', hardState })),
  entries.map((entry): MemberRecord => ({ type: 'entry', entry })),
  snapshots.map((snapshot): MemberRecord => ({ type: 'installed', snapshot })),
  snapshots.map((snapshot): MemberRecord => ({ type: 'made', snapshot })),
  fc.record({ index: whole, term: whole }).map((compaction): MemberRecord => ({ type: 'compacted', compaction })),
)

describe('records of a member', () => {
  it('are read as they were written', () => {
    fc.assert(
      fc.property(records, (record) => {
        const { kind, payload } = encodeRecord(record)
        // Equal as bytes: the payload is a Buffer, and so are the views that are read from it.
        expect(encodeRecord(decodeRecord({ kind, payload }))).toEqual({ kind, payload })
        expect(JSON.stringify(decodeRecord({ kind, payload: new Uint8Array(payload) }))).toBe(JSON.stringify(record))
      }),
    )
  })

  it('cut off or changed are refused by a typed error, or are records all the same', () => {
    const typed = (error: unknown) => error instanceof InvalidFrame || error instanceof InvalidArgument
    const read = (kind: number, payload: Uint8Array): boolean => {
      try {
        decodeRecord({ kind, payload })
        return true
      } catch (error) {
        return typed(error)
      }
    }
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 255 }), fc.uint8Array({ maxLength: 60 }), (kind, payload) => {
        expect(read(kind, payload)).toBe(true)
      }),
    )
    fc.assert(
      fc.property(records, fc.nat(200), (record, cut) => {
        const { kind, payload } = encodeRecord(record)
        expect(read(kind, payload.subarray(0, Math.max(0, payload.length - cut)))).toBe(true)
      }),
    )
  })

  it('the content of a snapshot is read from the data of its snapshot', () => {
    const content = { sizeBytes: 2 ** 40, sha256: 'ab'.repeat(32) }
    expect(decodeSnapshotContent(encodeSnapshotContent(content))).toEqual(content)
    expect(() => decodeSnapshotContent(new Uint8Array(12))).toThrow(InvalidFrame)
  })
})

const confState = { voters: [1], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false }
const entriesOf = (from: number, to: number, term = 1): Entry[] =>
  Array.from({ length: to - from + 1 }, (_none, at) => ({
    index: from + at,
    term,
    type: 'EntryNormal',
    data: Buffer.alloc(200, from + at),
  }))

async function* content(bytes: number): AsyncGenerator<Uint8Array> {
  yield new Uint8Array(bytes).fill(7)
}

const names = async (disk: ReturnType<ReturnType<typeof instantDisk>['mount']>, folder = 'log') =>
  (await disk.list(folder)).map((each) => each.name)

describe('log of a member on segments', () => {
  it('of another member or group is refused', async () => {
    const disk = instantDisk(1).mount()
    await (await openMember(disk)).close()
    for (const other of [{ member: 'b' }, { group: 'other' }])
      await expect(openMember(disk, other)).rejects.toMatchObject({
        code: 'raft.log_foreign',
        member: 'a',
        group: 'ops',
      })
    await (await openMember(disk)).close()
  })

  it('a folder that was lost has a new token', async () => {
    const first = await openMember(instantDisk(1).mount(), { entropy: predictableEntropy(seededRandom(1)) })
    const second = await openMember(instantDisk(1).mount(), { entropy: predictableEntropy(seededRandom(2)) })
    expect(first.identity.token).not.toBe(second.identity.token)
    expect(logMemory({ group: 'ops', member: 'a' }).identity.token).toMatch(/^[0-9a-f]{32}$/)
  })

  it('forgets segments with the entries in them, and keeps one snapshot', async () => {
    const disk = instantDisk(1).mount()
    const log = await openMember(disk)
    for (let round = 0; round < 12; round++) {
      const last = round * 10 + 10
      await log.save({ hardState: { term: 1, vote: 1, commit: last }, entries: entriesOf(last - 9, last), sync: true })
      await log.makeSnapshot({ index: last - 2, term: 1, confState }, content(round * 100))
      await log.compact(last - 5)
    }
    const found = await names(disk)
    expect(found.filter((each) => each.startsWith('snapshot-'))).toHaveLength(1)
    expect(found.filter((each) => each.startsWith('segment-')).length).toBeLessThan(6)
    expect(log.sizeBytes).toBeLessThan(20_000)
    const { identity } = log
    await log.close()
    const again = await openMember(disk)
    expect(again.identity).toEqual(identity)
    expect([again.storage.firstIndex(), again.storage.lastIndex()]).toEqual([116, 120])
    expect(again.storage.initialState()).toEqual({ hardState: { term: 1, vote: 1, commit: 120 }, confState })
  })

  it('what was saved once and long ago is still there when its segment is gone', async () => {
    const disk = instantDisk(1).mount()
    const log = await openMember(disk)
    await log.save({ hardState: { term: 7, vote: 3, commit: 0 }, sync: true })
    await log.save({ entries: entriesOf(1, 5, 7), sync: true })
    await log.makeSnapshot({ index: 5, term: 7, confState }, content(50))
    await log.save({ entries: entriesOf(6, 60, 7), sync: true })
    await log.compact(5)
    const { identity, storage } = log
    expect((await names(disk))[0]).not.toBe('segment-0000000001')
    await log.close()
    const again = await openMember(disk)
    expect(again.identity).toEqual(identity)
    expect(again.storage.initialState().hardState).toEqual({ term: 7, vote: 3, commit: 5 })
    expect(again.storage.snapshot()).toEqual(storage.snapshot())
    expect([again.storage.firstIndex(), again.storage.lastIndex()]).toEqual([6, 60])
    expect(again.snapshot()?.content.sizeBytes).toBe(50)
  })

  it('a snapshot that was taken away, cut or changed is told, when it is opened or read', async () => {
    const disk = instantDisk(1).mount()
    const log = await openMember(disk)
    await log.save({ entries: entriesOf(1, 3), sync: true })
    const made = await log.makeSnapshot({ index: 2, term: 1, confState }, content(200_000))
    const path = `log/${(await names(disk)).find((each) => each.startsWith('snapshot-'))}`
    const read = async () => {
      let bytes = 0
      for await (const chunk of made.chunks()) bytes += chunk.length
      return bytes
    }
    expect(await read()).toBe(200_000)
    await using file = await disk.open(path)
    await file.write(100_000, Uint8Array.of(1))
    await expect(read()).rejects.toMatchObject({ code: 'raft.log_corrupt', file: path })
    await file.truncate(100)
    await log.close()
    await expect(openMember(disk)).rejects.toMatchObject({ code: 'raft.log_corrupt' })
    await disk.remove(path)
    await expect(openMember(disk)).rejects.toMatchObject({ code: 'raft.log_corrupt' })
    await expect(read()).rejects.toMatchObject({ code: 'raft.snapshot_replaced', index: 2 })
  })

  it('a snapshot whose record may be in the log stays, though the log has failed with it', async () => {
    const disk = instantDisk(8).mount()
    let failing = false
    const failed = failingSyncs(disk, (path) => failing && path.includes('segment'))
    const log = await openMember(failed)
    await log.save({ entries: entriesOf(1, 9), sync: true })
    await log.makeSnapshot({ index: 3, term: 1, confState }, content(100))
    failing = true
    await expect(log.makeSnapshot({ index: 6, term: 1, confState }, content(200))).rejects.toMatchObject({
      code: 'raft.log_failed',
    })
    await log.close()
    const again = await openMember(disk)
    expect(again.snapshot()?.metadata.index).toBe(6)
    let bytes = 0
    for await (const chunk of again.snapshot()!.chunks()) bytes += chunk.length
    expect(bytes).toBe(200)
    await again.close()
  })

  it('after a failed sync it takes nothing more, and says so by one error', async () => {
    const sim = instantDisk(1)
    const log = await openMember(sim.mount())
    await log.save({ entries: entriesOf(1, 3), sync: true })
    const trouble = sim.trouble({ syncErrorChance: 1 })
    await expect(log.save({ entries: entriesOf(4, 4), sync: true })).rejects.toMatchObject({ code: 'raft.log_failed' })
    trouble.end()
    for (const call of [
      () => log.save({ entries: entriesOf(4, 4), sync: false }),
      () => log.makeSnapshot({ index: 2, term: 1, confState }, content(1)),
      () => log.compact(0),
    ])
      await expect(call()).rejects.toMatchObject({ code: 'raft.log_failed' })
    expect(log.storage.lastIndex()).toBe(3)
    await log.close()
    const again = await openMember(sim.mount())
    expect(again.storage.lastIndex()).toBeGreaterThanOrEqual(3)
  })

  it('an entry without room in a segment fails the log, since it cannot go on behind it', async () => {
    const log = await openMember(instantDisk(1).mount())
    const entry: Entry = { index: 1, term: 1, type: 'EntryNormal', data: new Uint8Array(5000) }
    const failed = { code: 'raft.log_failed', cause: { code: 'base.limit_exceeded' } }
    await expect(log.save({ entries: [entry], sync: true })).rejects.toMatchObject(failed)
    await expect(log.save({ entries: entriesOf(1, 1), sync: true })).rejects.toMatchObject(failed)
  })

  it('records that are no history of a member are raft.log_corrupt', async () => {
    const identity: MemberRecord = { type: 'identity', identity: { group: 'ops', member: 'a', token: '00'.repeat(16) } }
    const entry = (index: number): MemberRecord => ({ type: 'entry', entry: { index, term: 1, type: 'EntryNormal' } })
    const made = (index: number, term: number): MemberRecord => ({
      type: 'made',
      snapshot: { metadata: { index, term, confState } },
    })
    for (const history of [
      [entry(1)],
      [identity, entry(1), entry(3)],
      [identity, entry(2)],
      [identity, entry(1), made(2, 1)],
      [identity, entry(1), made(1, 2)],
      [identity, entry(1), { type: 'compacted', compaction: { index: 1, term: 1 } } as const],
      [identity, { ...identity, identity: { ...identity.identity, token: '11'.repeat(16) } }],
    ]) {
      const disk = instantDisk(1).mount()
      const entropy = predictableEntropy(seededRandom(1))
      const log = await openSegmentLog({ disk, folder: 'log', entropy, segmentBytes: 4096, onRecord: () => {} })
      await log.append(history.map(encodeRecord))
      await log.close()
      await expect(openMember(disk)).rejects.toMatchObject({ code: 'raft.log_corrupt' })
      await expect(readLogForRecovery({ disk, folder: 'log' })).rejects.toMatchObject({ code: 'raft.log_corrupt' })
    }
  })
})

describe('copies of a log', () => {
  it('a backup holds what was kept when it was called, while the log goes on', async () => {
    const disk = instantDisk(1).mount()
    const log = await openMember(disk)
    await log.save({ hardState: { term: 1, vote: 1, commit: 30 }, entries: entriesOf(1, 40), sync: true })
    await log.makeSnapshot({ index: 20, term: 1, confState }, content(100_000))
    await log.compact(15)
    const copying = backupLog(log, { disk, folder: 'copy' })
    await log.save({ hardState: { term: 2, vote: 3, commit: 40 }, entries: entriesOf(41, 50, 2), sync: true })
    await copying
    await restoreLog({ disk, folder: 'copy' }, { disk, folder: 'again' })
    for (const folder of ['copy', 'again']) {
      const found = await readLogForRecovery({ disk, folder })
      expect(found).toMatchObject({
        identity: log.identity,
        hardState: { term: 1, vote: 1, commit: 30 },
        metadata: { index: 20, term: 1, confState },
        compaction: { index: 15, term: 1 },
      })
      expect(found?.entries).toHaveLength(25)
      const opened = await openMember(disk, { folder })
      expect([opened.storage.firstIndex(), opened.storage.lastIndex()]).toEqual([16, 40])
      let bytes = 0
      for await (const chunk of opened.snapshot()?.chunks() ?? []) bytes += chunk.length
      expect(bytes).toBe(100_000)
      await opened.close()
    }
    expect(log.storage.lastIndex()).toBe(50)
  })

  it('a memory log can be backed up too, with or without a snapshot', async () => {
    const disk = instantDisk(1).mount()
    const log = logMemory({ group: 'ops', member: 'a' })
    await backupLog(log, { disk, folder: 'empty' })
    await log.save({ snapshot: { metadata: { index: 1, term: 1, confState } }, entries: entriesOf(2, 3), sync: true })
    await backupLog(log, { disk, folder: 'log' })
    expect(await readLogForRecovery({ disk, folder: 'empty' })).toMatchObject({ metadata: undefined, entries: [] })
    const opened = await openMember(disk)
    expect(opened.storage.initialState().confState).toEqual(confState)
    expect(opened.storage.lastIndex()).toBe(3)
  })

  it('goes into no folder that has a log, and comes from none that has not', async () => {
    const disk = instantDisk(1).mount()
    const log = await openMember(disk)
    const invalid = { code: 'base.invalid_argument' }
    await expect(backupLog(log, { disk, folder: 'log' })).rejects.toMatchObject(invalid)
    await expect(restoreLog({ disk, folder: 'none' }, { disk, folder: 'copy' })).rejects.toMatchObject(invalid)
    expect(await readLogForRecovery({ disk, folder: 'none' })).toBe(undefined)
    expect(codeOf(await readLogForRecovery({ disk, folder: '../x' }).catch((error: unknown) => error))).toBe(
      'base.invalid_argument',
    )
  })
})

/** The same disk, but for syncs of files that are to fail. */
function failingSyncs(disk: Disk, fails: (path: string) => boolean): Disk {
  return {
    driver: 'failing',
    open: async (path, options) => {
      const file = await disk.open(path, options)
      const sync = file.sync.bind(file)
      file.sync = () => (fails(path) ? Promise.reject(new Error('the cable is out')) : sync())
      return file
    },
    list: (...given) => disk.list(...given),
    remove: (...given) => disk.remove(...given),
    rename: (...given) => disk.rename(...given),
    makeFolder: (...given) => disk.makeFolder(...given),
    syncFolder: (...given) => disk.syncFolder(...given),
  }
}

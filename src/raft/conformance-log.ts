/**
 * The checks that every driver of the LogStore must pass, one for each promise of the port that can be seen from inside. That a
 * resolved save survives a crash is shown by a durable driver for itself. Unlike tests they know no runner:
 *
 * ```ts
 * for (const check of logChecks) it(check.name, () => check.run(openMine))
 * ```
 */
import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { codeOf } from '../base/error.ts'
import type { ConfState, Entry, Snapshot, SnapshotMetadata } from './core/message.ts'
import { encodeSnapshotContent } from './log-codec.ts'
import type { LogStore, SnapshotContent, StoredSnapshot } from './log-store.ts'

/** An empty log, made for one check. */
export interface LogBench extends AsyncDisposable {
  readonly log: LogStore
  /** Closes the log and opens it again, as the next process would. A driver that is not durable leaves it out. */
  readonly reopen?: () => Promise<LogStore>
}

export type OpenLog = () => Promise<LogBench>

export interface LogCheck {
  /** A fact; the key of a skip list. */
  readonly name: string
  readonly run: (open: OpenLog) => Promise<void>
}

/** Runs the body, and once more on what it left after a reopening where there is one. */
function check(name: string, body: (log: LogStore, again: () => Promise<LogStore>) => Promise<void>): LogCheck {
  return {
    name,
    async run(open) {
      await using bench = await open()
      const { log, reopen } = bench
      equal(log.durable, reopen !== undefined)
      await body(log, async () => (reopen ? reopen() : log))
    },
  }
}

const confState: ConfState = {
  voters: [1, 2, 3],
  learners: [4],
  votersOutgoing: [],
  learnersNext: [],
  autoLeave: false,
}

function entry(index: number, term = 1, text = `entry ${index} of ${term}`): Entry {
  return { term, index, type: 'EntryNormal', data: Buffer.from(text) }
}

const entriesOf = (from: number, to: number, term = 1): Entry[] =>
  Array.from({ length: to - from + 1 }, (_none, at) => entry(from + at, term))

/** What the core sees, with data as text. */
function seen(log: LogStore): unknown {
  const { storage } = log
  const [first, last] = [storage.firstIndex(), storage.lastIndex()]
  const entries = last < first ? [] : storage.entries(first, last + 1, Infinity)
  const { hardState, confState: members } = storage.initialState()
  return {
    first,
    last,
    term: storage.term(first - 1),
    entries: typeof entries === 'string' ? entries : entries.map(plain),
    hardState,
    members,
    snapshot: plainSnapshot(storage.snapshot()),
  }
}

const plain = ({ term, index, type, data }: Entry) => ({
  term,
  index,
  type,
  data: data && Buffer.from(data).toString('hex'),
})

const plainSnapshot = (snapshot: Snapshot | 'unavailable') =>
  snapshot === 'unavailable'
    ? snapshot
    : { ...snapshot, data: snapshot.data && Buffer.from(snapshot.data).toString('hex') }

async function* chunked(content: Uint8Array, size = 1000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < content.length; at += size) yield content.subarray(at, at + size)
}

const contentOf = (bytes: number): Uint8Array => Uint8Array.from({ length: bytes }, (_none, at) => (at * 31) % 251)

const told = (content: Uint8Array): SnapshotContent => ({
  sizeBytes: content.length,
  sha256: createHash('sha256').update(content).digest('hex'),
})

async function read(snapshot: StoredSnapshot | undefined): Promise<string> {
  ok(snapshot)
  const hash = createHash('sha256')
  let size = 0
  for await (const chunk of snapshot.chunks()) {
    ok(chunk.length <= 64 * 1024)
    hash.update(chunk)
    size += chunk.length
  }
  equal(size, snapshot.content.sizeBytes)
  return hash.digest('hex')
}

async function outcome(call: () => Promise<unknown>): Promise<string> {
  try {
    await call()
    return 'nothing'
  } catch (error) {
    return codeOf(error)
  }
}

const at = (index: number, term = 1): SnapshotMetadata => ({ index, term, confState })

export const logChecks: readonly LogCheck[] = [
  ...saveChecks(),
  ...snapshotChecks(),
  ...installChecks(),
  ...meanwhileChecks(),
  ...compactionChecks(),
  ...refusalChecks(),
]

function saveChecks(): LogCheck[] {
  return [
    check('a new log is empty, and its identity stays', async (log, again) => {
      match(log.identity.token, /^[0-9a-f]{32}$/)
      const { identity } = log
      equal(log.storage.lastIndex(), 0)
      equal(log.storage.firstIndex(), 1)
      equal(log.snapshot(), undefined)
      deepEqual((await again()).identity, identity)
    }),
    check('what was saved is read, in whole and in part, and all of it after a reopening', async (log, again) => {
      await log.save({ hardState: { term: 3, vote: 2, commit: 2 }, entries: entriesOf(1, 5), sync: true })
      await log.save({
        hardState: { term: 4, vote: 0, commit: 5 },
        entries: [{ term: 4, index: 6, type: 'EntryConfChangeV2' }],
        sync: true,
      })
      const before = seen(log)
      deepEqual((log.storage.entries(2, 4, Infinity) as Entry[]).map(plain), entriesOf(2, 3).map(plain))
      equal((log.storage.entries(1, 6, 0) as Entry[]).length, 1)
      equal(log.storage.term(6), 4)
      equal(log.storage.term(7), 'unavailable')
      deepEqual(log.storage.initialState().hardState, { term: 4, vote: 0, commit: 5 })
      ok(log.sizeBytes > 0)
      deepEqual(seen(await again()), before)
    }),
    check('numbers up to 2^53 - 1 and data of any bytes come back, none told from empty', async (log, again) => {
      const term = Number.MAX_SAFE_INTEGER
      const entries: Entry[] = [
        { term: 1, index: 1, type: 'EntryNormal' },
        { term: 1, index: 2, type: 'EntryNormal', data: new Uint8Array(0) },
        { term, index: 3, type: 'EntryConfChange', data: Uint8Array.from({ length: 256 }, (_none, byte) => byte) },
      ]
      await log.save({ hardState: { term, vote: term, commit: 3 }, entries, sync: true })
      const before = seen(log)
      deepEqual((log.storage.entries(1, 4, Infinity) as Entry[]).map(plain), entries.map(plain))
      deepEqual(seen(await again()), before)
    }),
    check('entries replace those from their first index on', async (log, again) => {
      await log.save({ entries: entriesOf(1, 8), sync: true })
      await log.save({ entries: entriesOf(4, 5, 2), sync: true })
      equal(log.storage.lastIndex(), 5)
      deepEqual(
        [3, 4, 5].map((index) => log.storage.term(index)),
        [1, 2, 2],
      )
      const before = seen(log)
      deepEqual(seen(await again()), before)
    }),
    check('calls that are not awaited take effect in their order, synced or not', async (log, again) => {
      const saves: Promise<void>[] = []
      const order: number[] = []
      for (let index = 1; index <= 40; index++) {
        const save = log.save({ entries: [entry(index, index)], sync: index % 3 === 0 })
        saves.push(save.then(() => void order.push(index)))
      }
      await Promise.all(saves)
      deepEqual(
        order,
        Array.from({ length: 40 }, (_none, each) => each + 1),
      )
      equal(log.storage.lastIndex(), 40)
      await log.save({ sync: true })
      const before = seen(log)
      deepEqual(seen(await again()), before)
    }),
  ]
}

function snapshotChecks(): LogCheck[] {
  return [
    check('a snapshot of the own making is kept, its entries too, and the newest counts', async (log, again) => {
      await log.save({ hardState: { term: 1, vote: 1, commit: 9 }, entries: entriesOf(1, 9), sync: true })
      await log.makeSnapshot(at(4), chunked(contentOf(10)))
      const content = contentOf(150_000)
      const made = await log.makeSnapshot(at(7), chunked(content, 70_000))
      deepEqual(made.content, told(content))
      equal(await read(log.snapshot()), made.content.sha256)
      deepEqual(log.snapshot()?.metadata, at(7))
      deepEqual(log.storage.snapshot(), { metadata: at(7), data: encodeSnapshotContent(made.content) })
      equal(log.storage.firstIndex(), 1)
      const before = seen(log)
      const next = await again()
      deepEqual(seen(next), before)
      equal(await read(next.snapshot()), made.content.sha256)
    }),
    check('a snapshot without content is kept, as the first configuration', async (log, again) => {
      await log.save({ snapshot: { metadata: at(1) }, hardState: { term: 1, vote: 0, commit: 1 }, sync: true })
      deepEqual(log.storage.initialState().confState, confState)
      equal(log.storage.firstIndex(), 2)
      equal(log.snapshot(), undefined)
      const before = seen(log)
      deepEqual(seen(await again()), before)
    }),
    check('an empty content is a content', async (log, again) => {
      await log.save({ entries: [entry(1)], sync: true })
      await log.makeSnapshot(at(1), chunked(new Uint8Array(0)))
      equal(await read((await again()).snapshot()), told(new Uint8Array(0)).sha256)
    }),
  ]
}

function installChecks(): LogCheck[] {
  return [
    check('a received snapshot takes the place of the whole log when it is saved, not before', async (log, again) => {
      await log.save({ hardState: { term: 1, vote: 1, commit: 3 }, entries: entriesOf(1, 9), sync: true })
      const content = contentOf(70_000)
      const snapshot: Snapshot = { metadata: at(20, 5), data: encodeSnapshotContent(told(content)) }
      await log.receiveSnapshot(snapshot.metadata, told(content), chunked(content))
      equal(log.storage.lastIndex(), 9)
      equal(log.snapshot(), undefined)
      await log.save({
        hardState: { term: 5, vote: 0, commit: 20 },
        snapshot,
        entries: entriesOf(21, 22, 5),
        sync: true,
      })
      equal(log.storage.firstIndex(), 21)
      equal(log.storage.lastIndex(), 22)
      equal(log.storage.term(20), 5)
      const before = seen(log)
      const next = await again()
      deepEqual(seen(next), before)
      equal(await read(next.snapshot()), told(content).sha256)
    }),
    check('a snapshot that is not what was announced is refused, and changes nothing', async (log) => {
      await log.save({ entries: entriesOf(1, 3), sync: true })
      const content = contentOf(5000)
      const before = seen(log)
      for (const given of [contentOf(4999), contentOf(5001), content.toReversed()])
        equal(await outcome(() => log.receiveSnapshot(at(9), told(content), chunked(given))), 'raft.snapshot_damaged')
      const snapshot: Snapshot = { metadata: at(9), data: encodeSnapshotContent(told(content)) }
      equal(await outcome(() => log.save({ snapshot, sync: true })), 'base.invalid_argument')
      deepEqual(seen(log), before)
      await log.receiveSnapshot(at(9), told(content), chunked(content))
      await log.save({ snapshot, sync: true })
      equal(log.storage.lastIndex(), 9)
    }),
    check('content that fails in its middle is told as it failed, and the log goes on', async (log) => {
      await log.save({ entries: entriesOf(1, 3), sync: true })
      const broken = async function* (): AsyncGenerator<Uint8Array> {
        yield contentOf(10)
        throw new Error('the machine cannot say more')
      }
      equal(await outcome(() => log.makeSnapshot(at(2), broken())), 'unknown')
      equal(log.snapshot(), undefined)
      await log.makeSnapshot(at(2), chunked(contentOf(3)))
      await log.save({ entries: entriesOf(4, 4), sync: true })
    }),
  ]
}

function meanwhileChecks(): LogCheck[] {
  return [
    check('what was received stays until it is installed, whatever is made meanwhile', async (log, again) => {
      await log.save({ hardState: { term: 1, vote: 1, commit: 3 }, entries: entriesOf(1, 9), sync: true })
      const content = contentOf(3000)
      const snapshot: Snapshot = { metadata: at(20, 5), data: encodeSnapshotContent(told(content)) }
      await log.receiveSnapshot(snapshot.metadata, told(content), chunked(content))
      await log.makeSnapshot(at(2), chunked(contentOf(10)))
      await log.save({ snapshot, hardState: { term: 5, vote: 0, commit: 20 }, sync: true })
      equal(await read(log.snapshot()), told(content).sha256)
      equal(await read((await again()).snapshot()), told(content).sha256)
    }),
    check('what is saved behind one that is installed resolves behind it', async (log) => {
      const content = contentOf(3000)
      const snapshot: Snapshot = { metadata: at(20, 5), data: encodeSnapshotContent(told(content)) }
      await log.receiveSnapshot(snapshot.metadata, told(content), chunked(content))
      const order: string[] = []
      await Promise.all([
        log
          .save({ snapshot, hardState: { term: 5, vote: 0, commit: 20 }, sync: true })
          .then(() => order.push('snapshot')),
        log.save({ entries: entriesOf(21, 25, 5), sync: true }).then(() => order.push('entries')),
      ])
      deepEqual(order, ['snapshot', 'entries'])
      equal(log.storage.lastIndex(), 25)
    }),
    check('one that is made while a newer one is installed is refused, and the newer one stays', async (log, again) => {
      await log.save({ hardState: { term: 1, vote: 1, commit: 3 }, entries: entriesOf(1, 9), sync: true })
      const content = contentOf(3000)
      const snapshot: Snapshot = { metadata: at(20, 5), data: encodeSnapshotContent(told(content)) }
      await log.receiveSnapshot(snapshot.metadata, told(content), chunked(content))
      const installing = log.save({ snapshot, hardState: { term: 5, vote: 0, commit: 20 }, sync: true })
      equal(await outcome(() => log.makeSnapshot(at(3), chunked(contentOf(10)))), 'raft.snapshot_replaced')
      await installing
      equal(await read((await again()).snapshot()), told(content).sha256)
    }),
    check('of snapshots that are made at the same time the newest stays', async (log, again) => {
      await log.save({ entries: entriesOf(1, 60), sync: true })
      let current = log
      const late = async function* (steps: number): AsyncGenerator<Uint8Array> {
        for (let step = 0; step < steps; step++) await Promise.resolve()
        yield contentOf(steps + 1)
      }
      for (let round = 1; round < 30; round++) {
        const [older, newer] = await Promise.allSettled([
          current.makeSnapshot(at(2 * round - 1), late(50)),
          current.makeSnapshot(at(2 * round), late(round * 4)),
        ])
        equal(newer.status, 'fulfilled')
        if (older.status === 'rejected') equal(codeOf(older.reason), 'raft.snapshot_replaced')
        current = await again()
        deepEqual(current.snapshot()?.metadata, at(2 * round))
        equal(await read(current.snapshot()), told(contentOf(round * 4 + 1)).sha256)
      }
    }),
  ]
}

function compactionChecks(): LogCheck[] {
  return [
    check('compaction forgets what a snapshot covers, and keeps the term for matching', async (log, again) => {
      await log.save({ hardState: { term: 2, vote: 3, commit: 9 }, entries: entriesOf(1, 10, 2), sync: true })
      await log.makeSnapshot(at(8, 2), chunked(contentOf(100)))
      await log.compact(6)
      await log.compact(3)
      equal(log.storage.firstIndex(), 7)
      equal(log.storage.term(6), 2)
      equal(log.storage.term(5), 'compacted')
      equal(log.storage.entries(6, 8, Infinity), 'compacted')
      const before = seen(log)
      const next = await again()
      deepEqual(seen(next), before)
      await next.save({ entries: entriesOf(11, 12, 2), sync: true })
      await next.compact(8)
      equal(next.storage.firstIndex(), 9)
      equal(await read(next.snapshot()), told(contentOf(100)).sha256)
    }),
    check(
      'through many rounds of saving, replacing, snapshots and compaction the log stays what it is',
      async (log, again) => {
        let current = log
        let last = 0
        for (let round = 1; round <= 24; round++) {
          const from = Math.max(1, last - (round % 3), current.storage.firstIndex())
          const entries = entriesOf(from, from + 9, round)
          last = from + 9
          const saving = current.save({ hardState: { term: round, vote: 1, commit: last - 3 }, entries, sync: true })
          if (round % 4 === 0) {
            await saving
            const index = last - 4
            await current.makeSnapshot(
              at(index, current.storage.term(index) as number),
              chunked(contentOf(round * 500)),
            )
            await Promise.all([
              current.compact(index - 2),
              current.save({
                hardState: { term: round + 1, vote: 0, commit: last - 3 },
                entries: [entry(last + 1, round + 1)],
                sync: true,
              }),
            ])
            last++
          }
          await saving
          const before = seen(current)
          if (round % 6 === 0) current = await again()
          deepEqual(seen(current), before)
        }
      },
    ),
  ]
}

function refusalChecks(): LogCheck[] {
  return [
    check(
      'saves that leave a gap, and snapshots and compactions out of range, are refused and change nothing',
      async (log, again) => {
        await log.save({ hardState: { term: 1, vote: 1, commit: 2 }, entries: entriesOf(1, 5), sync: true })
        await log.makeSnapshot(at(3), chunked(contentOf(9)))
        const before = seen(log)
        const calls: (() => Promise<unknown>)[] = [
          () => log.save({ entries: entriesOf(7, 8), sync: true }),
          () => log.save({ entries: [entry(6), entry(8)], sync: true }),
          () => log.save({ entries: [entry(0)], sync: true }),
          () => log.save({ entries: [entry(6, -1)], sync: true }),
          () => log.save({ hardState: { term: -1, vote: 0, commit: 0 }, sync: true }),
          () => log.save({ hardState: { term: 1, vote: 0.5, commit: 0 }, sync: true }),
          () => log.save({ snapshot: { metadata: at(2) }, sync: true }),
          () => log.makeSnapshot(at(6), chunked(contentOf(9))),
          () => log.makeSnapshot(at(4, 7), chunked(contentOf(9))),
          () => log.compact(4),
          () => log.compact(-1),
        ]
        for (const call of calls) equal(await outcome(call), 'base.invalid_argument')
        equal(await outcome(() => log.makeSnapshot(at(2), chunked(contentOf(9)))), 'raft.snapshot_replaced')
        deepEqual(seen(log), before)
        deepEqual(seen(await again()), before)
      },
    ),
    check('after close every call is refused, and what was asked for before is done', async (log, again) => {
      const saving = log.save({ entries: entriesOf(1, 3), sync: true })
      await Promise.all([log.close(), log.close()])
      await saving
      const calls: (() => Promise<unknown>)[] = [
        () => log.save({ sync: true }),
        () => log.compact(0),
        () => log.makeSnapshot(at(1), chunked(contentOf(1))),
        () => log.receiveSnapshot(at(1), told(contentOf(1)), chunked(contentOf(1))),
      ]
      for (const call of calls) equal(await outcome(call), 'base.closed')
      if (log.durable) equal((await again()).storage.lastIndex(), 3)
    }),
  ]
}

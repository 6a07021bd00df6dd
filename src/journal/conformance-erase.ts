/** The conformance checks of what a journal no longer keeps: metadata, truncation, tombstones, retention. */
import { assert, check, event, gather, ids, numbered, refusal, take, upTo, versions } from './conformance-kit.ts'
import type { JournalCheck } from './conformance-kit.ts'
import type { StreamMetadata } from './journal.ts'

const t0 = 1_767_225_600_000

const known = [
  check('a stream tells its version, what is kept of it and its metadata', ['erase'], async (journal) => {
    const plain = { stream: 'a', version: 0, firstVersion: 1, ended: false, metadata: {} }
    assert.deepEqual(await journal.stream('a'), plain)
    const metadata = { maxCount: 3, maxAgeMs: 1000, custom: { owner: 'ä', list: [1, null] } }
    await journal.setMetadata('a', metadata)
    assert.deepEqual(await journal.stream('a'), { ...plain, metadata })
    assert.equal((await journal.append('a', numbered(1, 2), { expectedVersion: 'none' })).version, 2)
    assert.deepEqual(await journal.stream('a'), { ...plain, version: 2, metadata })
    await journal.setMetadata('a', {})
    assert.deepEqual(await journal.stream('a'), { ...plain, version: 2 })
  }),

  check('metadata that make no sense are refused', ['erase'], async (journal) => {
    const bad: unknown[] = [{ maxCount: 0 }, { maxAgeMs: 1.5 }, { maxcount: 1 }, { custom: new Map() }, null]
    for (const metadata of bad)
      await refusal('base.invalid_argument', journal.setMetadata('a', metadata as StreamMetadata))
    await refusal('base.limit_exceeded', journal.setMetadata('a', { custom: 'x'.repeat(70_000) }))
    assert.deepEqual((await journal.stream('a')).metadata, {})
  }),
]

const truncation = [
  check('truncate erases what lies before a version, and nothing else', ['erase'], async (journal) => {
    for (let batch = 0; batch < 3; batch++) {
      await journal.append('a', numbered(batch * 500 + 1, batch * 500 + 500))
      await journal.append('b', [event(batch)])
    }
    const before = await gather(journal.readAll())
    assert.deepEqual(await journal.truncate('a', 1201), { events: 1200 })
    assert.deepEqual(await journal.truncate('a', 900), { events: 0 })
    const left = before.filter(({ stream, version }) => stream === 'b' || version > 1200)
    assert.deepEqual(await gather(journal.readAll()), left)
    assert.deepEqual(
      await gather(journal.readAll({ filter: { streams: ['a'] } })),
      left.filter(({ stream }) => stream === 'a'),
    )
    assert.deepEqual(versions(await gather(journal.read('a'))), upTo(1500, 1201))
    assert.deepEqual(versions(await gather(journal.read('a', { fromVersion: 3, limit: 2 }))), [1201, 1202])
    assert.deepEqual(versions(await gather(journal.readBackward('a', { fromVersion: 1203 }))), [1203, 1202, 1201])
    assert.deepEqual(await gather(journal.readBackward('a', { fromVersion: 7 })), [])
    assert.equal((await journal.stream('a')).firstVersion, 1201)
    assert.equal((await journal.append('a', [event(0)], { expectedVersion: 1500 })).version, 1501)
  }),

  check('after everything was erased versions and positions go on', ['erase', 'totalOrder'], async (journal) => {
    const { position } = await journal.append('a', numbered(1, 3))
    await journal.truncate('a', 4)
    assert.deepEqual(await gather(journal.readAll()), [])
    assert.equal(await journal.head(), position)
    assert.deepEqual(await gather(journal.readAll({ from: position })), [])
    const info = await journal.stream('a')
    assert.deepEqual([info.version, info.firstVersion], [3, 4])
    const next = await journal.append('a', [event(4)], { expectedVersion: 'exists' })
    assert.equal(next.version, 4)
    assert.deepEqual(ids(await gather(journal.readAll({ from: position }))), ['event-4'])
    assert.notEqual(next.position, position)
  }),

  check('a subscriber goes on over what is erased before it came there', ['erase', 'totalOrder'], async (journal) => {
    await journal.append('a', numbered(1, 3))
    const cursor = journal.subscribe({ batch: 1 })[Symbol.asyncIterator]()
    const seen = [...(await cursor.next()).value!.events]
    await journal.append('b', [event(4)])
    await journal.truncate('a', 4)
    while (seen.length < 2) seen.push(...(await cursor.next()).value!.events)
    assert.deepEqual(ids(seen), ['event-1', 'event-4'])
    await cursor.return?.()
  }),

  check('the keys of erased appends are forgotten', ['erase', 'idempotencyWindowMs'], async (journal) => {
    await journal.append('a', [event(1)], { idempotencyKey: 'old' })
    await journal.append('a', [event(2)], { idempotencyKey: 'young' })
    await journal.truncate('a', 2)
    assert.equal((await journal.append('a', [event(3)], { idempotencyKey: 'young' })).duplicate, true)
    assert.equal((await journal.append('a', [event(3)], { idempotencyKey: 'old' })).version, 3)
  }),

  check('truncate is refused beyond the end', ['erase'], async (journal) => {
    await journal.append('a', numbered(1, 2))
    for (const before of [0, 4, 1.5]) await refusal('base.invalid_argument', journal.truncate('a', before))
    await refusal('base.invalid_argument', journal.truncate('absent', 2))
    assert.deepEqual(await journal.truncate('absent', 1), { events: 0 })
    assert.equal((await gather(journal.readAll())).length, 2)
  }),
]

const ends = [
  check('a tombstone is the last event of its stream, and all that is left of it', ['erase'], async (journal) => {
    await journal.append('a', numbered(1, 1200))
    await journal.append('b', [event(1)])
    const following = take(journal.subscribe({ from: await journal.head() }), 1)
    await refusal('journal.wrong_version', journal.tombstone('a', event(9000), { expectedVersion: 7 }))
    const gone = await journal.tombstone('a', event(9000, { type: 'forgotten' }), { expectedVersion: 1200 })
    assert.deepEqual(gone, { events: 1200 })
    assert.deepEqual(ids(await gather(journal.read('a'))), ['event-9000'])
    assert.deepEqual(ids(await gather(journal.readAll())), ['event-1', 'event-9000'])
    assert.deepEqual(ids(await following), ['event-9000'])
    const { version, firstVersion, ended } = await journal.stream('a')
    assert.deepEqual([version, firstVersion, ended], [1201, 1201, true])
  }),

  check('an ended stream takes nothing more', ['erase', 'atomicStreams'], async (journal) => {
    await journal.tombstone('a', event(1))
    const error = await refusal('journal.stream_ended', journal.append('a', [event(2)]))
    assert.equal(error['stream'], 'a')
    await refusal('journal.stream_ended', journal.append('a', [event(2)], { expectedVersion: 1 }))
    await refusal('journal.stream_ended', journal.tombstone('a', event(2)))
    const both = ['b', 'a'].map((stream) => ({ stream, events: [event(3)] }))
    await refusal('journal.stream_ended', journal.appendMany(both))
    assert.deepEqual(ids(await gather(journal.readAll())), ['event-1'])
  }),
]

const retention = [
  check('retain keeps the last so many of a stream', ['erase'], async (journal) => {
    for (const stream of ['few', 'many', 'all']) await journal.append(stream, numbered(1, 700))
    await journal.setMetadata('few', { maxCount: 1 })
    await journal.setMetadata('many', { maxCount: 5000 })
    assert.deepEqual(await journal.retain({ nowMs: t0 }), { events: 699, streams: 1 })
    assert.deepEqual(versions(await gather(journal.read('few'))), [700])
    assert.equal((await gather(journal.readAll())).length, 1401)
    assert.deepEqual(await journal.retain({ nowMs: t0 }), { events: 0, streams: 0 })
  }),

  check(
    'retain erases by age from the oldest to the first that is younger or has no time',
    ['erase'],
    async (journal) => {
      // The times of the events are t0 and their numbers.
      await journal.append('a', numbered(1, 10))
      await journal.append('b', [event(1), event(50), event(2)])
      const timeless = event(3)
      Reflect.deleteProperty(timeless, 'time')
      await journal.append('c', [event(2), timeless, event(4)])
      for (const stream of ['a', 'b', 'c']) await journal.setMetadata(stream, { maxAgeMs: 100 })
      assert.deepEqual(await journal.retain({ nowMs: t0 + 105 }), { events: 6, streams: 3 })
      assert.deepEqual(versions(await gather(journal.read('a'))), upTo(10, 5))
      assert.deepEqual(versions(await gather(journal.read('b'))), [2, 3])
      assert.deepEqual(versions(await gather(journal.read('c'))), [2, 3])
      assert.deepEqual(await journal.retain({ nowMs: t0 - 1e9 }), { events: 0, streams: 0 })
      await journal.retain({ nowMs: t0 + 1e9 })
      assert.deepEqual(await gather(journal.read('a')), [])
      assert.equal(await journal.version('a'), 10)
    },
  ),

  check('retain looks at every stream that has something to keep less of', ['erase'], async (journal) => {
    for (const number of upTo(150)) {
      await journal.append(`s/${number}`, numbered(1, 3))
      await journal.setMetadata(`s/${number}`, { maxCount: 2 })
    }
    assert.deepEqual(await journal.retain({ nowMs: t0 }), { events: 150, streams: 150 })
    await refusal('base.invalid_argument', journal.retain({ nowMs: Number.NaN }))
    await refusal('base.aborted', journal.retain({ nowMs: t0, signal: AbortSignal.abort() }))
  }),
]

export const eraseChecks: readonly JournalCheck[] = [...known, ...truncation, ...ends, ...retention]

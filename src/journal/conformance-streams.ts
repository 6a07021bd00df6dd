/**
 * The conformance checks of streams as things of their own: which there are, and that erased events come back to their
 * places. What is erased is checked in `conformance-erase.ts`.
 */
import { assert, check, event, gather, ids, numbered, refusal, versions } from './conformance-kit.ts'
import type { JournalCheck } from './conformance-kit.ts'
import type { Journal, Recorded } from './journal.ts'

const names = ({ stream }: { readonly stream: string }): string => stream

const listing = [
  check(
    'streams are listed by name in the order of code points, with what is known of them',
    ['erase'],
    async (journal) => {
      assert.deepEqual(await gather(journal.streams()), [])
      const all = ['a', 'a/1', 'a/2', 'b', '\ufb01', '\u{1f642}']
      for (const stream of all.toReversed()) await journal.append(stream, numbered(1, 3))
      await journal.setMetadata('known', { maxCount: 5 })
      await journal.truncate('b', 3)
      await journal.tombstone('a/2', event(4))
      const infos = await gather(journal.streams())
      assert.deepEqual(infos.map(names), ['a', 'a/1', 'a/2', 'b', 'known', '\ufb01', '\u{1f642}'])
      for (const info of infos) assert.deepEqual(info, await journal.stream(info.stream))
    },
  ),

  check('streams are listed by prefix, after a name, up to a limit', [], async (journal) => {
    const all = Array.from({ length: 600 }, (_, at) => `n/${String(at).padStart(4, '0')}`)
    await Promise.all(all.map((stream) => journal.append(stream, [event(1)])))
    await journal.append('o', [event(1)])
    assert.deepEqual((await gather(journal.streams({ prefix: 'n/' }))).map(names), all)
    const some = journal.streams({ prefix: 'n/', after: 'n/0009', limit: 550 })
    assert.deepEqual((await gather(some)).map(names), all.slice(10, 560))
    assert.deepEqual((await gather(some)).map(names), all.slice(10, 560))
    assert.deepEqual((await gather(journal.streams({ after: 'n/0598' }))).map(names), ['n/0599', 'o'])
    assert.deepEqual(await gather(journal.streams({ limit: 0 })), [])
    await refusal('base.invalid_argument', gather(journal.streams({ limit: -1 })))
    await refusal('base.invalid_argument', gather(journal.streams({ prefix: 'x'.repeat(600) })))
    await refusal('base.aborted', gather(journal.streams({ signal: AbortSignal.abort() })))
  }),
]

/** Two streams side by side, and what was read of them. */
async function filled(journal: Journal, size: number): Promise<Recorded[]> {
  for (let at = 0; at < size; at++) {
    await journal.append('a', [event(at)])
    if (at % 100 === 0) await journal.append('b', [event(at)])
  }
  return gather(journal.readAll())
}

const ofA = (all: readonly Recorded[], from: number, until: number): Recorded[] =>
  all.filter(({ stream, version }) => stream === 'a' && version >= from && version < until)

const restoring = [
  check('restore puts erased events back at their versions and positions', ['restore'], async (journal) => {
    const before = await filled(journal, 1200)
    await journal.truncate('a', 1101)
    assert.deepEqual(await journal.restore('a', ofA(before, 601, 1101)), { events: 500 })
    assert.deepEqual(versions(await gather(journal.read('a', { limit: 2 }))), [601, 602])
    assert.equal((await journal.stream('a')).firstVersion, 601)
    assert.deepEqual(await journal.restore('a', ofA(before, 1, 601)), { events: 600 })
    assert.deepEqual(await gather(journal.readAll()), before)
    assert.deepEqual(await gather(journal.readAll({ filter: { streams: ['a'] } })), ofA(before, 1, 2000))
    assert.deepEqual(await journal.restore('a', []), { events: 0 })
    assert.equal((await journal.append('a', [event(0)], { expectedVersion: 1200 })).version, 1201)
  }),

  check('what was restored can be erased and restored again', ['restore'], async (journal) => {
    const before = await filled(journal, 10)
    await journal.tombstone('a', event(11))
    const ended = await gather(journal.readAll())
    await journal.restore('a', ofA(before, 1, 11))
    assert.equal((await journal.stream('a')).ended, true)
    assert.deepEqual(await journal.truncate('a', 11), { events: 10 })
    assert.deepEqual(await gather(journal.readAll()), ended)
    await journal.restore('a', ofA(before, 1, 11))
    assert.deepEqual(ids(await gather(journal.read('a', { limit: 1 }))), ['event-0'])
  }),

  check('restore refuses what does not fit, and leaves the stream as it was', ['restore'], async (journal) => {
    const before = await filled(journal, 10)
    await journal.truncate('a', 6)
    const after = await gather(journal.readAll())
    const [, , third, fourth, fifth] = ofA(before, 1, 6) as [Recorded, Recorded, Recorded, Recorded, Recorded]
    const kept = ofA(before, 6, 7)
    const taken = before.find(({ stream }) => stream === 'b')?.position ?? ''
    const misfits: readonly (readonly Recorded[])[] = [
      [third],
      [third, fifth],
      [fourth, fifth, ...kept],
      kept,
      [{ ...fourth, position: fifth.position }, fifth],
      [{ ...fifth, position: kept[0]?.position ?? '' }],
      ofA(before, 1, 6).map((each) => (each.version === 2 ? { ...each, position: taken } : each)),
      [{ ...fifth, position: after.at(-1)?.position ?? '' }],
      [
        { ...fourth, position: fifth.position },
        { ...fifth, position: fourth.position },
      ],
    ]
    for (const misfit of misfits) {
      await refusal('journal.restore_conflict', journal.restore('a', misfit))
      assert.deepEqual(await gather(journal.readAll()), after)
    }
    await refusal('journal.restore_conflict', journal.restore('absent', [{ ...fifth, stream: 'absent' }]))
    await refusal('base.invalid_argument', journal.restore('a', [{ ...fifth, stream: 'b' }]))
    assert.equal(await journal.version('absent'), 0)
    await journal.restore('a', [fifth])
    assert.deepEqual(versions(await gather(journal.read('a'))), [5, 6, 7, 8, 9, 10])
  }),

  check('a restoring whose source breaks or is cancelled shows nothing', ['restore'], async (journal) => {
    const before = await filled(journal, 1200)
    await journal.truncate('a', 1201)
    const after = await gather(journal.readAll())
    async function* broken() {
      yield* ofA(before, 1, 1000)
      throw new Error('the tape tore')
    }
    await assert.rejects(journal.restore('a', broken()), { message: 'the tape tore' })
    const gone = { signal: AbortSignal.abort() }
    await refusal('base.aborted', journal.restore('a', ofA(before, 1, 1201), gone))
    assert.deepEqual(await gather(journal.readAll()), after)
    await journal.retain({ nowMs: 0 })
    assert.deepEqual(await journal.restore('a', ofA(before, 1, 1201)), { events: 1200 })
    assert.deepEqual(await gather(journal.readAll()), before)
  }),

  check('a source that stalls holds up neither an abort nor the closing', ['restore'], async (journal) => {
    await journal.append('a', numbered(1, 3))
    await journal.truncate('a', 3)
    const stalled = { [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => {}) }) }
    const leaving = new AbortController()
    const aborted = refusal('base.aborted', journal.restore('a', stalled, { signal: leaving.signal }))
    leaving.abort()
    await aborted
    const closed = refusal('journal.closed', journal.restore('a', stalled))
    await journal.close()
    await closed
  }),

  check('a restored history outlives a reopening', ['restore', 'durable'], async (journal, harness) => {
    assert.ok(harness.reopen, 'the harness of a durable driver has reopen')
    const before = await filled(journal, 5)
    await journal.truncate('a', 4)
    await journal.restore('a', ofA(before, 1, 4))
    const again = await harness.reopen(journal)
    assert.deepEqual(await gather(again.readAll()), before)
    await again.close()
  }),
]

export const streamChecks: readonly JournalCheck[] = [...listing, ...restoring]

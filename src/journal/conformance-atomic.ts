/** The conformance checks of appends over several streams, of conditions across streams and of idempotency keys. */
import { assert, check, event, gather, ids, numbered, refusal, upTo } from './conformance-kit.ts'
import type { JournalCheck } from './conformance-kit.ts'
import type { AppendCondition, Filter } from './journal.ts'

const several = [
  check('an append over several streams keeps all, in the order given', ['atomicStreams'], async (journal) => {
    await journal.append('b', numbered(1, 2))
    const appended = await journal.appendMany([
      { stream: 'a', events: numbered(10, 12), expectedVersion: 'none' },
      { stream: 'b', events: [event(20)], expectedVersion: 2 },
      { stream: 'c', events: [event(30)] },
    ])
    assert.deepEqual(
      appended.map(({ version }) => version),
      [3, 3, 1],
    )
    const all = await gather(journal.readAll())
    assert.deepEqual(
      ids(all),
      [1, 2, 10, 11, 12, 20, 30].map((number) => `event-${number}`),
    )
    assert.deepEqual(
      appended.map(({ position }) => position),
      [4, 5, 6].map((at) => all[at]?.position),
    )
  }),

  check('when one of several streams is not as expected, nothing is kept', ['atomicStreams'], async (journal) => {
    await journal.append('b', [event(1)])
    const error = await refusal(
      'journal.wrong_version',
      journal.appendMany([
        { stream: 'a', events: [event(2)] },
        { stream: 'b', events: [event(3)], expectedVersion: 'none' },
      ]),
    )
    assert.deepEqual([error['stream'], error['expected'], error['actual']], ['b', 'none', 1])
    await refusal(
      'journal.invalid_event',
      journal.appendMany([
        { stream: 'a', events: [event(2)] },
        { stream: 'c', events: [{ ...event(3), id: '' }] },
      ]),
    )
    assert.deepEqual(ids(await gather(journal.readAll())), ['event-1'])
    assert.equal(await journal.version('a'), 0)
  }),

  check(
    'an append over no stream, one named twice or too many events is refused',
    ['atomicStreams'],
    async (journal) => {
      const one = { stream: 'a', events: [event(1)] }
      await refusal('base.invalid_argument', journal.appendMany([]))
      await refusal('base.invalid_argument', journal.appendMany([one, one]))
      await refusal('base.invalid_argument', journal.appendMany([one, { stream: 'b', events: [] }]))
      const half = numbered(1, Math.ceil((journal.limits.batchMax + 1) / 2))
      await refusal(
        'base.limit_exceeded',
        journal.appendMany([
          { stream: 'a', events: half },
          { stream: 'b', events: half },
        ]),
      )
      assert.equal(await journal.head(), '')
    },
  ),
]

const conditions = [
  check('an append is refused when an event that it excludes is there, wherever', ['conditions'], async (journal) => {
    const seat = (number: number, who: string) => event(number, { type: 'seat.taken', subject: who })
    await journal.append('row/1', [seat(1, 'ann')])
    const after = await journal.head()
    await journal.append('row/2', [event(2, { type: 'seat.freed' })])
    const unless = (filter: Filter | Filter[]): { unless: AppendCondition } => ({ unless: { filter, after } })
    const taken = { types: ['seat.taken'] }
    await journal.append('row/3', [seat(3, 'bob')], unless(taken))
    const error = await refusal('journal.condition_failed', journal.append('row/4', [seat(4, 'eve')], unless(taken)))
    assert.equal(error['position'], (await gather(journal.readAll({ filter: taken, from: after })))[0]?.position)
    await refusal('journal.condition_failed', journal.append('row/4', [seat(4, 'eve')], { unless: { filter: {} } }))
    const either = [{ streams: ['row/9'] }, { types: ['absent', 'seat.freed'], streams: ['row/*'] }]
    await refusal('journal.condition_failed', journal.append('row/4', [seat(4, 'eve')], unless(either)))
    const now = await journal.head()
    await journal.append('row/4', [seat(4, 'eve')], { unless: { filter: {}, after: now } })
    assert.equal(await journal.version('row/4'), 1)
  }),

  check('of many that decided on the same state one is kept', ['conditions'], async (journal) => {
    const after = await journal.head()
    const outcomes = await Promise.allSettled(
      upTo(20).map((number) =>
        journal.append(`s/${number}`, [event(number, { type: 'claimed' })], {
          unless: { filter: { types: ['claimed'] }, after },
        }),
      ),
    )
    assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1)
    assert.equal((await gather(journal.readAll())).length, 1)
  }),

  check('a condition finds the one event among many', ['conditions'], async (journal) => {
    for (let batch = 0; batch < 6; batch++) {
      const events = upTo(batch * 1000 + 999, batch * 1000).map((number) =>
        event(number, number === 4321 ? { time: '2020-01-01T00:00:00Z' } : {}),
      )
      await journal.append(`bulk/${batch % 3}`, events)
    }
    const old = { untilTimeMs: Date.parse('2021-01-01T00:00:00Z') }
    const [found] = await gather(journal.readAll({ filter: old }))
    const more = [event(9999)]
    await refusal('journal.condition_failed', journal.append('a', more, { unless: { filter: old } }))
    const after = found?.position as string
    assert.equal((await journal.append('a', more, { unless: { filter: old, after } })).version, 1)
  }),

  check(
    'a condition without a filter, or after a position that never was, is refused',
    ['conditions'],
    async (journal) => {
      const refused = (code: string, unless: unknown) =>
        refusal(code, journal.append('a', [event(1)], { unless: unless as AppendCondition }))
      await refused('base.invalid_argument', { filter: [] })
      await refused('base.invalid_argument', { filter: { types: [] } })
      await refused('base.invalid_argument', { filter: null })
      await refused('base.invalid_argument', { filter: Array.from({ length: 17 }, () => ({})) })
      await refused('journal.invalid_position', { filter: {}, after: '7' })
      await refused('journal.invalid_position', { filter: {}, after: 'x' })
      assert.equal(await journal.version('a'), 0)
    },
  ),
]

const keys = [
  check(
    'an append that comes again under its key appends nothing and gives the same',
    ['idempotencyWindowMs'],
    async (journal) => {
      const options = { idempotencyKey: 'order-7', expectedVersion: 0 }
      const first = await journal.append('a', numbered(1, 2), options)
      assert.equal(first.duplicate, undefined)
      await journal.append('a', [event(3)])
      // Ids and data are new at each try; what was expected then is not so now.
      const again = await journal.append('a', numbered(8, 9), options)
      assert.deepEqual(again, { ...first, duplicate: true })
      assert.deepEqual(ids(await gather(journal.readAll())), ['event-1', 'event-2', 'event-3'])
    },
  ),

  check('a key that comes from many at once is taken once', ['idempotencyWindowMs'], async (journal) => {
    const outcomes = await Promise.all(
      upTo(20).map((number) => journal.append('a', [event(number)], { idempotencyKey: 'one' })),
    )
    assert.equal(outcomes.filter(({ duplicate }) => duplicate !== true).length, 1)
    assert.ok(outcomes.every(({ version }) => version === 1))
    assert.equal(await journal.version('a'), 1)
  }),

  check(
    'a key is refused for another stream or other types, and is not used up by a refusal',
    ['idempotencyWindowMs'],
    async (journal) => {
      const under = { idempotencyKey: 'k' }
      await refusal('journal.wrong_version', journal.append('a', [event(1)], { ...under, expectedVersion: 5 }))
      await journal.append('a', [event(1)], under)
      await refusal('journal.key_reused', journal.append('b', [event(1)], under))
      await refusal('journal.key_reused', journal.append('a', numbered(1, 2), under))
      await refusal('journal.key_reused', journal.append('a', [event(1, { type: 'other' })], under))
      for (const idempotencyKey of ['', 'x'.repeat(257), 'a\nb', '\ud800'])
        await refusal('base.invalid_argument', journal.append('a', [event(2)], { idempotencyKey }))
      assert.equal(await journal.version('a'), 1)
    },
  ),

  check('one key covers an append over several streams', ['idempotencyWindowMs', 'atomicStreams'], async (journal) => {
    const appends = ['a', 'b'].map((stream) => ({ stream, events: [event(1)] }))
    const first = await journal.appendMany(appends, { idempotencyKey: 'both' })
    const again = await journal.appendMany(appends, { idempotencyKey: 'both' })
    assert.deepEqual(
      again,
      first.map((appended) => ({ ...appended, duplicate: true })),
    )
    await refusal('journal.key_reused', journal.append('a', [event(1)], { idempotencyKey: 'both' }))
    assert.equal(await journal.version('b'), 1)
  }),

  check(
    'what an append under a key gave can be asked for, as long as its events are kept',
    ['idempotencyWindowMs', 'atomicStreams', 'erase'],
    async (journal) => {
      assert.equal(await journal.appended('k'), undefined)
      await refusal(
        'journal.wrong_version',
        journal.append('a', [event(1)], { idempotencyKey: 'k', expectedVersion: 5 }),
      )
      assert.equal(await journal.appended('k'), undefined)
      const appends = ['a', 'b'].map((stream) => ({ stream, events: numbered(1, 2) }))
      const first = await journal.appendMany(appends, { idempotencyKey: 'k' })
      assert.deepEqual(await journal.appended('k'), first)
      await journal.truncate('b', 3)
      assert.equal(await journal.appended('k'), undefined)
      for (const key of ['', 'x'.repeat(257)]) await refusal('base.invalid_argument', journal.appended(key))
      await journal.close()
      await refusal('journal.closed', journal.appended('k'))
    },
  ),

  check('keys are remembered over a reopening', ['idempotencyWindowMs', 'durable'], async (journal, harness) => {
    assert.ok(harness.reopen, 'the harness of a durable driver has reopen')
    const first = await journal.append('a', [event(1)], { idempotencyKey: 'k' })
    const reopened = await harness.reopen(journal)
    try {
      const again = await reopened.append('a', [event(2)], { idempotencyKey: 'k' })
      assert.deepEqual(again, { ...first, duplicate: true })
    } finally {
      await reopened.close()
    }
  }),
]

export const atomicChecks: readonly JournalCheck[] = [...several, ...conditions, ...keys]

/** The conformance checks of `read`, `readAll` and `version`, of what closing and reopening leave. */
import { assert, check, event, gather, ids, numbered, refusal, take, upTo, versions } from './conformance-kit.ts'
import type { JournalCheck } from './conformance-kit.ts'
import type { Filter, Journal, Position, ReadAllOptions, Recorded } from './journal.ts'

const streams = [
  check(
    'read gives a stream by version, from a version, up to a limit, and nothing of others',
    ['readStream'],
    async (journal) => {
      for (let number = 1; number <= 10; number++) await journal.append(number % 2 ? 'odd' : 'even', [event(number)])
      const read = async (options?: { fromVersion?: number; limit?: number }) =>
        ids(await gather(journal.read('odd', options)))
      assert.deepEqual(await read(), ['event-1', 'event-3', 'event-5', 'event-7', 'event-9'])
      assert.deepEqual(await read({ fromVersion: 4 }), ['event-7', 'event-9'])
      assert.deepEqual(await read({ fromVersion: 2, limit: 2 }), ['event-3', 'event-5'])
      assert.deepEqual(await read({ limit: 0 }), [])
      assert.deepEqual(await read({ fromVersion: 6 }), [])
      assert.deepEqual(await gather(journal.read('absent')), [])
      assert.equal(await journal.version('absent'), 0)
    },
  ),

  check('readBackward gives a stream from its end or a version down', ['readBackward'], async (journal) => {
    for (let batch = 0; batch < 3; batch++) {
      await journal.append('a', numbered(batch * 500 + 1, batch * 500 + 500))
      await journal.append('b', [event(batch)])
    }
    const down = async (options?: { fromVersion?: number; limit?: number }) =>
      versions(await gather(journal.readBackward('a', options)))
    assert.deepEqual(await down(), upTo(1500).reverse())
    assert.deepEqual(await down({ fromVersion: 700 }), upTo(700).reverse())
    assert.deepEqual(await down({ fromVersion: 600, limit: 550 }), upTo(600, 51).reverse())
    assert.deepEqual(await down({ fromVersion: 9999, limit: 2 }), [1500, 1499])
    assert.deepEqual(await down({ limit: 0 }), [])
    assert.deepEqual(await gather(journal.readBackward('absent')), [])
    assert.deepEqual(
      await gather(journal.readBackward('a', { limit: 1 })),
      await gather(journal.read('a', { fromVersion: 1500 })),
    )
    await refusal('base.invalid_argument', gather(journal.readBackward('a', { fromVersion: 0 })))
  }),

  check('each loop over a reading starts anew', ['readStream'], async (journal) => {
    await journal.append('a', numbered(1, 3))
    const reading = journal.read('a')
    assert.deepEqual(versions(await take(reading, 2)), [1, 2])
    await journal.append('a', [event(4)])
    assert.deepEqual(versions(await gather(reading)), upTo(4))
  }),

  check('a reading of many pages gives each event once, in order', ['readStream', 'totalOrder'], async (journal) => {
    for (let batch = 0; batch < 5; batch++)
      await journal.append(`s${batch % 2}`, numbered(batch * 1000 + 1, batch * 1000 + 1000))
    assert.deepEqual(
      ids(await gather(journal.readAll())),
      upTo(5000).map((number) => `event-${number}`),
    )
    assert.deepEqual(versions(await gather(journal.read('s0'))), upTo(3000))
    assert.deepEqual(versions(await gather(journal.read('s1', { fromVersion: 700, limit: 1000 }))), upTo(1699, 700))
    assert.equal((await gather(journal.readAll({ limit: 1300 }))).length, 1300)
  }),

  check(
    'a reading ends with what was there at its first step, while others append',
    ['readStream'],
    async (journal) => {
      await journal.append('a', numbered(1, 600))
      for (const reading of [journal.readAll(), journal.read('a')]) {
        const there = await journal.version('a')
        let seen = 0
        for await (const { version } of reading) {
          if (seen++ % 300 === 0) await journal.append('a', numbered(1, 5))
          assert.equal(version, seen)
        }
        assert.equal(seen, there)
      }
    },
  ),

  check('two next calls at once get two events', ['readStream'], async (journal) => {
    await journal.append('a', numbered(1, 3))
    const cursor = journal.read('a')[Symbol.asyncIterator]()
    const results = await Promise.all([cursor.next(), cursor.next(), cursor.next(), cursor.next()])
    assert.deepEqual(
      results.map((result) => (result.done ? 'end' : result.value.version)),
      [1, 2, 3, 'end'],
    )
  }),
]

const positions = [
  check('from each position a reading gives the rest', ['totalOrder'], async (journal) => {
    for (let number = 1; number <= 12; number++) await journal.append(`s${number % 3}`, [event(number)])
    const all = await gather(journal.readAll())
    assert.equal(new Set(all.map((recorded) => recorded.position)).size, 12)
    for (const [at, { position }] of all.entries())
      assert.deepEqual(await gather(journal.readAll({ from: position })), all.slice(at + 1))
    assert.deepEqual(await gather(journal.readAll({ from: '' })), all)
  }),

  check('backward, each position gives what lies before it', ['totalOrder', 'readBackward'], async (journal) => {
    for (let number = 1; number <= 12; number++) await journal.append(`s${number % 3}`, [event(number)])
    const all = await gather(journal.readAll())
    for (const [at, { position }] of all.entries())
      assert.deepEqual(await gather(journal.readAll({ from: position, backward: true })), all.slice(0, at).reverse())
    assert.deepEqual(await gather(journal.readAll({ backward: true })), all.toReversed())
    let from: Position | undefined
    const seen: Recorded[] = []
    for (let turn = 0; turn < 5; turn++) {
      const reading = journal.readAll({ backward: true, batch: 3, limit: 3, ...(from !== undefined && { from }) })
      for await (const { events, position } of reading) {
        seen.push(...events)
        from = position
      }
    }
    assert.deepEqual(await gather(journal.readAll({ backward: true, from: '' })), [])
    assert.deepEqual(seen, all.toReversed())
  }),

  check(
    'head is the position of the last event, and behind counts what lies after one',
    ['totalOrder'],
    async (journal) => {
      assert.equal(await journal.head(), '')
      assert.equal(await journal.behind(''), 0)
      const { position } = await journal.append('a', numbered(1, 5))
      assert.equal(await journal.head(), position)
      await journal.append('b', numbered(6, 8))
      assert.equal(await journal.behind(position), 3)
      assert.equal(await journal.behind(''), 8)
      assert.deepEqual(ids(await take(journal.subscribe({ from: position }), 1)), ['event-6'])
      await refusal('journal.invalid_position', journal.behind('9'))
    },
  ),

  check('a position that the journal never gave is refused', [], async (journal) => {
    await journal.append('a', numbered(1, 2))
    for (const from of ['999999', '-1', '1.5', 'x', ' 1', '١'.repeat(30)]) {
      await refusal('journal.invalid_position', gather(journal.readAll({ from, backward: true })))
      await refusal('journal.invalid_position', gather(journal.readAll({ from, batch: 2 })))
      await refusal('journal.invalid_position', gather(journal.readAll({ from })))
      await refusal('journal.invalid_position', take(journal.subscribe({ from }), 1))
    }
  }),
]

/** 60 events over 6 streams, 5 types, 4 correlations; every fourth has no time, every fifth no correlation. */
async function fill(journal: Journal): Promise<void> {
  for (let number = 0; number < 60; number++) {
    const made = event(number, { type: `type-${number % 5}` })
    if (number % 4 === 3) Reflect.deleteProperty(made, 'time')
    const correlation = number % 5 === 4 ? {} : { correlationid: `c-${number % 4}` }
    await journal.append(['convene/1', 'convene/2', 'convene', 'other/1', 'conveneX', 'ä/🙂'][number % 6] as string, [
      { ...made, ...correlation },
    ])
  }
}

const t0 = 1_767_225_600_000
const filters: readonly Filter[] = [
  {},
  { types: ['type-1'] },
  { types: ['type-1', 'type-3', 'type-1', 'absent'] },
  { types: ['absent'] },
  { streams: ['convene/1'] },
  { streams: ['convene/*'] },
  { streams: ['convene*', 'ä/🙂'] },
  { streams: ['*'] },
  { streams: ['ä*', 'absent', 'absent/*'] },
  { streams: ['Convene/1', 'convene/_', 'convene/%*'] },
  { correlationid: 'c-2' },
  { correlationid: 'absent' },
  { fromTimeMs: t0 + 10 },
  { untilTimeMs: t0 + 20 },
  { fromTimeMs: t0 + 10, untilTimeMs: t0 + 10 },
  { fromTimeMs: t0 + 30, untilTimeMs: t0 + 20 },
  { types: ['type-1', 'type-2'], streams: ['convene/*'], correlationid: 'c-1', fromTimeMs: t0 + 3 },
  { types: ['type-0'], streams: ['convene/1', 'other/*'] },
  { types: ['type-0'], untilTimeMs: t0 + 40 },
  {
    types: Array.from({ length: 40 }, (_, at) => `type-${at}`),
    streams: Array.from({ length: 40 }, (_, at) => `convene/${at}`),
  },
]

/** The filter in words a second time, so that a driver is not judged by its own code. */
function expectedBy(
  filter: Filter,
  stream: string,
  made: { type: string; time?: string; correlationid?: string },
): boolean {
  const ms = made.time === undefined ? Number.NaN : Date.parse(made.time)
  if (filter.types && !filter.types.includes(made.type)) return false
  if (filter.correlationid !== undefined && made.correlationid !== filter.correlationid) return false
  if (filter.fromTimeMs !== undefined && !(ms >= filter.fromTimeMs)) return false
  if (filter.untilTimeMs !== undefined && !(ms <= filter.untilTimeMs)) return false
  if (!filter.streams) return true
  return filter.streams.some((name) => (name.endsWith('*') ? stream.startsWith(name.slice(0, -1)) : stream === name))
}

/** The same events from the end, where the driver goes that way, and in batches of odd sizes. */
async function backwardAndInBatches(
  journal: Journal,
  filter: Filter,
  all: readonly Recorded[],
  wanted: readonly Recorded[],
  sizes: readonly number[],
): Promise<void> {
  for (const batch of sizes) {
    const batches = await gather(journal.readAll({ filter, batch }))
    assert.deepEqual(
      batches.flatMap(({ events }) => events),
      wanted,
    )
    assert.ok(batches.every(({ events }) => events.length <= batch))
  }
  if (!journal.capabilities.readBackward) return
  const downward = wanted.toReversed()
  assert.deepEqual(await gather(journal.readAll({ filter, backward: true })), downward, JSON.stringify(filter))
  assert.deepEqual(await gather(journal.readAll({ filter, backward: true, limit: 3 })), downward.slice(0, 3))
  const middle = all[Math.floor(all.length / 2)] as Recorded
  const before = downward.filter((recorded) => all.indexOf(recorded) < all.indexOf(middle))
  const reading = journal.readAll({ filter, backward: true, from: middle.position, batch: 5 })
  assert.deepEqual(
    (await gather(reading)).flatMap(({ events }) => events),
    before,
  )
}

const filtered = [
  check(
    'a filter gives exactly the events that meet all its conditions, from any position, up to any limit',
    ['totalOrder'],
    async (journal) => {
      await fill(journal)
      const all = await gather(journal.readAll())
      for (const filter of filters) {
        const wanted = all.filter((recorded) => expectedBy(filter, recorded.stream, recorded.event))
        assert.deepEqual(await gather(journal.readAll({ filter })), wanted, JSON.stringify(filter))
        const from = all[20]?.position as string
        const later = wanted.filter((recorded) => all.indexOf(recorded) > 20)
        assert.deepEqual(await gather(journal.readAll({ filter, from })), later)
        assert.deepEqual(await gather(journal.readAll({ filter, from, limit: 2 })), later.slice(0, 2))
        assert.deepEqual(await take(journal.subscribe({ filter, from }), later.length), later)
        await backwardAndInBatches(journal, filter, all, wanted, [1, 7, 4096])
      }
    },
  ),

  check('a filter finds the few among many, wherever they stand', ['totalOrder'], async (journal) => {
    const rare = new Set([0, 1, 4999, 9998, 9999])
    const oddity = { type: 'rare', subject: 'x', time: '2020-01-01T00:00:00Z' }
    for (let batch = 0; batch < 10; batch++) {
      const numbers = upTo(batch * 1000 + 999, batch * 1000)
      const events = numbers.map((number) => event(number, rare.has(number) ? oddity : {}))
      await journal.append(`bulk/${batch % 2}`, events)
    }
    const wanted = Array.from(rare, (number) => `event-${number}`)
    for (const filter of [
      { types: ['rare'] },
      { untilTimeMs: t0 - 1 },
      { types: ['rare'], streams: ['bulk/*'] },
    ] satisfies Filter[])
      assert.deepEqual(ids(await gather(journal.readAll({ filter }))), wanted, JSON.stringify(filter))
  }),

  check('a filter that many events meet loses none where pages end', ['totalOrder'], async (journal) => {
    for (let batch = 0; batch < 60; batch++) {
      const numbers = upTo(batch * 50 + 49, batch * 50)
      const events = numbers.map((number) => event(number, { type: `type-${number % 3}`, correlationid: 'c' }))
      await journal.append(`many/${batch % 30}`, events)
    }
    const all = await gather(journal.readAll())
    const dense: Filter[] = [
      { fromTimeMs: t0 },
      { types: ['type-0', 'type-2'] },
      { streams: ['many/*'] },
      { streams: ['many/1*', 'many/2'] },
      { correlationid: 'c', untilTimeMs: t0 + 2500 },
      { streams: ['many/1', 'many/2*'], types: ['type-0', 'type-1'], fromTimeMs: t0 + 7 },
    ]
    for (const filter of dense) {
      const wanted = all.filter((recorded) => expectedBy(filter, recorded.stream, recorded.event))
      assert.deepEqual(ids(await gather(journal.readAll({ filter }))), ids(wanted), JSON.stringify(filter))
      assert.deepEqual(ids(await take(journal.subscribe({ filter }), wanted.length)), ids(wanted))
      await backwardAndInBatches(journal, filter, all, wanted, [333])
    }
  }),

  check('a filter with an empty list, ill-formed text or no whole time is refused', [], async (journal) => {
    const bad: Filter[] = [
      { types: [] },
      { streams: [] },
      { types: [''] },
      { types: 'x' as unknown as string[] },
      { type: ['x'] } as Filter,
      { correlationid: '\ud800' },
      { fromTimeMs: Number.NaN },
    ]
    for (const filter of bad) {
      await refusal('base.invalid_argument', gather(journal.readAll({ filter })))
      await refusal('base.invalid_argument', take(journal.subscribe({ filter }), 1))
    }
    const types = Array.from({ length: 1001 }, (_, at) => `t${at}`)
    await refusal('base.limit_exceeded', gather(journal.readAll({ filter: { types } })))
  }),
]

const ended = [
  check('numbers out of range are refused', ['readStream'], async (journal) => {
    for (const fromVersion of [0, -1, 1.5])
      await refusal('base.invalid_argument', gather(journal.read('a', { fromVersion })))
    for (const limit of [-1, 0.5, Number.NaN]) {
      await refusal('base.invalid_argument', gather(journal.read('a', { limit })))
      await refusal('base.invalid_argument', gather(journal.readAll({ limit })))
    }
    await refusal('base.invalid_argument', gather(journal.read('')))
    await refusal('base.invalid_argument', gather(journal.readAll({ backward: 'no' as unknown as boolean })))
    const slips: unknown[] = [{ fom: '1' }, { signal: {} }]
    for (const slip of slips) {
      await refusal('base.invalid_argument', gather(journal.readAll(slip as ReadAllOptions)))
      await refusal('base.invalid_argument', take(journal.subscribe(slip as ReadAllOptions), 1))
      await refusal('base.invalid_argument', gather(journal.read('a', slip as ReadAllOptions)))
    }
    await refusal('base.invalid_argument', journal.version(''))
  }),

  check('an abort ends a reading with base.aborted and its reason', ['readStream'], async (journal) => {
    await journal.append('a', numbered(1, 5))
    const readings = [
      (signal: AbortSignal) => journal.read('a', { signal }),
      (signal: AbortSignal) => journal.readAll({ signal }),
    ]
    for (const read of readings) {
      const error = await refusal('base.aborted', gather(read(AbortSignal.abort('before'))))
      assert.equal(error['cause'], 'before')
      const controller = new AbortController()
      let seen = 0
      const looping = (async () => {
        for await (const { version } of read(controller.signal)) {
          seen = version
          if (version === 2) controller.abort('within')
        }
      })()
      await refusal('base.aborted', looping)
      assert.equal(seen, 2)
    }
  }),

  check(
    'after close every call is refused, a reading under way included; closing again does nothing',
    [],
    async (journal) => {
      await journal.append('a', numbered(1, 3))
      const underWay = journal.readAll()[Symbol.asyncIterator]()
      await underWay.next()
      const accepted = journal.append('a', [event(4)])
      await Promise.all([journal.close(), journal.close()])
      assert.equal((await accepted).version, 4)
      await refusal('journal.closed', Promise.resolve(underWay.next()))
      await refusal('journal.closed', journal.append('a', [event(5)]))
      await refusal('journal.closed', journal.version('a'))
      const readings: ((options?: ReadAllOptions) => AsyncIterable<unknown>)[] = [
        (options) => journal.readAll(options),
        (options) => journal.subscribe(options),
      ]
      for (const read of readings)
        await refusal('journal.closed', Promise.resolve(read()[Symbol.asyncIterator]().next()))
      await journal.close()
    },
  ),
]

const durable = [
  check('a journal has an id, which it keeps', [], async (journal, harness) => {
    const id = await journal.id()
    assert.match(id, /^[0-9a-f]{32}$/)
    await journal.append('a', [event(1)])
    assert.equal(await journal.id(), id)
    if (!harness.reopen) return
    const reopened = await harness.reopen(journal)
    try {
      assert.equal(await reopened.id(), id)
    } finally {
      await reopened.close()
    }
  }),

  check(
    'what was acknowledged is there after reopening, and positions stay good',
    ['durable'],
    async (journal, harness) => {
      assert.ok(harness.reopen, 'the harness of a durable driver has reopen')
      await fill(journal)
      const { position } = await journal.append('a', [event(100, { data: 'x'.repeat(20_000), future: 'kept' })])
      const before = await gather(journal.readAll())
      const reopened = await harness.reopen(journal)
      try {
        assert.deepEqual(await gather(reopened.readAll()), before)
        assert.deepEqual(await gather(reopened.readAll({ from: position })), [])
        assert.equal((await reopened.append('a', [event(101)], { expectedVersion: 1 })).version, 2)
        assert.deepEqual(ids(await gather(reopened.readAll({ from: position }))), ['event-101'])
      } finally {
        await reopened.close()
      }
    },
  ),
]

export const readChecks: readonly JournalCheck[] = [...streams, ...positions, ...filtered, ...ended, ...durable]

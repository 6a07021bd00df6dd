/** The conformance checks of `append`: what is kept, in which order, under which expectation, and what is refused. */
import { assert, check, event, gather, ids, numbered, refusal, upTo, versions } from './conformance-kit.ts'
import type { JournalCheck } from './conformance-kit.ts'
import type { CloudEvent } from '../base/envelope.ts'
import type { AppendOptions, ExpectedVersion, Journal } from './journal.ts'

const order = [
  check('append gives contiguous versions from 1 and returns the last version and position', [], async (journal) => {
    const first = await journal.append('a', numbered(1, 3))
    assert.equal(first.version, 3)
    const second = await journal.append('a', [event(4)])
    assert.equal(second.version, 4)
    assert.notEqual(first.position, second.position)
    const all = await gather(journal.readAll())
    assert.deepEqual(versions(all), upTo(4))
    assert.equal(all.at(2)?.position, first.position)
    assert.equal(all.at(3)?.position, second.position)
  }),

  check('what was appended can be read as soon as append resolves', ['readStream'], async (journal) => {
    for (let number = 1; number <= 20; number++) {
      const stream = `s${number % 3}`
      const { version, position } = await journal.append(stream, [event(number)])
      assert.equal(await journal.version(stream), version)
      assert.deepEqual(ids(await gather(journal.read(stream, { fromVersion: version }))), [`event-${number}`])
      assert.equal((await gather(journal.readAll())).at(-1)?.position, position)
    }
  }),

  check('appends that were not awaited are kept in the order of the calls', ['totalOrder'], async (journal) => {
    await Promise.all(upTo(100).map((number) => journal.append(`s${number % 7}`, [event(number)])))
    assert.deepEqual(
      ids(await gather(journal.readAll())),
      upTo(100).map((number) => `event-${number}`),
    )
  }),

  check('the events of one append stand together, whoever else appends', ['totalOrder'], async (journal) => {
    const batches = upTo(30).map((batch) =>
      journal.append(batch % 2 ? 'odd' : 'even', numbered(batch * 10, batch * 10 + 9)),
    )
    await Promise.all(batches)
    const all = ids(await gather(journal.readAll()))
    for (let at = 0; at < all.length; at += 10) {
      const first = Number(all[at]?.slice('event-'.length))
      assert.deepEqual(all.slice(at, at + 10), ids10(first))
    }
  }),
]

function ids10(first: number): string[] {
  return upTo(first + 9, first).map((number) => `event-${number}`)
}

const expectations: readonly { expected: ExpectedVersion; fresh: boolean; atTwo: boolean }[] = [
  { expected: 'any', fresh: true, atTwo: true },
  { expected: 'none', fresh: true, atTwo: false },
  { expected: 0, fresh: true, atTwo: false },
  { expected: 'exists', fresh: false, atTwo: true },
  { expected: 1, fresh: false, atTwo: false },
  { expected: 2, fresh: false, atTwo: true },
  { expected: 3, fresh: false, atTwo: false },
]

const expectation = [
  ...expectations.map(({ expected, fresh, atTwo }) =>
    check(
      `expectedVersion ${expected} is ${taken(fresh)} on no stream, ${taken(atTwo)} on one of two events`,
      ['expectedVersion'],
      async (journal) => {
        await journal.append('two', numbered(1, 2))
        await expecting(journal, 'fresh', expected, fresh, 0)
        await expecting(journal, 'two', expected, atTwo, 2)
      },
    ),
  ),

  check(
    'of many writers with the same expectation one wins and the others learn the version',
    ['expectedVersion'],
    async (journal) => {
      const outcomes = await Promise.allSettled(
        upTo(20).map((number) => journal.append('a', [event(number)], { expectedVersion: 0 })),
      )
      const lost = outcomes.filter((outcome) => outcome.status === 'rejected')
      assert.equal(lost.length, 19)
      for (const { reason } of lost) {
        assert.equal(reason.code, 'journal.wrong_version')
        assert.equal(reason.actual, 1)
      }
      assert.equal(await journal.version('a'), 1)
    },
  ),

  check('a chain of expected versions that was not awaited is kept whole', ['expectedVersion'], async (journal) => {
    await Promise.all(upTo(50).map((number) => journal.append('a', [event(number)], { expectedVersion: number - 1 })))
    assert.equal(await journal.version('a'), 50)
  }),
]

function taken(yes: boolean): string {
  return yes ? 'taken' : 'refused'
}

async function expecting(
  journal: Journal,
  stream: string,
  expected: ExpectedVersion,
  good: boolean,
  actual: number,
): Promise<void> {
  const appending = journal.append(stream, numbered(10, 11), { expectedVersion: expected })
  if (good) {
    assert.equal((await appending).version, actual + 2)
    return
  }
  const error = await refusal('journal.wrong_version', appending)
  assert.deepEqual([error['stream'], error['expected'], error['actual']], [stream, expected, actual])
  assert.equal(await journal.version(stream), actual)
}

const broken: readonly (readonly [what: string, code: string, bad: unknown])[] = [
  ['no object', 'journal.invalid_event', null],
  ['another version of CloudEvents', 'journal.invalid_event', { ...event(1), specversion: '0.3' }],
  ['no id', 'journal.invalid_event', { ...event(1), id: '' }],
  ['an attribute with a name that CloudEvents forbids', 'journal.invalid_event', { ...event(1), 'Not-Allowed': 'x' }],
  ['a time that is no RFC 3339', 'journal.invalid_event', { ...event(1), time: 'yesterday' }],
  ['a function in its data', 'journal.invalid_event', { ...event(1), data: { call: () => {} } }],
  [
    'an instance of a class in its data',
    'journal.invalid_event',
    { ...event(1), data: new URL('https://example.org') },
  ],
  ['data beyond eventMaxBytes', 'journal.event_too_large', { ...event(1), data: 'x'.repeat(1024 * 1024) }],
  ['data nested without end', 'journal.event_too_large', { ...event(1), data: nested(1000) }],
]

function nested(depth: number): unknown {
  let value: unknown = 0
  for (let level = 0; level < depth; level++) value = [value]
  return value
}

const refused = [
  ...broken.map(([what, code, bad]) =>
    check(`an event with ${what} is refused, and nothing of its append is kept`, [], async (journal) => {
      await refusal(code, journal.append('a', [event(1), bad as CloudEvent, event(2)]))
      assert.deepEqual(await gather(journal.readAll()), [])
      assert.equal((await journal.append('a', [event(3)])).version, 1)
    }),
  ),

  check('a slip in an option, no list of events and a hole in one are refused', [], async (journal) => {
    const one = [event(1)]
    const slips: unknown[] = [
      { expectVersion: 99 },
      { expectedVersion: null },
      { unless: null },
      { unless: { filter: { type: ['x'] } } },
      null,
    ]
    for (const options of slips)
      await refusal('base.invalid_argument', journal.append('a', one, options as AppendOptions))
    const noLists: unknown[] = [null, undefined, 'text', event(1), {}]
    for (const events of noLists) await refusal('base.invalid_argument', journal.append('a', events as CloudEvent[]))
    for (const events of [Array.from<CloudEvent>({ length: 1 }), [event(1), undefined as unknown as CloudEvent]])
      await refusal('journal.invalid_event', journal.append('a', events))
    const holes: CloudEvent[] = []
    holes[1] = event(2)
    await refusal('journal.invalid_event', journal.append('a', holes))
    assert.deepEqual(await gather(journal.readAll()), [])
    assert.equal(await journal.version('a'), 0)
  }),

  check('an event is what was checked, whatever class or getter it comes from', [], async (journal) => {
    const inherited = Object.assign(Object.create({ subject: 42 }) as object, event(1))
    await refusal('journal.invalid_event', journal.append('a', [inherited]))
    let asked = 0
    const turning = Object.defineProperty({ ...event(2) }, 'subject', { enumerable: true, get: () => `${asked++}` })
    await journal.append('a', [turning])
    assert.deepEqual(
      (await gather(journal.readAll())).map(({ event: { subject } }) => subject),
      ['0'],
    )
  }),

  check('lists that change after the call change nothing', ['atomicStreams'], async (journal) => {
    const events = [event(1)]
    const appends = [{ stream: 'a', events }]
    const appending = journal.appendMany(appends)
    const refused = refusal(
      'journal.wrong_version',
      journal.appendMany(appends.splice(0).map((each) => ({ ...each, expectedVersion: 7 }))),
    )
    events.push(event(2))
    await appending
    assert.equal((await refused)['stream'], 'a')
    assert.deepEqual(ids(await gather(journal.readAll())), ['event-1'])
  }),

  check('a batch is refused when it is empty or passes batchMax', [], async (journal) => {
    await refusal('base.invalid_argument', journal.append('a', []))
    const many = Array.from({ length: journal.limits.batchMax + 1 }, () => event(1))
    await refusal('base.limit_exceeded', journal.append('a', many))
    assert.deepEqual(await gather(journal.readAll()), [])
  }),

  check('a batch is refused when its data pass batchMaxBytes', [], async (journal) => {
    const { eventMaxBytes, batchMaxBytes } = journal.limits
    const large = event(1, { data: 'x'.repeat(eventMaxBytes - 2) })
    const many = Array.from({ length: Math.floor(batchMaxBytes / eventMaxBytes) + 1 }, () => large)
    await refusal('base.limit_exceeded', journal.append('a', many))
    assert.deepEqual(await gather(journal.readAll()), [])
  }),

  check('a stream has a name of 1 to streamMaxLength characters without control characters', [], async (journal) => {
    const { streamMaxLength } = journal.limits
    for (const bad of ['', 'x'.repeat(streamMaxLength + 1), 'a\nb', 'a\u0000b', 'a\u007fb', 'a\ud800b'])
      await refusal('base.invalid_argument', journal.append(bad, [event(1)]))
    for (const good of ['x'.repeat(streamMaxLength), 'a b', '*', 'ä/日本/🙂', "'; DROP TABLE x; --"]) {
      assert.equal((await journal.append(good, [event(1)])).version, 1)
      assert.equal(await journal.version(good), 1)
    }
  }),

  check(
    'an expected version is a whole number of 0 or more, or one of the words',
    ['expectedVersion'],
    async (journal) => {
      for (const bad of [-1, 1.5, Number.NaN, 2 ** 53, 'absent', '1'] as ExpectedVersion[])
        await refusal('base.invalid_argument', journal.append('a', [event(1)], { expectedVersion: bad }))
      assert.equal(await journal.version('a'), 0)
    },
  ),
]

const kept = [
  check('what was appended never changes, whatever the writer or a reader does to its objects', [], async (journal) => {
    const data = { list: [1], inner: { at: new Date(0) } }
    const given = event(1, { subject: 'before', data }) as { subject: string; data: typeof data }
    const appending = journal.append('a', [given as unknown as CloudEvent])
    data.list.push(2)
    data.inner.at.setTime(5)
    given.subject = 'after'
    await appending
    const [read] = await gather(journal.readAll())
    const seen = read?.event as unknown as typeof given
    assert.deepEqual([seen.subject, seen.data], ['before', { list: [1], inner: { at: new Date(0) } }])
    seen.data.list.push(3)
    const [again] = await gather(journal.readAll())
    assert.deepEqual((again?.event.data as typeof data | undefined)?.list, [1])
  }),

  check(
    'every attribute survives, extensions that nobody knows included, in the order of CloudEvents',
    [],
    async (journal) => {
      const full = {
        unknownextension: 'kept',
        specversion: '1.0' as const,
        id: 'A/1',
        source: 'https://example.org/a?b#c',
        type: 'full.ä.🙂',
        data: { last: true },
        subject: 'subject "quoted"',
        time: '2026-02-03T04:05:06.123456789+02:00',
        datacontenttype: 'text/plain',
        dataschema: 'https://example.org/schema',
        correlationid: 'c',
        causationid: 'b',
        hop: 3,
        domain: 'ops',
        criticality: 'high' as const,
        traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
        numeric: 12,
        flag: false,
      }
      const bare = { specversion: '1.0' as const, id: 'A/2', source: '/b', type: 'bare', data: null }
      await journal.append('a', [full, bare])
      const [first, second] = await gather(journal.readAll())
      assert.deepEqual(first?.event, full)
      assert.deepEqual(second?.event, bare)
      const names = Object.keys(first?.event ?? {})
      assert.equal(names[0], 'specversion')
      assert.equal(names.at(-1), 'data')
    },
  ),

  check('data come back as the JSON codec gives them', [], async (journal) => {
    const values: unknown[] = [
      undefined,
      null,
      'text \ud83d lone',
      -0,
      Number.NaN,
      12n,
      [1, undefined, [true]],
      new Date(5),
      new Uint8Array([0, 255]),
      new Map<unknown, unknown>([['k', new Set([1])]]),
      { $dollar: '$', nested: { $$: 1 }, gone: undefined },
      JSON.parse('{"__proto__": {"polluted": true}}'),
    ]
    await journal.append(
      'a',
      values.map((data, number) => event(number, { data })),
    )
    const read = (await gather(journal.readAll())).map((recorded) => recorded.event.data)
    assert.deepEqual(read, [...values.slice(0, 10), { $dollar: '$', nested: { $$: 1 } }, values.at(-1)])
    assert.equal(({} as { polluted?: boolean }).polluted, undefined)
  }),

  check('events of every size up to eventMaxBytes come back whole', ['readStream'], async (journal) => {
    const sizes = [1, 100, 4096, 8190, 8191, 8192, 8193, 100_000, journal.limits.eventMaxBytes - 2]
    await journal.append(
      'a',
      sizes.map((size, number) =>
        event(number, { data: 'ä'.repeat(size / 2).padEnd(size - Math.floor(size / 2), 'x') }),
      ),
    )
    for (const reading of [journal.read('a'), journal.readAll()]) {
      const lengths = (await gather(reading)).map((recorded) => Buffer.byteLength(recorded.event.data as string))
      assert.deepEqual(lengths, sizes)
    }
  }),
]

export const appendChecks: readonly JournalCheck[] = [...order, ...expectation, ...refused, ...kept]

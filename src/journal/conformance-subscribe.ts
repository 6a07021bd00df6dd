/** The conformance checks of `subscribe`: every event once, in order, from any position, and an end that frees everything. */
import { assert, check, event, gather, ids, numbered, refusal, take, upTo } from './conformance-kit.ts'
import type { JournalCheck } from './conformance-kit.ts'
import type { Batch, Recorded } from './journal.ts'

const names = (last: number, first = 1): string[] => upTo(last, first).map((number) => `event-${number}`)

const live = [
  check('a subscriber gets what is there, then what comes, each once and in order', ['totalOrder'], async (journal) => {
    await journal.append('a', numbered(1, 5))
    const taking = take(journal.subscribe(), 10)
    for (let number = 6; number <= 10; number++) await journal.append(`s${number % 2}`, [event(number)])
    assert.deepEqual(ids(await taking), names(10))
  }),

  check('a subscriber from a position gets only what came after it', ['totalOrder'], async (journal) => {
    const { position } = await journal.append('a', numbered(1, 5))
    const taking = take(journal.subscribe({ from: position }), 3)
    await journal.append('a', numbered(6, 8))
    assert.deepEqual(ids(await taking), names(8, 6))
  }),

  check(
    'many subscribers, started at any moment beside many writers, each get every event once',
    ['totalOrder'],
    async (journal) => {
      const total = 400
      const readers: Promise<Recorded[]>[] = []
      const write = async (writer: number) => {
        for (let turn = 0; turn < 50; turn++) {
          if (turn % 10 === 0) readers.push(take(journal.subscribe(), total))
          await journal.append(`s${writer % 3}`, [event(writer * 50 + turn)])
        }
      }
      await Promise.all(upTo(7, 0).map(write))
      const all = await gather(journal.readAll())
      assert.equal(all.length, total)
      for (const seen of await Promise.all(readers)) assert.deepEqual(seen, all)
    },
  ),

  check('a filter holds for what is there and for what comes', ['totalOrder'], async (journal) => {
    const typed = (first: number, last: number) =>
      upTo(last, first).map((number) => event(number, { type: number % 2 ? 'odd' : 'even' }))
    await journal.append('a/1', typed(1, 4))
    const taking = take(journal.subscribe({ filter: { types: ['odd'], streams: ['a/*'] } }), 5)
    await journal.append('b/1', typed(1, 3))
    await journal.append('a/2', typed(5, 8))
    await journal.append('a/1', typed(9, 9))
    assert.deepEqual(ids(await taking), ['event-1', 'event-3', 'event-5', 'event-7', 'event-9'])
  }),

  check('batches tell how far they looked, and when they reached the end', ['totalOrder'], async (journal) => {
    await journal.append('a', numbered(1, 10))
    const batches = journal.subscribe({ batch: 4 })[Symbol.asyncIterator]()
    const next = async () => (await batches.next()).value as Batch
    const sizes: number[] = []
    let last: Batch
    do {
      last = await next()
      sizes.push(last.events.length)
      if (last.events.length > 0) assert.equal(last.position, last.events.at(-1)?.position)
      assert.equal(last.caughtUp, last.position === (await journal.head()))
    } while (!last.caughtUp)
    assert.deepEqual(sizes, [4, 4, 2])
    const waiting = next()
    await journal.append('a', [event(11)])
    assert.deepEqual(ids((await waiting).events), ['event-11'])
    await batches.return?.()
  }),

  check('batches go on past what their filter leaves out', ['totalOrder'], async (journal) => {
    await journal.append('a', numbered(1, 3))
    const filter = { streams: ['b'] }
    const batches = journal.subscribe({ filter, batch: 10 })[Symbol.asyncIterator]()
    const first = (await batches.next()).value as Batch
    assert.deepEqual([first.events, first.position, first.caughtUp], [[], await journal.head(), true])
    const waiting = batches.next()
    await journal.append('b', [event(4)])
    assert.deepEqual(ids(((await waiting).value as Batch).events), ['event-4'])
    await batches.return?.()
    assert.deepEqual(await gather(journal.readAll({ filter, batch: 10, from: first.position, limit: 0 })), [])
  }),

  check('the size of a batch is a whole number from 1 to 4096', [], async (journal) => {
    for (const batch of [0, -1, 1.5, 4097]) {
      await refusal('base.invalid_argument', gather(journal.readAll({ batch })))
      await refusal('base.invalid_argument', gather(journal.subscribe({ batch })))
    }
  }),

  check('a slow subscriber misses nothing and holds up nobody', ['totalOrder'], async (journal) => {
    const slow = journal.subscribe()[Symbol.asyncIterator]()
    const first = slow.next()
    for (let batch = 0; batch < 4; batch++) await journal.append('a', numbered(batch * 500 + 1, batch * 500 + 500))
    assert.equal((await take(journal.subscribe(), 2000)).length, 2000)
    const seen = [(await first).value as Recorded]
    while (seen.length < 2000) seen.push((await slow.next()).value as Recorded)
    await slow.return?.()
    assert.deepEqual(ids(seen), names(2000))
  }),

  check('a subscriber may append while it reads', ['totalOrder'], async (journal) => {
    await journal.append('a', [event(1)])
    const seen: string[] = []
    for await (const recorded of journal.subscribe()) {
      seen.push(recorded.event.id)
      if (seen.length === 20) break
      await journal.append('a', [event(seen.length + 1)])
    }
    assert.deepEqual(seen, names(20))
  }),
]

const ends = [
  check(
    'an abort ends a subscription without an error: before, between events and while it waits',
    [],
    async (journal) => {
      assert.deepEqual(await gather(journal.subscribe({ signal: AbortSignal.abort() })), [])
      await journal.append('a', numbered(1, 3))
      const between = new AbortController()
      const seen: string[] = []
      for await (const recorded of journal.subscribe({ signal: between.signal })) {
        seen.push(recorded.event.id)
        if (seen.length === 2) between.abort()
      }
      assert.deepEqual(seen, names(2))
      const waiting = new AbortController()
      const cursor = journal.subscribe({ signal: waiting.signal })[Symbol.asyncIterator]()
      for (let number = 1; number <= 3; number++) await cursor.next()
      const pending = cursor.next()
      waiting.abort()
      assert.deepEqual(await pending, { value: undefined, done: true })
      assert.deepEqual(await cursor.next(), { value: undefined, done: true })
    },
  ),

  check('leaving a subscription ends it, even while it waits', [], async (journal) => {
    await journal.append('a', [event(1)])
    const cursor = journal.subscribe()[Symbol.asyncIterator]()
    await cursor.next()
    const pending = cursor.next()
    await cursor.return?.()
    assert.deepEqual(await pending, { value: undefined, done: true })
    await journal.append('a', [event(2)])
    assert.deepEqual(await cursor.next(), { value: undefined, done: true })
  }),

  check('close ends subscriptions, those that wait and those with events left', [], async (journal) => {
    await journal.append('a', numbered(1, 3))
    const busy = journal.subscribe()[Symbol.asyncIterator]()
    await busy.next()
    const waiting = journal.subscribe()[Symbol.asyncIterator]()
    for (let number = 1; number <= 3; number++) await waiting.next()
    const pending = waiting.next()
    await journal.close()
    assert.deepEqual(await pending, { value: undefined, done: true })
    assert.deepEqual(await busy.next(), { value: undefined, done: true })
  }),
]

export const subscribeChecks: readonly JournalCheck[] = [...live, ...ends]

/** The conformance checks of consumer groups: each event to one consumer, until it is settled, in order, and over restarts. */
import { assert, check, event, numbered, refusal, upTo } from './conformance-kit.ts'
import type { JournalCheck } from './conformance-kit.ts'
import type { ConsumeOptions, ConsumerGroup, Delivery, ParkedEvent } from './group.ts'

/** The next deliveries of a consumer, which goes on. */
async function some(consumer: AsyncIterator<Delivery>, count: number): Promise<Delivery[]> {
  const taken: Delivery[] = []
  while (taken.length < count) {
    const { value, done } = await consumer.next()
    assert.ok(!done, 'the consumer ended early')
    taken.push(value)
  }
  return taken
}

function consumer(group: ConsumerGroup, options?: ConsumeOptions): AsyncIterator<Delivery> {
  return group.consume(options)[Symbol.asyncIterator]()
}

const idOf = ({ recorded }: Delivery): string => recorded.event.id
const idsOf = (deliveries: readonly Delivery[]): string[] => deliveries.map(idOf)
const names = (last: number, first = 1): string[] => upTo(last, first).map((number) => `event-${number}`)

/** Acknowledges what comes until so many were acknowledged; then leaves. */
async function work(group: ConsumerGroup, count: number, options?: ConsumeOptions): Promise<string[]> {
  const seen: string[] = []
  for await (const delivery of group.consume(options)) {
    await delivery.ack()
    seen.push(idOf(delivery))
    if (seen.length === count) break
  }
  return seen
}

async function parkedOf(group: ConsumerGroup): Promise<ParkedEvent[]> {
  const all: ParkedEvent[] = []
  for await (const parked of group.parked()) all.push(parked)
  return all
}

const needs = ['groups'] as const

const deliveries = [
  check('a consumer gets what is there, then what comes, in order', needs, async (journal) => {
    await journal.append('a', numbered(1, 5))
    await using group = await journal.group('g')
    const working = work(group, 10)
    for (let number = 6; number <= 10; number++) await journal.append(`s${number % 2}`, [event(number)])
    assert.deepEqual(await working, names(10))
    assert.deepEqual(await group.status(), {
      checkpoint: await journal.head(),
      waiting: 0,
      inFlight: 0,
      delayed: 0,
      parked: 0,
      consumers: [],
      lag: 0,
    })
  }),

  check('each event goes to one of many consumers', needs, async (journal) => {
    await using group = await journal.group('g')
    const leave = new AbortController()
    const seen: string[] = []
    const consumers = upTo(4).map(async () => {
      for await (const delivery of group.consume({ prefetch: 3, signal: leave.signal })) {
        await delivery.ack()
        seen.push(idOf(delivery))
        if (seen.length === 200) leave.abort()
      }
    })
    for (let batch = 0; batch < 20; batch++) await journal.append('a', numbered(batch * 10 + 1, batch * 10 + 10))
    await Promise.all(consumers)
    assert.deepEqual(new Set(seen), new Set(names(200)))
    assert.equal(seen.length, 200)
  }),

  check('two groups get every event each', needs, async (journal) => {
    await journal.append('a', numbered(1, 3))
    await using one = await journal.group('one')
    await using two = await journal.group('two')
    assert.deepEqual(await Promise.all([work(one, 3), work(two, 3)]), [names(3), names(3)])
  }),

  check('a group has its filter and begins after its position, once', needs, async (journal) => {
    const { position } = await journal.append('a', numbered(1, 3))
    await journal.append('b', numbered(4, 5))
    await journal.append('a', numbered(6, 7))
    const options = { from: position, filter: { streams: ['a'] } }
    const group = await journal.group('g', options)
    assert.deepEqual(await work(group, 2), names(7, 6))
    await group.close()
    await using again = await journal.group('g', options)
    await journal.append('a', [event(8)])
    assert.deepEqual(await work(again, 1), names(8, 8))
  }),

  check('what does not match lets the checkpoint go on', needs, async (journal) => {
    await journal.append('a', numbered(1, 2000))
    await journal.append('b', [event(2001)])
    await using group = await journal.group('g', { filter: { streams: ['b'] } })
    assert.equal((await group.status()).lag, 2001)
    assert.deepEqual(await work(group, 1), ['event-2001'])
    const { checkpoint, lag } = await group.status()
    assert.deepEqual([checkpoint, lag], [await journal.head(), 0])
  }),

  check('a consumer has no more unsettled deliveries than it prefetches', needs, async (journal) => {
    await journal.append('a', numbered(1, 5))
    await using group = await journal.group('g')
    const one = consumer(group, { prefetch: 2 })
    const [first] = await some(one, 2)
    const third = one.next()
    assert.deepEqual((await group.status()).consumers, [{ name: 'consumer-1', inFlight: 2 }])
    await first?.ack()
    assert.equal(idOf((await third).value as Delivery), 'event-3')
    await one.return?.()
  }),
]

const failures = [
  check('a nack delivers again, until the last delivery parks the event with its reason', needs, async (journal) => {
    await journal.append('a', numbered(1, 2))
    await using group = await journal.group('g', { maxDeliveries: 3 })
    const one = consumer(group, { prefetch: 1 })
    for (const attempt of [1, 2, 3]) {
      const [delivery] = (await some(one, 1)) as [Delivery]
      assert.deepEqual([idOf(delivery), delivery.attempt], ['event-1', attempt])
      await delivery.nack({ reason: `no ${attempt}` })
    }
    const [next] = (await some(one, 1)) as [Delivery]
    assert.deepEqual([idOf(next), next.attempt], ['event-2', 1])
    await next.park('not for us')
    const parked = await parkedOf(group)
    assert.deepEqual(
      parked.map(({ recorded, attempts }) => [recorded?.event.id, attempts]),
      [
        ['event-1', 3],
        ['event-2', 1],
      ],
    )
    assert.match(parked[0]?.reason ?? '', /^no 3/)
    assert.equal(parked[1]?.reason, 'not for us')
    assert.deepEqual([(await group.status()).parked, (await group.status()).lag], [2, 0])
    await one.return?.()
  }),

  check('parked events are delivered again with a fresh count, or forgotten', needs, async (journal) => {
    await journal.append('a', numbered(1, 4))
    await using group = await journal.group('g')
    for await (const delivery of group.consume()) {
      await delivery.park('later')
      if (idOf(delivery) === 'event-4') break
    }
    const positions = (await parkedOf(group)).map(({ position }) => position)
    assert.equal(await group.discardParked({ positions: positions.slice(0, 1) }), 1)
    assert.equal(await group.replayParked({ positions: positions.slice(0, 2) }), 1)
    assert.equal(await group.replayParked(), 2)
    assert.equal(await group.replayParked(), 0)
    const one = consumer(group)
    const again = await some(one, 3)
    assert.deepEqual(idsOf(again), names(4, 2))
    assert.deepEqual(new Set(again.map(({ attempt }) => attempt)), new Set([1]))
    await Promise.all(again.map((delivery) => delivery.ack()))
    await one.return?.()
    assert.deepEqual(await parkedOf(group), [])
    await group.close()
    await using later = await journal.group('g')
    assert.deepEqual(await parkedOf(later), [])
    assert.equal((await later.status()).lag, 0)
  }),

  check('what is not settled in time is delivered again, to whoever asks', needs, async (journal) => {
    await journal.append('a', [event(1)])
    await using group = await journal.group('g', { visibilityTimeoutMs: 20 })
    const one = consumer(group, { prefetch: 1 })
    const [late] = (await some(one, 1)) as [Delivery]
    const two = consumer(group, { prefetch: 1 })
    const [again] = (await some(two, 1)) as [Delivery]
    assert.deepEqual([idOf(again), again.attempt], ['event-1', 2])
    const error = await refusal('journal.lease_lost', late.ack())
    assert.deepEqual([error['group'], error['attempt']], ['g', 1])
    await again.ack()
    await Promise.all([one.return?.(), two.return?.()])
  }),

  check('a delivery is settled once', needs, async (journal) => {
    await journal.append('a', numbered(1, 3))
    await using group = await journal.group('g')
    const one = consumer(group)
    const [acked, nacked, parked] = (await some(one, 3)) as [Delivery, Delivery, Delivery]
    await acked.ack()
    await nacked.nack({ delayMs: 60_000 })
    await parked.park('enough')
    for (const delivery of [acked, nacked, parked]) {
      await refusal('journal.lease_lost', delivery.ack())
      await refusal('journal.lease_lost', delivery.nack())
      await refusal('journal.lease_lost', delivery.park('again'))
      await refusal('journal.lease_lost', delivery.extend())
    }
    const { delayed, waiting, inFlight } = await group.status()
    assert.deepEqual([delayed, waiting, inFlight], [1, 0, 0])
    await one.return?.()
  }),

  check('a consumer that leaves its loop gives back what it has not settled, at once', needs, async (journal) => {
    await journal.append('a', numbered(1, 5))
    await using group = await journal.group('g')
    for await (const delivery of group.consume({ prefetch: 5 })) if (idOf(delivery) === 'event-2') break
    const one = consumer(group)
    const again = await some(one, 5)
    assert.deepEqual(
      again.map((delivery) => [idOf(delivery), delivery.attempt]),
      [
        ['event-1', 2],
        ['event-2', 2],
        ['event-3', 1],
        ['event-4', 1],
        ['event-5', 1],
      ],
    )
    await one.return?.()
  }),

  check('events that were erased while they waited are passed over', ['groups', 'erase'], async (journal) => {
    await journal.append('a', numbered(1, 4))
    await journal.append('b', [event(5)])
    await using group = await journal.group('g')
    const one = consumer(group, { prefetch: 1 })
    const [first] = (await some(one, 1)) as [Delivery]
    await first.park('kept')
    await journal.truncate('a', 4)
    assert.deepEqual(await work(group, 2), names(5, 4))
    const [parked] = await parkedOf(group)
    assert.deepEqual([parked?.recorded, parked?.reason], [undefined, 'kept'])
    assert.equal(await group.replayParked(), 0)
    assert.deepEqual(await parkedOf(group), [])
    await one.return?.()
  }),
]

const order = [
  check('events of a key go one at a time and in order, keys beside each other', needs, async (journal) => {
    for (let number = 1; number <= 12; number++) await journal.append(`s${number % 3}`, [event(number)])
    await using group = await journal.group('g', { partitionBy: ({ stream }) => stream })
    const one = consumer(group, { prefetch: 10 })
    const heads = (await some(one, 3)) as [Delivery, Delivery, Delivery]
    assert.deepEqual(idsOf(heads), names(3))
    assert.equal((await group.status()).inFlight, 3)
    const [first, second, third] = heads
    await second.ack()
    assert.deepEqual(idsOf(await some(one, 1)), ['event-5'])
    await first.nack()
    const [again] = (await some(one, 1)) as [Delivery]
    assert.deepEqual([idOf(again), again.attempt], ['event-1', 2])
    await again.park('in the way')
    assert.deepEqual(idsOf(await some(one, 1)), ['event-4'])
    await third.ack()
    assert.deepEqual(idsOf(await some(one, 1)), ['event-6'])
    await one.return?.()
  }),
]

const life = [
  check('a consumer with a name that is taken is refused, until the other has left', needs, async (journal) => {
    await using group = await journal.group('g')
    const one = consumer(group, { name: 'worker' })
    const waiting = one.next()
    const error = await refusal('journal.consumer_exists', consumer(group, { name: 'worker' }).next())
    assert.deepEqual([error['group'], error['consumer']], ['g', 'worker'])
    await one.return?.()
    assert.deepEqual(await waiting, { value: undefined, done: true })
    await journal.append('a', [event(1)])
    assert.deepEqual(await work(group, 1, { name: 'worker' }), names(1))
  }),

  check('a group opened twice is one group; other options are refused', needs, async (journal) => {
    await journal.append('a', numbered(1, 2))
    await using group = await journal.group('g', { filter: { types: ['x', 'conformance.counted'] } })
    await using same = await journal.group('g', { filter: { types: ['conformance.counted', 'x'] } })
    const one = consumer(group, { prefetch: 1 })
    await some(one, 1)
    assert.deepEqual(await work(same, 1), names(2, 2))
    await one.return?.()
    await refusal('journal.group_conflict', journal.group('g', { filter: { types: ['y'] } }))
    const types = ['x', 'conformance.counted']
    await refusal('journal.group_conflict', journal.group('g', { filter: { types }, maxDeliveries: 9 }))
    await refusal('journal.group_conflict', journal.group('g', { filter: { types }, partitionBy: () => 'k' }))
    await group.close()
    assert.equal((await same.status()).lag, 1)
    await refusal('journal.closed', group.status())
    await refusal('journal.closed', consumer(group).next())
    await same.close()
    const error = await refusal('journal.group_conflict', journal.group('g'))
    assert.equal(error['option'], 'filter')
  }),

  check('a removed group begins anew', needs, async (journal) => {
    await journal.append('a', numbered(1, 2))
    const group = await journal.group('g')
    assert.deepEqual(await work(group, 2), names(2))
    const one = consumer(group)
    const waiting = one.next()
    await refusal('journal.consumer_exists', group.remove())
    await one.return?.()
    await waiting
    await group.remove()
    await using again = await journal.group('g', { filter: { streams: ['a'] } })
    assert.deepEqual(await work(again, 2), names(2))
  }),

  check(
    'an abort ends a consumer without an error: before, between deliveries and while it waits',
    needs,
    async (journal) => {
      await journal.append('a', numbered(1, 3))
      await using group = await journal.group('g')
      assert.deepEqual(await work(group, 1, { signal: AbortSignal.abort() }), [])
      const between = new AbortController()
      for await (const delivery of group.consume({ signal: between.signal })) {
        between.abort()
        // The delivery that the loop is on may still be settled.
        await delivery.ack()
      }
      assert.equal((await group.status()).lag, 2)
      const waiting = new AbortController()
      const one = consumer(group, { signal: waiting.signal })
      for (const delivery of await some(one, 2)) await delivery.ack()
      const pending = one.next()
      waiting.abort()
      assert.deepEqual(await pending, { value: undefined, done: true })
      assert.deepEqual((await group.status()).consumers, [])
    },
  ),

  check(
    'close of the journal ends consumers, those that wait and those with deliveries left',
    needs,
    async (journal) => {
      await journal.append('a', numbered(1, 3))
      const group = await journal.group('g')
      const busy = consumer(group)
      const [delivery] = (await some(busy, 1)) as [Delivery]
      const other = await journal.group('other', { from: await journal.head() })
      const pending = consumer(other).next()
      const settled = delivery.ack()
      await journal.close()
      await settled
      assert.deepEqual(await busy.next(), { value: undefined, done: true })
      assert.deepEqual(await pending, { value: undefined, done: true })
      await refusal('journal.closed', journal.group('g'))
      await refusal('journal.closed', group.status())
      await refusal('journal.closed', delivery.nack())
    },
  ),

  check('bad arguments of groups are refused', needs, async (journal) => {
    const bad = 'base.invalid_argument'
    for (const name of ['', 'x'.repeat(129), 'a\nb', '\ud800']) await refusal(bad, journal.group(name))
    await refusal('journal.invalid_position', journal.group('g', { from: 'nowhere' }))
    await refusal(bad, journal.group('g', { maxDeliveries: 0 }))
    await refusal(bad, journal.group('g', { visibilityTimeoutMs: 9 }))
    await refusal(bad, journal.group('g', { inFlightMax: 10, heldMax: 9 }))
    await refusal(bad, journal.group('g', { filter: { types: [] } }))
    const slip: object = { maxDelivery: 3 }
    await refusal(bad, journal.group('g', slip))
    await using group = await journal.group('g')
    await refusal(bad, consumer(group, { prefetch: 0 }).next())
    await refusal(bad, consumer(group, { prefetch: 4097 }).next())
    await refusal(bad, consumer(group, { name: '' }).next())
    await journal.append('a', [event(1)])
    const one = consumer(group)
    const [delivery] = (await some(one, 1)) as [Delivery]
    await refusal(bad, delivery.nack({ delayMs: -1 }))
    await refusal(bad, delivery.nack({ delayMs: 604_800_001 }))
    await refusal(bad, delivery.extend(5))
    await refusal('journal.invalid_position', group.replayParked({ positions: ['x'] }))
    await delivery.ack()
    await one.return?.()
  }),

  check(
    'a group goes on where it was after the journal was opened again',
    ['groups', 'durable'],
    async (first, { reopen }) => {
      assert.ok(reopen, 'a durable driver hands in reopen')
      await first.append('a', numbered(1, 6))
      const options = { maxDeliveries: 2, filter: { streams: ['a'] } }
      const group = await first.group('g', options)
      const one = consumer(group)
      const [acked, failed, delayed, parked] = (await some(one, 5)) as [Delivery, Delivery, Delivery, Delivery]
      await acked.ack()
      await failed.nack({ reason: 'first' })
      await delayed.nack({ delayMs: 3_600_000, reason: 'wait' })
      await parked.park('set aside')
      await one.return?.()
      const journal = await reopen(first)
      try {
        await refusal('journal.group_conflict', journal.group('g', { filter: { streams: ['b'] } }))
        await using again = await journal.group('g', options)
        const { checkpoint, delayed, parked } = await again.status()
        assert.deepEqual([checkpoint, delayed, parked], [acked.recorded.position, 1, 1])
        const two = consumer(again)
        const taken = (await some(two, 3)) as [Delivery, Delivery, Delivery]
        assert.deepEqual(
          taken.map((delivery) => [idOf(delivery), delivery.attempt]),
          [
            ['event-2', 2],
            ['event-5', 2],
            ['event-6', 1],
          ],
        )
        await taken[0].nack({ reason: 'second' })
        await two.return?.()
        assert.deepEqual(
          (await parkedOf(again)).map(({ recorded, reason }) => [recorded?.event.id, reason.slice(0, 9)]),
          [
            ['event-2', 'second; b'],
            ['event-4', 'set aside'],
            ['event-5', 'its consu'],
          ],
        )
      } finally {
        await journal.close()
      }
    },
  ),
]

export const groupChecks: readonly JournalCheck[] = [...deliveries, ...failures, ...order, ...life]

/** Checks of the consumer's side: ends, `max`, iterating and `each`, draining, what happens to a slow consumer. */
import assert from 'node:assert/strict'
import { deferred } from '../../base/deferred.ts'
import type { BusStatus, SubscribeOptions } from '../bus.ts'
import { bytes, check, collected, fence, numbered, publishAll, reader, rejects, text, throws } from './kit.ts'
import type { BusCheck, BusPair } from './kit.ts'

export const subscriptionChecks: readonly BusCheck[] = [
  check('max ends a subscription by itself, after that many messages', async (pair, root) => {
    const { a, b } = pair
    const subscription = b.subscribe(root, { max: 3 })
    const passed = await fence(pair, root)
    publishAll(a, root, numbered(5))
    await passed()
    assert.equal(subscription.closed, true)
    assert.equal(subscription.pending, 3)
    assert.deepEqual(await reader(subscription).rest(), numbered(3))
    assert.equal(subscription.received, 3)
  }),
  check('unsubscribe ends a subscription and discards what waits', async (pair, root) => {
    const { a, b } = pair
    const subscription = b.subscribe(root)
    const passed = await fence(pair, root)
    publishAll(a, root, numbered(5))
    await passed()
    assert.equal(subscription.closed, false)
    const got = reader(subscription)
    assert.deepEqual(await got.texts(1), ['0'])
    subscription.unsubscribe()
    assert.equal(subscription.closed, true)
    assert.equal(subscription.pending, 0)
    publishAll(a, root, numbered(5))
    await passed()
    assert.deepEqual(await got.rest(), [])
    assert.equal(subscription.received, 1)
  }),
  check('unsubscribe with max ends after that many in all', async (pair, root) => {
    const { a, b } = pair
    const [more, enough] = [b.subscribe(root), b.subscribe(root)]
    const passed = await fence(pair, root)
    publishAll(a, root, numbered(3))
    await passed()
    more.unsubscribe(5)
    enough.unsubscribe(2)
    assert.deepEqual([more.closed, enough.closed], [false, true])
    await b.flush()
    publishAll(a, root, numbered(5, 3))
    await passed()
    assert.deepEqual(await reader(more).rest(), numbered(5))
    assert.deepEqual(await reader(enough).rest(), numbered(2))
  }),
  check('leaving a loop ends the subscription', async ({ a, b, settle }, root) => {
    const subscription = b.subscribe(root)
    await settle()
    publishAll(a, root, numbered(5))
    for await (const message of subscription) if (text(message) === '1') break
    assert.equal(subscription.closed, true)
    assert.equal(subscription.received, 2)
  }),
  check('disposing a subscription ends it', async ({ b }, root) => {
    const subscription = b.subscribe(root)
    await subscription[Symbol.asyncDispose]()
    assert.equal(subscription.closed, true)
  }),
  ...eachChecks(),
  ...drainChecks(),
  ...slowChecks(),
]

function eachChecks(): BusCheck[] {
  return [
    check('each hands out in order and waits for the promise of the handler', async ({ a, b, settle }, root) => {
      const seen: string[] = []
      const gates = [deferred(), deferred(), deferred()]
      const started = gates.map(() => deferred())
      const done = b.subscribe(root, { max: 3 }).each(async (message) => {
        const at = Number(text(message))
        seen.push(`start ${at}`)
        started[at]?.resolve()
        await gates[at]?.promise
        seen.push(`end ${at}`)
      })
      await settle()
      publishAll(a, root, numbered(3))
      for (const [at, gate] of gates.entries()) {
        await started[at]?.promise
        gate.resolve()
      }
      await done
      assert.deepEqual(seen, ['start 0', 'end 0', 'start 1', 'end 1', 'start 2', 'end 2'])
    }),
    check('a handler that throws ends its subscription and rejects each, and no other', async (pair, root) => {
      const { a, b, settle } = pair
      const failures = [
        b.subscribe(root).each(() => {
          throw new TypeError('at once')
        }),
        b.subscribe(root).each(() => Promise.reject(new TypeError('later'))),
      ]
      const other = reader(b.subscribe(root))
      await settle()
      publishAll(a, root, numbered(2))
      for (const failure of failures) await assert.rejects(failure, TypeError)
      assert.deepEqual(await other.texts(2), numbered(2))
    }),
    check('each resolves when its subscription ends', async ({ b }, root) => {
      const subscription = b.subscribe(root)
      const done = subscription.each(() => {})
      subscription.unsubscribe()
      await done
    }),
    check('a subscription has one consumer', async ({ b }, root) => {
      const iterated = b.subscribe(root)
      reader(iterated)
      await rejects(
        iterated.each(() => {}),
        'bus.already_consumed',
      )
      const handled = b.subscribe(root)
      const done = handled.each(() => {})
      throws(() => handled[Symbol.asyncIterator](), 'bus.already_consumed')
      handled.unsubscribe()
      await done
    }),
  ]
}

function drainChecks(): BusCheck[] {
  return [
    check('draining a subscription delivers what waits and takes no more', async (pair, root) => {
      const { a, b } = pair
      const subscription = b.subscribe(root)
      const passed = await fence(pair, root)
      publishAll(a, root, numbered(5))
      await passed()
      const drained = subscription.drain()
      const gotPromise = reader(subscription).rest()
      await drained
      assert.equal(subscription.closed, true)
      publishAll(a, root, numbered(5))
      await passed()
      assert.deepEqual(await gotPromise, numbered(5))
    }),
    check('draining waits for the handler of the last message', async ({ a, b, settle }, root) => {
      const subscription = b.subscribe(root)
      const [started, gate] = [deferred(), deferred()]
      let handled = false
      const done = subscription.each(async () => {
        started.resolve()
        await gate.promise
        handled = true
      })
      await settle()
      a.publish(root, bytes('last'))
      await started.promise
      const drained = subscription.drain().then(() => handled)
      gate.resolve()
      assert.equal(await drained, true)
      await done
    }),
    check('draining ends at its timeout, and discards what nobody consumed', async (pair, root) => {
      const { a, b, pass } = pair
      const subscription = b.subscribe(root)
      const passed = await fence(pair, root)
      publishAll(a, root, numbered(3))
      await passed()
      const refused = rejects(subscription.drain({ timeoutMs: 50 }), 'base.timeout')
      await pass(100)
      await refused
      assert.equal(subscription.pending, 0)
    }),
    check('draining the bus delivers what waits, lets handlers answer, and closes', async (pair, root) => {
      const { a, b } = pair
      const answers = reader(a.subscribe(`${root}.answer`))
      const gate = deferred()
      const subscription = b.subscribe(root)
      const passed = await fence(pair, root)
      for (const each of numbered(3)) a.publish(root, bytes(each), { reply: `${root}.answer` })
      await passed()
      const drained = b.drain()
      const done = subscription.each(async (message) => {
        await gate.promise
        message.respond(message.data)
      })
      throws(() => b.subscribe(root), 'bus.closed')
      await rejects(b.request(root, bytes('')), 'bus.closed')
      gate.resolve()
      await drained
      await done
      assert.deepEqual(await answers.texts(3), numbered(3))
      throws(() => b.publish(root, bytes('')), 'bus.closed')
    }),
  ]
}

/** Five wait at most; ten come; what is left, what was dropped, and how it ended. */
async function overflow(pair: BusPair, root: string, options: SubscribeOptions): Promise<string[]> {
  const { a, b } = pair
  const subscription = b.subscribe(root, options)
  const passed = await fence(pair, root)
  publishAll(a, root, numbered(10))
  await passed()
  const { pending, dropped } = subscription
  const found = [`${pending} wait`, `${dropped} dropped`]
  const got = reader(subscription)
  found.push(...(await got.texts(pending)))
  if (options.overflow === 'error') await rejects(got.message(), 'bus.slow_consumer')
  else subscription.unsubscribe()
  return found
}

function slowChecks(): BusCheck[] {
  return [
    check('a full subscription drops the newest by default', async (pair, root) => {
      const found = await overflow(pair, root, { pendingMax: 5 })
      assert.deepEqual(found, ['5 wait', '5 dropped', ...numbered(5)])
    }),
    check('a full subscription drops the oldest when told to', async (pair, root) => {
      const found = await overflow(pair, root, { pendingMax: 5, overflow: 'drop-oldest' })
      assert.deepEqual(found, ['5 wait', '5 dropped', ...numbered(5, 5)])
    }),
    check('a full subscription ends with an error when told to, after what waits', async (pair, root) => {
      const found = await overflow(pair, root, { pendingMax: 5, overflow: 'error' })
      assert.deepEqual(found, ['5 wait', '1 dropped', ...numbered(5)])
    }),
    check('a subscription is bounded in bytes too', async (pair, root) => {
      const found = await overflow(pair, root, { pendingMaxBytes: 5 })
      assert.deepEqual(found, ['5 wait', '5 dropped', ...numbered(5)])
    }),
    check('a slow consumer is told once for each episode', async (pair, root) => {
      const { a, b } = pair
      const statuses = collected(b.status())
      const subscription = b.subscribe(root, { pendingMax: 4 })
      const got = reader(subscription)
      const passed = await fence(pair, root)
      for (const episode of [1, 2]) {
        publishAll(a, root, numbered(10))
        await passed()
        assert.equal(subscription.dropped, episode * 6)
        await got.texts(4)
      }
      await b.close()
      const told = (await statuses).map((status: BusStatus) =>
        status.type === 'slow-consumer' ? `${status.type} ${status.subject} ${status.dropped}` : status.type,
      )
      assert.deepEqual(told, [`slow-consumer ${root} 1`, `slow-consumer ${root} 7`, 'closed'])
    }),
  ]
}

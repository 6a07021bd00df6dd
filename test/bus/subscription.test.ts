import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { codeOf } from '../../src/base/error.ts'
import { manualClock } from '../../src/base/manual-clock.ts'
import type { Message, SubscribeOptions } from '../../src/bus/bus.ts'
import { BusSubscription } from '../../src/bus/subscription.ts'
import type { SubscriptionHost } from '../../src/bus/subscription.ts'

interface TestHost extends SubscriptionHost {
  resting: boolean
  readonly told: string[]
}

function hostOf(): TestHost {
  const told: string[] = []
  return {
    clock: manualClock(),
    resting: false,
    told,
    spend: () => {},
    wake: (subscription) => queueMicrotask(() => subscription.pump()),
    leave: () => void told.push('leave'),
    slow: () => void told.push('slow'),
    over: () => void told.push('over'),
  }
}

function messageOf(id: number, size = 1): Message {
  return { subject: `id.${id}`, data: new Uint8Array(size), respond: () => false }
}

const outcomeOf = (work: Promise<unknown>) =>
  work.then(
    () => 'fine',
    (error: unknown) => codeOf(error),
  )

const policies = ['drop-oldest', 'drop-newest', 'error'] as const
const bounds = fc.record({
  pendingMax: fc.integer({ min: 1, max: 20 }),
  pendingMaxBytes: fc.integer({ min: 1, max: 100 }),
  overflow: fc.constantFrom(...policies),
})
/** A number is a message of that size; `take` is the consumer. */
const traffic = fc.array(fc.oneof({ weight: 3, arbitrary: fc.nat(9) }, fc.constant('take' as const)), {
  maxLength: 80,
  size: 'max',
})

/** The same queue in the plainest form: a list of ids and sizes. */
class Model {
  waiting: { id: number; size: number }[] = []
  dropped = 0
  failed = false
  readonly options: Required<Pick<SubscribeOptions, 'pendingMax' | 'pendingMaxBytes' | 'overflow'>>
  constructor(options: Model['options']) {
    this.options = options
  }
  get bytes() {
    return this.waiting.reduce((sum, { size }) => sum + size, 0)
  }
  fits(size: number) {
    return this.waiting.length < this.options.pendingMax && this.bytes + size <= this.options.pendingMaxBytes
  }
  put(id: number, size: number) {
    if (this.failed) return
    while (!this.fits(size)) {
      this.dropped++
      if (this.options.overflow === 'error') this.failed = true
      if (this.options.overflow !== 'drop-oldest' || size > this.options.pendingMaxBytes) return
      this.waiting.shift()
    }
    this.waiting.push({ id, size })
  }
}

/** Runs the traffic on a subscription and on the model; what was handed out and counted, to the end. */
async function replay(options: Model['options'], steps: readonly (number | 'take')[]) {
  const subscription = new BusSubscription(hostOf(), '>', options)
  const model = new Model(options)
  const iterator = subscription[Symbol.asyncIterator]()
  const [answers, expected]: [string[], string[]] = [[], []]
  const take = async () => {
    expected.push(`id.${model.waiting.shift()?.id}`)
    answers.push(`${(await iterator.next()).value?.subject}`)
  }
  for (const [id, step] of steps.entries()) {
    if (step !== 'take') {
      subscription.deliver(messageOf(id, step))
      model.put(id, step)
    } else if (model.waiting.length > 0) await take()
    answers.push(`${subscription.pending} ${subscription.dropped} ${subscription.closed}`)
    expected.push(`${model.waiting.length} ${model.dropped} ${model.failed}`)
  }
  while (model.waiting.length > 0) await take()
  subscription.unsubscribe()
  answers.push(await outcomeOf(iterator.next()))
  expected.push(model.failed ? 'bus.slow_consumer' : 'fine')
  return { answers, expected }
}

describe('bus subscription', () => {
  it('keeps both bounds and its policy, as the plain model does', async () => {
    await fc.assert(
      fc.asyncProperty(bounds, traffic, async (options, steps) => {
        const { answers, expected } = await replay(options, steps)
        expect(answers).toEqual(expected)
      }),
      { numRuns: 500 },
    )
  })

  it('tells an episode once, and the next after half has been consumed', async () => {
    const host = hostOf()
    const subscription = new BusSubscription(host, 'a', { pendingMax: 4 })
    const iterator = subscription[Symbol.asyncIterator]()
    for (let id = 0; id < 10; id++) subscription.deliver(messageOf(id))
    await iterator.next()
    for (let id = 0; id < 10; id++) subscription.deliver(messageOf(id))
    expect(host.told).toEqual(['slow'])
    await iterator.next()
    await iterator.next()
    for (let id = 0; id < 10; id++) subscription.deliver(messageOf(id))
    expect(host.told).toEqual(['slow', 'slow'])
  })

  it('leaves once and is over once, with the last message', async () => {
    const host = hostOf()
    const subscription = new BusSubscription(host, 'a', { max: 2 })
    const iterator = subscription[Symbol.asyncIterator]()
    const waiting = iterator.next()
    subscription.deliver(messageOf(0))
    subscription.deliver(messageOf(1))
    subscription.deliver(messageOf(2))
    expect(host.told).toEqual(['leave'])
    await waiting
    expect(host.told).toEqual(['leave'])
    await iterator.next()
    expect(host.told).toEqual(['leave', 'over'])
    expect(await iterator.next()).toEqual({ value: undefined, done: true })
    subscription.unsubscribe()
    subscription.end()
    expect(host.told).toEqual(['leave', 'over'])
  })

  it('hands out nothing while the host rests', async () => {
    const host = hostOf()
    const subscription = new BusSubscription(host, 'a')
    const iterator = subscription[Symbol.asyncIterator]()
    host.resting = true
    host.wake = () => {}
    subscription.deliver(messageOf(0))
    let got = false
    const next = iterator.next().then(() => (got = true))
    subscription.pump()
    await Promise.resolve()
    expect(got).toBe(false)
    host.resting = false
    subscription.pump()
    await next
    expect(got).toBe(true)
  })

  it('serves several waiting calls of one iterator in order, and ends them all', async () => {
    const subscription = new BusSubscription(hostOf(), 'a', { max: 2 })
    const iterator = subscription[Symbol.asyncIterator]()
    const steps = Promise.all([iterator.next(), iterator.next(), iterator.next(), iterator.next()])
    subscription.deliver(messageOf(0))
    subscription.deliver(messageOf(1))
    expect((await steps).map(({ value, done }) => (done ? 'end' : value?.subject))).toEqual([
      'id.0',
      'id.1',
      'end',
      'end',
    ])
  })

  it('a handler that fails on the last message of max is heard', async () => {
    const subscription = new BusSubscription(hostOf(), 'a', { max: 1 })
    const done = subscription.each(async () => {
      await Promise.resolve()
      throw new RangeError('on the last')
    })
    subscription.deliver(messageOf(0))
    await expect(done).rejects.toThrow(RangeError)
  })

  it('a handler may end its own subscription', async () => {
    const subscription = new BusSubscription(hostOf(), 'a')
    let handled = 0
    const done = subscription.each(() => {
      handled++
      subscription.unsubscribe()
    })
    subscription.deliver(messageOf(0))
    subscription.deliver(messageOf(1))
    await done
    expect(handled).toBe(1)
  })

  it('draining waits until the iteration asks for one more', async () => {
    const host = hostOf()
    const subscription = new BusSubscription(host, 'a')
    const iterator = subscription[Symbol.asyncIterator]()
    subscription.deliver(messageOf(0))
    await iterator.next()
    const drained = subscription.drain()
    await Promise.resolve()
    expect(host.told).toEqual(['leave'])
    expect((await iterator.next()).done).toBe(true)
    await drained
    expect(host.told).toEqual(['leave', 'over'])
  })

  it('draining knows that an iteration with more calls waiting has nothing in hand', async () => {
    const subscription = new BusSubscription(hostOf(), 'a')
    const iterator = subscription[Symbol.asyncIterator]()
    const steps = Promise.all([iterator.next(), iterator.next()])
    subscription.deliver(messageOf(0))
    await subscription.drain()
    expect((await steps).map(({ done }) => done)).toEqual([false, true])
  })

  it('drains with its signal', async () => {
    const subscription = new BusSubscription(hostOf(), 'a')
    subscription.deliver(messageOf(0))
    const controller = new AbortController()
    const drained = subscription.drain({ signal: controller.signal })
    controller.abort(new Error('enough'))
    await expect(drained).rejects.toMatchObject({ code: 'base.aborted' })
    expect([subscription.pending, subscription.closed]).toEqual([0, true])
  })

  it('hands out a share, then gives the other subscriptions their turn', async () => {
    const waking: BusSubscription[] = []
    const host = { ...hostOf(), wake: (subscription: BusSubscription) => void waking.push(subscription) }
    const subscription = new BusSubscription(host, 'a')
    void subscription.each(() => {})
    for (let id = 0; id < 1000; id++) subscription.deliver(messageOf(id))
    expect(waking).toHaveLength(1)
    waking.pop()?.pump()
    expect(subscription.received).toBeLessThan(1000)
    expect(waking).toHaveLength(1)
    while (waking.length > 0) waking.pop()?.pump()
    expect(subscription.received).toBe(1000)
  })
})

import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { InvalidArgument, LimitExceeded } from '../../src/base/error.ts'
import { BoundedQueue, type OverflowPolicy } from '../../src/base/queue.ts'

const drain = async <T>(queue: BoundedQueue<T>) => {
  const values: T[] = []
  for await (const value of queue) values.push(value)
  return values
}

describe('bounded queue', () => {
  it('gives values in order, to whoever waits and to whoever comes later', async () => {
    const queue = new BoundedQueue<number>({ limit: 10 })
    const first = queue.next()
    const second = queue.next()
    for (const value of [1, 2, 3]) expect(queue.push(value)).toBe(true)
    expect([await first, await second, await queue.next()]).toEqual([1, 2, 3].map((value) => ({ value, done: false })))
    expect(queue.size).toBe(0)
  })

  it('keeps order over many turns of the ring and its growth', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(40), fc.nat(40)), { maxLength: 30 }), (steps) => {
        const queue = new BoundedQueue<number>({ limit: 10_000 })
        const model: number[] = []
        let next = 0
        for (const [pushes, shifts] of steps) {
          for (let at = 0; at < pushes; at++) {
            queue.push(next)
            model.push(next++)
          }
          for (let at = 0; at < shifts; at++) expect(queue.shift()).toBe(model.shift())
          expect(queue.size).toBe(model.length)
        }
      }),
    )
  })

  it('ends after what waits', async () => {
    const queue = new BoundedQueue<number>({ limit: 3 })
    queue.push(1)
    queue.end()
    expect([queue.ended, queue.push(2)]).toEqual([true, false])
    expect(await drain(queue)).toEqual([1])
    expect(await queue.next()).toEqual({ value: undefined, done: true })
  })

  it('fails after what waits, tells it once, and then is done', async () => {
    const queue = new BoundedQueue<number>({ limit: 3 })
    queue.push(1)
    queue.fail(new Error('broken'))
    queue.fail(new Error('later'))
    expect(await queue.next()).toEqual({ value: 1, done: false })
    await expect(queue.next()).rejects.toThrow('broken')
    expect(await queue.next()).toEqual({ value: undefined, done: true })
  })

  it('tells a failure to the first who waits and the end to the others', async () => {
    const queue = new BoundedQueue<number>({ limit: 3 })
    const waiting = [queue.next(), queue.next(), queue.next()]
    queue.fail('text')
    await expect(waiting[0]).rejects.toThrow(Error)
    expect(await Promise.all(waiting.slice(1))).toEqual([1, 2].map(() => ({ value: undefined, done: true })))
  })

  it.each([undefined, null, 0, ''])('fails with %j as with any error', async (thrown) => {
    const late = new BoundedQueue({ limit: 1 })
    late.fail(thrown)
    await expect(late.next()).rejects.toBeInstanceOf(Error)
    const waiting = new BoundedQueue({ limit: 1 })
    const next = waiting.next()
    waiting.fail(thrown)
    await expect(next).rejects.toMatchObject({ cause: thrown })
  })

  it('gives everybody who waits the end', async () => {
    const queue = new BoundedQueue({ limit: 1 })
    const waiting = [queue.next(), queue.next()]
    queue.end()
    expect(await Promise.all(waiting)).toEqual([1, 2].map(() => ({ value: undefined, done: true })))
  })

  it.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])('refuses a limit of %d', (limit) => {
    expect(() => new BoundedQueue({ limit })).toThrow(InvalidArgument)
  })
})

describe('bounded queue at its limit', () => {
  const full = (overflow?: OverflowPolicy) => {
    const drops: number[] = []
    const queue = new BoundedQueue<number>({
      limit: 2,
      name: 'inbox',
      ...(overflow && { overflow }),
      onDrop: (total) => drops.push(total),
    })
    const taken = [1, 2, 3, 4].map((value) => queue.push(value))
    if (!queue.ended) queue.end()
    return { queue, drops, taken }
  }

  it('drops its oldest with drop-oldest, and counts', async () => {
    const { queue, drops, taken } = full('drop-oldest')
    expect([taken, drops, queue.dropped]).toEqual([[true, true, true, true], [1, 2], 2])
    expect(await drain(queue)).toEqual([3, 4])
  })

  it('drops the newest with drop-newest, and counts', async () => {
    const { queue, drops, taken } = full('drop-newest')
    expect([taken, drops, queue.dropped]).toEqual([[true, true, false, false], [1, 2], 2])
    expect(await drain(queue)).toEqual([1, 2])
  })

  it.each([['error'], [undefined]] as const)('ends with a named, typed error with %s', async (overflow) => {
    const { queue, drops, taken } = full(overflow)
    expect([taken, drops, queue.dropped]).toEqual([[true, true, false, false], [], 0])
    expect([await queue.next(), await queue.next()].map(({ value }) => value)).toEqual([1, 2])
    const failure = await queue.next().catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(LimitExceeded)
    expect(failure).toMatchObject({ limit: 'inbox.limit', max: 2, actual: 3 })
  })
})

describe('bounded queue that is left early', () => {
  it('tells the producer once, takes nothing more, and drops what waits', async () => {
    let told = 0
    const queue = new BoundedQueue<number>({ limit: 5, onReturn: () => told++ })
    for (const value of [1, 2, 3]) queue.push(value)
    for await (const value of queue) if (value === 1) break
    expect([told, queue.ended, queue.size, queue.push(4)]).toEqual([1, true, 0, false])
    await queue.return()
    await queue[Symbol.asyncDispose]()
    expect(told).toBe(1)
    expect(await queue.next()).toEqual({ value: undefined, done: true })
  })

  it('gives the end to a next that waits', async () => {
    const queue = new BoundedQueue({ limit: 1 })
    const next = queue.next()
    await queue.return()
    expect(await next).toEqual({ value: undefined, done: true })
  })

  it('is not left early when its end was told', async () => {
    let told = 0
    const queue = new BoundedQueue<number>({ limit: 5, onReturn: () => told++ })
    queue.push(1)
    queue.end()
    expect(await drain(queue)).toEqual([1])
    await queue[Symbol.asyncDispose]()
    expect(told).toBe(0)
  })

  it('forgets a failure that waited behind the values', async () => {
    let told = 0
    const queue = new BoundedQueue<number>({ limit: 5, onReturn: () => told++ })
    queue.push(1)
    queue.fail(new Error('broken'))
    expect(queue.shift()).toBe(1)
    await queue.return()
    expect(await queue.next()).toEqual({ value: undefined, done: true })
    expect(told).toBe(1)
  })
})

type Step = 'push' | 'next' | 'shift' | 'end' | 'fail' | 'return'
const steps = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: fc.constant<Step>('push') },
    { weight: 4, arbitrary: fc.constantFrom<Step>('next', 'shift') },
    { weight: 1, arbitrary: fc.constantFrom<Step>('end', 'fail', 'return') },
  ),
  { maxLength: 60 },
)

/** The queue as plain arrays: what each `next` is answered with, in the order of the calls. */
class Model {
  readonly waiting: number[] = []
  readonly answers = new Map<number, string>()
  values: number[] = []
  ended = false
  failed = false
  readonly limit: number
  readonly policy: OverflowPolicy
  constructor(limit: number, policy: OverflowPolicy) {
    this.limit = limit
    this.policy = policy
  }
  push(value: number): boolean {
    if (this.ended) return false
    const waiter = this.waiting.shift()
    if (waiter !== undefined) this.answers.set(waiter, `value ${value}`)
    else if (this.values.length < this.limit) this.values.push(value)
    else if (this.policy === 'drop-oldest') this.values = [...this.values.slice(1), value]
    else {
      if (this.policy === 'error') this.finish(true)
      return false
    }
    return true
  }
  next(call: number): void {
    const value = this.values.shift()
    if (value !== undefined) this.answers.set(call, `value ${value}`)
    else if (this.failed) {
      this.failed = false
      this.answers.set(call, 'failed')
    } else if (this.ended) this.answers.set(call, 'done')
    else this.waiting.push(call)
  }
  finish(failed: boolean): void {
    if (this.ended) return
    this.ended = true
    this.failed = failed && this.waiting.length === 0
    this.waiting.splice(0).forEach((call, at) => this.answers.set(call, failed && at === 0 ? 'failed' : 'done'))
  }
  leave(): void {
    this.finish(false)
    this.values = []
    this.failed = false
  }
}

describe('bounded queue against a naive model', () => {
  it('does what two arrays do, for any steps, limit and policy', async () => {
    const policy = fc.constantFrom<OverflowPolicy>('drop-oldest', 'drop-newest', 'error')
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 20 }), policy, steps, async (limit, overflow, script) => {
        const queue = new BoundedQueue<number>({ limit, overflow })
        const model = new Model(limit, overflow)
        const answers = new Map<number, string>()
        const actions: Record<Step, (at: number) => void> = {
          push: (at) => expect(queue.push(at)).toBe(model.push(at)),
          shift: () => expect(queue.shift()).toBe(model.values.shift()),
          next: (at) => {
            model.next(at)
            queue.next().then(
              ({ value, done }) => answers.set(at, done ? 'done' : `value ${value}`),
              () => answers.set(at, 'failed'),
            )
          },
          end: () => {
            queue.end()
            model.finish(false)
          },
          fail: () => {
            queue.fail(new Error('broken'))
            model.finish(true)
          },
          return: () => {
            void queue.return()
            model.leave()
          },
        }
        script.forEach((step, at) => {
          actions[step](at)
          expect([queue.size, queue.ended]).toEqual([model.values.length, model.ended])
        })
        await new Promise((resolve) => setImmediate(resolve))
        expect(answers).toEqual(model.answers)
      }),
      { numRuns: 300 },
    )
  })
})

import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Clock, deadline, sleep, within } from '../../src/base/clock.ts'
import { deferred } from '../../src/base/deferred.ts'
import { Aborted, InvalidArgument, TimedOut } from '../../src/base/error.ts'
import { manualClock } from '../../src/base/manual-clock.ts'

/** A signal that counts the listeners left on it, to see that nothing is leaked. */
function countingSignal() {
  const controller = new AbortController()
  const { signal } = controller
  const listeners = new Set<unknown>()
  const add = signal.addEventListener.bind(signal)
  const remove = signal.removeEventListener.bind(signal)
  signal.addEventListener = (...args: Parameters<typeof add>) => {
    listeners.add(args[1])
    add(...args)
  }
  signal.removeEventListener = (...args: Parameters<typeof remove>) => {
    listeners.delete(args[1])
    remove(...args)
  }
  return { controller, signal, listeners }
}

const outcome = async (promise: Promise<unknown>) => {
  try {
    return { value: await promise }
  } catch (error) {
    return { error: error as Error & { code?: string } }
  }
}

describe('manual clock', () => {
  it('fires in order of time, and timers of one time in the order they were set', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: -3, max: 20 }), { maxLength: 30 }), async (delays) => {
        const clock = manualClock()
        const fired: number[] = []
        delays.forEach((delayMs, at) => clock.timer(delayMs, () => fired.push(at)))
        await clock.advance(20)
        const order = delays.map((delayMs, at) => ({ delayMs: Math.max(0, delayMs), at }))
        expect(fired).toEqual(order.toSorted((a, b) => a.delayMs - b.delayMs || a.at - b.at).map(({ at }) => at))
        expect(clock.pending).toBe(0)
      }),
    )
  })

  it('shows each timer its own time, and fires what a timer sets within the same advance', async () => {
    const clock = manualClock(1000)
    const seen: [number, number][] = []
    clock.timer(5, () => {
      seen.push([clock.now(), clock.monotonicMs()])
      clock.timer(5, () => seen.push([clock.now(), clock.monotonicMs()]))
    })
    await clock.advance(20)
    expect(seen).toEqual([
      [1005, 5],
      [1010, 10],
    ])
    expect([clock.now(), clock.monotonicMs()]).toEqual([1020, 20])
  })

  it('lets promises settle between timers', async () => {
    const clock = manualClock()
    const seen: string[] = []
    const chain = sleep(clock, 1).then(() => sleep(clock, 1))
    void chain.then(() => seen.push('chain'))
    clock.timer(3, () => seen.push('timer'))
    await clock.advance(3)
    expect(seen).toEqual(['chain', 'timer'])
  })

  it('fires nothing before its time, nothing cancelled, and nothing twice', async () => {
    const clock = manualClock()
    let fired = 0
    clock.timer(10, () => fired++)
    const cancelled = clock.timer(5, () => fired++)
    cancelled.cancel()
    cancelled.cancel()
    await clock.advance(9)
    expect([fired, clock.pending]).toEqual([0, 1])
    await clock.advance(1)
    await clock.advance(10)
    expect(fired).toBe(1)
  })

  it('never fires a timer inside the call that sets it', async () => {
    const clock = manualClock()
    let fired = false
    clock.timer(0, () => (fired = true))
    expect(fired).toBe(false)
    await clock.advance(0)
    expect(fired).toBe(true)
  })

  it('moves wall time alone when it is set', async () => {
    const clock = manualClock()
    let fired = false
    clock.timer(10, () => (fired = true))
    await clock.advance(4)
    clock.setNow(0)
    expect([clock.now(), clock.monotonicMs(), fired]).toEqual([0, 4, false])
    await clock.advance(6)
    expect([clock.now(), fired]).toEqual([6, true])
  })

  it('keeps an endless timer pending', async () => {
    const clock = manualClock()
    clock.timer(Number.POSITIVE_INFINITY, () => {})
    await clock.advance(1e12)
    expect(clock.pending).toBe(1)
  })

  it('refuses to go back or for ever, and a delay that is no number', async () => {
    const clock = manualClock()
    for (const ms of [-1, Number.NaN, Number.POSITIVE_INFINITY])
      await expect(clock.advance(ms)).rejects.toThrow(InvalidArgument)
    expect(() => clock.timer(Number.NaN, () => {})).toThrow(InvalidArgument)
  })
})

describe('sleep', () => {
  it('resolves at its time and leaves no listener', async () => {
    const clock = manualClock()
    const { signal, listeners } = countingSignal()
    const woke = deferred()
    void sleep(clock, 10, signal).then(() => woke.resolve())
    await clock.advance(9)
    expect(woke.settled).toBe(false)
    await clock.advance(1)
    expect([woke.settled, listeners.size]).toEqual([true, 0])
  })

  it('rejects with base.aborted at once, cause the reason, and frees its timer', async () => {
    const clock = manualClock()
    const controller = new AbortController()
    const reason = new Error('enough')
    const slept = outcome(sleep(clock, 10, controller.signal))
    controller.abort(reason)
    expect((await slept).error).toMatchObject({ code: 'base.aborted', cause: reason })
    expect(clock.pending).toBe(0)
    expect((await outcome(sleep(clock, 10, controller.signal))).error).toBeInstanceOf(Aborted)
    expect(clock.pending).toBe(0)
  })
})

describe('deadline', () => {
  it('aborts its signal at its time with base.timeout', async () => {
    const clock = manualClock()
    using limit = deadline(clock, 'the call', 50)
    await clock.advance(49)
    expect([limit.signal.aborted, limit.expired]).toEqual([false, false])
    await clock.advance(1)
    expect(limit.expired).toBe(true)
    expect(limit.signal.reason).toMatchObject({ code: 'base.timeout', timeoutMs: 50 })
  })

  it("aborts with the parent's reason, before or after it is made, and frees its timer", () => {
    const clock = manualClock()
    const controller = new AbortController()
    using early = deadline(clock, 'the call', 50, controller.signal)
    controller.abort('stop')
    using late = deadline(clock, 'the call', 50, controller.signal)
    for (const limit of [early, late]) expect([limit.signal.reason, limit.expired]).toEqual(['stop', false])
    expect(clock.pending).toBe(0)
  })

  it('keeps its first reason when the parent aborts after it, and no longer listens', async () => {
    const clock = manualClock()
    const { controller, signal, listeners } = countingSignal()
    using limit = deadline(clock, 'the call', 50, signal)
    await clock.advance(50)
    expect(listeners.size).toBe(0)
    controller.abort('stop')
    expect(limit.signal.reason).toBeInstanceOf(TimedOut)
  })

  it('leaves neither timer nor listener when it is disposed', async () => {
    const clock = manualClock()
    const { controller, signal, listeners } = countingSignal()
    const limit = deadline(clock, 'the call', 50, signal)
    expect([clock.pending, listeners.size]).toEqual([1, 1])
    limit[Symbol.dispose]()
    expect([clock.pending, listeners.size]).toEqual([0, 0])
    controller.abort()
    await clock.advance(100)
    expect(limit.signal.aborted).toBe(false)
  })
})

describe('within', () => {
  it('gives the result of work that is in time, and leaves nothing behind', async () => {
    const clock = manualClock()
    const { signal, listeners } = countingSignal()
    const done = within(clock, 'the work', 10, signal, async (inner) => {
      await sleep(clock, 9, inner)
      return 'result'
    })
    await clock.advance(9)
    expect(await done).toBe('result')
    expect([clock.pending, listeners.size]).toEqual([0, 0])
  })

  it('passes on the error of the work, thrown at once or later', async () => {
    const clock = manualClock()
    const failure = new Error('broken')
    const throws = (): Promise<never> => {
      throw failure
    }
    expect(await outcome(within(clock, 'w', 10, undefined, throws))).toEqual({ error: failure })
    expect(await outcome(within(clock, 'w', 10, undefined, () => Promise.reject(failure)))).toEqual({ error: failure })
    expect(clock.pending).toBe(0)
  })

  it('rejects with base.timeout though the work heeds no signal, and drops its late result', async () => {
    const clock = manualClock()
    const work = deferred<string>()
    let seen: AbortSignal | undefined
    const waited = outcome(
      within(clock, 'the work', 10, undefined, (signal) => {
        seen = signal
        return work.promise
      }),
    )
    await clock.advance(10)
    expect((await waited).error).toMatchObject({ code: 'base.timeout', timeoutMs: 10 })
    expect(seen?.aborted).toBe(true)
    work.resolve('late')
    await clock.advance(0)
    expect(clock.pending).toBe(0)
  })

  it('drops a late error without an unhandled rejection', async () => {
    const clock = manualClock()
    const unhandled: unknown[] = []
    const note = (reason: unknown) => unhandled.push(reason)
    process.on('unhandledRejection', note)
    const work = deferred()
    const waited = outcome(within(clock, 'w', 10, undefined, () => work.promise))
    await clock.advance(10)
    expect((await waited).error).toBeInstanceOf(TimedOut)
    work.reject(new Error('late'))
    await clock.advance(0)
    await clock.advance(0)
    process.off('unhandledRejection', note)
    expect(unhandled).toEqual([])
  })

  it('passes on what work throws after it has aborted its own parent, without an unhandled rejection', async () => {
    const clock = manualClock()
    const unhandled: unknown[] = []
    const note = (reason: unknown) => unhandled.push(reason)
    process.on('unhandledRejection', note)
    const controller = new AbortController()
    const failure = new Error('broken')
    const waited = within(clock, 'w', 10, controller.signal, () => {
      controller.abort('stop')
      throw failure
    })
    expect(await outcome(waited)).toEqual({ error: failure })
    await clock.advance(0)
    await clock.advance(0)
    process.off('unhandledRejection', note)
    expect(unhandled).toEqual([])
  })

  it("rejects with base.aborted at the parent's abort, cause its reason, even when that is a timeout of its own", async () => {
    const clock = manualClock()
    for (const reason of ['stop', new TimedOut('the whole', 5)]) {
      const controller = new AbortController()
      const waited = outcome(within(clock, 'the work', 10, controller.signal, () => new Promise(() => {})))
      controller.abort(reason)
      const { error } = await waited
      expect(error).toBeInstanceOf(Aborted)
      expect(error?.cause).toBe(reason)
    }
    expect(clock.pending).toBe(0)
  })

  it('does not start work when the parent is aborted already', async () => {
    const clock = manualClock()
    let started = false
    const waited = within(clock, 'w', 10, AbortSignal.abort('no'), async () => void (started = true))
    expect((await outcome(waited)).error).toMatchObject({ code: 'base.aborted', cause: 'no' })
    expect([started, clock.pending]).toEqual([false, 0])
  })

  it('takes timers of the injected clock alone', async () => {
    const asked: number[] = []
    const inner = manualClock()
    const clock: Clock = { ...inner, timer: (ms, call) => (asked.push(ms), inner.timer(ms, call)) }
    await within(clock, 'w', 1234, undefined, async () => 1)
    expect(asked).toEqual([1234])
  })
})

import { AsyncLocalStorage } from 'node:async_hooks'
import { setTimeout as waitFor, setInterval as every, scheduler } from 'node:timers/promises'
import { randomBytes, randomFillSync, randomInt, randomUUID } from 'node:crypto'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { systemClock } from '../../src/base/system-clock.ts'
import { systemEntropy } from '../../src/base/entropy.ts'
import { idTimeMs } from '../../src/base/id.ts'
import { eventMaker } from '../../src/journal/event-maker.ts'
import { sleep } from '../../src/base/clock.ts'
import { simulate } from '../../src/sim/simulate.ts'
import type { World } from '../../src/sim/world.ts'

/** What a scenario gives back, with the report. */
async function seen<Result>(body: (world: World) => Result | Promise<Result>, seed: number | string = 1) {
  let result: Result | undefined
  const report = await simulate({ seed }, async (world) => {
    result = await body(world)
  })
  return { result: result as Result, report }
}

describe('the time of a world', () => {
  it('passes without passing on the machine', async () => {
    const begun = performance.now()
    const { report } = await seen(() => new Promise((resolve) => setTimeout(resolve, 3_600_000)))
    expect(report.simulatedMs).toBe(3_600_000)
    expect(performance.now() - begun).toBeLessThan(60_000)
  })

  it('moves only when no promise and no tick is ready', async () => {
    const { result } = await seen(async () => {
      const order: string[] = []
      setTimeout(() => order.push('timer'), 1)
      for (let turn = 0; turn < 1000; turn++) {
        await new Promise<void>((resolve) => process.nextTick(resolve))
        await Promise.resolve()
      }
      order.push('promises')
      await waitFor(5)
      return order
    })
    expect(result).toEqual(['promises', 'timer'])
  })

  it('is what Date, performance, hrtime and the system clock tell', async () => {
    const { result } = await seen(async () => {
      const began = process.hrtime.bigint()
      await waitFor(1500)
      return {
        now: Date.now(),
        date: new Date().toISOString(),
        text: Date(),
        given: new Date(5).getTime(),
        isDate: new Date() instanceof Date,
        performance: performance.now(),
        origin: performance.timeOrigin,
        hrtime: process.hrtime.bigint() - began,
        pair: process.hrtime(),
        clock: systemClock.now(),
        monotonic: systemClock.monotonicMs(),
      }
    })
    const start = 1_767_225_600_000
    expect(result).toEqual({
      now: start + 1500,
      date: new Date(start + 1500).toISOString(),
      text: new Date(start + 1500).toString(),
      given: 5,
      isDate: true,
      performance: 1500,
      origin: start,
      hrtime: 1_500_000_000n,
      pair: [1, 500_000_000],
      clock: start + 1500,
      monotonic: 1500,
    })
  })

  it('passes for the system clock and everything that sleeps on it', async () => {
    const { report } = await seen(() => sleep(systemClock, 12_345.5))
    // The system clock rounds up to what a timer of the platform can be.
    expect(report.simulatedMs).toBe(12_346)
  })

  it('leaves subclasses and instances of Date alone', async () => {
    const { result } = await seen(() => {
      class Stamp extends Date {
        readonly kind = 'stamp'
      }
      const stamp = new Stamp()
      return [stamp instanceof Date, stamp instanceof Stamp, stamp.kind, stamp.getTime(), stamp.constructor === Stamp]
    })
    expect(result).toEqual([true, true, 'stamp', 1_767_225_600_000, true])
  })

  it('is the machine’s for code outside, while a world runs', async () => {
    const inside = Promise.withResolvers<undefined>()
    const outside = inside.promise.then(() => Date.now())
    await simulate({ seed: 1 }, async () => {
      await waitFor(100)
      inside.resolve(undefined)
      for (let turn = 0; turn < 100; turn++) await waitFor(1)
    })
    expect(Math.abs((await outside) - Date.now())).toBeLessThan(600_000)
  })

  it('gives everything back when the last world is over', async () => {
    const held = () => {
      const owners: readonly (readonly [object, readonly string[]])[] = [
        [globalThis, ['Date', 'setTimeout', 'setImmediate', 'clearInterval', 'fetch']],
        [Date, ['now']],
        [Math, ['random']],
        [performance, ['now']],
        [process, ['emit', 'hrtime', 'uptime']],
        [console, ['log']],
        [crypto, ['randomUUID']],
        [AbortSignal, ['timeout']],
        [systemEntropy, ['bytes']],
      ]
      return owners.flatMap(([owner, keys]) => keys.map((key): unknown => Reflect.get(owner, key)))
    }
    const before = held()
    await simulate({ seed: 1 }, () => expect(held().filter((each, at) => each === before[at])).toEqual([]))
    expect(held().filter((each, at) => each !== before[at])).toEqual([])
    expect(new Date().constructor).toBe(Date)
  })
})

describe('the timers of a world', () => {
  it('fire in their order, those of one time as they were set', async () => {
    const { result } = await seen(async () => {
      const fired: string[] = []
      setTimeout((name: string) => fired.push(name), 20, 'b')
      setTimeout(() => fired.push('a'), 10)
      setTimeout(() => fired.push('c'), 20)
      setImmediate((name: string) => fired.push(name), 'now')
      const cancelled = setTimeout(() => fired.push('never'), 15)
      clearTimeout(cancelled)
      const byNumber = setTimeout(() => fired.push('never'), 15)
      clearTimeout(Number(byNumber))
      await waitFor(30)
      return [...fired, Number(setTimeout(() => {}, 1))]
    })
    expect(result).toEqual(['now', 'a', 'b', 'c', 2 ** 40 + 1])
  })

  it('run in intervals, can be refreshed and know of references', async () => {
    const { result } = await seen(async () => {
      const at: number[] = []
      const interval = setInterval(() => at.push(performance.now()), 10)
      const late = setTimeout(() => at.push(-performance.now()), 15)
      await waitFor(14)
      late.refresh()
      await waitFor(21)
      clearInterval(interval)
      await waitFor(50)
      return { at, references: [late.hasRef(), late.unref().hasRef(), late.ref().hasRef()] }
    })
    expect(result).toEqual({ at: [10, 20, -29, 30], references: [true, false, true] })
  })

  it('fire in the async context in which they were set', async () => {
    const storage = new AsyncLocalStorage<string>()
    const { result } = await seen(async () => {
      const contexts: unknown[] = []
      const look = () => contexts.push(storage.getStore())
      storage.run('one', () => {
        setTimeout(look, 10)
        systemClock.timer(10, look)
        void waitFor(10).then(look)
      })
      setTimeout(look, 10)
      await waitFor(20)
      return contexts
    })
    expect(result).toEqual(['one', 'one', 'one', undefined])
  })

  it('have the forms of node:timers/promises and promisify', async () => {
    const { result, report } = await seen(async () => {
      const values: unknown[] = [await waitFor(10, 'value'), await promisify(setTimeout)(10, 'promisified')]
      for await (const tick of every(10, 'tick')) if (values.push(tick) === 4) break
      await scheduler.wait(10)
      const controller = new AbortController()
      const waiting = waitFor(1000, undefined, { signal: controller.signal })
      setTimeout(() => controller.abort(), 10)
      await waiting.catch((error: Error) => values.push(error.name))
      return values
    })
    expect(result).toEqual(['value', 'promisified', 'tick', 'tick', 'AbortError'])
    expect(report.simulatedMs).toBe(60)
  })

  it('are refused by AbortSignal.timeout where Node.js refuses them', async () => {
    const codes = () =>
      [-1, 1.5, 2 ** 32, Number.NaN, '5', undefined].map((delayMs) => {
        try {
          return AbortSignal.timeout(delayMs as number).aborted
        } catch (error) {
          return [(error as Error).name, (error as { code?: unknown }).code]
        }
      })
    const real = codes()
    expect((await seen(codes)).result).toEqual(real)
    expect(real.filter(Array.isArray)).toHaveLength(6)
  })

  it('abort AbortSignal.timeout in virtual time', async () => {
    const { result, report } = await seen(async () => {
      const signal = AbortSignal.timeout(5000)
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
      return (signal.reason as Error).name
    })
    expect([result, report.simulatedMs]).toEqual(['TimeoutError', 5000])
  })
})

describe('the chance of a world', () => {
  const draw = () => [
    Math.random(),
    crypto.randomUUID(),
    randomUUID(),
    randomBytes(8).toString('hex'),
    randomBytes(2000).toString('hex'),
    randomInt(5, 1000),
    Buffer.from(randomFillSync(new Uint32Array(4), 1, 2).buffer).toString('hex'),
    Buffer.from(crypto.getRandomValues(new Uint8Array(4))).toString('hex'),
    Buffer.from(systemEntropy.bytes(16)).toString('hex'),
  ]

  it('is the same for the same seed and another for another', async () => {
    const [first, second, other] = [await seen(draw, 7), await seen(draw, 7), await seen(draw, 8)]
    expect(second.result).toEqual(first.result)
    for (const [at, value] of first.result.entries()) expect(value).not.toEqual(other.result[at])
    expect(first.result[1]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    expect(first.result[6]).toMatch(/^0{8}[0-9a-f]{16}0{8}$/)
  })

  it('is that of the ids of events too, whatever was made in the process before', async () => {
    const make = () => eventMaker({})({ type: 'test.made', data: {} }).id
    const ids = async (seed: number) => (await seen(() => [make(), make()], seed)).result
    make()
    const first = await ids(1)
    make()
    expect(await ids(1)).toEqual(first)
    expect(await ids(2)).not.toEqual(first)
    expect(new Date(idTimeMs(first[0] ?? '')).toISOString()).toBe('2026-01-01T00:00:00.000Z')
    expect(idTimeMs(make())).toBeGreaterThan(Date.now() - 60_000)
  })

  it('is real outside, also right after a world', async () => {
    await seen(draw, 7)
    const { result } = await seen(draw, 7)
    const outside = draw()
    for (const [at, value] of outside.entries()) expect(value).not.toEqual(result[at])
  })

  it('gives the callbacks of node:crypto too', async () => {
    const read = () =>
      new Promise<string[]>((resolve, reject) =>
        randomBytes(4, (error, bytes) =>
          error ? reject(error) : randomInt(100, (_error, value) => resolve([bytes.toString('hex'), `${value}`])),
        ),
      )
    expect((await seen(read, 3)).result).toEqual((await seen(read, 3)).result)
  })
})

describe('how a world ends', () => {
  it('fails with what the scenario threw as the cause, and says how to have it again', async () => {
    const cause = new Error('broken')
    const failed: unknown = await simulate({ seed: 42 }, async () => {
      await waitFor(7)
      throw cause
    }).catch((error: unknown) => error)
    expect(failed).toMatchObject({ code: 'sim.failed', cause, run: { seed: 42, simulatedMs: 7, faults: [] } })
    expect((failed as Error).message).toMatch(/broken[^]*seed 42, at 7 ms, step 1[^]*again: simulate\(\{ seed: 42 \}/)
  })

  it('fails by what nobody caught: a callback, a tick, a promise', async () => {
    const ways: readonly (() => void)[] = [
      () => setTimeout(() => fail(), 1),
      () => process.nextTick(fail),
      () => queueMicrotask(fail),
      () => void Promise.reject(new Error('uncaught')),
    ]
    for (const way of ways)
      await expect(
        simulate({ seed: 1 }, async () => {
          way()
          await waitFor(10)
        }),
      ).rejects.toMatchObject({ code: 'sim.failed', cause: { message: 'uncaught' } })
  })

  it('is stuck when nothing is due and the scenario still waits', async () => {
    await expect(simulate({ seed: 1 }, () => new Promise(() => {}))).rejects.toMatchObject({ code: 'sim.stuck' })
  })

  it('has bounds on steps, virtual time, steps of one instant, the machine’s time and what waits', async () => {
    const forever = async () => {
      for (;;) await waitFor(10)
    }
    const turning = async () => {
      for (;;) await new Promise((resolve) => setImmediate(resolve))
    }
    const cases = [
      [{ stepsMax: 100 }, forever],
      [{ simulatedMsMax: 1000 }, forever],
      [{ stepsPerInstantMax: 100 }, turning],
      [{ machineMsMax: 1 }, forever],
      [{ pendingMax: 10 }, () => Array.from({ length: 11 }, () => setTimeout(() => {}, 5))],
    ] as const
    for (const [bound, scenario] of cases)
      await expect(
        simulate({ seed: 1, ...bound }, async () => {
          await scenario()
          await waitFor(1)
        }),
      ).rejects.toMatchObject({
        code: 'sim.limit',
        limit: Object.keys(bound)[0],
      })
  })

  it('throws into a loop that looks at the clock and never gives way', async () => {
    await expect(
      simulate({ seed: 1 }, () => {
        const until = Date.now() + 10
        while (Date.now() < until);
      }),
    ).rejects.toMatchObject({ code: 'sim.failed', cause: { code: 'sim.spinning' } })
  })

  it('fails when whoever listens to the trace throws', async () => {
    const cause = new Error('no paper')
    const trace = () => {
      throw cause
    }
    await expect(simulate({ seed: 1, trace }, () => waitFor(5))).rejects.toMatchObject({ code: 'sim.failed', cause })
  })

  it('ends by the signal of the call', async () => {
    const controller = new AbortController()
    const running = simulate({ seed: 1, signal: controller.signal }, async () => {
      for (;;) {
        await waitFor(1)
        if (performance.now() > 100) controller.abort()
      }
    })
    await expect(running).rejects.toMatchObject({ code: 'sim.interrupted' })
  })

  it('fails when too little happened', async () => {
    const options = { seed: 1, atLeast: { elections: 2 } }
    await expect(simulate(options, (world) => world.count('elections'))).rejects.toMatchObject({
      code: 'sim.too_little',
      below: [{ counter: 'elections', counted: 1, atLeast: 2 }],
    })
    expect((await simulate(options, (world) => world.count('elections', 2))).counters).toEqual({ elections: 2 })
  })

  it('refuses options it does not know and worlds inside worlds', async () => {
    await expect(simulate({ seed: 1, sed: 2 } as never, () => {})).rejects.toMatchObject({
      code: 'base.invalid_argument',
    })
    await expect(simulate({ seed: Number.NaN }, () => {})).rejects.toMatchObject({ code: 'base.invalid_argument' })
    await expect(simulate({ seed: 1 }, () => simulate({ seed: 2 }, () => {}))).rejects.toMatchObject({
      code: 'sim.failed',
      cause: { code: 'base.invalid_argument' },
    })
  })

  it('runs beside other worlds without either knowing', async () => {
    const scenario = async () => {
      const drawn: number[] = []
      for (let turn = 0; turn < 50; turn++) {
        await waitFor(1 + Math.floor(Math.random() * 10))
        drawn.push(performance.now())
      }
      return drawn
    }
    const alone = await seen(scenario, 5)
    const [one, other, third] = await Promise.all([seen(scenario, 5), seen(scenario, 6), seen(scenario, 5)])
    expect([one, third]).toEqual([alone, alone])
    expect(other.report.digest).not.toBe(alone.report.digest)
  })
})

function fail(): never {
  throw new Error('uncaught')
}

import { afterEach, describe, expect, it, vi } from 'vitest'
import { systemClock } from '../../src/base/system-clock.ts'

const dayMs = 86_400_000

describe('system clock', () => {
  afterEach(() => {
    // In this order: a spy on a faked timer would else put the fake back after the real one.
    vi.restoreAllMocks()
    vi.useRealTimers()
  })
  const fake = () => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'Date'] })

  it('holds a delay beyond what setTimeout can, and fires once', () => {
    fake()
    let fired = 0
    systemClock.timer(60 * dayMs, () => fired++)
    vi.advanceTimersByTime(60 * dayMs - 1)
    expect(fired).toBe(0)
    vi.advanceTimersByTime(1)
    expect(fired).toBe(1)
    vi.advanceTimersByTime(100 * dayMs)
    expect([fired, vi.getTimerCount()]).toEqual([1, 0])
  })

  it('cancels in any step of a long delay', () => {
    fake()
    let fired = false
    const timer = systemClock.timer(60 * dayMs, () => (fired = true))
    vi.advanceTimersByTime(30 * dayMs)
    timer.cancel()
    timer.cancel()
    expect(vi.getTimerCount()).toBe(0)
    vi.advanceTimersByTime(60 * dayMs)
    expect(fired).toBe(false)
  })

  it('waits for the rest when the loop wakes it early', () => {
    fake()
    let nowMs = 1000
    vi.spyOn(performance, 'now').mockImplementation(() => nowMs)
    let fired = false
    systemClock.timer(10, () => (fired = true))
    nowMs = 1009.4
    vi.advanceTimersByTime(10)
    expect([fired, vi.getTimerCount()]).toEqual([false, 1])
    nowMs = 1010
    vi.advanceTimersByTime(1)
    expect(fired).toBe(true)
  })

  it('rounds a broken delay up, never down', () => {
    fake()
    const set = vi.spyOn(globalThis, 'setTimeout')
    systemClock.timer(10.2, () => {})
    expect(set.mock.lastCall?.[1]).toBe(11)
  })

  it('takes a delay of zero or less as a later turn', () => {
    fake()
    const fired: string[] = []
    systemClock.timer(0, () => fired.push('zero'))
    systemClock.timer(-5, () => fired.push('less'))
    expect(fired).toEqual([])
    vi.advanceTimersByTime(1)
    expect(fired).toEqual(['zero', 'less'])
  })

  it('lets the process end with a background timer, in each of its steps, and keeps it alive for others', () => {
    const handles: NodeJS.Timeout[] = []
    const real = globalThis.setTimeout
    const spy = vi.spyOn(globalThis, 'setTimeout')
    spy.mockImplementation(((call: () => void, ms: number) => {
      const handle = real(call, ms)
      handles.push(handle)
      return handle
    }) as typeof setTimeout)
    const background = systemClock.timer(50_000, () => {}, { background: true })
    const foreground = systemClock.timer(50_000, () => {})
    expect(handles.map((handle) => handle.hasRef())).toEqual([false, true])
    background.cancel()
    foreground.cancel()
  })

  it('tells wall time and a monotonic time, and refuses a delay that is no number', () => {
    fake()
    vi.setSystemTime(1234)
    expect(systemClock.now()).toBe(1234)
    const before = systemClock.monotonicMs()
    vi.advanceTimersByTime(5)
    vi.setSystemTime(0)
    expect(systemClock.monotonicMs() - before).toBe(5)
    expect(() => systemClock.timer(Number.NaN, () => {})).toThrow('delayMs must be a number')
  })

  it('fires on the real clock at or after its time', async () => {
    const startMs = systemClock.monotonicMs()
    const firedMs = await new Promise<number>((resolve) => {
      systemClock.timer(3.5, () => resolve(systemClock.monotonicMs()))
    })
    expect(firedMs - startMs).toBeGreaterThanOrEqual(3.5)
  })
})

import { describe, expect, it } from 'vitest'
import { manualClock } from '../../src/base/manual-clock.ts'
import { Pace } from '../../src/base/pace.ts'

const nextMicrotask = () => Promise.resolve()

describe('pace', () => {
  it('runs all that a burst made ready from one microtask, in order', async () => {
    const pace = new Pace(manualClock())
    const ran: number[] = []
    for (let at = 0; at < 5000; at++) pace.wake({ pump: () => void ran.push(at) })
    expect(ran).toEqual([])
    await nextMicrotask()
    expect(ran).toEqual(Array.from({ length: 5000 }, (_none, at) => at))
  })

  it('runs what becomes ready meanwhile in the same go', async () => {
    const pace = new Pace(manualClock())
    const ran: string[] = []
    pace.wake({
      pump() {
        ran.push('first')
        pace.wake({ pump: () => void ran.push('second') })
      },
    })
    await nextMicrotask()
    expect(ran).toEqual(['first', 'second'])
  })

  it('rests after a slice without a turn of the event loop, and goes on after it', async () => {
    const clock = manualClock()
    const pace = new Pace(clock)
    let ran = 0
    // Two agents that answer each other, for half as long again as a slice.
    const chatter = {
      pump() {
        ran++
        for (let at = 0; at < 1024; at++) pace.spend()
        if (ran < 1536) pace.wake(chatter)
      },
    }
    pace.wake(chatter)
    await nextMicrotask()
    expect(pace.resting).toBe(true)
    expect(ran).toBe(1024)
    let awake = false
    const rest = pace.rest().then(() => (awake = true))
    await nextMicrotask()
    expect([ran, awake]).toEqual([1024, false])
    await clock.advance(0)
    await rest
    expect(ran).toBe(1536)
  })

  it('ends a slice by time where time passes', () => {
    let nowMs = 0
    const clock = { ...manualClock(), monotonicMs: () => nowMs }
    const pace = new Pace(clock)
    for (let at = 0; at < 64; at++) pace.spend()
    expect(pace.resting).toBe(false)
    nowMs = 10
    for (let at = 0; at < 16; at++) pace.spend()
    expect(pace.resting).toBe(true)
  })

  it('sets at most one timer, however many messages pass', () => {
    const clock = manualClock()
    const pace = new Pace(clock)
    for (let at = 0; at < 10_000; at++) pace.spend()
    expect(clock.pending).toBe(1)
    expect(pace.resting).toBe(false)
  })
})

import { describe, expect, it } from 'vitest'
import { Intensity } from '../../src/actor/core/intensity.ts'

describe('intensity', () => {
  it('bears as many failures as it says within the period, and not one more', () => {
    const intensity = new Intensity({ intensity: 2, periodMs: 100 })
    expect([0, 10, 20].map((nowMs) => intensity.bear(nowMs))).toEqual([true, true, false])
  })

  it('forgets a failure that lies a whole period back', () => {
    const intensity = new Intensity({ intensity: 1, periodMs: 100 })
    expect([0, 100, 199, 200].map((nowMs) => intensity.bear(nowMs))).toEqual([true, true, false, false])
    expect(intensity.count(299)).toBe(1)
    expect(intensity.count(300)).toBe(0)
    expect(intensity.bear(400)).toBe(true)
  })

  it('bears hundreds of thousands within a period as quickly as few', () => {
    const intensity = new Intensity({ intensity: 300_000, periodMs: 1000 })
    for (let nth = 0; nth < 300_000; nth++) intensity.bear(0)
    expect([intensity.bear(999), intensity.count(999), intensity.count(1000)]).toEqual([false, 300_001, 1])
  })

  it('bears none when it is 0', () => {
    expect(new Intensity({ intensity: 0, periodMs: 100 }).bear(0)).toBe(false)
  })
})

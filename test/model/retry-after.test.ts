import { describe, expect, it } from 'vitest'
import { retryAfter } from '../../src/model/retry-after.ts'

const nowMs = Date.UTC(2026, 0, 1)
const asked = (headers: Record<string, string>) => retryAfter(new Headers(headers), nowMs)

describe('the wait that a server asks for', () => {
  it.each([
    ['0', 0],
    ['120', 120_000],
    [' 1.5 ', 1500],
    ['Thu, 01 Jan 2026 00:01:00 GMT', 60_000],
    ['Thu, 01 Jan 2025 00:01:00 GMT', 0],
    ['-5', undefined],
    ['3 apples', undefined],
    ['1e3', undefined],
    ['99999999999', undefined],
    ['Thu, 99 Jan 2026 00:01:00 GMT', undefined],
    ['2026-01-01', undefined],
    ['soon', undefined],
    ['', undefined],
  ])('Retry-After: %s is %s ms', (value, expected) => {
    expect(asked({ 'retry-after': value })).toBe(expected)
  })

  it('is exact in retry-after-ms, which goes first', () => {
    expect(asked({ 'retry-after-ms': '250.2', 'retry-after': '9' })).toBe(251)
    expect(asked({ 'retry-after-ms': 'x', 'retry-after': '9' })).toBe(9000)
    expect(asked({})).toBeUndefined()
  })
})

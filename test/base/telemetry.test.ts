import { describe, expect, it } from 'vitest'
import { noTelemetry } from '../../src/base/telemetry.ts'

describe('telemetry by default', () => {
  it('runs the work, gives its result, and has no trace to carry', async () => {
    const result = await noTelemetry.span('work', {}, async (span) => {
      span.set({ a: 1 })
      return [span.traceparent, 'result']
    })
    expect(result).toEqual([undefined, 'result'])
    noTelemetry.count('n', 1)
    noTelemetry.gauge('g', 1)
  })

  it('passes a rejection on', async () => {
    await expect(noTelemetry.span('work', {}, () => Promise.reject(new Error('broken')))).rejects.toThrow('broken')
  })
})

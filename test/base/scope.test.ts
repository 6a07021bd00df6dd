import { describe, expect, it } from 'vitest'
import { scoped } from '../../src/base/scope.ts'

describe('a scope', () => {
  it('tells what it started to stop when it ends, by a result or a failure', async () => {
    const signals: AbortSignal[] = []
    const work = async (signal: AbortSignal) => {
      signals.push(signal)
      expect(signal.aborted).toBe(false)
      if (signals.length === 2) throw new Error('no')
      return 7
    }
    expect(await scoped(undefined, work)).toBe(7)
    await expect(scoped(undefined, work)).rejects.toThrow('no')
    expect(signals.map((signal) => signal.aborted)).toEqual([true, true])
  })

  it('is aborted with its parent, for its reason', async () => {
    const parent = new AbortController()
    await scoped(parent.signal, async (signal) => {
      parent.abort('enough')
      expect(signal.reason).toBe('enough')
    })
  })
})

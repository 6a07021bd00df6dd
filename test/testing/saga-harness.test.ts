import { describe, expect, it } from 'vitest'
import { saga } from '../../src/workflow/saga.ts'
import { SagaBroken, sagaHarness } from '../../src/testing/index.ts'
import type { SagaHarness } from '../../src/testing/index.ts'

interface Trip {
  readonly traveller: string
}

const insure = saga<Trip>('insure').step('policy', { do: () => 'p', undo: () => undefined })

const trip = saga<Trip>('trip', { locks: ({ traveller }) => [`traveller:${traveller}`] })
  .step('hotel', { do: () => ({ id: 'h' }), undo: () => undefined })
  .child('insure', insure, { input: ({ input }) => input })
  .wait('ok', { approval: true, timeoutMs: 86_400_000 })
  .step('charge', { do: () => 1, pivot: true })
  .step('mail', { do: () => 1, retriable: true })

const input = { traveller: 'ada' }

async function brokenBy(work: Promise<unknown>): Promise<SagaBroken> {
  const error: unknown = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(SagaBroken)
  return error as SagaBroken
}

describe('the saga harness', () => {
  it('kills a worker before and after every record, and stalls it there', async () => {
    const report = await sagaHarness(trip, { input, outputs: {}, faults: 'none' }).check()
    const { kills, stalls, plays, ends } = report
    expect(report).toMatchObject({ cases: 1, leftOut: 0 })
    expect(kills).toBeGreaterThan(20)
    expect(stalls).toBe(2 * kills)
    expect(plays).toBe(1 + kills + stalls)
    // A trip and its insurance each.
    expect(ends).toEqual({ completed: plays * 2, compensated: 0, 'needs-attention': 0 })
  })

  it('comes to all three ends by faults, and is the same for the same seed', async () => {
    const check = (seed: number) => sagaHarness(trip, { input, outputs: {}, playsMax: 220, seed }).check()
    const report = await check(1)
    for (const end of ['completed', 'compensated', 'needs-attention'] as const)
      expect(report.ends[end]).toBeGreaterThan(5)
    expect(report.leftOut).toBeGreaterThan(100)
    expect(await check(1)).toEqual(report)
  })

  it('has runs that start at once meet at their locks', async () => {
    const { ends } = await sagaHarness(trip, {
      input,
      outputs: {},
      faults: 'none',
      runs: 2,
      stallAtEveryRecord: false,
    }).check()
    expect(ends.completed).toBeGreaterThan(100)
  })

  it('calls the functions of the saga and waits for their work', async () => {
    const held = new Set<string>()
    const later = () => new Promise((resolve) => setImmediate(resolve))
    const real = saga<Trip>('real')
      .step('hold', {
        do: async ({ traveller }, { key }) => {
          await later()
          held.add(traveller)
          return key
        },
        undo: async ({ traveller }) => {
          await later()
          held.delete(traveller)
        },
      })
      .step('pay', { do: () => 'paid', undo: () => undefined })
    const report = await sagaHarness(real, {
      input,
      playsMax: 300,
      before: () => held.clear(),
      verify: ({ results }) => {
        const [result] = results
        // One that rests may have undone it or not.
        const holds = { completed: [['ada']], compensated: [[]], 'needs-attention': [['ada'], []] }
        expect(holds[result?.status ?? 'completed']).toContainEqual([...held])
      },
    }).check()
    expect(report.ends.compensated).toBeGreaterThan(50)
  })

  it('moves time past a function that never answers', async () => {
    let calls = 0
    const slow = saga('slow').step('ask', {
      do: () => (++calls === 1 ? new Promise(() => undefined) : 'answer'),
      readOnly: true,
      timeoutMs: 3_600_000,
    })
    const { results } = await sagaHarness(slow, { input: {}, stepWaitMs: 5 }).play()
    expect(results[0]).toMatchObject({ status: 'completed', output: { ask: 'answer' } })
  })

  it('finds an undo that does not undo, and says the smallest case in words', async () => {
    const held = new Set<string>()
    const leaky = saga<Trip>('leaky')
      .step('hold', { do: (_, { key }) => held.add(key).size, undo: () => undefined })
      .step('pay', { do: () => 1, undo: () => undefined })
    const verify = ({ results: [result] }: { readonly results: readonly { readonly status: string }[] }) => {
      if (result?.status === 'compensated' && held.size > 0) throw new Error('the hotel still holds a room')
    }
    const error = await brokenBy(sagaHarness(leaky, { input, before: () => held.clear(), verify, seed: 7 }).check())
    expect(error.violations).toEqual([{ property: 0, what: 'verify threw: the hotel still holds a room' }])
    expect(error.failing.kills ?? []).toEqual([])
    expect(error.failing.faults).toHaveLength(1)
    expect(error.message).toMatch(/the hotel still holds a room\nwhen do of (hold|pay) .*\(seed 7\)/)
    expect(error.trace.at(-1)).toContain('saga.compensated')
    held.clear()
    const again = await brokenBy(sagaHarness(leaky, { input, verify, seed: 7 }).play(error.failing))
    expect(again.message).toBe(error.message)
  })

  it('says for which signal a run waits when none is given', async () => {
    const waits = saga('waits').wait('answer')
    const error = await brokenBy(sagaHarness(waits, { input: {} }).play())
    expect(error.violations[0]).toEqual({
      property: 1,
      what: 'run1 waits for the signal answer; give it in signals, or its step a timeout',
    })
    const { results } = await sagaHarness(waits, { input: {}, signals: { answer: 42 } }).play()
    expect(results[0]).toMatchObject({ status: 'completed', output: { answer: 42 } })
  })

  it.each(['ask', 'inner/ask', 'answer'])('leaves a wait alone once whose signal is given as %s', async (name) => {
    const inner = saga('inner').wait('ask', { signal: 'answer', timeoutMs: 1000 })
    const outer = saga('outer').child('inner', inner, { input: ({ input }) => input })
    const silences: (readonly string[])[] = []
    await sagaHarness(outer, {
      input: {},
      runs: 2,
      signals: { [name]: 42 },
      killAtEveryRecord: false,
      stallAtEveryRecord: false,
      verify: ({ case: { silent } }) => void (silent && silences.push(silent)),
    }).check()
    expect(silences).toEqual([['inner/ask']])
  })

  it('takes outputs by the path of a step', async () => {
    const outputs = { hotel: { id: 'there' }, 'insure/policy': 'paper' }
    const { results, calls } = await sagaHarness(trip, { input, outputs }).play()
    expect(results[0]?.output).toMatchObject({ hotel: { id: 'there' }, insure: { policy: 'paper' } })
    expect(calls.map(({ run, step, end }) => [run, step, end])).toEqual([
      ['run1', 'hotel', 'gave'],
      ['run1/insure', 'policy', 'gave'],
      ['run1', 'charge', 'gave'],
      ['run1', 'mail', 'gave'],
    ])
  })

  it('refuses an order of a stalled worker that comes after a later one', async () => {
    const simple = saga<Trip>('simple')
      .step('hold', { do: () => 1, undo: () => undefined, retry: { max: 1 } })
      .step('pay', { do: () => 1, undo: () => undefined })
    const harness: SagaHarness = sagaHarness(simple, { input, outputs: {} })
    const ends: string[] = []
    for (let record = 1; record < 8; record++)
      for (const share of ['journal', 'process'] as const) {
        const stall = { record, when: 'after', back: 'ended', share } as const
        const { calls } = await harness.play({ faults: [{ step: 'pay', is: 'final' }], stall })
        ends.push(...calls.map(({ end }) => end))
      }
    expect(ends).toContain('fenced')
    expect(ends).toContain('gave')
  })

  it('ends when its signal is aborted', async () => {
    const signal = AbortSignal.abort(new Error('enough'))
    await expect(sagaHarness(trip, { input }).check({ signal })).rejects.toMatchObject({ code: 'base.aborted' })
  })

  it('refuses what it does not know', () => {
    expect(() => sagaHarness(trip, { input, runs: 0 })).toThrow('runs must be a whole number')
    expect(() => sagaHarness(trip, { input, kill: true } as never)).toThrow('options has no "kill"')
  })
})

/** What the harness has found in the workflow, each kept as the sagas and cases that showed it. */
import { describe, expect, it } from 'vitest'
import { sagaHarness } from '../../src/testing/index.ts'
import type { SagaCase, SagaFault, SagaHarnessOptions } from '../../src/testing/index.ts'
import { saga } from '../../src/workflow/saga.ts'
import type { SagaBuilder } from '../../src/workflow/saga.ts'

interface Trip {
  readonly n: number
}

const step = { do: () => undefined, undo: () => undefined }
const insure = saga<Trip>('insure').step('policy', step).step('pay', step)
const book = saga<Trip>('book', { locks: ({ n }) => [`trip:${n}`, 'both'] })
  .step('hotel', step)
  .parallel((group) => group.step('flight', step).step('car', step))
  .wait('ok', { approval: true, timeoutMs: 60_000 })
  .child('insure', insure, { input: ({ input }) => input })
  .sleep('night', 5000)
  .step('charge', { ...step, pivot: true })
  .step('mail', { do: () => undefined, retriable: true })

const input = { n: 1 }
const back: SagaFault = { step: 'charge', is: 'final' }

/** Each record of one case of faults: kills and stalls, or one of them. */
async function everyRecord<Out, Past, Result>(
  of: SagaBuilder<Trip, Out, Past, Result>,
  faults: readonly SagaFault[],
  options: Partial<SagaHarnessOptions<Trip>> = {},
): Promise<number> {
  const base = { input, outputs: {}, playsMax: 100_000, ...options }
  const harness = sagaHarness(of, base)
  const { calls } = await harness.play({ faults })
  const records = 5 * calls.length
  for (let record = 1; record <= records; record++) {
    const cases: SagaCase[] = (['before', 'after'] as const).flatMap((when): SagaCase[] => [
      ...(options.killAtEveryRecord === false ? [] : [{ faults, kills: [{ record, when }] }]),
      ...(options.stallAtEveryRecord === false
        ? []
        : (['journal', 'process'] as const).map((share) => ({
            faults,
            stall: { record, when, back: 'taken', share } as const,
          }))),
    ])
    for (const given of cases) await harness.play(given)
  }
  return records
}

describe('what the harness has found', () => {
  it('a signal to a run that another worker has taken is refused as the port says, and no earlier', async () => {
    expect(await everyRecord(book, [], { killAtEveryRecord: false })).toBeGreaterThan(10)
  })

  it('a child that is taken over while its parent has it undone is taken once', async () => {
    const lost: SagaFault = { step: 'charge', of: 'undo', is: 'lost' }
    const kills = { runs: 2, stallAtEveryRecord: false }
    expect(await everyRecord(book, [back, lost], kills)).toBeGreaterThan(10)
  })

  it('a worker that has lost the parent takes no child of it', async () => {
    const again: SagaFault = { step: 'charge', of: 'undo', is: 'error' }
    expect(await everyRecord(book, [back, again], { killAtEveryRecord: false })).toBeGreaterThan(10)
    const deep = saga<Trip>('deep').step('last', step)
    const middle = saga<Trip>('middle').child('inner', deep, { input: ({ input }) => input })
    const outer = saga<Trip>('outer', { locks: () => ['shared'] })
      .step('first', step)
      .child('middle', middle, { input: ({ input }) => input })
    expect(await everyRecord(outer, [], { killAtEveryRecord: false, seed: 1 })).toBeGreaterThan(5)
  })

  it('a child that is taken from who was to undo it is undone by who has it', async () => {
    const first = saga<Trip>('first').step('hold', step).sleep('night', 10)
    const second = saga<Trip>('second').step('fails', { do: () => undefined, irreversible: { leaves: 'a trace' } })
    const outer = saga<Trip>('outer')
      .child('one', first, { input: ({ input }) => input })
      .child('two', second, { input: ({ input }) => input })
    const faults: SagaFault[] = [{ step: 'two/fails', is: 'final' }]
    expect(await everyRecord(outer, faults, { killAtEveryRecord: false })).toBeGreaterThan(5)
  })

  it('a child that is about to be started once more is not taken for the one that there is', async () => {
    const deep = saga<Trip>('deep').step('a', step).step('b', step)
    const middle = saga<Trip>('middle')
      .child('inner', deep, { input: ({ input }) => input })
      .step('z', step)
    const outer = saga<Trip>('outer')
      .child('middle', middle, { input: ({ input }) => input })
      .step('y', step)
    const harness = sagaHarness(outer, { input, outputs: {} })
    const ends = new Set<string>()
    for (let one = 6; one <= 10; one++)
      for (let two = 1; two <= 8; two++) {
        const kills = [one, two].map((record, at) => ({
          record,
          when: at === 0 ? ('after' as const) : ('before' as const),
        }))
        for (const { status } of (await harness.play({ cancel: { at: 6, undo: true }, kills })).results)
          ends.add(status)
      }
    // Where the first death comes before the cancellation is known, the run completes.
    expect([...ends].toSorted()).toEqual(['compensated', 'completed'])
  })

  it('a lock that is freed while somebody looks it up is not waited for', async () => {
    const locked = saga<Trip>('locked', { locks: () => ['shared'] })
      .parallel((group) => group.step('a', step).step('b', step))
      .parallel((group) => group.step('c', step).step('d', step))
      .step('e', step)
    const harness = sagaHarness(locked, { input, outputs: {}, runs: 2, seed: 1 })
    const ends = new Set<string>()
    for (let one = 1; one <= 9; one++)
      for (const when of ['before', 'after'] as const)
        for (let two = 1; two <= 9; two++) {
          const kills = [
            { record: one, when },
            { record: two, when: 'after' as const },
          ]
          for (const { status } of (await harness.play({ kills })).results) ends.add(status)
        }
    expect([...ends]).toEqual(['completed'])
  })

  it('a run that waits for its turn does not begin before those that had begun are counted', async () => {
    const one = saga<Trip>('one', { concurrency: { max: 1 } })
      .step('pay', { ...step, retry: { max: 1 }, undoRetry: { max: 1 }, pivot: true })
      .wait('later', { timeoutMs: 50 })
    const faults: SagaFault[] = [
      { step: 'pay', is: 'error' },
      { step: 'pay', of: 'undo', is: 'error' },
    ]
    for (let seed = 0; seed < 30; seed++) {
      const { results } = await sagaHarness(one, { input, outputs: {}, runs: 2, seed }).play({ faults })
      expect(results.map(({ status }) => status)).toEqual(['needs-attention'])
    }
  })
})

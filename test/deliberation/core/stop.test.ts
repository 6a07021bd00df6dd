import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { noveltyOf, shinglesOf, similarity } from '../../../src/deliberation/core/novelty.ts'
import { all, any } from '../../../src/deliberation/core/plan.ts'
import type { Stop } from '../../../src/deliberation/core/plan.ts'
import { kolmogorovSmirnov, loop, stopReason, totalVariation } from '../../../src/deliberation/core/stop.ts'
import type { Contribution } from '../../../src/deliberation/participant.ts'

function said(participant: string, round: number, more: Partial<Contribution> = {}): Contribution {
  const usage = { inputTokens: 1, outputTokens: 1 }
  const text = `${participant} in round ${round} of it all`
  return {
    id: `${participant}${round}`,
    number: 1,
    participant,
    round,
    status: 'given',
    text,
    quotes: [],
    answers: [],
    usage,
    ...more,
  }
}

function holding(
  round: number,
  ...positions: readonly (readonly [option: string, confidence?: number])[]
): Contribution[] {
  return positions.map(([option, confidence], at) =>
    said(`p${at}`, round, { position: { option, ...(confidence !== undefined && { confidence }) } }),
  )
}

function holds(stop: Stop, record: readonly Contribution[], roundsWhole: number): boolean {
  return stopReason(stop, { record, roundsWhole }) !== undefined
}

describe('stop conditions', () => {
  it('consensus: everybody holds the same for so many rounds', () => {
    const record = [...holding(0, ['A'], ['B']), ...holding(1, ['A'], ['A']), ...holding(2, ['A'], ['A'])]
    expect([0, 1, 2].map((round) => holds({ kind: 'consensus', rounds: 2 }, record, round))).toEqual([
      false,
      false,
      true,
    ])
    expect(holds({ kind: 'consensus', rounds: 1 }, record, 1)).toBe(true)
    expect(holds({ kind: 'consensus', rounds: 1 }, holding(0, ['A']), 0)).toBe(false)
  })

  it('consensus: whoever is silent keeps its position', () => {
    const record = [...holding(0, ['A'], ['B']), said('p0', 1, { position: { option: 'B' } })]
    expect(holds({ kind: 'consensus', rounds: 1 }, record, 1)).toBe(true)
  })

  it('stable options: shares moved by the threshold at most', () => {
    const record = [
      ...holding(0, ['A'], ['B'], ['B'], ['B']),
      ...holding(1, ['A'], ['A'], ['B'], ['B']),
      ...holding(2, ['A'], ['A'], ['B'], ['B']),
    ]
    const stop = { kind: 'stable', measure: 'options', rounds: 1, threshold: 0.2 } as const
    expect([0, 1, 2].map((round) => holds(stop, record, round))).toEqual([false, false, true])
    expect(holds({ ...stop, threshold: 0.25 }, record, 1)).toBe(true)
    expect(holds({ ...stop, rounds: 2 }, record, 2)).toBe(false)
  })

  it('stable confidence: the Kolmogorov-Smirnov statistic stays within the threshold', () => {
    const record = [
      ...holding(0, ['A', 0.1], ['A', 0.2]),
      ...holding(1, ['A', 0.8], ['A', 0.9]),
      ...holding(2, ['A', 0.8], ['A', 0.9]),
    ]
    const stop = { kind: 'stable', measure: 'confidence', rounds: 1, threshold: 0.05 } as const
    expect([1, 2].map((round) => holds(stop, record, round))).toEqual([false, true])
  })

  it('confident: all agree, each sure enough', () => {
    expect(holds({ kind: 'confident', min: 0.8 }, holding(0, ['A', 0.8], ['A', 0.9]), 0)).toBe(true)
    expect(holds({ kind: 'confident', min: 0.8 }, holding(0, ['A', 0.8], ['A']), 0)).toBe(false)
    expect(holds({ kind: 'confident', min: 0.8 }, holding(0, ['A', 0.9], ['B', 0.9]), 0)).toBe(false)
  })

  it('no-new: neither quotes nor words that were not there', () => {
    const quote = { text: 'so it is', source: 'a.md', line: 1, verified: true }
    const first = [said('p0', 0, { text: 'the disk is slow and the log waits', quotes: [quote] })]
    const same = said('p1', 1, { text: 'The log waits, the disk is slow and the log waits', quotes: [quote] })
    const stop = { kind: 'no-new', rounds: 1, novelty: 0.5 } as const
    expect(holds(stop, [...first, same], 1)).toBe(true)
    expect(holds(stop, [...first, { ...same, quotes: [{ ...quote, text: 'another' }] }], 1)).toBe(false)
    expect(holds(stop, [...first, { ...same, text: 'networks fail in ways that disks never will' }], 1)).toBe(false)
    expect(holds(stop, first, 0)).toBe(false)
  })

  it('repetition: a speaker says again what it said, within the window', () => {
    const again = { text: 'the disk is slow and the log waits for it' }
    const record = [said('p0', 1, again), said('p1', 1), said('p0', 2, again)]
    expect(holds({ kind: 'repetition', window: 3, similarity: 0.9 }, record, 1)).toBe(true)
    expect(holds({ kind: 'repetition', window: 2, similarity: 0.9 }, record, 1)).toBe(false)
    expect(
      holds({ kind: 'repetition', window: 3, similarity: 0.9 }, [said('p0', 1, again), said('p1', 1, again)], 1),
    ).toBe(false)
  })

  it('phrase: in any case, by anybody or by one', () => {
    const record = [said('p1', 1, { text: 'We are done. Motion carried!' })]
    expect(holds({ kind: 'phrase', text: 'MOTION carried' }, record, 0)).toBe(true)
    expect(holds({ kind: 'phrase', text: 'motion carried', by: 'p0' }, record, 0)).toBe(false)
  })

  it('turns and rounds count; any and all join', () => {
    const record = [said('p0', 0), said('p1', 0)]
    const turns = (max: number): Stop => ({ kind: 'turns', max })
    const rounds = (max: number): Stop => ({ kind: 'rounds', max })
    expect(holds(any(turns(3), rounds(0)), record, 0)).toBe(true)
    expect(holds(all(turns(3), rounds(0)), record, 0)).toBe(false)
    expect(stopReason(all(turns(2), rounds(0)), { record, roundsWhole: 0 })).toEqual({
      kind: 'rounds',
      detail: '0 rounds',
    })
  })
})

describe('measures', () => {
  const sample = fc.array(fc.constantFrom(0, 0.1, 0.5, 0.5, 0.7, 1), { minLength: 1, maxLength: 12 })

  it('Kolmogorov-Smirnov is the largest gap of the distribution functions, at every value', () => {
    const share = (values: readonly number[], at: number) =>
      values.filter((value) => value <= at).length / values.length
    fc.assert(
      fc.property(sample, sample, (one, other) => {
        const slow = Math.max(...[...one, ...other].map((at) => Math.abs(share(one, at) - share(other, at))))
        expect(kolmogorovSmirnov(one, other)).toBeCloseTo(slow, 12)
        expect(kolmogorovSmirnov(other, one)).toBeCloseTo(slow, 12)
      }),
    )
    expect(kolmogorovSmirnov([1, 2, 3, 4], [3, 4, 5, 6])).toBe(0.5)
    expect(kolmogorovSmirnov([], [1])).toBe(1)
    expect(kolmogorovSmirnov([], [])).toBe(0)
  })

  it('total variation is the largest difference of the shares of any set of options', () => {
    const shares = fc
      .array(fc.nat(5), { minLength: 3, maxLength: 3 })
      .filter((counts) => counts.some((count) => count > 0))
      .map(
        (counts) => new Map(counts.map((count, at) => [`${at}`, count / counts.reduce((sum, each) => sum + each, 0)])),
      )
    fc.assert(
      fc.property(shares, shares, (one, other) => {
        const sets = Array.from({ length: 8 }, (_, bits) => ['0', '1', '2'].filter((_, at) => (bits >> at) % 2 === 1))
        const gap = (set: readonly string[]) => set.reduce((sum, key) => sum + one.get(key)! - other.get(key)!, 0)
        expect(totalVariation(one, other)).toBeCloseTo(Math.max(...sets.map(gap)), 12)
      }),
    )
  })

  it('similarity and novelty are shares of runs of three words', () => {
    const one = shinglesOf('The log waits for the disk.')
    expect([...one]).toEqual(['the log waits', 'log waits for', 'waits for the', 'for the disk'])
    expect(similarity(one, shinglesOf('the LOG waits for - the disk'))).toBe(1)
    expect(similarity(one, shinglesOf('nothing of this kind at all'))).toBe(0)
    expect(noveltyOf(shinglesOf('the log waits never'), one)).toBe(0.5)
    expect(noveltyOf(new Set(), one)).toBe(0)
    expect([...shinglesOf('Yes!')]).toEqual(['yes'])
  })

  it('a loop is a circle of two contributions or more, twice', () => {
    const texts = (...letters: string[]) =>
      letters.map((letter, at) => said('p', at, { text: `${letter} ${letter}${letter} it is` }))
    expect(loop(texts('a', 'b', 'a', 'b'), 12, 0.9)).toBeDefined()
    expect(loop(texts('x', 'a', 'b', 'c', 'a', 'b', 'c'), 12, 0.9)).toBeDefined()
    expect(loop(texts('a', 'b', 'a', 'c'), 12, 0.9)).toBeUndefined()
    expect(loop(texts('a', 'b', 'c', 'd', 'a', 'b', 'c', 'd'), 6, 0.9)).toBeUndefined()
  })
})

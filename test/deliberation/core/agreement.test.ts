import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { correlation, krippendorffAlpha, lengthBias, selfPreference } from '../../../src/deliberation/core/agreement.ts'
import type { JudgedSide } from '../../../src/deliberation/core/agreement.ts'

/** Reliability data as published: a row for each coder, a column for each unit. */
function units(rows: readonly string[]): (number | undefined)[][] {
  const cells = rows.map((row) => row.trim().split(/\s+/))
  return cells[0]!.map((_, unit) => cells.map((row) => (row[unit] === '.' ? undefined : Number(row[unit]))))
}

/** Four observers, twelve units: Krippendorff, Computing Krippendorff's Alpha-Reliability (2011), section C. */
const published = units([
  '1 2 3 3 2 1 4 1 2 . . .',
  '1 2 3 3 2 2 4 1 2 5 . 3',
  '. 3 3 3 2 3 4 2 2 5 1 .',
  '1 2 3 3 2 4 4 1 2 5 1 .',
])
/** Three coders, fifteen units, the worked example of the article on the coefficient in Wikipedia. */
const encyclopedia = units([
  '. . . . . 3 4 1 2 1 1 3 3 . 3',
  '1 . 2 1 3 3 4 3 . . . . . . .',
  '. . 2 1 3 4 4 . 2 1 1 3 3 . 4',
])

/** By the definition, pair by pair: 1 less the mean distance within units over the mean distance of all pairable values. */
function slowAlpha(data: readonly (readonly (number | undefined)[])[], distance: (a: number, b: number) => number) {
  const paired = data.map((unit) => unit.filter((value) => value !== undefined)).filter((unit) => unit.length > 1)
  const all = paired.flat()
  let within = 0
  for (const unit of paired)
    for (const [at, a] of unit.entries())
      for (const [other, b] of unit.entries())
        if (at !== other) within += distance(a, b) / (unit.length - 1) / all.length
  let between = 0
  for (const [at, a] of all.entries())
    for (const [other, b] of all.entries())
      if (at !== other) between += distance(a, b) / (all.length * (all.length - 1))
  return between === 0 ? undefined : 1 - within / between
}

const nominal = (a: number, b: number) => (a === b ? 0 : 1)
const interval = (a: number, b: number) => (a - b) ** 2

describe("Krippendorff's alpha", () => {
  it.each([
    ['twelve units of four observers', published, 0.743, 0.849],
    ['fifteen units of three coders', encyclopedia, 0.691, 0.811],
  ])('is as published for %s', (_name, data, asNominal, asInterval) => {
    expect(krippendorffAlpha(data, 'nominal').alpha).toBeCloseTo(asNominal, 3)
    expect(krippendorffAlpha(data, 'interval').alpha).toBeCloseTo(asInterval, 3)
    expect(slowAlpha(data, nominal)).toBeCloseTo(asNominal, 3)
    expect(slowAlpha(data, interval)).toBeCloseTo(asInterval, 3)
  })

  it('says on how many units and values it rests', () => {
    expect(krippendorffAlpha(published, 'nominal')).toMatchObject({ units: 11, values: 40 })
  })

  const value = fc.option(fc.integer({ min: 0, max: 5 }), { nil: undefined })
  const data = fc
    .integer({ min: 1, max: 5 })
    .chain((coders) => fc.array(fc.array(value, { minLength: coders, maxLength: coders }), { maxLength: 12 }))

  it('is what its definition gives, pair by pair, for any data with gaps', () => {
    fc.assert(
      fc.property(data, (given) => {
        for (const [level, distance] of [
          ['nominal', nominal],
          ['interval', interval],
        ] as const) {
          const slow = slowAlpha(given, distance)
          const { alpha } = krippendorffAlpha(given, level)
          expect(alpha === undefined).toBe(slow === undefined)
          expect(alpha ?? 0).toBeCloseTo(slow ?? 0, 9)
        }
      }),
    )
  })

  it('is 1 where all agree on different values, and undefined where nothing varies or nothing pairs', () => {
    expect(
      krippendorffAlpha(
        [
          [1, 1],
          [2, 2],
        ],
        'interval',
      ).alpha,
    ).toBe(1)
    expect(
      krippendorffAlpha(
        [
          [1, 1],
          [1, 1],
        ],
        'nominal',
      ).alpha,
    ).toBeUndefined()
    expect(krippendorffAlpha([[1, undefined], [2]], 'nominal')).toEqual({ alpha: undefined, units: 0, values: 0 })
  })

  it('takes NaN for a missing value', () => {
    expect(
      krippendorffAlpha(
        [
          [1, 1, Number.NaN],
          [2, 2],
        ],
        'interval',
      ).alpha,
    ).toBe(1)
  })
})

describe('a correlation', () => {
  it('is 1 on a rising line, -1 on a falling one, and undefined on fewer than three points or a flat one', () => {
    expect(
      correlation([
        [0, 1],
        [1, 3],
        [2, 5],
      ]).r,
    ).toBeCloseTo(1, 12)
    expect(
      correlation([
        [0, 5],
        [1, 3],
        [2, 1],
      ]).r,
    ).toBeCloseTo(-1, 12)
    expect(
      correlation([
        [0, 1],
        [1, 3],
      ]),
    ).toEqual({ r: undefined, n: 2 })
    expect(
      correlation([
        [1, 1],
        [1, 2],
        [1, 3],
      ]).r,
    ).toBeUndefined()
  })
})

function judged(side: string, kind: string, length: number, total: number): JudgedSide {
  return { judge: 'j', judgeKind: 'm', side, sideKinds: [kind], length, total }
}

describe('what may have swayed judges', () => {
  it('finds that the longer side got more, apart from how hard each judge is', () => {
    const bias = lengthBias([
      [judged('a', 'x', 100, 1), judged('b', 'x', 200, 2)],
      [judged('a', 'x', 900, 8), judged('b', 'x', 1000, 9)],
    ])
    expect(bias.n).toBe(4)
    expect(bias.r).toBeCloseTo(1, 12)
  })

  it('finds preference for the own kind only where a judge heard both', () => {
    expect(selfPreference([[judged('a', 'm', 1, 7), judged('b', 'x', 1, 5)]])).toEqual({ difference: 2, n: 1 })
    expect(selfPreference([[judged('a', 'x', 1, 7), judged('b', 'x', 1, 5)]])).toEqual({ difference: undefined, n: 0 })
  })
})

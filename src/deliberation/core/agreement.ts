/**
 * Agreement and bias of judges as numbers: Krippendorff's alpha, the correlation of scores with length, preference for one's
 * own kind. Unlike a verdict they decide nothing; each says on how much it rests, and is undefined where it rests on nothing. Pure.
 */

/** Values of one unit by the coders; undefined where a coder gave none. */
export type Ratings<T> = readonly (readonly (T | undefined)[])[]

export interface Agreement {
  /** 1: perfect; 0: as by chance; below 0: systematic disagreement. Undefined where all values are the same or none can be paired. */
  readonly alpha: number | undefined
  /** Units with two values or more. */
  readonly units: number
  /** Values in those units. */
  readonly values: number
}

/**
 * Krippendorff's alpha for any number of coders with missing values (Klaus Krippendorff, Computing Krippendorff's
 * Alpha-Reliability, 2011). `nominal`: values are equal or not; `interval`: their squared difference counts. Values that are
 * not finite count as missing.
 */
export function krippendorffAlpha(units: Ratings<number | string>, level: 'nominal' | 'interval'): Agreement {
  const paired = units.map((unit) => unit.filter(isValue)).filter((unit) => unit.length > 1)
  const counts = new Map<number | string, number>()
  for (const value of paired.flat()) counts.set(value, (counts.get(value) ?? 0) + 1)
  const values = paired.reduce((sum, unit) => sum + unit.length, 0)
  const distance = level === 'nominal' ? nominal : interval
  const observed = paired.reduce((sum, unit) => sum + pairsWithin(unit, distance) / (unit.length - 1), 0)
  const distinct = [...counts]
  let expected = 0
  for (const [one, often] of distinct)
    for (const [other, also] of distinct) expected += often * also * distance(one, other)
  const base = { units: paired.length, values }
  if (expected === 0) return { ...base, alpha: undefined }
  return { ...base, alpha: 1 - ((values - 1) * observed) / expected }
}

function isValue(value: number | string | undefined): value is number | string {
  return typeof value === 'string' || (typeof value === 'number' && Number.isFinite(value))
}

type Distance = (one: number | string, other: number | string) => number

function nominal(one: number | string, other: number | string): number {
  return one === other ? 0 : 1
}

function interval(one: number | string, other: number | string): number {
  return typeof one === 'number' && typeof other === 'number' ? (one - other) ** 2 : nominal(one, other)
}

/** The sum of distances over ordered pairs of different coders. */
function pairsWithin(unit: readonly (number | string)[], distance: Distance): number {
  let sum = 0
  for (const [at, one] of unit.entries()) for (const other of unit.slice(at + 1)) sum += 2 * distance(one, other)
  return sum
}

export interface Correlation {
  /** Pearson's r, -1 to 1; undefined below three points, or where one of the two never varies. */
  readonly r: number | undefined
  /** Points that it rests on. */
  readonly n: number
}

/** Pearson's correlation of pairs; pairs that are not finite are left out. */
export function correlation(points: readonly (readonly [number, number])[]): Correlation {
  const finite = points.filter(([x, y]) => Number.isFinite(x) && Number.isFinite(y))
  const n = finite.length
  if (n < 3) return { r: undefined, n }
  const meanX = finite.reduce((sum, [x]) => sum + x, 0) / n
  const meanY = finite.reduce((sum, [, y]) => sum + y, 0) / n
  let covariance = 0
  let varianceX = 0
  let varianceY = 0
  for (const [x, y] of finite) {
    covariance += (x - meanX) * (y - meanY)
    varianceX += (x - meanX) ** 2
    varianceY += (y - meanY) ** 2
  }
  if (varianceX === 0 || varianceY === 0) return { r: undefined, n }
  return { r: Math.max(-1, Math.min(1, covariance / Math.sqrt(varianceX * varianceY))), n }
}

/** A side's total by one judge, beside what may have swayed it. */
export interface JudgedSide {
  readonly judge: string
  /** What answers as the judge. */
  readonly judgeKind: string
  readonly side: string
  /** What answers for the side's speakers. */
  readonly sideKinds: readonly string[]
  /** Characters of all that the judge heard of the side. */
  readonly length: number
  /** Weighted mean of its points. */
  readonly total: number
}

/** How totals go with length: each judge's totals and each debate's lengths are taken as differences from their means first. */
export function lengthBias(judged: readonly (readonly JudgedSide[])[]): Correlation {
  return correlation(
    judged.flatMap((sides) => {
      const meanLength = sides.reduce((sum, side) => sum + side.length, 0) / sides.length
      const meanTotal = sides.reduce((sum, side) => sum + side.total, 0) / sides.length
      return sides.map((side): [number, number] => [side.length - meanLength, side.total - meanTotal])
    }),
  )
}

export interface SelfPreference {
  /** Mean total of sides of the judge's own kind less that of other sides, over hearings that had both; undefined without one. */
  readonly difference: number | undefined
  /** Hearings that had both. */
  readonly n: number
}

/** How much better judges find sides whose speakers are what they are themselves. One entry for each judge of each debate. */
export function selfPreference(judged: readonly (readonly JudgedSide[])[]): SelfPreference {
  const differences = judged.flatMap((sides) => {
    const own = sides.filter((side) => side.sideKinds.includes(side.judgeKind)).map((side) => side.total)
    const other = sides.filter((side) => !side.sideKinds.includes(side.judgeKind)).map((side) => side.total)
    return own.length > 0 && other.length > 0 ? [mean(own) - mean(other)] : []
  })
  return { difference: differences.length > 0 ? mean(differences) : undefined, n: differences.length }
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

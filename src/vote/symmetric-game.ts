/**
 * Symmetric game: the optimal strategies of a game in which both sides have the same choices and one's gain is the other's
 * loss, exactly. Unlike a general programme it always has the value 0. The one strategy is guessed in doubles and proved in
 * whole numbers; where the proof fails, because there are several or the guess was wrong, exact programmes give the most even
 * of them.
 */
import { greatestCommonDivisor, rational, zero } from './rational.ts'
import type { Rational } from './rational.ts'
import { maximise } from './simplex.ts'

/** `gains[a][b]` is what a gains against b, and -gains[b][a]. */
export type Gains = readonly (readonly bigint[])[]

/** The only optimal strategy; undefined when there are several or none could be proved to be the only one. */
export function onlyStrategy(gains: Gains): Rational[] | undefined {
  const support = guessSupport(gains)
  if (!support) return undefined
  const weights = kernelOf(support.map((a) => support.map((b) => gains[a]?.[b] as bigint)))
  if (!weights || weights.some((each) => each <= 0n)) return undefined
  // It has to gain against every choice outside, or else that choice may be a part of another optimal strategy.
  const inside = new Set(support)
  for (const b of gains.keys()) {
    if (inside.has(b)) continue
    const gain = support.reduce((sum, a, at) => sum + (weights[at] as bigint) * (gains[a]?.[b] as bigint), 0n)
    if (gain <= 0n) return undefined
  }
  const all = weights.reduce((sum, each) => sum + each, 0n)
  const strategy = gains.map(() => zero)
  for (const [at, a] of support.entries()) strategy[a] = rational(weights[at] as bigint, all)
  return strategy
}

/** Steps of the guess before it is given up. */
const guessStepsMax = 2000

/** The choices of an optimal strategy by the simplex method in doubles, which may be wrong. */
function guessSupport(gains: Gains): number[] | undefined {
  const size = gains.length
  const most = gains.flat().reduce((max, each) => (each > max ? each : max), 1n)
  const width = 2 * size + 1
  // All gains moved above zero: maximise the sum of y, where against every choice y gains at most 1.
  const table = gains.map((row, at) => {
    const cells = new Float64Array(width)
    for (const [b, gain] of row.entries()) cells[b] = Number(gain) / Number(most) + 2
    cells[size + at] = 1
    cells[width - 1] = 1
    return cells
  })
  const goal = new Float64Array(width).fill(-1, 0, size)
  const basis = gains.map((_, at) => size + at)
  for (let step = 0; step < guessStepsMax; step++) {
    let entering = 0
    for (let column = 1; column < width - 1; column++)
      if ((goal[column] as number) < (goal[entering] as number)) entering = column
    if ((goal[entering] as number) > -1e-9) {
      return basis.flatMap((variable, row) =>
        variable < size && (table[row]?.[width - 1] as number) > 1e-9 ? [variable] : [],
      )
    }
    let leaving = -1
    let least = Infinity
    for (const [at, row] of table.entries()) {
      const ratio = (row[width - 1] as number) / (row[entering] as number)
      if ((row[entering] as number) > 1e-9 && ratio < least) [leaving, least] = [at, ratio]
    }
    const chosen = table[leaving]
    if (!chosen) return undefined
    const by = chosen[entering] as number
    for (let column = 0; column < width; column++) (chosen[column] as number) /= by
    for (const row of [...table, goal]) {
      const factor = row[entering] as number
      if (row === chosen || factor === 0) continue
      for (let column = 0; column < width; column++) (row[column] as number) -= factor * (chosen[column] as number)
    }
    basis[leaving] = entering
  }
  return undefined
}

/**
 * The vector, up to a factor, that a matrix takes to 0, with a first entry that is positive; undefined when there is not
 * exactly one. Elimination without fractions (Bareiss, "Sylvester's identity and multistep integer-preserving Gaussian
 * elimination", 1968).
 */
function kernelOf(matrix: readonly (readonly bigint[])[]): bigint[] | undefined {
  const rows = matrix.map((row) => [...row])
  const size = rows.length
  let shared = 1n
  let rank = 0
  let free: number | undefined
  for (let column = 0; column < size; column++) {
    const found = rows.findIndex((row, at) => at >= rank && row[column] !== 0n)
    if (found < 0) {
      if (free !== undefined) return undefined
      free = column
      continue
    }
    const chosen = rows[found] as bigint[]
    rows[found] = rows[rank] as bigint[]
    rows[rank] = chosen
    const by = chosen[column] as bigint
    for (const [at, row] of rows.entries()) {
      if (at === rank) continue
      const factor = row[column] as bigint
      for (let cell = 0; cell < size; cell++)
        row[cell] = ((row[cell] as bigint) * by - factor * (chosen[cell] as bigint)) / shared
    }
    shared = by
    rank++
  }
  if (free === undefined) return undefined
  // What is left of each row: shared times its own unknown, and the free one.
  const last = free
  const kernel = Array.from({ length: size }, (_, at) => {
    if (at === last) return shared
    const row = rows[at < last ? at : at - 1] as bigint[]
    return -(row[last] as bigint)
  })
  const divisor = kernel.reduce(greatestCommonDivisor, 0n) * ((kernel[0] as bigint) < 0n ? -1n : 1n)
  return divisor === 0n ? undefined : kernel.map((each) => each / divisor)
}

/**
 * Of all optimal strategies the most even: its smallest probability is as large as can be, then the next, and so on. There is
 * one such strategy, and it has every choice that some optimal strategy has.
 */
export function evenestStrategy(gains: Gains): Rational[] {
  const size = gains.length
  const known: (Rational | undefined)[] = gains.map(() => undefined)
  while (known.includes(undefined)) {
    const floor = largestFloor(gains, known)
    for (const at of known.keys()) if (known[at] === undefined && !canExceed(gains, known, floor, at)) known[at] = floor
  }
  return Array.from({ length: size }, (_, at) => known[at] as Rational)
}

/** The largest probability that all not yet known can have at once. */
function largestFloor(gains: Gains, known: readonly (Rational | undefined)[]): Rational {
  const size = gains.length
  const rows = optimal(gains, 1)
  for (const [at, value] of known.entries())
    rows.push(value ? atLeast(size, at, value, 1) : [...unit(size, at).map((each) => -each), 1n])
  const goal = [...gains.map(() => 0n), 1n]
  return maximise({ goal, rows, limits: limitsOf(rows) })?.value ?? zero
}

/** Whether one of those not yet known can have more than the floor while the others have it too. */
function canExceed(gains: Gains, known: readonly (Rational | undefined)[], floor: Rational, one: number): boolean {
  const size = gains.length
  const rows = optimal(gains, 0)
  for (const [at, value] of known.entries()) rows.push(atLeast(size, at, value ?? floor, 0))
  const goal = atLeast(size, one, floor, 0).map((each) => -each)
  return (maximise({ goal, rows, limits: limitsOf(rows) })?.value.num ?? 0n) > 0n
}

/** First that all probabilities sum to 1 or less, then that no choice gains against them. */
function optimal(gains: Gains, more: number): bigint[][] {
  const rest = Array.from({ length: more }, () => 0n)
  return [
    [...gains.map(() => 1n), ...rest],
    ...gains.map((_, b) => [...gains.map((row) => -(row[b] as bigint)), ...rest]),
  ]
}

/** That one has this share of all: `value * sum - x[at] <= 0`, times the denominator. */
function atLeast(size: number, at: number, value: Rational, more: number): bigint[] {
  const row = unit(size, at).map((each) => value.num - each * value.den)
  return [...row, ...Array.from({ length: more }, () => 0n)]
}

function unit(size: number, at: number): bigint[] {
  return Array.from({ length: size }, (_, other) => (other === at ? 1n : 0n))
}

function limitsOf(rows: readonly unknown[]): bigint[] {
  return rows.map((_, at) => (at === 0 ? 1n : 0n))
}

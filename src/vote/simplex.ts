/**
 * Simplex: a small linear programme solved exactly, in fractions, for the rules that need one. It maximises `goal . x` over
 * `rows . x <= limits`, x >= 0, where no limit is negative, so that x = 0 is a start. Unlike a numerical solver it neither
 * rounds nor cycles (Bland, "New finite pivoting rules for the simplex method", 1977), and unlike one it is slow: it is for
 * tens of variables. Inside all numbers have one common denominator and are whole (Edmonds' integer pivoting), so that no
 * fraction has to be reduced.
 */
import { rational } from './rational.ts'
import type { Rational } from './rational.ts'

export interface Programme {
  readonly goal: readonly bigint[]
  readonly rows: readonly (readonly bigint[])[]
  /** 0 or more each. */
  readonly limits: readonly bigint[]
}

export interface Solution {
  readonly value: Rational
  readonly x: readonly Rational[]
  /** The solution of the dual programme: the price of each row. */
  readonly prices: readonly Rational[]
}

/** Undefined when the goal has no bound. */
export function maximise({ goal, rows, limits }: Programme): Solution | undefined {
  const variables = goal.length
  const slacks = rows.length
  const width = variables + slacks + 1
  const table = rows.map((row, at) => [
    ...row,
    ...Array.from({ length: slacks }, (_, slack) => (slack === at ? 1n : 0n)),
    limits[at] as bigint,
  ])
  table.push([...goal.map((each) => -each), ...Array.from({ length: slacks + 1 }, () => 0n)])
  const basis = rows.map((_, at) => variables + at)
  let shared = 1n
  for (;;) {
    const last = table[slacks] as bigint[]
    const entering = last.findIndex((each, column) => column < width - 1 && each < 0n)
    if (entering < 0) break
    const leaving = leavingRow(table, basis, entering, width - 1)
    if (leaving === undefined) return undefined
    shared = pivot(table, leaving, entering, shared)
    basis[leaving] = entering
  }
  const x = goal.map((_, variable) => {
    const row = basis.indexOf(variable)
    return row < 0 ? rational(0) : rational(table[row]?.[width - 1] as bigint, shared)
  })
  const last = table[slacks] as bigint[]
  return {
    value: rational(last[width - 1] as bigint, shared),
    x,
    prices: rows.map((_, at) => rational(last[variables + at] as bigint, shared)),
  }
}

/** The row that bounds the entering variable first; of several the one whose variable comes first. */
function leavingRow(
  table: readonly bigint[][],
  basis: readonly number[],
  entering: number,
  limit: number,
): number | undefined {
  let leaving: number | undefined
  for (const [at, variable] of basis.entries()) {
    const row = table[at] as bigint[]
    const coefficient = row[entering] as bigint
    if (coefficient <= 0n) continue
    if (leaving === undefined) {
      leaving = at
      continue
    }
    const best = table[leaving] as bigint[]
    const difference = (row[limit] as bigint) * (best[entering] as bigint) - (best[limit] as bigint) * coefficient
    if (difference < 0n || (difference === 0n && variable < (basis[leaving] as number))) leaving = at
  }
  return leaving
}

/** Makes the column a unit vector; the new common denominator is the pivot, and every division is exact. */
function pivot(table: bigint[][], leaving: number, entering: number, shared: bigint): bigint {
  const chosen = table[leaving] as bigint[]
  const by = chosen[entering] as bigint
  for (const [at, row] of table.entries()) {
    if (at === leaving) continue
    const factor = row[entering] as bigint
    for (let column = 0; column < row.length; column++) {
      const cell = row[column] as bigint
      const other = chosen[column] as bigint
      if (factor === 0n || other === 0n) {
        if (cell !== 0n && by !== shared) row[column] = (cell * by) / shared
      } else row[column] = (cell * by - factor * other) / shared
    }
  }
  return by
}

/**
 * Integer programme: the least cost of whole numbers that meet demands, exactly, by branch and bound over the exact simplex
 * method (Land and Doig, "An automatic method of solving discrete programming problems", 1960). Unlike `simplex.ts`, which
 * solves its relaxations, it is exponential, so the number of branches has a bound.
 */
import { greatestCommonDivisor, rational } from './rational.ts'
import type { Rational } from './rational.ts'
import { maximise } from './simplex.ts'

/** Minimise `costs . y` where each demand's `row . y >= least`, y whole and 0 or more. */
export interface IntegerProgramme {
  /** 0 or more each. */
  readonly costs: readonly bigint[]
  readonly demands: readonly Demand[]
}

export interface Demand {
  readonly row: readonly bigint[]
  readonly least: bigint
}

/**
 * `least` is the least cost, `impossible` that the demands cannot be met, and `unknown` that more than `branchesMax` branches
 * would have to be looked at.
 */
export type IntegerResult =
  | { readonly kind: 'least'; readonly cost: bigint }
  | { readonly kind: 'impossible' }
  | { readonly kind: 'unknown' }

export function minimiseWhole({ costs, demands }: IntegerProgramme, branchesMax: number): IntegerResult {
  let best: bigint | undefined
  let branches = 0
  const open: (readonly Demand[])[] = [demands.map(tighten)]
  for (let branch = open.pop(); branch; branch = open.pop()) {
    if (++branches > branchesMax) return { kind: 'unknown' }
    const relaxed = relax(costs, branch)
    if (!relaxed) continue
    const bound = ceiling(relaxed.cost)
    if (best !== undefined && bound >= best) continue
    const at = relaxed.y.findIndex(({ den }) => den !== 1n)
    if (at < 0) {
      best = bound
      continue
    }
    const up = ceiling(relaxed.y[at] as Rational)
    const one = costs.map((_, variable) => (variable === at ? 1n : 0n))
    // The last one is looked at first: rounding up is nearer to meeting demands.
    open.push([...branch, { row: one.map((each) => -each), least: 1n - up }], [...branch, { row: one, least: up }])
  }
  return best === undefined ? { kind: 'impossible' } : { kind: 'least', cost: best }
}

/** Divided by what all its numbers share; then the left side is whole, so the demand can be rounded up. */
function tighten({ row, least }: Demand): Demand {
  const shared = row.reduce(greatestCommonDivisor, 0n)
  if (shared < 2n) return { row, least }
  return { row: row.map((each) => each / shared), least: ceiling(rational(least, shared)) }
}

/**
 * The least cost when parts are allowed, by the dual programme, for which 0 is a start as no cost is negative. Undefined when
 * even parts cannot meet the demands.
 */
function relax(
  costs: readonly bigint[],
  demands: readonly Demand[],
): { cost: Rational; y: readonly Rational[] } | undefined {
  const solved = maximise({
    goal: demands.map(({ least }) => least),
    rows: costs.map((_, variable) => demands.map(({ row }) => row[variable] as bigint)),
    limits: costs,
  })
  return solved && { cost: solved.value, y: solved.prices }
}

function ceiling({ num, den }: Rational): bigint {
  const down = num / den
  // Division of bigints rounds to zero, which is up already below zero.
  return down * den < num ? down + 1n : down
}

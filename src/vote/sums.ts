/**
 * Sums: many exact running totals of weights, at the speed of numbers. Each total is a double as long as it cannot pass
 * what a double holds exactly, and moves into a bigint before that. It only adds; fractions are made at the end.
 */
import { add, rational } from './rational.ts'
import type { Rational } from './rational.ts'

/** Whole units: a number up to 2^40, where sums can stay exact, else a bigint. */
export type Units = number | bigint

/** Below this one more addend (up to 2^51, see `Units`) still gives an exact double. */
const smallMax = 2 ** 52

export class Sums {
  readonly #small: Float64Array
  /** What direct additions may have put into one cell since all cells were last empty. */
  #direct = 0
  readonly #large = new Map<number, bigint>()

  constructor(cells: number) {
    this.#small = new Float64Array(cells)
  }

  add(cell: number, units: Units): void {
    if (typeof units === 'bigint') {
      this.#large.set(cell, (this.#large.get(cell) ?? 0n) + units)
      return
    }
    const sum = (this.#small[cell] as number) + units
    if (sum < smallMax) {
      this.#small[cell] = sum
      return
    }
    this.#moveUp(cell, sum)
  }

  #moveUp(cell: number, sum: number): void {
    this.#small[cell] = 0
    this.#large.set(cell, (this.#large.get(cell) ?? 0n) + BigInt(sum))
  }

  /**
   * The cells to add `units` to directly, at most once each before the next call: for loops over many cells of one ballot.
   * Undefined when these units are too large for that; then `add` takes them.
   */
  direct(units: Units): Float64Array | undefined {
    if (typeof units === 'bigint') return undefined
    this.#direct += units
    if (this.#direct >= smallMax) {
      for (const [cell, sum] of this.#small.entries()) if (sum > 0) this.#moveUp(cell, sum)
      this.#direct = units
    }
    return this.#small
  }

  total(cell: number): bigint {
    const large = this.#large.get(cell)
    const small = BigInt(this.#small[cell] as number)
    return large === undefined ? small : large + small
  }
}

/** Units times a small whole number, in the form that `Sums` takes. */
export function timesUnits(units: Units, factor: number): Units {
  return typeof units === 'number' ? units * factor : units * BigInt(factor)
}

/** Totals per candidate where several share one ballot's weight equally. */
export class SharedSums {
  readonly #candidates: number
  /** What was not shared at all, which is nearly everything. */
  readonly #alone: Sums
  readonly #byShare = new Map<number, Sums>()

  constructor(candidates: number) {
    this.#candidates = candidates
    this.#alone = new Sums(candidates)
  }

  /** Adds the weight of a ballot to a candidate who shares it among `sharers`, itself included. */
  add(candidate: number, units: Units, sharers: number): void {
    if (sharers === 1) {
      this.#alone.add(candidate, units)
      return
    }
    let sums = this.#byShare.get(sharers)
    if (!sums) this.#byShare.set(sharers, (sums = new Sums(this.#candidates)))
    sums.add(candidate, units)
  }

  /** `scale`: units in a weight of 1. */
  total(candidate: number, scale: bigint): Rational {
    let total = rational(this.#alone.total(candidate), scale)
    for (const [sharers, sums] of this.#byShare) {
      const units = sums.total(candidate)
      if (units > 0n) total = add(total, rational(units, BigInt(sharers) * scale))
    }
    return total
  }
}

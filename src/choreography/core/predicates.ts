/**
 * Predicates: what the fields of all rules ask, each once. Many rules ask the same of a field; here it is one number, and one answer an
 * event. Unlike a test, which sees one value, a predicate is asked of all leaves that an event has at its path. Pure.
 *
 * Thousands are asked for each event, most of them one range or one list of values. Those stand in typed arrays, so that asking one
 * costs no walk through objects: a range as two bounds, a list as the numbers of its values, which the leaf of the event has as well.
 */
import { fitsLeaves, isOptional } from './element.ts'
import { Numbers } from './numbers.ts'
import type { Reading } from './reading.ts'
import type { Field } from './selection.ts'
import type { Test } from './test.ts'

interface Predicate {
  readonly slot: number
  readonly groups: Field['groups']
  /** True when it also fits where there is no leaf. */
  readonly optional: boolean
}

/** How a predicate is asked: leaf by leaf; by the bounds at its place; by a list of numbers at its place, in it or not. */
const forms = { general: 0, range: 1, among: 2, none: 3 } as const

export class Predicates {
  readonly #reading: Reading
  readonly #numbers = new Map<string, number>()
  readonly #predicates: Predicate[] = []
  readonly #forms = new Numbers()
  readonly #slots = new Numbers()
  /** Of a range: the lower bound in `#bounds`, the upper one behind it. Of a list: its length in `#values`, its numbers behind it. */
  readonly #places = new Numbers()
  readonly #bounds: number[] = []
  readonly #values = new Numbers()
  /** By predicate in its general form: the event that was asked last, twice, and one more where it fitted. */
  #answers = new Float64Array(64)
  #event = 0

  constructor(reading: Reading) {
    this.#reading = reading
  }

  numberOf({ path, groups }: Field): number {
    const key = keyOf(path, groups)
    const known = this.#numbers.get(key)
    if (known !== undefined) return known
    const predicate = { slot: this.#reading.slotOf(path), groups, optional: isOptional(groups) }
    const number = this.#predicates.push(predicate) - 1
    this.#numbers.set(key, number)
    this.#slots.push(predicate.slot)
    this.#form(predicate)
    if (number >= this.#answers.length) {
      const grown = new Float64Array(this.#answers.length * 2)
      grown.set(this.#answers)
      this.#answers = grown
    }
    return number
  }

  /** Another event has been read: earlier answers do not count. */
  next(): void {
    this.#event++
  }

  fits(number: number): boolean {
    const form = this.#forms.at(number)
    if (form !== forms.general) {
      const slot = this.#slots.at(number)
      const place = this.#places.at(number)
      if (form === forms.range) {
        const value = this.#reading.onlyNumber(slot)
        if (!Number.isNaN(value))
          return value >= (this.#bounds[place] as number) && value <= (this.#bounds[place + 1] as number)
      } else {
        const value = this.#reading.onlyValue(slot)
        if (value !== -1) return this.#isAmong(value, place) === (form === forms.among)
      }
    }
    const known = this.#answers[number] as number
    if (known >= 2 * this.#event) return known !== 2 * this.#event
    const answer = this.#ask(this.#predicates[number] as Predicate)
    this.#answers[number] = 2 * this.#event + (answer ? 1 : 0)
    return answer
  }

  #isAmong(value: number, place: number): boolean {
    const end = place + this.#values.at(place)
    for (let at = place + 1; at <= end; at++) if (this.#values.at(at) === value) return true
    return false
  }

  #ask({ slot, groups, optional }: Predicate): boolean {
    return fitsLeaves(groups, this.#reading.leavesOf(slot), optional)
  }

  #form({ groups }: Predicate): void {
    const [first, ...more] = groups.length === 1 ? (groups[0] as readonly Test[]) : []
    if (first?.op === 'range' && more.length === 0) {
      this.#forms.push(forms.range)
      this.#places.push(this.#bounds.length)
      this.#bounds.push(first.openLow ? above(first.low) : first.low, first.openHigh ? -above(-first.high) : first.high)
      return
    }
    const isNone = first?.op === 'none' && more.length === 0
    const values = (isNone ? first.of : groups.length === 1 ? (groups[0] as readonly Test[]) : []).flatMap((test) =>
      test.op === 'equal' ? [test.value] : [undefined],
    )
    if (values.length === 0 || values.length > 16 || values.includes(undefined)) {
      this.#forms.push(forms.general)
      this.#places.push(0)
      return
    }
    this.#forms.push(isNone ? forms.none : forms.among)
    this.#places.push(this.#values.length)
    this.#values.push(values.length)
    for (const value of values) this.#values.push(this.#reading.valueOf(value!))
  }
}

const double = new DataView(new ArrayBuffer(8))

/** The next double above a finite one. */
function above(value: number): number {
  if (!Number.isFinite(value)) return value
  if (value === 0) return Number.MIN_VALUE
  double.setFloat64(0, value)
  const bits = double.getBigInt64(0)
  double.setBigInt64(0, bits + (value > 0 ? 1n : -1n))
  return double.getFloat64(0)
}

/** The same for the same path and tests, and for no others. */
export function keyOf(path: readonly string[], tests: unknown): string {
  return JSON.stringify([path, tests], exact)
}

/** What JSON has no form for still tells two tests apart. */
function exact(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' || (typeof value === 'number' && !Number.isFinite(value))
    ? `${typeof value} ${value}`
    : value
}

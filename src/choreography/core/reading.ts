/**
 * Reading: the leaves of an event that somebody asks for. It walks the event along the paths of all rules at once and leaves the
 * leaves in slots, one for each path, which are used again for the next event. Unlike a flattened event it holds nothing that nobody
 * asks for. It also tells whether an array lies where two paths part: only then can leaves come from different elements. Pure.
 */
import { InvalidArgument } from '../../base/error.ts'
import type { Leaf } from './test.ts'

interface Place {
  readonly children: Map<string, Place>
  /** Paths that end here or below. */
  paths: number
  slot: number
}

/** Arrays inside arrays, and objects: deeper events are refused. */
const depthMax = 256
const inherited: ReadonlySet<string> = new Set(Object.getOwnPropertyNames(Object.prototype))

export class Reading {
  readonly #root: Place = newPlace()
  readonly #leaves: Leaf[][] = []
  readonly #touched: number[] = []
  readonly #values = new Map<Leaf, number>()
  /** By slot, see `onlyNumber` and `onlyValue`. */
  #onlyNumbers = new Float64Array(64).fill(Number.NaN)
  #onlyValues = new Int32Array(64).fill(-1)
  #split = false

  /** The slot of a path; a new one where nobody asked for it before. */
  slotOf(path: readonly string[]): number {
    let place = this.#root
    const way = [place]
    for (const key of path) {
      let next = place.children.get(key)
      if (!next) place.children.set(key, (next = newPlace()))
      way.push((place = next))
    }
    if (place.slot === -1) {
      place.slot = this.#leaves.push([]) - 1
      if (place.slot >= this.#onlyNumbers.length) this.#grow()
      for (const each of way) each.paths++
    }
    return place.slot
  }

  /** Slots that hold leaves now. */
  get touched(): readonly number[] {
    return this.#touched
  }
  /** True when two paths part inside an array of the event. */
  get split(): boolean {
    return this.#split
  }

  /** The leaves of the event at the slot's path, in its order; valid until the next event is read. */
  leavesOf(slot: number): readonly Leaf[] {
    return this.#leaves[slot] as readonly Leaf[]
  }

  /** The one leaf of the slot, where it is a number; else NaN. */
  onlyNumber(slot: number): number {
    return this.#onlyNumbers[slot] as number
  }

  /** The number of the slot's one leaf; 0 for a leaf that no rule names, -1 where there is none or more than one. */
  onlyValue(slot: number): number {
    return this.#onlyValues[slot] as number
  }

  /** The number of a leaf that a rule names, from 1. */
  valueOf(leaf: Leaf): number {
    let number = this.#values.get(leaf)
    if (number === undefined) this.#values.set(leaf, (number = this.#values.size + 1))
    return number
  }

  #grow(): void {
    const numbers = new Float64Array(this.#onlyNumbers.length * 2).fill(Number.NaN)
    numbers.set(this.#onlyNumbers)
    this.#onlyNumbers = numbers
    const values = new Int32Array(this.#onlyValues.length * 2).fill(-1)
    values.set(this.#onlyValues)
    this.#onlyValues = values
  }

  /** Throws `base.invalid_argument` for an event of more than 256 levels. */
  read(event: object): void {
    for (const slot of this.#touched) {
      ;(this.#leaves[slot] as Leaf[]).length = 0
      this.#onlyNumbers[slot] = Number.NaN
      this.#onlyValues[slot] = -1
    }
    this.#touched.length = 0
    this.#split = false
    this.#walk(this.#root, event, 0)
  }

  #walk(place: Place, value: unknown, depth: number): void {
    if (value === null || typeof value !== 'object') {
      if (place.slot !== -1 && isLeaf(value)) this.#put(place.slot, value)
      return
    }
    if (depth > depthMax) throw new InvalidArgument('event', `must not be deeper than ${depthMax} levels`)
    if (Array.isArray(value)) {
      for (const element of value as readonly unknown[]) {
        if (place.paths > 1 && typeof element === 'object' && element !== null) this.#split = true
        this.#walk(place, element, depth + 1)
      }
      return
    }
    if (place.children.size === 0) return
    for (const [key, child] of place.children) {
      const next = (value as Record<string, unknown>)[key]
      if (next === undefined || (inherited.has(key) && !Object.hasOwn(value, key))) continue
      this.#walk(child, next, depth + 1)
    }
  }

  #put(slot: number, leaf: Leaf): void {
    const leaves = this.#leaves[slot] as Leaf[]
    if (leaves.length === 0) this.#touched.push(slot)
    const only = leaves.push(leaf) === 1
    this.#onlyNumbers[slot] = only && typeof leaf === 'number' ? leaf : Number.NaN
    this.#onlyValues[slot] = only ? (this.#values.get(leaf) ?? 0) : -1
  }
}

export function isLeaf(value: unknown): value is Leaf {
  return value === null || typeof value === 'string' || typeof value === 'boolean' || typeof value === 'number'
}

/** The value under a key of its own. */
export function ownValue(object: object, key: string): unknown {
  return Object.hasOwn(object, key) ? (object as Record<string, unknown>)[key] : undefined
}

function newPlace(): Place {
  return { children: new Map(), paths: 0, slot: -1 }
}

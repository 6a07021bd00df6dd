/**
 * FieldIndex: for one field of the events, who asks for the value that it has. Unlike the test of a rule it answers for all rules at
 * once, by numbers that they came with, and it answers too much rather than too little. Pure.
 */
import { PrefixIndex, turned } from './prefix-index.ts'
import { RangeIndex } from './range-index.ts'
import type { Ranged } from './range-index.ts'
import type { Leaf, Test } from './test.ts'

export class FieldIndex {
  readonly #equal = new Map<Leaf, number[]>()
  readonly #folded = new Map<Leaf, number[]>()
  readonly #prefixes = new PrefixIndex<number>()
  readonly #suffixes = new PrefixIndex<number>()
  readonly #foldedPrefixes = new PrefixIndex<number>()
  readonly #foldedSuffixes = new PrefixIndex<number>()
  readonly #ranges = new RangeIndex<number>()
  readonly #ranged = new Map<number, Ranged<number>[]>()
  /** Asked for any value, or for one that no part above tells. */
  readonly #any: number[] = []
  /** How many of the prefixes and suffixes also ask what is no text. */
  #texts = 0

  /** How many items the value of a typical event would hand out, if this test stood in the index. */
  costOf(test: Test): number {
    switch (test.op) {
      case 'equal':
        return this.#equal.get(test.value)?.length ?? 0
      case 'equal-folded':
        return (this.#folded.get(test.value)?.length ?? 0) + 1
      case 'prefix':
        return (test.folded ? this.#foldedPrefixes : this.#prefixes).countOf(test.value) + 64 / (test.value.length + 1)
      case 'suffix':
        return (
          (test.folded ? this.#foldedSuffixes : this.#suffixes).countOf(turned(test.value)) +
          64 / (test.value.length + 1)
        )
      case 'text':
        return this.costOf(test.test) + 1
      case 'wildcard':
        return test.wildcard.first === '' && test.wildcard.last === ''
          ? this.#any.length + 64
          : this.costOf(edgeOf(test)) + 4
      case 'range':
        return this.#ranges.size / 2 + 16
      case 'cidr':
      case 'none':
      case 'present':
        return this.#any.length + 64
      case 'absent':
      default:
        return Infinity
    }
  }

  add(test: Test, item: number): void {
    switch (test.op) {
      case 'equal':
        return push(this.#equal, test.value, item)
      case 'equal-folded':
        return push(this.#folded, test.value, item)
      case 'prefix':
        return (test.folded ? this.#foldedPrefixes : this.#prefixes).add(test.value, item)
      case 'suffix':
        return (test.folded ? this.#foldedSuffixes : this.#suffixes).add(turned(test.value), item)
      case 'text':
        this.#texts++
        return this.add(test.test, item)
      case 'wildcard': {
        if (test.wildcard.first !== '' || test.wildcard.last !== '') return this.add(edgeOf(test), item)
        this.#any.push(item)
        return
      }
      case 'range': {
        const ranged = { low: test.low, high: test.high, item }
        this.#ranges.add(ranged)
        return push(this.#ranged, item, ranged)
      }
      case 'cidr':
      case 'none':
      case 'present':
        this.#any.push(item)
        return
      case 'absent':
    }
  }

  delete(test: Test, item: number): void {
    switch (test.op) {
      case 'equal':
        return pull(this.#equal, test.value, item)
      case 'equal-folded':
        return pull(this.#folded, test.value, item)
      case 'prefix':
        return (test.folded ? this.#foldedPrefixes : this.#prefixes).delete(test.value, item)
      case 'suffix':
        return (test.folded ? this.#foldedSuffixes : this.#suffixes).delete(turned(test.value), item)
      case 'text':
        this.#texts--
        return this.delete(test.test, item)
      case 'wildcard': {
        if (test.wildcard.first !== '' || test.wildcard.last !== '') return this.delete(edgeOf(test), item)
        return remove(this.#any, item)
      }
      case 'range': {
        for (const ranged of this.#ranged.get(item) ?? []) this.#ranges.delete(ranged)
        this.#ranged.delete(item)
        return
      }
      case 'cidr':
      case 'none':
      case 'present':
        return remove(this.#any, item)
      case 'absent':
    }
  }

  /** Adds everybody whose test the value may fit; somebody may be added more than once. */
  find(leaf: Leaf, into: number[]): void {
    addAll(this.#any, into)
    if (this.#equal.size > 0) addAll(this.#equal.get(leaf), into)
    if (typeof leaf === 'number' && this.#ranges.size > 0) this.#ranges.find(leaf, into)
    if (typeof leaf === 'string') this.#findText(leaf, into)
    else if (this.#texts > 0 && leaf !== null) this.#findText(String(leaf), into)
  }

  #findText(text: string, into: number[]): void {
    this.#prefixes.find(text, into)
    if (this.#suffixes.size > 0) this.#suffixes.find(turned(text), into)
    if (this.#folded.size + this.#foldedPrefixes.size + this.#foldedSuffixes.size === 0) return
    const lower = text.toLowerCase()
    addAll(this.#folded.get(lower), into)
    this.#foldedPrefixes.find(lower, into)
    if (this.#foldedSuffixes.size > 0) this.#foldedSuffixes.find(turned(lower), into)
  }
}

/** Every text that fits a wildcard begins or ends like it. */
function edgeOf({ wildcard: { first, last, exact } }: Extract<Test, { readonly op: 'wildcard' }>): Test {
  if (exact) return { op: 'equal', value: first }
  return first.length >= last.length
    ? { op: 'prefix', value: first, folded: false }
    : { op: 'suffix', value: last, folded: false }
}

function push<Key, Item>(map: Map<Key, Item[]>, key: Key, item: Item): void {
  const items = map.get(key)
  if (items) items.push(item)
  else map.set(key, [item])
}

function pull(map: Map<Leaf, number[]>, key: Leaf, item: number): void {
  const items = map.get(key)
  if (!items) return
  remove(items, item)
  if (items.length === 0) map.delete(key)
}

/** In any order: whoever collects sorts what is found. */
function remove(items: number[], item: number): void {
  const at = items.indexOf(item)
  if (at === -1) return
  const last = items.pop() as number
  if (at < items.length) items[at] = last
}

function addAll(items: readonly number[] | undefined, into: number[]): void {
  if (items) for (const item of items) into.push(item)
}

/**
 * Random: seeded chance for everything that must be repeatable: jitter, shuffles, tie-breaks. Unlike Entropy it is
 * predictable to whoever knows the seed: never use it for secrets, salts or keys.
 *
 * The generator is sfc32 (Chris Doty-Humphrey's Small Fast Counting generator, 32-bit words, PractRand).
 */
import { InvalidArgument } from './error.ts'

export interface Random {
  /** A whole number in [0, 2^32). */
  uint32(): number
  /** In [0, 1), 53 bits. */
  float(): number
  /** A whole number in [0, below); `below` from 1 to 2^32; without modulo bias. */
  integer(below: number): number
  /** One of the items; throws `base.invalid_argument` when there is none. */
  pick<T>(items: readonly T[]): T
  /** A shuffled copy (Fisher-Yates). */
  shuffle<T>(items: readonly T[]): T[]
  /**
   * An independent stream of its own for a named purpose. It depends on the seed and the path of names alone, not on how
   * many numbers were drawn, so that a new consumer of chance never changes what the others see.
   */
  split(name: string): Random
}

/** The generator for a seed; the same seed gives the same numbers on every machine and version. */
export function seededRandom(seed: number | string): Random {
  // The length keeps the seed 'a/1:b' apart from the stream 'b' of the seed 'a'.
  return new Sfc32(`${typeof seed}:${`${seed}`.length}:${seed}`)
}

class Sfc32 implements Random {
  readonly #path: string
  #a: number
  #b: number
  #c: number
  #counter = 1

  constructor(path: string) {
    this.#path = path
    const [a, b, c] = hash96(path)
    this.#a = a
    this.#b = b
    this.#c = c
    // Twelve rounds mix the seed words, as the reference implementation does.
    for (let round = 0; round < 12; round++) this.uint32()
  }

  uint32(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0
    this.#counter = (this.#counter + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum
    return sum >>> 0
  }

  float(): number {
    const high = this.uint32() >>> 5
    const low = this.uint32() >>> 6
    return (high * 67_108_864 + low) / 9_007_199_254_740_992
  }

  integer(below: number): number {
    if (!Number.isInteger(below) || below < 1 || below > 2 ** 32)
      throw new InvalidArgument('below', 'must be a whole number from 1 to 2^32')
    const limit = 2 ** 32 - (2 ** 32 % below)
    let drawn = this.uint32()
    while (drawn >= limit) drawn = this.uint32()
    return drawn % below
  }

  pick<T>(items: readonly T[]): T {
    if (items.length === 0) throw new InvalidArgument('items', 'must hold at least one item to pick from')
    return items[this.integer(items.length)] as T
  }

  shuffle<T>(items: readonly T[]): T[] {
    const copy = [...items]
    for (let last = copy.length - 1; last > 0; last--) {
      const other = this.integer(last + 1)
      const held = copy[last] as T
      copy[last] = copy[other] as T
      copy[other] = held
    }
    return copy
  }

  split(name: string): Random {
    // Lengths keep ('a', 'b/c') and ('a/b', 'c') apart.
    return new Sfc32(`${this.#path}/${name.length}:${name}`)
  }
}

/** Three 32-bit words of a string: MurmurHash3's 32-bit form (Austin Appleby, public domain) over UTF-16 units, three seeds. */
function hash96(text: string): [number, number, number] {
  return [murmur3(text, 0x9e3779b9), murmur3(text, 0x243f6a88), murmur3(text, 0xb7e15162)]
}

function murmur3(text: string, seed: number): number {
  let hash = seed
  for (let at = 0; at < text.length; at++) {
    let word = Math.imul(text.charCodeAt(at), 0xcc9e2d51)
    word = (word << 15) | (word >>> 17)
    hash ^= Math.imul(word, 0x1b873593)
    hash = (hash << 13) | (hash >>> 19)
    hash = (Math.imul(hash, 5) + 0xe6546b64) | 0
  }
  hash ^= text.length
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return hash ^ (hash >>> 16)
}

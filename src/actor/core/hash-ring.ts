/**
 * HashRing: which of several members a key belongs to, so that a member that comes or goes moves only its own share of the
 * keys (consistent hashing, Karger et al. 1997). Unlike a hash modulo the number of members, nobody else's keys move. The
 * answer depends on the ids and the key alone, not on the order in which members came. Pure.
 */
import { InvalidArgument } from '../../base/error.ts'
import { wholeNumber } from '../../base/limit.ts'

export interface HashRingOptions {
  /** Points of each member on the ring. More make the shares more even: they differ by about `1 / sqrt(points)`. Default 128. */
  readonly points?: number
}

interface Point<Member> {
  readonly hash: number
  readonly id: string
  readonly member: Member
}

export class HashRing<Member> {
  readonly #pointsEach: number
  readonly #ids = new Set<string>()
  #points: Point<Member>[] = []
  /** Points were added since the last look. */
  #unsorted = false

  constructor(options: HashRingOptions = {}) {
    this.#pointsEach = wholeNumber('points', options.points ?? 128, 1, 65_536)
  }

  get size(): number {
    return this.#ids.size
  }

  /** Throws `base.invalid_argument` when there is one of this id. */
  add(id: string, member: Member): void {
    if (this.#ids.has(id)) throw new InvalidArgument('id', `must be new to the ring: ${JSON.stringify(id)} is there`)
    this.#ids.add(id)
    for (let at = 0; at < this.#pointsEach; at++) this.#points.push({ hash: hashOf(`${at}:${id}`), id, member })
    this.#unsorted = true
  }

  /** False when there was none of this id. */
  remove(id: string): boolean {
    if (!this.#ids.delete(id)) return false
    this.#points = this.#points.filter((point) => point.id !== id)
    return true
  }

  /** The member of the first point at or after the key's; undefined when there is no member. */
  of(key: string): Member | undefined {
    if (this.#unsorted) this.#sort()
    const points = this.#points
    const hash = hashOf(key)
    let [from, to] = [0, points.length]
    while (from < to) {
      const middle = (from + to) >>> 1
      if ((points[middle] as Point<Member>).hash < hash) from = middle + 1
      else to = middle
    }
    return (points[from] ?? points[0])?.member
  }

  #sort(): void {
    // Two points of one place are told apart by id: whoever came first must not matter.
    this.#points.sort((a, b) => a.hash - b.hash || (a.id < b.id ? -1 : 1))
    this.#unsorted = false
  }
}

/** FNV-1a over UTF-16 units (Fowler, Noll, Vo), with MurmurHash3's finalizer, since texts that differ in their end lie close together else. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

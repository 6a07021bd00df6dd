/**
 * Image: one file of a simulated disk, twice: as programs see it (the cache) and as it would be after a loss of power (the
 * platter), with the changes between the two. Unlike the tree it knows no names. It decides what a crash or a failed sync
 * leaves, from the chance it is given, and nothing of when.
 *
 * The unit is the sector of 512 bytes. The cache holds whole sectors, so a later state of a sector has the earlier writes in
 * it: what a crash leaves of a sector is one of the states it had since the last sync, the one before included.
 */
import type { Random } from '../base/random.ts'

export const sectorBytes = 512

/** What of a file is held as unsynced at one time; beyond it the oldest half is written back, as by a system short of memory. */
const unsyncedMaxBytes = 64 * 1024 * 1024

/** What becomes of unsynced changes: none or all of them are on the platter, some, or one of the three by chance. */
export type UnsyncedFate = 'lost' | 'kept' | 'mixed'

export interface Fates {
  lost: number
  kept: number
  /** Writes of which some sectors were on the platter. */
  torn: number
}

/** The sectors that one change left in the cache; those beyond `data` are zeros. */
interface Change {
  readonly first: number
  readonly count: number
  readonly data: Uint8Array
  /** Of the file, after it. */
  readonly size: number
}

export class Image {
  #cache: Uint8Array<ArrayBuffer> = new Uint8Array(0)
  #size = 0
  #platter: Uint8Array<ArrayBuffer> = new Uint8Array(0)
  #platterSize = 0
  #changes: Change[] = []
  #changesBytes = 0
  /** Changes that are unsynced no more, of all there were. */
  #settled = 0
  /** A sync failed: the cache may hold what the platter will never have. */
  #suspect = false

  get size(): number {
    return this.#size
  }
  /** Changes that a sync would make durable. */
  get unsynced(): number {
    return this.#changes.length
  }
  /** Where a sync that begins now will end: changes after it are not its own, whatever else is synced meanwhile. */
  get mark(): number {
    return this.#settled + this.#changes.length
  }

  read(offset: number, length: number): Uint8Array<ArrayBuffer> {
    return this.#cache.slice(Math.min(offset, this.#size), Math.min(offset + length, this.#size))
  }

  write(offset: number, data: Uint8Array): void {
    if (data.length === 0) return
    this.#size = Math.max(this.#size, offset + data.length)
    this.#cache = grown(this.#cache, this.#size)
    this.#cache.set(data, offset)
    // A gap before the write is no change: what is behind the end is zeros, on the platter too.
    this.#changed(offset, offset + data.length)
  }

  truncate(size: number): void {
    if (size === this.#size) return
    const before = this.#size
    this.#size = size
    this.#cache = grown(this.#cache, size)
    if (size > before) return this.#changed(before, size)
    this.#cache.fill(0, size, before)
    this.#changed(size, before)
  }

  #changed(from: number, to: number): void {
    const first = Math.floor(from / sectorBytes)
    const end = Math.ceil(to / sectorBytes)
    const data = this.#cache.slice(first * sectorBytes, Math.min(end * sectorBytes, this.#size))
    this.#changes.push({ first, count: end - first, data, size: this.#size })
    this.#changesBytes += data.length
    if (this.#changesBytes > unsyncedMaxBytes) this.sync(this.#settled + Math.ceil(this.#changes.length / 2))
  }

  /** Changes up to a mark, which are unsynced no more. */
  #taken(mark: number): Change[] {
    const taken = this.#changes.splice(0, Math.max(0, mark - this.#settled))
    this.#settled += taken.length
    for (const { data } of taken) this.#changesBytes -= data.length
    return taken
  }

  /** The changes up to the mark are durable. */
  sync(mark: number): void {
    const done = this.#taken(mark)
    const last = done.at(-1)
    if (!last) return
    for (const change of done) this.#land(change)
    this.#platterSize = last.size
    this.#trim()
  }

  /** The sync of the changes up to the mark failed: they are no longer unsynced, and only some are durable. */
  failSync(mark: number, random: Random): Fates {
    const failed = this.#taken(mark)
    if (failed.length > 0) this.#suspect = true
    return this.#decide(failed, 'mixed', random)
  }

  get suspect(): boolean {
    return this.#suspect
  }

  /** The cache has dropped what it thought was written: what is read now is what there is. */
  evict(): void {
    this.#suspect = false
    this.#cache = this.#platter.slice()
    this.#size = this.#platterSize
    for (const change of this.#changes) {
      this.#size = change.size
      this.#cache = landed(this.#cache, change, 0, change.count)
    }
  }

  /** Power is lost. */
  crash(fate: UnsyncedFate, random: Random): Fates {
    const fates = this.#decide(this.#taken(this.mark), fate, random)
    this.#cache = this.#platter.slice()
    this.#size = this.#platterSize
    this.#suspect = false
    return fates
  }

  #decide(changes: readonly Change[], fate: UnsyncedFate, random: Random): Fates {
    const fates: Fates = { lost: 0, kept: 0, torn: 0 }
    for (const change of changes) {
      const drawn = fate === 'mixed' ? random.pick(['lost', 'kept', 'torn'] as const) : fate
      if (drawn === 'kept') this.#land(change)
      if (drawn === 'torn') this.#tear(change, random)
      fates[drawn === 'torn' && change.count === 1 ? 'lost' : drawn]++
    }
    const sizes = [this.#platterSize, ...changes.map(({ size }) => size)]
    if (fate === 'kept') this.#platterSize = sizes.at(-1) as number
    if (fate === 'mixed') this.#platterSize = random.pick(sizes)
    this.#trim()
    return fates
  }

  /** Half of the time the first sectors alone, as when power fails in between; else any of them. A sector is never torn. */
  #tear(change: Change, random: Random): void {
    if (change.count === 1) return
    const prefix = random.integer(2) === 0 ? 1 + random.integer(change.count - 1) : undefined
    for (let at = 0; at < change.count; at++)
      if (prefix === undefined ? random.integer(2) === 0 : at < prefix) this.#land(change, at, at + 1)
  }

  /** Some sectors of a change, all by default, reach the platter. */
  #land(change: Change, from = 0, to: number = change.count): void {
    this.#platter = landed(this.#platter, change, from, to)
  }

  /** What is behind the end is zeros when the file grows again. */
  #trim(): void {
    this.#platter = grown(this.#platter, this.#platterSize)
    this.#platter.fill(0, this.#platterSize)
  }

  /** Turns one bit around, on the platter and in the cache. */
  flip(offset: number, bit: number): void {
    for (const bytes of [this.#cache, this.#platter])
      if (offset < bytes.length) bytes[offset] = (bytes[offset] ?? 0) ^ (1 << bit)
  }
}

function landed(
  bytes: Uint8Array<ArrayBuffer>,
  { first, data }: Change,
  from: number,
  to: number,
): Uint8Array<ArrayBuffer> {
  const target = grown(bytes, (first + to) * sectorBytes)
  const piece = data.subarray(from * sectorBytes, to * sectorBytes)
  target.fill(0, (first + from) * sectorBytes, (first + to) * sectorBytes)
  target.set(piece, (first + from) * sectorBytes)
  return target
}

/** At least this long, with room to grow; zeros at the end. */
function grown(bytes: Uint8Array<ArrayBuffer>, length: number): Uint8Array<ArrayBuffer> {
  if (bytes.length >= length) return bytes
  const larger = new Uint8Array(Math.max(length, bytes.length * 2, sectorBytes))
  larger.set(bytes)
  return larger
}

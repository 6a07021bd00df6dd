/**
 * The disk of a simulated node: the Disk port over two copies of everything, one as programs see it and one as it is after a
 * loss of power. Unlike the files driver it loses, tears, fails, stalls and fills up, all by a seeded chance, and keeps every
 * promise of the port's table meanwhile, except under `flip` and `misdirectChance`, which break what no disk promises.
 *
 * A crash revokes what was mounted before: calls that wait then never settle, later ones reject with `sim.revoked`, and no
 * operation of the old incarnation lands any more. It never touches a real disk.
 */
import type { Clock } from '../base/clock.ts'
import { sleep } from '../base/clock.ts'
import { deferred } from '../base/deferred.ts'
import type { Deferred } from '../base/deferred.ts'
import { InvalidArgument } from '../base/error.ts'
import { checkKeys, wholeNumber } from '../base/limit.ts'
import type { Random } from '../base/random.ts'
import type { Disk } from '../store/disk.ts'
import { DiskMissing } from '../store/error.ts'
import type { DiskEvent } from './disk-event.ts'
import { Image } from './disk-image.ts'
import type { UnsyncedFate } from './disk-image.ts'
import { SimDiskPort } from './disk-port.ts'
import type { DiskHost } from './disk-port.ts'
import { Tree } from './disk-tree.ts'
import { healthyDisk, troubleWith } from './disk-trouble.ts'
import type { DiskTrouble } from './disk-trouble.ts'

export type { DiskEvent } from './disk-event.ts'
export type { UnsyncedFate } from './disk-image.ts'
export type { DiskTrouble } from './disk-trouble.ts'

export interface SimDiskOptions {
  /** The world's own time. */
  readonly clock: Clock
  readonly random: Random
  /** Told of every event as it happens. */
  readonly observe?: (event: DiskEvent) => void
  /** Default: a healthy disk, see the fields. */
  readonly trouble?: Partial<DiskTrouble>
  /** For messages. Default `the simulated disk`. */
  readonly name?: string
}

export interface SimDisk {
  /** A Disk for one incarnation. Several see the same files. */
  mount(): Disk
  /**
   * Power is lost: see the head. What was not synced is lost, kept, or each write one of lost, kept and torn (`mixed`);
   * default `any`, one of the three by chance, half of the time `mixed`.
   */
  crash(unsynced?: UnsyncedFate | 'any'): void
  /** Changes what goes wrong, on top of what was changed before, until it is ended. */
  trouble(change: Partial<DiskTrouble>): { end(): void }
  /** No operation that is begun or under way ends before this is ended. */
  stall(): { end(): void }
  /** No room is left but what files have now, until it is ended. */
  fill(): { end(): void }
  /** Turns bits around, synced ones too, in one file or any; returns how many, 0 when there is nothing. Default 1 bit. */
  flip(options?: { readonly path?: string; readonly bits?: number }): number
  /** Ends all trouble, stalls included. */
  heal(): void
  /** Bytes of all files that have a name. */
  readonly usedBytes: number
}

export function createSimDisk(options: SimDiskOptions): SimDisk {
  return new SimulatedDisk(options)
}

const optionNames = ['clock', 'random', 'observe', 'trouble', 'name'] as const

class SimulatedDisk implements SimDisk, DiskHost {
  readonly name: string
  readonly tree: Tree = new Tree()
  readonly #clock: Clock
  readonly #chance: Random
  readonly #crashes: Random
  readonly #flips: Random
  readonly #observe: ((event: DiskEvent) => void) | undefined
  readonly #base: DiskTrouble
  readonly #changes = new Set<Partial<DiskTrouble>>()
  readonly #stalls = new Set<Deferred<void>>()
  #trouble: DiskTrouble
  #incarnation = 0

  constructor(options: SimDiskOptions) {
    checkKeys('options', options, optionNames)
    this.name = options.name ?? 'the simulated disk'
    this.#clock = options.clock
    this.#chance = options.random.split('operations')
    this.#crashes = options.random.split('crashes')
    this.#flips = options.random.split('flips')
    this.#observe = options.observe
    this.#base = this.#trouble = troubleWith(healthyDisk, options.trouble ?? {})
  }

  mount(): Disk {
    return new SimDiskPort(this, this.#incarnation)
  }

  crash(unsynced: UnsyncedFate | 'any' = 'any'): void {
    if (!['lost', 'kept', 'mixed', 'any'].includes(unsynced))
      throw new InvalidArgument('unsynced', 'must be lost, kept, mixed or any')
    this.#incarnation++
    const fate = unsynced === 'any' ? this.#crashes.pick(['lost', 'kept', 'mixed', 'mixed'] as const) : unsynced
    const names = this.tree.crash(fate, this.#crashes)
    const fates = { lost: 0, kept: 0, torn: 0 }
    for (const [, image] of this.tree.files()) {
      const { lost, kept, torn } = image.crash(fate, this.#crashes)
      fates.lost += lost
      fates.kept += kept
      fates.torn += torn
    }
    this.tell({ type: 'crashed', namesLost: names.lost, namesKept: names.kept, ...fates })
  }

  trouble(change: Partial<DiskTrouble>): { end(): void } {
    troubleWith(this.#base, change)
    const own = { ...change }
    this.#changes.add(own)
    this.#retrouble()
    return {
      end: () => {
        if (this.#changes.delete(own)) this.#retrouble()
      },
    }
  }

  fill(): { end(): void } {
    return this.trouble({ capacityBytes: this.usedBytes })
  }

  stall(): { end(): void } {
    const stall = deferred()
    this.#stalls.add(stall)
    return {
      end: () => {
        this.#stalls.delete(stall)
        stall.resolve()
      },
    }
  }

  heal(): void {
    this.#changes.clear()
    this.#retrouble()
    for (const stall of this.#stalls) stall.resolve()
    this.#stalls.clear()
  }

  flip(options: { readonly path?: string; readonly bits?: number } = {}): number {
    checkKeys('flip', options, ['path', 'bits'])
    const bits = wholeNumber('bits', options.bits ?? 1, 1, 1_000_000)
    const files = this.tree
      .files()
      .filter(([path, { size }]) => size > 0 && (options.path === undefined || path === options.path))
    if (options.path !== undefined && !(this.tree.get(options.path) instanceof Image))
      throw new DiskMissing(options.path)
    if (files.length === 0) return 0
    for (let left = bits; left > 0; left--) {
      const [path, image] = this.#flips.pick(files)
      const offset = Math.floor(this.#flips.float() * image.size)
      const bit = this.#flips.integer(8)
      image.flip(offset, bit)
      this.tell({ type: 'flipped', path, offset, bit })
    }
    return bits
  }

  get usedBytes(): number {
    return this.tree.files().reduce((sum, [, { size }]) => sum + size, 0)
  }

  get current(): number {
    return this.#incarnation
  }
  get now(): DiskTrouble {
    return this.#trouble
  }

  happens(chance: number): boolean {
    return chance > 0 && this.#chance.float() < chance
  }
  get chance(): Random {
    return this.#chance
  }

  tell(event: DiskEvent): void {
    this.#observe?.(event)
  }

  /** The time that an operation takes, and every stall there is meanwhile. */
  async pass(isSync: boolean): Promise<void> {
    const { latencyMinMs, latencyMaxMs, syncMinMs, syncMaxMs } = this.#trouble
    const [minMs, maxMs] = isSync ? [syncMinMs, syncMaxMs] : [latencyMinMs, latencyMaxMs]
    const ms = minMs === maxMs ? minMs : minMs + this.#chance.float() * (maxMs - minMs)
    if (ms > 0) await sleep(this.#clock, ms)
    for (let [stall] = this.#stalls; stall; [stall] = this.#stalls) await stall.promise
  }

  #retrouble(): void {
    this.#trouble = this.#base
    for (const change of this.#changes) this.#trouble = troubleWith(this.#trouble, change)
  }
}

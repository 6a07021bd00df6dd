/**
 * Trouble: what a simulated disk does wrong while it runs, as data, with the checks of its fields. What a crash does to
 * unsynced writes is not trouble but the nature of a disk, and needs no switch.
 */
import { InvalidArgument } from '../base/error.ts'
import { checkKeys, wholeNumber } from '../base/limit.ts'
import { checkChance } from './network-weather.ts'

/** The defaults are a healthy disk. Chances are from 0 to 1. */
export interface DiskTrouble {
  /** Shortest time of an operation that is no sync. Default 0: the system's cache takes it. */
  readonly latencyMinMs: number
  /** Default 0. */
  readonly latencyMaxMs: number
  /** Shortest time of a `sync` or `syncFolder`. Default 1. */
  readonly syncMinMs: number
  /** Default 1. */
  readonly syncMaxMs: number
  /** An operation that is no sync fails; of a write a part may be there. Default 0. */
  readonly errorChance: number
  /** A sync fails: of what it was to make durable any part is, and a later sync does not mend that. Default 0. */
  readonly syncErrorChance: number
  /** A write lands at another place of its file, in whole sectors, and succeeds: against this only checksums help. Default 0. */
  readonly misdirectChance: number
  /** Bytes of all files; beyond them a write is `store.disk_full`, with what still fitted written. Default 256 MiB. */
  readonly capacityBytes: number
}

export const healthyDisk: DiskTrouble = Object.freeze({
  latencyMinMs: 0,
  latencyMaxMs: 0,
  syncMinMs: 1,
  syncMaxMs: 1,
  errorChance: 0,
  syncErrorChance: 0,
  misdirectChance: 0,
  capacityBytes: 256 * 1024 * 1024,
})

const names = Object.keys(healthyDisk)
const latencyMax = 3_600_000

/** Trouble with some fields changed; throws `base.invalid_argument`. A maximum below its minimum that was not given follows it. */
export function troubleWith(trouble: DiskTrouble, change: Partial<DiskTrouble>): DiskTrouble {
  checkKeys('trouble', change, names)
  const merged = { ...trouble, ...change }
  for (const kind of ['latency', 'sync'] as const) {
    const [min, max] = [`${kind}MinMs`, `${kind}MaxMs`] as const
    if (change[max] === undefined) merged[max] = Math.max(merged[max], merged[min])
    if (change[min] === undefined) merged[min] = Math.min(merged[max], merged[min])
    for (const name of [min, max]) wholeNumber(name, merged[name], 0, latencyMax)
    if (merged[min] > merged[max]) throw new InvalidArgument(min, `must not be above ${max}`)
  }
  for (const name of ['errorChance', 'syncErrorChance', 'misdirectChance'] as const) checkChance(name, merged[name])
  wholeNumber('capacityBytes', merged.capacityBytes, 0)
  return Object.freeze(merged)
}

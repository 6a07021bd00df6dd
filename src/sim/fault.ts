/**
 * Fault: what is done to a world, as data: when, what, to whom, for how long. Unlike a call on a node it can be written
 * down, replayed with the same seed, and left out to see whether the failure needs it. Drawing faults is `chaos.ts`, doing
 * them `world-fault.ts`.
 */
import { InvalidArgument } from '../base/error.ts'
import { checkKeys, plainName, wholeNumber } from '../base/limit.ts'
import { perfectWeather, weatherWith } from './network-weather.ts'
import type { Weather } from './network-weather.ts'

interface At {
  /** Virtual time since the world began. */
  readonly atMs: number
}

interface Lasting extends At {
  /** How long it lasts; without it until the world is calm. */
  readonly forMs?: number
}

/** What is wrong with a node's disk meanwhile. `torn` and `flip` happen at once and to what a crash leaves. */
export type DiskFaultKind = 'slow' | 'stall' | 'error' | 'full' | 'torn' | 'flip'

export type Fault =
  /** The incarnation ends, with what its disk has not synced; another begins after `forMs`. */
  | (Lasting & { readonly kind: 'crash'; readonly node: string })
  /** The node does nothing, as a process that is stopped or collects garbage; then all at once is late. */
  | (Lasting & { readonly kind: 'pause'; readonly node: string })
  /** Nodes of different groups do not reach each other; those in no group reach all. */
  | (Lasting & { readonly kind: 'partition'; readonly groups: readonly (readonly string[])[] })
  /** Two nodes do not reach each other, or `to` does not hear `from`. */
  | (Lasting & { readonly kind: 'cut'; readonly from: string; readonly to: string; readonly oneWay?: boolean })
  /** The weather of links changes, from any or to any where an end is left out. */
  | (Lasting & {
      readonly kind: 'weather'
      readonly change: Partial<Weather>
      readonly from?: string
      readonly to?: string
    })
  /** The node's clock runs by so many millionths fast, or slow when below zero. */
  | (Lasting & { readonly kind: 'skew'; readonly node: string; readonly ppm: number })
  /** The node's wall time is set ahead, or back when below zero. */
  | (At & { readonly kind: 'jump'; readonly node: string; readonly byMs: number })
  | (Lasting & { readonly kind: 'disk'; readonly node: string; readonly fault: DiskFaultKind })

export type FaultKind = Fault['kind']

export const faultKinds: readonly FaultKind[] = [
  'crash',
  'pause',
  'partition',
  'cut',
  'weather',
  'skew',
  'jump',
  'disk',
]
export const diskFaultKinds: readonly DiskFaultKind[] = ['slow', 'stall', 'error', 'full', 'torn', 'flip']

/** Faults of one run. */
const faultsMax = 100_000
const nameMax = 64
/** A hundred days: longer than any world. */
const timeMax = 8_640_000_000

/** Clocks that are more than a tenth off are broken in another way. */
export const ppmMax = 100_000

/** Checked and frozen, ordered by time; throws `base.invalid_argument` with the place of the fault that is wrong. */
export function checkFaults(faults: readonly Fault[]): readonly Fault[] {
  if (!Array.isArray(faults)) throw new InvalidArgument('faults', 'must be a list of faults')
  wholeNumber('faults.length', faults.length, 0, faultsMax)
  const checked = faults.map((fault: Fault, at) => checkFault(`faults[${at}]`, fault))
  return Object.freeze(checked.toSorted((one, other) => one.atMs - other.atMs))
}

function checkFault(at: string, fault: Fault): Fault {
  if (typeof fault !== 'object' || fault === null || !faultKinds.includes(fault.kind))
    throw new InvalidArgument(`${at}.kind`, `must be one of ${faultKinds.join(', ')}`)
  const usual = fault.kind === 'jump' ? ['atMs', 'kind'] : ['atMs', 'kind', 'forMs']
  checkKeys(at, fault, [...usual, ...fieldsOf[fault.kind]])
  checkTime(`${at}.atMs`, fault.atMs)
  if (fault.kind !== 'jump' && fault.forMs !== undefined) checkTime(`${at}.forMs`, fault.forMs)
  checkFields(at, fault)
  return Object.freeze({ ...fault })
}

const fieldsOf: Readonly<Record<FaultKind, readonly string[]>> = {
  crash: ['node'],
  pause: ['node'],
  partition: ['groups'],
  cut: ['from', 'to', 'oneWay'],
  weather: ['change', 'from', 'to'],
  skew: ['node', 'ppm'],
  jump: ['node', 'byMs'],
  disk: ['node', 'fault'],
}

function checkFields(at: string, fault: Fault): void {
  const name = (field: string, value: unknown) => plainName(`${at}.${field}`, value, nameMax)
  switch (fault.kind) {
    case 'partition':
      if (!Array.isArray(fault.groups) || !fault.groups.every((group: unknown) => Array.isArray(group)))
        throw new InvalidArgument(`${at}.groups`, 'must be a list of lists of names')
      for (const node of fault.groups.flat()) name('groups', node)
      return
    case 'cut':
      name('from', fault.from)
      name('to', fault.to)
      if (fault.oneWay !== undefined && typeof fault.oneWay !== 'boolean')
        throw new InvalidArgument(`${at}.oneWay`, 'must be true or false')
      return
    case 'weather':
      for (const end of ['from', 'to'] as const) if (fault[end] !== undefined) name(end, fault[end])
      return void weatherWith(perfectWeather, fault.change)
    case 'skew':
      name('node', fault.node)
      return void wholeNumber(`${at}.ppm`, fault.ppm, -ppmMax, ppmMax)
    case 'jump':
      name('node', fault.node)
      return void wholeNumber(`${at}.byMs`, fault.byMs, -timeMax, timeMax)
    case 'disk':
      name('node', fault.node)
      if (!diskFaultKinds.includes(fault.fault))
        throw new InvalidArgument(`${at}.fault`, `must be one of ${diskFaultKinds.join(', ')}`)
      return
    case 'crash':
    case 'pause':
    default:
      name('node', fault.node)
  }
}

function checkTime(name: string, value: unknown): void {
  if (typeof value !== 'number' || !(value >= 0 && value <= timeMax))
    throw new InvalidArgument(name, `must be a number of milliseconds from 0 to ${timeMax}`)
}

/** One line for the trace and for people: the fault without its time. */
export function faultText(fault: Fault): string {
  const { atMs: _atMs, kind, ...facts } = fault
  return `${kind} ${JSON.stringify(facts)}`
}

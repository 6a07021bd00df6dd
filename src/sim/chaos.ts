/**
 * Chaos: faults drawn from a seed. Unlike a list written by hand it is a profile: how long, how many, of which kinds. It
 * draws from a stream of its own and looks at nothing else, so that the same seed gives the same faults whatever the code
 * under test does. It does nothing to a world.
 */
import { InvalidArgument } from '../base/error.ts'
import { checkKeys, wholeNumber } from '../base/limit.ts'
import type { Random } from '../base/random.ts'
import { diskFaultKinds, faultKinds } from './fault.ts'
import type { DiskFaultKind, Fault, FaultKind } from './fault.ts'
import type { Weather } from './network-weather.ts'

export interface ChaosProfile {
  /** How long faults begin; those that last are over by then. Default 10,000. */
  readonly forMs?: number
  /** How many. Default one for each 500 ms. */
  readonly faults?: number
  /** How often each kind is drawn against the others; 0 is never. Default 1 each, and 0 for `disk`, which not all nodes use. */
  readonly kinds?: Partial<Readonly<Record<FaultKind, number>>>
  /** The faults of disks that are drawn. Default all but `flip`, which also harms what was synced. */
  readonly disk?: readonly DiskFaultKind[]
  /** To whom. Default all nodes of the world. */
  readonly nodes?: readonly string[]
  /** Nodes that are crashed or paused at one time, at most. Default less than half of them, so that a majority can act. */
  readonly downMax?: number
  /** The longest that a fault lasts. Default a fifth of `forMs`. */
  readonly lastsMaxMs?: number
}

const profileKeys = ['forMs', 'faults', 'kinds', 'disk', 'nodes', 'downMax', 'lastsMaxMs'] as const
const usualWeights: Readonly<Record<FaultKind, number>> = {
  crash: 1,
  pause: 1,
  partition: 1,
  cut: 1,
  weather: 1,
  skew: 1,
  jump: 1,
  disk: 0,
}

/** A profile with all its defaults, checked. */
export interface CheckedProfile {
  readonly forMs: number
  readonly faults: number
  readonly kinds: readonly FaultKind[]
  readonly weights: readonly number[]
  readonly disk: readonly DiskFaultKind[]
  readonly nodes: readonly string[]
  readonly downMax: number
  readonly lastsMaxMs: number
}

/** Throws `base.invalid_argument`. */
export function checkProfile(profile: ChaosProfile, all: readonly string[]): CheckedProfile {
  checkKeys('chaos', profile, profileKeys)
  checkKeys('chaos.kinds', profile.kinds ?? {}, faultKinds)
  const forMs = wholeNumber('chaos.forMs', profile.forMs ?? 10_000, 1, 86_400_000)
  const nodes = [...(profile.nodes ?? all)]
  const unknown = nodes.find((node) => !all.includes(node))
  if (unknown !== undefined)
    throw new InvalidArgument('chaos.nodes', `must name nodes of the world; ${JSON.stringify(unknown)} is none`)
  const weightOf = (kind: FaultKind) => {
    // Between nodes there must be two.
    if (nodes.length === 0 || (nodes.length === 1 && (kind === 'partition' || kind === 'cut'))) return 0
    const weight = profile.kinds?.[kind] ?? usualWeights[kind]
    if (!(weight >= 0 && weight < Number.POSITIVE_INFINITY))
      throw new InvalidArgument(`chaos.kinds.${kind}`, 'must be 0 or more')
    return weight
  }
  const kinds = faultKinds.filter((kind) => weightOf(kind) > 0)
  const disk = [...(profile.disk ?? diskFaultKinds.filter((kind) => kind !== 'flip'))]
  const wrong = disk.find((kind) => !diskFaultKinds.includes(kind))
  if (wrong !== undefined || disk.length === 0)
    throw new InvalidArgument('chaos.disk', `must name some of ${diskFaultKinds.join(', ')}`)
  return {
    forMs,
    faults: kinds.length === 0 ? 0 : wholeNumber('chaos.faults', profile.faults ?? Math.ceil(forMs / 500), 0, 10_000),
    kinds,
    weights: kinds.map(weightOf),
    disk,
    nodes,
    downMax: wholeNumber('chaos.downMax', profile.downMax ?? Math.floor((nodes.length - 1) / 2), 0),
    lastsMaxMs: wholeNumber('chaos.lastsMaxMs', profile.lastsMaxMs ?? Math.max(1, Math.floor(forMs / 5)), 1),
  }
}

/** The faults of a profile, from `fromMs` on, ordered by time. The same random stream gives the same faults. */
export function drawFaults(random: Random, profile: CheckedProfile, fromMs: number): readonly Fault[] {
  const times = Array.from({ length: profile.faults }, () => Math.floor(random.float() * profile.forMs))
  const down: { node: string; untilMs: number }[] = []
  return times
    .toSorted((one, other) => one - other)
    .flatMap((atMs): Fault[] => {
      const kind = weighted(random, profile)
      const forMs = 1 + Math.floor(random.float() * Math.max(0, Math.min(profile.lastsMaxMs, profile.forMs - atMs) - 1))
      const fault = drawn(random, kind, { atMs: fromMs + atMs, forMs }, profile)
      if (fault.kind !== 'crash' && fault.kind !== 'pause') return [fault]
      const still = down.filter(({ untilMs }) => untilMs >= atMs)
      // Drawn all the same, so that a bound takes faults away and changes none of the others.
      if (still.length >= profile.downMax || still.some(({ node }) => node === fault.node)) return []
      down.push({ node: fault.node, untilMs: atMs + forMs })
      return [fault]
    })
}

function weighted(random: Random, { kinds, weights }: CheckedProfile): FaultKind {
  let left = random.float() * weights.reduce((sum, weight) => sum + weight, 0)
  for (const [at, kind] of kinds.entries()) {
    left -= weights[at] ?? 0
    if (left < 0) return kind
  }
  return kinds.at(-1) ?? 'crash'
}

function drawn(random: Random, kind: FaultKind, time: { atMs: number; forMs: number }, profile: CheckedProfile): Fault {
  const { nodes } = profile
  const node = random.pick(nodes)
  const { atMs } = time
  switch (kind) {
    case 'partition':
      return { ...time, kind, groups: twoGroups(random, nodes) }
    case 'cut':
      return {
        ...time,
        kind,
        from: node,
        to: random.pick(nodes.filter((each) => each !== node)),
        oneWay: random.integer(2) === 0,
      }
    case 'weather':
      return { ...time, kind, change: drawnWeather(random), ...(random.integer(2) === 0 && { from: node }) }
    case 'skew':
      return { ...time, kind, node, ppm: random.integer(100_001) - 50_000 }
    case 'jump':
      return { atMs, kind, node, byMs: random.integer(20_001) - 10_000 }
    case 'disk':
      return { ...time, kind, node, fault: random.pick(profile.disk) }
    case 'crash':
    case 'pause':
    default:
      return { ...time, kind, node }
  }
}

/** Two groups of all nodes, none empty; sometimes one node is in neither and reaches both. */
function twoGroups(random: Random, nodes: readonly string[]): readonly (readonly string[])[] {
  const mixed = random.shuffle(nodes)
  const bridge = mixed.length > 2 && random.integer(4) === 0 ? 1 : 0
  const split = 1 + random.integer(mixed.length - bridge - 1)
  return [mixed.slice(0, split), mixed.slice(split, mixed.length - bridge)]
}

function drawnWeather(random: Random): Partial<Weather> {
  const chance = (max: number) => Math.round(random.float() * max * 1000) / 1000
  const latencyMaxMs = 1 + random.integer(200)
  const changes: readonly Partial<Weather>[] = [
    { latencyMinMs: random.integer(latencyMaxMs + 1), latencyMaxMs },
    { lossChance: chance(0.5) },
    { duplicateChance: chance(0.5) },
    { reorderChance: chance(0.5), reorderMaxMs: 1 + random.integer(500) },
    { tailChance: chance(0.2), tailMaxMs: 1 + random.integer(2000) },
    { resetChance: chance(0.05) },
  ]
  return random.pick(changes)
}

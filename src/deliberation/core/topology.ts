/**
 * Who hears whom in a discussion, as a function of its plan and seed. Unlike the floor, which says who speaks, it never changes while the
 * talk runs. Pure.
 */
import type { Random } from '../../base/random.ts'
import type { Topology } from './plan.ts'

/** By participant: whom it hears, itself included. `random` is drawn from for `regular` only; the same seed gives the same graph. */
export function hearing(
  topology: Topology,
  participants: readonly string[],
  random: Random,
): ReadonlyMap<string, ReadonlySet<string>> {
  const graph = new Map(participants.map((name) => [name, new Set([name])]))
  const link = (a: string, b: string): void => {
    graph.get(a)?.add(b)
    graph.get(b)?.add(a)
  }
  switch (topology.kind) {
    case 'ring':
      linkCircle(participants, topology.reach, link)
      break
    case 'star':
      for (const name of participants) link(topology.hub, name)
      break
    case 'regular':
      linkRegular(random.shuffle(participants), topology.degree, link)
      break
    case 'custom':
      for (const [name, hears] of Object.entries(topology.hears)) for (const other of hears) graph.get(name)?.add(other)
      break
    case 'all':
    default:
      for (const name of participants) for (const other of participants) graph.get(name)?.add(other)
  }
  return graph
}

function linkCircle(names: readonly string[], reach: number, link: (a: string, b: string) => void): void {
  for (const [at, name] of names.entries())
    for (let step = 1; step <= Math.min(reach, names.length - 1); step++)
      link(name, names[(at + step) % names.length] as string)
}

/** A circulant graph on the shuffled circle: half the degree on either side, and the one opposite where the degree is odd. */
function linkRegular(names: readonly string[], degree: number, link: (a: string, b: string) => void): void {
  linkCircle(names, Math.floor(degree / 2), link)
  if (degree % 2 === 0) return
  const half = names.length / 2
  for (let at = 0; at < half; at++) link(names[at] as string, names[at + half] as string)
}

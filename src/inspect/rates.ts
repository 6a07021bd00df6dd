/**
 * Rates: what happened between two looks at a node. Pure. Unlike a counter in the node they cost it nothing, and they are
 * made from the node's own clock, so that a slow bus does not bend them. What cannot be known is not guessed: an actor that
 * was not listed before has no rate yet, and what an actor did that ended in between is not seen.
 */
import type { GroupView, NodeView } from './wire.ts'

export interface Rates {
  /** Messages handled a second, by the actor's id. */
  readonly actors: ReadonlyMap<number, number>
  /** The same of each group of the rest, in the order of the later look; undefined where it cannot be known. */
  readonly rest: readonly (number | undefined)[]
  /** Of the node: all that is known, added up. */
  readonly handled: number
  /** Restarts between the looks, by the actor's id; none of those that did not restart. */
  readonly restarted: ReadonlyMap<number, number>
  /** Dead letters a second. */
  readonly deadLetters: number
  /** Processor time used, in processors: 0.5 is half of one. */
  readonly cpu: number
}

/** Undefined when they are no two moments of one life of one node. */
export function ratesBetween(before: NodeView, after: NodeView): Rates | undefined {
  if (!isSameLife(before, after) || after.upMs <= before.upMs) return undefined
  const seconds = (after.upMs - before.upMs) / 1000
  const known = new Map(before.actors.map((actor) => [actor.id, actor]))
  // All were listed: one that is new was spawned since.
  const whole = before.rest.length === 0
  const actors = new Map<number, number>()
  const restarted = new Map<number, number>()
  for (const { id, handled, restarts } of after.actors) {
    const then = known.get(id) ?? (whole ? { handled: 0, restarts: 0 } : undefined)
    if (!then || handled < then.handled) continue
    actors.set(id, (handled - then.handled) / seconds)
    if (restarts > then.restarts) restarted.set(id, restarts - then.restarts)
  }
  const groups = new Map(before.rest.map((group) => [keyOf(group), group]))
  const rest = after.rest.map((group) => {
    const then = groups.get(keyOf(group))
    // Who joined or left took its count along.
    return then?.actors === group.actors && group.handled >= then.handled
      ? (group.handled - then.handled) / seconds
      : undefined
  })
  return {
    actors,
    rest,
    handled: sum([...actors.values(), ...rest]),
    restarted,
    deadLetters: Math.max(0, after.deadLetters - before.deadLetters) / seconds,
    cpu: Math.max(0, after.process.cpuMs - before.process.cpuMs) / 1000 / seconds,
  }
}

/** Whether both are of one life of one node: a restart of it begins anew. */
export function isSameLife(one: NodeView, other: NodeView): boolean {
  return one.node === other.node && one.incarnation === other.incarnation && one.process.pid === other.process.pid
}

function keyOf({ parent, type }: GroupView): string {
  return `${parent ?? ''} ${type ?? ''}`
}

function sum(values: readonly (number | undefined)[]): number {
  return values.reduce<number>((all, value) => all + (value ?? 0), 0)
}

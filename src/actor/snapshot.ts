/**
 * Snapshot: what the actors of a system are doing now, as plain data that may leave the process. Unlike an event stream it
 * is taken only when somebody asks, and counts nothing that is not counted anyway. It never holds a message, a state, an
 * input or the text of an error; names and types are the program's own words.
 */
import { wholeNumber } from '../base/limit.ts'
import type { Strategy } from './core/supervision.ts'
import type { CellPhase, Life } from './life.ts'
import { Supervising } from './supervisor-shell.ts'

export interface SnapshotOptions {
  /** Actors listed one by one, at most 10,000. Default 1000; the rest is counted. */
  readonly actorsMax?: number
  /** Groups that the rest is counted in, at most 10,000. Default 200; what fits in none is counted together. */
  readonly groupsMax?: number
}

export interface ActorCounts {
  /** Messages that wait, without those parked. */
  readonly waiting: number
  /** Messages parked until there is room. */
  readonly parked: number
  /** Messages handled, over all incarnations. */
  readonly handled: number
  readonly restarts: number
}

export interface ActorSnapshot extends ActorCounts {
  /** Of its address: children have greater ones than their parents. */
  readonly id: number
  readonly address: string
  readonly name?: string
  readonly type: string
  readonly phase: CellPhase
  /** Its parent's id, also of one in the list. */
  readonly parent?: number
  /** Of a supervisor. */
  readonly strategy?: Strategy
}

/** Actors that are not listed, counted together. */
export interface ActorGroupSnapshot extends ActorCounts {
  /** The nearest listed ancestor. */
  readonly parent?: number
  /** None for what fits in no group. */
  readonly type?: string
  readonly actors: number
}

export interface SystemSnapshot {
  readonly node: string
  readonly incarnation: number
  /** Of all actors there are now: the counts of one that ends go with it. */
  readonly total: ActorCounts & { readonly actors: number }
  /** Dead letters since the start. */
  readonly deadLetters: number
  /**
   * By id, each after its parent. Where there are too many: supervisors, then those with a name, those for which most wait,
   * those that handled most; with their ancestors.
   */
  readonly actors: readonly ActorSnapshot[]
  readonly rest: readonly ActorGroupSnapshot[]
}

export interface SnapshotSource {
  readonly node: string
  readonly incarnation: number
  /** By id, the oldest first. */
  readonly cells: ReadonlyMap<number, Life>
  readonly deadLetters: number
}

const actorsMaxDefault = 1000
const groupsMaxDefault = 200
const boundMax = 10_000

/** One pass over all actors; its memory grows with what is listed. Throws `base.invalid_argument`. */
export function snapshotOf(source: SnapshotSource, options: SnapshotOptions = {}): SystemSnapshot {
  const actorsMax = wholeNumber('actorsMax', options.actorsMax ?? actorsMaxDefault, 0, boundMax)
  const groupsMax = wholeNumber('groupsMax', options.groupsMax ?? groupsMaxDefault, 0, boundMax)
  const { node, incarnation, cells, deadLetters } = source
  const total = new Count()
  const best = new Best(actorsMax)
  for (const cell of cells.values()) {
    total.add(cell)
    best.offer(cell)
  }
  const listed = cells.size <= actorsMax ? new Set(cells.values()) : withAncestors(best.take(), actorsMax)
  return {
    node,
    incarnation,
    total: total.plain(),
    deadLetters,
    actors: [...listed].sort((a, b) => a.options.id - b.options.id).map((cell) => plainActor(cell, listed)),
    rest: listed.size === cells.size ? [] : restOf(cells.values(), listed, groupsMax),
  }
}

function plainActor(cell: Life, listed: ReadonlySet<Life>): ActorSnapshot {
  const { id, name, parent, spec } = cell.options
  return {
    id,
    address: cell.address.toString(),
    ...(name !== undefined && { name }),
    type: spec.type,
    phase: cell.phase,
    ...(parent && listed.has(parent) && { parent: parent.options.id }),
    waiting: cell.mailbox.size,
    parked: cell.mailbox.parked,
    handled: cell.handled,
    restarts: cell.restarts,
    ...(cell.state instanceof Supervising && { strategy: cell.state.strategy }),
  }
}

/** What is looked at first comes first. */
function inOrder(one: Life, other: Life): number {
  return (
    rankOf(other) - rankOf(one) ||
    waitingOf(other) - waitingOf(one) ||
    other.handled - one.handled ||
    one.options.id - other.options.id
  )
}

function rankOf(cell: Life): number {
  if (cell.state instanceof Supervising) return 2
  return cell.options.name === undefined ? 0 : 1
}

function waitingOf({ mailbox }: Life): number {
  return mailbox.size + mailbox.parked
}

/** The first of many by that order, without sorting all. */
class Best {
  readonly #max: number
  #cells: Life[] = []
  /** The last that is good enough so far. */
  #last: Life | undefined

  constructor(max: number) {
    this.#max = max
  }

  offer(cell: Life): void {
    if (this.#max === 0 || (this.#last && inOrder(cell, this.#last) > 0)) return
    this.#cells.push(cell)
    if (this.#cells.length >= this.#max * 2) this.#trim()
  }

  take(): readonly Life[] {
    this.#trim()
    return this.#cells
  }

  #trim(): void {
    this.#cells = this.#cells.sort(inOrder).slice(0, this.#max)
    if (this.#cells.length === this.#max) this.#last = this.#cells.at(-1)
  }
}

/** Who is listed has its ancestors listed, so that the tree holds together. */
function withAncestors(cells: readonly Life[], max: number): Set<Life> {
  const listed = new Set<Life>()
  for (const cell of cells) {
    const path: Life[] = []
    const room = max - listed.size
    for (let each: Life | undefined = cell; each && !listed.has(each) && path.length <= room; each = parentOf(each))
      path.push(each)
    if (path.length <= room) for (const each of path) listed.add(each)
  }
  return listed
}

/** One that has ended is in no list any more, though a child may still be about to end. */
function parentOf(cell: Life): Life | undefined {
  const { parent } = cell.options
  return parent?.phase === 'ended' ? undefined : parent
}

function restOf(cells: Iterable<Life>, listed: ReadonlySet<Life>, groupsMax: number): ActorGroupSnapshot[] {
  /** The nearest listed ancestor of those that are not listed and have children; a parent comes before its children. */
  const anchors = new Map<Life, Life>()
  const groups = new Map<Life | undefined, Map<string, Count>>()
  const others = new Count()
  let size = 0
  for (const cell of cells) {
    if (listed.has(cell)) continue
    const parent = parentOf(cell)
    const anchor = parent && (listed.has(parent) ? parent : anchors.get(parent))
    if (anchor && cell.children?.size) anchors.set(cell, anchor)
    const { type } = cell.options.spec
    let count = groups.get(anchor)?.get(type)
    if (!count && size < groupsMax) {
      count = new Count()
      size++
      const byType = groups.get(anchor)
      if (byType) byType.set(type, count)
      else groups.set(anchor, new Map([[type, count]]))
    }
    ;(count ?? others).add(cell)
  }
  const told = [...groups].flatMap(([anchor, byType]) =>
    Array.from(byType, ([type, count]) => ({ ...(anchor && { parent: anchor.options.id }), type, ...count.plain() })),
  )
  return others.actors === 0 ? told : [...told, others.plain()]
}

class Count {
  actors = 0
  #waiting = 0
  #parked = 0
  #handled = 0
  #restarts = 0

  add({ mailbox, handled, restarts }: Life): void {
    this.actors++
    this.#waiting += mailbox.size
    this.#parked += mailbox.parked
    this.#handled += handled
    this.#restarts += restarts
  }

  plain(): ActorCounts & { readonly actors: number } {
    return {
      actors: this.actors,
      waiting: this.#waiting,
      parked: this.#parked,
      handled: this.#handled,
      restarts: this.#restarts,
    }
  }
}

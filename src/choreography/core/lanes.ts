/**
 * Lanes: what may run now. Each key of a rule is a lane, in which one item after another runs; a rule has so many places, and all rules
 * together have so many. Unlike a queue it hands out what can run, not what came first: a slow key holds up no other, a busy rule no
 * other rule. It runs nothing itself. Pure.
 */
export interface Laned {
  readonly rule: string
  /** Undefined: it waits for no other. */
  readonly key: string | undefined
}

interface Lane<Item> {
  readonly owner: Owner<Item>
  readonly key: string | undefined
  readonly items: Item[]
  /** The first item runs, or is held. */
  busy: boolean
  /** It stands among the ready ones. */
  listed: boolean
}

interface Owner<Item> {
  placesMax: number
  running: number
  readonly lanes: Map<string, Lane<Item>>
  /** Lanes whose first item can run, and some that have become empty or busy since. */
  readonly ready: Lane<Item>[]
  /** It stands in the order of turns. */
  inTurn: boolean
}

export class Lanes<Item extends Laned> {
  readonly #runningMax: number
  readonly #owners = new Map<string, Owner<Item>>()
  readonly #of = new Map<Item, Lane<Item>>()
  readonly #runningItems = new Set<Item>()
  readonly #turns: Owner<Item>[] = []

  constructor(runningMax: number) {
    this.#runningMax = runningMax
  }

  /** Items that are not done. */
  get size(): number {
    return this.#of.size
  }
  get running(): number {
    return this.#runningItems.size
  }

  /** How many items of a rule may run at one time. */
  setPlaces(rule: string, placesMax: number): void {
    const owner = this.#ownerOf(rule)
    owner.placesMax = placesMax
    this.#take(owner)
  }

  /** Behind what waits in its lane, or before it. An item that runs or is held stays the first. */
  add(item: Item, first = false): void {
    const lane = this.#laneOf(item)
    this.#of.set(item, lane)
    if (first) lane.items.splice(lane.busy ? 1 : 0, 0, item)
    else lane.items.push(item)
    if (lane.items.length === 1) this.#ready(lane)
  }

  /** The next item, which runs from now on; undefined when none can. */
  next(): Item | undefined {
    if (this.running >= this.#runningMax) return undefined
    for (let owner = this.#turns.shift(); owner; owner = this.#turns.shift()) {
      owner.inTurn = false
      const lane = owner.running < owner.placesMax ? readyOf(owner) : undefined
      if (!lane) continue
      lane.busy = true
      owner.running++
      this.#take(owner)
      const item = lane.items[0] as Item
      this.#runningItems.add(item)
      return item
    }
    return undefined
  }

  /** It does not run any more but keeps its lane, until it is released. */
  hold(item: Item): void {
    this.#stop(item)
  }

  /** It can run again. */
  release(item: Item): void {
    const lane = this.#of.get(item)
    if (!lane || lane.items[0] !== item || !lane.busy || this.#runningItems.has(item)) return
    lane.busy = false
    this.#ready(lane)
  }

  /** It leaves; the next of its lane can run. */
  done(item: Item): void {
    const lane = this.#of.get(item)
    if (!lane) return
    this.#stop(item)
    this.#of.delete(item)
    const at = lane.items.indexOf(item)
    lane.items.splice(at, 1)
    if (at === 0) lane.busy = false
    if (lane.items.length > 0) this.#ready(lane)
    else if (lane.key !== undefined) lane.owner.lanes.delete(lane.key)
  }

  /** Takes out everything of a rule that does not run. */
  drop(rule: string): Item[] {
    const dropped: Item[] = []
    for (const item of this.#of.keys()) if (item.rule === rule && !this.#runningItems.has(item)) dropped.push(item)
    for (const item of dropped) this.done(item)
    return dropped
  }

  #stop(item: Item): void {
    if (!this.#runningItems.delete(item)) return
    const { owner } = this.#of.get(item) as Lane<Item>
    owner.running--
    this.#take(owner)
  }

  #ownerOf(rule: string): Owner<Item> {
    let owner = this.#owners.get(rule)
    if (!owner) {
      owner = { placesMax: 1, running: 0, lanes: new Map(), ready: [], inTurn: false }
      this.#owners.set(rule, owner)
    }
    return owner
  }

  #laneOf({ rule, key }: Item): Lane<Item> {
    const owner = this.#ownerOf(rule)
    const known = key === undefined ? undefined : owner.lanes.get(key)
    if (known) return known
    const lane: Lane<Item> = { owner, key, items: [], busy: false, listed: false }
    if (key !== undefined) owner.lanes.set(key, lane)
    return lane
  }

  #ready(lane: Lane<Item>): void {
    if (lane.busy) return
    if (!lane.listed) {
      lane.listed = true
      lane.owner.ready.push(lane)
    }
    this.#take(lane.owner)
  }

  /** Puts an owner who has something to run, and a place for it, into the order of turns. */
  #take(owner: Owner<Item>): void {
    if (owner.inTurn || owner.ready.length === 0 || owner.running >= owner.placesMax) return
    owner.inTurn = true
    this.#turns.push(owner)
  }
}

function readyOf<Item>({ ready }: Owner<Item>): Lane<Item> | undefined {
  for (let lane = ready.shift(); lane; lane = ready.shift()) {
    lane.listed = false
    if (!lane.busy && lane.items.length > 0) return lane
  }
  return undefined
}

/**
 * Where the memory driver keeps consumer groups: in maps, as long as the journal lives, so that a group that was closed goes
 * on where it was. Unlike the machine's own state it holds only what was saved.
 */
import type { GroupChanges, StoredDelivery, StoredParked } from './core/group-state.ts'
import type { GroupStorage, OpenedGroup } from './group-storage.ts'

interface Kept {
  readonly filter: string
  epoch: number
  floor: number
  reached: number
  readonly deliveries: Map<number, StoredDelivery>
  readonly parked: Map<number, StoredParked>
}

export class MemoryGroups implements GroupStorage {
  readonly #groups = new Map<string, Kept>()
  /** Over all groups, so that one made anew is not taken for the one before it. */
  #epochs = 0

  async open(name: string, filter: string, from: number): Promise<OpenedGroup> {
    let kept = this.#groups.get(name)
    if (!kept) {
      kept = { filter, epoch: 0, floor: from, reached: from, deliveries: new Map(), parked: new Map() }
      this.#groups.set(name, kept)
    }
    if (kept.filter === filter) kept.epoch = ++this.#epochs
    const { floor, reached, deliveries, parked, epoch } = kept
    const group = { floor, reached, deliveries: [...deliveries.values()], parked: [...parked.values()] }
    return { filter: kept.filter, epoch, group }
  }

  async save(name: string, epoch: number, changes: GroupChanges): Promise<boolean> {
    const kept = this.#groups.get(name)
    if (kept?.epoch !== epoch) return false
    kept.floor = changes.floor
    kept.reached = changes.reached
    for (const position of changes.drop) kept.deliveries.delete(position)
    for (const entry of changes.put) kept.deliveries.set(entry.position, entry)
    for (const position of changes.unpark) kept.parked.delete(position)
    for (const parked of changes.park) kept.parked.set(parked.position, parked)
    return true
  }

  async remove(name: string, epoch: number): Promise<boolean> {
    if (this.#groups.get(name)?.epoch !== epoch) return false
    return this.#groups.delete(name)
  }
}

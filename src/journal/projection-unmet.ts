/**
 * Unmet: the parked events of a served generation that a rebuild beside it does not come upon, because the journal has erased
 * them since. Unlike all others these would be lost with the old generation. It only takes note; the switch carries them
 * over.
 */
import type { Store } from '../store/store.ts'
import type { Journal, Position, Recorded } from './journal.ts'
import { parkedPage } from './projection-parked.ts'
import { isKept } from './position-order.ts'

const pageMax = 256

export class UnmetParked {
  readonly #store: Store
  readonly #owner: string
  /** Those that were not met so far. */
  readonly #parked = new Map<Position, { readonly id: number; readonly stream: string; readonly version: number }>()
  #after = 0

  constructor(store: Store, owner: string) {
    this.#store = store
    this.#owner = owner
  }

  /** Takes note of those parked since the last look; before the journal is read up to where the served generation is. */
  async look(): Promise<void> {
    for (;;) {
      const query = { owner: this.#owner, after: this.#after, limit: pageMax }
      const page = await this.#store.read(parkedPage, query)
      for (const { id, position, stream, version } of page) {
        this.#parked.set(position, { id, stream, version })
        this.#after = id
      }
      if (page.length < pageMax) return
    }
  }

  /** These were met. */
  met(events: readonly Recorded[]): void {
    if (this.#parked.size > 0) for (const { position } of events) this.#parked.delete(position)
  }

  /** Those that were not met and are gone. What is there and was not met is not for the new version. */
  async erased(journal: Journal): Promise<readonly number[]> {
    const ids: number[] = []
    for (const parked of this.#parked.values()) if (!(await isKept(journal, parked))) ids.push(parked.id)
    return ids
  }
}

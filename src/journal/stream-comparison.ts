/**
 * Holds events of a file against those that a stream has, side by side in order of version. Unlike an import it changes
 * nothing and says of each event what it found.
 */
import { contentText } from './checksum.ts'
import type { Journal, Recorded } from './journal.ts'
import { placedOf } from './transfer-line.ts'
import type { Placed } from './transfer-line.ts'

/** `erased`: below the first version that is kept. `absent`: beyond the last. */
export type Comparison = 'same' | 'different' | 'erased' | 'absent'

export class StreamComparison implements AsyncDisposable {
  readonly #events: AsyncIterator<Recorded>
  #next: Recorded | undefined
  #begun = false

  /** From this version on. */
  constructor(journal: Journal, stream: string, fromVersion: number) {
    this.#events = journal.read(stream, { fromVersion })[Symbol.asyncIterator]()
  }

  /** Called with rising versions. */
  async compare(placed: Placed): Promise<Comparison> {
    const { stream, version, position } = placed.recorded
    if (!this.#begun) await this.#advance()
    while (this.#next && this.#next.version < version) await this.#advance()
    if (this.#next === undefined) return 'absent'
    if (this.#next.version > version) return 'erased'
    const same =
      this.#next.position === position &&
      contentText(stream, placed.stored) === contentText(stream, placedOf(this.#next).stored)
    return same ? 'same' : 'different'
  }

  async #advance(): Promise<void> {
    this.#begun = true
    const next = await this.#events.next()
    this.#next = next.done === true ? undefined : next.value
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#events.return?.()
  }
}

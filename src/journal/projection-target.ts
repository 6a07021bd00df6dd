/**
 * What a line drives for a projection whose states the store keeps as JSON: it holds the states of recent keys in memory,
 * folds a batch into them and writes those that changed, with the checkpoint. Unlike the inline run it may remember them: only
 * this runner writes its generation, and whatever was not kept is forgotten.
 */
import type { Store } from '../store/store.ts'
import type { Recorded } from './journal.ts'
import { cellOf, foldEvents, keysOf, textsOf } from './projection-fold.ts'
import type { Cell, FoldFailure, Folding } from './projection-fold.ts'
import type { Step } from './projection-generation.ts'
import type { Applied, LineTarget } from './projection-line.ts'
import { commitStates, loadStates } from './projection-state.ts'

/** Keys of one read, which runs on the caller's thread. */
const loadMax = 256
/** What a key takes beside its state. */
const cellBytes = 256

export class StateTarget<State> implements LineTarget {
  readonly #definition: Folding<State>
  readonly #store: Store
  readonly #generation: number
  readonly #cacheMaxBytes: number
  /** Those that were used last stand last. */
  readonly #cells = new Map<string, Cell<State>>()
  #bytes = 0

  constructor(definition: Folding<State>, store: Store, generation: number, cacheMaxBytes: number) {
    this.#definition = definition
    this.#store = store
    this.#generation = generation
    this.#cacheMaxBytes = cacheMaxBytes
  }

  async apply(events: readonly Recorded[], step: Step): Promise<Applied> {
    const keyed = keysOf(this.#definition, events)
    if ('error' in keyed) return failed(keyed)
    const touched = new Set<string>()
    for (const key of keyed.keys) if (key !== undefined) touched.add(key)
    await this.#load(touched)
    const before = this.#sizeOf(touched)
    const failure = foldEvents(this.#definition, events, keyed.keys, this.#cells, step.replaying)
    const texts = failure ?? textsOf(this.#definition, this.#cells, touched)
    if ('error' in texts) {
      this.#drop(touched, before)
      return failed(texts)
    }
    const kind = await this.#store.write(commitStates, { step, states: texts.states })
    if (kind !== 'kept') return { kind }
    for (const key of touched) (this.#cells.get(key) as Cell<State>).dirty = false
    this.#bytes += this.#sizeOf(touched) - before
    this.#trim()
    return { kind: 'kept' }
  }

  forget(): void {
    this.#cells.clear()
    this.#bytes = 0
  }

  async #load(keys: ReadonlySet<string>): Promise<void> {
    const missing: string[] = []
    for (const key of keys) {
      const cell = this.#cells.get(key)
      if (cell === undefined) {
        missing.push(key)
        continue
      }
      this.#cells.delete(key)
      this.#cells.set(key, cell)
    }
    for (let from = 0; from < missing.length; from += loadMax) {
      const part = missing.slice(from, from + loadMax)
      const texts = await this.#store.read(loadStates, { generation: this.#generation, keys: part })
      for (const [at, key] of part.entries()) {
        const cell = cellOf<State>(texts[at] ?? null)
        this.#cells.set(key, cell)
        this.#bytes += cell.bytes + cellBytes
      }
    }
  }

  #sizeOf(keys: ReadonlySet<string>): number {
    let bytes = 0
    for (const key of keys) bytes += (this.#cells.get(key)?.bytes ?? 0) + cellBytes
    return bytes
  }

  #drop(keys: ReadonlySet<string>, bytes: number): void {
    for (const key of keys) this.#cells.delete(key)
    this.#bytes -= bytes
  }

  #trim(): void {
    if (this.#bytes <= this.#cacheMaxBytes) return
    for (const [key, cell] of this.#cells) {
      this.#cells.delete(key)
      this.#bytes -= cell.bytes + cellBytes
      if (this.#bytes <= this.#cacheMaxBytes) return
    }
  }
}

function failed({ at, error }: FoldFailure): Applied {
  return { kind: 'failed', kept: 0, at, error }
}

/**
 * What a projection shows of itself: the states that are served, and what was parked. Unlike the runner it changes nothing and
 * may stand in another process than the one that runs the projection; each value it hands out is the caller's own copy.
 */
import { Aborted } from '../base/error.ts'
import type { CloudEvent } from '../base/envelope.ts'
import type { Store } from '../store/store.ts'
import { decodeData } from './data-text.ts'
import { ProjectionSwitched } from './error.ts'
import type { Recorded } from './journal.ts'
import { checkKey } from './projection-fold.ts'
import { parkedPage } from './projection-parked.ts'
import type { Projection } from './projection.ts'
import { servedState, statePage } from './projection-state.ts'

export interface KeyedState<State> {
  readonly key: string
  readonly state: State
}

/** An event that its handler could not take. */
export interface ParkedRecord {
  readonly id: number
  readonly recorded: Recorded
  /** Of the last error; `unknown` for one that is not of the house. */
  readonly code: string
  readonly reason: string
  /** When it was parked: milliseconds since the epoch. */
  readonly timeMs: number
  /** What `context.replaying` was. */
  readonly replaying: boolean
}

export interface ReadOptions {
  /** Ends the reading with `base.aborted`. */
  readonly signal?: AbortSignal
}

export interface ProjectionView<State> {
  /** The state of a key, as it was at the last checkpoint; undefined if there is none. */
  get(key?: string): Promise<State | undefined>
  /**
   * All states by key, page by page: each as it was when its page was read. A generation that takes over meanwhile ends the
   * reading with `journal.projection_switched`.
   */
  all(options?: ReadOptions): AsyncIterable<KeyedState<State>>
  /** The parked events, in the order in which they were parked. */
  parked(options?: ReadOptions): AsyncIterable<ParkedRecord>
}

const pageMax = 256
const parkedPageMax = 64

/** The states of a projection that somebody runs with this store, inline or not. */
export function projectionView<State>(definition: Projection<State>, store: Store): ProjectionView<State> {
  const { name, owner } = definition
  return {
    async get(key = '') {
      checkKey(key)
      const text = await store.read(servedState, { owner, key })
      return text === null ? undefined : (decodeData(text) as State)
    },
    all: (options) => ({ [Symbol.asyncIterator]: () => allStates<State>(store, name, owner, options) }),
    parked: (options) => parkedEvents(store, owner, options),
  }
}

async function* allStates<State>(
  store: Store,
  name: string,
  owner: string,
  options: ReadOptions = {},
): AsyncGenerator<KeyedState<State>, void> {
  let generation: number | null = null
  let after: string | null = null
  for (;;) {
    checkSignal('reading the states', options)
    const page: Awaited<ReturnType<typeof readPage>> = await readPage(store, owner, generation, after)
    if (page === null) throw new ProjectionSwitched(name)
    for (const [key, text] of page.rows) {
      checkSignal('reading the states', options)
      yield { key, state: decodeData(text) as State }
    }
    generation = page.generation
    after = page.rows.at(-1)?.[0] ?? after
    if (page.rows.length < pageMax) return
  }
}

function readPage(store: Store, owner: string, generation: number | null, after: string | null) {
  return store.read(statePage, { owner, generation, after, limit: pageMax })
}

function checkSignal(what: string, { signal }: ReadOptions): void {
  if (signal?.aborted) throw new Aborted(what, { cause: signal.reason })
}

/** The parked events of an owner; each loop reads anew. */
export function parkedEvents(store: Store, owner: string, options: ReadOptions = {}): AsyncIterable<ParkedRecord> {
  return { [Symbol.asyncIterator]: () => readParked(store, owner, options) }
}

async function* readParked(store: Store, owner: string, options: ReadOptions): AsyncGenerator<ParkedRecord, void> {
  let after = 0
  for (;;) {
    checkSignal('reading the parked events', options)
    const page = await store.read(parkedPage, { owner, after, limit: parkedPageMax })
    for (const { id, position, stream, version, event, code, reason, timeMs, replaying } of page) {
      const recorded = { stream, version, position, event: decodeData(event) as CloudEvent }
      yield { id, recorded, code, reason, timeMs, replaying }
      after = id
    }
    if (page.length < parkedPageMax) return
  }
}

/**
 * The search behind the checker, for one partition: is there an order of the operations that keeps what came before what and
 * that the model accepts? It is the algorithm of Wing and Gong (Testing and Verifying Concurrent Objects, 1993) with the
 * cache of Lowe (Testing for Linearizability, 2017): a set of linearised operations together with the state it led to is
 * looked into once. Unlike linearizable.ts it validates nothing and knows no partitions.
 *
 * It holds the events in a list and walks it from the front: a call is tried as the next operation of the order; a return
 * that is met means that its operation must already be in the order, so that the last choice was wrong.
 */
import type { LinearizableModel, Operation, StateKey } from './linearizable-model.ts'
import { unanswered } from './linearizable-model.ts'

/** A place in the list of events: a call that knows its return, or a return. */
interface Event {
  /** The operation, by its place in the partition. */
  readonly operation: number
  readonly isCall: boolean
  /** The return of a call that has one. */
  match: Event | undefined
  before: Event | undefined
  after: Event | undefined
  /** How many returns stand before it in the whole history. */
  readonly returnsBefore: number
}

export type SearchResult<State> =
  | { readonly kind: 'linearizable'; readonly order: readonly number[]; readonly steps: number }
  | { readonly kind: 'unknown'; readonly steps: number }
  | {
      readonly kind: 'not'
      readonly steps: number
      /** The first return that no order gets past. */
      readonly blockedBy: number
      /** An order of operations called before that return which the model accepts and which explains the most answers. */
      readonly order: readonly number[]
      /** The state after that order. */
      readonly state: State
    }

/** Looks for an order of the operations; gives `unknown` after `stepsMax` calls of the model. */
export function search<State, Input, Output>(
  model: LinearizableModel<State, Input, Output>,
  operations: readonly Operation<Input, Output>[],
  stepsMax: number,
): SearchResult<State> {
  const keyOf = (state: State): StateKey => (model.key ? model.key(state) : (state as StateKey))
  const head = eventsOf(operations)
  const seen = new Seen(operations.length)
  const chosen: { readonly call: Event; readonly state: State }[] = []
  const outputs = operations.map(({ returnedAt, output }) =>
    returnedAt === undefined ? unanswered : (output as Output),
  )
  let state = model.initial
  let steps = 0
  let answered = 0
  let farthest = -1
  let bestWorth = 0
  let blockedBy = 0
  let best: { readonly order: readonly number[]; readonly state: State } = { order: [], state }
  let at = head.after
  while (at !== undefined) {
    if (at.isCall) {
      if (steps === stepsMax) return { kind: 'unknown', steps }
      steps++
      const { operation } = at
      const next = model.step(state, operations[operation]!.input, outputs[operation]!)
      // An unanswered operation that changes nothing is better left for later: whatever it allows now is allowed without it.
      const idle = next !== undefined && at.match === undefined && keyOf(next.state) === keyOf(state)
      if (next !== undefined && !idle && seen.enter(operation, keyOf(next.state))) {
        chosen.push({ call: at, state })
        state = next.state
        if (at.match) answered++
        unlink(at)
        at = head.after
      } else at = at.after
      continue
    }
    // Of the orders that get as far, the one that explains the most answers, with the fewest unanswered operations.
    const worth = answered * (operations.length + 1) - chosen.length
    if (at.returnsBefore > farthest || (at.returnsBefore === farthest && worth > bestWorth)) {
      farthest = at.returnsBefore
      bestWorth = worth
      blockedBy = at.operation
      best = { order: chosen.map(({ call }) => call.operation), state }
    }
    const last = chosen.pop()
    if (last === undefined) return { kind: 'not', steps, blockedBy, ...best }
    if (last.call.match) answered--
    state = last.state
    seen.leave(last.call.operation)
    relink(last.call)
    at = last.call.after
  }
  return { kind: 'linearizable', order: chosen.map(({ call }) => call.operation), steps }
}

/** The events in order of time; at one time calls stand before returns, so that such operations overlap. */
function eventsOf(operations: readonly Operation<unknown, unknown>[]): Event {
  const moments = operations.flatMap(({ calledAt, returnedAt }, operation) => [
    { atTime: calledAt, operation, isCall: true },
    ...(returnedAt === undefined ? [] : [{ atTime: returnedAt, operation, isCall: false }]),
  ])
  moments.sort((a, b) => a.atTime - b.atTime || Number(b.isCall) - Number(a.isCall) || a.operation - b.operation)
  const link = { match: undefined, before: undefined, after: undefined }
  const head: Event = { ...link, operation: -1, isCall: true, returnsBefore: 0 }
  const calls: Event[] = []
  let last = head
  let returnsBefore = 0
  for (const { operation, isCall } of moments) {
    const event: Event = { ...link, operation, isCall, returnsBefore, before: last }
    last.after = event
    last = event
    if (isCall) calls[operation] = event
    else {
      calls[operation]!.match = event
      returnsBefore++
    }
  }
  return head
}

/** Takes a call and its return out of the list; both keep their neighbours, for `relink`. */
function unlink(call: Event): void {
  take(call)
  if (call.match) take(call.match)
}

function take(event: Event): void {
  event.before!.after = event.after
  if (event.after) event.after.before = event.before
}

/** Undoes the last `unlink` that was not undone. */
function relink(call: Event): void {
  if (call.match) put(call.match)
  put(call)
}

function put(event: Event): void {
  event.before!.after = event
  if (event.after) event.after.before = event
}

/** Lowe's cache: the sets of linearised operations, each with its state, that were looked into. */
class Seen {
  readonly #words: Uint32Array
  readonly #buckets = new Map<number, { readonly words: Uint32Array; readonly key: StateKey }[]>()
  /** A hash of the set that is the same whatever the order: the exclusive or of a hash of each member. */
  #hash = 0

  constructor(operations: number) {
    this.#words = new Uint32Array(Math.ceil(operations / 32))
  }

  /** Adds the operation to the set, unless that set was already looked into with this state. */
  enter(operation: number, key: StateKey): boolean {
    this.#flip(operation)
    const bucket = this.#buckets.get(this.#hash)
    if (bucket?.some((other) => other.key === key && sameWords(other.words, this.#words))) {
      this.#flip(operation)
      return false
    }
    const entry = { words: this.#words.slice(), key }
    if (bucket) bucket.push(entry)
    else this.#buckets.set(this.#hash, [entry])
    return true
  }

  leave(operation: number): void {
    this.#flip(operation)
  }

  #flip(operation: number): void {
    this.#words[operation >>> 5]! ^= 1 << (operation & 31)
    this.#hash ^= mixed(operation)
  }
}

function sameWords(a: Uint32Array, b: Uint32Array): boolean {
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return false
  return true
}

/** The finaliser of MurmurHash3 (Austin Appleby, public domain). */
function mixed(operation: number): number {
  let hash = operation + 0x9e3779b9
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return hash ^ (hash >>> 16)
}

/**
 * ReplicaReads: linearizable reads by read index (thesis 6.4). One round to a quorum serves all reads that wait when it begins; those
 * that come meanwhile wait for the next. Unlike proposals they leave nothing in the log, and a round that is lost is begun again. It
 * never serves a read from a state that is older than its round.
 */
import type { Clock, Timer } from '../base/clock.ts'
import { type DeadlineEntry, DeadlineHeap } from '../base/deadlines.ts'
import { Aborted } from '../base/error.ts'
import type { ReadState } from './core/machine.ts'
import { BacklogFull } from './replica-error.ts'

interface Read extends DeadlineEntry {
  /** The index that its round gave; undefined while it waits for one. */
  index: number | undefined
  done: boolean
  /** Whether it may rest on a lease of the leader. */
  readonly lease: boolean
  readonly run: () => void
  readonly reject: (error: Error) => void
  readonly release: (() => void) | undefined
}

interface Round {
  readonly number: number
  readonly reads: readonly Read[]
  readonly begunMs: number
}

export interface ReadHost {
  wake(): void
  /** Asks for a read index under this context; false: nobody to ask. */
  ask(context: Uint8Array): boolean
  appliedIndex(): number
  whyNot(): Error
}

/** Of this life 8, of the round 8, whether it may rest on a lease 1. */
const contextBytes = 17

/** At the leader: what the context of a round says of it. */
export function readsByLease(context: Uint8Array | undefined): boolean {
  return context?.length === contextBytes && context[16] === 1
}

export class ReplicaReads {
  readonly #clock: Clock
  readonly #host: ReadHost
  readonly #readsMax: number
  /** A round without an answer for so long is begun again. */
  readonly #retryMs: number
  readonly #deadlines = new DeadlineHeap<Read>()
  #waiting: Read[] = []
  #confirmed: Read[] = []
  #round: Round | undefined
  #number = 0
  #timer: Timer | undefined
  #timerMs = Infinity
  #closed: (() => Error) | undefined

  /** 8 bytes drawn for this life of the member. */
  readonly #life: Uint8Array

  constructor(clock: Clock, host: ReadHost, readsMax: number, retryMs: number, life: Uint8Array) {
    this.#life = life
    this.#clock = clock
    this.#host = host
    this.#readsMax = readsMax
    this.#retryMs = retryMs
  }

  get count(): number {
    return this.#deadlines.size
  }

  /** Runs `select` once what was committed before now is applied here; gives what it gives. */
  read<T>(select: () => T, timeoutMs: number, signal: AbortSignal | undefined, lease = false): Promise<T> {
    if (this.#closed) return Promise.reject(this.#closed())
    if (signal?.aborted) return Promise.reject(new Aborted('a read', { cause: signal.reason }))
    if (this.#deadlines.size >= this.#readsMax) return Promise.reject(new BacklogFull('readsMax', this.#readsMax))
    return new Promise((resolve, reject) => {
      const onAbort = signal && (() => this.#reject(read, new Aborted('a read', { cause: signal.reason })))
      const read: Read = {
        index: undefined,
        done: false,
        lease,
        dueMs: this.#clock.monotonicMs() + timeoutMs,
        slot: -1,
        run: () => {
          try {
            resolve(select())
          } catch (error) {
            reject(error)
          }
        },
        reject,
        release: onAbort && (() => signal.removeEventListener('abort', onAbort)),
      }
      if (onAbort) signal.addEventListener('abort', onAbort, { once: true })
      this.#deadlines.add(read)
      this.#waiting.push(read)
      this.#arm()
      this.#host.wake()
    })
  }

  /** Begins a round for all that wait, unless one is under way. */
  flush(): void {
    if (this.#round !== undefined || this.#waiting.length === 0) return
    const number = ++this.#number
    // Never used again, in this life or another: the answer to an earlier round is older than these reads.
    const context = new Uint8Array(contextBytes)
    context.set(this.#life)
    new DataView(context.buffer).setBigUint64(8, BigInt(number))
    // One that may not rest on a lease makes all of its round take the way to a quorum.
    if (this.#waiting.every(({ lease }) => lease)) context[16] = 1
    if (!this.#host.ask(context)) return
    this.#round = { number, reads: this.#waiting, begunMs: this.#clock.monotonicMs() }
    this.#waiting = []
  }

  readable(states: readonly ReadState[]): void {
    for (const { index, context } of states) {
      const round = this.#round
      if (round === undefined || context === undefined || !this.#isOf(round, context)) continue
      this.#round = undefined
      for (const read of round.reads) {
        read.index = index
        if (!read.done) this.#confirmed.push(read)
      }
    }
    this.applied()
    if (this.#waiting.length > 0) this.#host.wake()
  }

  #isOf(round: Round, context: Uint8Array): boolean {
    if (context.length !== contextBytes || !this.#life.every((byte, at) => context[at] === byte)) return false
    return Number(new DataView(context.buffer, context.byteOffset, 16).getBigUint64(8)) === round.number
  }

  /** More is applied now. */
  applied(): void {
    if (this.#confirmed.length === 0) return
    const applied = this.#host.appliedIndex()
    let at = 0
    for (; at < this.#confirmed.length; at++) {
      const read = this.#confirmed[at]!
      if (!read.done && read.index! > applied) break
      if (!read.done) this.#end(read, read.run)
    }
    if (at > 0) this.#confirmed = this.#confirmed.slice(at)
  }

  /** Whoever was asked has forgotten it: ask again. */
  leaderChanged(): void {
    const round = this.#round
    if (round === undefined) return
    this.#round = undefined
    this.#waiting = round.reads.filter(({ done }) => !done).concat(this.#waiting)
    if (this.#waiting.length > 0) this.#host.wake()
  }

  ticked(nowMs: number): void {
    if (this.#round !== undefined && nowMs - this.#round.begunMs >= this.#retryMs) this.leaderChanged()
    else if (this.#waiting.length > 0) this.#host.wake()
  }

  /** Refuses those without an index. */
  refuseWaiting(error: () => Error): void {
    const waiting = [...(this.#round?.reads ?? []), ...this.#waiting]
    this.#round = undefined
    this.#waiting = []
    for (const read of waiting) this.#reject(read, error())
  }

  close(error: () => Error): void {
    this.#closed = error
    this.refuseWaiting(error)
    for (const read of this.#confirmed) this.#reject(read, error())
    this.#confirmed = []
    this.#timer?.cancel()
  }

  #reject(read: Read, error: Error): void {
    this.#end(read, () => read.reject(error))
  }

  #end(read: Read, settle: () => void): void {
    if (read.done) return
    read.done = true
    this.#deadlines.remove(read)
    read.release?.()
    settle()
  }

  #arm(): void {
    const { first } = this.#deadlines
    if (first === undefined || first.dueMs >= this.#timerMs) return
    this.#timer?.cancel()
    this.#timerMs = first.dueMs
    this.#timer = this.#clock.timer(Math.max(0, first.dueMs - this.#clock.monotonicMs()), () => {
      this.#timer = undefined
      this.#timerMs = Infinity
      const nowMs = this.#clock.monotonicMs()
      for (let due = this.#deadlines.first; due !== undefined && due.dueMs <= nowMs; due = this.#deadlines.first)
        this.#reject(due, this.#host.whyNot())
      this.#waiting = this.#waiting.filter(({ done }) => !done)
      this.#arm()
    })
  }
}

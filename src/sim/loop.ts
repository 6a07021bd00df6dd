/**
 * Loop: the virtual time of a world, and who runs next. Unlike the machine's event loop it moves time only when nothing is
 * runnable: it runs one entry, lets every tick and promise that this made ready run (a turn of the real loop), and only
 * then takes the next. It knows neither nodes nor faults: an entry belongs to an owner, which may be paused or revoked.
 *
 * The real loop drains ticks and microtasks between two immediates of one turn, so the loop asks for its turns in batches:
 * a poll of the machine's sockets for each step would cost several times the step.
 */
import type { Timer } from '../base/clock.ts'
import { Agenda } from './agenda.ts'
import type { Due } from './agenda.ts'
import { machineMs, nextTurn } from './platform.ts'

/** Whose entry it is. */
export interface Owner {
  /** In lines of the trace. */
  readonly label: string
  /** Mixes the order of owners at one instant, each instant anew. */
  readonly salt: number
  /** Its entries are dropped. */
  readonly revoked: boolean
  /** While paused, what falls due is kept by the owner, who adds it again. */
  readonly paused: boolean
  keep(entry: Entry): void
  /** An entry has thrown. */
  uncaught(error: unknown): void
}

export type LoopLimit = 'stepsMax' | 'simulatedMsMax' | 'machineMsMax' | 'stepsPerInstantMax' | 'pendingMax'

export interface LoopBounds {
  readonly stepsMax: number
  readonly simulatedMsMax: number
  readonly machineMsMax: number
  readonly stepsPerInstantMax: number
  readonly pendingMax: number
}

export interface LoopEvents {
  /** Before each step. */
  step(entry: Entry): void
  /** After each step, when all that it made ready has run. */
  settled(): void
  /** A bound was met. */
  limit(limit: LoopLimit): void
  /** Nothing is due any more, and nobody has stopped the loop. */
  idle(): void
}

/** What is added for the running instant comes after all that was due before, as it was added. */
const rankNow = 2 ** 32
/** Before everything else of its instant. */
export const rankFirst = -1
const batch = 64
const lookEvery = 256

export class Entry implements Due, Timer {
  readonly dueMs: number
  readonly rank: number
  readonly order: number
  readonly owner: Owner
  readonly what: string
  readonly run: () => void
  readonly #loop: Loop
  cancelled = false
  /** Inside the agenda, rather than running, kept by a paused owner, or over. */
  waits = true

  constructor(
    loop: Loop,
    due: { dueMs: number; rank: number; order: number },
    owner: Owner,
    what: string,
    run: () => void,
  ) {
    this.#loop = loop
    this.dueMs = due.dueMs
    this.rank = due.rank
    this.order = due.order
    this.owner = owner
    this.what = what
    this.run = run
  }

  cancel(): void {
    if (this.cancelled) return
    this.cancelled = true
    if (this.waits) this.#loop.dropped()
  }
}

export class Loop {
  nowMs = 0
  steps = 0
  readonly #agenda = new Agenda<Entry>()
  readonly #bounds: LoopBounds
  readonly #events: LoopEvents
  readonly #startMs = machineMs()
  #order = 0
  #turns = 0
  #stepsHere = 0
  #unsettled = true
  #stopped = false
  #over: (() => void) | undefined

  constructor(bounds: LoopBounds, events: LoopEvents) {
    this.#bounds = bounds
    this.#events = events
  }

  get pending(): number {
    return this.#agenda.size
  }

  /** Adds what is to run `delayMs` from now; in one instant the entries of one owner run as they were added. */
  add(owner: Owner, delayMs: number, what: string, run: () => void): Entry {
    return this.addAt(owner, this.nowMs + delayMs, what, run)
  }

  /** The same for a time of the world; one that is over is now. */
  addAt(owner: Owner, atMs: number, what: string, run: () => void): Entry {
    const dueMs = Math.max(this.nowMs, atMs)
    return this.#put(owner, dueMs, dueMs > this.nowMs ? mixed(owner.salt, dueMs) : rankNow, what, run)
  }

  /** Adds what runs at a time before everything else of that instant. */
  addFirst(owner: Owner, atMs: number, what: string, run: () => void): Entry {
    return this.#put(owner, Math.max(this.nowMs, atMs), rankFirst, what, run)
  }

  #put(owner: Owner, dueMs: number, rank: number, what: string, run: () => void): Entry {
    const entry = new Entry(this, { dueMs, rank, order: this.#order++ }, owner, what, run)
    // What never comes due is held by nobody.
    if (dueMs === Number.POSITIVE_INFINITY) {
      entry.waits = false
      return entry
    }
    this.#agenda.add(entry)
    if (this.#agenda.size > this.#bounds.pendingMax) this.#events.limit('pendingMax')
    return entry
  }

  dropped(): void {
    this.#agenda.dropped()
  }

  /** Runs until `stop`; resolves then. The caller stands outside of every world, so that the turns do too. */
  run(): Promise<void> {
    return new Promise((resolve) => {
      this.#over = resolve
      this.#ask()
    })
  }

  /** No further step; what is ready still runs. */
  stop(): void {
    this.#stopped = true
  }

  #ask(): void {
    this.#turns = batch
    for (let turn = 0; turn < batch; turn++) nextTurn(this.#turn)
  }

  readonly #turn = (): void => {
    this.#turns--
    if (!this.#over) return
    if (this.#unsettled) {
      this.#unsettled = false
      this.#events.settled()
    }
    if (!this.#stopped) this.#step()
    if (this.#stopped && !this.#unsettled) {
      const over = this.#over
      this.#over = undefined
      over()
    } else if (this.#turns === 0) this.#ask()
  }

  #step(): void {
    const entry = this.#next()
    if (entry === undefined) return this.#stopped ? undefined : this.#events.idle()
    if (entry.dueMs > this.#bounds.simulatedMsMax) return this.#events.limit('simulatedMsMax')
    if (entry.dueMs > this.nowMs) {
      this.nowMs = entry.dueMs
      this.#stepsHere = 0
    }
    this.steps++
    this.#unsettled = true
    if (this.steps > this.#bounds.stepsMax) return this.#events.limit('stepsMax')
    if (++this.#stepsHere > this.#bounds.stepsPerInstantMax) return this.#events.limit('stepsPerInstantMax')
    if (this.steps % lookEvery === 0 && machineMs() - this.#startMs > this.#bounds.machineMsMax)
      return this.#events.limit('machineMsMax')
    this.#events.step(entry)
    try {
      entry.run()
    } catch (error) {
      entry.owner.uncaught(error)
    }
  }

  /** The next entry whose owner is there to run it. */
  #next(): Entry | undefined {
    for (;;) {
      const entry = this.#agenda.take()
      if (entry === undefined) return undefined
      entry.waits = false
      if (entry.owner.revoked) continue
      if (!entry.owner.paused) return entry
      entry.owner.keep(entry)
    }
  }
}

/** The same for all entries of an owner at an instant, else as if by chance. */
function mixed(salt: number, dueMs: number): number {
  const word = Math.imul(salt ^ Math.trunc(dueMs * 1024), 0x9e3779b1)
  return Math.imul(word ^ (word >>> 15), 0x85ebca6b) >>> 0
}

/**
 * Place: where code runs: in which world and, there, in which incarnation of which node. Unlike a node it is known to all
 * code that was started from it, by way of the async context, so that the functions taken over from the platform know for
 * whom they act. It decides nothing: a node revokes or pauses it, and its events go to the world.
 */
import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks'
import { checkDelay } from '../base/clock.ts'
import type { Clock, Timer } from '../base/clock.ts'
import { predictableEntropy } from '../base/entropy.ts'
import type { Entropy } from '../base/entropy.ts'
import { idSource } from '../base/id.ts'
import type { IdSource } from '../base/id.ts'
import type { Random } from '../base/random.ts'
import { SimSpinning } from './error.ts'
import type { LocalTime } from './local-time.ts'
import type { Entry, Loop, Owner } from './loop.ts'

/** The place of the code that runs; undefined outside of every world. */
export const here: AsyncLocalStorage<Place> = new AsyncLocalStorage()

export interface PlaceEvents {
  /** Nobody caught it: thrown by a callback, or a promise rejected without a handler. */
  uncaught(place: Place, error: unknown): void
  /** Something real was begun; `stack` says where. */
  escaped(place: Place, what: string, stack: string): void
}

export interface PlaceOptions {
  readonly label: string
  readonly loop: Loop
  readonly time: LocalTime
  readonly random: Random
  readonly events: PlaceEvents
}

/** Looks at the clock within one step before it is called a loop that waits for the time: virtual time stands meanwhile. */
const looksMax = 1_000_000

export class Place implements Owner {
  readonly label: string
  readonly salt: number
  readonly time: LocalTime
  /** What `Math.random` draws from. */
  readonly chance: Random
  /** What the secure generator of the platform gives. */
  readonly entropy: Entropy
  /** What makes ids where nobody gave a source. */
  readonly nextId: IdSource
  readonly clock: Clock
  /** Timers whose number was asked for, by that number: above all that Node.js gives. */
  readonly numbered: Map<number, object> = new Map()
  revoked = false
  paused = false
  readonly #loop: Loop
  readonly #events: PlaceEvents
  readonly #inside: AsyncResource
  #number = 2 ** 40
  #kept: Entry[] = []
  #waiting: (() => void)[] = []
  #looks = 0
  #step = 0

  constructor({ label, loop, time, random, events }: PlaceOptions) {
    this.label = label
    this.salt = random.split('order').uint32()
    this.time = time
    this.chance = random.split('Math.random')
    this.entropy = predictableEntropy(random.split('crypto'))
    this.nextId = idSource(time, random.split('ids'))
    this.#loop = loop
    this.#events = events
    this.#inside = here.run(this, () => new AsyncResource('colloquy.place'))
    this.clock = {
      now: () => this.now(),
      monotonicMs: () => this.monotonicMs(),
      timer: (delayMs, callback) => {
        checkDelay(delayMs)
        return this.timer(delayMs, 'timer', callback)
      },
    }
  }

  now(): number {
    this.#look()
    return this.time.now()
  }

  monotonicMs(): number {
    this.#look()
    return this.time.monotonicMs()
  }

  /** Calls back after a time on this place's clock, in the async context of whoever asks, or this place's if that is another. */
  timer(delayMs: number, what: string, callback: () => void): Timer {
    if (this.revoked) return inert
    const scope = here.getStore() === this ? new AsyncResource('colloquy.timer') : this.#inside
    return this.#loop.addAt(this, this.time.inWorld(delayMs), what, () => scope.runInAsyncScope(callback))
  }

  /** Runs code as code of this place. */
  enter<Result>(action: () => Result): Result {
    return this.#inside.runInAsyncScope(action)
  }

  /** The same in every run of a seed. */
  nextNumber(): number {
    return this.#number++
  }

  keep(entry: Entry): void {
    this.#kept.push(entry)
  }

  pause(): void {
    this.paused = true
  }

  /** Resolves when it is no longer paused; never if it is revoked before. */
  resumed(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  /** What fell due meanwhile is due now, in its order. */
  resume(): void {
    this.paused = false
    for (const resolve of this.#waiting.splice(0)) this.#loop.add(this, 0, 'resumed', resolve)
    for (const entry of this.#kept.splice(0))
      this.#loop.add(this, 0, entry.what, () => {
        if (!entry.cancelled) entry.run()
      })
  }

  /** From now on nothing that this place began has an effect. */
  revoke(): void {
    this.revoked = true
    this.#kept = []
    this.#waiting = []
  }

  uncaught(error: unknown): void {
    if (!this.revoked) this.#events.uncaught(this, error)
  }

  escaped(what: string, stack: string): void {
    this.#events.escaped(this, what, stack)
  }

  #look(): void {
    if (this.#step !== this.#loop.steps) {
      this.#step = this.#loop.steps
      this.#looks = 0
    }
    if (++this.#looks > looksMax) throw new SimSpinning(this.label, looksMax)
  }
}

const inert: Timer = { cancel: () => {} }

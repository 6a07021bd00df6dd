/**
 * Open waits: the waits of all rules with their times, and one timer for the first that is over. Unlike `core/waits.ts`, which says what an
 * event ends, this says when a wait has ended by itself. It fires nothing: whoever hears of it looks first whether an answer is already in
 * the journal.
 *
 * In a process a wait is over when so much time has passed, whatever is done to the wall clock; over a restart its time on the wall clock
 * counts, but it never waits longer than a whole wait.
 */
import type { Clock } from '../base/clock.ts'
import { DeadlineHeap } from '../base/deadlines.ts'
import type { DeadlineEntry } from '../base/deadlines.ts'
import { Alarm } from './alarm.ts'
import { Waits } from './core/waits.ts'
import type { Wait, WaitKind } from './core/waits.ts'
import type { Recorded } from '../journal/journal.ts'
import type { OpenRow, Refs } from './rows.ts'

export interface OpenWait extends Wait {
  readonly rule: string
  readonly place: number
  readonly refs: Refs
  /** At hand for what waits since this start. */
  readonly recorded: Recorded | undefined
}

interface Deadline extends DeadlineEntry {
  readonly wait: OpenWait
  readonly waits: OpenWaits
}

export class Deadlines {
  readonly #heap = new DeadlineHeap<Deadline>()
  readonly #alarm: Alarm
  #closed = false

  constructor(clock: Clock, onDue: () => void) {
    this.#alarm = new Alarm(clock, onDue)
  }

  add(deadline: Deadline): void {
    this.#heap.add(deadline)
    this.#arm()
  }

  remove(deadline: Deadline): void {
    this.#heap.remove(deadline)
    this.#arm()
  }

  /** Those that are over at a monotonic time; they stay until they are ended. */
  over(nowMs: number): readonly Deadline[] {
    const over: Deadline[] = []
    for (let first = this.#heap.first; first && first.dueMs <= nowMs; first = this.#heap.first) {
      over.push(first)
      this.#heap.remove(first)
    }
    for (const deadline of over) this.#heap.add(deadline)
    // In the order of their times, then of their coming: as they would have been told if nothing had been late.
    return over.sort(({ wait: one }, { wait: other }) => one.dueMs - other.dueMs || one.place - other.place)
  }

  /** Looks again at what is over, even if nothing has changed. */
  rearm(): void {
    this.#alarm.clear()
    this.#arm()
  }

  #arm(): void {
    this.#alarm.set(this.#closed ? undefined : this.#heap.first?.dueMs)
  }

  close(): void {
    this.#closed = true
    this.#arm()
  }
}

/** The waits of one rule. */
export class OpenWaits {
  readonly #clock: Clock
  readonly #deadlines: Deadlines
  readonly #waits: Waits<OpenWait>
  readonly #all = new Map<string, { readonly wait: OpenWait; deadline: Deadline | undefined }>()
  /** False as long as answers may lie between here and where the choreography stands. */
  #timed = false

  constructor(kind: WaitKind, clock: Clock, deadlines: Deadlines) {
    this.#clock = clock
    this.#deadlines = deadlines
    this.#waits = new Waits(kind)
  }

  get size(): number {
    return this.#waits.size
  }

  /** As it was kept. */
  restore({ rule, digest: id, key, fits, atMs, dueMs, place, refs }: OpenRow): void {
    const wait = { rule, id, key, fits, atMs, dueMs, place, refs, recorded: undefined }
    this.#waits.open(wait)
    this.#hold(wait)
  }

  arrive(wait: OpenWait): {
    readonly ended: readonly OpenWait[]
    readonly partner: OpenWait | undefined
    readonly opened: boolean
  } {
    const arrival = this.#waits.arrive(wait)
    for (const each of arrival.ended) this.#let(each)
    if (arrival.opened) this.#hold(wait)
    return arrival
  }

  end(wait: OpenWait): void {
    this.#waits.end(wait)
    this.#let(wait)
  }

  clear(): void {
    for (const { wait } of this.#all.values()) this.end(wait)
  }

  /** From now on its waits end by themselves. */
  begin(): void {
    if (this.#timed) return
    this.#timed = true
    for (const held of this.#all.values()) held.deadline = this.#deadlineOf(held.wait)
  }

  #hold(wait: OpenWait): void {
    this.#all.set(wait.id, { wait, deadline: this.#timed ? this.#deadlineOf(wait) : undefined })
  }

  #let({ id }: OpenWait): void {
    const held = this.#all.get(id)
    if (held?.deadline) this.#deadlines.remove(held.deadline)
    this.#all.delete(id)
  }

  #deadlineOf(wait: OpenWait): Deadline {
    // What comes in its last millisecond is in time.
    const leftMs = Math.min(wait.dueMs - this.#clock.now(), wait.dueMs - wait.atMs)
    const deadline = { wait, waits: this, dueMs: this.#clock.monotonicMs() + Math.max(0, leftMs + 1), slot: -1 }
    this.#deadlines.add(deadline)
    return deadline
  }
}

/**
 * Tasks: what was taken in and is not settled. It hands tasks from their lanes to the performer, waits for those that are tried again, parks
 * those that failed, and forgets those whose records are kept. Unlike the intake it knows no pattern and no place in the journal.
 *
 * Forgetting needs no hurry: a record says more than the row of its task. So the rows go in one write for all that ended meanwhile.
 */
import { DeadlineHeap } from '../base/deadlines.ts'
import type { DeadlineEntry } from '../base/deadlines.ts'
import { deferred } from '../base/deferred.ts'
import type { Deferred } from '../base/deferred.ts'
import type { Recorded } from '../journal/journal.ts'
import { Alarm } from './alarm.ts'
import { Lanes } from './core/lanes.ts'
import type { Definition } from './definition.ts'
import { own } from './parts.ts'
import type { Parts } from './parts.ts'
import { Performer } from './performer.ts'
import type { Outcome, Task } from './performer.ts'
import type { ParkReason, TaskRow } from './rows.ts'
import { parkTask, settleTasks } from './task-procedures.ts'

interface Wake extends DeadlineEntry {
  readonly task: Task
}

export interface TasksHooks {
  readonly definitionOf: (rule: string) => Definition | undefined
  /** Something was parked, for whoever tells it. */
  readonly onParked: () => void
}

export class Tasks {
  readonly #parts: Parts
  readonly #hooks: TasksHooks
  readonly #performer: Performer
  readonly #lanes: Lanes<Task>
  /** By rule and event. */
  readonly #byKey = new Map<string, Task>()
  readonly #wakes = new DeadlineHeap<Wake>()
  readonly #wakeOf = new Map<Task, Wake>()
  readonly #running = new Set<Promise<void>>()
  /** Who waits until these are done. */
  readonly #drains = new Set<{ readonly left: Set<Task>; readonly done: Deferred<void> }>()
  readonly #alarm: Alarm
  #settled: number[] = []
  #settling: Promise<void> | undefined
  #freed: Deferred<void> | undefined
  parked: number

  constructor(parts: Parts, hooks: TasksHooks, parked: number) {
    this.#parts = parts
    this.#hooks = hooks
    this.parked = parked
    this.#performer = new Performer(parts)
    this.#lanes = new Lanes(parts.runningMax)
    this.#alarm = new Alarm(parts.clock, () => this.#wake())
    parts.stop.addEventListener('abort', () => this.#release(), { once: true })
  }

  get performer(): Performer {
    return this.#performer
  }
  get size(): number {
    return this.#lanes.size
  }
  get running(): number {
    return this.#lanes.running
  }
  get full(): boolean {
    return this.parked >= this.#parts.parkedMax
  }

  has(rule: string, digest: string): boolean {
    return this.#byKey.has(`${rule}/${digest}`)
  }

  setPlaces({ name, concurrency }: Definition): void {
    this.#lanes.setPlaces(name, concurrency)
  }

  /** Behind what is there; `events` where they are at hand. */
  add(row: TaskRow, events?: readonly Recorded[]): void {
    this.#add(row, events, events === undefined, false)
  }

  /** Before what waits of its key. */
  addFirst(row: TaskRow): void {
    this.#add(row, undefined, true, true)
  }

  #add(row: TaskRow, events: readonly Recorded[] | undefined, suspect: boolean, first: boolean): void {
    const { id, rule, digest, key, refs, correlation, attempts, replays, dueMs } = row
    const task: Task = {
      id,
      rule,
      digest,
      key: key ?? undefined,
      refs,
      correlation,
      replays,
      attempts,
      suspect,
      events,
      dueMs: dueMs ?? undefined,
    }
    this.#byKey.set(`${rule}/${digest}`, task)
    this.#lanes.add(task, first)
  }

  /** Runs what can run. */
  pump(): void {
    if (this.#parts.stop.aborted) return
    for (let task = this.#lanes.next(); task; task = this.#lanes.next()) {
      const run = this.#run(task).catch((error: unknown) => this.#parts.fail(error))
      this.#running.add(run)
      void run.then(() => this.#running.delete(run))
    }
  }

  async #run(task: Task): Promise<void> {
    const definition = this.#hooks.definitionOf(task.rule)
    // Its rule was removed meanwhile, and its row with it.
    if (!definition) return this.#done(task, 'removed')
    const remainingMs = this.#remainingMs(task, definition)
    task.dueMs = undefined
    if (remainingMs > 0) return this.#later(task, remainingMs)
    await this.#end(task, await this.#performer.perform(task, definition))
    this.pump()
  }

  /** Of a task from an earlier life. The wall clock may have been set since, so no wait is longer than it ever may be. */
  #remainingMs({ dueMs }: Task, { backoff }: Definition): number {
    return dueMs === undefined ? 0 : Math.min(dueMs - this.#parts.clock.now(), backoff.backoffMaxMs)
  }

  async #end(task: Task, outcome: Outcome): Promise<void> {
    switch (outcome.kind) {
      case 'recorded':
      case 'fenced':
        this.#settled.push(task.id)
        this.#settle()
        return this.#done(task, outcome.kind)
      case 'parked':
        await this.park(task, outcome.why)
        return this.#done(task, 'parked')
      case 'retry':
        this.#count('retried', task.rule)
        return this.#later(task, outcome.waitMs)
      case 'left':
      default:
        return this.#lanes.hold(task)
    }
  }

  /** What is over for this process; the row goes by itself or stays. */
  #done(task: Task, how: string): void {
    this.#lanes.done(task)
    this.#byKey.delete(`${task.rule}/${task.digest}`)
    this.#wakeOf.delete(task)
    for (const drain of this.#drains)
      if (drain.left.delete(task) && drain.left.size === 0) {
        this.#drains.delete(drain)
        drain.done.resolve()
      }
    this.#count(how, task.rule)
    this.#free()
  }

  #count(outcome: string, rule: string): void {
    this.#parts.telemetry.count('colloquy.choreography.actions', 1, { 'colloquy.rule': rule, outcome })
  }

  async park({ id, rule, attempts }: Task, why: ParkReason): Promise<void> {
    const { clock, logger } = this.#parts
    const atMs = Math.trunc(clock.now())
    if (!(await own(this.#parts, parkTask, { id, attempts, ...why, atMs }))) return
    this.countParked(1)
    logger.warn({ rule, id, ...why }, 'a rule does not act on an event any more; see its parked events')
  }

  /** Of what was parked or is no longer, by whomever. */
  countParked(by: number): void {
    this.parked += by
    this.#parts.telemetry.gauge('colloquy.choreography.parked', this.parked, {
      'colloquy.choreography': this.#parts.name,
    })
    if (by <= 0) return this.#free()
    this.#hooks.onParked()
    if (this.full && this.parked - by < this.#parts.parkedMax)
      this.#parts.logger.error(
        { parked: this.parked },
        'no event is taken in until parked ones are replayed or discarded',
      )
  }

  #settle(): void {
    this.#settling ??= this.#settleAll().finally(() => (this.#settling = undefined))
  }

  async #settleAll(): Promise<void> {
    try {
      // What ends in this turn goes with it.
      await Promise.resolve()
      while (this.#settled.length > 0) await own(this.#parts, settleTasks, { ids: this.#settled.splice(0) })
    } catch (error) {
      this.#parts.fail(error)
    }
  }

  #later(task: Task, delayMs: number): void {
    this.#lanes.hold(task)
    const wake = { task, dueMs: this.#parts.clock.monotonicMs() + delayMs, slot: -1 }
    this.#wakeOf.set(task, wake)
    this.#wakes.add(wake)
    this.#arm()
    this.pump()
  }

  #arm(): void {
    this.#alarm.set(this.#parts.stop.aborted ? undefined : this.#wakes.first?.dueMs)
  }

  #wake(): void {
    this.#alarm.clear()
    const nowMs = this.#parts.clock.monotonicMs()
    for (let first = this.#wakes.first; first && first.dueMs <= nowMs; first = this.#wakes.first) {
      this.#wakes.remove(first)
      this.#wakeOf.delete(first.task)
      this.#lanes.release(first.task)
    }
    this.#arm()
    this.pump()
  }

  /** Forgets what of a rule does not run. */
  drop(rule: string): void {
    for (const task of this.#lanes.drop(rule)) {
      const wake = this.#wakeOf.get(task)
      if (wake) this.#wakes.remove(wake)
      this.#done(task, 'removed')
    }
    this.#arm()
    this.pump()
  }

  /** How many more can be taken in, so that each could be parked. */
  get left(): number {
    return this.#leftMax - this.size
  }

  get #leftMax(): number {
    const { heldMax, parkedMax } = this.#parts
    return Math.min(heldMax, parkedMax - this.parked)
  }

  /** Resolves when there is room for more; where there was none, when half of it is free, for each taking in costs a write. */
  async room(): Promise<void> {
    if (this.left > 0) return
    while ((this.left <= 0 || this.left * 2 < this.#leftMax) && !this.#parts.stop.aborted)
      await (this.#freed ??= deferred()).promise
  }

  #free(): void {
    this.#freed?.resolve()
    this.#freed = undefined
  }

  /** Resolves when all that is here now is settled or parked, and kept so. */
  async drained(): Promise<void> {
    const left = new Set(this.#byKey.values())
    if (left.size > 0) {
      const drain = { left, done: deferred() }
      this.#drains.add(drain)
      await drain.done.promise
    }
    await this.#settling
  }

  /** Nobody waits for what does not come any more. */
  #release(): void {
    this.#alarm.clear()
    this.#free()
    for (const { done } of this.#drains) done.resolve()
    this.#drains.clear()
  }

  /** Ends: what waits is left for the next start, what runs has its time. */
  async close(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running)
    await this.#settling
  }
}

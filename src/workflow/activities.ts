/**
 * What is done for one run right now: attempts, timers, children. It compares what the machine's state asks for with what is under way, begins
 * what is missing and ends what is not asked for any more. Unlike the driver it appends nothing; what comes about it tells the driver,
 * once.
 */
import type { Clock, Timer } from '../base/clock.ts'
import { checkEvent } from '../base/envelope.ts'
import { Aborted } from '../base/error.ts'
import { jsonCodec } from '../base/codec.ts'
import { checkBytes } from '../base/limit.ts'
import type { Journal } from '../journal/journal.ts'
import { Attempt } from './attempt.ts'
import type { Emission, Outcome } from './attempt.ts'
import type { StepNode } from './core/definition.ts'
import { isLive, orderKey, orderToken } from './core/entry.ts'
import type { Entry } from './core/entry.ts'
import { fault } from './core/fault.ts'
import type { ChildEnd, SagaRun } from './core/run.ts'
import { Unretryable } from './error.ts'
import type { Parent } from './event.ts'
import type { Slots } from './slots.ts'
import type { EventMaking } from './turn.ts'
import type { Definition } from './core/definition.ts'
import type { CloudEvent } from '../base/envelope.ts'

/** How a run has its children run. */
export interface ChildWorld {
  /**
   * Has a child run, if it does not yet, and tells each time that it ends or rests, until the watch is stopped. `back`: what it did is to
   * be undone.
   */
  watch(child: ChildOrder, back: boolean, told: (end: ChildEnd) => void): { stop(): void }
  /** Only tells when one that rests has ended, by what others do. */
  follow(child: ChildOrder, told: (end: ChildEnd) => void): { stop(): void }
}

export interface ChildOrder {
  readonly id: string
  readonly definition: Definition
  readonly input: unknown
  readonly parent: Parent
  readonly root: string
  readonly cause: CloudEvent
}

export interface ActivityWorld extends EventMaking {
  readonly clock: Clock
  readonly journal: Pick<Journal, 'limits'>
  readonly slots: Slots
  readonly children: ChildWorld
}

/** The run that they are for. */
export interface Active {
  readonly id: string
  readonly root: string
  readonly started: CloudEvent
  readonly priority: number
  readonly definition: Definition
  readonly data: { readonly dueMs?: number }
  readonly machine: SagaRun
  heard(input: (machine: SagaRun, at: { nowMs: number; chance: number }) => void, emitted?: readonly Emission[]): void
}

/** Something under way, known by what it is for. */
interface Activity {
  readonly id: string
  /** True while it only lets time pass, or somebody else work. */
  readonly idle: () => boolean
  /** Ends it without a word. */
  stop(reason: Error): void
  /** Asks it to come to an end by itself, because the saga goes back. */
  giveUp?(): void
}

/** Longest delay that timers of every platform keep. */
const delayMaxMs = 2 ** 30
const codec = jsonCodec()

export class Activities {
  readonly #world: ActivityWorld
  readonly #run: Active
  readonly #running = new Map<string, Activity>()
  /** What the last attempt said of its progress, by step. */
  readonly #beats = new Map<string, unknown>()
  #due: Timer | undefined
  attempts = 0

  constructor(world: ActivityWorld, run: Active) {
    this.#world = world
    this.#run = run
  }

  /** True when nothing is under way but waiting. */
  get quiet(): boolean {
    for (const { idle } of this.#running.values()) if (!idle()) return false
    return true
  }

  /** `begins`: false when nothing new is to be begun, because the worker stops. */
  reconcile(begins: boolean): void {
    const { state } = this.#run.machine
    for (const [key, activity] of this.#running) {
      const entry = state.entries.get(key)
      if (entry && (isLive(entry) || restsForChild(entry)) && activity.id === idOf(entry)) continue
      this.#running.delete(key)
      activity.stop(new Aborted(`the work on ${key}`))
    }
    // What settles at once changes what is live.
    for (const entry of Array.from(state.live.values())) {
      if (state.live.get(entry.key) !== entry) continue
      const running = this.#running.get(entry.key)
      if (!running && begins) this.#begin(entry)
      else if (state.phase === 'failing') running?.giveUp?.()
    }
    if (state.phase === 'attention' && begins)
      for (const entry of state.entries.values())
        if (restsForChild(entry) && !this.#running.has(entry.key)) this.#followChild(entry)
    this.#watchDue()
  }

  /** Ends all, without a word. */
  drop(reason: Error): void {
    this.#due?.cancel()
    for (const activity of this.#running.values()) activity.stop(reason)
    this.#running.clear()
  }

  /** The time until the pivot; one timer a run. */
  #watchDue(): void {
    const { machine, data, definition } = this.#run
    const { state } = machine
    const over = state.ended || state.verdict !== undefined || state.pivoted
    if (data.dueMs === undefined || over) {
      this.#due?.cancel()
      this.#due = undefined
      return
    }
    if (this.#due) return
    this.#due = this.#at(data.dueMs, definition.deadlineMs, () => {
      this.#due = undefined
      const text = `the saga has not come past its pivot in ${definition.deadlineMs ?? 0} ms; raise deadlineMs or look what is slow`
      this.#run.heard((run, { nowMs }) => run.overdue(fault('workflow.deadline', 'SagaDeadline', text), nowMs))
    })
  }

  #begin(entry: Entry): void {
    const { node } = entry
    switch (node.kind) {
      case 'step':
        return this.#beginStep(entry, node)
      case 'child':
        return this.#beginChild(entry)
      case 'wait':
      case 'sleep':
        return this.#beginTimer(entry)
      case 'branch':
      case 'each':
        return
      default:
        return node satisfies never
    }
  }

  #beginTimer(entry: Entry): void {
    const { key, untilMs, node } = entry
    const timed = node.kind === 'wait' ? node.timeoutMs : undefined
    const timer =
      untilMs === undefined
        ? undefined
        : this.#at(untilMs, timed, () => {
            this.#running.delete(key)
            this.#run.heard((run, { nowMs }) => run.expired(key, nowMs))
          })
    this.#running.set(key, { id: idOf(entry), idle: () => true, stop: () => timer?.cancel() })
  }

  /** Calls back at a time of the wall clock; a clock that was set back makes nobody wait for more than `longestMs`. */
  #at(atMs: number, longestMs: number | undefined, callback: () => void): Timer {
    const { clock } = this.#world
    let left = Math.max(0, Math.min(atMs - clock.now(), longestMs ?? Infinity))
    let timer: Timer
    const next = (): void => {
      const delayMs = Math.min(left, delayMaxMs)
      left -= delayMs
      timer = clock.timer(delayMs, () => (left > 0 ? next() : callback()))
    }
    next()
    return { cancel: () => timer.cancel() }
  }

  #followChild(entry: Entry): void {
    const { key } = entry
    const child = this.#childOf(entry)
    if (!child) return
    const told = (end: ChildEnd) => this.#run.heard((run, { nowMs }) => run.childSettled(key, end, nowMs))
    const follow = this.#world.children.follow(child, told)
    this.#running.set(key, { id: idOf(entry), idle: () => true, stop: () => follow.stop() })
  }

  #childOf({ key, node, epoch, input }: Entry): ChildOrder | undefined {
    if (node.kind !== 'child') return undefined
    const { id, root, started } = this.#run
    return {
      id: epoch === 1 ? `${id}/${key}` : `${id}/${key}:${epoch}`,
      definition: node.definition,
      input,
      parent: { run: id, step: key },
      root,
      cause: started,
    }
  }

  #beginChild(entry: Entry): void {
    const { key, status } = entry
    const { machine } = this.#run
    const child = this.#childOf(entry)
    if (!child) return
    const told = (end: ChildEnd) => this.#run.heard((run, { nowMs }) => run.childSettled(key, end, nowMs))
    const back = status === 'undoing' || machine.state.phase === 'failing'
    let watch = this.#world.children.watch(child, back, told)
    const activity: Activity = {
      id: idOf(entry),
      idle: () => true,
      stop: () => watch.stop(),
      giveUp: () => {
        delete activity.giveUp
        watch.stop()
        watch = this.#world.children.watch(child, true, told)
      },
    }
    this.#running.set(key, activity)
  }

  /** An attempt, at once or when its time has come; where the saga goes back before, it does not begin. */
  #beginStep(entry: Entry, node: StepNode): void {
    const { key, retryAtMs, status } = entry
    const { clock, slots } = this.#world
    const { machine, priority } = this.#run
    if (status === 'begun' && machine.state.phase === 'failing' && !decides(node)) return this.#unbegun(entry)
    let attempt: Attempt | undefined
    let timer: Timer | undefined
    let stopped = false
    let holds = false
    let waits = false
    const settled = (outcome: Outcome): void => {
      this.attempts--
      holds = false
      slots.free()
      if (this.#running.get(key) === activity) this.#running.delete(key)
      this.#settled(entry, outcome, attempt)
    }
    const begin = (): void => {
      holds = true
      waits = false
      if (stopped) return slots.free()
      this.attempts++
      attempt = this.#attempt(entry, node, settled)
      attempt.start()
    }
    const activity: Activity = {
      id: idOf(entry),
      idle: () => waits,
      stop: (reason) => {
        stopped = true
        timer?.cancel()
        if (!attempt || !holds) return
        attempt.drop(reason)
        this.attempts--
        slots.free()
      },
      giveUp: () => {
        if (status !== 'begun' || decides(node)) return
        if (attempt) return attempt.abort(new Aborted(`the step ${key}, because its saga goes back,`))
        stopped = true
        timer?.cancel()
        this.#running.delete(key)
        this.#unbegun(entry)
      },
    }
    this.#running.set(key, activity)
    const waitMs = retryAtMs === 0 ? 0 : Math.min(retryAtMs - clock.now(), longestWait(node, status))
    waits = waitMs > 0
    if (waits) timer = clock.timer(waitMs, () => slots.take(priority, begin))
    else slots.take(priority, begin)
  }

  /** It had begun in the journal, and nobody works on it: whether it had an effect is not known. */
  #unbegun({ key }: Entry): void {
    this.#run.heard((run, at) => run.errored(key, { thrown: new Aborted(`the step ${key}`), final: true }, at))
  }

  #attempt(entry: Entry, node: StepNode, settled: (outcome: Outcome) => void): Attempt {
    const { clock, make, journal } = this.#world
    const { id, started, definition } = this.#run
    const { key, input, output, attempts } = entry
    const kind = entry.status === 'begun' ? 'do' : 'undo'
    const { timeoutMs } = kind === 'do' ? node.pacing : node.undoPacing
    const { undo } = node
    return new Attempt({
      clock,
      order: {
        saga: definition.name,
        run: id,
        step: key,
        kind,
        key: orderKey(id, entry, kind),
        token: orderToken(entry, kind),
      },
      attempt: attempts + 1,
      cause: started,
      timeoutMs,
      heartbeatMs: kind === 'do' ? node.heartbeatMs : undefined,
      lastHeartbeat: this.#beats.get(key),
      work: kind === 'do' ? (context) => node.do(input, context) : (context) => undo?.(input, output, context),
      check: (emission) => {
        checkEvent(make({ ...emission, cause: started }))
        checkBytes('eventMaxBytes', journal.limits.eventMaxBytes, codec.encode(emission.data).byteLength)
      },
      settled,
    })
  }

  #settled({ key, status }: Entry, outcome: Outcome, attempt: Attempt | undefined): void {
    if (outcome.ok) {
      this.#beats.delete(key)
      const { output, emitted } = outcome
      const input = (run: SagaRun, at: { nowMs: number }): void =>
        status === 'undoing' ? run.undone(key, at.nowMs) : run.succeeded(key, output, at.nowMs)
      return this.#run.heard(input, emitted)
    }
    const { thrown } = outcome
    if (attempt?.lastHeartbeat !== undefined) this.#beats.set(key, attempt.lastHeartbeat)
    const failure = { thrown, final: thrown instanceof Unretryable }
    this.#run.heard((run, at) =>
      status === 'undoing' ? run.undoErrored(key, failure, at) : run.errored(key, failure, at),
    )
  }
}

/** A pivot that cannot be undone is not given up: whether it is done decides on which way the saga goes. */
function decides({ declaration, undo }: StepNode): boolean {
  return declaration === 'pivot' && undo === undefined
}

/** Its child rests, and may be settled by others. */
function restsForChild({ node, status }: Entry): boolean {
  return node.kind === 'child' && (status === 'held' || status === 'undoFailed')
}

/** What is under way is for this, and nothing else. */
function idOf({ status, round, attempts }: Entry): string {
  return `${status} ${round} ${attempts}`
}

function longestWait({ pacing, undoPacing }: StepNode, status: Entry['status']): number {
  return (status === 'undoing' ? undoPacing : pacing).retry.backoffMaxMs
}

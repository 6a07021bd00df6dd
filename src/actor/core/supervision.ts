/**
 * Supervision: what a supervisor does when its children start, fail and end, and when somebody asks for a change. Unlike a
 * cell it runs nothing: inputs are data, times and chance are given, and what is to be done comes out as actions, in order.
 * It never has two incarnations of one child: a start is told only while the one before is known to be over.
 *
 * | | here | OTP | Ergo |
 * | --- | --- | --- | --- |
 * | intensity, period | 5 in 5000 ms | 1 in 5 s | 5 in 5 s |
 * | default restart | transient | permanent | transient |
 * | order of a group's stop | the last first, one at a time | the same | at once, `KeepOrder` for one at a time |
 * | a failed first start | those started end in reverse order, then the supervisor | the same | the same |
 * | ended transients in a group restart | are started again | the same | the same |
 * | temporary siblings in a group restart | end and leave the list | the same | are started again |
 * | disabled children in a group restart | stay down | are started | stay down |
 * | asked for while a group restarts | done in its turn | waits for it | refused |
 * | while one child starts | nobody but its group waits | all wait | all wait |
 * | simple-one-for-one at the end | all stop at once, each by its deadline | the same | the same |
 * | backoff | by choice | none | none |
 * | the last child has ended | goes on | goes on | ends, by default |
 *
 * A group is what starts and stops in order: all children at first, later those that one failure touches, or one alone.
 * Within a group stops go from last to first, and no start comes before its last stop.
 */
import type { Random } from '../../base/random.ts'
import { DeadlineHeap } from '../../base/deadlines.ts'
import type { ExitReason } from '../actor.ts'
import { Intensity } from './intensity.ts'
import { Child, Group, fairShareMs, restartWanted } from './supervision-child.ts'
import type { ChildPlan, ChildState, Fate } from './supervision-child.ts'

export type Strategy = 'one-for-one' | 'all-for-one' | 'rest-for-one' | 'simple-one-for-one'
export type AutoShutdown = 'never' | 'any-significant' | 'all-significant'

export interface Backoff {
  /** Before the first restart. */
  readonly minMs: number
  /** Also how long a child must have run for the next failure to count as a first one. */
  readonly maxMs: number
  readonly factor: number
  /** The share of the wait that chance may take away, 0 to 1. */
  readonly jitter: number
}

export interface SupervisionOptions {
  readonly strategy: Strategy
  readonly intensity: number
  readonly periodMs: number
  readonly autoShutdown: AutoShutdown
  readonly backoff: Backoff | undefined
  readonly random: Random
}

export type SupervisionInput =
  | { readonly type: 'boot'; readonly children: readonly ChildPlan[] }
  | { readonly type: 'started'; readonly id: string }
  /** Its start failed, or its incarnation is over. `final`: somebody else ended it for good. */
  | { readonly type: 'exited'; readonly id: string; readonly reason: ExitReason; readonly final?: boolean }
  | { readonly type: 'add'; readonly request: number; readonly child: ChildPlan }
  | { readonly type: 'remove' | 'disable' | 'enable' | 'restart'; readonly request: number; readonly id: string }
  | { readonly type: 'timer' }
  /** All must be down after `deadlineMs`; default: no bound but the children's own. Again: the earlier one counts. */
  | { readonly type: 'shutdown'; readonly reason: ExitReason; readonly deadlineMs?: number }

/** Why it ends. */
export type Outcome =
  | { readonly why: 'asked'; readonly reason: ExitReason }
  | { readonly why: 'auto_shutdown'; readonly id: string }
  | { readonly why: 'intensity'; readonly id: string; readonly cause: ExitReason }
  | { readonly why: 'start_failed'; readonly id: string; readonly cause: ExitReason }

export type Refusal =
  | { readonly why: 'unknown_child' | 'child_exists' | 'child_busy' | 'child_disabled' | 'ended' | 'ending' }
  | { readonly why: 'start_failed'; readonly cause: ExitReason }

export type SupervisionAction =
  /** Anew, or again: the child is down. */
  | { readonly type: 'start'; readonly id: string }
  /** `exited` follows, or a `kill` after the deadline. */
  | { readonly type: 'stop'; readonly id: string; readonly reason: ExitReason; readonly deadlineMs: number }
  /** `exited` follows at once. */
  | { readonly type: 'kill'; readonly id: string }
  /** It is not started again as what it was: whoever waits for it is told. */
  | { readonly type: 'retire'; readonly id: string; readonly reason: ExitReason }
  /** A `timer` is wanted then, in place of the one before; Infinity: none. */
  | { readonly type: 'wait'; readonly untilMs: number }
  /** All children of the boot have started. */
  | { readonly type: 'ready' }
  | { readonly type: 'answer'; readonly request: number; readonly refusal?: Refusal }
  /** Everything has ended; nothing follows. */
  | { readonly type: 'end'; readonly outcome: Outcome }

export class Supervision {
  readonly #options: SupervisionOptions
  readonly #intensity: Intensity
  /** In order of start. */
  readonly #children = new Map<string, Child>()
  readonly #due = new DeadlineHeap<Child | Group>()
  #actions: SupervisionAction[] = []
  #nowMs = 0
  /** Children that the boot waits for; -1 when it is over. */
  #booting = -1
  #active = 0
  /** Significant ones that run or are to. */
  #significant = 0
  #waitMs = Number.POSITIVE_INFINITY
  #ending: Outcome | undefined
  /** When all must be down. */
  #endMs = Number.POSITIVE_INFINITY
  #ended = false

  constructor(options: SupervisionOptions) {
    this.#options = options
    this.#intensity = new Intensity(options)
  }

  get size(): number {
    return this.#children.size
  }
  has(id: string): boolean {
    return this.#children.has(id)
  }
  *children(): Generator<{ readonly id: string; readonly state: ChildState; readonly restarts: number }, void> {
    for (const { plan, state, starts } of this.#children.values())
      yield { id: plan.id, state, restarts: Math.max(0, starts - 1) }
  }

  /** Takes one input; `nowMs` never goes back. The actions are to be done in order, before the next input. */
  step(input: SupervisionInput, nowMs: number): readonly SupervisionAction[] {
    this.#nowMs = nowMs
    this.#actions = []
    if (!this.#ended) {
      this.#take(input)
      this.#settle()
    } else if ('request' in input) this.#answer(input.request, { why: 'ending' })
    return this.#actions
  }

  #take(input: SupervisionInput): void {
    switch (input.type) {
      case 'boot':
        return this.#boot(input.children)
      case 'started':
        return this.#started(input.id)
      case 'exited':
        return this.#exited(input.id, input.reason, input.final ?? false)
      case 'add':
        return this.#add(input.request, input.child)
      case 'remove':
      case 'disable':
      case 'enable':
      case 'restart':
        return this.#asked(input.type, input.request, input.id)
      case 'timer':
        return this.#timer()
      case 'shutdown':
        return this.#shutdown(input.reason, input.deadlineMs ?? Number.POSITIVE_INFINITY)
    }
  }

  #settle(): void {
    const untilMs = this.#due.first?.dueMs ?? Number.POSITIVE_INFINITY
    if (untilMs !== this.#waitMs) {
      this.#waitMs = untilMs
      this.#actions.push({ type: 'wait', untilMs })
    }
    if (this.#ending) {
      if (this.#active === 0) this.#end(this.#ending)
    } else if (this.#booting === 0) {
      this.#booting = -1
      this.#actions.push({ type: 'ready' })
    }
  }

  #end(outcome: Outcome): void {
    this.#ended = true
    for (const { request } of this.#children.values()) if (request) this.#answer(request.number, { why: 'ending' })
    this.#actions.push({ type: 'end', outcome })
  }

  #answer(request: number, refusal?: Refusal): void {
    this.#actions.push({ type: 'answer', request, ...(refusal && { refusal }) })
  }

  #boot(plans: readonly ChildPlan[]): void {
    const group = new Group(this.#nowMs)
    for (const plan of plans) this.#join(this.#child(plan, 'boot', group), group)
    this.#booting = plans.length
    this.#advance(group)
  }

  #child(plan: ChildPlan, fresh: 'boot' | 'request', group: Group): Child {
    const child = new Child(plan, fresh, group)
    this.#children.set(plan.id, child)
    if (plan.significant) this.#significant++
    return child
  }

  // What children do.

  #started(id: string): void {
    const child = this.#children.get(id)
    if (child?.phase !== 'starting') return
    child.phase = 'up'
    child.upSinceMs = this.#nowMs
    this.#begun(child)
    if (child.request) this.#grant(child)
    this.#advance(child.group)
  }

  /** The boot waits for it no more. */
  #begun(child: Child): void {
    if (child.fresh === 'boot') this.#booting--
    child.fresh = undefined
  }

  #exited(id: string, reason: ExitReason, final: boolean): void {
    const child = this.#children.get(id)
    if (!child || (!child.active && !(final && child.fate === 'run'))) return
    if (child.active) this.#active--
    const asked = child.halting
    const { backoff } = this.#options
    if (backoff && child.phase === 'up' && this.#nowMs - child.upSinceMs >= backoff.maxMs) child.failures = 0
    child.phase = 'down'
    child.halting = false
    this.#due.remove(child)
    const { group } = child
    if (final && child.fate === 'run') this.#doom(child, this.#goneFate(child))
    if (this.#ending || child.fate !== 'run') this.#gone(child, reason)
    else if (!asked) return this.#failed(child, reason)
    this.#advance(group)
  }

  /** The start that somebody asked for failed: it is as it was before. */
  #unbegun(child: Child, reason: ExitReason): void {
    const { group, request } = child
    this.#refuse(child, { why: 'start_failed', cause: reason })
    this.#doom(child, request?.kind === 'add' ? 'removed' : 'disabled')
    this.#gone(child, reason)
    this.#advance(group)
  }

  /** It ended unasked. */
  #failed(child: Child, reason: ExitReason): void {
    const { group, plan } = child
    if (child.fresh === 'boot') return this.#finish({ why: 'start_failed', id: plan.id, cause: reason })
    if (child.fresh === 'request') return this.#unbegun(child, reason)
    this.#refuse(child, { why: 'start_failed', cause: reason })
    if (!restartWanted(plan.restart, reason)) {
      this.#doom(child, this.#goneFate(child))
      this.#gone(child, reason)
      if (plan.significant && this.#endsBy(this.#options.autoShutdown))
        return this.#finish({ why: 'auto_shutdown', id: plan.id })
      return this.#advance(group)
    }
    if (!this.#intensity.bear(this.#nowMs)) return this.#finish({ why: 'intensity', id: plan.id, cause: reason })
    this.#restartWith(child, this.#nowMs + this.#delayMs(child))
  }

  #endsBy(autoShutdown: AutoShutdown): boolean {
    const ends: Record<AutoShutdown, boolean> = {
      never: false,
      'any-significant': true,
      'all-significant': this.#significant === 0,
    }
    return ends[autoShutdown]
  }

  /** What one becomes that ended and is not started again: temporary and dynamic ones would fill the list for ever. */
  #goneFate(child: Child): Fate {
    return child.plan.restart === 'temporary' || this.#options.strategy === 'simple-one-for-one' ? 'removed' : 'ended'
  }

  #delayMs(child: Child): number {
    const { backoff, random } = this.#options
    if (!backoff) return 0
    const grown = backoff.minMs * backoff.factor ** Math.min(child.failures++, 1000)
    return Math.min(backoff.maxMs, grown) * (1 - backoff.jitter * random.float())
  }

  #restartWith(failed: Child, notBeforeMs: number): void {
    const group = new Group(notBeforeMs)
    for (const child of this.#touchedBy(failed)) {
      this.#join(child, group)
      if (child.fate === 'ended') this.#revive(child)
      if (!child.active) continue
      // A temporary one that somebody waits for has not had its life yet.
      const spared = child.fresh !== undefined || child.request !== undefined
      if (child.plan.restart === 'temporary' && !spared) this.#doom(child, 'removed')
      child.halting = true
    }
    this.#advance(group)
  }

  #touchedBy(failed: Child): readonly Child[] {
    const all = () => [...this.#children.values()]
    const touched: Record<Strategy, () => readonly Child[]> = {
      'one-for-one': () => [failed],
      'simple-one-for-one': () => [failed],
      'all-for-one': all,
      'rest-for-one': () => all().slice(all().indexOf(failed)),
    }
    return touched[this.#options.strategy]()
  }

  // What somebody asks for.

  #add(request: number, plan: ChildPlan): void {
    if (this.#ending) return this.#answer(request, { why: 'ending' })
    if (this.#children.has(plan.id)) return this.#answer(request, { why: 'child_exists' })
    const group = new Group(this.#nowMs)
    const child = this.#child(plan, 'request', group)
    child.request = { number: request, kind: 'add' }
    this.#join(child, group)
    this.#advance(group)
  }

  #asked(kind: 'remove' | 'disable' | 'enable' | 'restart', request: number, id: string): void {
    if (this.#ending) return this.#answer(request, { why: 'ending' })
    const child = this.#children.get(id)
    if (!child) return this.#answer(request, { why: 'unknown_child' })
    if (child.request) return this.#answer(request, { why: 'child_busy' })
    child.request = { number: request, kind }
    switch (kind) {
      case 'remove':
        return this.#dismiss(child, 'removed')
      case 'disable':
        return this.#dismiss(child, 'disabled')
      case 'enable':
        if (child.fate !== 'run') return this.#beginAgain(child)
        if (child.phase === 'up' && !child.halting) this.#grant(child)
        return
      case 'restart':
        if (child.fate === 'disabled') return this.#refuse(child, { why: 'child_disabled' })
        return child.fate === 'run' ? this.#restart(child) : this.#beginAgain(child)
    }
  }

  #dismiss(child: Child, fate: Fate): void {
    this.#doom(child, fate)
    if (child.halting) return
    if (child.active) return this.#alone(child, true)
    const { group } = child
    this.#gone(child, 'shutdown')
    this.#advance(group)
  }

  #beginAgain(child: Child): void {
    this.#revive(child)
    child.fresh = 'request'
    this.#alone(child, false)
  }

  #restart(child: Child): void {
    const { group } = child
    // Its group is about to do it, in its order.
    if (child.halting || (!child.active && group.size > 1 && !group.done)) return
    this.#alone(child, child.active)
  }

  /** Out of its group: what follows concerns it only. */
  #alone(child: Child, halting: boolean): void {
    const group = new Group(this.#nowMs)
    const left = this.#join(child, group)
    child.halting = halting
    this.#advance(group)
    if (left !== group) this.#advance(left)
  }

  #grant(child: Child): void {
    const { request } = child
    child.request = undefined
    if (request) this.#answer(request.number)
  }

  #refuse(child: Child, refusal: Refusal): void {
    const { request } = child
    child.request = undefined
    if (request) this.#answer(request.number, refusal)
  }

  // How it is done.

  #join(child: Child, group: Group): Group {
    const left = group.join(child)
    if (left.size === 0) this.#due.remove(left)
    return left
  }

  /** It shall not run any more. */
  #doom(child: Child, fate: Fate): void {
    if (child.fate === 'run' && child.plan.significant) this.#significant--
    child.fate = fate
    this.#begun(child)
  }

  #revive(child: Child): void {
    if (child.plan.significant) this.#significant++
    child.fate = 'run'
    child.failures = 0
  }

  /** It is down and not started again. */
  #gone(child: Child, reason: ExitReason): void {
    this.#retire(child, reason)
    const kind = child.request?.kind
    if (kind === 'remove' || kind === 'disable') this.#grant(child)
    else this.#refuse(child, { why: this.#ending ? 'ending' : 'ended' })
    if (child.fate !== 'removed') return
    this.#children.delete(child.plan.id)
    child.group.part(child)
    if (child.group.size === 0) this.#due.remove(child.group)
  }

  #retire(child: Child, reason: ExitReason): void {
    if (!child.kept) return
    child.kept = false
    this.#actions.push({ type: 'retire', id: child.plan.id, reason })
  }

  /** Goes on with the stops of a group, then with its starts. */
  #advance(group: Group): void {
    for (; group.stopAt >= 0; group.stopAt--) {
      const child = group.members[group.stopAt]
      if (!child?.halting) continue
      if (child.phase !== 'stopping') this.#stop(child)
      return
    }
    if (this.#ending || group.size === 0) return
    if (this.#nowMs < group.dueMs) {
      if (group.slot === -1) this.#due.add(group)
      return
    }
    for (; group.startAt < group.members.length; group.startAt++) {
      const child = group.members[group.startAt]
      if (!child || child.fate !== 'run' || child.phase === 'up') continue
      if (!child.active) this.#start(child)
      return
    }
  }

  #start(child: Child): void {
    child.phase = 'starting'
    child.starts++
    child.kept = true
    this.#active++
    this.#actions.push({ type: 'start', id: child.plan.id })
  }

  #stop(child: Child): void {
    const { id } = child.plan
    const deadlineMs = this.#allowedMs(child)
    child.phase = 'stopping'
    child.dueMs = this.#nowMs + deadlineMs
    this.#due.add(child)
    this.#actions.push({ type: 'stop', id, reason: 'shutdown', deadlineMs })
  }

  /** Its own time, or what it may have of the time that is left for all. */
  #allowedMs({ plan }: Child): number {
    const together = this.#options.strategy === 'simple-one-for-one'
    const leftMs = Math.max(0, this.#endMs - this.#nowMs)
    return Math.min(plan.shutdownMs, together ? leftMs : fairShareMs(leftMs, this.#active))
  }

  #timer(): void {
    for (let first = this.#due.first; first && first.dueMs <= this.#nowMs; first = this.#due.first) {
      this.#due.remove(first)
      if (first instanceof Child) this.#actions.push({ type: 'kill', id: first.plan.id })
      else this.#advance(first)
    }
  }

  #shutdown(reason: ExitReason, deadlineMs: number): void {
    this.#endMs = Math.min(this.#endMs, this.#nowMs + deadlineMs)
    if (!this.#ending) this.#finish({ why: 'asked', reason })
    for (const child of this.#children.values()) {
      if (child.phase !== 'stopping') continue
      const dueMs = this.#nowMs + this.#allowedMs(child)
      if (dueMs < child.dueMs) this.#due.move(child, dueMs)
    }
  }

  /** Stops all, the last first, and ends. */
  #finish(outcome: Outcome): void {
    if (this.#ending) return
    this.#ending = outcome
    const group = new Group(this.#nowMs)
    for (const child of this.#children.values()) {
      this.#due.remove(child.group)
      if (child.active) {
        child.halting = true
        this.#join(child, group)
      } else this.#retire(child, 'shutdown')
    }
    if (this.#options.strategy !== 'simple-one-for-one') return this.#advance(group)
    for (const child of group.members.toReversed()) if (child && child.phase !== 'stopping') this.#stop(child)
  }
}

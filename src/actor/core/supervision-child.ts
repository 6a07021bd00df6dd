/**
 * The records of a supervision: children, what is to become of them, and the groups in which they start and stop. Unlike
 * the machine that moves them they decide nothing. Pure.
 */
import type { DeadlineEntry } from '../../base/deadlines.ts'
import type { ExitReason, Restart } from '../actor.ts'

export interface ChildPlan {
  readonly id: string
  readonly restart: Restart
  readonly shutdownMs: number
  /** Its end for good counts for `autoShutdown`. */
  readonly significant: boolean
}

export type ChildState = 'starting' | 'running' | 'stopping' | 'waiting' | 'ended' | 'disabled'

/** What is to become of a child. */
export type Fate = 'run' | 'ended' | 'disabled' | 'removed'
export type RequestKind = 'add' | 'remove' | 'disable' | 'enable' | 'restart'

export class Child implements DeadlineEntry {
  readonly plan: ChildPlan
  phase: 'down' | 'starting' | 'up' | 'stopping' = 'down'
  fate: Fate = 'run'
  /** It goes down before anything else; then its fate. */
  halting = false
  /** It has not started once since it was asked for. */
  fresh: 'boot' | 'request' | undefined
  request: { readonly number: number; readonly kind: RequestKind } | undefined
  /** There is something to retire. */
  kept = false
  starts = 0
  /** In a row. */
  failures = 0
  upSinceMs = 0
  group: Group
  /** Among the members of its group. */
  place = 0
  /** When it is killed. */
  dueMs = 0
  slot = -1

  constructor(plan: ChildPlan, fresh: 'boot' | 'request', group: Group) {
    this.plan = plan
    this.fresh = fresh
    this.group = group
  }

  get active(): boolean {
    return this.phase !== 'down'
  }

  get state(): ChildState {
    const { fate } = this
    const down: ChildState = fate === 'run' ? 'waiting' : fate === 'disabled' ? fate : 'ended'
    const states: Record<Child['phase'], ChildState> = {
      starting: 'starting',
      up: 'running',
      stopping: 'stopping',
      down,
    }
    return states[this.phase]
  }
}

export class Group implements DeadlineEntry {
  /** In order; a place is empty once its child has gone to another group. */
  readonly members: (Child | undefined)[] = []
  size = 0
  /** Of the members above it none is left to stop; of those below `startAt` none to start. */
  stopAt = -1
  startAt = 0
  /** When its starts begin. */
  dueMs: number
  slot = -1

  constructor(dueMs: number) {
    this.dueMs = dueMs
  }

  get done(): boolean {
    return this.startAt >= this.members.length
  }

  /** Takes a child in as the last; returns the group that it left. */
  join(child: Child): Group {
    const left = child.group
    if (left.members[child.place] === child) left.part(child)
    child.group = this
    child.place = this.members.length
    this.members.push(child)
    this.size++
    this.stopAt = child.place
    return left
  }

  part(child: Child): void {
    this.members[child.place] = undefined
    this.size--
  }
}

/** Whether an actor with this `restart` is started again after this end. */
export function restartWanted(restart: Restart, reason: ExitReason): boolean {
  const wanted: Record<Restart, boolean> = {
    permanent: true,
    transient: reason !== 'normal' && reason !== 'shutdown',
    temporary: false,
  }
  return wanted[restart]
}

/** Those who stop one after the other and share what time is left, at most; more of them would leave each too little. */
const sharersMax = 4

/**
 * How much of the time that is left the next may take that stops, of so many: one that hangs must leave some to the others.
 * Most end at once and leave theirs too.
 */
export function fairShareMs(leftMs: number, count: number): number {
  return leftMs / Math.max(1, Math.min(count, sharersMax))
}

/** Status: a copy of what a member knows, for people and tests. It changes nothing and does not change afterwards. */
import type { Role } from './event.ts'
import type { Machine } from './machine.ts'
import type { MemberId } from './message.ts'
import type { Progress } from './progress.ts'
import type { TrackerConfig } from './tracker.ts'

export interface BasicStatus {
  readonly id: MemberId
  readonly term: number
  readonly vote: MemberId
  readonly commit: number
  readonly leader: MemberId
  readonly role: Role
  readonly applied: number
  readonly lastIndex: number
  /** To whom leadership is being handed over; 0 for nobody. */
  readonly leadTransferee: MemberId
}

export interface Status extends BasicStatus {
  readonly config: TrackerConfig
  /** By id, ascending; only a leader has any. Inflights are shared: look, do not touch. */
  readonly progress: ReadonlyMap<MemberId, Progress>
}

export function basicStatusOf(machine: Machine): BasicStatus {
  const { id, term, vote, leader, role, log, leadTransferee } = machine
  const { committed: commit, applied } = log
  return { id, term, vote, commit, leader, role, applied, lastIndex: log.lastIndex(), leadTransferee }
}

export function statusOf(machine: Machine): Status {
  const progress = new Map<MemberId, Progress>()
  if (machine.role === 'StateLeader') for (const [id, each] of machine.tracker.progress) progress.set(id, each.copy())
  return { ...basicStatusOf(machine), config: machine.tracker.config, progress }
}

/**
 * The status of a member as a value: what it is, how far its log goes, and, at the leader, how far the others are. Unlike diagnose it
 * draws no conclusion; unlike the core's status it speaks of names. It changes nothing.
 */
import type { ConfState } from './core/message.ts'
import type { FollowerInfo, RaftStatus } from './raft.ts'
import type { ReplicaEngine } from './replica-engine.ts'

type Engine<State, Command, Result> = ReplicaEngine<State, Command, Result>

export function statusOf<State, Command, Result>(engine: Engine<State, Command, Result>): RaftStatus {
  const { group, member, log } = engine.settings
  const basic = engine.node?.raw.basicStatus()
  const leader = engine.leader()
  return {
    group,
    member,
    phase: engine.phase,
    groupId: engine.groupId,
    id: basic?.id ?? 0,
    role: roleOf(basic, engine.confState),
    term: basic?.term ?? 0,
    leader: leader?.name,
    fencing: leader?.fencing ?? 0,
    commitIndex: basic?.commit ?? 0,
    appliedIndex: engine.replicated.index,
    lastIndex: basic?.lastIndex ?? 0,
    firstIndex: log.storage.firstIndex(),
    snapshotIndex: log.snapshot()?.metadata.index ?? 0,
    snapshotBytes: log.snapshot()?.content.sizeBytes ?? 0,
    logBytes: log.sizeBytes,
    sessions: engine.replicated.sessions.size,
    waiting: engine.proposals.count,
    refusedFrames: engine.refusedFrames,
    followers: followersOf(engine),
    transport: engine.link.counts,
  }
}

/** What the leader knows of the others; nobody else knows anything. */
export function followersOf<State, Command, Result>(engine: Engine<State, Command, Result>): readonly FollowerInfo[] {
  const status = engine.phase === 'running' ? engine.node?.raw.status() : undefined
  if (status === undefined || status.role !== 'StateLeader') return []
  return [...status.progress]
    .filter(([id]) => id !== status.id)
    .map(([id, progress]) => {
      const name = engine.routes.nameOf(id) ?? `member ${id}`
      return {
        name,
        matchIndex: progress.match,
        lagEntries: Math.max(0, status.lastIndex - progress.match),
        state: states[progress.state],
        heard: engine.routes.heard(name),
      }
    })
}

const states = { StateProbe: 'probing', StateReplicate: 'replicating', StateSnapshot: 'snapshot' } as const

function roleOf(
  basic: { readonly role: string; readonly id: number } | undefined,
  confState: ConfState,
): RaftStatus['role'] {
  if (basic === undefined) return 'none'
  if (basic.role === 'StateLeader') return 'leader'
  if (basic.role !== 'StateFollower') return 'candidate'
  return confState.learners.includes(basic.id) ? 'learner' : 'follower'
}

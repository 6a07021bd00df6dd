/**
 * The raft groups of a node at its door (`door.ts`): they can be looked at and operated without a broker. Unlike the transport it carries no
 * message of a group. It decides nothing: each question is a call on the member.
 */
import type { Clock } from '../base/clock.ts'
import { backupOfSnapshot } from '../raft/backup-format.ts'
import type { Raft } from '../raft/raft.ts'
import type { Desk, Reply } from './door.ts'
import { type GroupView, type Question, readQuestion } from './raft-door-words.ts'
import { GroupUnknown } from './raft-error.ts'

export type AnyRaft = Raft<unknown, unknown, unknown>

const viewTimeoutMs = 5000
/** Beyond what a call says it may take. */
const graceMs = 5000

export function raftDesk(groups: () => readonly AnyRaft[], clock: Clock): Desk {
  return {
    read(asked) {
      const question = readQuestion(asked)
      if (question === undefined) return undefined
      const waitMs = question.op === 'view' ? viewTimeoutMs : question.timeoutMs + graceMs
      return { waitMs, answer: (signal) => answerOf(groups(), question, signal, clock) }
    },
  }
}

async function answerOf(
  groups: readonly AnyRaft[],
  question: Question,
  signal: AbortSignal,
  clock: Clock,
): Promise<Reply> {
  switch (question.op) {
    case 'view':
      return { answer: { groups: groups.map((each) => viewOf(each)) } }
    case 'change':
    case 'transfer':
      await changed(groupOf(groups, question.group), question, signal)
      return { answer: { done: true } }
    case 'backup':
    default: {
      const bytes = await backupOf(groupOf(groups, question.group), question, signal, clock)
      return { answer: { backup: true }, bytes }
    }
  }
}

function groupOf(groups: readonly AnyRaft[], name: string): AnyRaft {
  const found = groups.find(({ group }) => group === name)
  if (found) return found
  throw new GroupUnknown(
    name,
    groups.map(({ group }) => group),
  )
}

function viewOf(raft: AnyRaft): GroupView {
  const { transport: _transport, ...status } = raft.status()
  return { status, members: raft.members(), findings: raft.diagnose() }
}

async function changed(
  raft: AnyRaft,
  question: Question & { readonly op: 'change' | 'transfer' },
  signal: AbortSignal,
): Promise<void> {
  const { timeoutMs } = question
  if (question.op === 'transfer') return raft.transferLeadership(question.to, { timeoutMs, signal })
  const { kind, name, address, learner } = question
  switch (kind) {
    case 'add':
      return raft.addMember(name, {
        timeoutMs,
        signal,
        ...(address !== undefined && { address }),
        ...(learner !== undefined && { learner }),
      })
    case 'promote':
      return raft.promote(name, { timeoutMs, signal })
    case 'demote':
      return raft.demote(name, { timeoutMs, signal })
    case 'remove':
    default:
      return raft.removeMember(name, { timeoutMs, signal })
  }
}

/** What was answered before the question is in it: this member first applies all that was committed by then. */
async function backupOf(
  raft: AnyRaft,
  { stale, timeoutMs }: Question & { readonly op: 'backup' },
  signal: AbortSignal,
  clock: Clock,
): Promise<AsyncIterable<Uint8Array>> {
  const least = stale ? 0 : await raft.with({ timeoutMs, signal }).barrier()
  const { groupId } = raft.status()
  let stored = await raft.backup()
  // One that was under way already is of before the question; the next is not.
  while (stored.metadata.index < least && !signal.aborted) stored = await raft.backup()
  return backupOfSnapshot({ group: raft.group, member: raft.member, groupId, takenMs: Math.floor(clock.now()) }, stored)
}

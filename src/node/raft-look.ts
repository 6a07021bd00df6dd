/**
 * lookAtGroups: the raft groups of a data folder as operators see them, from the member that runs or, when none does, from its log. Unlike
 * the door's client it always has an answer; unlike the folder it says which of the two it is. It changes nothing.
 */
import type { Finding, MemberInfo } from '../raft/raft.ts'
import { type AskOptions, type NoDoor, whyClosed } from './door-client.ts'
import { viewGroups } from './raft-door-client.ts'
import type { GroupView } from './raft-door-words.ts'
import { type FolderView, groupsIn, surveyFolder } from './raft-folder.ts'

type Live = GroupView['status']
/** What a log tells as well as a member. */
type Kept =
  | 'group'
  | 'member'
  | 'groupId'
  | 'id'
  | 'term'
  | 'commitIndex'
  | 'lastIndex'
  | 'firstIndex'
  | 'snapshotIndex'
  | 'snapshotBytes'
  | 'logBytes'
  | 'sessions'

export interface GroupSeen {
  readonly status: Pick<Live, Kept> & Partial<Omit<Live, Kept>> & { readonly lastTerm?: number }
  readonly members: readonly MemberInfo[]
  readonly findings: readonly Finding[]
}

export interface GroupsSeen {
  /** `member`: a running one said it; `log`: it was read from what one has kept, and may be older than the group. */
  readonly source: 'member' | 'log'
  readonly pid?: number
  /** Why no member was asked. */
  readonly why?: string
  readonly groups: readonly GroupSeen[]
}

/** Rejects with `node.not_private`, `node.member_refused`, `node.door_broken`, and as a log does. */
export async function lookAtGroups(data: string, options: AskOptions): Promise<GroupsSeen> {
  const asked = await viewGroups(data, options)
  if (asked.door === 'open') return { source: 'member', pid: asked.pid, groups: asked.groups }
  const groups: GroupSeen[] = []
  for (const group of await groupsIn(data)) groups.push(seenIn(await surveyFolder(data, group), asked))
  return { source: 'log', why: whyClosed(asked), groups }
}

function seenIn(view: FolderView, asked: NoDoor): GroupSeen {
  const { members, nextId: _nextId, ownerPid, ...status } = view
  return { status, members, findings: findingsOf(view, asked, ownerPid) }
}

/** What the log alone can tell of what is wrong. */
function findingsOf(
  { member, groupId, id, members, group }: FolderView,
  asked: NoDoor,
  owner: number | undefined,
): Finding[] {
  const findings: Finding[] = []
  if (owner !== undefined && asked.door !== 'stale')
    findings.push({
      code: 'silent',
      text: `process ${owner} holds the data folder and does not answer for its groups; look whether it is stopped, or has no door because others may write to the folder raft in it`,
      members: [member],
    })
  else findings.push({ code: 'not_running', text: `no process runs ${member}; start it`, members: [member] })
  if (groupId === '')
    findings.push({
      code: 'never_founded',
      text: `${member} has never taken part in ${group}; start all founders, once`,
      members: [member],
    })
  else if (id === 0)
    findings.push({
      code: 'removed',
      text: `as far as its log goes, ${member} is no member with this store; it comes back as a learner once the group takes it in`,
      members: [member],
    })
  const voters = members.filter(({ role }) => role === 'voter').map(({ name }) => name)
  if (voters.length > 1)
    findings.push({
      code: 'needs_quorum',
      text: `${Math.floor(voters.length / 2) + 1} of ${voters.join(', ')} must run for the group to decide; when they never will again, see colloquy raft recover`,
      members: voters,
    })
  return findings
}

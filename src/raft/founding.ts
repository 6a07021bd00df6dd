/**
 * Founding: how fresh members make a group, the same on each of them from what all know: the group's id and the first entries of
 * its log. Unlike discovery, which finds out who is there, it is a function. What it makes counts once, for an empty log.
 */
import { createHash } from 'node:crypto'
import { type MemberRow, encodeEnvelope } from './command-envelope.ts'
import { marshalConfChange } from './core/conf-change-codec.ts'
import type { Entry, HardState } from './core/message.ts'
import { groupIdBytes } from './wire.ts'

export interface Founding {
  /** 32 hex digits. */
  readonly groupId: string
  readonly members: readonly MemberRow[]
  readonly entries: readonly Entry[]
  readonly hardState: HardState
}

/** No group has this id. */
export const noGroupId: string = '00'.repeat(groupIdBytes)

/**
 * The first entries name all members, by their names in order from id 1, and make each a voter; they count as committed in term
 * 1, as etcd-io/raft's bootstrap has it. Addresses are not among them: each member may know others.
 */
export function foundGroup(group: string, tokens: ReadonlyMap<string, string>): Founding {
  const names = [...tokens.keys()].toSorted()
  const members = names.map((name, at) => ({ id: at + 1, name, token: tokens.get(name)!, address: '' }))
  const groupId = createHash('sha256')
    .update(JSON.stringify([group, ...members.map(({ name, token }) => [name, token])]))
    .digest('hex')
    .slice(0, groupIdBytes * 2)
  const entries: Entry[] = [
    { term: 1, index: 1, type: 'EntryNormal', data: encodeEnvelope({ kind: 'founding', timeMs: 0, groupId, members }) },
    ...members.map(({ id }, at) => ({
      term: 1,
      index: at + 2,
      ...marshalConfChange({ version: 1, type: 'ConfChangeAddNode', nodeId: id }),
    })),
  ]
  return { groupId, members, entries, hardState: { term: 1, vote: 0, commit: entries.length } }
}

/**
 * What a configuration change asks for: the newer form of either version, whether it enters or leaves a joint
 * configuration, and its text. Unlike the changer it knows no configuration; its bytes are conf-change-codec.ts. The rules are those of
 * etcd-io/raft (raftpb), the idea Ongaro's thesis chapter 4.
 */
import { InvalidConfChange } from '../error.ts'
import type { AnyConfChange, ConfChangeSingle, ConfChangeType, ConfChangeV2 } from './message.ts'

/** How many members one change may touch. */
export const confChangesMax = 1024

/** The same change in the newer form. */
export function asV2(change: AnyConfChange): ConfChangeV2 {
  if (change.version === 2) return change
  return {
    version: 2,
    transition: 'ConfChangeTransitionAuto',
    changes: [{ type: change.type, nodeId: change.nodeId }],
    context: change.context,
  }
}

/**
 * Whether the change goes by a joint configuration (it was asked for, or there is more than one change), and if so whether
 * the leader leaves that by itself.
 */
export function enterJoint({ transition, changes }: ConfChangeV2): {
  readonly joint: boolean
  readonly autoLeave: boolean
} {
  const joint = transition !== 'ConfChangeTransitionAuto' || changes.length > 1
  return { joint, autoLeave: joint && transition !== 'ConfChangeTransitionJointExplicit' }
}

/** Whether the change leaves a joint configuration: it is empty but for its context. */
export function leaveJoint({ transition, changes }: ConfChangeV2): boolean {
  return transition === 'ConfChangeTransitionAuto' && changes.length === 0
}

const letters: Readonly<Record<ConfChangeType, string>> = {
  ConfChangeAddNode: 'v',
  ConfChangeAddLearnerNode: 'l',
  ConfChangeRemoveNode: 'r',
  ConfChangeUpdateNode: 'u',
}
const types: ReadonlyMap<string, ConfChangeType> = new Map<string, ConfChangeType>([
  ['v', 'ConfChangeAddNode'],
  ['l', 'ConfChangeAddLearnerNode'],
  ['r', 'ConfChangeRemoveNode'],
  ['u', 'ConfChangeUpdateNode'],
])

/** Reads `v1 l2 r3 u4`: make 1 a voter, 2 a learner, remove 3, update 4. Throws `raft.invalid_conf_change`. */
export function parseConfChanges(text: string): ConfChangeSingle[] {
  const tokens = text.split(/\s+/).filter((token) => token !== '')
  if (tokens.length > confChangesMax) throw new InvalidConfChange(`has more than ${confChangesMax} changes`)
  return tokens.map((token) => {
    const type = types.get(token.slice(0, 1))
    const nodeId = /^\d+$/.test(token.slice(1)) ? Number(token.slice(1)) : NaN
    if (type === undefined || !Number.isSafeInteger(nodeId))
      throw new InvalidConfChange(`has ${JSON.stringify(token.slice(0, 40))} where v, l, r or u and an id are read`)
    return { type, nodeId }
  })
}

/** The inverse of `parseConfChanges`. */
export function formatConfChanges(changes: readonly ConfChangeSingle[]): string {
  return changes.map(({ type, nodeId }) => `${letters[type]}${nodeId}`).join(' ')
}

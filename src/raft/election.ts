/**
 * election: who leads, for those who want nothing else of a group: one of its members at a time, with a fencing token. Unlike a lock it
 * has no holder that can forget to give it back: a leader that is cut off loses it by itself, before another one is chosen or soon
 * after. So whoever acts as leader shows the token, and what it acts on refuses a lower one than it has seen (Kleppmann, "How to do
 * distributed locking", 2016). It keeps no state of its own.
 */
import { InvalidArgument } from '../base/error.ts'
import type { Finding, LeaderInfo, MemberInfo, Raft, RaftOptions, WaitOptions } from './raft.ts'
import { type StateMachine, stateMachine } from './state-machine.ts'

/** What an election's group decides: nothing; its leader is all that matters. */
export const electionMachine: StateMachine<null, null, null> = stateMachine<null, null, null>({
  initial: null,
  apply: () => ({ state: null, result: null }),
})

export type ElectionOptions = Omit<RaftOptions<null, null, null>, 'machine' | 'group'>

/** Leadership of this member, proved: others will see a higher token before they accept another leader. */
export interface Leadership {
  /** Grows with each leader; show it wherever you act. */
  readonly fencing: number
  /** Aborted when this member no longer leads, as far as it knows. */
  readonly signal: AbortSignal
}

export interface Election extends AsyncDisposable {
  readonly name: string
  readonly member: string
  /** As this member knows; undefined when it knows none. */
  leader(): LeaderInfo | undefined
  /** The leader now, then each change; a slow reader misses changes, never the last. */
  watch(): AsyncIterable<LeaderInfo | undefined>
  /**
   * Waits until this member leads and a quorum has confirmed it. With `campaign` it asks for leadership instead of waiting for its
   * turn. Rejects with `base.timeout`, `base.aborted`, `base.closed`.
   */
  lead(options?: WaitOptions & { readonly campaign?: boolean }): Promise<Leadership>
  /** Hands leadership to another member; nothing happens when this one does not lead. Rejects with `raft.transfer_failed`. */
  resign(options?: WaitOptions): Promise<void>
  members(): readonly MemberInfo[]
  diagnose(): readonly Finding[]
  close(): Promise<void>
}

/** The election that the leaders of this group are; closing it closes the group's member. */
export function electionOf(raft: Raft<null, null, null>): Election {
  if (typeof raft?.watchLeader !== 'function') throw new InvalidArgument('raft', 'must be what createRaft gives')
  return {
    name: raft.group,
    member: raft.member,
    leader: () => raft.leader(),
    watch: () => raft.watchLeader(),
    lead: (options) => lead(raft, options),
    resign: async (options) => {
      if (raft.leader()?.self === true) await raft.transferLeadership(undefined, options)
    },
    members: () => raft.members(),
    diagnose: () => raft.diagnose(),
    close: () => raft.close(),
    [Symbol.asyncDispose]: () => raft.close(),
  }
}

async function lead(
  raft: Raft<null, null, null>,
  options: WaitOptions & { readonly campaign?: boolean } = {},
): Promise<Leadership> {
  const { campaign = false, ...wait } = options
  if (campaign && raft.leader()?.self !== true && raft.leader() !== undefined)
    await raft.transferLeadership(raft.member, wait)
  const changes = raft.watchLeader()[Symbol.asyncIterator]()
  let leadership: LeaderInfo
  try {
    leadership = await raft.leadership(wait)
  } catch (error) {
    await changes.return?.()
    throw error
  }
  const ending = new AbortController()
  void (async () => {
    for (;;) {
      const { done, value } = await changes.next()
      if (done === true || (value !== undefined ? value.fencing > leadership.fencing : raft.leader()?.self !== true))
        break
    }
    ending.abort()
    await changes.return?.()
  })()
  return { fencing: leadership.fencing, signal: ending.signal }
}

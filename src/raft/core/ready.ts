/**
 * Ready: the effects that a member hands out, as data, in the order in which they are to take place. It is a value and does
 * nothing; raw-node.ts makes it.
 */
import type { Role } from './event.ts'
import type { ReadState } from './machine.ts'
import type { Entry, HardState, MemberId, Message, Snapshot } from './message.ts'

/** What need not be stored. */
export interface SoftState {
  readonly leader: MemberId
  readonly role: Role
}

export interface Ready {
  /** Undefined when it is as before. */
  readonly softState: SoftState | undefined
  /** To be stored; undefined when it is as before. */
  readonly hardState: HardState | undefined
  /** Reads that may be served once their index is applied. */
  readonly readStates: readonly ReadState[]
  /** To be appended to the storage, before `messages` are sent. */
  readonly entries: readonly Entry[]
  /** To be stored in place of the log, synced, and given to the application; never together with entries. */
  readonly snapshot: Snapshot | undefined
  /** To be applied, in order. */
  readonly committedEntries: readonly Entry[]
  /**
   * To be sent, in order. Without asynchronous storage: after entries, hard state and snapshot are stable. With it: at once,
   * and those to `appendThread` and `applyThread` are the work of the storage, in the order of each.
   */
  readonly messages: readonly Message[]
  /**
   * Whether entries and hard state must be on disk before anything leaves; else that write may wait. As in etcd-io/raft it says nothing
   * of the snapshot, which must be on disk before anything leaves whenever there is one: it is acknowledged in this Ready.
   */
  readonly mustSync: boolean
}

/**
 * ReplicaSender: puts the core's messages on the link, by name. Unlike the transport, which loses without a word, it tells the core what
 * certainly did not leave, so that it probes instead of sending on. It never waits.
 *
 * An append without entries tells a follower a new commit index, and the next append with entries tells the same and more. A client
 * that has just got its answer often has its next proposal ready within the same turn of the event loop, so that the first is kept
 * until the end of the turn and left out when the second comes: half of the messages of a commit, where one is made at a time. To
 * leave a message out is what a network may do at any time.
 */
import type { MemberId, Message } from './core/message.ts'
import type { ReplicaNode } from './replica-node.ts'
import type { ReplicaRoutes } from './replica-routes.ts'
import type { ReplicaSnapshots } from './replica-snapshots.ts'
import type { GroupLink } from './transport.ts'
import { encodeMessage } from './wire.ts'

export class ReplicaSender {
  readonly #link: GroupLink
  readonly #routes: ReplicaRoutes
  readonly #snapshots: ReplicaSnapshots
  /** Undefined while this member does not take part. */
  readonly #node: () => ReplicaNode | undefined
  /** Appends without entries of this turn. */
  readonly #kept = new Map<MemberId, Message>()
  #groupId: Uint8Array = new Uint8Array()

  constructor(
    link: GroupLink,
    routes: ReplicaRoutes,
    snapshots: ReplicaSnapshots,
    node: () => ReplicaNode | undefined,
  ) {
    this.#link = link
    this.#routes = routes
    this.#snapshots = snapshots
    this.#node = node
  }

  setGroup(groupId: string): void {
    this.#groupId = Buffer.from(groupId, 'hex')
  }

  message(each: Message): void {
    if (each.type !== 'MsgApp') return this.#send(each)
    if (each.entries.length > 0) {
      const before = this.#kept.get(each.to)
      if (before?.term === each.term && before.commit <= each.commit) this.#kept.delete(each.to)
      return this.#send(each)
    }
    // A tick comes after all microtasks of the turn, and so after whoever was waiting for what was committed.
    if (this.#kept.size === 0) process.nextTick(this.#sendKept)
    this.#kept.set(each.to, each)
  }

  readonly #sendKept = (): void => {
    const kept = [...this.#kept.values()]
    this.#kept.clear()
    if (this.#node() !== undefined) for (const each of kept) this.#send(each)
  }

  #send(each: Message): void {
    const to = this.#routes.nameOf(each.to)
    if (to !== undefined && this.#link.send(to, encodeMessage(this.#groupId, each))) return
    // The core is told once the turn in which it said this is over.
    if (each.type === 'MsgApp') queueMicrotask(() => this.unreachable(each.to))
  }

  unreachable(id: MemberId | undefined): void {
    const node = this.#node()
    if (id === undefined || id === 0 || node === undefined) return
    const { raw } = node
    if (raw.role !== 'StateLeader' || !raw.status().progress.has(id)) return
    raw.reportUnreachable(id)
    node.wake()
  }

  snapshot(each: Message): void {
    const to = this.#routes.nameOf(each.to)
    if (to === undefined) return this.#report(each.to, 'failed')
    this.#snapshots.send(this.#link, to, encodeMessage(this.#groupId, each), each, (outcome) =>
      this.#report(each.to, outcome),
    )
  }

  #report(id: MemberId, outcome: 'finished' | 'failed'): void {
    queueMicrotask(() => {
      const node = this.#node()
      node?.raw.reportSnapshot(id, outcome)
      node?.wake()
    })
  }
}

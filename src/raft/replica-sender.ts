/**
 * ReplicaSender: puts the core's messages on the link, by name. Unlike the transport, which loses without a word, it tells the core what
 * certainly did not leave, so that it probes instead of sending on. It never waits.
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
    const to = this.#routes.nameOf(each.to)
    if (to !== undefined && this.#link.send(to, encodeMessage(this.#groupId, each))) return
    // The core is told once the turn in which it said this is over.
    if (each.type === 'MsgApp') queueMicrotask(() => this.unreachable(each.to))
  }

  unreachable(id: MemberId | undefined): void {
    const node = this.#node()
    if (id === undefined || id === 0 || node === undefined) return
    const { raw } = node
    if (raw.basicStatus().role !== 'StateLeader' || !raw.status().progress.has(id)) return
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

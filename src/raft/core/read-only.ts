/**
 * Reads that wait for a round of heartbeats, in the order in which they came. A read is known by its place in that order,
 * never by the context its caller gave: a retry with the same context is a read of its own and waits for a round that
 * began after it (etcd-io/etcd issue 20418 is what happens otherwise). It knows no terms: the machine takes a new one for each.
 *
 * In lease mode heartbeats also carry the leader's count of ticks, so that it knows when a quorum was last known to follow it.
 */
import type { ReadOnlyOption } from './config.ts'
import type { MemberId, Message } from './message.ts'
import { type JointConfig, committedIndex } from './quorum.ts'

export interface WaitingRead {
  readonly request: Message
  /** What was committed when the read came; it is served once this is applied. */
  readonly index: number
}

export class ReadOnly {
  readonly option: ReadOnlyOption
  /** How many reads, counted from the first of the term, each member is known to have seen the round of. */
  readonly #acked = new Map<MemberId, number>()
  /** The leader's tick of the latest heartbeat that each member has answered. */
  readonly #ackedTick = new Map<MemberId, number>()
  #waiting: WaitingRead[] = []
  #confirmed = 0

  constructor(option: ReadOnlyOption) {
    this.option = option
  }

  get waiting(): number {
    return this.#waiting.length
  }

  add(index: number, request: Message): void {
    this.#waiting.push({ request, index })
  }

  /** What a heartbeat carries so that its answers confirm all reads that wait now; undefined when there is nothing to confirm. */
  heartbeatContext(tick: number): Uint8Array | undefined {
    if (this.option === 'safe' && this.#waiting.length === 0) return undefined
    const context = new DataView(new ArrayBuffer(this.option === 'safe' ? 8 : 16))
    context.setBigUint64(0, BigInt(this.#confirmed + this.#waiting.length))
    if (this.option === 'lease') context.setBigUint64(8, BigInt(tick))
    return new Uint8Array(context.buffer)
  }

  /** The leader follows itself at once. */
  acknowledgeOwn(id: MemberId): void {
    this.#acked.set(id, this.#confirmed + this.#waiting.length)
  }

  /** An answer with the context of its heartbeat. What no heartbeat of ours can have carried counts for nothing. */
  acknowledge(from: MemberId, context: Uint8Array, tick: number): void {
    if (context.length !== (this.option === 'safe' ? 8 : 16)) return
    const view = new DataView(context.buffer, context.byteOffset, context.byteLength)
    const position = Number(view.getBigUint64(0))
    if (position > this.#confirmed + this.#waiting.length) return
    // Answers may overtake each other; an older one never takes back what a newer one has shown.
    this.#acked.set(from, Math.max(position, this.#acked.get(from) ?? 0))
    if (this.option !== 'lease') return
    const answered = Number(view.getBigUint64(8))
    if (answered <= tick) this.#ackedTick.set(from, Math.max(answered, this.#ackedTick.get(from) ?? 0))
  }

  /** Takes out the reads whose round a quorum of these voters has answered. */
  advance(voters: JointConfig): WaitingRead[] {
    if (this.#waiting.length === 0) return []
    const acked = committedIndex(voters, (id) => this.#acked.get(id))
    const count = Math.min(acked - this.#confirmed, this.#waiting.length)
    if (count <= 0) return []
    this.#confirmed += count
    const confirmed = this.#waiting.slice(0, count)
    this.#waiting = this.#waiting.slice(count)
    return confirmed
  }

  /** The latest tick at which a quorum is known to have followed this leader; 0 when none is known. */
  leaseTick(id: MemberId, tick: number, voters: JointConfig): number {
    return Math.min(
      tick,
      committedIndex(voters, (each) => (each === id ? tick : this.#ackedTick.get(each))),
    )
  }
}

/**
 * Transport: how the members of groups reach each other, by name. Unlike the Bus it loses without a word what it cannot
 * deliver, as raft expects, and keeps one queue a peer. It checks who speaks and that a frame is whole; what a frame says is
 * the replica's matter. Interfaces only; drivers are `transport-tcp.ts` and `transport-bus.ts`, and that of a simulated world.
 *
 * | what | tcp | bus |
 * | --- | --- | --- |
 * | a frame | whole or not at all (CRC32C), at most once, in order per connection | whole or not at all, at most once, order of the bus |
 * | who speaks | proved at the handshake: mTLS or the group secret | whoever may publish on the group's subjects |
 * | full queue of a peer | the frame is dropped and counted, `send` is false | the same |
 * | a broker that fails | there is none | the group stands still until it is back |
 */

export interface TransportCounts {
  readonly sent: number
  readonly received: number
  /** Frames that were not taken because their peer's queue was full or it was not connected. */
  readonly dropped: number
  /** What arrived and was no frame of ours: broken CRC, over the limit, another group, an unknown speaker. */
  readonly refused: number
}

/**
 * What a group does with what arrives. Calls never come while `send` runs. What `frame` throws is a defect: it is logged, and
 * the connection that brought the frame is broken where there is one.
 */
export interface Receiver {
  /** The bytes may be a view of a larger buffer, which lives as long as they do: copy what is small and kept for long. */
  frame(from: string, bytes: Uint8Array): void
  /** The last frames to this member were not delivered, as far as can be told. */
  unreachable(member: string): void
  /**
   * Takes a stream: a header and its content, with backpressure. Resolves when it has been taken whole; what it rejects with
   * fails the sender's `stream`.
   */
  stream(from: string, header: Uint8Array, content: AsyncIterable<Uint8Array>): Promise<void>
}

/** One member's end in one group. */
export interface GroupLink extends AsyncDisposable {
  /**
   * Hands a frame to a member's queue, or says false. Bytes must not change afterwards. Throws `base.limit_exceeded` above
   * `frameMaxBytes`, and nothing else for any member, reachable or not.
   */
  send(to: string, frame: Uint8Array): boolean
  /**
   * Sends a header, at most `frameMaxBytes`, and content; resolves when the other side took all of it. Rejects with
   * `raft.stream_failed` (it may be taken all the same, if the answer was lost), `base.aborted`, and what the content throws.
   */
  stream(
    to: string,
    header: Uint8Array,
    content: AsyncIterable<Uint8Array>,
    options?: { readonly signal?: AbortSignal },
  ): Promise<void>
  /** Where members are, for drivers that need it: a member's address as `address` gave it. Unknown members cannot be reached. */
  setAddress(member: string, address: string): void
  readonly counts: TransportCounts
  /** Leaves the group; frames in flight are dropped. Idempotent. */
  close(): Promise<void>
}

/** One a node; carries any number of groups. */
export interface Transport extends AsyncDisposable {
  /** Of the driver: `tcp`, `bus`, `sim`. */
  readonly driver: string
  /** Where others reach this node: `tcp://127.0.0.1:7001`; empty where names are enough. */
  readonly address: string
  /** Largest frame in bytes. */
  readonly frameMaxBytes: number
  /** Throws `raft.group_taken` when the member is in the group already on this transport. */
  join(group: string, member: string, receiver: Receiver): GroupLink
  close(): Promise<void>
}

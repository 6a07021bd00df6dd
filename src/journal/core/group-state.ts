/**
 * What is kept of a consumer group between two lives of its process, and how it is to be read. Unlike the group's machine it
 * has no queues and no time; unlike the journal's port it counts positions, for whoever keeps a group needs their order.
 *
 * Nothing is written for what goes well. Two positions say most of it, and only exceptions have an entry of their own:
 *
 * | an event that matches, without an entry | is |
 * | --- | --- |
 * | up to `floor` | settled |
 * | after `floor`, up to `reached` | delivered once, and not settled |
 * | after `reached` | never handed out |
 *
 * So a batch that is claimed in order costs one number, and the same batch settled costs another.
 */

/** An exception: an event whose state the two positions do not tell. */
export interface StoredDelivery {
  readonly position: number
  /** Deliveries so far; `settledMark` when it is settled, though it lies after `floor`. */
  readonly attempts: number
  /**
   * Null: it is handed out, or was when the process ended. Else it waits until this time of the wall clock; 0 when it waits
   * for nothing but a consumer.
   */
  readonly dueMs: number | null
  /** The delay that was asked for: a wall clock that was set back cannot make it longer. */
  readonly delayMs: number
  /** Of the last delivery that failed. */
  readonly reason: string | null
  /** It was parked and is delivered anew; it does not hold back the checkpoint. */
  readonly replayed: boolean
}

export interface StoredParked {
  readonly position: number
  readonly attempts: number
  readonly reason: string
  /** Of the wall clock. */
  readonly atMs: number
}

export interface StoredGroup {
  readonly floor: number
  readonly reached: number
  readonly deliveries: readonly StoredDelivery[]
  readonly parked: readonly StoredParked[]
}

/** What has to be kept, all of it or nothing. */
export interface GroupChanges {
  readonly floor: number
  readonly reached: number
  /** Entries that are new or changed. */
  readonly put: readonly StoredDelivery[]
  /** Positions whose entry goes. */
  readonly drop: readonly number[]
  readonly park: readonly StoredParked[]
  readonly unpark: readonly number[]
}

/** Stands for the attempts of an event that is settled. */
export const settledMark = -1

/** A group that has seen nothing up to a position. */
export function freshGroup(from: number): StoredGroup {
  return { floor: from, reached: from, deliveries: [], parked: [] }
}

/** What the store says of an event that matches: settled, never handed out (0 attempts), or delivered so often. */
export function deliveryAt(
  group: Pick<StoredGroup, 'floor' | 'reached'>,
  entry: StoredDelivery | undefined,
  position: number,
): StoredDelivery | 'settled' {
  if (entry) return entry.attempts === settledMark ? 'settled' : entry
  if (position <= group.floor) return 'settled'
  const delivered = position <= group.reached
  return {
    position,
    attempts: delivered ? 1 : 0,
    dueMs: delivered ? null : 0,
    delayMs: 0,
    reason: null,
    replayed: false,
  }
}

/**
 * An entry of a consumer group's machine: all that is known of one event while the process lives. Unlike what the store holds
 * of it, which is an exception or nothing, there is one for every event that is not settled.
 */
import type { DeadlineEntry } from '../../base/deadlines.ts'
import type { LedgerEntry } from './group-ledger.ts'
import type { StoredDelivery } from './group-state.ts'

export interface FetchedEvent<Event> {
  readonly position: number
  readonly key: string | undefined
  readonly event: Event
}

/** Who has events in flight. */
export interface Holder {
  inFlight: number
  /** Set when something of its own was not settled, or not even taken, in time. */
  overdue?: boolean
}

/** An event that is not settled. Read only outside the machine. */
export interface Entry<Event> extends LedgerEntry, DeadlineEntry {
  /** Not known of what was settled in an earlier life and has been erased since; such an event comes only to be revived. */
  key: string | undefined
  event: Event | undefined
  state: 'waiting' | 'in-flight' | 'delayed' | 'settled'
  /** Of the last claim; 0 when nobody may settle it. */
  lease: number
  holder: Holder | undefined
  handed: boolean
  /** The delivery before, while the claim that followed it waits in a queue: it may still be settled. */
  before: { readonly lease: number; readonly holder: Holder | undefined } | undefined
  /** Another of its key is before it. */
  blocked: boolean
}

type Delivered = Omit<StoredDelivery, 'position'>
/** Never handed out. */
export const freshDelivery: Delivered = { attempts: 0, dueMs: 0, delayMs: 0, reason: null, replayed: false }

export function entryOf<Event>(
  fetched: Omit<FetchedEvent<Event>, 'event'> & { readonly event?: Event },
  delivery: Delivered | 'settled',
): Entry<Event> {
  const settled = delivery === 'settled'
  const { attempts, dueMs, delayMs, reason, replayed } = settled ? freshDelivery : delivery
  return {
    position: fetched.position,
    key: fetched.key,
    event: settled ? undefined : fetched.event,
    state: settled ? 'settled' : 'waiting',
    attempts,
    settled,
    dueWallMs: dueMs,
    delayMs,
    reason,
    replayed,
    lease: 0,
    holder: undefined,
    handed: false,
    before: undefined,
    blocked: false,
    pinned: false,
    gone: false,
    stored: undefined,
    dueMs: 0,
    slot: -1,
  }
}

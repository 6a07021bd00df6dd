/**
 * NetworkEvent: what happens in the simulated network, as data, for traces and counters. The network tells each event at
 * the moment of it, through `observe`; what an observer does has no way back.
 */

/** `datagram`: each message for itself. `stream`: in order and whole, until it breaks. */
export type LinkKind = 'datagram' | 'stream'

/**
 * Why a message was lost: by the weather, at a cut, with the incarnation it was sent to (`crashed`, `detached`), since nobody
 * was there (`absent`), at the bound of a paused node (`held`), or with its stream (`broken`).
 */
export type DropReason = 'loss' | 'cut' | 'crashed' | 'detached' | 'absent' | 'held' | 'broken'

/**
 * Why a stream broke: nothing went through for too long, it was reset by the weather, nobody was there, or the other end
 * crashed or detached.
 */
export type BreakReason = 'timeout' | 'reset' | 'refused' | 'crashed' | 'detached'

interface OfMessage {
  /** Numbered from 1 in the order of sending; a duplicate has the number of its original. */
  readonly id: number
  readonly from: string
  readonly to: string
  readonly port: string
}

export type NetworkEvent =
  /** `data` is in flight: to be read at once, not kept, not written to. */
  | (OfMessage & { readonly type: 'sent'; readonly kind: LinkKind; readonly data: Uint8Array })
  | (OfMessage & { readonly type: 'duplicated' })
  | (OfMessage & { readonly type: 'delivered' })
  | (OfMessage & { readonly type: 'dropped'; readonly why: DropReason })
  /** `at` learns that its stream with `peer` broke; `lost` of its own messages were not delivered. */
  | {
      readonly type: 'broken'
      readonly at: string
      readonly peer: string
      readonly port: string
      readonly why: BreakReason
      readonly lost: number
    }

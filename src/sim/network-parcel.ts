/**
 * Parcel: one message on its way through the simulated network, and the count of all that are. Its bytes are a copy of the
 * sender's own, so that what the sender writes later changes nothing. It has no way: links and lanes have.
 */
import { SimNetworkFull } from './error.ts'
import type { DropReason, LinkKind, NetworkEvent } from './network-event.ts'

export type Outcome = 'delivered' | DropReason

export interface Parcel {
  readonly id: number
  readonly from: string
  readonly to: string
  readonly port: string
  readonly kind: LinkKind
  readonly data: Uint8Array
  /** Carried by reference beside the bytes, for ports that are simulated on the network. */
  readonly about: unknown
  /** Told once, for the original and never for its duplicate. */
  readonly settled: ((outcome: Outcome) => void) | undefined
}

/** What is in flight: counted in, and out exactly once with its outcome. */
export class Flight {
  messages = 0
  bytes = 0
  readonly messagesMax: number
  readonly bytesMax: number
  readonly #observe: ((event: NetworkEvent) => void) | undefined

  constructor(messagesMax: number, bytesMax: number, observe: ((event: NetworkEvent) => void) | undefined) {
    this.messagesMax = messagesMax
    this.bytesMax = bytesMax
    this.#observe = observe
  }

  get observed(): boolean {
    return this.#observe !== undefined
  }

  /** Throws `sim.network_full`, and then nothing was counted. */
  begin(parcel: Parcel): void {
    if (this.messages >= this.messagesMax) throw new SimNetworkFull('messagesMax', this.messagesMax)
    if (this.bytes + parcel.data.length > this.bytesMax) throw new SimNetworkFull('bytesMax', this.bytesMax)
    this.messages++
    this.bytes += parcel.data.length
  }

  /** For what happens to the parcel: delivered, or dropped and why. */
  end(parcel: Parcel, outcome: Outcome): void {
    this.messages--
    this.bytes -= parcel.data.length
    if (this.#observe) {
      const { id, from, to, port } = parcel
      if (outcome === 'delivered') this.#observe({ type: 'delivered', id, from, to, port })
      else this.#observe({ type: 'dropped', id, from, to, port, why: outcome })
    }
    parcel.settled?.(outcome)
  }

  tell(event: NetworkEvent): void {
    this.#observe?.(event)
  }
}

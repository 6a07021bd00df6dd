/**
 * BusNode: what all connections of one simulated node share: its port on the network, and what is known of the streams to
 * other nodes. Unlike a connection it has no interest of its own. It ends with the node's incarnation.
 */
import type { Clock } from '../base/clock.ts'
import type { Entropy } from '../base/entropy.ts'
import type { MessageHeaders } from '../bus/bus.ts'
import type { Hub, Publish } from '../bus/memory-hub.ts'
import { SimBusConnection } from './bus-connection.ts'
import type { BusCarrier, SimRoute } from './bus-connection.ts'
import type { BreakReason, Endpoint, LinkKind, SimNetwork } from './network.ts'

/** What travels beside the data. */
interface Frame {
  readonly route: SimRoute
  readonly subject: string
  readonly headers: MessageHeaders | undefined
  readonly reply: string | undefined
}

export class BusNode implements BusCarrier {
  readonly name: string
  readonly #kind: LinkKind
  readonly #endpoint: Endpoint
  readonly #connections = new Set<SimBusConnection>()
  /** Peers to which a stream broke and nothing has passed since. */
  readonly #away = new Set<string>()

  constructor(network: Pick<SimNetwork, 'attach'>, name: string, kind: LinkKind, ended: () => void) {
    this.name = name
    this.#kind = kind
    this.#endpoint = network.attach(
      name,
      {
        onMessage: ({ from, data, about }) => this.#arrived(from, data, about as Frame),
        onBreak: (peer, why) => this.#broken(peer, why),
        onEnd: () => {
          for (const connection of this.#connections) connection.revoke()
          this.#connections.clear()
          ended()
        },
      },
      { port: 'bus' },
    )
  }

  connect(hub: Hub, clock: Clock, entropy: Entropy): SimBusConnection {
    const connection = new SimBusConnection(this, hub, clock, entropy)
    this.#connections.add(connection)
    return connection
  }

  forget(connection: SimBusConnection): void {
    this.#connections.delete(connection)
  }

  send(from: SimBusConnection, route: SimRoute, publish: Publish): void {
    const { subject, data, headers, reply } = publish
    const frame: Frame = { route, subject, headers, reply }
    const peer = route.node.name
    const round = from.sending()
    route.flying++
    try {
      this.#endpoint.send(peer, data, {
        kind: this.#kind,
        about: frame,
        onSettled: (outcome) => {
          route.landed()
          from.settled(round, peer, outcome)
          if (outcome === 'delivered') this.#reached(peer)
        },
      })
    } catch (error) {
      route.landed()
      from.settled(round, peer, 'loss')
      throw error
    }
  }

  #arrived(from: string, data: Uint8Array, { route, subject, headers, reply }: Frame): void {
    this.#reached(from)
    route.deliver(subject, data, headers, reply)
  }

  /** That a peer is gone is no break of this node's own connection: its subscriptions are gone with it. */
  #broken(peer: string, why: BreakReason): void {
    const away = why === 'timeout' || why === 'reset'
    if (away) this.#away.add(peer)
    for (const connection of this.#connections)
      if (away) connection.lostTouch(peer, why)
      else connection.peerGone(peer)
  }

  #reached(peer: string): void {
    if (!this.#away.delete(peer)) return
    for (const connection of this.#connections) connection.inTouch(peer)
  }
}

/**
 * The bus of a simulated world: a Bus for each node, over the simulated network. The model: the hub is everywhere. Who is
 * interested in what is known to all at once; what is published goes from the publisher's node to the node of each
 * subscription by the link between them, one message for each subscription. There is no broker that could be away; what the
 * link does, the subscription sees. Between connections of one node nothing crosses a link.
 *
 * By default messages travel in streams, as those of a real bus do, and every promise of the port holds in any weather: order
 * is kept, nothing comes twice, and what is lost is lost with a stream that broke, told by `disconnected` (and `reconnected`
 * with what was lost, once something gets through again), and by `flush`. With `kind: 'datagram'` the weather's losses,
 * duplicates and reordering reach the subscribers in silence: harsher than the port, for code that is to bear even that.
 *
 * A queue group picks its member by chance, whether it can be reached or not: what goes to a member behind a cut is late or
 * lost, as with a broker that has not noticed yet. A request has no responders at once when there is no interest. A crash of
 * the node takes its interest away at once and revokes its buses: what waits there never settles, calls throw `sim.revoked`.
 */
import type { Clock } from '../base/clock.ts'
import { predictableEntropy } from '../base/entropy.ts'
import type { Entropy } from '../base/entropy.ts'
import { InvalidArgument } from '../base/error.ts'
import { checkKeys } from '../base/limit.ts'
import type { Random } from '../base/random.ts'
import type { Bus } from '../bus/bus.ts'
import { Hub } from '../bus/memory-hub.ts'
import { BusNode } from './bus-node.ts'
import type { LinkKind, SimNetwork } from './network.ts'

export interface SimBusOptions {
  /** The world's own time; a connection may have another. */
  readonly clock: Clock
  readonly random: Random
  /** Names the inboxes of requests. Default: predictable, from `random`. */
  readonly entropy?: Entropy
  /** Default `stream`; see the head. */
  readonly kind?: LinkKind
  /** Largest message, data and headers. Default 1 MiB, as a NATS server's. */
  readonly payloadMaxBytes?: number
  /** Requests of one connection that may wait at one time. Default 65,536. */
  readonly requestsMax?: number
}

export interface SimConnectOptions {
  /** Time of its requests and drains: the node's own, which may be skewed. Default the world's. */
  readonly clock?: Clock
  readonly entropy?: Entropy
}

export interface SimBus {
  /** A connection of a node; a node may have several. After a crash of the node connect anew. */
  connect(node: string, options?: SimConnectOptions): Bus
}

/** A crash of a node is told by the network: `network.crash(node)` revokes its connections too. */
export function createSimBus(network: Pick<SimNetwork, 'attach'>, options: SimBusOptions): SimBus {
  checkKeys('options', options, ['clock', 'random', 'entropy', 'kind', 'payloadMaxBytes', 'requestsMax'])
  const { clock, random, kind = 'stream', payloadMaxBytes, requestsMax } = options
  if (kind !== 'stream' && kind !== 'datagram') throw new InvalidArgument('kind', 'must be stream or datagram')
  const entropy = options.entropy ?? predictableEntropy(random.split('inboxes'))
  const hub = new Hub({
    clock,
    entropy,
    random: random.split('queue groups'),
    ...(payloadMaxBytes !== undefined && { payloadMaxBytes }),
    ...(requestsMax !== undefined && { requestsMax }),
  })
  const nodes = new Map<string, BusNode>()
  return {
    connect(name, given = {}) {
      checkKeys('connect', given, ['clock', 'entropy'])
      let node = nodes.get(name)
      if (!node) {
        const made = new BusNode(network, name, kind, () => {
          if (nodes.get(name) === made) nodes.delete(name)
        })
        nodes.set(name, (node = made))
      }
      return node.connect(hub, given.clock ?? clock, given.entropy ?? entropy)
    },
  }
}

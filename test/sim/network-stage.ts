/** A simulated network on a manual clock, with what each node got and all events kept. */
import { manualClock } from '../../src/base/manual-clock.ts'
import type { ManualClock } from '../../src/base/manual-clock.ts'
import { seededRandom } from '../../src/base/random.ts'
import { createSimNetwork } from '../../src/sim/network.ts'
import type { Endpoint, NetworkEvent, SimNetwork, SimNetworkOptions } from '../../src/sim/network.ts'

export interface Stage {
  readonly clock: ManualClock
  readonly network: SimNetwork
  readonly events: NetworkEvent[]
  /** What came to each node, as `<from>:<text>`, and `<peer> broke: <why>, <lost> lost`. */
  readonly got: Map<string, string[]>
  readonly attach: (node: string) => Endpoint
  readonly gotBy: (node: string) => readonly string[]
  readonly drops: () => string[]
}

export function stage(options: Partial<SimNetworkOptions> & { readonly seed?: number } = {}): Stage {
  const { seed = 1, ...given } = options
  const clock = manualClock()
  const events: NetworkEvent[] = []
  const got = new Map<string, string[]>()
  // What is observed is not kept by contract; the text of the data stands for it.
  const observe = (event: NetworkEvent) =>
    void events.push(event.type === 'sent' ? { ...event, data: new Uint8Array(event.data) } : event)
  const network = createSimNetwork({ clock, random: seededRandom(seed), observe, ...given })
  const gotBy = (node: string) => got.get(node) ?? []
  return {
    clock,
    network,
    events,
    got,
    gotBy,
    attach(node) {
      const list = got.get(node) ?? []
      got.set(node, list)
      return network.attach(node, {
        onMessage: ({ from, data }) => void list.push(`${from}:${Buffer.from(data).toString()}`),
        onBreak: (peer, why, lost) => void list.push(`${peer} broke: ${why}, ${lost} lost`),
      })
    },
    drops: () => events.flatMap((event) => (event.type === 'dropped' ? [event.why] : [])),
  }
}

export const say = (text: string | number): Uint8Array => Buffer.from(String(text))

/**
 * FaultDriver: does the faults of a run to its world, and undoes them when their time is over or the world is calm. Unlike
 * `chaos.ts`, which draws them, it knows nodes and links. A fault that meets a node in no state for it does nothing.
 */
import type { Random } from '../base/random.ts'
import { SimNodeUnknown } from './error.ts'
import { faultText } from './fault.ts'
import type { Fault } from './fault.ts'
import type { Loop } from './loop.ts'
import type { Disturbance, SimNetwork } from './network.ts'
import type { Place } from './place.ts'
import type { WorldNode } from './world-node.ts'

export interface FaultHost {
  readonly loop: Loop
  readonly root: Place
  readonly network: SimNetwork
  readonly nodes: ReadonlyMap<string, WorldNode>
  readonly count: (counter: string, times: number) => void
  readonly log: (text: string) => void
}

/** Ends one fault. */
type Undo = () => void

export class FaultDriver {
  readonly #host: FaultHost
  readonly #running = new Set<Undo>()
  readonly #skews = new Map<WorldNode, Undo>()
  /** Faults that are still to come do nothing once this is over. */
  #calm = false

  constructor(host: FaultHost) {
    this.#host = host
  }

  /** Before everything else of their instants, so that it does not matter when they were scheduled. */
  schedule(faults: readonly Fault[]): void {
    const { loop, root } = this.#host
    for (const fault of faults)
      loop.addFirst(root, fault.atMs, `fault ${fault.kind}`, () => {
        if (!this.#calm) this.apply(fault)
      })
  }

  apply(fault: Fault): void {
    const { root, log, count } = this.#host
    log(`fault ${faultText(fault)}`)
    count(`fault.${fault.kind}`, 1)
    const undo = this.#do(fault)
    if (undo === undefined) return
    this.#running.add(undo)
    if (fault.kind === 'jump' || fault.forMs === undefined) return
    root.timer(fault.forMs, `end of ${fault.kind}`, () => {
      if (!this.#running.delete(undo)) return
      log(`over ${faultText(fault)}`)
      undo()
    })
  }

  /** Ends all faults and those to come. */
  calm(): void {
    this.#calm = true
    for (const undo of this.#running) undo()
    this.#running.clear()
    this.#host.network.heal()
    for (const node of this.#host.nodes.values()) {
      node.resume()
      node.skew(0)
      node.fittings.mend()
    }
  }

  /** New faults may come again, after a calm. */
  rouse(): void {
    this.#calm = false
  }

  #do(fault: Fault): Undo | undefined {
    const { network } = this.#host
    switch (fault.kind) {
      case 'crash':
        return this.#crash(this.#node(fault.node))
      case 'pause':
        return this.#pause(this.#node(fault.node))
      case 'partition':
        for (const name of fault.groups.flat()) this.#node(name)
        return ending(network.partition(fault.groups))
      case 'cut':
        return ending(network.cut(fault.from, fault.to, { oneWay: fault.oneWay ?? false }))
      case 'weather': {
        const { from, to, change } = fault
        return ending(network.weather(change, { ...(from !== undefined && { from }), ...(to !== undefined && { to }) }))
      }
      case 'skew':
        return this.#skew(this.#node(fault.node), fault.ppm)
      case 'jump':
        this.#node(fault.node).jump(fault.byMs)
        return undefined
      case 'disk':
      default:
        return this.#node(fault.node).fittings.fault(fault.fault)
    }
  }

  #crash(node: WorldNode): Undo | undefined {
    if (!node.up) return undefined
    node.crash()
    const { incarnation } = node
    return () => {
      if (!node.up && node.incarnation === incarnation) node.restart()
    }
  }

  #pause(node: WorldNode): Undo | undefined {
    if (!node.up || node.paused) return undefined
    node.pause()
    const { incarnation } = node
    return () => {
      if (node.incarnation === incarnation) node.resume()
    }
  }

  /** Of several at once the last one counts, also when one before it is over. */
  #skew(node: WorldNode, ppm: number): Undo {
    const undo = () => {
      if (this.#skews.get(node) !== undo) return
      this.#skews.delete(node)
      node.skew(0)
    }
    this.#skews.set(node, undo)
    node.skew(ppm)
    return undo
  }

  #node(name: string): WorldNode {
    const node = this.#host.nodes.get(name)
    if (!node) throw new SimNodeUnknown(name, [...this.#host.nodes.keys()])
    return node
  }
}

function ending(disturbance: Disturbance): Undo {
  return () => disturbance.end()
}

/** The stream that faults are drawn from, one for each call of `chaos` in its order. */
export function chaosStream(random: Random, call: number): Random {
  return random.split('chaos').split(`${call}`)
}

/**
 * Fitter: gives each node of a world its bus and its disk, over the network and the seed of the world. It holds what outlives
 * incarnations, the disks, and makes what ends with one. Code of a node that a message or a disk wakes runs as the node's.
 */
import { predictableEntropy } from '../base/entropy.ts'
import type { Random } from '../base/random.ts'
import { createSimBus } from './bus.ts'
import type { SimBus } from './bus.ts'
import { createSimDisk } from './disk.ts'
import type { SimDisk } from './disk.ts'
import type { DiskFaultKind } from './fault.ts'
import { HeldDisk } from './held-disk.ts'
import type { LinkKind, SimNetwork } from './network.ts'
import type { StationHandlers } from './network-station.ts'
import type { Place } from './place.ts'
import type { NodeFittings } from './world-fitting.ts'
import { diskWitness } from './world-witness.ts'

export interface FitterOptions {
  readonly root: Place
  readonly network: SimNetwork
  readonly random: Random
  readonly busKind: LinkKind
  readonly count: (counter: string, times: number) => void
  readonly log: (text: string) => void
}

export class Fitter {
  readonly #options: FitterOptions
  readonly #bus: SimBus
  /** The incarnation that connects: the bus attaches to the network in its name. */
  #connecting: Place | undefined

  constructor(options: FitterOptions) {
    this.#options = options
    const { root, random, busKind } = options
    this.#bus = createSimBus(
      { attach: (...port) => this.#attach(...port) },
      { clock: root.clock, random: random.split('bus'), kind: busKind },
    )
  }

  #attach(...[node, handlers, port]: Parameters<SimNetwork['attach']>): ReturnType<SimNetwork['attach']> {
    const place = this.#connecting
    return this.#options.network.attach(node, place === undefined ? handlers : handlersIn(place, handlers), port)
  }

  fit(node: string): NodeFittings {
    const { root, random, count, log } = this.#options
    const disk = createSimDisk({
      clock: root.clock,
      random: random.split('disks').split(node),
      observe: diskWitness(node, log, count),
      name: `the disk of ${node}`,
    })
    const faults = new DiskFaults(disk)
    return {
      ports: (place, own) => ({ bus: this.#connect(node, place, own), disk: new HeldDisk(disk.mount(), place) }),
      end: (crashed) => {
        if (crashed) disk.crash(faults.torn ? 'mixed' : 'any')
      },
      fault: (kind) => faults.begin(kind),
      mend: () => faults.mend(),
    }
  }

  #connect(node: string, place: Place, own: Random): ReturnType<SimBus['connect']> {
    this.#connecting = place
    try {
      return this.#bus.connect(node, { clock: place.clock, entropy: predictableEntropy(own) })
    } finally {
      this.#connecting = undefined
    }
  }
}

class DiskFaults {
  readonly #disk: SimDisk
  #torn = 0

  constructor(disk: SimDisk) {
    this.#disk = disk
  }

  /** The next crash leaves parts of writes. */
  get torn(): boolean {
    return this.#torn > 0
  }

  begin(kind: DiskFaultKind): () => void {
    const disk = this.#disk
    const ending = (change: { end(): void }) => () => change.end()
    switch (kind) {
      case 'slow':
        return ending(disk.trouble({ latencyMinMs: 1, latencyMaxMs: 100, syncMinMs: 10, syncMaxMs: 1000 }))
      case 'stall':
        return ending(disk.stall())
      case 'error':
        return ending(disk.trouble({ errorChance: 0.1, syncErrorChance: 0.3 }))
      case 'full':
        return ending(disk.fill())
      case 'torn':
        this.#torn++
        return () => void (this.#torn = Math.max(0, this.#torn - 1))
      case 'flip':
      default:
        disk.flip()
        return () => {}
    }
  }

  mend(): void {
    this.#torn = 0
    this.#disk.heal()
  }
}

/** Handlers run as code of the node, and what they throw is the node's. That the port has ended is told in any case. */
export function handlersIn(place: Place, handlers: StationHandlers): StationHandlers {
  const { onMessage, onBreak, onEnd } = handlers
  const guarded = (action: () => void): void => {
    if (place.revoked) return
    try {
      place.enter(action)
    } catch (error) {
      place.uncaught(error)
    }
  }
  return {
    onMessage: (message) => guarded(() => onMessage(message)),
    ...(onBreak && { onBreak: (peer, why, lost) => guarded(() => onBreak(peer, why, lost)) }),
    ...(onEnd && { onEnd: (how) => place.enter(() => onEnd(how)) }),
  }
}

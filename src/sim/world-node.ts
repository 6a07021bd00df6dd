/**
 * WorldNode: one node of a world through its incarnations. It begins and ends them and holds what outlives them: the disk,
 * the clock, the name. Unlike a place it is never revoked. What happens to it is told to the world, which keeps the trace.
 */
import { InvalidArgument } from '../base/error.ts'
import { wholeNumber } from '../base/limit.ts'
import type { Random } from '../base/random.ts'
import { SimRevoked } from './error.ts'
import { ppmMax } from './fault.ts'
import { LocalTime } from './local-time.ts'
import type { Loop } from './loop.ts'
import type { SimNetwork } from './network.ts'
import { Place } from './place.ts'
import type { PlaceEvents } from './place.ts'
import type { NodeOptions, Ports, SimNode } from './world.ts'
import { handlersIn } from './world-fitter.ts'
import type { NodeFittings } from './world-fitting.ts'

/** What a node needs of its world. */
export interface NodeHost {
  readonly loop: Loop
  readonly root: Place
  readonly startMs: number
  readonly random: Random
  readonly network: SimNetwork
  /** Bus and disk of a node. */
  readonly fit: (node: string) => NodeFittings
  readonly count: (counter: string, times: number) => void
  readonly log: (text: string) => void
  readonly failed: (label: string, error: unknown) => void
  readonly escaped: PlaceEvents['escaped']
}

export class WorldNode implements SimNode {
  readonly name: string
  incarnation = 0
  readonly #host: NodeHost
  readonly #run: (ports: Ports) => unknown
  readonly #onError: 'fail' | 'crash'
  readonly #restartMs: number
  readonly #time: LocalTime
  readonly #fittings: NodeFittings
  #place: Place | undefined
  #ended: Promise<unknown> = Promise.resolve()
  #stopping = new AbortController()
  /** Pauses so far: the end of one does not end the next. */
  #pauses = 0

  constructor(host: NodeHost, name: string, run: (ports: Ports) => unknown, options: NodeOptions) {
    if (typeof run !== 'function') throw new InvalidArgument('run', 'must be the function of the node')
    const { onError = 'fail' } = options
    if (onError !== 'fail' && onError !== 'crash') throw new InvalidArgument('onError', 'must be fail or crash')
    this.name = name
    this.#host = host
    this.#run = run
    this.#onError = onError
    this.#restartMs = wholeNumber('restartMs', options.restartMs ?? 1000, 0, 86_400_000)
    this.#time = new LocalTime(host.loop, host.startMs)
    host.network.add(name)
    this.#fittings = host.fit(name)
  }

  get up(): boolean {
    return this.#place !== undefined
  }
  get paused(): boolean {
    return this.#place?.paused ?? false
  }
  get label(): string {
    return `${this.name}#${this.incarnation}`
  }
  /** For faults of the disk. */
  get fittings(): NodeFittings {
    return this.#fittings
  }

  crash(): void {
    if (!this.#place) return
    this.#host.log(`crash ${this.label}`)
    this.#host.count('crashes', 1)
    this.#end(true)
  }

  /** Revokes first: whatever the ends of its ports still call is of nobody. */
  #end(crashed: boolean): void {
    const resumed = this.paused
    this.#place?.revoke()
    this.#place = undefined
    this.#host.network.crash(this.name)
    if (resumed) this.#host.network.release(this.name)
    this.#fittings.end(crashed)
  }

  restart(): void {
    this.crash()
    this.incarnation++
    const { loop, root } = this.#host
    const place = this.#newPlace()
    this.#place = place
    this.#stopping = new AbortController()
    this.#host.log(`start ${this.label}`)
    const ports = this.#ports(place)
    loop.add(root, 0, `start ${this.label}`, () => {
      if (place.revoked) return
      this.#ended = place.enter(async () => this.#run(ports))
      this.#ended.catch((error: unknown) => place.uncaught(error))
    })
  }

  #newPlace(): Place {
    const { loop, random, escaped } = this.#host
    const own = random.split(this.name).split(`${this.incarnation}`)
    const uncaught = (place: Place, error: unknown) => this.#uncaught(place, error)
    return new Place({ label: this.label, loop, time: this.#time, random: own, events: { uncaught, escaped } })
  }

  #uncaught(place: Place, error: unknown): void {
    if (this.#onError === 'fail') return this.#host.failed(place.label, error)
    this.#host.count('errors', 1)
    this.crash()
    const { incarnation } = this
    this.#host.root.timer(this.#restartMs, 'restart', () => {
      if (!this.up && this.incarnation === incarnation) this.restart()
    })
  }

  #ports(place: Place): Ports {
    const { network, count, log, random } = this.#host
    const { name, incarnation } = this
    const own = random.split(name).split(`${incarnation}`).split('ports')
    const alive = () => !place.revoked
    return {
      name,
      incarnation,
      clock: place.clock,
      random: own,
      entropy: place.entropy,
      signal: this.#stopping.signal,
      ...this.#fittings.ports(place, own.split('bus')),
      wire: (handlers, options) => {
        // The name of the port is the next incarnation's.
        if (place.revoked) throw new SimRevoked(name, 'the network')
        return network.attach(name, handlersIn(place, handlers), options)
      },
      count: (counter, times = 1) => {
        if (alive()) count(counter, wholeNumber('times', times, 0))
      },
      log: (text) => {
        if (alive()) log(`${place.label} ${text}`)
      },
    }
  }

  pause(forMs?: number): void {
    if (!this.#place || this.paused) return
    this.#host.log(`pause ${this.label}`)
    this.#place.pause()
    this.#host.network.hold(this.name)
    const pause = ++this.#pauses
    if (forMs === undefined) return
    const place = this.#place
    this.#host.root.timer(forMs, 'resume', () => {
      if (this.#place === place && this.#pauses === pause) this.resume()
    })
  }

  resume(): void {
    if (!this.#place || !this.paused) return
    this.#host.log(`resume ${this.label}`)
    this.#place.resume()
    this.#host.network.release(this.name)
  }

  skew(ppm: number): void {
    this.#time.run(wholeNumber('ppm', ppm, -ppmMax, ppmMax))
  }

  jump(byMs: number): void {
    if (!Number.isFinite(byMs)) throw new InvalidArgument('byMs', 'must be a number of milliseconds')
    this.#time.jump(byMs)
  }

  async stop(): Promise<void> {
    const place = this.#place
    if (!place) return
    this.#host.log(`stop ${this.label}`)
    place.enter(() => this.#stopping.abort())
    await this.#ended.catch(() => {})
    if (this.#place === place) this.#end(false)
  }

  /** The world is over: nobody acts any more. */
  over(): void {
    this.#place?.revoke()
  }
}

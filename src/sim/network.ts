/**
 * The network of a simulated world: directed links between named nodes, with weather (latency, loss, duplicates, reordering),
 * cuts of every shape, paused and crashed nodes. Unlike a bus it knows addresses and bytes alone. It is built on a clock and
 * a seeded random alone, each link with a stream of its own, so that the same seed gives the same deliveries. It never
 * delivers inside a call of the sender, and never loses anything without telling `observe`.
 *
 * | | datagram | stream |
 * | --- | --- | --- |
 * | order | as the weather lets | kept |
 * | loss | silent for the nodes | delays; after `streamTimeoutMs` without progress the stream breaks, and both ends are told |
 * | duplicates | as the weather lets | never |
 * | at a cut | lost | waits for its end, or for the timeout |
 * | to a paused node | waits, up to `heldMax`, then lost | waits |
 * | to a node that crashed meanwhile | lost | lost, and the sender is told |
 * | of a node that crashed meanwhile | may still arrive | may still arrive, and then the receiver is told |
 */
import type { Clock } from '../base/clock.ts'
import { LimitExceeded } from '../base/error.ts'
import { checkKeys, plainName, wholeNumber } from '../base/limit.ts'
import type { Random } from '../base/random.ts'
import { SimPortTaken, SimNodeUnknown } from './error.ts'
import type { NetworkEvent } from './network-event.ts'
import { Link } from './network-link.ts'
import { Flight } from './network-parcel.ts'
import { Station } from './network-station.ts'
import type { Endpoint, StationHandlers, StationHost } from './network-station.ts'
import { perfectWeather, weatherWith } from './network-weather.ts'
import type { Weather } from './network-weather.ts'

export type { BreakReason, DropReason, LinkKind, NetworkEvent } from './network-event.ts'
export type { Endpoint, Incoming, SendOptions, StationHandlers } from './network-station.ts'
export type { Weather } from './network-weather.ts'

export interface SimNetworkOptions {
  /** The world's own time, of which no node's clock is skewed. */
  readonly clock: Clock
  readonly random: Random
  /** Told of every event as it happens. */
  readonly observe?: (event: NetworkEvent) => void
  /** The weather of all links when nothing else is said. Default: all arrives, once, in order, after 1 ms. */
  readonly weather?: Partial<Weather>
  /** Messages in flight, those that wait at cuts and paused nodes included. Default 65,536. */
  readonly messagesMax?: number
  /** Bytes of them. Default 256 MiB. */
  readonly bytesMax?: number
  /** Messages that wait at a paused node, in each direction and port. Default 4096. */
  readonly heldMax?: number
  /** Time without progress after which a stream breaks. Default 10,000: less than TCP's, more than most timeouts. */
  readonly streamTimeoutMs?: number
}

/** A disturbance that lasts until it is ended; ending it twice is once. Others that overlap it stay. */
export interface Disturbance {
  end(): void
}

/** Links by their ends; an end that is left out is any. */
export interface LinkChoice {
  readonly from?: string
  readonly to?: string
}

export interface SimNetwork {
  /** Makes a node known before it attaches, so that links to it can be cut. Up to 1024 nodes; idempotent. */
  add(node: string): void
  /** Names in the order they were made known. */
  readonly nodes: readonly string[]
  /**
   * Attaches a port of a node, for one incarnation. Handlers run in the network's timers. Default port `wire`. Throws
   * `sim.port_taken`, `base.invalid_argument`.
   */
  attach(node: string, handlers: StationHandlers, options?: { readonly port?: string }): Endpoint
  /** Changes the weather of some links, on top of what was changed before, until it is ended. */
  weather(change: Partial<Weather>, where?: LinkChoice): Disturbance
  /** Cuts both directions between two nodes, or only what `from` sends to `to`. */
  cut(from: string, to: string, options?: { readonly oneWay?: boolean }): Disturbance
  /** Nodes of different groups do not reach each other; a node in no group reaches all, which makes the partition partial. */
  partition(groups: readonly (readonly string[])[]): Disturbance
  /** Cuts the node from all others, those that come later too. `receives`: it still hears; `sends`: it is still heard. */
  isolate(node: string, options?: { readonly receives?: boolean; readonly sends?: boolean }): Disturbance
  /** Ends all cuts and all changes of the weather. */
  heal(): void
  /** False when the link is cut. */
  reaches(from: string, to: string): boolean
  /** Pauses a node: its ports neither hand out nor send, what arrives and what it sends waits in order. */
  hold(node: string): void
  release(node: string): void
  /** The node crashed: its ports are revoked and say nothing any more; what is in flight to them will be lost. */
  crash(node: string): void
  /** Messages and bytes in flight. */
  readonly inFlight: { readonly messages: number; readonly bytes: number }
}

const nodesMax = 1024
/** Disturbances at one time. */
const disturbancesMax = 4096
const nameMax = 64

export function createSimNetwork(options: SimNetworkOptions): SimNetwork {
  return new Network(options)
}

interface Rule {
  readonly covers: (from: string, to: string) => boolean
  readonly change: Partial<Weather> | undefined
}

const optionNames = [
  'clock',
  'random',
  'observe',
  'weather',
  'messagesMax',
  'bytesMax',
  'heldMax',
  'streamTimeoutMs',
] as const

class Network implements SimNetwork {
  readonly #clock: Clock
  readonly #random: Random
  readonly #base: Weather
  readonly #flight: Flight
  readonly #host: StationHost
  readonly #nodes = new Map<string, { held: boolean; readonly ports: Map<string, Station> }>()
  readonly #links = new Map<string, Map<string, Link>>()
  readonly #rules = new Set<Rule>()
  #id = 0

  constructor(options: SimNetworkOptions) {
    checkKeys('options', options, optionNames)
    this.#clock = options.clock
    this.#random = options.random
    this.#base = weatherWith(perfectWeather, options.weather ?? {})
    this.#flight = new Flight(
      wholeNumber('messagesMax', options.messagesMax ?? 65_536, 1),
      wholeNumber('bytesMax', options.bytesMax ?? 256 * 1024 * 1024, 1),
      options.observe,
    )
    const timeoutMs = wholeNumber('streamTimeoutMs', options.streamTimeoutMs ?? 10_000, 1, 86_400_000)
    this.#host = {
      setting: { clock: this.#clock, timeoutMs },
      clock: this.#clock,
      flight: this.#flight,
      heldMax: wholeNumber('heldMax', options.heldMax ?? 4096, 1),
      nextId: () => ++this.#id,
      knows: (node) => this.#nodes.has(node),
      nodes: () => this.nodes,
      link: (from, to) => this.#link(from, to),
      station: (node, port) => this.#nodes.get(node)?.ports.get(port),
      forget: (station) => void this.#nodes.get(station.node)?.ports.delete(station.port),
    }
  }

  get nodes(): readonly string[] {
    return [...this.#nodes.keys()]
  }

  get inFlight(): { readonly messages: number; readonly bytes: number } {
    const { messages, bytes } = this.#flight
    return { messages, bytes }
  }

  add(node: string): void {
    if (this.#nodes.has(node)) return
    plainName('node', node, nameMax)
    if (this.#nodes.size >= nodesMax) throw new LimitExceeded('nodes', nodesMax, nodesMax + 1)
    this.#nodes.set(node, { held: false, ports: new Map() })
  }

  attach(node: string, handlers: StationHandlers, options: { readonly port?: string } = {}): Endpoint {
    checkKeys('attach', options, ['port'])
    const port = plainName('port', options.port ?? 'wire', nameMax)
    this.add(node)
    const { held, ports } = this.#known(node)
    if (ports.has(port)) throw new SimPortTaken(node, port)
    const station = new Station(this.#host, node, port, handlers)
    if (held) station.hold()
    ports.set(port, station)
    return station
  }

  weather(change: Partial<Weather>, where: LinkChoice = {}): Disturbance {
    weatherWith(this.#base, change)
    checkKeys('where', where, ['from', 'to'])
    const { from, to } = where
    for (const node of [from, to]) if (node !== undefined) this.#known(node)
    return this.#disturb({
      covers: (sender, receiver) => (from ?? sender) === sender && (to ?? receiver) === receiver,
      change: { ...change },
    })
  }

  cut(from: string, to: string, options: { readonly oneWay?: boolean } = {}): Disturbance {
    checkKeys('cut', options, ['oneWay'])
    for (const node of [from, to]) this.#known(node)
    const bothWays = options.oneWay !== true
    return this.#disturb({
      covers: (sender, receiver) =>
        (sender === from && receiver === to) || (bothWays && sender === to && receiver === from),
      change: undefined,
    })
  }

  partition(groups: readonly (readonly string[])[]): Disturbance {
    const groupOf = new Map<string, number>()
    for (const [at, group] of groups.entries())
      for (const node of group) {
        this.#known(node)
        groupOf.set(node, at)
      }
    return this.#disturb({
      covers: (sender, receiver) => {
        const [one, other] = [groupOf.get(sender), groupOf.get(receiver)]
        return one !== undefined && other !== undefined && one !== other
      },
      change: undefined,
    })
  }

  isolate(node: string, options: { readonly receives?: boolean; readonly sends?: boolean } = {}): Disturbance {
    checkKeys('isolate', options, ['receives', 'sends'])
    this.#known(node)
    const { receives = false, sends = false } = options
    return this.#disturb({
      covers: (sender, receiver) => (sender === node && !sends) || (receiver === node && !receives),
      change: undefined,
    })
  }

  heal(): void {
    this.#rules.clear()
    this.#changed()
  }

  reaches(from: string, to: string): boolean {
    for (const node of [from, to]) this.#known(node)
    return !this.#cutBetween(from, to)
  }

  hold(node: string): void {
    const known = this.#known(node)
    known.held = true
    for (const station of known.ports.values()) station.hold()
  }

  release(node: string): void {
    const known = this.#known(node)
    known.held = false
    for (const station of known.ports.values()) station.release()
  }

  crash(node: string): void {
    const known = this.#known(node)
    known.held = false
    for (const station of known.ports.values()) station.end('crashed')
  }

  #known(node: string): { held: boolean; readonly ports: Map<string, Station> } {
    const known = this.#nodes.get(node)
    if (!known) throw new SimNodeUnknown(node, this.nodes)
    return known
  }

  #disturb(rule: Rule): Disturbance {
    if (this.#rules.size >= disturbancesMax)
      throw new LimitExceeded('disturbances', disturbancesMax, disturbancesMax + 1)
    this.#rules.add(rule)
    this.#changed()
    return {
      end: () => {
        if (this.#rules.delete(rule)) this.#changed()
      },
    }
  }

  /** Links read the rules when these change, not at each message. */
  #changed(): void {
    for (const links of this.#links.values())
      for (const link of links.values()) {
        link.weather = this.#weatherBetween(link.from, link.to)
        link.cut = this.#cutBetween(link.from, link.to)
      }
    for (const { ports } of this.#nodes.values()) for (const station of ports.values()) station.resume()
  }

  #cutBetween(from: string, to: string): boolean {
    if (from === to) return false
    for (const { covers, change } of this.#rules) if (!change && covers(from, to)) return true
    return false
  }

  #weatherBetween(from: string, to: string): Weather {
    if (from === to) return loopback
    let weather = this.#base
    for (const { covers, change } of this.#rules) if (change && covers(from, to)) weather = weatherWith(weather, change)
    return weather
  }

  #link(from: string, to: string): Link {
    let links = this.#links.get(from)
    if (!links) this.#links.set(from, (links = new Map<string, Link>()))
    let link = links.get(to)
    if (!link) {
      const random = this.#random.split(`link from ${from}`).split(to)
      link = new Link(from, to, this.#clock, random, this.#weatherBetween(from, to), this.#cutBetween(from, to))
      links.set(to, link)
    }
    return link
  }
}

/** A node reaches itself without a wire. */
const loopback: Weather = weatherWith(perfectWeather, { latencyMinMs: 0, latencyMaxMs: 0 })

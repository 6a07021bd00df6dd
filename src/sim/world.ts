/**
 * World: what a scenario holds of the world it runs in, and a node's code of its node. Interfaces only; `simulate` makes a
 * world, `world-run.ts` is one. All times are virtual milliseconds since the world began.
 */
import type { Clock } from '../base/clock.ts'
import type { Entropy } from '../base/entropy.ts'
import type { Random } from '../base/random.ts'
import type { Bus } from '../bus/bus.ts'
import type { Disk } from '../store/disk.ts'
import type { ChaosProfile } from './chaos.ts'
import type { Fault } from './fault.ts'
import type { SimNetwork } from './network.ts'
import type { Endpoint, StationHandlers } from './network-station.ts'

/** What one incarnation of a node holds. After its crash nothing of it acts: waits never end, messages go nowhere. */
export interface Ports {
  readonly name: string
  /** 1, and one more with each restart. */
  readonly incarnation: number
  /** The node's own clock, with its skew. */
  readonly clock: Clock
  /** A stream of the node and incarnation. */
  readonly random: Random
  readonly entropy: Entropy
  /** Aborted by `stop`, and not by a crash, which nobody feels coming. */
  readonly signal: AbortSignal
  /** A connection of its own to the bus of the world, over the network. */
  readonly bus: Bus
  /** What is synced outlives a crash; the next incarnation has the same. */
  readonly disk: Disk
  /** A port of the raw network. Default name `wire`. Throws `sim.port_taken`. */
  readonly wire: (handlers: StationHandlers, options?: { readonly port?: string }) => Endpoint
  /** Counts something, as `World.count`. */
  readonly count: (counter: string, times?: number) => void
  /** Adds a line to the trace, with the time and the node. */
  readonly log: (text: string) => void
}

export interface SimNode {
  readonly name: string
  /** Of the incarnation that runs, or ran last. */
  readonly incarnation: number
  /** Runs, paused or not. */
  readonly up: boolean
  readonly paused: boolean
  /** Ends the incarnation at once, with what its disk has not synced. Idempotent while down. */
  crash(): void
  /** Begins the next incarnation; one that runs is crashed first. */
  restart(): void
  /** Nothing is delivered, sent or due at the node until `resume`, or `forMs` have passed. */
  pause(forMs?: number): void
  resume(): void
  /** The clock runs by so many millionths fast, or slow below zero. */
  skew(ppm: number): void
  /** Sets the wall time ahead, or back below zero. */
  jump(byMs: number): void
  /** Aborts the ports' signal, waits until the node's function has ended, then takes the ports away. */
  stop(): Promise<void>
}

export interface NodeOptions {
  /**
   * What an error does that nobody in the node catches: `fail` ends the world with `sim.failed`; `crash` is a crash of the
   * node, as of a process that dies of it, and a restart after `restartMs`. Default `fail`.
   */
  readonly onError?: 'fail' | 'crash'
  /** Default 1000. */
  readonly restartMs?: number
}

export interface CalmOptions {
  /** How long the condition may take, in virtual time. Default 60,000. */
  readonly withinMs?: number
  /** How often it is asked. Default 10. */
  readonly everyMs?: number
  /** What is waited for, in the error. Default `the condition`. */
  readonly what?: string
  /** Which nodes that are down are started again. Default `all`; `majority`: as many as make one, the first by name. */
  readonly restart?: 'all' | 'majority'
}

export type Condition = () => boolean | Promise<boolean>

export interface World {
  readonly seed: number | string
  /** The world's own time, never skewed. */
  readonly clock: Clock
  /** The scenario's own stream; split it for each purpose. */
  readonly random: Random
  readonly entropy: Entropy
  /** Links, partitions and weather, to be set by hand. */
  readonly network: SimNetwork
  readonly nodes: readonly SimNode[]
  /** Starts a node. Its function may end at once or run for good. Throws `base.invalid_argument`, also for a name that is taken. */
  node(name: string, run: (ports: Ports) => unknown, options?: NodeOptions): SimNode
  /** Resolves after this long. */
  sleep(ms: number): Promise<void>
  /** Resolves when the condition holds; rejects with `base.timeout`. Faults go on meanwhile. */
  until(
    what: string,
    condition: Condition,
    options?: { readonly withinMs?: number; readonly everyMs?: number },
  ): Promise<void>
  /**
   * Lets faults happen and resolves when their time is over. They are drawn from the seed, unless `simulate` was given
   * `faults`: then those happen, and this only waits.
   */
  chaos(profile?: ChaosProfile): Promise<void>
  /** Does one fault now, for as long as it says; its `atMs` is not looked at. It is no part of the faults that are reduced. */
  inject(fault: Omit<Fault, 'atMs'> | Fault): void
  /**
   * Ends the faults: links are healed, paused nodes go on, those that are down start, clocks run right. Resolves when the
   * condition holds; else the world fails with `sim.not_live`.
   */
  calm(condition: Condition, options?: CalmOptions): Promise<void>
  /** Checked after every step, or every `every` steps. It fails by a throw, by false, or by a text that says what is wrong. */
  invariant(name: string, check: () => unknown, options?: { readonly every?: number }): void
  /** Counts something rare; see `atLeast` of `simulate`. */
  readonly count: (counter: string, times?: number) => void
  /** Adds a line to the trace. */
  readonly log: (text: string) => void
}

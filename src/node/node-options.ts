/** What a node is opened and stopped with. Types only. */
import type { ActorDefinition } from '../actor/actor.ts'
import type { Clock } from '../base/clock.ts'
import type { Entropy } from '../base/entropy.ts'
import type { Logger } from '../base/logger.ts'
import type { Random } from '../base/random.ts'
import type { Telemetry } from '../base/telemetry.ts'
import type { Bus } from '../bus/bus.ts'
import type { InlineProjection } from '../journal/projection.ts'
import type { RunReactorOptions } from '../journal/reactor-runner.ts'
import type { Model } from '../model/model.ts'
import type { Transport } from '../raft/transport.ts'
import type { Schema } from '../store/store.ts'
import type { OfNode } from './keeping.ts'
import type { OpenModelOptions } from './open-model.ts'
import type { BusContext } from './open-parts.ts'
import type { NodeWorkflowOptions } from './workflows.ts'

export interface NodeOptions {
  /** Unique in its realm: 1 to 64 of a-z, A-Z, 0-9, `-` and `_`. It stands in subjects and in the source of events. */
  readonly name: string
  /** Data folder, as a path or `file:` URL. Default: everything is in memory and calls that need durability are refused. */
  readonly data?: string
  /** A bus to use, which stays its owner's to close, or how to open one, which the node then owns. Default: in memory. */
  readonly bus?: Bus | ((context: BusContext) => Bus | Promise<Bus>)
  /** Projections whose effect commits with each append. */
  readonly inline?: readonly InlineProjection[]
  /** How often `journal.retain` erases what the metadata of streams say is not kept; 0: never. Default 3,600,000, an hour. */
  readonly retainEveryMs?: number
  /** Tables of the program's own in the node's store, for table projections. */
  readonly schemas?: readonly Schema[]
  /** How names become models. Default: `openModel` with these options. */
  readonly models?: OpenModelOptions | ((name: string) => Model)
  /** Kinds of actors that may be spawned by the name of their type, as configuration does. */
  readonly actors?: readonly ActorDefinition<never, unknown>[]
  /** Separates systems that share a server. Default `local`. */
  readonly realm?: string
  /** Whether it tells who asks over the bus what it does, as `colloquy top` shows it; see `control.ts`. Default true. */
  readonly inspect?: boolean
  readonly raft?: {
    /** How the members of raft groups reach each other; it stays its owner's to close. Default: over the node's bus. */
    readonly transport?: Transport
    /** Whether `colloquy raft` can look at the groups and operate them through the data folder; see `door.ts`. Default true. */
    readonly door?: boolean
  }
  /** How sagas are run, and those that may be under way from an earlier life. */
  readonly workflow?: NodeWorkflowOptions
  readonly clock?: Clock
  /** Chance that may be repeated. Default: seeded from the entropy. */
  readonly random?: Random
  readonly entropy?: Entropy
  readonly logger?: Logger
  /** Default: nothing is measured. With it, the node's bus has spans for publish, process and request. */
  readonly telemetry?: Telemetry
}

/** What is not the node's own to say of a reactor. */
export type NodeReactorOptions = Omit<RunReactorOptions, OfNode | 'bus' | 'source' | 'random'>

export interface StopOptions {
  /** How long draining may take. Default 10,000. */
  readonly deadlineMs?: number
}

/**
 * The actors of one node, as a user holds them: the interface of `actorSystem()` and its options. Unlike the port of one
 * actor it is about all of them; what runs them is `system.ts`.
 */
import type { Clock } from '../base/clock.ts'
import type { Codec } from '../base/codec.ts'
import type { Entropy } from '../base/entropy.ts'
import type { Logger } from '../base/logger.ts'
import type { Random } from '../base/random.ts'
import type { Journal } from '../journal/journal.ts'
import type { ActorDefinition, ActorRef, AnyProtocol, SpawnArguments, StopActorOptions } from './actor.ts'
import type { DeadLetters } from './dead-letter.ts'
import type { Events } from './event-hub.ts'
import type { Group } from './group.ts'
import type { SnapshotOptions, SystemSnapshot } from './snapshot.ts'

export interface ActorSystemOptions {
  /** Name of the node, in addresses. */
  readonly node: string
  /** Of the node's life, in addresses. Default 1. */
  readonly incarnation?: number
  readonly clock?: Clock
  readonly logger?: Logger
  /** Failures of one actor without a supervisor that are borne within `periodMs`. Default 5 in 5000. */
  readonly intensity?: number
  readonly periodMs?: number
  /** Dead letters kept for whoever looks later. Default 256. */
  readonly deadLettersMax?: number
  /** Every message goes through it, as it would to another node; for tests. Default: by reference. */
  readonly codec?: Codec
  /** Where persistent actors keep their events; it stays its owner's to close, after `stop`. Default: they cannot start. */
  readonly journal?: Journal
  /** Default: seeded from the entropy. For ids of events. */
  readonly random?: Random
  /** For the tokens of events. */
  readonly entropy?: Entropy
}

export interface ActorSystem extends AsyncDisposable {
  readonly deadLetters: DeadLetters
  /** Actors that have not ended. */
  readonly size: number
  spawn<Input, P>(definition: ActorDefinition<Input, P>, ...input: SpawnArguments<Input>): ActorRef<P>
  /** The running actor of this name; with a definition, typed by it, and only if it is of that kind. */
  find<P = AnyProtocol>(name: string, definition?: ActorDefinition<never, P>): ActorRef<P> | undefined
  /** Actors under a common name; it is there as soon as it is asked for. */
  group<P = AnyProtocol>(name: string): Group<P>
  readonly events: Events
  /** What all of them do now. Looks at each once; nothing is counted for it. Throws `base.invalid_argument`. */
  inspect(options?: SnapshotOptions): SystemSnapshot
  /** Ends an actor and its children; resolves when it has ended. */
  stopActor(ref: ActorRef<never>, options?: StopActorOptions): Promise<void>
  /** Ends all, the youngest first. Idempotent. */
  stop(options?: { readonly deadlineMs?: number }): Promise<void>
}

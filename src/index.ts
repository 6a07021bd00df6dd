/**
 * The front door: a node and the types that it hands out. Each room has a subpath of its own with all it offers, such as
 * `colloquy/journal`; the main road above the node is `colloquy/convene`. Drivers and conformance checks are only there.
 */
export { ColloquyError, manualClock, seededRandom, systemClock } from './base/index.ts'
export type { Clock, CloudEvent, Logger, ManualClock, Random } from './base/index.ts'
export { actor } from './actor/index.ts'
export type { ActorDefinition, ActorRef, AnyProtocol, Context, Protocol } from './actor/index.ts'
export type { Bus, Message, Subscription } from './bus/index.ts'
export type { Contribution, Participant, Quote, Speech, Turn, Vote } from './deliberation/index.ts'
export type { Filter, Journal, Position, Recorded } from './journal/index.ts'
export type { Model } from './model/index.ts'
export * from './node/index.ts'
export type { Ballot, Outcome } from './vote/index.ts'

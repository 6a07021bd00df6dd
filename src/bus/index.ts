/**
 * The face of the room: the port, its errors, the grammar of subjects, events and traces over messages. Drivers
 * (`colloquy/bus/memory`) and the checks that every driver must pass (`colloquy/bus/conformance`) have subpaths of their
 * own and are never imported here.
 */
export type {
  Bus,
  BusStatus,
  HeadersInput,
  Message,
  MessageHeaders,
  PublishOptions,
  RequestManyOptions,
  RequestOptions,
  SubscribeOptions,
  Subscription,
  WaitOptions,
} from './bus.ts'
export {
  AlreadyConsumed,
  BufferFull,
  BusClosed,
  ConnectFailed,
  HandshakeFailed,
  Disconnected,
  InvalidHeader,
  InvalidSubject,
  ListenFailed,
  NoResponders,
  PayloadTooLarge,
  PermissionDenied,
  RequestTimeout,
  ServerRefused,
  SlowConsumer,
  Unauthorized,
} from './error.ts'
export {
  type EventOfOptions,
  type PublishEventOptions,
  eventOf,
  eventSubject,
  publishEvent,
  traceparentOf,
} from './event.ts'
export { checkPattern, checkSubject, hasWildcard, isToken, matches, subjectMaxBytes } from './subject.ts'
export { type TracedBusOptions, tracedBus } from './traced.ts'
export { aclFor, toNatsConfig } from './acl.ts'

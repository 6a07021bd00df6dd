/**
 * The face of the room: the port, its errors, the grammar of subjects. Drivers (`colloquy/bus/memory`) and the checks that
 * every driver must pass (`colloquy/bus/conformance`) have subpaths of their own and are never imported here.
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
  InvalidHeader,
  InvalidSubject,
  NoResponders,
  PayloadTooLarge,
  PermissionDenied,
  RequestTimeout,
  ServerRefused,
  SlowConsumer,
  Unauthorized,
} from './error.ts'
export { checkPattern, checkSubject, hasWildcard, isToken, matches, subjectMaxBytes } from './subject.ts'

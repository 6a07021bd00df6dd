/**
 * The face of the room: the port and its errors. Drivers (`colloquy/journal/memory`, `colloquy/journal/sqlite`) and the
 * checks that every driver must pass (`colloquy/journal/conformance`) have subpaths of their own and are never imported
 * here.
 */
export {
  EventTooLarge,
  EventUnreadable,
  InvalidEvent,
  InvalidPosition,
  JournalClosed,
  JournalReadonly,
  JournalUnsupported,
  WrongVersion,
} from './error.ts'
export { start } from './journal.ts'
export type {
  AppendOptions,
  Appended,
  ExpectedVersion,
  Filter,
  Journal,
  JournalCapabilities,
  JournalLimits,
  Position,
  ReadAllOptions,
  ReadStreamOptions,
  Recorded,
  SubscribeJournalOptions,
} from './journal.ts'

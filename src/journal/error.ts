/** The errors of the journal, one class a cause, the same on every driver. */
import { ColloquyError } from '../base/error.ts'
import type { SchemaIssue } from './schema.ts'

/** Somebody else appended first. Read the stream, decide again, append with the new version. */
export class WrongVersion extends ColloquyError {
  override readonly code = 'journal.wrong_version'
  readonly stream: string
  readonly expected: number | string
  /** 0: the stream does not exist. */
  readonly actual: number
  constructor(stream: string, expected: number | string, actual: number) {
    super(`${stream} is at version ${actual} and ${expected} was expected; read it again and decide anew`)
    this.stream = stream
    this.expected = expected
    this.actual = actual
  }
}

/** An event that was not to be there is there: `position` is its place. Read on from where you were, decide again. */
export class ConditionFailed extends ColloquyError {
  override readonly code = 'journal.condition_failed'
  readonly position: string
  constructor(position: string) {
    super(`an event at ${position} meets the condition of this append; read on to it and decide anew`)
    this.position = position
  }
}

/** The key named an append to other streams, or of other types of events. */
export class KeyReused extends ColloquyError {
  override readonly code = 'journal.key_reused'
  readonly key: string
  constructor(key: string) {
    super(`the idempotency key ${JSON.stringify(key)} was used for another append; give each append a key of its own`)
    this.key = key
  }
}

/** A tombstone is the last event of the stream. */
export class StreamEnded extends ColloquyError {
  override readonly code = 'journal.stream_ended'
  readonly stream: string
  constructor(stream: string) {
    super(`${stream} was ended by a tombstone and takes no more events; begin another stream`)
    this.stream = stream
  }
}

/** The data pass `eventMaxBytes`, or nest deeper than the codec takes: `cause` says which. Nothing of the append was kept. */
export class EventTooLarge extends ColloquyError {
  override readonly code = 'journal.event_too_large'
  readonly type: string
  readonly maxBytes: number
  constructor(type: string, maxBytes: number, options: { readonly cause: Error }) {
    super(
      `the data of an event of type ${type} is too large for eventMaxBytes ${maxBytes} (${options.cause.message}); keep a reference instead`,
      options,
    )
    this.type = type
    this.maxBytes = maxBytes
  }
}

/** The event breaks CloudEvents or cannot be encoded, and `cause` says how; or its schema refuses it, and `issues` say why. */
export class InvalidEvent extends ColloquyError {
  override readonly code = 'journal.invalid_event'
  /** Of the schema; none where it is not the schema that refuses. */
  readonly issues: readonly SchemaIssue[]
  constructor(message: string, options: ErrorOptions & { readonly issues?: readonly SchemaIssue[] } = {}) {
    super(message, options)
    this.issues = options.issues ?? []
  }
}

/** What is on disk is no event as this journal writes it: the file was changed from outside, or damaged. */
export class EventUnreadable extends ColloquyError {
  override readonly code = 'journal.event_unreadable'
  readonly stream: string
  readonly version: number
  constructor(stream: string, version: number, options?: ErrorOptions) {
    super(`event ${version} of ${stream} cannot be read; keep a copy of the file, then restore a backup`, options)
    this.stream = stream
    this.version = version
  }
}

/** The driver lacks a capability that the call needs. */
export class JournalUnsupported extends ColloquyError {
  override readonly code = 'journal.unsupported'
  readonly capability: string
  constructor(driver: string, capability: string, having: readonly string[]) {
    super(`the ${driver} journal has no ${capability}; use one of: ${having.join(', ')}`)
    this.capability = capability
  }
}

/** A position that this journal never handed out. */
export class InvalidPosition extends ColloquyError {
  override readonly code = 'journal.invalid_position'
  constructor(position: string) {
    super(
      `${JSON.stringify(position.slice(0, 40))} is no position of this journal; start from '' or from a position it gave`,
    )
  }
}

export class JournalReadonly extends ColloquyError {
  override readonly code = 'journal.readonly'
  constructor() {
    super('the journal was opened read-only; append where its data folder is owned')
  }
}

export class JournalClosed extends ColloquyError {
  override readonly code = 'journal.closed'
  constructor() {
    super('the journal is closed; open it again')
  }
}

/** Others appended to the stream at every try. */
export class Contention extends ColloquyError {
  override readonly code = 'journal.contention'
  readonly stream: string
  readonly attempts: number
  constructor(stream: string, attempts: number, options?: ErrorOptions) {
    super(
      `others appended to ${stream} first, ${attempts} times in a row; raise retriesMax, or let fewer write to it`,
      options,
    )
    this.stream = stream
    this.attempts = attempts
  }
}

/** Events that a state has to be made from are erased, and no snapshot stands for them. */
export class HistoryErased extends ColloquyError {
  override readonly code = 'journal.history_erased'
  readonly stream: string
  /** The event that was needed next. */
  readonly version: number
  /** The first that is kept. */
  readonly firstVersion: number
  constructor(stream: string, version: number, firstVersion: number) {
    super(
      `${stream} is kept from version ${firstVersion} on and no usable snapshot stands for the events from ${version}; restore them from an archive, or go back to the definition whose snapshot there was`,
    )
    this.stream = stream
    this.version = version
    this.firstVersion = firstVersion
  }
}

/** An upcaster threw, gave no event, or the chain of upcasters has no end. */
export class UpcastFailed extends ColloquyError {
  override readonly code = 'journal.upcast_failed'
  readonly stream: string
  readonly version: number
  /** Of the event as it came to that upcaster. */
  readonly type: string
  constructor(stream: string, version: number, type: string, why: string, options?: ErrorOptions) {
    super(`the upcaster of ${type} failed on event ${version} of ${stream}: ${why}; mend the upcaster`, options)
    this.stream = stream
    this.version = version
    this.type = type
  }
}

/** What was read is not what its schema takes. It is as it was appended: what changed is the schema. */
export class EventMismatch extends ColloquyError {
  override readonly code = 'journal.event_mismatch'
  readonly stream: string
  readonly version: number
  readonly type: string
  readonly issues: readonly SchemaIssue[]
  constructor(
    at: { readonly stream: string; readonly version: number; readonly type: string },
    why: string,
    options: ErrorOptions & { readonly issues: readonly SchemaIssue[] },
  ) {
    super(
      `event ${at.version} of ${at.stream} does not fit the schema of ${at.type} (${why}); add an upcaster for what was stored, or widen the schema`,
      options,
    )
    this.stream = at.stream
    this.version = at.version
    this.type = at.type
    this.issues = options.issues
  }
}

/** A stream holds an event of a type that its reader does not know: leaving it out could give a wrong state. */
export class UnknownEventType extends ColloquyError {
  override readonly code = 'journal.unknown_event_type'
  readonly stream: string
  readonly version: number
  readonly type: string
  constructor(stream: string, version: number, type: string) {
    super(
      `event ${version} of ${stream} has the type ${type}, which this typed journal does not know; add it to the types, or read with unknown: 'skip'`,
    )
    this.stream = stream
    this.version = version
    this.type = type
  }
}

/**
 * A handler, the key or the state of a projection or reactor failed at this event; `cause` says how. Nothing at or after
 * the event was kept; of an inline projection nothing of the append. Mend the handler and run it again, or let `onError`
 * park such events; an inline projection parks none.
 */
export class ProjectionFailed extends ColloquyError {
  override readonly code = 'journal.projection_failed'
  readonly projection: string
  readonly stream: string
  readonly version: number
  readonly position: string
  constructor(projection: string, at: FailedAt, options?: ErrorOptions & { readonly inline?: boolean }) {
    const why = options?.cause instanceof Error ? options.cause.message.slice(0, 500) : 'no reason given'
    const mend = options?.inline
      ? 'the append was not kept; mend its handler, so that it takes that event'
      : 'mend its handler or park such events'
    super(`${projection} failed at event ${at.version} of ${at.stream}: ${why}; ${mend}`, options)
    this.projection = projection
    this.stream = at.stream
    this.version = at.version
    this.position = at.position
  }
}

/** Where a projection failed. */
export interface FailedAt {
  readonly stream: string
  readonly version: number
  readonly position: string
}

/** Another runner keeps the checkpoint of this projection or reactor. What this one had in hand was not kept. */
export class ProjectionTaken extends ColloquyError {
  override readonly code = 'journal.projection_taken'
  readonly projection: string
  constructor(projection: string) {
    super(`${projection} is run by somebody else too, who was first; let one runner have it`)
    this.projection = projection
  }
}

/** What is stored was made by a newer version of the definition. */
export class ProjectionNewer extends ColloquyError {
  override readonly code = 'journal.projection_newer'
  readonly projection: string
  readonly found: number
  readonly known: number
  constructor(projection: string, found: number, known: number) {
    super(
      `${projection} is stored at version ${found} and this definition is ${known}; raise its version to rebuild it`,
    )
    this.projection = projection
    this.found = found
    this.known = known
  }
}

/** A wait or a call came to an end because the projection or reactor does not run any more; `cause` is its failure, if any. */
export class ProjectionStopped extends ColloquyError {
  override readonly code = 'journal.projection_stopped'
  readonly projection: string
  constructor(projection: string, options?: ErrorOptions) {
    super(`${projection} does not run any more; look at its status and run it again`, options)
    this.projection = projection
  }
}

/** A reading of all states was still under way when a rebuilt generation took over. */
export class ProjectionSwitched extends ColloquyError {
  override readonly code = 'journal.projection_switched'
  readonly projection: string
  constructor(projection: string) {
    super(`a rebuilt ${projection} has taken over while its states were read; read them again`)
    this.projection = projection
  }
}

export class ProjectionRebuilding extends ColloquyError {
  override readonly code = 'journal.projection_rebuilding'
  readonly projection: string
  constructor(projection: string) {
    super(`${projection} is being rebuilt already; wait for that rebuild`)
    this.projection = projection
  }
}

/** An inline projection lacks earlier events, because a journal that does not know it has appended, time and again. */
export class ProjectionBehind extends ColloquyError {
  override readonly code = 'journal.projection_behind'
  readonly projection: string
  constructor(projection: string) {
    super(`${projection} lacks events before this append; open every journal of this store with its inline projections`)
    this.projection = projection
  }
}

/** One more event, or one more message of a reactor, was to be parked than `parkedMax` allows. */
export class ParkedFull extends ColloquyError {
  override readonly code = 'journal.parked_full'
  readonly projection: string
  readonly max: number
  readonly what: 'events' | 'messages'
  constructor(projection: string, max: number, what: 'events' | 'messages', options?: ErrorOptions) {
    const calls = what === 'events' ? 'retryParked or discardParked' : 'retryMessages or discardMessages'
    super(`${projection} has parked ${max} ${what}; call ${calls} and run it again, or raise parkedMax`, options)
    this.projection = projection
    this.max = max
    this.what = what
  }
}

/** Erased events do not fit in front of those that are kept. The stream is as it was. */
export class RestoreConflict extends ColloquyError {
  override readonly code = 'journal.restore_conflict'
  readonly stream: string
  readonly version: number
  constructor(stream: string, version: number, why: string) {
    super(`event ${version} of ${stream} ${why}; restore into the journal that it came from, the latest archive first`)
    this.stream = stream
    this.version = version
  }
}

/** A delivery was settled late or twice: its event was settled, or has been delivered again. What the handler did may be done again. */
export class LeaseLost extends ColloquyError {
  override readonly code = 'journal.lease_lost'
  readonly group: string
  readonly position: string
  readonly attempt: number
  constructor(group: string, position: string, attempt: number) {
    super(
      `delivery ${attempt} of the event at ${position} counts no more in group ${group}; settle once, in time, or extend it`,
    )
    this.group = group
    this.position = position
    this.attempt = attempt
  }
}

/** A consumer of this name runs in the group. */
export class ConsumerExists extends ColloquyError {
  override readonly code = 'journal.consumer_exists'
  readonly group: string
  readonly consumer: string
  constructor(group: string, consumer: string) {
    super(`group ${group} has a consumer ${consumer}; end it first, or give this one another name`)
    this.group = group
    this.consumer = consumer
  }
}

/** The group is there with another value of an option that must not change. */
export class GroupConflict extends ColloquyError {
  override readonly code = 'journal.group_conflict'
  readonly group: string
  readonly option: string
  constructor(group: string, option: string) {
    super(`group ${group} was opened with another ${option}; use the same, or another name, or remove the group first`)
    this.group = group
    this.option = option
  }
}

/** Another journal over the same store has opened the group, or removed it: this one would undo what it does. */
export class GroupTaken extends ColloquyError {
  override readonly code = 'journal.group_taken'
  readonly group: string
  constructor(group: string) {
    super(`group ${group} was opened or removed by another journal over this store; use one journal for a group`)
    this.group = group
  }
}

/** What is to be imported or restored is damaged, cut off, not what an export writes, or has an event that cannot be kept. Nothing from `offset` on was taken. */
export class TransferBroken extends ColloquyError {
  override readonly code = 'journal.transfer_broken'
  /** Where the event begins that is wrong; from 1. */
  readonly line: number
  /** Bytes before it, unpacked. */
  readonly offset: number
  constructor(
    at: { readonly line: number; readonly offset: number },
    why: string,
    { mend = 'get a whole copy of it and do it again', ...options }: ErrorOptions & { readonly mend?: string } = {},
  ) {
    super(`line ${at.line} (byte ${at.offset}): the file ${why}; ${mend}`, options)
    this.line = at.line
    this.offset = at.offset
  }
}

/** An event cannot have the version that it had where it was exported. */
export class TransferConflict extends ColloquyError {
  override readonly code = 'journal.transfer_conflict'
  readonly stream: string
  /** Of the event in the file. */
  readonly version: number
  /** Of the stream here. */
  readonly actual: number
  constructor(stream: string, version: number, actual: number, why: string, options?: ErrorOptions) {
    super(`event ${version} of ${stream} cannot keep its version: ${why}`, options)
    this.stream = stream
    this.version = version
    this.actual = actual
  }
}

/** What an archive file holds is not what is to be archived into it. Nothing was erased. */
export class ArchiveConflict extends ColloquyError {
  override readonly code = 'journal.archive_conflict'
  readonly stream: string
  constructor(stream: string, why: string) {
    super(`the archive ${why}, of stream ${stream}; name another file`)
    this.stream = stream
  }
}

/** The file of an archive or export cannot be written or read; `cause` says why. */
export class ArchiveUnwritable extends ColloquyError {
  override readonly code = 'journal.archive_unwritable'
  readonly file: string
  constructor(file: string, why: string, options?: ErrorOptions) {
    super(`${file} ${why}; name another file, or make room for it`, options)
    this.file = file
  }
}

/**
 * What the module of an inline definition exports by its name is another definition (`found`), or none (null). No event was
 * folded into it.
 */
export class ProjectionMismatch extends ColloquyError {
  override readonly code = 'journal.projection_mismatch'
  readonly projection: string
  readonly version: number
  readonly found: string | null
  readonly foundVersion: number | null
  constructor(
    { projection, version }: { readonly projection: string; readonly version: number },
    found: { readonly projection: string; readonly version: number } | null,
  ) {
    const what = found ? `${found.projection}, version ${found.version},` : 'no projection'
    super(
      `inline.name of ${projection}, version ${version}, names ${what} in its module; give it the name of its own export`,
    )
    this.projection = projection
    this.version = version
    this.found = found?.projection ?? null
    this.foundVersion = found?.version ?? null
  }
}

/** The event that this projection or reactor handled last is another one in this journal, or never was in it. */
export class ProjectionForeign extends ColloquyError {
  override readonly code = 'journal.projection_foreign'
  readonly projection: string
  readonly stream: string
  readonly version: number
  constructor(projection: string, stream: string, version: number) {
    super(
      `${projection} has handled event ${version} of ${stream}, which this journal does not have so; give it the journal it was run with, or another name`,
    )
    this.projection = projection
    this.stream = stream
    this.version = version
  }
}

/** The store has no tables for projections and reactors. */
export class ProjectionSchemaMissing extends ColloquyError {
  override readonly code = 'journal.projection_schema_missing'
  constructor(options?: ErrorOptions) {
    super('the store has no tables for projections; open it with projectionSchema among its schemas', options)
  }
}

/** The archive is of another journal: its positions mean nothing here. Nothing was restored. */
export class RestoreForeign extends ColloquyError {
  override readonly code = 'journal.restore_foreign'
  /** The id of this journal. */
  readonly journal: string
  /** Of the one in the archive; undefined when it names none. */
  readonly found: string | undefined
  constructor(journal: string, found: string | undefined) {
    super(
      `this is journal ${journal} and the archive is of ${found ?? 'one that it does not name'}; restore it there, or import it here`,
    )
    this.journal = journal
    this.found = found
  }
}

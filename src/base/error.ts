/**
 * The one base of every error that Colloquy throws or hands out as a result. A caller branches on `code`, a person reads
 * the message, which says the mend; facts are fields of the subclass. A broken invariant of our own is `assert`, never a
 * subclass.
 */
export abstract class ColloquyError extends Error {
  /** Stable and literal: `<room>.<what>`, lower case. */
  abstract readonly code: string
  override get name(): string {
    return this.constructor.name
  }
}

/** An argument or option is outside what the call takes. */
export class InvalidArgument extends ColloquyError {
  override readonly code = 'base.invalid_argument'
  readonly argument: string
  constructor(argument: string, mend: string, options?: ErrorOptions) {
    super(`${argument} ${mend}`, options)
    this.argument = argument
  }
}

/** A wait ended at its deadline. What was waited for may still happen. */
export class TimedOut extends ColloquyError {
  override readonly code = 'base.timeout'
  readonly timeoutMs: number
  constructor(what: string, timeoutMs: number, options?: ErrorOptions) {
    super(`${what} took longer than ${timeoutMs} ms; raise its timeoutMs or look why it is slow`, options)
    this.timeoutMs = timeoutMs
  }
}

/** A wait ended because the caller's signal was aborted; `cause` is the signal's reason. */
export class Aborted extends ColloquyError {
  override readonly code = 'base.aborted'
  constructor(what: string, options?: ErrorOptions) {
    super(`${what} was cancelled by its caller`, options)
  }
}

/** A bound with a name was met; nothing beyond it was taken. */
export class LimitExceeded extends ColloquyError {
  override readonly code = 'base.limit_exceeded'
  readonly limit: string
  readonly max: number
  readonly actual: number
  constructor(limit: string, max: number, actual: number, options?: ErrorOptions) {
    super(`${limit} is ${max} and ${actual} was given; make it smaller or raise ${limit}`, options)
    this.limit = limit
    this.max = max
    this.actual = actual
  }
}

/** Something was used after its `close()`, `stop()` or `drain()`. */
export class Closed extends ColloquyError {
  override readonly code = 'base.closed'
  constructor(what: string, options?: ErrorOptions) {
    super(`${what} is closed; open a new one`, options)
  }
}

/** An optional peer package is not installed. */
export class PeerMissing extends ColloquyError {
  override readonly code = 'base.peer_missing'
  readonly peer: string
  constructor(peer: string, purpose: string, options?: ErrorOptions) {
    super(`${purpose} needs the optional package ${peer}; run: npm install ${peer}`, options)
    this.peer = peer
  }
}

/** A broken invariant: our defect, never the caller's. */
export class AssertionFailed extends ColloquyError {
  override readonly code = 'base.assertion_failed'
}

/** Throws `base.assertion_failed` unless the condition holds. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new AssertionFailed(message)
}

/** The `code` of a typed error, else `unknown`. */
export function codeOf(error: unknown): string {
  return error instanceof ColloquyError ? error.code : 'unknown'
}

/** A message for people from whatever was thrown. */
export function messageOf(error: unknown): string {
  try {
    if (!isError(error)) return textOf(error)
    const { message }: { message: unknown } = error
    return typeof message === 'string' ? message : textOf(message)
  } catch {
    return unreadable
  }
}

/** The error itself if it is one, else an Error that says what was thrown. */
export function toError(thrown: unknown): Error {
  return isError(thrown) ? thrown : new Error(textOf(thrown), { cause: thrown })
}

/** Name and message for people; it never throws, whatever the getters of the error do. */
export function errorText(error: Error): string {
  try {
    return `${error.name}: ${error.message}`
  } catch {
    return unreadable
  }
}

const unreadable = 'an error that cannot be read'

/** A revoked proxy throws when its prototype is asked for. */
function isError(value: unknown): value is Error {
  try {
    return value instanceof Error
  } catch {
    return false
  }
}

/** An object without a prototype, or with a `toString` that throws, has no text of its own; reporting it must not throw. */
function textOf(value: unknown): string {
  try {
    return String(value)
  } catch {
    try {
      return Object.prototype.toString.call(value)
    } catch {
      return unreadable
    }
  }
}

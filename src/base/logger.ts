/**
 * Logger: the port for what an operator reads. Its shape is pino's, so that a pino instance is one; the default says
 * nothing. What the house journals is never only logged, and no secret is ever given to a logger.
 */
import { messageOf } from './error.ts'

export interface LogMethod {
  (fields: object, message?: string): void
  (message: string): void
}

export interface Logger {
  readonly debug: LogMethod
  readonly info: LogMethod
  readonly warn: LogMethod
  readonly error: LogMethod
  /** A logger that adds these fields to each line. */
  child(fields: Record<string, unknown>): Logger
}

/** Says nothing. */
export const silentLogger: Logger = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  child: () => silentLogger,
}

/** The same logger, whose failure is not that of the work it describes: a line it cannot write is lost. */
export function guardedLogger(logger: Logger): Logger {
  const method =
    (level: LogLevel): LogMethod =>
    (...line: [first: object | string, message?: string]) => {
      try {
        logger[level](...(line as [object, string?]))
      } catch {
        // There is nowhere left to tell it.
      }
    }
  return {
    debug: method('debug'),
    info: method('info'),
    warn: method('warn'),
    error: method('error'),
    child: (fields) => guardedLogger(logger.child(fields)),
  }
}

const levels = ['debug', 'info', 'warn', 'error'] as const
export type LogLevel = (typeof levels)[number]

export interface LineLoggerOptions {
  readonly write: (line: string) => void
  readonly now: () => number
  /** Default `info`. */
  readonly level?: LogLevel
}

/** One JSON object a line in pino's layout: `level` (its name, not pino's number), `time`, the fields, `msg`. */
export function lineLogger(options: LineLoggerOptions, bound: Record<string, unknown> = {}): Logger {
  const from = levels.indexOf(options.level ?? 'info')
  const method =
    (level: LogLevel): LogMethod =>
    (first: object | string, message?: string) => {
      if (levels.indexOf(level) < from) return
      const msg = typeof first === 'string' ? first : (message ?? (first instanceof Error ? first.message : undefined))
      const head = { level, time: options.now() }
      const fields = typeof first === 'string' ? {} : plain(first)
      const tail = msg === undefined ? {} : { msg }
      options.write(`${safeJson({ ...head, ...bound, ...fields, ...tail }, { ...head, ...tail })}\n`)
    }
  return {
    debug: method('debug'),
    info: method('info'),
    warn: method('warn'),
    error: method('error'),
    child: (fields) => lineLogger(options, { ...bound, ...plain(fields) }),
  }
}

function plain(fields: object): Record<string, unknown> {
  if (fields instanceof Error) return { err: errorFields(fields) }
  return Object.fromEntries(
    Object.entries(fields).map(([key, value]) => [key, value instanceof Error ? errorFields(value) : value]),
  )
}

function errorFields(error: Error): object {
  const { code } = error as { code?: unknown }
  return { type: error.name, message: error.message, ...(code !== undefined && { code }), stack: error.stack }
}

/** A logger must not throw into the work it describes: of fields that have no JSON, the reason takes the place. */
function safeJson(line: object, head: object): string {
  try {
    return JSON.stringify(line, (_key, item: unknown) => (typeof item === 'bigint' ? item.toString() : item))
  } catch (error) {
    return JSON.stringify({ ...head, unwritable: messageOf(error) })
  }
}

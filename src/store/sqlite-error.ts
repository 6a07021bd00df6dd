/**
 * What SQLite says, in the store's own errors. Unlike `error.ts`, which defines them, this file knows SQLite's result
 * codes; a thrown value that is not SQLite's passes unchanged.
 */
import {
  IntegerUnsafe,
  SqlFailed,
  StoreBusy,
  StoreConstraint,
  StoreCorrupt,
  StoreFailed,
  StoreFull,
  StoreReadonly,
  StoreUnavailable,
} from './error.ts'

/** Primary result codes: https://www.sqlite.org/rescode.html */
const primary = {
  busy: 5,
  locked: 6,
  readonly: 8,
  ioerr: 10,
  corrupt: 11,
  full: 13,
  cantopen: 14,
  constraint: 19,
  notadb: 26,
}

/** SQLite's extended result code, or undefined when the error is not SQLite's. */
export function sqliteCode(thrown: unknown): number | undefined {
  if (!(thrown instanceof Error) || !('errcode' in thrown)) return undefined
  return typeof thrown.errcode === 'number' ? thrown.errcode : undefined
}

/** The typed error for what was thrown by a statement on `file`, or the thrown value itself. */
export function typedSqliteError(thrown: unknown, file: string): unknown {
  const code = sqliteCode(thrown)
  if (code === undefined) return isOutOfRange(thrown) ? new IntegerUnsafe({ cause: thrown }) : thrown
  const { message } = thrown as Error
  const options = { cause: thrown }
  switch (code & 0xff) {
    case primary.full:
      return new StoreFull(file, options)
    case primary.corrupt:
    case primary.notadb:
      return new StoreCorrupt(file, options)
    case primary.ioerr:
      return new StoreFailed(file, options)
    case primary.busy:
    case primary.locked:
      return new StoreBusy(file, options)
    case primary.readonly:
      return new StoreReadonly(options)
    case primary.cantopen:
      return new StoreUnavailable(file, `cannot be opened: ${message}; look at its permissions`, options)
    case primary.constraint:
      return new StoreConstraint(code, message, options)
    default:
      return new SqlFailed(code, message, options)
  }
}

/** After these the file must not be written any more. */
export function isFatal(error: unknown): boolean {
  return error instanceof StoreFailed || error instanceof StoreCorrupt
}

function isOutOfRange(thrown: unknown): boolean {
  return thrown instanceof Error && 'code' in thrown && thrown.code === 'ERR_OUT_OF_RANGE'
}

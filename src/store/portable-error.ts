/**
 * Errors that cross a thread. A structured clone forgets an error's class, code and fields; this keeps what a caller
 * branches on: `code`, message, fields, cause. Unlike the codec's `$error` it keeps the stack, which never leaves the
 * process. Only the store's own errors and those of `base/` come back as their class.
 */
import * as baseErrors from '../base/error.ts'
import { ColloquyError, toError } from '../base/error.ts'
import * as storeErrors from './error.ts'

export interface PortableError {
  readonly name: string
  readonly message: string
  readonly stack: string | undefined
  /** Of an error of the house; its revival is a ColloquyError with this code. */
  readonly code: string | undefined
  /** The error's own fields that can be cloned. */
  readonly fields: Readonly<Record<string, unknown>>
  readonly cause: PortableError | undefined
}

/** An error of the house as it came from another thread: branch on `code`. */
class Revived extends ColloquyError {
  override readonly code: string
  constructor(message: string, code: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

const classes: ReadonlyMap<string, object> = new Map(
  [...Object.entries(baseErrors), ...Object.entries(storeErrors)].flatMap(([name, exported]) =>
    typeof exported === 'function' && exported.prototype instanceof ColloquyError
      ? [[name, exported.prototype as object] as const]
      : [],
  ),
)

const causesMax = 8
const ownNames = new Set(['name', 'message', 'stack', 'code', 'cause'])

/** What was thrown, as plain data. */
export function toPortable(thrown: unknown, causes: number = causesMax): PortableError {
  const error = toError(thrown)
  return {
    name: error.name,
    message: error.message,
    stack: error.stack,
    code: error instanceof ColloquyError ? error.code : undefined,
    fields: cloneableFields(error),
    cause: error.cause === undefined || causes === 0 ? undefined : toPortable(error.cause, causes - 1),
  }
}

function cloneableFields(error: Error): Record<string, unknown> {
  const fields: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(error)) {
    if (ownNames.has(name) && !(name === 'code' && !(error instanceof ColloquyError))) continue
    try {
      fields[name] = structuredClone(value)
    } catch {
      // A field that cannot be cloned is of no use on the other side; the error itself matters more.
    }
  }
  return fields
}

/** The error again: a ColloquyError if it was one, else an Error with the same name and fields. */
export function fromPortable(portable: PortableError): Error {
  const { name, message, stack, code, fields, cause } = portable
  const options = cause === undefined ? undefined : { cause: fromPortable(cause) }
  const error = code === undefined ? new Error(message, options) : new Revived(message, code, options)
  const prototype = code === undefined ? undefined : classes.get(name)
  if (prototype) Object.setPrototypeOf(error, prototype)
  else Object.defineProperty(error, 'name', { value: name, configurable: true, writable: true, enumerable: false })
  if (stack !== undefined) error.stack = stack
  for (const [field, value] of Object.entries(fields))
    Object.defineProperty(error, field, { value, configurable: true, writable: true, enumerable: true })
  return error
}

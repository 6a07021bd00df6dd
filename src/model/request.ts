/**
 * The check that every driver makes before it spends anything: is this a request at all? It looks at shape and ranges, not
 * at sense or length.
 */
import { InvalidArgument } from '../base/error.ts'
import { wholeNumber } from '../base/limit.ts'
import type { ModelRequest } from './model.ts'

const roles: ReadonlySet<string> = new Set(['system', 'user', 'assistant'])

/** Throws `base.invalid_argument` that names the field. */
export function checkRequest(request: ModelRequest): void {
  const { messages, outputTokensMax, temperature, seed, schema } = request
  if (!Array.isArray(messages) || messages.length === 0)
    throw new InvalidArgument('messages', 'must hold at least one message')
  for (const [at, message] of messages.entries()) {
    if (!roles.has(message.role)) throw new InvalidArgument(`messages[${at}].role`, 'must be system, user or assistant')
    if (typeof message.content !== 'string') throw new InvalidArgument(`messages[${at}].content`, 'must be text')
  }
  if (outputTokensMax !== undefined) wholeNumber('outputTokensMax', outputTokensMax, 1)
  if (seed !== undefined) wholeNumber('seed', seed, Number.MIN_SAFE_INTEGER)
  if (temperature !== undefined && !(temperature >= 0 && temperature <= 2))
    throw new InvalidArgument('temperature', 'must be a number from 0 to 2')
  if (schema !== undefined && !/^[A-Za-z0-9_-]{1,64}$/.test(schema.name))
    throw new InvalidArgument('schema.name', 'must be 1 to 64 letters, digits, _ or -')
}

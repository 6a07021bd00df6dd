/** Names of groups and members, as transports carry them: text that has a UTF-8 form within a bound. Each transport has its own. */
import { InvalidArgument } from '../base/error.ts'

export function isTransportName(value: string, bytesMax: number): boolean {
  return typeof value === 'string' && value !== '' && Buffer.byteLength(value) <= bytesMax && value.isWellFormed()
}

/** Throws `base.invalid_argument`. */
export function checkTransportName(name: string, value: string, bytesMax: number): string {
  if (!isTransportName(value, bytesMax)) throw new InvalidArgument(name, `must be text of 1 to ${bytesMax} bytes`)
  return value
}

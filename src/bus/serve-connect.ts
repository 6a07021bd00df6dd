/**
 * CONNECT: what a client says of itself, read from JSON that anybody may have written. Unknown fields are ignored, as the
 * protocol asks; a known one of another type makes the whole unreadable. Pure.
 */
import type { Credentials } from './serve-authority.ts'

export interface ConnectFields {
  /** Whether it is told `+OK` after each operation; a client that says nothing of it is. */
  readonly verbose: boolean
  /** Whether it hears what it publishes itself. */
  readonly echo: boolean
  readonly headers: boolean
  readonly noResponders: boolean
  readonly protocol: number
  readonly name: string | undefined
  readonly lang: string | undefined
  readonly version: string | undefined
  readonly credentials: Credentials
}

const booleans = ['verbose', 'echo', 'headers', 'no_responders'] as const
const texts = ['name', 'lang', 'version', 'user', 'pass', 'auth_token', 'nkey', 'sig'] as const
const credentialNames = ['user', 'pass', 'auth_token', 'nkey', 'sig'] as const

/** Undefined when it is no CONNECT. The length is bounded by the control line. */
export function readConnect(json: string): ConnectFields | undefined {
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  const given = lowerCased(value)
  for (const name of booleans) if (!isAbsent(given[name]) && typeof given[name] !== 'boolean') return undefined
  for (const name of texts) if (!isAbsent(given[name]) && typeof given[name] !== 'string') return undefined
  const { protocol } = given
  if (!isAbsent(protocol) && !Number.isSafeInteger(protocol)) return undefined
  const credentials: Record<string, string> = {}
  for (const name of credentialNames) {
    const text = textOf(given[name])
    if (text !== undefined) credentials[name] = text
  }
  return {
    verbose: given['verbose'] !== false,
    echo: given['echo'] !== false,
    headers: given['headers'] === true,
    noResponders: given['no_responders'] === true,
    protocol: typeof protocol === 'number' ? protocol : 0,
    name: textOf(given['name']),
    lang: textOf(given['lang']),
    version: textOf(given['version']),
    credentials,
  }
}

/** A nats-server reads names in any case, and the last of two that are the same. */
function lowerCased(value: object): Record<string, unknown> {
  // Without a prototype, which a field of the name `__proto__` would become.
  const given = Object.create(null) as Record<string, unknown>
  for (const [name, each] of Object.entries(value)) given[name.toLowerCase()] = each
  return given
}

function isAbsent(value: unknown): boolean {
  return value === undefined || value === null
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

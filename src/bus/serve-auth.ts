/**
 * Authentication of the embedded server: a token, users with passwords, users with nkeys, or nobody is asked. Unlike
 * `serve-permission.ts`, which says what a user may do, it says who a client is, as a nats-server does with the same
 * settings. It keeps digests of secrets, never the secrets, and compares them in constant time, for users that are not
 * there too. It never says why somebody was refused.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { Clock } from '../base/clock.ts'
import { InvalidArgument } from '../base/error.ts'
import { checkKeys, plainName } from '../base/limit.ts'
import { systemClock } from '../base/system-clock.ts'
import type { Authority, Credentials, Grant, ServePermissions } from './serve-authority.ts'
import { signatureCheck } from './serve-nkey.ts'
import type { VerifySignature } from './serve-nkey.ts'
import { compilePermissions, fullGrant } from './serve-permission.ts'

export type { ServePermissions } from './serve-authority.ts'

/** One who may connect: by name and password, or by the seed that belongs to a public nkey (`U...`). */
export type ServeUser = ({ readonly user: string; readonly password: string } | { readonly nkey: string }) & {
  /** Default: the option `permissions`. */
  readonly permissions?: ServePermissions
}

export interface AuthOptions {
  /** One secret for all; not together with `users`. */
  readonly token?: string
  /** Not an empty list. */
  readonly users?: readonly ServeUser[]
  /** Of users that have none of their own; needs `users`. Default: such a user may do everything. */
  readonly permissions?: ServePermissions
  /** Times how long a reply may be answered. Default the system's. */
  readonly clock?: Clock
}

const usersMax = 65_536
const nameMaxLength = 256
/** UTF-16 units of a password or token; CONNECT is one line, which a server bounds. */
const secretMaxLength = 1024

/** Without token and users nobody is asked and everything is allowed. Throws `base.invalid_argument`. */
export function authority(options: AuthOptions = {}): Authority {
  const { token, users, permissions, clock = systemClock } = options
  if (token !== undefined && users !== undefined)
    throw new InvalidArgument('token', 'cannot stand beside users; give each user a password or an nkey')
  if (permissions !== undefined && users === undefined)
    throw new InvalidArgument('permissions', 'are for users; without users, everybody may do everything')
  if (token !== undefined) return tokenAuthority(digestOf('token', token))
  if (users === undefined) return openAuthority
  return usersAuthority(seatsOf(users, permissions, clock))
}

const openAuthority: Authority = { required: false, signs: false, authenticate: () => fullGrant(undefined) }

function tokenAuthority(digest: Buffer): Authority {
  return {
    required: true,
    signs: false,
    authenticate: ({ auth_token: given }) => (isSecret(given, digest) ? fullGrant(undefined) : undefined),
  }
}

interface Seats {
  readonly byName: ReadonlyMap<string, { readonly digest: Buffer; readonly grant: () => Grant }>
  readonly byKey: ReadonlyMap<string, { readonly verify: VerifySignature; readonly grant: () => Grant }>
}

/** A client that names an nkey is judged by it alone, where nkeys are configured: its password is not looked at. */
function usersAuthority({ byName, byKey }: Seats): Authority {
  return {
    required: true,
    signs: byKey.size > 0,
    authenticate({ user, pass, nkey, sig }: Credentials, nonce) {
      if (isGiven(nkey) && byKey.size > 0) {
        // No pretence for unknown keys, as for unknown names: nobody finds one of 2^256 by its timing.
        const seat = byKey.get(nkey)
        return seat?.verify(nonce, sig ?? '') === true ? seat.grant() : undefined
      }
      const seat = isGiven(user) ? byName.get(user) : undefined
      const right = isSecret(pass, seat?.digest ?? nobody)
      return right && seat ? seat.grant() : undefined
    },
  }
}

function seatsOf(users: readonly ServeUser[], common: ServePermissions | undefined, clock: Clock): Seats {
  if (!Array.isArray(users) || users.length === 0 || users.length > usersMax)
    throw new InvalidArgument('users', `must be a list of 1 to ${usersMax} users; leave it out to ask nobody`)
  const shared = common && compilePermissions('permissions', common, clock)
  const byName = new Map<string, { digest: Buffer; grant: () => Grant }>()
  const byKey = new Map<string, { verify: VerifySignature; grant: () => Grant }>()
  for (const [index, given] of (users as readonly ServeUser[]).entries()) {
    const at = `users[${index}]`
    checkKeys(at, given, 'nkey' in given ? ['nkey', 'permissions'] : ['user', 'password', 'permissions'])
    const own = given.permissions && compilePermissions(`${at}.permissions`, given.permissions, clock)
    const grantOf = (name: string) => () => (own ?? shared)?.grant(name) ?? fullGrant(name)
    if ('nkey' in given) {
      const { nkey } = given
      const verify = signatureCheck(`${at}.nkey`, nkey)
      if (byKey.has(nkey)) throw new InvalidArgument(`${at}.nkey`, 'is there already; each key is one user')
      byKey.set(nkey, { verify, grant: grantOf(nkey) })
    } else {
      const name = plainName(`${at}.user`, given.user, nameMaxLength)
      if (byName.has(name)) throw new InvalidArgument(`${at}.user`, 'is there already; each name is one user')
      byName.set(name, { digest: digestOf(`${at}.password`, given.password), grant: grantOf(name) })
    }
  }
  return { byName, byKey }
}

const bcryptForm = /^\$2[abxy]\$\d{2}\$/

/** Throws `base.invalid_argument`, without the secret in it. */
function digestOf(at: string, secret: string): Buffer {
  if (typeof secret !== 'string' || secret.length === 0 || secret.length > secretMaxLength)
    throw new InvalidArgument(at, `must be text of 1 to ${secretMaxLength} characters`)
  // Taken as plain text, whoever steals the hash could log in with it.
  if (bcryptForm.test(secret))
    throw new InvalidArgument(
      at,
      'is a bcrypt hash, which cannot be checked here; give the text itself, or use an nkey',
    )
  return digest(secret)
}

/** Of equal length for every text, so that a comparison takes the same time; UTF-16 keeps all texts apart. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text, 'utf16le').digest()
}

/** Compared with where there is no such user. */
const nobody = Buffer.alloc(32)

function isSecret(given: string | undefined, expected: Buffer): boolean {
  return timingSafeEqual(digest(typeof given === 'string' ? given : ''), expected)
}

function isGiven(text: string | undefined): text is string {
  return typeof text === 'string' && text !== ''
}

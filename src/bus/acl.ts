/**
 * Access control lists of a realm: what each role needs of the subjects `clq.<realm>.>`, as permissions for the embedded
 * server's users and as configuration of a nats-server. Pure. It says what may be said to whom on the bus; who somebody is,
 * the server finds out, and what an application does with a message is its own matter.
 *
 * | role | publishes | subscribes |
 * | --- | --- | --- |
 * | `node` | all of the realm, answers | all of the realm, its inbox |
 * | `publisher` | `event.>` | |
 * | `watcher` | | `event.>` |
 * | `caller` | `name.>` | its inbox |
 * | `service` | answers | `name.>` |
 * | `inspector` | `node.*.inspect`, `nodes.inspect` | its inbox |
 *
 * An inbox is where answers come. `_INBOX.>` would let each user listen to the answers of all others, so each has a prefix
 * of its own, `_INBOX_<user>`: its client must be told (`inboxPrefix` of our NATS driver, `--inbox-prefix` of the `nats`
 * command). Answers are `responses`: only to what was asked of the user itself, for a while, so that nobody can put words
 * into another's inbox. Subjects beyond `clq.` are the application's, and to be added by hand.
 */
import { InvalidArgument } from '../base/error.ts'
import type { ServePermissions } from './serve-authority.ts'
import { isToken } from './subject.ts'

export type AclRole = 'node' | 'publisher' | 'watcher' | 'caller' | 'service' | 'inspector'

export interface AclOptions {
  /** One token of a subject. */
  readonly realm: string
  readonly users: readonly {
    /** 1 to 64 of A-Z, a-z, 0-9, - and _. */
    readonly user: string
    /** A public nkey (`U...`), in place of a password. */
    readonly nkey?: string
    /** What it needs together. */
    readonly roles: readonly AclRole[]
  }[]
}

export interface AclUser {
  readonly user: string
  readonly nkey?: string
  readonly roles: readonly AclRole[]
  /** First token of the inboxes that it may have; absent where no role needs one. */
  readonly inboxPrefix?: string
  /** The variable of the environment that holds the password, in the configuration of a nats-server; without `nkey`. */
  readonly passwordVariable?: string
  /** For `users` of the embedded server. */
  readonly permissions: ServePermissions
}

/** Plain data: `JSON.stringify` is its JSON form. It holds no secret. */
export interface Acl {
  readonly realm: string
  readonly users: readonly AclUser[]
}

interface Need {
  readonly publish: readonly string[]
  readonly subscribe: readonly string[]
  readonly inbox: boolean
  readonly answers: boolean
}

/** Behind `clq.<realm>.`. */
const needs: Readonly<Record<AclRole, Need>> = {
  node: { publish: ['>'], subscribe: ['>'], inbox: true, answers: true },
  publisher: { publish: ['event.>'], subscribe: [], inbox: false, answers: false },
  watcher: { publish: [], subscribe: ['event.>'], inbox: false, answers: false },
  caller: { publish: ['name.>'], subscribe: [], inbox: true, answers: false },
  service: { publish: [], subscribe: ['name.>'], inbox: false, answers: true },
  inspector: { publish: ['node.*.inspect', 'nodes.inspect'], subscribe: [], inbox: true, answers: false },
}

/** To one request: as many as `requestMany` takes, for as long as a nats-server presets. */
const responses = { max: 65_536, ttlMs: 120_000 } as const

/** Throws `base.invalid_argument`. */
export function aclFor({ realm, users }: AclOptions): Acl {
  if (!isToken(realm)) throw new InvalidArgument('realm', 'must be one token of a subject, such as main')
  if (!Array.isArray(users) || users.length === 0) throw new InvalidArgument('users', 'must be a list of one or more')
  const made = (users as AclOptions['users']).map((user, index) => userOf(`users[${index}]`, realm, user))
  checkApart(made, ({ user }) => user, 'has the name of another user')
  checkApart(made, ({ nkey }) => nkey, 'has the nkey of another user')
  checkApart(made, ({ passwordVariable }) => passwordVariable, 'has the password variable of another; rename one')
  return { realm, users: made }
}

function userOf(at: string, realm: string, { user, nkey, roles }: AclOptions['users'][number]): AclUser {
  if (typeof user !== 'string' || !/^[\w-]{1,64}$/.test(user))
    throw new InvalidArgument(`${at}.user`, 'must be 1 to 64 of A-Z, a-z, 0-9, - and _')
  if (nkey !== undefined && (typeof nkey !== 'string' || !/^U[A-Z2-7]{55}$/.test(nkey)))
    throw new InvalidArgument(`${at}.nkey`, 'must be the public key of a user, U and 55 characters')
  if (!Array.isArray(roles) || roles.length === 0)
    throw new InvalidArgument(`${at}.roles`, `must be one or more of ${Object.keys(needs).join(', ')}`)
  const wanted = (roles as readonly AclRole[]).map((role, index) => {
    if (!Object.hasOwn(needs, role))
      throw new InvalidArgument(`${at}.roles[${index}]`, `must be one of ${Object.keys(needs).join(', ')}`)
    return needs[role]
  })
  const inboxPrefix = wanted.some(({ inbox }) => inbox) ? `_INBOX_${user}` : undefined
  const variable = `COLLOQUY_PASSWORD_${user.toUpperCase().replaceAll('-', '_')}`
  return {
    user,
    ...(nkey !== undefined && { nkey }),
    roles: [...new Set(roles as readonly AclRole[])],
    ...(inboxPrefix !== undefined && { inboxPrefix }),
    ...(nkey === undefined && { passwordVariable: variable }),
    permissions: permissionsOf(`clq.${realm}.`, wanted, inboxPrefix),
  }
}

/** No permission at all is said aloud: a server takes silence for everything. */
function permissionsOf(prefix: string, wanted: readonly Need[], inboxPrefix: string | undefined): ServePermissions {
  const subjects = (lists: readonly (readonly string[])[]) => [...new Set(lists.flat().map((rest) => prefix + rest))]
  const publish = subjects(wanted.map((need) => need.publish))
  const subscribe = subjects(wanted.map((need) => need.subscribe))
  if (inboxPrefix !== undefined) subscribe.push(`${inboxPrefix}.>`)
  return {
    publish: publish.length > 0 ? { allow: publish } : { deny: ['>'] },
    subscribe: subscribe.length > 0 ? { allow: subscribe } : { deny: ['>'] },
    ...(wanted.some(({ answers }) => answers) && { responses }),
  }
}

function checkApart(users: readonly AclUser[], keyOf: (user: AclUser) => string | undefined, fault: string): void {
  const seen = new Set<string>()
  for (const [index, user] of users.entries()) {
    const key = keyOf(user)
    if (key === undefined) continue
    if (seen.has(key)) throw new InvalidArgument(`users[${index}]`, fault)
    seen.add(key)
  }
}

/**
 * The block `authorization` for the configuration of a nats-server. Passwords are references to variables of the
 * environment, `passwordVariable` of each user.
 */
export function toNatsConfig({ realm, users }: Acl): string {
  return [
    `# Who may do what in the realm ${JSON.stringify(realm)}.`,
    '# Passwords come from the environment of the server, which reads them as values of this format: put quotes into the',
    '# variable around one that begins with a digit or a sign, as in COLLOQUY_PASSWORD_ANN=\'"0123"\'.',
    'authorization {',
    '  users = [',
    ...users.flatMap(userLines),
    '  ]',
    '}',
    '',
  ].join('\n')
}

function userLines(user: AclUser): string[] {
  const { publish, subscribe, responses } = user.permissions
  const text = (value: unknown) => JSON.stringify(value)
  const limits = typeof responses === 'object' ? responses : undefined
  const inbox = user.inboxPrefix === undefined ? '' : `; inbox prefix ${user.inboxPrefix}`
  return [
    '    {',
    `      # ${user.nkey === undefined ? '' : `${user.user}: `}${user.roles.join(', ')}${inbox}`,
    ...(user.nkey === undefined
      ? [`      user: ${text(user.user)}`, `      password: $${user.passwordVariable}`]
      : [`      nkey: ${text(user.nkey)}`]),
    '      permissions: {',
    `        publish: ${text(publish)}`,
    `        subscribe: ${text(subscribe)}`,
    ...(limits ? [`        allow_responses: ${text({ max: limits.max, expires: `${limits.ttlMs}ms` })}`] : []),
    '      }',
    '    }',
  ]
}

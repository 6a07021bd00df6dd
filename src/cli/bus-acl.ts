/**
 * `colloquy bus acl`: prints what each role of a realm needs, for a nats-server or for `colloquy bus serve`. It reaches no
 * server and holds no secret: passwords are named as variables of the environment. The rules themselves are `bus/acl.ts`.
 */
import { formatDuration } from '../base/duration.ts'
import { aclFor, toNatsConfig } from '../bus/acl.ts'
import type { Acl, AclOptions, AclRole, AclUser } from '../bus/acl.ts'
import { nearest } from '../base/nearest.ts'
import { UsageError, exitCode, parseCommandLine, textOption, textOptions } from './command.ts'
import type { Command, ParsedOptions } from './command.ts'

const help = `colloquy bus acl --realm REALM [options]

Prints the permissions that the users of a realm need on the subjects clq.REALM.> and on inboxes for answers. Subjects
of your own, such as orders.>, are not covered: add them to the lists.

Examples:
  colloquy bus acl --realm main
  colloquy bus acl --realm main --user ann=caller,watcher --user svc=service > auth.conf
  colloquy bus acl --realm main --user ann=node --nkey ann=UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4
  colloquy bus acl --realm main --role node --format users > users.yaml
  colloquy bus serve --users users.yaml

Options:
  --realm REALM           one token of a subject
  --user NAME=ROLE,ROLE   a user with its roles; several times
  --role ROLE             a user of that name with that role; several times (default: one for each role)
  --nkey NAME=U...        the public nkey of a user, in place of a password; several times
  --format nats           the block authorization of a nats-server's configuration (default)
           users          a file for colloquy bus serve --users
           json           plain data

Roles: node (all of the realm), publisher and watcher (of events), caller and service (requests and their answers),
inspector (colloquy top).
A user that gets answers gets them in inboxes of its own: its client needs the inbox prefix that is printed with it.
`

const options = {
  realm: { type: 'string' },
  role: { type: 'string', multiple: true },
  user: { type: 'string', multiple: true },
  nkey: { type: 'string', multiple: true },
  format: { type: 'string' },
} as const

const roles = ['node', 'publisher', 'watcher', 'caller', 'service', 'inspector'] as const satisfies readonly AclRole[]

const formats: Readonly<Record<string, (acl: Acl) => string>> = {
  nats: toNatsConfig,
  users: usersFile,
  json: (acl) => `${JSON.stringify(acl, undefined, 2)}\n`,
}

export const aclCommand: Command = {
  name: 'bus acl',
  help,
  async run(args, { stdout }) {
    const { values } = parseCommandLine(args, options, { names: [] })
    const realm = textOption(values, 'realm')
    if (realm === undefined) throw new UsageError('--realm is missing; write --realm main')
    const name = textOption(values, 'format') ?? 'nats'
    const format = Object.hasOwn(formats, name) ? formats[name] : undefined
    if (!format) throw new UsageError(`--format must be ${oneOf(name, Object.keys(formats))}`)
    stdout.write(format(aclFor({ realm, users: usersOf(values) })))
    return exitCode.ok
  },
}

function usersOf(values: ParsedOptions): AclOptions['users'] {
  const nkeys = new Map(textOptions(values, 'nkey').map((each) => pair('--nkey', 'NAME=U...', each)))
  const given = textOptions(values, 'user').map((each) => {
    const [user, list] = pair('--user', 'NAME=ROLE,ROLE', each)
    return { user, roles: list.split(',').map((role) => roleOf('--user', role)) }
  })
  const named = textOptions(values, 'role').map((each) => roleOf('--role', each))
  const alone = given.length + named.length === 0 ? roles : named
  const users = [...given, ...alone.map((role) => ({ user: role, roles: [role] }))].map((each) => {
    const nkey = nkeys.get(each.user)
    nkeys.delete(each.user)
    return { ...each, ...(nkey !== undefined && { nkey }) }
  })
  const [stranger] = nkeys.keys()
  if (stranger !== undefined)
    throw new UsageError(`--nkey is for ${JSON.stringify(stranger)}, who is no --user or --role`)
  return users
}

function pair(option: string, form: string, text: string): [string, string] {
  const at = text.indexOf('=')
  if (at < 1) throw new UsageError(`${option} must be like ${form}; it is ${JSON.stringify(text.slice(0, 40))}`)
  return [text.slice(0, at), text.slice(at + 1)]
}

function roleOf(option: string, text: string): AclRole {
  const role = roles.find((each) => each === text.trim())
  if (!role) throw new UsageError(`a role of ${option} must be ${oneOf(text, roles)}`)
  return role
}

function oneOf(given: string, known: readonly string[]): string {
  const meant = nearest(given, known)
  const mend = meant === undefined ? '' : `; did you mean ${meant}?`
  return `one of ${known.join(', ')}; it is ${JSON.stringify(given.slice(0, 40))}${mend}`
}

/** YAML, with values as JSON, which is YAML too. */
function usersFile({ realm, users }: Acl): string {
  return [
    `# Who may do what in the realm ${JSON.stringify(realm)}, for: colloquy bus serve --users`,
    '# Passwords come from the environment of the server.',
    'users:',
    ...users.flatMap(userLines),
    '',
  ].join('\n')
}

function userLines({ user, nkey, roles, inboxPrefix, passwordVariable, permissions }: AclUser): string[] {
  const { publish, subscribe, responses } = permissions
  const inbox = inboxPrefix === undefined ? '' : `; inbox prefix ${inboxPrefix}`
  const { max, ttlMs } = typeof responses === 'object' ? responses : {}
  const answers = {
    ...(max !== undefined && { max }),
    ...(ttlMs !== undefined && { ttl: formatDuration(ttlMs) }),
  }
  return [
    `  # ${nkey === undefined ? '' : `${user}: `}${roles.join(', ')}${inbox}`,
    ...(nkey === undefined
      ? [`  - user: ${JSON.stringify(user)}`, `    passwordVariable: ${passwordVariable}`]
      : [`  - nkey: ${nkey}`]),
    '    permissions:',
    `      publish: ${JSON.stringify(publish)}`,
    `      subscribe: ${JSON.stringify(subscribe)}`,
    ...(responses === undefined ? [] : [`      responses: ${JSON.stringify(responses === true ? true : answers)}`]),
  ]
}

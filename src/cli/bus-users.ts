/**
 * The users of `colloquy bus serve`: a YAML or JSON file of who may connect and what each may do. It is read like an
 * agenda, but its errors give place and field and never repeat what is written there, for any of it may be a password. A
 * file with passwords that others may read is refused.
 */
import { z } from 'zod'
import { parseDuration } from '../base/duration.ts'
import { ColloquyError } from '../base/error.ts'
import { hasControl } from '../base/limit.ts'
import { nearest } from '../base/nearest.ts'
import { readYaml } from '../base/yaml-text.ts'
import type { YamlPath } from '../base/yaml-text.ts'
import { readPrivateFile } from '../node/private-file.ts'
import type { ServeUser } from '../node/serve-bus.ts'

/** The users file is not one. The message has a line for each problem. */
export class UsersInvalid extends ColloquyError {
  override readonly code = 'cli.users_invalid'
  constructor(file: string, problems: readonly string[]) {
    const more = problems.length > problemsShownMax ? [`and ${problems.length - problemsShownMax} more`] : []
    super([`${file} cannot be used:`, ...problems.slice(0, problemsShownMax), ...more].join('\n  '))
  }
}

const problemsShownMax = 20
const fileMaxBytes = 4 * 1024 * 1024
const usersMax = 10_000
const entriesMax = 4096

const line = (maxLength: number) =>
  z
    .string()
    .min(1)
    .max(maxLength)
    .refine((text) => !hasControl(text))
const subjects = z.array(line(1024)).min(1).max(entriesMax)
const rules = z.union([subjects, z.strictObject({ allow: subjects.optional(), deny: subjects.optional() })])
const duration = z.string().transform((text, context) => {
  try {
    const ms = parseDuration(text)
    if (ms > 0) return ms
  } catch (error) {
    if (!(error instanceof ColloquyError)) throw error
  }
  context.addIssue({ code: 'custom' })
  return z.NEVER
})
const responses = z.union([
  z.boolean(),
  z.strictObject({ max: z.int().min(1).max(1_000_000).optional(), ttl: duration.optional() }),
])
const permissions = z.strictObject({
  publish: rules.optional(),
  subscribe: rules.optional(),
  responses: responses.optional(),
})
const user = z.strictObject({
  user: line(256).optional(),
  password: line(1024).optional(),
  passwordVariable: z
    .string()
    .regex(/^[A-Za-z_]\w{0,255}$/)
    .optional(),
  nkey: z
    .string()
    .regex(/^U[A-Z2-7]{55}$/)
    .optional(),
  permissions: permissions.optional(),
})
const schema = z.strictObject({ users: z.array(user).min(1).max(usersMax), permissions: permissions.optional() })

type UserEntry = z.infer<typeof user>
type PermissionsEntry = z.infer<typeof permissions>

type Environment = Readonly<Record<string, string | undefined>>

/** The users of a file. Rejects with `cli.users_invalid`, `node.not_private` or `node.file_unusable`. */
export async function readUsers(file: string, env: Environment): Promise<readonly ServeUser[]> {
  const text = await readPrivateFile(file, { sizeMaxBytes: fileMaxBytes, readers: 'anyone' })
  const { users, holdsPasswords } = parseUsers(text, file, env)
  // Only what stands inside tells whether anybody may read it.
  if (holdsPasswords) await readPrivateFile(file, { sizeMaxBytes: fileMaxBytes, readers: 'group' })
  return users
}

export interface UsersRead {
  readonly users: readonly ServeUser[]
  /** Whether a password stands in the text itself. */
  readonly holdsPasswords: boolean
}

/** Throws `cli.users_invalid`. */
export function parseUsers(text: string, file: string, env: Environment): UsersRead {
  const yaml = readYaml(text)
  if (yaml.problems.length > 0)
    throw new UsersInvalid(
      file,
      yaml.problems.map(
        // The reader's own words may quote the text.
        ({ line, column }) =>
          `line ${line}, column ${column}: is not YAML as it is read here; check the indentation, and quote texts with other characters than letters and digits`,
      ),
    )
  const read = schema.safeParse(yaml.value)
  const problems = read.success
    ? crossProblems(read.data.users, env)
    : read.error.issues.flatMap((issue) => issueProblems(issue))
  if (!read.success || problems.length > 0)
    throw new UsersInvalid(
      file,
      problems.map(({ path, message }) => {
        const { line, column } = yaml.placeOf(path)
        return `line ${line}, column ${column}: ${message}`
      }),
    )
  const common = read.data.permissions
  return {
    users: read.data.users.map((each) => serveUser(each, common, env)),
    holdsPasswords: read.data.users.some(({ password }) => password !== undefined),
  }
}

interface Problem {
  readonly path: YamlPath
  readonly message: string
}

const forms: Readonly<Record<string, string>> = {
  users: `must be a list of 1 to ${usersMax}, each with user and password, or with nkey`,
  user: 'must be a name of 1 to 256 characters',
  password: 'must be text of 1 to 1024 characters; a number goes in quotes',
  passwordVariable: 'must be the name of a variable of the environment',
  nkey: 'must be a public nkey of a user, U and 55 more letters and digits; the seed stays with the client',
  permissions: 'must be a map of publish, subscribe and responses',
  publish: 'must be a list of subjects, or a map of allow and deny with such lists',
  subscribe: 'must be a list of subjects, or a map of allow and deny with such lists',
  allow: `must be a list of 1 to ${entriesMax} subjects`,
  deny: `must be a list of 1 to ${entriesMax} subjects`,
  responses: 'must be true, false, or a map of max and ttl',
  max: 'must be a whole number from 1 to 1000000',
  ttl: 'must be a duration, such as 30s',
}

function issueProblems(issue: z.core.$ZodIssue): Problem[] {
  const path = issue.path.filter((part) => typeof part !== 'symbol')
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => {
      const meant = nearest(key, Object.keys(forms))
      return {
        path: [...path, key],
        message: `is no field here${meant === undefined ? `; there is ${Object.keys(forms).join(', ')}` : `; did you mean ${meant}?`}`,
      }
    })
  const field = path.findLast((part) => typeof part === 'string')
  if (field === undefined) return [{ path, message: 'must be a map with users' }]
  return [{ path, message: `${field} ${forms[field] ?? 'is not as it must be'}` }]
}

/** Each is one who can log in, once. */
function crossProblems(users: readonly UserEntry[], env: Environment): Problem[] {
  const seen = new Set<string>()
  return users.flatMap((each, at): Problem[] => {
    const path = ['users', at]
    const { user, password, passwordVariable, nkey } = each
    const passwords = [password, passwordVariable].filter((each) => each !== undefined).length
    const fits = nkey === undefined ? user !== undefined && passwords === 1 : user === undefined && passwords === 0
    if (!fits) return [{ path, message: 'a user has user and password (or passwordVariable), or nkey alone' }]
    if (passwordVariable !== undefined && !env[passwordVariable])
      return [{ path: [...path, 'passwordVariable'], message: `${passwordVariable} is not set in the environment` }]
    const name = nkey === undefined ? `user ${user ?? ''}` : `nkey ${nkey}`
    if (seen.has(name)) return [{ path, message: 'this user stands here a second time; keep one' }]
    seen.add(name)
    return []
  })
}

function serveUser(
  { user, password, passwordVariable, nkey, permissions }: UserEntry,
  common: PermissionsEntry | undefined,
  env: Environment,
): ServeUser {
  const given = permissions ?? common
  const limits = given && { permissions: servePermissions(given) }
  if (nkey !== undefined) return { nkey, ...limits }
  return { user: user ?? '', password: password ?? env[passwordVariable ?? ''] ?? '', ...limits }
}

function servePermissions({ publish, subscribe, responses }: PermissionsEntry): NonNullable<ServeUser['permissions']> {
  return {
    ...(publish && { publish: rulesOf(publish) }),
    ...(subscribe && { subscribe: rulesOf(subscribe) }),
    ...(responses !== undefined && { responses: responsesOf(responses) }),
  }
}

type Rules = NonNullable<PermissionsEntry['publish']>

function rulesOf(given: Rules): readonly string[] | { allow?: readonly string[]; deny?: readonly string[] } {
  if (Array.isArray(given)) return given
  const { allow, deny } = given
  return { ...(allow && { allow }), ...(deny && { deny }) }
}

function responsesOf(
  given: NonNullable<PermissionsEntry['responses']>,
): boolean | { readonly max?: number; readonly ttlMs?: number } {
  if (typeof given === 'boolean') return given
  const { max, ttl } = given
  return { ...(max !== undefined && { max }), ...(ttl !== undefined && { ttlMs: ttl }) }
}

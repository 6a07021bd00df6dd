/**
 * Contexts: named sets of servers and credentials, each a private file in the user's configuration folder, and which of
 * them is selected. They stand on the composition root's floor since they end as the options of a driver. A secret is kept
 * here only when it came by stdin; else the path of its file is, and that file is read at each connect. No error repeats
 * what a file holds.
 *
 *     $XDG_CONFIG_HOME/colloquy/contexts/<name>.json     mode 0600, in a folder of mode 0700
 *     $XDG_CONFIG_HOME/colloquy/contexts/current         name of the selected one
 */
import { readdir, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { isAbsolute, join, resolve } from 'node:path'
import { InvalidArgument, messageOf } from '../base/error.ts'
import { plainName } from '../base/limit.ts'
import type { NatsTlsOptions } from '../bus/nats-options.ts'
import { checkSubject } from '../bus/subject.ts'
import { ContextExists, ContextInvalid, ContextUnknown, FileUnusable } from './bus-error.ts'
import { serversOf } from './connect-bus.ts'
import type { ConnectBusOptions } from './connect-bus.ts'
import { checkFolder, readPrivateFile, writePrivateFile } from './private-file.ts'

/** How to log in and whom to trust, with paths in the place of secrets. One way to log in, or none. */
export interface BusLogin {
  readonly user?: string
  /** The one secret that a context may hold itself. */
  readonly password?: string
  readonly passwordFile?: string
  /** From the environment alone; a context has the file of it. */
  readonly token?: string
  readonly tokenFile?: string
  readonly nkeyFile?: string
  readonly credsFile?: string
  readonly tlsCa?: string
  readonly tlsCert?: string
  readonly tlsKey?: string
  /** First tokens of the inboxes for answers, where permissions ask for it. */
  readonly inboxPrefix?: string
}

export interface ServerContext extends BusLogin {
  /** As `connectBus` takes it: one URL, or several servers in one. */
  readonly server: string
}

export interface ContextStore {
  readonly folder: string
  /** Names in order. */
  list(): Promise<string[]>
  /** Rejects with `node.context_unknown`, `node.not_private`, `node.context_invalid`, `node.file_unusable`. */
  read(name: string): Promise<ServerContext>
  /** Rejects with `node.context_exists` unless it may replace; `base.invalid_argument`; and as `read`. */
  add(name: string, context: ServerContext, options?: { readonly replace?: boolean }): Promise<void>
  /** Rejects with `node.context_unknown`. One that was selected is so no more. */
  remove(name: string): Promise<void>
  select(name: string): Promise<void>
  /** The selected one, if any. */
  current(): Promise<string | undefined>
}

const fileMaxBytes = 64 * 1024
const secretMaxBytes = 64 * 1024
const pemMaxBytes = 1024 * 1024
const textMax = 1024
const pathMax = 4096

const paths = ['passwordFile', 'tokenFile', 'nkeyFile', 'credsFile', 'tlsCa', 'tlsCert', 'tlsKey'] as const
const fields: ReadonlySet<string> = new Set(['server', 'user', 'password', 'inboxPrefix', ...paths])

/** Those of this user: `$XDG_CONFIG_HOME`, or `~/.config` where it is not set to an absolute path. */
export function contextStore(env: Readonly<Record<string, string | undefined>> = process.env): ContextStore {
  const given = env['XDG_CONFIG_HOME']
  const base = given !== undefined && isAbsolute(given) ? given : join(env['HOME'] || homedir(), '.config')
  return new FolderOfContexts(join(base, 'colloquy', 'contexts'))
}

class FolderOfContexts implements ContextStore {
  readonly folder: string
  constructor(folder: string) {
    this.folder = folder
  }

  async list(): Promise<string[]> {
    try {
      const files = await readdir(this.folder)
      return files
        .flatMap((file) => (file.endsWith('.json') && isName(file.slice(0, -5)) ? [file.slice(0, -5)] : []))
        .sort()
    } catch (error) {
      if (isMissing(error)) return []
      throw new FileUnusable(this.folder, `cannot be listed: ${messageOf(error)}`, { cause: error })
    }
  }

  async read(name: string): Promise<ServerContext> {
    const path = this.#file(name)
    const text = await readPrivateFile(path, { sizeMaxBytes: fileMaxBytes, readers: 'owner' }).catch(
      async (error: unknown) => {
        if (isMissing((error as Error).cause)) throw new ContextUnknown(name, await this.list())
        throw error
      },
    )
    await checkFolder(this.folder)
    return parsed(path, text)
  }

  async add(name: string, context: ServerContext, options: { readonly replace?: boolean } = {}): Promise<void> {
    const path = this.#file(name)
    const checked = checkContext(context)
    if (options.replace !== true && (await this.list()).includes(name)) throw new ContextExists(name)
    await writePrivateFile(path, `${JSON.stringify(checked, undefined, 2)}\n`)
  }

  async remove(name: string): Promise<void> {
    const path = this.#file(name)
    const known = await this.list()
    if (!known.includes(name)) throw new ContextUnknown(name, known)
    if ((await this.current()) === name) await rm(this.#currentFile, { force: true })
    await rm(path, { force: true })
  }

  async select(name: string): Promise<void> {
    // One that cannot be read is better refused now than at the next command.
    await this.read(name)
    await writePrivateFile(this.#currentFile, `${name}\n`)
  }

  async current(): Promise<string | undefined> {
    try {
      const text = await readPrivateFile(this.#currentFile, { sizeMaxBytes: textMax, readers: 'owner' })
      await checkFolder(this.folder)
      if (!isName(text.trim())) throw new ContextInvalid(this.#currentFile, 'names no context')
      return text.trim()
    } catch (error) {
      if (isMissing((error as Error).cause)) return undefined
      throw error
    }
  }

  get #currentFile(): string {
    return join(this.folder, 'current')
  }

  #file(name: string): string {
    if (!isName(name))
      throw new InvalidArgument(
        'the name of a context',
        'must be 1 to 64 of a-z, A-Z, 0-9, - and _, a letter or digit first',
      )
    return join(this.folder, `${name}.json`)
  }
}

function isName(name: string): boolean {
  return /^[a-zA-Z0-9][\w-]{0,63}$/.test(name)
}

function isMissing(error: unknown): boolean {
  return (error as { code?: unknown } | undefined)?.code === 'ENOENT'
}

function parsed(path: string, text: string): ServerContext {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    // The parser's message repeats a piece of the text.
    throw new ContextInvalid(path, 'is not JSON')
  }
  try {
    return checkContext(value)
  } catch (error) {
    throw new ContextInvalid(path, `is no context: ${messageOf(error)}`)
  }
}

/** Only the known fields, each within its bounds. Throws errors that name fields and repeat no value. */
export function checkContext(value: unknown): ServerContext {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new InvalidArgument('a context', 'must be an object')
  const given = value as Readonly<Record<string, unknown>>
  if (Object.keys(given).some((key) => !fields.has(key)))
    throw new InvalidArgument('a context', `has no other fields than ${[...fields].join(', ')}`)
  const server = plainName('server', given['server'], 8192)
  serversOf(server)
  const login = checkLogin(given)
  if (paths.some((name) => login[name] !== undefined && !isAbsolute(login[name])))
    throw new InvalidArgument('the path of a file', 'must be absolute in a context')
  return { server, ...login }
}

/** One way to log in, whole. Throws `base.invalid_argument`, which repeats no value. */
export function checkLogin(given: BusLogin): BusLogin {
  const { user, password, passwordFile, token, tokenFile, nkeyFile, credsFile, tlsCert, tlsKey } = given
  const login: Record<string, string> = {}
  for (const name of paths) if (given[name] !== undefined) login[name] = plainName(name, given[name], pathMax)
  for (const name of ['user', 'password', 'token', 'inboxPrefix'] as const)
    if (given[name] !== undefined) login[name] = plainName(name, given[name], textMax)
  if (given.inboxPrefix !== undefined) checkSubject(given.inboxPrefix)
  if (password !== undefined && passwordFile !== undefined)
    throw new InvalidArgument('passwordFile', 'and password are one too many')
  if ((user === undefined) !== ((password ?? passwordFile) === undefined))
    throw new InvalidArgument('user', 'and a password go together; give both or neither')
  const ways = [user, token, tokenFile, nkeyFile, credsFile].filter((each) => each !== undefined)
  if (ways.length > 1)
    throw new InvalidArgument('the login', 'must be of one kind: user and password, token, nkey, or creds')
  if ((tlsCert === undefined) !== (tlsKey === undefined))
    throw new InvalidArgument('tlsKey', 'and tlsCert go together; give both or neither')
  return login
}

/** The same with absolute paths, as seen from this folder. */
export function absoluteLogin(login: BusLogin): BusLogin {
  const absolute: Record<string, string> = { ...login }
  for (const name of paths) {
    const path = login[name]
    if (path !== undefined) absolute[name] = resolve(path)
  }
  return absolute
}

/** Each file as a connect would read it. Rejects with `node.not_private` or `node.file_unusable`. */
export async function checkFiles(login: BusLogin): Promise<void> {
  for (const name of ['passwordFile', 'tokenFile', 'nkeyFile', 'credsFile', 'tlsKey'] as const) {
    const path = login[name]
    if (path !== undefined) await readSecret(path)
  }
  for (const name of ['tlsCa', 'tlsCert'] as const) {
    const path = login[name]
    if (path !== undefined) await readPrivateFile(path, { sizeMaxBytes: pemMaxBytes, readers: 'anyone' })
  }
}

/** The options of a driver for a login; secrets are read, and the modes of their files looked at, at each connect. */
export function loginOptions(
  login: BusLogin,
): Pick<ConnectBusOptions, 'user' | 'password' | 'token' | 'nkey' | 'creds' | 'tls' | 'inboxPrefix'> {
  const { user, password, passwordFile, token, tokenFile, nkeyFile, credsFile, tlsCa, tlsCert, tlsKey } = login
  const tls: NatsTlsOptions = {
    ...(tlsCa !== undefined && { caFile: tlsCa }),
    ...(tlsCert !== undefined && { certFile: tlsCert }),
    ...(tlsKey !== undefined && { keyFile: tlsKey }),
  }
  return {
    ...(user !== undefined && { user }),
    ...(password !== undefined && { password }),
    ...(passwordFile !== undefined && { password: () => readLine(passwordFile) }),
    ...(token !== undefined && { token }),
    ...(tokenFile !== undefined && { token: () => readLine(tokenFile) }),
    ...(nkeyFile !== undefined && { nkey: () => readLine(nkeyFile) }),
    ...(credsFile !== undefined && { creds: () => readSecret(credsFile) }),
    ...(Object.keys(tls).length > 0 && { tls }),
    ...(login.inboxPrefix !== undefined && { inboxPrefix: login.inboxPrefix }),
  }
}

function readSecret(path: string): Promise<string> {
  return readPrivateFile(path, { sizeMaxBytes: secretMaxBytes, readers: 'group' })
}

/** The secret of a file that holds one: its text without the line end that editors add. */
export async function readLine(path: string): Promise<string> {
  const text = (await readSecret(path)).replace(/\r?\n$/, '')
  if (text === '') throw new FileUnusable(path, 'is empty; it must hold the secret')
  return text
}

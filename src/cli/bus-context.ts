/**
 * `colloquy bus context`: servers and credentials under a name, so that no command line holds them. Secrets come by file or
 * by stdin and are never printed: of a secret only whether it is set, or where its file is. The store is
 * `node/bus-context.ts`.
 */
import { InvalidArgument } from '../base/error.ts'
import { absoluteLogin, checkFiles, contextStore } from '../node/bus-context.ts'
import type { ContextStore, ServerContext } from '../node/bus-context.ts'
import { join } from 'node:path'
import { readAll } from './bus-arguments.ts'
import { loginHelp, loginOf, loginOptions, serverOption } from './bus-connect.ts'
import { jsonLine } from './bus-show.ts'
import type { BusWorld } from './bus-world.ts'
import { UsageError, exitCode, parseCommandLine } from './command.ts'
import type { Command, CommandContext } from './command.ts'
import { noSubcommand } from './subcommand.ts'
import { painter, printable } from './terminal.ts'

const help = `colloquy bus context add|ls|show|rm|select [name] [options]

Keeps servers and credentials under a name, in files that only you can read.

Examples:
  colloquy bus context add dev --server nats://127.0.0.1:4222
  colloquy bus context add prod --server tls://a:4222,b:4222 --creds ~/prod.creds --tls-ca ca.pem
  pass show nats | colloquy bus context add staging --server nats://s:4222 --user ann --password-stdin
  colloquy bus context select prod
  colloquy bus context ls
  colloquy bus pub orders.new hello --context dev

Commands:
  add NAME --server URL   keep one; --replace writes over one of that name
  ls [--json]             list them; * marks the selected one
  show NAME [--json]      show one, without its secrets
  rm NAME                 remove one
  select NAME             use it where neither --server, --context nor COLLOQUY_BUS_URL says otherwise

Options of add:
  --server URL            nats://h1:4222,h2:4222, tls://, ws://, wss://, or host:port
  --password-stdin        the password is read from stdin, up to its end, and kept in the context
${loginHelp}
Secrets are no options, since every user of a machine sees the options of every process. Where no file can be, the
environment does: COLLOQUY_NATS_USER and COLLOQUY_NATS_PASSWORD, COLLOQUY_NATS_TOKEN; and for files
COLLOQUY_NATS_PASSWORD_FILE, _TOKEN_FILE, _NKEY_FILE, _CREDS_FILE, _TLS_CA, _TLS_CERT and _TLS_KEY; and
COLLOQUY_NATS_INBOX_PREFIX. They are used with COLLOQUY_BUS_URL, with --server, and with the default server, never with
a context.

Files: $XDG_CONFIG_HOME/colloquy/contexts/NAME.json (default ~/.config/colloquy/contexts).
`

const jsonOption = { json: { type: 'boolean' } } as const
const addOptions = {
  server: { type: 'string' },
  'password-stdin': { type: 'boolean' },
  replace: { type: 'boolean' },
  ...loginOptions,
} as const

const passwordMaxBytes = 4096

type Action = (args: readonly string[], context: CommandContext, world: BusWorld, store: ContextStore) => Promise<void>

const actions: Readonly<Record<string, Action>> = { add, ls, show, rm, select }

export function contextCommand(world: BusWorld): Command {
  return {
    name: 'bus context',
    help,
    async run([name, ...rest], context) {
      if (name === undefined) {
        context.stderr.write(help)
        return exitCode.usage
      }
      const action = Object.hasOwn(actions, name) ? actions[name] : undefined
      if (!action) throw noSubcommand(name, 'bus context', Object.keys(actions))
      await action(rest, context, world, contextStore(world.env))
      return exitCode.ok
    },
  }
}

async function add(
  args: readonly string[],
  { stderr, signal }: CommandContext,
  world: BusWorld,
  store: ContextStore,
): Promise<void> {
  const { values, positionals } = parseCommandLine(args, addOptions, { names: ['NAME'] })
  const [name = ''] = positionals
  const server = serverOption(values)
  if (server === undefined) throw new UsageError('--server is missing; write --server nats://host:4222')
  const login = absoluteLogin(loginOf(values))
  await checkFiles(login)
  const password = values['password-stdin'] === true ? await passwordFrom(world, signal) : undefined
  const context: ServerContext = { server, ...login, ...(password !== undefined && { password }) }
  await store.add(name, context, { replace: values['replace'] === true })
  stderr.write(`kept the context ${name} in ${printable(fileOf(store, name))}\n`)
  if ((await store.current()) !== name)
    stderr.write(`colloquy bus context select ${name} makes it the one that is used\n`)
}

async function passwordFrom(world: BusWorld, signal: AbortSignal): Promise<string> {
  const input = world.stdin()
  if (input.isTTY === true)
    throw new UsageError(
      '--password-stdin reads no terminal, which would show the password; pipe it in, as in: pass show nats | colloquy bus context add ...',
    )
  const bytes = await readAll(input, 'stdin', signal, passwordMaxBytes)
  const password = Buffer.from(bytes)
    .toString('utf8')
    .replace(/\r?\n$/, '')
  if (password === '') throw new InvalidArgument('the password on stdin', 'is empty')
  return password
}

async function ls(
  args: readonly string[],
  { stdout, stderr }: CommandContext,
  _world: BusWorld,
  store: ContextStore,
): Promise<void> {
  const { values } = parseCommandLine(args, jsonOption, { names: [] })
  const names = await store.list()
  const current = await store.current()
  const paint = painter(stdout.colour)
  const width = Math.max(...names.map((name) => name.length))
  for (const name of names) {
    // One that cannot be read must not hide the others.
    const context = await store.read(name).catch((error: Error) => error)
    const selected = name === current
    if (values['json'] === true) {
      stdout.write(
        jsonLine({ name, selected, ...(context instanceof Error ? { error: context.message } : shown(context)) }),
      )
      continue
    }
    const mark = selected ? paint('green', '*') : ' '
    const what = context instanceof Error ? paint('red', printable(context.message)) : summary(context)
    stdout.write(`${mark} ${name.padEnd(width)}  ${what}\n`)
  }
  if (names.length === 0)
    stderr.write('there are no contexts yet; colloquy bus context add NAME --server URL keeps one\n')
}

function summary(context: ServerContext): string {
  const { server, user, tokenFile, nkeyFile, credsFile } = context
  const ways = [
    user !== undefined && `user ${user}`,
    tokenFile !== undefined && 'token',
    nkeyFile !== undefined && 'nkey',
    credsFile !== undefined && 'creds',
  ].filter((each) => each !== false)
  return printable([server, ...ways].join('  '))
}

async function show(
  args: readonly string[],
  { stdout }: CommandContext,
  _world: BusWorld,
  store: ContextStore,
): Promise<void> {
  const { values, positionals } = parseCommandLine(args, jsonOption, { names: ['NAME'] })
  const [name = ''] = positionals
  const context = await store.read(name)
  const selected = (await store.current()) === name
  const file = fileOf(store, name)
  if (values['json'] === true) return stdout.write(jsonLine({ name, selected, ...shown(context), file }))
  const { server, user, password, passwordFile, tokenFile, nkeyFile, credsFile, tlsCa, tlsCert, tlsKey, inboxPrefix } =
    context
  const rows: readonly (readonly [string, string | undefined])[] = [
    ['name', `${name}${selected ? ' (selected)' : ''}`],
    ['server', server],
    ['user', user],
    ['password', password === undefined ? passwordFile : 'set, in this context'],
    ['token', tokenFile],
    ['nkey', nkeyFile],
    ['creds', credsFile],
    ['TLS ca', tlsCa],
    ['TLS cert', tlsCert],
    ['TLS key', tlsKey],
    ['inbox', inboxPrefix],
    ['file', file],
  ]
  const paint = painter(stdout.colour)
  for (const [label, value] of rows)
    stdout.write(`${label.padEnd(9)} ${value === undefined ? paint('dim', 'not set') : printable(value)}\n`)
}

/** Everything but the secret, of which only whether it is there. */
function shown({ password, ...rest }: ServerContext): object {
  return { ...rest, passwordKept: password !== undefined }
}

async function rm(
  args: readonly string[],
  { stderr }: CommandContext,
  _world: BusWorld,
  store: ContextStore,
): Promise<void> {
  const { positionals } = parseCommandLine(args, {}, { names: ['NAME'] })
  const [name = ''] = positionals
  const wasSelected = (await store.current()) === name
  await store.remove(name)
  stderr.write(`removed the context ${name}${wasSelected ? ', which was the selected one' : ''}\n`)
}

async function select(
  args: readonly string[],
  { stderr }: CommandContext,
  _world: BusWorld,
  store: ContextStore,
): Promise<void> {
  const { positionals } = parseCommandLine(args, {}, { names: ['NAME'] })
  const [name = ''] = positionals
  await store.select(name)
  stderr.write(`selected the context ${name}\n`)
}

function fileOf(store: ContextStore, name: string): string {
  return join(store.folder, `${name}.json`)
}

/**
 * `colloquy bus serve`: the embedded server as a process of its own. It prints its address when it listens, then one line
 * for what an operator should know. Whoever connects by TCP is whoever the users or the token let in; without either it is
 * everybody who reaches the address.
 */
import { lineLogger } from '../base/logger.ts'
import type { LogMethod, Logger } from '../base/logger.ts'
import { readLine } from '../node/bus-context.ts'
import { readPrivateFile } from '../node/private-file.ts'
import type { BusServer, ServeTls, ServedOptions } from '../node/serve-bus.ts'
import { countOption, durationOption, payloadMaxBytes, sizeOption } from './bus-arguments.ts'
import { plural } from './bus-connect.ts'
import { jsonLine } from './bus-show.ts'
import type { BusWorld } from './bus-world.ts'
import { UsageError, exitCode, parseCommandLine, textOption, textOptions } from './command.ts'
import type { Command, Output, ParsedOptions } from './command.ts'
import { painter, printable } from './terminal.ts'

const help = `colloquy bus serve [options]

Serves the NATS client protocol from this process, with nothing to install. One node's bus: no cluster, no JetStream.

Examples:
  colloquy bus serve
  colloquy bus serve --port 0 --json | jq -r .url
  colloquy bus serve --users users.yaml --host 0.0.0.0 --tls-cert cert.pem --tls-key key.pem
  colloquy bus serve --websocket-port 8080 --token-file ./token

Options:
  --host HOST             where to listen (default 127.0.0.1: this machine alone)
  --port N                default 4222; 0 is any free one
  --websocket-port N      also over WebSocket; needs the package ws
  --websocket-origin O    web pages that may connect, as in https://example.org; several times (default: all pages)
  --tls-cert F --tls-key F   a certificate and its key: TLS for all clients
  --tls-ca F --tls-verify    take only clients with a certificate that this authority signed
  --users F               who may connect and what each may do, as YAML or JSON (see below)
  --token-file F          one token for all, in place of users
  --max-payload SIZE      largest message, headers included, as in 4MiB (default 1MiB)
  --grace TIME            how long clients may take to leave at the end (default 1s)
  --json                  one object on stdout when it listens: url, port, pid; log lines as JSON on stderr

A users file; without permissions a user may do everything, without allow all that is not denied:
  users:
    - user: ann
      password: ...                    # or passwordVariable: NAME, of the environment
      permissions:
        publish: [orders.>]
        subscribe: { allow: [orders.>, _INBOX.>], deny: [orders.secret.>] }
    - nkey: UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4
      permissions: { subscribe: [time.now], responses: { max: 1, ttl: 30s } }

An interrupt tells the clients, waits for --grace and ends; a second one ends at once.
Exit codes: 0 interrupted, 1 failure (such as a port that is taken), 2 usage.
`

const options = {
  host: { type: 'string' },
  port: { type: 'string' },
  'websocket-port': { type: 'string' },
  'websocket-origin': { type: 'string', multiple: true },
  'tls-cert': { type: 'string' },
  'tls-key': { type: 'string' },
  'tls-ca': { type: 'string' },
  'tls-verify': { type: 'boolean' },
  users: { type: 'string' },
  'token-file': { type: 'string' },
  'max-payload': { type: 'string' },
  grace: { type: 'string' },
  json: { type: 'boolean' },
} as const

const pemMaxBytes = 1024 * 1024

export function serveCommand(world: BusWorld): Command {
  return {
    name: 'bus serve',
    help,
    async run(args, { stdout, stderr, signal }) {
      const { values } = parseCommandLine(args, options, { names: [] })
      const json = values['json'] === true
      const graceMs = durationOption(values, 'grace') ?? 1000
      const given = await servedOptions(values, world)
      const logger = json
        ? lineLogger({ write: (line) => stderr.write(line), now: () => world.clock.now() })
        : talkLogger(stderr, () => world.clock.now())
      warnOfStrangers(given, stderr)
      await using server = await world.serve({ ...given, logger })
      announce(server, stdout, json)
      if (!json) logger.info('listening; interrupt (Ctrl-C) to end')
      await aborted(signal)
      const { connections } = server
      if (!json && connections > 0)
        logger.info(`leaving; ${connections} ${plural(connections, 'client is', 'clients are')} told`)
      await server.close({ graceMs })
      return exitCode.ok
    },
  }
}

/** Whom nothing keeps out: whoever reaches the address, and every page that a browser here has open. */
function warnOfStrangers({ users, token, host, websocket }: ServedOptions, stderr: Output): void {
  if (users || token !== undefined) return
  if (host !== undefined && !isLoopback(host))
    stderr.write('warning: whoever reaches this address may read and publish everything; add --users or --token-file\n')
  if (websocket && !websocket.origins)
    stderr.write(
      'warning: any web page in a browser that reaches the WebSocket port may read and publish everything; add --websocket-origin, --users or --token-file\n',
    )
}

function announce({ url, port, websocketUrl }: BusServer, stdout: Output, json: boolean): void {
  if (json) stdout.write(jsonLine({ url, port, ...(websocketUrl !== undefined && { websocketUrl }), pid: process.pid }))
  else stdout.write(`${url}\n${websocketUrl === undefined ? '' : `${websocketUrl}\n`}`)
}

async function servedOptions(values: ParsedOptions, world: BusWorld): Promise<ServedOptions> {
  const host = textOption(values, 'host')
  const port = countOption(values, 'port', { min: 0, max: 65_535 })
  const websocketPort = countOption(values, 'websocket-port', { min: 0, max: 65_535 })
  const origins = textOptions(values, 'websocket-origin')
  if (origins.length > 0 && websocketPort === undefined)
    throw new UsageError('--websocket-origin is about WebSockets; add --websocket-port')
  const maxPayload = sizeOption(values, 'max-payload', payloadMaxBytes)
  const usersFile = textOption(values, 'users')
  const tokenFile = textOption(values, 'token-file')
  if (usersFile !== undefined && tokenFile !== undefined)
    throw new UsageError('--users and --token-file are one too many; give each user a password or an nkey')
  const tls = await tlsOf(values)
  // Loaded where it is asked for: reading YAML and checking it takes longer than all the rest of the start.
  const users =
    usersFile === undefined ? undefined : await (await import('./bus-users.ts')).readUsers(usersFile, world.env)
  const token = tokenFile === undefined ? undefined : await readLine(tokenFile)
  return {
    ...(host !== undefined && { host }),
    ...(port !== undefined && { port }),
    ...(websocketPort !== undefined && {
      websocket: { port: websocketPort, ...(tls && { tls }), ...(origins.length > 0 && { origins }) },
    }),
    ...(maxPayload !== undefined && { payloadMaxBytes: maxPayload }),
    ...(tls && { tls }),
    ...(users && { users }),
    ...(token !== undefined && { token }),
  }
}

async function tlsOf(values: ParsedOptions): Promise<ServeTls | undefined> {
  const certFile = textOption(values, 'tls-cert')
  const keyFile = textOption(values, 'tls-key')
  const caFile = textOption(values, 'tls-ca')
  const verify = values['tls-verify'] === true
  if ((certFile === undefined) !== (keyFile === undefined))
    throw new UsageError('--tls-cert and --tls-key go together; give both or neither')
  if (certFile === undefined || keyFile === undefined) {
    if (caFile !== undefined || verify) throw new UsageError('--tls-ca and --tls-verify need --tls-cert and --tls-key')
    return undefined
  }
  if (verify !== (caFile !== undefined))
    throw new UsageError('--tls-verify and --tls-ca go together: the authority that signs the certificates of clients')
  const open = { sizeMaxBytes: pemMaxBytes, readers: 'anyone' } as const
  const ca = caFile === undefined ? undefined : await readPrivateFile(caFile, open)
  return {
    cert: await readPrivateFile(certFile, open),
    key: await readPrivateFile(keyFile, { sizeMaxBytes: pemMaxBytes, readers: 'group' }),
    ...(ca !== undefined && { ca, verify }),
  }
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.')
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

/** One line for an event, its time first (UTC), in words, with its fields behind; what is only of use to a developer is left out. */
export function talkLogger(stderr: Output, now: () => number, bound: Readonly<Record<string, unknown>> = {}): Logger {
  const paint = painter(stderr.colour)
  const method =
    (mark: string): LogMethod =>
    (first: object | string, message?: string) => {
      const fields = Object.entries({ ...bound, ...(typeof first === 'string' ? {} : first) })
      const tail = fields.map(([name, value]) =>
        paint('dim', `${name}=${printable(String(value)).replace(/\s+/g, ' ')}`),
      )
      const text = printable(typeof first === 'string' ? first : (message ?? '')).replace(/\s+/g, ' ')
      const time = paint('dim', new Date(now()).toISOString().replace(/\.\d+Z$/, 'Z'))
      stderr.write(`${[`${time} ${mark}${text}`, ...tail].join('  ')}\n`)
    }
  return {
    debug: () => {},
    info: method(''),
    warn: method(paint('yellow', 'warning: ')),
    error: method(paint('red', 'error: ')),
    child: (fields) => talkLogger(stderr, now, { ...bound, ...fields }),
  }
}

/**
 * `node scripts/servers.ts`: the servers of the tests, for a person's hands. Unlike the tests it names its ports if asked,
 * and stays in the foreground until Ctrl-C. What it started ends with it, and so does the data.
 */
import { messageOf } from '../src/base/error.ts'
import { type ParsedOptions, UsageError, exitCode, parseCommandLine, textOption } from '../src/cli/command.ts'
import { startNatsCluster } from './servers-cluster.ts'
import { findNatsServer } from './servers-get.ts'
import { type NatsServer, startNatsServer } from './servers-nats.ts'

const help = `Servers for tests, by hand.

  node scripts/servers.ts get                    get what tests need, say where it is
  node scripts/servers.ts nats                   one nats-server on a free port, until Ctrl-C
  node scripts/servers.ts nats --cluster 3       three with routes between them
  node scripts/servers.ts nats --port 4222       on that port; a cluster takes the ports after it too

Options of nats
  --cluster <count>   2 to 9 servers
  --port <port>       the first port for clients
  --jetstream         with JetStream, in a temporary folder
Options of both
  --json              one line of JSON
  --help              this text

Environment
  COLLOQUY_NATS_SERVER           the nats-server to use, and no other
  COLLOQUY_NATS_SERVER_VERSION   the version to use, built if it is not there

Exit codes: 0 done or stopped, 1 it failed, 2 wrong arguments.
`

export async function main(args: readonly string[]): Promise<number> {
  try {
    if (args.includes('--help') || args.includes('-h')) {
      process.stdout.write(help)
      return exitCode.ok
    }
    const [name, ...rest] = args
    if (name === 'get') return await get(rest)
    if (name === 'nats') return await nats(rest)
    throw new UsageError(name === undefined ? 'a command is missing: get, nats' : `there is no ${name}: get, nats`)
  } catch (error) {
    const wrong = error instanceof UsageError
    console.error(`${messageOf(error)}${wrong ? '\nnode scripts/servers.ts --help tells more' : ''}`)
    return wrong ? exitCode.usage : exitCode.failure
  }
}

async function get(args: readonly string[]): Promise<number> {
  const { values } = parseCommandLine(args, { json: { type: 'boolean' } }, { names: [] })
  const found = await findNatsServer()
  if (values['json'] === true) console.log(JSON.stringify(found))
  else if (found.found) console.log(`nats-server ${found.version} ${found.path}`)
  else console.error([`nats-server is missing: ${found.mend}`, ...found.tried.map((line) => `- ${line}`)].join('\n'))
  return found.found ? exitCode.ok : exitCode.failure
}

async function nats(args: readonly string[]): Promise<number> {
  const options = {
    cluster: { type: 'string' },
    port: { type: 'string' },
    jetstream: { type: 'boolean' },
    json: { type: 'boolean' },
  } as const
  const { values } = parseCommandLine(args, options, { names: [] })
  const size = numberOption(values, 'cluster', 2, 9)
  const port = numberOption(values, 'port', 1, 65_536 - (size ?? 1))
  const common = { jetStream: values['jetstream'] === true, monitoring: true }
  // Listened for from the start, so that Ctrl-C while the servers start stops them in order too.
  const interrupted = new Promise<'interrupted'>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve('interrupted'))
  })
  await using stack = new AsyncDisposableStack()
  let servers: readonly NatsServer[]
  if (size === undefined) {
    servers = [stack.use(await startNatsServer({ ...common, ...(port !== undefined && { port }) }))]
  } else {
    const ports = port === undefined ? {} : { ports: Array.from({ length: size }, (_, at) => port + at) }
    servers = stack.use(await startNatsCluster(size, { ...common, ...ports })).servers
  }
  tell(servers, values['json'] === true)
  const ended = servers.map(async (server) => {
    await server.ended()
    return server
  })
  const first = await Promise.race([interrupted, ...ended])
  // Ctrl-C reaches the servers too, and they may be the first to go.
  if (first === 'interrupted' || /Trapped "(?:interrupt|terminated)" signal/.test(first.log())) return exitCode.ok
  console.error(`${first.name} ended by itself; its log:\n${first.log()}`)
  return exitCode.failure
}

function tell(servers: readonly NatsServer[], json: boolean): void {
  const facts = servers.map(({ name, url, monitoringUrl, pid, version }) => ({
    name,
    url,
    monitoringUrl,
    pid,
    version,
  }))
  if (json) return console.log(JSON.stringify({ servers: facts }))
  for (const { url, monitoringUrl, pid, version } of facts)
    console.log(`${url}  monitoring ${monitoringUrl}  pid ${pid}  nats-server ${version}`)
  console.log('Ctrl-C stops and removes the data')
}

function numberOption(values: ParsedOptions, name: string, min: number, max: number): number | undefined {
  const text = textOption(values, name)
  if (text === undefined) return undefined
  const value = Number(text)
  if (!/^\d+$/.test(text) || value < min || value > max)
    throw new UsageError(`--${name} takes a number from ${min} to ${max}, not ${JSON.stringify(text)}`)
  return value
}

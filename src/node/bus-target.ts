/**
 * Which server a command means, and as whom. From the strongest: what the command line says, a context it names,
 * `COLLOQUY_BUS_URL`, the selected context, the server of this machine. A context is whole: the credentials of the
 * environment never go to its servers, and those of a selected context never to a server that was named beside it. It
 * connects to nothing.
 */
import { InvalidArgument } from '../base/error.ts'
import { serversOf } from './connect-bus.ts'
import type { ConnectBusOptions } from './connect-bus.ts'
import { absoluteLogin, checkFiles, checkLogin, contextStore, loginOptions } from './bus-context.ts'
import type { BusLogin, ServerContext } from './bus-context.ts'

/** What a command line may say: `server` or `context`, or neither. */
export interface BusChoice {
  readonly server?: string
  readonly context?: string
  /** In place of the login that would be used otherwise; TLS files replace one by one. */
  readonly login?: BusLogin
}

export interface BusTarget {
  /** For `connectBus`. */
  readonly url: string
  readonly options: ConnectBusOptions
  /** Why this one, for people. */
  readonly chosenBy: string
}

type Environment = Readonly<Record<string, string | undefined>>

const defaultServer = 'nats://127.0.0.1:4222'

/** The variables of the environment that log in or name certificates. */
const variables = {
  user: 'COLLOQUY_NATS_USER',
  password: 'COLLOQUY_NATS_PASSWORD',
  passwordFile: 'COLLOQUY_NATS_PASSWORD_FILE',
  token: 'COLLOQUY_NATS_TOKEN',
  tokenFile: 'COLLOQUY_NATS_TOKEN_FILE',
  nkeyFile: 'COLLOQUY_NATS_NKEY_FILE',
  credsFile: 'COLLOQUY_NATS_CREDS_FILE',
  tlsCa: 'COLLOQUY_NATS_TLS_CA',
  tlsCert: 'COLLOQUY_NATS_TLS_CERT',
  tlsKey: 'COLLOQUY_NATS_TLS_KEY',
  inboxPrefix: 'COLLOQUY_NATS_INBOX_PREFIX',
} as const satisfies Record<keyof BusLogin, string>

/**
 * Rejects with `node.unknown_scheme`, `node.credentials_in_url`, `node.context_unknown`, `node.context_invalid`,
 * `node.not_private`, `node.file_unusable`, `base.invalid_argument`.
 */
export async function busTarget(choice: BusChoice, env: Environment = process.env): Promise<BusTarget> {
  const { server, chosenBy, login: found } = await chosen(choice, env)
  if (server !== 'memory:') serversOf(server)
  const login = checkLogin(merged(found, absoluteLogin(choice.login ?? {})))
  // Asked once more at each connect; a file that cannot be read is told here, by its name.
  await checkFiles(login)
  return { url: server, options: loginOptions(login), chosenBy }
}

interface Chosen {
  readonly server: string
  readonly chosenBy: string
  readonly login: BusLogin
}

async function chosen(choice: BusChoice, env: Environment): Promise<Chosen> {
  const { server, context } = choice
  const store = contextStore(env)
  if (context !== undefined) {
    if (server !== undefined)
      throw new InvalidArgument(
        'server',
        'and context are one too many, for the credentials of a context are for its servers',
      )
    const { server: own, ...login } = await store.read(context)
    return { server: own, login, chosenBy: `the context ${context}` }
  }
  if (server !== undefined) return { server, login: environmentLogin(env), chosenBy: '--server' }
  const url = env['COLLOQUY_BUS_URL']
  if (url) return { server: url, login: environmentLogin(env), chosenBy: 'COLLOQUY_BUS_URL' }
  const current = await store.current()
  if (current !== undefined) {
    const { server: own, ...login }: ServerContext = await store.read(current)
    return { server: own, login, chosenBy: `the selected context ${current}` }
  }
  return { server: defaultServer, login: environmentLogin(env), chosenBy: 'default' }
}

function environmentLogin(env: Environment): BusLogin {
  const login: Record<string, string> = {}
  for (const [name, variable] of Object.entries(variables)) {
    const value = env[variable]
    if (value) login[name] = value
  }
  return absoluteLogin(login)
}

/** Who logs in anew leaves all of the other login behind, and keeps whom to trust. */
function merged(found: BusLogin, given: BusLogin): BusLogin {
  const { tlsCa, tlsCert, tlsKey, inboxPrefix, ...way } = given
  const logsIn = Object.keys(way).length > 0
  const { tlsCa: foundCa, tlsCert: foundCert, tlsKey: foundKey, inboxPrefix: foundPrefix, ...foundWay } = found
  const own = tlsCert ?? tlsKey
  // The inbox is the user's: another user does not get that of the first.
  const prefix = inboxPrefix ?? (logsIn ? undefined : foundPrefix)
  const ca = tlsCa ?? foundCa
  const cert = own === undefined ? foundCert : tlsCert
  const key = own === undefined ? foundKey : tlsKey
  return {
    ...(logsIn ? way : foundWay),
    ...(ca !== undefined && { tlsCa: ca }),
    ...(cert !== undefined && { tlsCert: cert }),
    ...(key !== undefined && { tlsKey: key }),
    ...(prefix !== undefined && { inboxPrefix: prefix }),
  }
}

/**
 * Server addresses of the NATS driver: what a user may write, what the cluster tells, and whose turn it is. Pure: unlike
 * `nats-connector.ts` it neither dials nor waits. An address with credentials in it is refused, for addresses go into
 * logs and errors, and the refusal does not repeat it.
 */
import { InvalidArgument } from '../base/error.ts'
import type { Random } from '../base/random.ts'

export interface ServerAddress {
  /** By which of the library's transports. */
  readonly transport: 'tcp' | 'websocket'
  /** True when a connection without TLS must fail. */
  readonly tls: boolean
  /** What the library is given. */
  readonly address: string
  /** For people: scheme, host and port. */
  readonly label: string
  /** The host without brackets and port. */
  readonly host: string
  /** Whose certificate the server shows, when its address does not tell: a cluster names its members by IP. */
  readonly certificateName?: string
}

export const serversMax = 256
const addressMaxLength = 512

const schemes = {
  nats: { transport: 'tcp', tls: false, port: 4222 },
  tls: { transport: 'tcp', tls: true, port: 4222 },
  ws: { transport: 'websocket', tls: false, port: 80 },
  wss: { transport: 'websocket', tls: true, port: 443 },
} as const

const form =
  /^(?:(?<scheme>[a-z][a-z0-9+.-]*):\/\/)?(?<host>\[[0-9a-f:.]+\]|[\p{L}\p{N}](?:[\p{L}\p{N}._-]*[\p{L}\p{N}])?)(?::(?<port>\d{1,5}))?(?<path>\/[\w./~-]*)?$/iu

/** Throws `base.invalid_argument`, which names `option` and never what was written. */
export function parseServer(option: string, written: string): ServerAddress {
  if (typeof written !== 'string' || written.length === 0 || written.length > addressMaxLength)
    throw new InvalidArgument(option, `must be an address of 1 to ${addressMaxLength} characters`)
  if (written.includes('@'))
    throw new InvalidArgument(option, 'must not hold credentials; give them as user and password, or as token')
  if (/[?#]/.test(written)) throw new InvalidArgument(option, 'must have neither a query nor a fragment')
  const { scheme = 'nats', host, port, path = '' } = form.exec(written)?.groups ?? {}
  const known = isScheme(scheme.toLowerCase())
  if (host === undefined || known === undefined)
    throw new InvalidArgument(
      option,
      'must be host:port or a nats://, tls://, ws:// or wss:// address; IPv6 in brackets',
    )
  const portNumber = port === undefined ? schemes[known].port : Number(port)
  if (portNumber < 1 || portNumber > 65_535) throw new InvalidArgument(option, 'must have a port from 1 to 65535')
  const { transport, tls } = schemes[known]
  if (transport === 'tcp' && path.length > 1) throw new InvalidArgument(option, 'must have no path')
  const place = `${host.toLowerCase()}:${portNumber}`
  const label = `${known}://${place}${transport === 'tcp' || path === '/' ? '' : path}`
  const address = transport === 'tcp' ? place : label
  return { transport, tls, address, label, host: place.slice(0, place.lastIndexOf(':')).replaceAll(/^\[|\]$/g, '') }
}

function isScheme(text: string): keyof typeof schemes | undefined {
  return Object.hasOwn(schemes, text) ? (text as keyof typeof schemes) : undefined
}

/** One or many addresses; without any, the server of this machine. */
export function parseServers(written: string | readonly string[] | undefined): ServerAddress[] {
  const list = written === undefined ? ['nats://127.0.0.1:4222'] : typeof written === 'string' ? [written] : written
  if (!Array.isArray(list) || list.length === 0 || list.length > serversMax)
    throw new InvalidArgument('servers', `must be one address or a list of 1 to ${serversMax}`)
  return list.map((each: string, at) => parseServer(list.length === 1 ? 'servers' : `servers[${at}]`, each))
}

function isIp(host: string): boolean {
  return host.includes(':') || /^[\d.]+$/.test(host)
}

/** The servers there are and whose turn it is: each in turn, so the one that was lost comes last. */
export class ServerPool {
  readonly #given: readonly ServerAddress[]
  #order: ServerAddress[]

  constructor(given: readonly ServerAddress[], random: Random | undefined) {
    this.#given = random ? random.shuffle(given) : given
    this.#order = [...this.#given]
  }

  get size(): number {
    return this.#order.length
  }

  get labels(): string[] {
    return this.#order.map(({ label }) => label)
  }

  /** The next in turn; it becomes the last. */
  next(): ServerAddress {
    const first = this.#order.shift() as ServerAddress
    this.#order.push(first)
    return first
  }

  /**
   * What a server tells of its cluster, as `host:port`: those it names no more go, unless they were given. `encrypted`: it
   * speaks TLS, so the members that are named by IP show a certificate in the name under which this one was reached.
   */
  discover(from: ServerAddress, told: readonly string[], encrypted: boolean): void {
    const scheme = from.label.slice(0, from.label.indexOf('://'))
    const certificateName = isIp(from.host) ? from.certificateName : from.host
    const members = new Map<string, ServerAddress>()
    for (const each of told.slice(0, serversMax)) {
      const member = tryParse(`${scheme}://${each}`)
      if (!member) continue
      const named = encrypted && certificateName !== undefined && isIp(member.host) ? { certificateName } : {}
      members.set(member.label, { ...member, ...named })
    }
    const isGiven = (label: string) => this.#given.some((each) => each.label === label)
    const kept = this.#order.filter(({ label }) => isGiven(label) || label === from.label || members.has(label))
    for (const { label } of kept) members.delete(label)
    this.#order = [...members.values(), ...kept]
  }
}

/** What a server says is from outside: an address that we would not take is left out. */
function tryParse(written: string): ServerAddress | undefined {
  try {
    return parseServer('connect_urls', written)
  } catch {
    return undefined
  }
}

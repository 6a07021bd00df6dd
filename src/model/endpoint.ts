/**
 * Endpoint: where an OpenAI-compatible server is and what may be sent there. The rules of the key live here and nowhere
 * else: it is read from the environment only, at the moment of a call, and goes over https or to this machine.
 */
import { InvalidArgument } from '../base/error.ts'
import { plainName } from '../base/limit.ts'
import type { Dialect } from './core/dialect.ts'
import { ModelInsecureUrl, ModelKeyMissing } from './error.ts'

export interface EndpointOptions {
  readonly model: string
  readonly baseUrl?: string
  readonly provider?: string
  readonly apiKeyEnv?: string | null
}

export interface Endpoint extends Dialect {
  /** The full address to POST to, query included. */
  readonly url: URL
  readonly provider: string
  /** The model and its address without the query, for errors. */
  readonly who: string
  readonly apiKeyEnv: string | null
  readonly loopback: boolean
  /** Values of the address's query: some gateways put secrets there. */
  readonly querySecrets: readonly string[]
}

const openAiUrl = 'https://api.openai.com/v1'
const path = '/chat/completions'

export function endpoint(options: EndpointOptions): Endpoint {
  const model = plainName('model', options.model, 200)
  const url = parseUrl(options.baseUrl ?? openAiUrl)
  const loopback = isLoopback(url.hostname)
  const apiKeyEnv = options.apiKeyEnv === undefined ? 'OPENAI_API_KEY' : options.apiKeyEnv
  if (apiKeyEnv !== null && !/^[A-Za-z_][A-Za-z0-9_]{0,199}$/.test(apiKeyEnv))
    // The value is not shown: who writes the key itself here should not find it in a log.
    throw new InvalidArgument('apiKeyEnv', 'must be the name of an environment variable, or null for no key')
  const address = `${url.origin}${url.pathname}`
  if (apiKeyEnv !== null && url.protocol !== 'https:' && !loopback) throw new ModelInsecureUrl(address)
  const hosted = url.hostname === 'api.openai.com'
  return {
    model,
    url,
    provider: plainName('provider', options.provider ?? (hosted ? 'openai' : url.host), 300),
    who: `${model} at ${address}`,
    apiKeyEnv,
    loopback,
    querySecrets: [...url.searchParams.values()].filter((value) => value.length >= 8),
    // The newer name where it is required; the older one is what every other server knows.
    tokensField: hosted ? 'max_completion_tokens' : 'max_tokens',
  }
}

function parseUrl(baseUrl: string): URL {
  // A refused address is not shown: it may hold what makes it refused.
  if (typeof baseUrl !== 'string' || !URL.canParse(baseUrl))
    throw new InvalidArgument('baseUrl', 'must be an absolute URL such as http://127.0.0.1:8080/v1')
  const url = new URL(baseUrl)
  if (url.protocol !== 'https:' && url.protocol !== 'http:')
    throw new InvalidArgument('baseUrl', 'must begin with https:// or http://')
  if (url.username !== '' || url.password !== '')
    throw new InvalidArgument('baseUrl', 'must hold no user name or password; name the key by apiKeyEnv')
  if (url.hash !== '') throw new InvalidArgument('baseUrl', 'must hold no fragment (#...)')
  const base = url.pathname.replace(/\/+$/, '')
  url.pathname = base.endsWith(path) ? base : base + path
  return url
}

/** This machine by its name or address. The URL parser has already written every form of an IPv4 address in full. */
function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(hostname)
}

/** The key of this moment, or undefined when none is to be sent. Errors: `model.key_missing`. */
export function keyFor({ apiKeyEnv, loopback, who }: Endpoint): string | undefined {
  if (apiKeyEnv === null) return undefined
  const key = process.env[apiKeyEnv]?.trim()
  if (!key) {
    if (loopback) return undefined
    throw new ModelKeyMissing(who, apiKeyEnv, 'is not set')
  }
  // fetch would refuse such a header with an error that shows it.
  if (!/^[\u0021-\u007e]+$/.test(key)) throw new ModelKeyMissing(who, apiKeyEnv, 'holds characters that no key has')
  return key
}

const secretHeaders = /^(?:authorization|proxy-authorization|cookie|.*api[-_]?key|.*token|.*secret)$/
const ownHeaders = new Set([
  'accept',
  'connection',
  'content-length',
  'content-type',
  'expect',
  'host',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** The extra headers in lower case, if none of them is a secret or the driver's own. */
export function checkHeaders(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const checked: Record<string, string> = {}
  for (const [given, value] of Object.entries(headers)) {
    const name = given.toLowerCase()
    const where = `headers[${JSON.stringify(given.slice(0, 60))}]`
    if (!/^[a-z0-9!#$%&'*+.^_`|~-]+$/.test(name)) throw new InvalidArgument(where, 'is no header name')
    if (secretHeaders.test(name)) throw new InvalidArgument(where, 'looks like a secret; name the key by apiKeyEnv')
    if (ownHeaders.has(name)) throw new InvalidArgument(where, 'is set by the driver; leave it out')
    if (typeof value !== 'string' || !/^[\u0020-\u007e]*$/.test(value))
      throw new InvalidArgument(where, 'must be printable ASCII text')
    checked[name] = value
  }
  return checked
}

/**
 * Secrets and certificates of a NATS connection, read at the moment of each dial and kept by nobody after it. Unlike
 * `nats-options.ts` this touches files and calls the user's functions. What goes wrong is told by the option's name and a
 * code of the system; neither a secret nor what a user's function threw gets into an error.
 */
import { readFile } from 'node:fs/promises'
import { InvalidArgument } from '../base/error.ts'
import { utf8Bytes } from '../base/limit.ts'
import type { NatsDialOptions, NatsLibrary } from './nats-library.ts'
import { type NatsOptions, type NatsTlsOptions, type Secret, checkPem } from './nats-options.ts'
import type { ServerAddress } from './nats-server.ts'

const secretMaxLength = 1024 * 1024

/** How the library is to log in; undefined without credentials. Rejects with `base.invalid_argument`. */
export async function authenticatorOf(
  library: NatsLibrary,
  options: NatsOptions,
): Promise<NatsDialOptions['authenticator']> {
  const { user } = options
  const token = await ask('token', options.token)
  if (token !== undefined) return library.tokenAuthenticator(token)
  const password = await ask('password', options.password)
  if (user !== undefined) return library.usernamePasswordAuthenticator(user, password)
  const creds = await askOrRead('creds', options.creds, options.credsFile)
  if (creds !== undefined)
    return tried('creds', 'must be the text of a .creds file, with a JWT and a seed', () =>
      library.credsAuthenticator(utf8Bytes(creds)),
    )
  const seed = (await askOrRead('nkey', options.nkey, options.nkeyFile))?.trim()
  const jwt = (await ask('jwt', options.jwt))?.trim()
  const mend = 'must be the seed of a user (SU...)'
  const key = seed === undefined ? undefined : utf8Bytes(seed)
  if (jwt !== undefined) return tried('nkey', mend, () => library.jwtAuthenticator(jwt, key))
  return key && tried('nkey', mend, () => library.nkeyAuthenticator(key))
}

/** Signs once for nothing, so that a seed that is none is told before the dial. */
function tried<Made extends (nonce: string) => unknown>(name: string, mend: string, make: () => Made): Made {
  try {
    const made = make()
    made('trial')
    return made
  } catch {
    throw new InvalidArgument(name, mend)
  }
}

/** The library's options for TLS: undefined lets the server choose. Rejects with `base.invalid_argument`. */
export async function tlsOf(tls: NatsTlsOptions | undefined, server: ServerAddress): Promise<NatsDialOptions['tls']> {
  if (server.transport === 'websocket') return undefined
  const servername = tls?.servername ?? server.certificateName
  if (!tls && !server.tls && servername === undefined) return undefined
  const ca = await pem('tls.ca', tls?.ca, tls?.caFile)
  const cert = await pem('tls.cert', tls?.cert, tls?.certFile)
  const key = await pem('tls.key', tls?.key, tls?.keyFile)
  // The library hands what it does not know to Node's `tls.connect`.
  return {
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    ...(servername !== undefined && { servername }),
    // An address has no name to show, and without a host Node would look for `localhost` in the certificate.
    ...(servername === undefined && { host: server.host }),
    ...(tls?.handshakeFirst === true && { handshakeFirst: true }),
    ...(tls?.insecureAcceptAnyCertificate === true && { rejectUnauthorized: false }),
  }
}

async function pem(name: string, given: Secret | undefined, file: string | undefined): Promise<string | undefined> {
  const text = await askOrRead(name, given, file)
  if (text !== undefined) checkPem(file === undefined ? name : `${name}File`, text)
  return text
}

async function askOrRead(
  name: string,
  given: Secret | undefined,
  file: string | undefined,
): Promise<string | undefined> {
  return file === undefined ? ask(name, given) : read(`${name}File`, file)
}

async function ask(name: string, given: Secret | undefined): Promise<string | undefined> {
  if (typeof given !== 'function') return given
  let answer: unknown
  try {
    answer = await given()
  } catch {
    throw new InvalidArgument(name, 'is a function that threw; look why')
  }
  if (typeof answer === 'string' && answer !== '' && answer.length <= secretMaxLength) return answer
  throw new InvalidArgument(name, `is a function and must return text of 1 to ${secretMaxLength} characters`)
}

async function read(name: string, file: string): Promise<string> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    const { code } = error as { code?: unknown }
    throw new InvalidArgument(name, `cannot be read (${String(code)}); check the path and its rights`)
  }
  if (text !== '' && text.length <= secretMaxLength) return text
  throw new InvalidArgument(name, `must be a file of 1 to ${secretMaxLength} characters`)
}

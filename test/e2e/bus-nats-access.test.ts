/**
 * Who may connect over NATS and what they may do there, against real servers: token, user, nkey, JWT, TLS, client
 * certificates, permissions. Of everything that fails here, nothing printed may hold a secret.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { nkeys } from '@nats-io/transport-node'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { makeCertificates, startNatsServer } from '../../scripts/servers.ts'
import type { Certificates, NatsServerOptions } from '../../scripts/servers.ts'
import { codeOf } from '../../src/base/error.ts'
import { lineLogger } from '../../src/base/logger.ts'
import { type NatsBus, type NatsOptions, type NatsTlsOptions, connectNats } from '../../src/bus/nats.ts'
import { hasNatsServer, hasOpenSsl } from '../bus/nats-servers.ts'
import { bytes, none, outcome, shown, watch } from './bus-nats-kit.ts'

const opened: AsyncDisposable[] = []
/** All that was logged, thrown or inspected; and what must not be in it. */
const printed: string[] = []
const secrets = new Set<string>()
afterEach(async () => {
  for (const each of opened.splice(0).reverse()) await each[Symbol.asyncDispose]()
  const all = printed.splice(0).join('\n')
  const told = [...secrets].filter((each) => all.includes(each))
  if (told.length > 0) throw new Error(`${told.length} secrets were printed`)
})

const logger = lineLogger({ write: (line) => void printed.push(line), now: () => 0, level: 'debug' })

async function serve(options: NatsServerOptions) {
  const server = await startNatsServer(options)
  opened.push(server)
  return server
}

async function connect(options: NatsOptions): Promise<NatsBus> {
  const bus = await connectNats({ logger, connectTimeoutMs: 2000, ...options })
  opened.push(bus)
  printed.push(shown(bus))
  return bus
}

/** The code with which a connect fails. */
async function refusal(options: NatsOptions): Promise<string> {
  try {
    await connect(options)
    return 'fine'
  } catch (error) {
    printed.push(shown(error), String((error as Error).stack), JSON.stringify(error))
    return codeOf(error)
  }
}

async function works(options: NatsOptions): Promise<void> {
  const bus = await connect(options)
  const subscription = bus.subscribe('works')
  bus.publish('works', bytes('x'))
  await bus.flush()
  expect(subscription.pending).toBe(1)
}

function secret(text: string): string {
  secrets.add(text)
  return text
}

function seedOf(key: { getSeed(): Uint8Array }): string {
  return secret(new TextDecoder().decode(key.getSeed()))
}

describe.skipIf(!hasNatsServer)('NATS bus, credentials', () => {
  it('logs in with a token, which a function may give anew at each connect', async () => {
    const token = secret('right-token-7f3a')
    const wrong = secret('wrong-token-99c1')
    const server = await serve({ token })
    const { url: servers } = server
    await works({ servers, token })
    expect(await refusal({ servers, token: wrong })).toBe('bus.unauthorized')
    expect(await refusal({ servers })).toBe('bus.unauthorized')
    let current = wrong
    const rotating = async () => current
    expect(await refusal({ servers, token: rotating })).toBe('bus.unauthorized')
    current = token
    const bus = await connect({ servers, token: rotating, reconnect: { waitMs: 1, waitMaxMs: 5 } })
    const statuses = watch(bus)
    current = wrong
    await server.restart()
    const { error } = await statuses.until('error')
    expect(error.code).toBe('bus.unauthorized')
    current = token
    await statuses.until('reconnected')
    printed.push(shown(statuses.seen))
  })

  it('gives up after a refusal when told so', async () => {
    const token = secret('right-token-51d0')
    const wrong = secret('wrong-token-5522')
    const server = await serve({ token })
    const given = [token, wrong]
    const bus = await connect({
      servers: server.url,
      token: () => given.shift() ?? wrong,
      reconnect: { waitMs: 1, afterUnauthorized: false },
    })
    const statuses = watch(bus)
    await server.restart()
    expect((await statuses.until('closed')).error?.code).toBe('bus.unauthorized')
    printed.push(shown(statuses.seen), shown(bus))
  })

  it('logs in with user and password, and with an nkey as text or file', async () => {
    const password = secret('open-sesame-4711')
    const key = nkeys.createUser()
    const stranger = nkeys.createUser()
    const { url: servers } = await serve({ users: [{ user: 'me', password }, { nkey: key.getPublicKey() }] })
    await works({ servers, user: 'me', password })
    expect(await refusal({ servers, user: 'me', password: secret('shut-sesame-1174') })).toBe('bus.unauthorized')
    await works({ servers, nkey: seedOf(key) })
    await works({ servers, nkey: () => seedOf(key) })
    expect(await refusal({ servers, nkey: seedOf(stranger) })).toBe('bus.unauthorized')
    const broken = secret(`${seedOf(key).slice(0, -3)}AAA`)
    expect(await refusal({ servers, nkey: broken })).toBe('base.invalid_argument')
    const folder = await mkdtemp(join(tmpdir(), 'bus-nats-access-'))
    try {
      const nkeyFile = join(folder, 'user.nk')
      await writeFile(nkeyFile, `${seedOf(key)}\n`)
      await works({ servers, nkeyFile })
      expect(await refusal({ servers, nkeyFile: join(folder, 'none') })).toBe('base.invalid_argument')
      expect(await refusal({ servers, credsFile: nkeyFile })).toBe('base.invalid_argument')
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  it('logs in with the JWT of an account server, as creds or by its parts', async () => {
    const [operator, account, user] = [nkeys.createOperator(), nkeys.createAccount(), nkeys.createUser()]
    const accountId = account.getPublicKey()
    const operatorJwt = jwtOf(operator, operator.getPublicKey(), { type: 'operator' })
    const accountJwt = jwtOf(operator, accountId, { type: 'account', limits: unlimited })
    const userJwt = secret(jwtOf(account, user.getPublicKey(), { type: 'user', subs: -1, data: -1, payload: -1 }))
    const { url: servers } = await serve({
      extra: `operator: ${operatorJwt}\nresolver: MEMORY\nresolver_preload: { ${accountId}: ${accountJwt} }`,
    })
    const seed = seedOf(user)
    const line = '------'
    const creds = `${line}BEGIN NATS USER JWT${line}\n${userJwt}\n${line}END NATS USER JWT${line}\n\n${line}BEGIN USER NKEY SEED${line}\n${seed}\n${line}END USER NKEY SEED${line}\n`
    await works({ servers, creds })
    await works({ servers, jwt: userJwt, nkey: seed })
    expect(await refusal({ servers, jwt: userJwt, nkey: seedOf(nkeys.createUser()) })).toBe('bus.unauthorized')
    expect(await refusal({ servers, creds: creds.slice(0, 200) })).toBe('base.invalid_argument')
    expect(await refusal({ servers })).toBe('bus.unauthorized')
  })

  it('says nothing of what a function for a secret threw', async () => {
    const { url: servers } = await serve({ token: secret('right-token-8812') })
    const thrown = secret('vault-says-s3cr3t')
    const token = () => {
      throw new Error(thrown)
    }
    expect(await refusal({ servers, token })).toBe('base.invalid_argument')
    expect(await refusal({ servers, token: () => '' })).toBe('base.invalid_argument')
    for (const url of [
      'nats://me:url-secret-1@127.0.0.1',
      'me:url-secret-1@127.0.0.1',
      'ws://127.0.0.1/?t=url-secret-1',
    ])
      expect(await refusal({ servers: url })).toBe('base.invalid_argument')
    secrets.add('url-secret-1')
  })
})

const unlimited = { subs: -1, data: -1, payload: -1, imports: -1, exports: -1, wildcards: true, conn: -1, leaf: -1 }

type Key = ReturnType<typeof nkeys.createUser>

/** A JWT as nsc makes it: version 2, signed with an nkey. */
function jwtOf(issuer: Key, subject: string, claims: Record<string, unknown>): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const iat = 1_700_000_000
  const body = {
    jti: subject,
    iat,
    iss: issuer.getPublicKey(),
    name: 'test',
    sub: subject,
    nats: { ...claims, version: 2 },
  }
  const signed = `${part({ typ: 'JWT', alg: 'ed25519-nkey' })}.${part(body)}`
  return `${signed}.${Buffer.from(issuer.sign(bytes(signed))).toString('base64url')}`
}

describe.skipIf(!hasNatsServer || !hasOpenSsl)('NATS bus, TLS', () => {
  let folder = ''
  let certificates: Certificates
  const pem = (file: string) => readFile(file, 'utf8')
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'bus-nats-tls-'))
    certificates = await makeCertificates(folder)
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  it('trusts a server that its authority has signed, and no other', async () => {
    const { url, port } = await serve({ tls: certificates.server })
    const caFile = certificates.ca
    await works({ servers: url, tls: { caFile } })
    await works({ servers: `tls://localhost:${port}`, tls: { ca: await pem(caFile) } })
    await works({ servers: `127.0.0.1:${port}`, tls: { caFile, servername: 'localhost' } })
    expect(await refusal({ servers: url })).toBe('bus.connect_failed')
    expect(await refusal({ servers: `nats://127.0.0.1:${port}` })).toBe('bus.connect_failed')
    expect(await refusal({ servers: url, tls: { caFile: certificates.stranger.ca } })).toBe('bus.connect_failed')
    expect(await refusal({ servers: url, tls: { caFile, servername: 'elsewhere.example' } })).toBe('bus.connect_failed')
    await works({ servers: url, tls: { insecureAcceptAnyCertificate: true } })
    expect(printed.join('')).toContain('INSECURE')
  })

  it.each([
    ['a name', ['localhost'], { name: 'fine', address: 'bus.connect_failed' }],
    ['an address', ['127.0.0.1'], { name: 'bus.connect_failed', address: 'fine' }],
  ] as const)('takes a certificate for %s for that alone, however TLS comes about', async (what, hosts, wanted) => {
    const own = await makeCertificates(join(folder, what.replace(' ', '-')), { hosts })
    // As who trusts the authority without an option would: the process does.
    const before = getCACertificates('default')
    setDefaultCACertificates([...before, await pem(own.ca)])
    try {
      for (const handshakeFirst of [false, true]) {
        const { port } = await serve({ tls: { ...own.server, handshakeFirst } })
        const asked = { handshakeFirst }
        const ways: ((host: string) => NatsOptions)[] = [
          (host) => ({ servers: `tls://${host}:${port}`, tls: { ...asked, caFile: own.ca } }),
          (host) => ({ servers: `nats://${host}:${port}`, tls: asked }),
        ]
        if (!handshakeFirst)
          ways.push(
            (host) => ({ servers: `tls://${host}:${port}` }),
            (host) => ({ servers: `nats://${host}:${port}` }),
          )
        for (const way of ways)
          expect({
            name: await refusal(way('localhost')),
            address: await refusal(way('127.0.0.1')),
          }).toEqual(wanted)
      }
    } finally {
      setDefaultCACertificates(before)
    }
  })

  it('does not go without TLS where it was asked for', async () => {
    const { port } = await serve({})
    expect(await refusal({ servers: `tls://127.0.0.1:${port}` })).toBe('bus.connect_failed')
    expect(await refusal({ servers: `127.0.0.1:${port}`, tls: {} })).toBe('bus.connect_failed')
  })

  it('begins with TLS when the server does', async () => {
    const { url } = await serve({ tls: { ...certificates.server, handshakeFirst: true } })
    const tls = { caFile: certificates.ca }
    expect(await refusal({ servers: url, tls: { ...tls, handshakeFirst: true } })).toBe('fine')
    expect(await refusal({ servers: url, tls, connectTimeoutMs: 200 })).toBe('bus.connect_failed')
  })

  it('shows its certificate to a server that asks for one', async () => {
    const { ca, client, stranger } = certificates
    const { url: servers } = await serve({ tls: { ...certificates.server, ca, verify: true } })
    const withKey = async (own: { cert: string; key: string }): Promise<NatsTlsOptions> => ({
      caFile: ca,
      cert: await pem(own.cert),
      key: secret(await pem(own.key)),
    })
    await works({ servers, tls: { caFile: ca, certFile: client.cert, keyFile: client.key } })
    await works({ servers, tls: await withKey(client) })
    expect(await refusal({ servers, tls: { caFile: ca } })).toBe('bus.connect_failed')
    expect(await refusal({ servers, tls: await withKey(stranger.client) })).toBe('bus.connect_failed')
    expect(await refusal({ servers, tls: { ...(await withKey(client)), caFile: stranger.ca } })).toBe(
      'bus.connect_failed',
    )
  })
})

describe.skipIf(!hasNatsServer)('NATS bus, permissions', () => {
  const password = secret('permitted-2468')

  async function limited(permissions: object, options: NatsOptions = {}) {
    const server = await serve({
      users: [
        { user: 'limited', password, permissions },
        { user: 'all', password },
      ],
    })
    const bus = await connect({ servers: server.url, user: 'limited', password, ...options })
    const all = await connect({ servers: server.url, user: 'all', password })
    return { bus, all, statuses: watch(bus) }
  }

  it('ends a denied subscription with the error, and leaves the others', async () => {
    const { bus, statuses } = await limited({ subscribe: { deny: ['closed.>'] } })
    const fine = bus.subscribe('open')
    const denied = bus.subscribe('closed.door', { queue: 'q' })
    expect(await outcome(denied.each(() => {}))).toBe('bus.permission_denied')
    const { error } = await statuses.until('error')
    expect(error).toMatchObject({ code: 'bus.permission_denied', operation: 'subscribe', subject: 'closed.door' })
    bus.publish('open', none)
    await bus.flush()
    expect(fine.pending).toBe(1)
  })

  it('tells of a denied publish, and ends the requests that wait on its subject', async () => {
    const { bus, statuses } = await limited({ publish: { deny: ['closed.>'] } })
    bus.publish('closed.a', none)
    const { error } = await statuses.until('error')
    expect(error).toMatchObject({ code: 'bus.permission_denied', operation: 'publish', subject: 'closed.a' })
    expect(await outcome(bus.request('closed.b', none, { timeoutMs: 20_000 }))).toBe('bus.permission_denied')
    expect(await outcome(bus.request('open', none))).toBe('bus.no_responders')
  })

  it('ends requests whose inbox is denied, unless its prefix is another', async () => {
    const { bus, all } = await limited({ subscribe: { deny: ['_INBOX.>'] } })
    void all.subscribe('ask').each((message) => void message.respond(message.data))
    await all.flush()
    expect(await outcome(bus.request('ask', none, { timeoutMs: 20_000 }))).toBe('bus.permission_denied')
    expect(await outcome(bus.request('ask', none, { timeoutMs: 20_000 }))).toBe('bus.permission_denied')
  })

  it('takes answers under the prefix that is allowed', async () => {
    const { bus, all } = await limited({ subscribe: { allow: ['_INBOX_me.>'] } }, { inboxPrefix: '_INBOX_me' })
    void all.subscribe('ask').each((message) => void message.respond(message.data))
    await all.flush()
    expect(await outcome(bus.request('ask', none, { timeoutMs: 20_000 }))).toBe('fine')
  })
})

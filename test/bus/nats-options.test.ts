import { inspect } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ColloquyError, codeOf } from '../../src/base/error.ts'
import { lineLogger } from '../../src/base/logger.ts'
import { seededRandom } from '../../src/base/random.ts'
import { backoffMs } from '../../src/bus/nats-backoff.ts'
import { type NatsOptions, checkOptions } from '../../src/bus/nats-options.ts'
import { ServerPool, parseServer, parseServers } from '../../src/bus/nats-server.ts'
import { connectNats, nats } from '../../src/bus/nats.ts'

function codeOfCheck(options: object): string {
  try {
    checkOptions(options)
    return 'fine'
  } catch (error) {
    return codeOf(error)
  }
}

function refusalOf(work: () => unknown): string {
  try {
    work()
    return 'fine'
  } catch (error) {
    return `${codeOf(error)} ${String((error as Error).stack)}`
  }
}

describe('server addresses', () => {
  it.each([
    ['localhost', 'nats://localhost:4222', 'localhost:4222'],
    ['10.0.0.1:80', 'nats://10.0.0.1:80', '10.0.0.1:80'],
    ['NATS://Example.COM', 'nats://example.com:4222', 'example.com:4222'],
    ['tls://a-b.c:443/', 'tls://a-b.c:443', 'a-b.c:443'],
    ['[::1]:1', 'nats://[::1]:1', '[::1]:1'],
    ['ws://host', 'ws://host:80', 'ws://host:80'],
    ['wss://host/path/x', 'wss://host:443/path/x', 'wss://host:443/path/x'],
  ])('reads %s as %s', (written, label, address) => {
    expect(parseServer('servers', written)).toMatchObject({ label, address })
  })

  it.each([
    ['', ':4222', 'a b', 'nats://', 'http://a', 'a:0', 'a:65536', '::1', 'nats://a/b', 'nats://a?x=1', 'ws://a#b'],
    ['nats://user:secret@a', 'secret@a', '-a', 'a..', 'x'.repeat(600), 4222],
  ])('refuses what is none: %s', (...written) => {
    for (const each of written.flat()) expect(() => parseServer('servers', each as string)).toThrow(ColloquyError)
  })

  it('never repeats what was written in a refusal', () => {
    fc.assert(
      fc.property(
        // With a digit, so that it is no word of the refusal.
        fc.stringMatching(/^[a-z0-9]{8,19}7$/),
        fc.constantFrom('@h', '@h:1', '?q', '#f', ' x'),
        (secret, tail) => {
          const told = refusalOf(() => parseServer('servers', `nats://${secret}${tail}`))
          expect(told).toContain('base.invalid_argument')
          expect(told).not.toContain(secret)
        },
      ),
    )
  })

  it('goes round all servers, so the one that was lost comes last', () => {
    const pool = new ServerPool(parseServers(['a', 'b', 'c']), undefined)
    const first = pool.next()
    expect([first, pool.next(), pool.next(), pool.next()].map(({ host }) => host)).toEqual(['a', 'b', 'c', 'a'])
    expect(pool.labels).toEqual(['nats://b:4222', 'nats://c:4222', 'nats://a:4222'])
  })

  it('takes the members that a server tells of, forgets those it names no more, keeps what was given', () => {
    const pool = new ServerPool(parseServers('tls://one.example'), undefined)
    const from = pool.next()
    pool.discover(from, ['10.0.0.2:4222', 'two.example:4222', 'junk here', 'me:pw@x', 'one.example:4222'], true)
    expect(pool.labels).toEqual(['tls://10.0.0.2:4222', 'tls://two.example:4222', 'tls://one.example:4222'])
    expect(pool.next().certificateName).toBe('one.example')
    expect(pool.next().certificateName).toBe(undefined)
    pool.discover(from, ['two.example:4222'], true)
    expect([...pool.labels].sort()).toEqual(['tls://one.example:4222', 'tls://two.example:4222'])
    pool.discover(
      from,
      Array.from({ length: 5000 }, (_none, at) => `10.1.0.1:${at + 1}`),
      false,
    )
    expect(pool.size).toBeLessThanOrEqual(257)
  })
})

describe('backoff', () => {
  it('never waits within a round, never beyond its bound, and is spread by chance', () => {
    fc.assert(
      fc.property(fc.nat(200), fc.integer({ min: 1, max: 9 }), fc.integer(), (failures, servers, seed) => {
        const wait = backoffMs({ waitMs: 100, waitMaxMs: 5000 }, failures, servers, seededRandom(seed))
        const round = Math.floor(failures / servers)
        const bound = Math.min(5000, 100 * 2 ** round)
        const inRound = failures % servers !== 0
        expect(wait).toBeLessThanOrEqual(inRound ? 0 : bound)
        expect(wait).toBeGreaterThanOrEqual(inRound || round === 0 ? 0 : bound / 2)
      }),
    )
  })
})

describe('NATS options', () => {
  it('takes none, and each by itself', () => {
    const all: NatsOptions[] = [
      {},
      { servers: ['a', 'tls://b', 'wss://c'], name: 'n', token: 't' },
      { user: 'u', password: () => 'p' },
      { nkey: 's', jwt: () => 'j' },
      { credsFile: '/x' },
      { tls: { caFile: '/x', cert: '-----BEGIN CERTIFICATE-----', keyFile: '/k', handshakeFirst: true } },
      { reconnect: false, echo: false, shuffle: false, discover: false, connectRetry: true },
      { reconnect: { attemptsMax: 1, waitMs: 9000 } },
    ]
    expect(all.map(codeOfCheck)).toEqual(all.map(() => 'fine'))
    expect(checkOptions({ reconnect: { waitMs: 9000 } }).reconnect?.waitMaxMs).toBe(9000)
    expect(checkOptions({}).reconnect?.attemptsMax).toBe(Number.POSITIVE_INFINITY)
  })

  it.each<[string, object]>([
    ['two kinds of credentials', { token: 't', user: 'u', password: 'p' }],
    ['a user without a password', { user: 'u' }],
    ['a password without a user', { password: 'p' }],
    ['text and file of one', { nkey: 's', nkeyFile: '/s' }],
    ['an empty token', { token: '' }],
    ['a token of another type', { token: 7 }],
    ['a key without its certificate', { tls: { keyFile: '/k' } }],
    ['a path where PEM text belongs', { tls: { ca: '/etc/ca.pem' } }],
    ['TLS options for WebSockets alone', { servers: 'wss://a', tls: {} }],
    ['ws:// beside options for TLS', { servers: ['tls://a', 'ws://b'], tls: {} }],
    ['no server', { servers: [] }],
    ['too many servers', { servers: Array.from({ length: 257 }, () => 'a') }],
    ['a wait beyond its bound', { reconnect: { waitMs: 10, waitMaxMs: 5 } }],
    ['no attempt', { reconnect: { attemptsMax: 0 } }],
    ['a flag that is none', { echo: 'no' }],
    ['a ping that never rests', { pingIntervalMs: 0 }],
    ['a timer that Node cannot hold', { connectTimeoutMs: 2 ** 31 }],
    ['a bound of nothing', { unconfirmedMax: 0 }],
    ['a name with a line end', { name: 'a\nb' }],
    ['no request at all', { requestsMax: 0 }],
    ['more requests than there are places', { requestsMax: 64 ** 3 + 1 }],
    ['an option that there is not', { server: 'nats://h' }],
    ['a reconnect option that there is not', { reconnect: { max: 3 } }],
    ['a TLS option that there is not', { tls: { cafile: '/x' } }],
    ['TLS that is no object', { tls: true }],
  ])('refuses %s', async (_what, options) => {
    expect(codeOfCheck(options)).toBe('base.invalid_argument')
    expect(() => nats(options)).toThrow(ColloquyError)
    await expect(connectNats(options)).rejects.toThrow(ColloquyError)
  })

  it('names the option that was probably meant', () => {
    expect(() => checkOptions({ server: 'nats://h' } as object)).toThrow(/has no "server"; .*did you mean servers\?/)
    expect(() => checkOptions({ tls: { cafile: '/x' } as object })).toThrow(
      /^tls has no "cafile"; .*did you mean caFile\?/,
    )
  })

  it('refuses an inbox that is no subject, and a library that is another', async () => {
    expect(codeOfCheck({ inboxPrefix: 'a.*' })).toBe('bus.invalid_subject')
    await expect(connectNats({ library: {} })).rejects.toMatchObject({ code: 'base.invalid_argument' })
  })
})

const digits = '[0-9a-f]{16}'
/** No word of a refusal, whatever else is drawn. */
const secretText = fc.stringMatching(new RegExp(`^zq${digits}$`))
const inShapes = (secret: string): fc.Arbitrary<unknown> =>
  fc.constantFrom<unknown>(
    secret,
    `${secret}\n`,
    `SU${secret.toUpperCase()}`,
    `-----BEGIN ${secret}`,
    [secret],
    { [secret]: secret },
    () => secret,
    async () => secret,
    () => {
      throw new Error(secret)
    },
    () => ({ secret }),
    () => '',
  )
const addresses = (secret: string) =>
  fc.constantFrom<unknown>(
    undefined,
    `nats://${secret}@127.0.0.1:1`,
    `nats://me:${secret}@127.0.0.1:1`,
    `${secret}@127.0.0.1`,
    `ws://127.0.0.1:1/?token=${secret}`,
    `wss://127.0.0.1:1/#${secret}`,
    `${secret}://127.0.0.1`,
    `nats://127.0.0.1:1/${secret}`,
    ['nats://127.0.0.1:1', `nats://:${secret}@127.0.0.1:1`],
  )
const secretOptions = ['token', 'password', 'nkey', 'jwt', 'creds'] as const

const refusedConnect = secretText.chain((secret) => {
  const shape = inShapes(secret)
  const fields = Object.fromEntries(secretOptions.map((name) => [name, shape]))
  const all = fc.record({ ...fields, user: fc.constantFrom<unknown>('me', '', 7) }, { requiredKeys: [] })
  // One kind alone is well formed, so that it is asked for and used.
  const alone = secretOptions.map((name) =>
    shape.map((value) => ({ [name]: value, ...(name === 'password' && { user: 'me' }) })),
  )
  const login = fc.oneof(all, ...alone)
  const tls = fc.record({ key: shape, cert: shape, ca: shape }, { requiredKeys: [] })
  return fc.record({
    secret: fc.constant(secret),
    login,
    tls: fc.option(tls, { nil: undefined }),
    servers: fc.option(addresses(secret), { nil: undefined, freq: 2 }),
  })
})

describe('secrets of NATS options', () => {
  it('are in no refusal, no cause of it and no log, whatever is given for them', async () => {
    await fc.assert(
      fc.asyncProperty(refusedConnect, async ({ secret, login, tls, servers }) => {
        const printed: string[] = []
        const logger = lineLogger({ write: (line) => void printed.push(line), now: () => 0, level: 'debug' })
        const options = {
          servers: servers ?? 'nats://127.0.0.1:1',
          ...login,
          ...(tls && { tls }),
          logger,
          library: { ...(await import('@nats-io/transport-node')), connect: refuses, wsconnect: refuses },
        } as object
        const error: unknown = await connectNats(options).then(
          () => new Error('connected'),
          (refusal: unknown) => refusal,
        )
        expect(error).toBeInstanceOf(ColloquyError)
        printed.push(inspect(error, { depth: 20, showHidden: true, maxStringLength: null }), String(error))
        printed.push(JSON.stringify(error), (error as Error).stack ?? '')
        expect(printed.join('\n').toLowerCase()).not.toContain(secret)
      }),
      { numRuns: 500 },
    )
  })
})

/** Stands for a server that lets nobody in. */
async function refuses(): Promise<never> {
  throw Object.assign(new Error('Authorization Violation'), { name: 'AuthorizationError' })
}

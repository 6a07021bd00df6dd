/**
 * Who is let in and what each may do, as the official client sees it, on the embedded server and on a real nats-server; and
 * the ways in: TLS, client certificates, TLS from the first byte, WebSocket. What grants permit in detail, pattern by
 * pattern, is `serve-auth.test.ts`.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  connect,
  nkeyAuthenticator,
  tokenAuthenticator,
  usernamePasswordAuthenticator,
  wsconnect,
} from '@nats-io/transport-node'
import type { ConnectionOptions, NatsConnection } from '@nats-io/transport-node'
import { createUser } from '@nats-io/nkeys'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { makeCertificates } from '../../scripts/servers.ts'
import type { Certificates } from '../../scripts/servers.ts'
import { hasNatsServer, hasOpenSsl } from '../bus/nats-servers.ts'
import { outcome, reader, seen } from './serve-scenes.ts'
import type { Stage } from './serve-scenes.ts'

const refused = 'AuthorizationError: Authorization Violation'

/** A round trip over a connection of these options, or how it failed. */
async function visit({ side }: Stage, options: ConnectionOptions): Promise<string> {
  return outcome(roundTrip(connect({ servers: side.url, reconnect: false, timeout: 10_000, ...options })))
}

async function roundTrip(connecting: Promise<NatsConnection>): Promise<void> {
  const client = await connecting
  try {
    const read = reader(client.subscribe('trip.>', { max: 1 }))
    client.publish('trip.1', 'there')
    const [message] = await read(1)
    if (message?.string() !== 'there') throw new Error('another message came')
  } finally {
    await client.close()
  }
}

describe.skipIf(!hasNatsServer)('login of the official client on the embedded server and on a nats-server', () => {
  it('takes the token and no other', async () => {
    await expect(
      seen(
        { token: 'right' },
        async (stage) => [
          await visit(stage, { token: 'right' }),
          await visit(stage, { authenticator: tokenAuthenticator('right') }),
          await visit(stage, { token: 'wrong' }),
          await visit(stage, { token: '' }),
          await visit(stage, {}),
          await visit(stage, { user: 'right', pass: 'right' }),
        ],
        ['fine', 'fine', refused, refused, refused, refused],
      ),
    ).resolves.toBe(undefined)
  })

  it('takes users with their passwords and no others', async () => {
    const users = [
      { user: 'ann', password: 'pä$$wörd' },
      { user: 'bob', password: 'b' },
    ]
    await expect(
      seen(
        { users },
        async (stage) => [
          await visit(stage, { user: 'ann', pass: 'pä$$wörd' }),
          await visit(stage, { authenticator: usernamePasswordAuthenticator('bob', 'b') }),
          await visit(stage, { user: 'ann', pass: 'b' }),
          await visit(stage, { user: 'ann' }),
          await visit(stage, { user: 'eve', pass: 'b' }),
          await visit(stage, { token: 'b' }),
          await visit(stage, {}),
        ],
        ['fine', 'fine', refused, refused, refused, refused, refused],
      ),
    ).resolves.toBe(undefined)
  })

  it('takes nkeys that sign the nonce and no others', async () => {
    const [known, stranger] = [createUser(), createUser()]
    const users = [{ nkey: known.getPublicKey() }, { user: 'ann', password: 'a' }]
    await expect(
      seen(
        { users },
        async (stage) => [
          await visit(stage, { authenticator: nkeyAuthenticator(known.getSeed()) }),
          await visit(stage, { authenticator: nkeyAuthenticator(stranger.getSeed()) }),
          await visit(stage, { authenticator: () => ({ nkey: known.getPublicKey(), sig: 'AAAA' }) }),
          await visit(stage, { user: 'ann', pass: 'a' }),
        ],
        ['fine', refused, refused, 'fine'],
      ),
    ).resolves.toBe(undefined)
  })

  it('tells a client what it may not do, and keeps it', async () => {
    const users = [
      {
        user: 'ann',
        password: 'a',
        publish: { allow: ['open.>', '_INBOX.>'], deny: ['open.secret'] },
        subscribe: { allow: ['open.>', '_INBOX.>'], deny: ['open.hidden.*'] },
      },
      { user: 'admin', password: 'a' },
    ]
    await expect(
      seen(
        { users },
        async ({ client }) => {
          const [ann, admin] = [await client({ user: 'ann', pass: 'a' }), await client({ user: 'admin', pass: 'a' })]
          const errors: string[] = []
          const collecting = (async () => {
            for await (const status of ann.status()) if (status.type === 'error') errors.push(status.error.message)
          })()
          const heard: string[] = []
          admin.subscribe('>', { callback: (_error, { subject }) => void heard.push(subject) })
          await admin.flush()
          const subscribed = ['open.a', 'closed', '>', 'open.hidden.x'].map((pattern) => {
            const subscription = ann.subscribe(pattern, {
              callback: (error, message) => void heard.push(error ? `refused ${pattern}` : `ann ${message.subject}`),
            })
            return subscription
          })
          ann.subscribe('open.>', {
            callback: (error, message) => void heard.push(`ann> ${error ? '' : message.subject}`),
          })
          ann.subscribe('closed', { queue: 'q', callback: () => undefined })
          await ann.flush()
          for (const subject of ['open.b', 'open.secret', 'closed', 'open.hidden.y']) ann.publish(subject)
          await ann.flush()
          for (const subject of ['open.a', 'open.hidden.x', 'closed']) admin.publish(subject)
          await admin.flush()
          await ann.flush()
          const request = await outcome(ann.request('closed', 'x', { timeout: 5000 }))
          await ann.close()
          await collecting
          return { errors, heard: heard.sort(), request, subscribed: subscribed.length }
        },
        {
          errors: [
            'Permissions Violation for Subscription to "closed"',
            'Permissions Violation for Subscription to ">"',
            'Permissions Violation for Subscription to "open.hidden.x"',
            'Permissions Violation for Subscription to "closed" using queue "q"',
            'Permissions Violation for Publish to "open.secret"',
            'Permissions Violation for Publish to "closed"',
            'Permissions Violation for Publish to "closed"',
          ],
          heard: [
            'ann open.a',
            'ann> open.a',
            'ann> open.b',
            'closed',
            'open.a',
            'open.b',
            'open.hidden.x',
            'open.hidden.y',
            'refused >',
            'refused closed',
            'refused open.hidden.x',
          ],
          request: 'RequestError: Permissions Violation for Publish to "closed"',
          subscribed: 4,
        },
      ),
    ).resolves.toBe(undefined)
  })

  it('lets a responder answer what it was asked and nothing else', async () => {
    const users = [
      { user: 'svc', password: 's', subscribe: { allow: ['svc'] }, responses: true as const },
      { user: 'ann', password: 'a' },
    ]
    await expect(
      seen(
        { users },
        async ({ client }) => {
          const [svc, ann] = [await client({ user: 'svc', pass: 's' }), await client({ user: 'ann', pass: 'a' })]
          const errors: string[] = []
          const collecting = (async () => {
            for await (const status of svc.status()) if (status.type === 'error') errors.push(status.error.message)
          })()
          svc.subscribe('svc', {
            callback: (_error, message) => {
              message.respond('once')
              message.respond('twice')
              svc.publish('elsewhere')
            },
          })
          await svc.flush()
          const got: string[] = []
          ann.subscribe('>', { callback: (_error, message) => void got.push(message.string()) })
          const answer = (await ann.request('svc', 'question', { timeout: 5000 })).string()
          await svc.flush()
          await ann.flush()
          await svc.close()
          await collecting
          return { answer, got: got.sort(), errors: errors.map((text) => text.replace(/_INBOX\.[^"]*/, '_INBOX')) }
        },
        {
          answer: 'once',
          got: ['once', 'question'],
          errors: ['Permissions Violation for Publish to "_INBOX"', 'Permissions Violation for Publish to "elsewhere"'],
        },
      ),
    ).resolves.toBe(undefined)
  })
})

describe.skipIf(!hasNatsServer || !hasOpenSsl)('ways into the embedded server and a nats-server', () => {
  let folder: string
  let certificates: Certificates
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'colloquy-ways-'))
    certificates = await makeCertificates(folder)
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  /** The reason of a TLS failure is node's and OpenSSL's; that there is one, and when, is the server's. */
  const fineOrNot = (text: string) => (text === 'fine' ? 'fine' : 'failed')

  it('speaks TLS after INFO, with a client that trusts it and no other', async () => {
    await expect(
      seen(
        { tls: { certificates } },
        async (stage) => [
          await visit(stage, { tls: { caFile: certificates.ca } }),
          fineOrNot(await visit(stage, { tls: { caFile: certificates.stranger.ca } })),
          fineOrNot(await visit(stage, {})),
        ],
        ['fine', 'failed', 'failed'],
      ),
    ).resolves.toBe(undefined)
  })

  it('asks for a certificate of the client, and takes those its authority signed', async () => {
    await expect(
      seen(
        { tls: { certificates, verify: true } },
        async (stage) => {
          const withKey = ({ cert, key }: { readonly cert: string; readonly key: string }) =>
            visit(stage, { tls: { caFile: certificates.ca, certFile: cert, keyFile: key } })
          return [
            await withKey(certificates.client),
            fineOrNot(await withKey(certificates.stranger.client)),
            fineOrNot(await visit(stage, { tls: { caFile: certificates.ca } })),
          ]
        },
        ['fine', 'failed', 'failed'],
      ),
    ).resolves.toBe(undefined)
  })

  it('speaks TLS from the first byte', async () => {
    await expect(
      seen(
        { tls: { certificates, handshakeFirst: true }, token: 'right' },
        async (stage) => [
          await visit(stage, { tls: { caFile: certificates.ca, handshakeFirst: true }, token: 'right' }),
          await visit(stage, { tls: { caFile: certificates.ca, handshakeFirst: true }, token: 'wrong' }),
        ],
        ['fine', refused],
      ),
    ).resolves.toBe(undefined)
  })

  it('speaks WebSocket, and both ways meet', async () => {
    await expect(
      seen(
        { websocket: 'open', token: 'right' },
        async ({ side, client }) => {
          const web = (token: string) => wsconnect({ servers: side.websocketUrl, reconnect: false, token })
          const tcp = await client({ token: 'right' })
          const other = await web('right')
          const read = reader(other.subscribe('w'))
          await other.flush()
          const payload = Buffer.alloc(300_000, 'w')
          tcp.publish('w', payload)
          const [message] = await read(1)
          const whole = Buffer.compare(message?.data ?? Buffer.alloc(0), payload)
          await other.close()
          return [await outcome(roundTrip(web('right'))), await outcome(roundTrip(web('wrong'))), whole]
        },
        ['fine', refused, 0],
      ),
    ).resolves.toBe(undefined)
  })
})

/**
 * What clients in other languages must be able to do with us over one server, as a suite that is told how to start one: a
 * real nats-server or the embedded one, the same tests for both. Unlike the conformance of drivers, the other side is never
 * our code. It waits only for what must come: that nothing came twice is known from clients that have drained.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { openTelemetry } from '../../src/base/open-telemetry.ts'
import type { CloudEvent } from '../../src/base/envelope.ts'
import type { Bus, Message } from '../../src/bus/bus.ts'
import { eventOf, publishEvent, traceparentOf } from '../../src/bus/event.ts'
import { tracedBus } from '../../src/bus/traced.ts'
import { recordNothing, recordSpans } from '../bus/spans.ts'
import { hasLanguage, startClient } from './client.ts'
import type { ForeignClient, ForeignClientOptions, Language } from './client.ts'

/** What the server asks of a client. `nkey` is a user's public key. */
export interface Access {
  readonly token?: string
  readonly user?: { readonly name: string; readonly password: string }
  readonly nkey?: string
  /** A certificate for 127.0.0.1, made for the test. Default false. */
  readonly tls?: boolean
}

export interface InteropServer extends AsyncDisposable {
  readonly url: string
  /** Signs the server's certificate, with TLS. */
  readonly caFile?: string
  /** A folder that goes with the server. */
  readonly folder: string
  /** A connection of ours, where nothing is asked of clients. */
  connect(): Promise<Bus>
}

export type OpenServer = (access?: Access) => Promise<InteropServer>

const languages: readonly Language[] = ['go', 'python']
const utf8 = new TextEncoder()
const every = Uint8Array.from({ length: 512 }, (_none, at) => at % 256)
const words = 'grüße, 日本 ☃ 😀'

function textOf(message: { readonly data: Uint8Array }): string {
  return new TextDecoder().decode(message.data)
}

/** One iteration, message by message. */
function reader(bus: Bus, subject: string): () => Promise<Message> {
  const messages = bus.subscribe(subject)[Symbol.asyncIterator]()
  return async () => {
    const { value } = await messages.next()
    if (!value) throw new Error(`the subscription to ${subject} ended`)
    return value
  }
}

/** Inside a `describe` that names the server. */
export function interopSuite(open: OpenServer): void {
  for (const language of languages) {
    describe.skipIf(!hasLanguage(language))(`a client in ${language}`, () => {
      const side = useSide(open, language)
      plainSuite(side)
      eventSuite(side)
      requestSuite(side)
      traceSuite(side)
    })
    describe.skipIf(!hasLanguage(language))(`a login of a client in ${language}`, () => {
      loginSuite(open, language)
    })
  }
  describe.skipIf(!languages.every(hasLanguage))('clients in several languages', () => {
    severalSuite(open)
  })
}

/** The server and both sides, while the tests of one group run. */
interface Side {
  readonly bus: Bus
  readonly client: ForeignClient
}

function useSide(open: OpenServer, language: Language): Side {
  const side: { server?: InteropServer; bus?: Bus; client?: ForeignClient } = {}
  beforeAll(async () => {
    side.server = await open()
    side.bus = await side.server.connect()
    side.client = await startClient(language, { url: side.server.url })
  })
  afterAll(async () => {
    await side.client?.[Symbol.asyncDispose]()
    await side.bus?.close()
    await side.server?.[Symbol.asyncDispose]()
  })
  return side as Side
}

function plainSuite(side: Side): void {
  it('is the library it is said to be', () => {
    expect(side.client.library).toMatch(side.client.language === 'go' ? /^nats\.go \d/ : /^nats-py \d/)
  })

  it('has its messages without headers served as plain data, bytes unchanged', async () => {
    const next = reader(side.bus, 'plain.in')
    await side.bus.flush()
    for (const data of [every, new Uint8Array(0), utf8.encode(words)]) {
      await side.client.publish('plain.in', data)
      const message = await next()
      expect(new Uint8Array(message.data)).toEqual(data)
      expect([message.headers, message.reply, eventOf(message)]).toEqual([undefined, undefined, undefined])
    }
  })

  it('reads our messages without headers, bytes unchanged', async () => {
    const subscription = await side.client.subscribe('plain.out')
    for (const data of [every, new Uint8Array(0), utf8.encode(words)]) side.bus.publish('plain.out', data)
    expect(await subscription.take(3)).toEqual(
      [every, new Uint8Array(0), utf8.encode(words)].map((data) => ({ subject: 'plain.out', data, headers: {} })),
    )
  })

  it('and we read the same headers, of any script and case, and the reply subject', async () => {
    const headers = { 'X-Case': ['A: b'], 'x-case': ['lower'], text: [words], empty: [''] }
    const subscription = await side.client.subscribe('headers.out')
    const next = reader(side.bus, 'headers.in')
    await side.bus.flush()
    side.bus.publish('headers.out', utf8.encode('x'), { headers, reply: 'an.answer' })
    expect((await subscription.take(1))[0]).toMatchObject({ headers, reply: 'an.answer' })
    await side.client.publish('headers.in', utf8.encode('x'), { headers, reply: 'an.answer' })
    const message = await next()
    expect([{ ...message.headers }, message.reply]).toEqual([headers, 'an.answer'])
  })

  it('passes a message of half a megabyte both ways', async () => {
    const large = new Uint8Array(512 * 1024).map((_none, at) => at % 251)
    const subscription = await side.client.subscribe('large')
    const next = reader(side.bus, 'large')
    await side.bus.flush()
    side.bus.publish('large', large)
    await next()
    await side.client.publish('large', large)
    expect(Buffer.compare((await next()).data, large)).toBe(0)
    for (const { data } of await subscription.take(2)) expect(Buffer.compare(data, large)).toBe(0)
  })
}

function eventSuite(side: Side): void {
  it.each(['ce-', 'Ce-', 'CE-'])('writes events that we read, with headers that begin with %s', async (prefix) => {
    const next = reader(side.bus, 'events.in')
    await side.bus.flush()
    const headers = {
      [`${prefix}specversion`]: ['1.0'],
      [`${prefix}id`]: ['7'],
      [`${prefix}source`]: [`/${side.client.language}`],
      [`${prefix}type`]: ['order.paid'],
      [`${prefix}subject`]: ['gr%C3%BC%C3%9Fe'],
      [`${prefix}note`]: [words],
      'Content-Type': ['application/json; charset=utf-8'],
    }
    await side.client.publish('events.in', utf8.encode(JSON.stringify({ words, $ref: '#/x' })), { headers })
    expect(eventOf(await next())).toEqual({
      specversion: '1.0',
      id: '7',
      source: `/${side.client.language}`,
      type: 'order.paid',
      subject: 'grüße',
      note: words,
      datacontenttype: 'application/json; charset=utf-8',
      data: { words, $ref: '#/x' },
    })
  })

  it('writes events in structured mode that we read', async () => {
    const next = reader(side.bus, 'structured.in')
    await side.bus.flush()
    const event = { specversion: '1.0', id: '7', source: '/there', type: 'made', data: { words } }
    const headers = { 'content-type': ['application/cloudevents+json'] }
    await side.client.publish('structured.in', utf8.encode(JSON.stringify(event)), { headers })
    expect(eventOf(await next())).toEqual(event)
  })

  it('is refused, typed, where it claims to write an event and does not', async () => {
    const next = reader(side.bus, 'broken.in')
    await side.bus.flush()
    await side.client.publish('broken.in', utf8.encode('{}'), { headers: { 'ce-id': ['7'] } })
    const message = await next()
    expect(() => eventOf(message)).toThrow(expect.objectContaining({ code: 'base.envelope_invalid' }))
  })

  it('reads our events: headers with ce-, values percent-encoded, data in JSON', async () => {
    const subscription = await side.client.subscribe('events.out')
    const event: CloudEvent = {
      specversion: '1.0',
      id: 'a',
      source: '/we',
      type: 'made',
      subject: words,
      data: { words },
    }
    publishEvent(side.bus, 'events.out', event)
    const [message] = await subscription.take(1)
    expect(message && JSON.parse(textOf(message))).toEqual({ words })
    const { 'ce-subject': subject, ...headers } = message?.headers ?? {}
    expect(decodeURIComponent(subject?.[0] ?? '')).toBe(words)
    expect(headers).toEqual({
      'ce-specversion': ['1.0'],
      'ce-id': ['a'],
      'ce-source': ['/we'],
      'ce-type': ['made'],
      'ce-datacontenttype': ['application/json'],
      'content-type': ['application/json'],
    })
  })
}

function requestSuite(side: Side): void {
  it('gets an answer from us, with our headers', async () => {
    void side.bus.subscribe('ask.us').each((message) => {
      message.respond(message.data, { headers: { from: 'us', said: message.headers?.['said'] ?? [] } })
    })
    await side.bus.flush()
    const answer = await side.client.request('ask.us', utf8.encode(words), { headers: { said: [words] } })
    expect([textOf(answer), answer.headers]).toEqual([words, { from: ['us'], said: [words] }])
  })

  it('answers us, with its headers', async () => {
    await side.client.serve('ask.them')
    const answer = await side.bus.request('ask.them', every, { headers: { said: words } })
    expect(new Uint8Array(answer.data)).toEqual(every)
    expect({ ...answer.headers }).toEqual({ said: [words], 'served-by': [side.client.language] })
  })

  it('is told at once, as we are, that nobody listens', async () => {
    await expect(side.client.request('nobody', every, { timeoutMs: 60_000 })).rejects.toThrow('no responders')
    await expect(side.bus.request('nobody', every, { timeoutMs: 60_000 })).rejects.toMatchObject({
      code: 'bus.no_responders',
    })
  })

  it('runs into its timeout where we listen and say nothing', async () => {
    side.bus.subscribe('silent')
    await side.bus.flush()
    await expect(side.client.request('silent', every, { timeoutMs: 50 })).rejects.toThrow('timeout')
  })
}

function traceSuite(side: Side): void {
  describe('a trace', () => {
    let spans: ReturnType<typeof recordSpans> = []
    beforeEach(() => (spans = recordSpans()))
    afterEach(recordNothing)

    it('comes from it and goes back to it', async () => {
      const bus = tracedBus(side.bus, await openTelemetry())
      const subscription = await side.client.subscribe('traced.out')
      const handled = bus.subscribe('traced.in', { max: 1 }).each(() => bus.publish('traced.out', every))
      await bus.flush()
      // As the header is spelled where names are made canonical, in Go.
      const traceparent = `00-${'4b'.repeat(16)}-${'0f'.repeat(8)}-01`
      await side.client.publish('traced.in', every, { headers: { Traceparent: [traceparent] } })
      await handled
      const [message] = await subscription.take(1)
      const [processed, published] = spans
      expect(processed).toMatchObject({ name: 'process traced.in', parent: '0f'.repeat(8) })
      expect(published).toMatchObject({ name: 'publish traced.out', parent: processed?.spanId })
      expect(message && traceparentOf(message)).toBe(`00-${'4b'.repeat(16)}-${published?.spanId}-01`)
    })
  })
}

/** Every one of `sent` once, over all who share. */
function expectShared(shares: readonly (readonly string[])[], sent: readonly string[]): void {
  expect(shares.flat().toSorted()).toEqual(sent.toSorted())
}

function severalSuite(open: OpenServer): void {
  it('share a queue group with us: each message to one, whoever publishes', async () => {
    await using server = await open()
    await using bus = await server.connect()
    await using go = await startClient('go', { url: server.url })
    await using python = await startClient('python', { url: server.url })
    const clients = [go, python]
    const shares = await Promise.all(clients.map((client) => client.subscribe('work.*', 'workers')))
    const own: string[] = []
    const consumed = bus.subscribe('work.*', { queue: 'workers' }).each((message) => void own.push(textOf(message)))
    await bus.flush()
    const sent = Array.from({ length: 400 }, (_none, at) => `${at}`)
    for (const [at, each] of sent.entries())
      if (at < 300) bus.publish(`work.${at % 3}`, utf8.encode(each))
      else await (at % 2 === 0 ? go : python).publish('work.x', utf8.encode(each))
    // What was published for us before is in our queue when the server has answered.
    await bus.flush()
    await bus.drain()
    await consumed
    for (const client of clients) await client.drain()
    const theirs = shares.map(({ messages }) => messages.map(textOf))
    expectShared([own, ...theirs], sent)
    for (const share of [own, ...theirs]) expect(share.length).toBeGreaterThan(0)
  })

  it('share requests with us: each is answered once, by any of the group', async () => {
    await using server = await open()
    await using bus = await server.connect()
    await using go = await startClient('go', { url: server.url })
    await using python = await startClient('python', { url: server.url })
    for (const client of [go, python]) await client.serve('task', 'servers')
    void bus
      .subscribe('task', { queue: 'servers' })
      .each((message) => void message.respond(message.data, { headers: { 'served-by': 'us' } }))
    await bus.flush()
    const servedBy = new Set<string>()
    for (const asking of [bus, go, python])
      for (let at = 0; at < 60; at++) {
        const answer = await asking.request('task', utf8.encode(`${at}`))
        expect(textOf(answer)).toBe(`${at}`)
        servedBy.add(answer.headers?.['served-by']?.[0] ?? 'nobody')
      }
    expect(servedBy).toEqual(new Set(['go', 'python', 'us']))
  })

  it('talk with each other', async () => {
    await using server = await open()
    await using go = await startClient('go', { url: server.url })
    await using python = await startClient('python', { url: server.url })
    await go.serve('go.echo')
    await python.serve('python.echo')
    for (const [asking, asked] of [
      [go, 'python'],
      [python, 'go'],
    ] as const) {
      const answer = await asking.request(`${asked}.echo`, every, { headers: { said: [words] } })
      expect(answer).toMatchObject({ data: every, headers: { said: [words], 'served-by': [asked] } })
    }
  })

  it('answer a requestMany, all of them', async () => {
    await using server = await open()
    await using bus = await server.connect()
    await using go = await startClient('go', { url: server.url })
    await using python = await startClient('python', { url: server.url })
    for (const client of [go, python]) await client.serve('all')
    const answered: string[] = []
    for await (const answer of bus.requestMany('all', every, { max: 2 }))
      answered.push(answer.headers?.['served-by']?.[0] ?? 'nobody')
    expect(answered.toSorted()).toEqual(['go', 'python'])
  })
}

/** A user's nkey, made for these tests and of no use elsewhere. */
async function nkeyOf(folder: string): Promise<{ publicKey: string; seedFile: string }> {
  const { createUser } = await import('@nats-io/nkeys')
  const user = createUser()
  const seedFile = `${folder}/user.nk`
  writeFileSync(seedFile, user.getSeed(), { mode: 0o600 })
  return { publicKey: user.getPublicKey(), seedFile }
}

function loginSuite(open: OpenServer, language: Language): void {
  /** Whether a client with these options gets in and is heard. */
  const talks = async (server: InteropServer, options: Omit<ForeignClientOptions, 'url'>): Promise<boolean> => {
    const client = await startClient(language, { url: server.url, ...options }).catch(() => undefined)
    if (!client) return false
    await using talking = client
    await talking.serve('echo')
    return textOf(await talking.request('echo', utf8.encode(words))) === words
  }

  it('takes a token', async () => {
    await using server = await open({ token: 'the-token' })
    expect(await talks(server, { token: 'the-token' })).toBe(true)
    expect(await talks(server, { token: 'another' })).toBe(false)
    expect(await talks(server, {})).toBe(false)
  })

  it('takes a user and a password', async () => {
    await using server = await open({ user: { name: 'ann', password: 'pass-word' } })
    expect(await talks(server, { user: 'ann', password: 'pass-word' })).toBe(true)
    expect(await talks(server, { user: 'ann', password: 'another' })).toBe(false)
  })

  it('takes an nkey', async () => {
    await using keys = await open()
    const { publicKey, seedFile } = await nkeyOf(keys.folder)
    await using server = await open({ nkey: publicKey })
    expect(readFileSync(seedFile, 'utf8')).toMatch(/^SU/)
    expect(await talks(server, { nkeySeedFile: seedFile })).toBe(true)
    const other = await nkeyOf(server.folder)
    expect(await talks(server, { nkeySeedFile: other.seedFile })).toBe(false)
  })

  it('speaks TLS and checks the certificate', async () => {
    await using server = await open({ tls: true })
    expect(await talks(server, server.caFile === undefined ? {} : { caFile: server.caFile })).toBe(true)
    expect(await talks(server, {})).toBe(false)
  })
}

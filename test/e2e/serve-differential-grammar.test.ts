/**
 * Conversations that nobody thought of: three connections do valid operations drawn from a grammar, on the embedded server
 * and on a real nats-server, and all that each connection hears must be the same, step by step. Unlike
 * `serve-differential-raw.test.ts` several connections meet, and what ours reads is cut anywhere.
 *
 * Three things are not promised and so not compared: in which order a connection hears of one message for two of its
 * subscriptions; which member of a queue group is picked, with what follows from the member's own CONNECT; and which of
 * several subscriptions to a reply is told that nobody listens.
 */
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasNatsServer } from '../bus/nats-servers.ts'
import { rawClient } from '../bus/raw-client.ts'
import type { RawClient } from '../bus/raw-client.ts'
import { openEmbedded, openReal } from './serve-sides.ts'
import type { Side } from './serve-sides.ts'

interface Step {
  readonly actor: number
  /** Whole operations, sent together. */
  readonly operations: readonly string[]
  /** Where ours gets them cut; a nats-server gets them in one. */
  readonly cuts: readonly number[]
}

interface Conversation {
  readonly connects: readonly string[]
  readonly steps: readonly Step[]
}

const connections = 3
/** Sids of these letters are in queue groups, always. */
const queued = ['q1', 'q2', 'q3']
const plain = ['1', '2', '3', '4']

const token = fc.constantFrom('a', 'b', 'c', 'ü', '日本')
const subject = fc.array(token, { minLength: 1, maxLength: 3 }).map((tokens) => tokens.join('.'))
const pattern = fc
  .tuple(fc.array(fc.oneof(token, fc.constant('*')), { maxLength: 3 }), fc.boolean())
  .map(([tokens, rest]) => [...tokens, ...(rest || tokens.length === 0 ? ['>'] : [])].join('.'))
const payload = fc.oneof(
  { weight: 8, arbitrary: fc.string({ maxLength: 40 }) },
  { weight: 3, arbitrary: fc.constantFrom('', '\r\n', 'PING\r\n', 'PUB a 1\r\nx\r\n', "-ERR 'x'\r\n") },
  {
    weight: 1,
    arbitrary: fc.integer({ min: 4000, max: 140_000 }).map((length) => 'abcdefghij'.repeat(length / 10)),
  },
)
const block = fc.oneof(
  fc
    .array(fc.tuple(fc.constantFrom('A', 'a', 'Long-Name', 'B'), fc.constantFrom('', 'x', ' x ', 'ü', 'x:y')), {
      maxLength: 4,
    })
    .map((lines) => `NATS/1.0\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`),
  fc.constantFrom('NATS/1.0 503\r\n\r\n', 'NATS/1.0 408 Timeout\r\n\r\n', 'no headers at all', '\r\n'),
)
/** How it is written, which must not matter. */
const spacing = fc.oneof(
  { weight: 6, arbitrary: fc.constant(' ') },
  { weight: 1, arbitrary: fc.constantFrom('\t', '   ') },
)
const lower = fc.oneof({ weight: 6, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) })

function line(name: fc.Arbitrary<string>, words: fc.Arbitrary<readonly (string | undefined)[]>): fc.Arbitrary<string> {
  return fc.tuple(name, words, spacing, lower).map(([operation, given, between, small]) => {
    const all = [small ? operation.toLowerCase() : operation, ...given.filter((word) => word !== undefined)]
    return `${all.join(between)}\r\n`
  })
}

const maybeReply = fc.option(subject, { nil: undefined })
const publish = fc
  .tuple(subject, maybeReply, payload)
  .chain(([to, reply, data]) =>
    line(fc.constant('PUB'), fc.constant([to, reply, `${Buffer.byteLength(data)}`])).map(
      (head) => `${head}${data}\r\n`,
    ),
  )
const publishWithHeaders = fc.tuple(subject, maybeReply, block, payload).chain(([to, reply, headers, data]) => {
  const size = Buffer.byteLength(headers)
  const sizes = [`${size}`, `${size + Buffer.byteLength(data)}`]
  return line(fc.constant('HPUB'), fc.constant([to, reply, ...sizes])).map((head) => `${head}${headers}${data}\r\n`)
})
const subscribe = line(fc.constant('SUB'), fc.tuple(pattern, fc.constantFrom(...plain)))
const subscribeQueued = line(
  fc.constant('SUB'),
  fc.tuple(pattern, fc.constantFrom('workers', 'others'), fc.constantFrom(...queued)),
)
const unsubscribe = line(fc.constant('UNSUB'), fc.tuple(fc.constantFrom(...plain, ...queued)))
/** Of plain sids alone: how many a member of a group has had is chance. */
const unsubscribeAfter = line(
  fc.constant('UNSUB'),
  fc.tuple(
    fc.constantFrom(...plain),
    fc.integer({ min: 0, max: 4 }).map((max) => `${max}`),
  ),
)

const operations = (headers: boolean) =>
  fc.oneof(
    { weight: 5, arbitrary: subscribe },
    { weight: 3, arbitrary: subscribeQueued },
    { weight: 1, arbitrary: unsubscribe },
    { weight: 2, arbitrary: unsubscribeAfter },
    { weight: 8, arbitrary: publish },
    ...(headers ? [{ weight: 4, arbitrary: publishWithHeaders }] : []),
    { weight: 1, arbitrary: fc.constantFrom('PING\r\n', 'PONG\r\n', '+OK\r\n') },
  )

const connect = fc
  .record({
    verbose: fc.boolean(),
    echo: fc.oneof({ weight: 3, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: fc.constant(false) }),
    headers: fc.oneof({ weight: 3, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: fc.constant(false) }),
    responders: fc.boolean(),
    protocol: fc.constantFrom(0, 1),
  })
  .map(({ responders, ...fields }) => ({ ...fields, pedantic: false, no_responders: fields.headers && responders }))

const conversation: fc.Arbitrary<Conversation> = fc
  .array(connect, { minLength: connections, maxLength: connections })
  .chain((fields) => {
    const step = fc.integer({ min: 0, max: connections - 1 }).chain((actor) =>
      fc.record({
        actor: fc.constant(actor),
        operations: fc.array(operations(fields[actor]?.headers ?? false), { minLength: 1, maxLength: 5 }),
        cuts: fc.array(fc.nat({ max: 200 }), { maxLength: 4 }),
      }),
    )
    return fc.record({
      connects: fc.constant(fields.map((each) => `CONNECT ${JSON.stringify(each)}\r\n`)),
      steps: fc.array(step, { minLength: 1, maxLength: 12 }),
    })
  })

/** What one connection heard in one step: by subscription in order, and what is no message, in order too. */
interface Heard {
  readonly said: string[]
  readonly messages: Record<string, string[]>
}

/** Takes bytes apart into messages and other lines, sizes believed. */
function heardOf(bytes: Buffer): { heard: Heard; grouped: string[] } {
  const heard: Heard = { said: [], messages: {} }
  const grouped: string[] = []
  for (let at = 0; at < bytes.length;) {
    const end = bytes.indexOf('\r\n', at) + 2
    if (end < 2) throw new Error(`no whole line in ${bytes.toString('latin1', at, at + 100)}`)
    const control = bytes.toString('utf8', at, end)
    const words = control.trim().split(' ')
    at = end
    if (words[0] !== 'MSG' && words[0] !== 'HMSG') {
      if (words[0] !== 'INFO') heard.said.push(control)
      continue
    }
    const size = Number(words.at(-1))
    const body = bytes.toString('latin1', at, at + size + 2)
    at += size + 2
    const sid = words[2] ?? ''
    if (queued.includes(sid) || body.startsWith('NATS/1.0 503\r\nNats-Subject'))
      grouped.push(withoutMember(words, body))
    else (heard.messages[sid] ??= []).push(`${control}${body}`)
  }
  return { heard, grouped }
}

/** A message of a queue group, without what tells which member had it: its sid, and whether it knows headers. */
function withoutMember([operation = '', to = '', , ...rest]: readonly string[], body: string): string {
  const withHeaders = operation === 'HMSG'
  const reply = rest.slice(0, withHeaders ? -2 : -1)
  return [to, ...reply, withHeaders ? body.slice(Number(rest.at(-2))) : body].join(' ')
}

/** Sends it, cut into pieces if there are cuts. */
async function send(client: RawClient, text: string, cuts: readonly number[]): Promise<void> {
  const bytes = Buffer.from(text)
  let from = 0
  for (const length of [...cuts, bytes.length]) {
    if (from >= bytes.length) return
    client.send(bytes.subarray(from, from + length))
    from += length
    // The kernel would join the pieces: each gets a turn of its own.
    await new Promise((resolve) => setImmediate(resolve))
  }
}

const pong = 'PONG\r\n'

/** One connection, and how much of what it heard has been read. */
class Listener {
  readonly client: RawClient
  #from = 0

  constructor(client: RawClient) {
    this.client = client
  }

  /** All that the server had for it before now has come when its PING is answered; no payload here holds a PONG. */
  async hear(ownPings: number): Promise<ReturnType<typeof heardOf>> {
    this.client.send('PING\r\n')
    const from = this.#from
    const text = await this.client.until((all) => all.slice(from).split(pong).length > ownPings + 1)
    // What a server says later of its own accord, such as INFO, may have begun: it belongs to the next time.
    const parts = text.slice(from).split(pong)
    this.#from = from + parts.slice(0, ownPings + 1).join(pong).length + pong.length
    return heardOf(Buffer.from(text.slice(from, this.#from), 'latin1'))
  }
}

async function transcript({ port }: Side, { connects, steps }: Conversation, cutting: boolean): Promise<unknown[]> {
  const clients = await Promise.all(connects.map(() => rawClient(port)))
  try {
    const listeners = clients.map((client) => new Listener(client))
    const all: unknown[] = []
    const hear = async (actor: number, ownPings: number) => {
      // The actor first: what it did has been done when it is answered.
      const order = [actor, ...Array.from(listeners.keys()).filter((at) => at !== actor)]
      const grouped: string[] = []
      const each: Record<string, Heard> = {}
      for (const at of order) {
        const found = await (listeners[at] as Listener).hear(at === actor ? ownPings : 0)
        each[`connection ${at}`] = found.heard
        grouped.push(...found.grouped)
      }
      all.push({ each, grouped: grouped.sort() })
    }
    for (const [at, client] of clients.entries()) client.send(connects[at] ?? '')
    await hear(0, 0)
    for (const { actor, operations: texts, cuts } of steps) {
      await send(clients[actor] as RawClient, texts.join(''), cutting ? cuts : [])
      await hear(actor, texts.filter((text) => text === 'PING\r\n').length)
    }
    return all
  } finally {
    await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()))
  }
}

describe.skipIf(!hasNatsServer)('embedded server and nats-server, drawn conversations', () => {
  let embedded: Side
  let real: Side
  beforeAll(async () => {
    ;[embedded, real] = await Promise.all([openEmbedded(), openReal()])
  })
  afterAll(async () => {
    await Promise.all([embedded?.[Symbol.asyncDispose](), real?.[Symbol.asyncDispose]()])
  })

  it('lets each connection hear the same', async () => {
    let messages = 0
    await fc.assert(
      fc.asyncProperty(conversation, async (drawn) => {
        const [ours, theirs] = await Promise.all([transcript(embedded, drawn, true), transcript(real, drawn, false)])
        expect(ours).toEqual(theirs)
        messages += JSON.stringify(theirs).split('MSG ').length - 1
      }),
      { numRuns: 500 },
    )
    // A grammar in which nobody hears anything would prove nothing.
    expect(messages).toBeGreaterThan(1000)
  })
})

/**
 * The official client on the embedded server and on a real nats-server sees the same: subjects, queue groups, requests,
 * headers, ends of subscriptions, sizes. Unlike `serve-differential-login.test.ts` anybody may do everything, and unlike
 * `serve-differential-outage.test.ts` no server goes away.
 */
import { Empty, headers } from '@nats-io/transport-node'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasNatsServer } from '../bus/nats-servers.ts'
import { outcome, play, reader, rest, statuses, texts } from './serve-scenes.ts'
import type { Scene } from './serve-scenes.ts'
import { openEmbedded, openReal } from './serve-sides.ts'
import type { Side } from './serve-sides.ts'

interface Case {
  readonly scene: Scene
  readonly wanted: unknown
}

const numbers = (count: number, from = 0) => Array.from({ length: count }, (_none, at) => `${from + at}`)

const subjects: Readonly<Record<string, Case>> = {
  'wildcards reach what they say': {
    scene: async ({ client }) => {
      const [a, b] = [await client(), await client()]
      const patterns = ['a', 'a.*', 'a.>', '*', '*.b', '>', 'a.*.c', 'a.b.c', '*.*.>']
      const got = patterns.map((pattern) => ({ pattern, read: b.subscribe(pattern) }))
      await b.flush()
      for (const subject of ['a', 'b', 'a.b', 'x.b', 'a.b.c', 'a.x.c', 'a.b.c.d']) a.publish(subject, subject)
      await a.flush()
      await b.drain()
      return await Promise.all(got.map(async ({ pattern, read }) => [pattern, ...texts(await rest(read))]))
    },
    wanted: [
      ['a', 'a'],
      ['a.*', 'a.b'],
      ['a.>', 'a.b', 'a.b.c', 'a.x.c', 'a.b.c.d'],
      ['*', 'a', 'b'],
      ['*.b', 'a.b', 'x.b'],
      ['>', 'a', 'b', 'a.b', 'x.b', 'a.b.c', 'a.x.c', 'a.b.c.d'],
      ['a.*.c', 'a.b.c', 'a.x.c'],
      ['a.b.c', 'a.b.c'],
      ['*.*.>', 'a.b.c', 'a.x.c', 'a.b.c.d'],
    ],
  },
  'a queue group gets each message once, its members share, and a plain one gets all': {
    scene: async ({ client }) => {
      const a = await client()
      const members = await Promise.all(Array.from({ length: 4 }, () => client()))
      const groups = members.map((member) => member.subscribe('work.*', { queue: 'q' }))
      const exact = members.map((member) => member.subscribe('work.x', { queue: 'q' }))
      const other = a.subscribe('work.>', { queue: 'other' })
      const plain = a.subscribe('work.x')
      await Promise.all(members.map((member) => member.flush()))
      for (const each of numbers(1000)) a.publish('work.x', each)
      await a.flush()
      await Promise.all(members.map((member) => member.drain()))
      await a.drain()
      const shares = await Promise.all([...groups, ...exact].map(rest))
      const all = texts(shares.flat()).sort((x, y) => Number(x) - Number(y))
      const shared = members.every((_member, at) => (shares[at]?.length ?? 0) + (shares[at + 4]?.length ?? 0) > 100)
      const rests = await Promise.all([rest(other), rest(plain)])
      return { once: all.join() === numbers(1000).join(), shared, others: rests.map(({ length }) => length) }
    },
    wanted: { once: true, shared: true, others: [1000, 1000] },
  },
  'who wants no echo hears others and not itself': {
    scene: async ({ client }) => {
      const [a, b] = [await client({ noEcho: true }), await client()]
      const own = a.subscribe('e')
      const others = b.subscribe('e')
      await Promise.all([a.flush(), b.flush()])
      a.publish('e', 'of a')
      await a.flush()
      b.publish('e', 'of b')
      await b.flush()
      await Promise.all([a.drain(), b.drain()])
      return [texts(await rest(own)), texts(await rest(others))]
    },
    wanted: [['of b'], ['of a', 'of b']],
  },
  'ten thousand subscriptions each hear their own': {
    scene: async ({ client }) => {
      const [a, b] = [await client(), await client()]
      let right = 0
      for (let at = 0; at < 10_000; at++)
        b.subscribe(`many.${at}.*`, { callback: (_error, { data }) => void (right += data.length === at % 7 ? 1 : 0) })
      await b.flush()
      for (let at = 0; at < 10_000; at++) a.publish(`many.${at}.x`, new Uint8Array(at % 7))
      await a.flush()
      await b.flush()
      return right
    },
    wanted: 10_000,
  },
  'long subjects and replies arrive whole': {
    scene: async ({ client }) => {
      const a = await client()
      const subject = `long.${'x'.repeat(1000)}`
      const read = reader(a.subscribe('long.>'))
      a.publish(subject, 'x', { reply: `reply.${'y'.repeat(1000)}` })
      const [message] = await read(1)
      return [message?.subject === subject, message?.reply?.length]
    },
    wanted: [true, 1006],
  },
}

const requests: Readonly<Record<string, Case>> = {
  'a request is answered, by another and by itself, with and without a mux': {
    scene: async ({ client }) => {
      const [a, b] = [await client(), await client()]
      b.subscribe('svc', { callback: (_error, message) => void message.respond(`re: ${message.string()}`) })
      a.subscribe('own', { callback: (_error, message) => void message.respond(Empty) })
      await Promise.all([a.flush(), b.flush()])
      const answers = await Promise.all([
        a.request('svc', '1'),
        a.request('svc', '2', { noMux: true, timeout: 5000 }),
        a.request('own'),
        ...numbers(50).map((each) => a.request('svc', each)),
      ])
      return texts(answers)
    },
    wanted: ['re: 1', 're: 2', '', ...numbers(50).map((each) => `re: ${each}`)],
  },
  'a request that nobody listens to fails at once; one without an answer at its timeout': {
    scene: async ({ client }) => {
      const a = await client()
      a.subscribe('silent', { callback: () => undefined })
      return await Promise.all([
        outcome(a.request('nobody', 'x', { timeout: 60_000 })),
        outcome(a.request('nobody', 'x', { timeout: 60_000, noMux: true })),
        outcome(a.request('silent', 'x', { timeout: 100 })),
      ])
    },
    wanted: ["RequestError: no responders: 'nobody'", "RequestError: no responders: 'nobody'", 'TimeoutError: timeout'],
  },
  'many answers are gathered by count, by stall, by sentinel, by time': {
    scene: async ({ client }) => {
      const [a, b] = [await client(), await client()]
      b.subscribe('many', {
        callback: (_error, message) => {
          for (const each of numbers(4)) message.respond(each)
          message.respond(Empty)
        },
      })
      await b.flush()
      const gather = async (options: object) => {
        const got: string[] = []
        const answers = await a.requestMany('many', 'x', { maxWait: 600, ...options })
        for await (const answer of answers) got.push(answer.string())
        return got
      }
      return await Promise.all([
        gather({ strategy: 'count', maxMessages: 3, maxWait: 60_000 }),
        gather({ strategy: 'stall', stall: 300, maxWait: 60_000 }),
        gather({ strategy: 'sentinel', maxWait: 60_000 }),
        gather({ strategy: 'timer' }),
        outcome(
          (async () => {
            for await (const answer of await a.requestMany('nobody', 'x', { maxWait: 60_000 })) answer.string()
          })(),
        ),
      ])
    },
    wanted: [
      numbers(3),
      [...numbers(4), ''],
      [...numbers(4), ''],
      [...numbers(4), ''],
      "NoResponders: no responders: 'nobody'",
    ],
  },
  'headers arrive as they were: several values, case, empty, beyond ASCII': {
    scene: async ({ client }) => {
      const [a, b] = [await client(), await client()]
      const read = reader(b.subscribe('h'))
      await b.flush()
      const given = headers()
      for (const [name, value] of [
        ['A', '1'],
        ['A', '2'],
        ['a', 'lower'],
        ['Empty', ''],
        ['Words', 'grüße, 日本 ☃'],
        ['Colons', 'a: b: c'],
      ] as const)
        given.append(name, value)
      a.publish('h', 'data', { headers: given })
      a.publish('h', Empty, { headers: given, reply: 'back' })
      const status = headers(408, 'Request Timeout')
      a.publish('h', 'with a status', { headers: status })
      const got = await read(3)
      return got.map(({ headers: each, reply, data }) => ({
        values: each?.keys().map((name) => [name, each.values(name)]),
        status: [each?.code, each?.description],
        reply,
        length: data.length,
      }))
    },
    wanted: (() => {
      const values = [
        ['A', ['1', '2']],
        ['a', ['lower']],
        ['Empty', ['']],
        ['Words', ['grüße, 日本 ☃']],
        ['Colons', ['a: b: c']],
      ]
      const none = [0, '']
      return [
        { values, status: none, reply: '', length: 4 },
        { values, status: none, reply: 'back', length: 0 },
        { values: [], status: [408, 'Request Timeout'], reply: '', length: 13 },
      ]
    })(),
  },
}

const ends: Readonly<Record<string, Case>> = {
  'max and unsubscribe end a subscription, with and without a number': {
    scene: async ({ client }) => {
      const [a, b] = [await client(), await client()]
      const [max, later, past, now] = [
        b.subscribe('m', { max: 3 }),
        b.subscribe('m'),
        b.subscribe('m'),
        b.subscribe('m'),
      ] as const
      await b.flush()
      for (const each of numbers(4)) a.publish('m', each)
      await a.flush()
      await b.flush()
      later.unsubscribe(6)
      past.unsubscribe(2)
      now.unsubscribe()
      await b.flush()
      for (const each of numbers(4, 4)) a.publish('m', each)
      await a.flush()
      await b.flush()
      return [max, later, past, now].map((subscription) => subscription.getReceived())
    },
    wanted: [3, 6, 4, 4],
  },
  'drain hands out what had come, then ends': {
    scene: async ({ client }) => {
      const [a, b] = [await client(), await client()]
      const subscription = b.subscribe('d')
      await b.flush()
      for (const each of numbers(100)) a.publish('d', each)
      await a.flush()
      const drained = subscription.drain()
      for (const each of numbers(100, 100)) a.publish('d', each)
      const got = await rest(subscription)
      await drained
      const ofClient = b.subscribe('d.last')
      await b.flush()
      a.publish('d.last', 'last')
      await a.flush()
      await b.drain()
      return [
        got.length >= 100,
        texts(got).slice(0, 100).join() === numbers(100).join(),
        texts(await rest(ofClient)),
        b.isClosed(),
      ]
    },
    wanted: [true, true, ['last'], true],
  },
  'flush, rtt and stats': {
    scene: async ({ client }) => {
      const a = await client()
      const read = reader(a.subscribe('s'))
      for (const each of numbers(10)) a.publish('s', each)
      await read(10)
      const { inMsgs, outMsgs, inBytes, outBytes } = a.stats()
      return { rtt: (await a.rtt()) >= 0, inMsgs, outMsgs, inBytes, outBytes }
    },
    wanted: { rtt: true, inMsgs: 10, outMsgs: 10, inBytes: 10, outBytes: 10 },
  },
}

const sizes: Readonly<Record<string, Case>> = {
  'payloads of every size and every byte arrive whole': {
    scene: async ({ client }) => {
      const [a, b] = [await client(), await client()]
      const read = reader(b.subscribe('p'))
      await b.flush()
      const lengths = [0, 1, 255, 4095, 4096, 4097, 32_760, 32_768, 65_535, 65_537, 500_000, 1024 * 1024]
      const payloads = lengths.map((length) => Uint8Array.from({ length }, (_none, at) => (at * 31 + length) % 256))
      for (const payload of payloads) a.publish('p', payload)
      return (await read(payloads.length)).map(({ data }, at) => Buffer.compare(data, payloads[at] ?? Empty))
    },
    wanted: Array.from({ length: 12 }, () => 0),
  },
  'a payload above the bound is refused by the client, which knows it from INFO; headers count': {
    scene: async ({ client }) => {
      const a = await client()
      const mark = headers()
      mark.set('A', 'b')
      const publish = async (size: number, withHeaders: boolean) =>
        a.publish('p', new Uint8Array(size), withHeaders ? { headers: mark } : {})
      return [
        a.info?.max_payload,
        await outcome(publish(1024 * 1024, false)),
        (await outcome(publish(1024 * 1024 + 1, false))).split(':')[0],
        (await outcome(publish(1024 * 1024, true))).split(':')[0],
      ]
    },
    wanted: [1024 * 1024, 'fine', 'InvalidArgumentError', 'InvalidArgumentError'],
  },
  'a client that falls behind is told by its own library, and gets all': {
    scene: async ({ client }) => {
      const [a, b] = [await client(), await client()]
      const told = statuses(b)
      const slow = b.subscribe('slow', { slow: 100 })
      await b.flush()
      for (const each of numbers(1000)) a.publish('slow', each)
      await a.flush()
      await b.flush()
      const { length } = texts(await reader(slow)(1000))
      return [length, (await told.until('slowConsumer')).type]
    },
    wanted: [1000, 'slowConsumer'],
  },
}

describe.skipIf(!hasNatsServer)('the official client on the embedded server and on a nats-server', () => {
  let sides: readonly Side[]
  beforeAll(async () => {
    sides = await Promise.all([openReal(), openEmbedded()])
  })
  afterAll(async () => {
    await Promise.all((sides ?? []).map((side) => side[Symbol.asyncDispose]()))
  })

  it.for(Object.entries({ ...subjects, ...requests, ...ends, ...sizes }))('%s', async ([, { scene, wanted }]) => {
    for (const side of sides) expect([side.name, await play(side, scene)]).toEqual([side.name, wanted])
  })
})

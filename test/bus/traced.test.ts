import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { manualClock } from '../../src/base/manual-clock.ts'
import { openTelemetry } from '../../src/base/open-telemetry.ts'
import { noTelemetry } from '../../src/base/telemetry.ts'
import type { Telemetry } from '../../src/base/telemetry.ts'
import type { Bus, BusStatus, HeadersInput, Message } from '../../src/bus/bus.ts'
import { busChecks } from '../../src/bus/conformance.ts'
import type { BusPair } from '../../src/bus/conformance.ts'
import { publishEvent, traceparentOf } from '../../src/bus/event.ts'
import { memoryBus, memoryHub } from '../../src/bus/memory.ts'
import type { MemoryBusOptions } from '../../src/bus/memory.ts'
import { tracedBus } from '../../src/bus/traced.ts'
import type { TracedBusOptions } from '../../src/bus/traced.ts'
import { recordNothing, recordSpans } from './spans.ts'
import type { RecordedSpan } from './spans.ts'

const none = new Uint8Array(0)

let spans: readonly RecordedSpan[] = []
let telemetry: Telemetry = noTelemetry

beforeEach(async () => {
  spans = recordSpans()
  telemetry = await openTelemetry()
})

afterEach(recordNothing)

/** Two traced connections to one bus, and one that is not. */
function connections(options: TracedBusOptions = {}, memory: MemoryBusOptions = {}) {
  const hub = memoryHub(memory)
  const [plain, ...inner] = [hub.connect(), hub.connect(), hub.connect()]
  const [a, b] = inner.map((bus) => tracedBus(bus, telemetry, options)) as [Bus, Bus]
  return { a, b, plain }
}

/** The next message that comes to a subject, and no other. */
async function next(bus: Bus, subject: string): Promise<Message> {
  const { value } = await bus.subscribe(subject, { max: 1 })[Symbol.asyncIterator]().next()
  return value as Message
}

function answering(bus: Bus, subject: string, headers?: HeadersInput): void {
  void bus.subscribe(subject).each((message) => void message.respond(message.data, headers && { headers }))
}

/** The span of that name, which there is once. */
function span(name: string): RecordedSpan {
  const found = spans.filter((each) => each.name === name)
  expect(found.map((each) => each.name)).toEqual([name])
  return found[0] as RecordedSpan
}

function traceOf(recorded: RecordedSpan): string {
  return `00-${recorded.traceId}-${recorded.spanId}-01`
}

async function failure(work: () => unknown): Promise<unknown> {
  try {
    await work()
  } catch (error) {
    return (error as { code?: string }).code
  }
  return 'nothing'
}

/** A turn of the event loop: handlers have run, spans of synchronous work have ended. */
const turn = () => new Promise((resolve) => setImmediate(resolve))

/** What cannot be so in a traced message, which has one header more. */
const counted: Readonly<Record<string, string>> = {
  'a message reaches the other connection with its bytes unchanged': 'sees that a message without headers has none',
  'headers arrive: several values, case-sensitive names, text of any script': 'counts the headers',
}

/** Pairs of traced connections, on a manual clock. */
function harness() {
  const clock = manualClock()
  return async (): Promise<BusPair> => {
    const { a, b } = connections({}, { clock })
    const end = async () => void (await Promise.all([a.close(), b.close()]))
    return { a, b, settle: async () => {}, pass: (ms) => clock.advance(ms), [Symbol.asyncDispose]: end }
  }
}

describe('traced bus conformance over the memory driver', () => {
  it.for(busChecks)('$name', async (check, { skip }) => {
    // Held by a test of its own below.
    if (counted[check.name] !== undefined) skip(counted[check.name])
    await expect(check.run(harness())).resolves.toBe(undefined)
  })

  it('names no check that is not there', () => {
    expect(busChecks.map(({ name }) => name)).toEqual(expect.arrayContaining(Object.keys(counted)))
  })

  it('changes nothing of the bytes and the headers but for the one header it adds', async () => {
    const { a, b } = connections()
    const every = Uint8Array.from({ length: 512 }, (_none, at) => at % 256)
    for (const headers of [undefined, { A: ['1', ''], a: 'é' }]) {
      const arriving = next(b, 'x')
      a.publish('x', every, headers && { headers })
      const message = await arriving
      const { traceparent, ...others } = { ...message.headers }
      expect(message.data).toEqual(every)
      expect(traceparent).toHaveLength(1)
      expect(others).toEqual(headers ? { A: ['1', ''], a: ['é'] } : {})
    }
  })
})

describe('traced bus conformance where no trace is recorded', () => {
  it.for(busChecks)('$name', async (check) => {
    const span = { set: () => {}, traceparent: undefined }
    telemetry = { span: (_name, _options, work) => work(span), count: () => {}, gauge: () => {} }
    await expect(check.run(harness())).resolves.toBe(undefined)
  })
})

describe('a trace over two connections', () => {
  it('is one from publish to process to nested request to process, each the child of the one before', async () => {
    const { a, b } = connections()
    answering(b, 'price')
    const handled = b.subscribe('orders', { max: 1 }).each(async () => {
      await turn()
      await b.request('price', none)
    })
    a.publish('orders', none)
    await handled
    await turn()
    const chain = ['publish orders', 'process orders', 'request price', 'process price', 'respond'].map(span)
    expect(new Set(chain.map(({ traceId }) => traceId)).size).toBe(1)
    expect(chain.map(({ parent }) => parent)).toEqual([undefined, ...chain.slice(0, -1).map(({ spanId }) => spanId)])
    expect(chain.map(({ kind }) => kind)).toEqual(['producer', 'consumer', 'client', 'consumer', 'producer'])
    expect(spans.map(({ ended, error }) => [ended, error])).toEqual(spans.map(() => [1, undefined]))
  })

  it('begins in the span that is active where it is published', async () => {
    const { a, plain } = connections()
    const arriving = next(plain, 'x')
    await telemetry.span('work', {}, async () => a.publish('x', none))
    expect(span('publish x').parent).toBe(span('work').spanId)
    expect(traceparentOf(await arriving)).toBe(traceOf(span('publish x')))
  })

  it('comes from a publisher in another language, whose header has another case', async () => {
    const { b, plain } = connections()
    const handled = b.subscribe('x', { max: 1 }).each(() => {})
    plain.publish('x', none, { headers: { Traceparent: `00-${'4b'.repeat(16)}-${'0f'.repeat(8)}-01` } })
    await handled
    expect(span('process x')).toMatchObject({ traceId: '4b'.repeat(16), parent: '0f'.repeat(8) })
  })

  it('comes from the event where no hop has told one', async () => {
    const { b, plain } = connections()
    const handled = b.subscribe('x', { max: 1 }).each(() => {})
    plain.publish('x', none, { headers: { 'ce-traceparent': `00-${'4b'.repeat(16)}-${'0f'.repeat(8)}-01` } })
    await handled
    expect(span('process x')).toMatchObject({ traceId: '4b'.repeat(16), parent: '0f'.repeat(8) })
  })

  it('is a new one for a message without any, never that of who set off the delivery', async () => {
    const { b, plain } = connections()
    const handled = b.subscribe('x', { max: 1 }).each(() => {})
    await telemetry.span('stranger', {}, async () => {
      plain.publish('x', none)
      await handled
    })
    expect(span('process x').parent).toBe(undefined)
    expect(span('process x').traceId).not.toBe(span('stranger').traceId)
  })

  it('goes on in what is said in an iteration only by the answer', async () => {
    const { a, b } = connections()
    const arriving = next(b, 'x')
    const asked = a.request('x', none)
    const message = await arriving
    b.publish('y', none)
    message.respond(none)
    await asked
    expect(span('respond').parent).toBe(span('request x').spanId)
    expect(span('publish y').parent).toBe(undefined)
    expect(spans.filter(({ kind }) => kind === 'consumer')).toEqual([])
  })

  it("goes on in a span of one's own around the work of an iteration", async () => {
    const { a, b } = connections()
    const arriving = next(b, 'x')
    a.publish('x', none)
    const message = await arriving
    await telemetry.span('mine', { parent: traceparentOf(message) }, async () => b.publish('y', none))
    expect(span('mine').parent).toBe(span('publish x').spanId)
    expect(span('publish y').parent).toBe(span('mine').spanId)
  })

  it('goes on in an answer that is given after the handler has returned', async () => {
    const { a, b } = connections()
    const kept: Message[] = []
    void b.subscribe('x').each((message) => void kept.push(message))
    const asked = a.request('x', none)
    await turn()
    kept[0]?.respond(none)
    await asked
    expect(span('respond').parent).toBe(span('process x').spanId)
  })
})

describe("a traceparent of the caller's own", () => {
  const own = `00-${'4b'.repeat(16)}-${'0f'.repeat(8)}-01`

  it('is left as it is, and is the parent of the span, which is then a client', async () => {
    const { a, plain } = connections()
    const arriving = next(plain, 'x')
    a.publish('x', none, { headers: { traceparent: own } })
    expect((await arriving).headers?.['traceparent']).toEqual([own])
    expect(span('publish x')).toMatchObject({ kind: 'client', traceId: '4b'.repeat(16), parent: '0f'.repeat(8) })
  })

  it('is left in a request too', async () => {
    const { a, plain } = connections()
    answering(plain, 'x')
    const arriving = next(plain, 'x')
    await a.request('x', none, { headers: { Traceparent: own } })
    expect({ ...(await arriving).headers }).toEqual({ Traceparent: [own] })
    expect(span('request x').parent).toBe('0f'.repeat(8))
  })

  it('that is not well formed counts for nothing', async () => {
    const { a, plain } = connections()
    const arriving = next(plain, 'x')
    a.publish('x', none, { headers: { traceparent: 'garbage', kept: 'yes' } })
    const { headers } = await arriving
    expect(headers?.['traceparent']).toEqual([traceOf(span('publish x'))])
    expect(headers?.['kept']).toEqual(['yes'])
  })

  it('of an event stays that of the event', async () => {
    const { a, b } = connections()
    const handled = b.subscribe('x', { max: 1 }).each(() => {})
    const event = { specversion: '1.0', id: '7', source: '/a', type: 'made', correlationid: 'talk', data: 1 } as const
    publishEvent(a, 'x', { ...event, traceparent: own })
    await handled
    const attributes = { 'messaging.message.id': '7', 'messaging.message.conversation_id': 'talk' }
    expect(span('publish x')).toMatchObject({ parent: '0f'.repeat(8), attributes })
    expect(span('process x')).toMatchObject({ parent: '0f'.repeat(8), attributes })
  })
})

describe('the attributes of a span', () => {
  it('follow the conventions for a publish', () => {
    connections().a.publish('orders', new Uint8Array(5))
    expect(span('publish orders').attributes).toEqual({
      'messaging.system': 'colloquy.memory',
      'messaging.operation.name': 'publish',
      'messaging.operation.type': 'send',
      'messaging.destination.name': 'orders',
      'messaging.message.body.size': 5,
    })
  })

  it('name the queue group and the pattern where a message is processed', async () => {
    const { b, plain } = connections()
    const handled = b.subscribe('orders.*', { queue: 'workers', max: 1 }).each(() => {})
    plain.publish('orders.4711', none)
    await handled
    expect(span('process orders.*').attributes).toEqual({
      'messaging.system': 'colloquy.memory',
      'messaging.operation.name': 'process',
      'messaging.operation.type': 'process',
      'messaging.destination.name': 'orders.4711',
      'messaging.destination.template': 'orders.*',
      'messaging.consumer.group.name': 'workers',
      'messaging.message.body.size': 0,
    })
  })

  it('say that an inbox is temporary, and no span is named by it', async () => {
    const { a, b } = connections()
    answering(b, 'x')
    const { subject } = await a.request('x', none)
    expect(span('respond').attributes).toMatchObject({
      'messaging.destination.name': subject,
      'messaging.destination.temporary': true,
      'messaging.destination.anonymous': true,
    })
  })

  it('know another prefix of inboxes when told', () => {
    connections({ inboxPrefix: '_IN.me' }).a.publish('_IN.me.7', none)
    expect(span('publish').attributes).toMatchObject({ 'messaging.destination.temporary': true })
  })

  it('take the template of the options into attributes and name', async () => {
    const template = (subject: string) => (subject.startsWith('orders.') ? 'orders.{id}' : undefined)
    const { a } = connections({ template })
    a.publish('orders.4711', none)
    a.publish('other', none)
    expect(span('publish orders.{id}').attributes['messaging.destination.template']).toBe('orders.{id}')
    expect(span('publish other').attributes).not.toHaveProperty('messaging.destination.template')
  })

  it('name another system by its driver', () => {
    const bus = memoryBus()
    const nats = new Proxy(bus, { get: (_bus, key) => (key === 'driver' ? 'nats' : () => {}) })
    tracedBus(nats, telemetry).publish('x', none)
    expect(span('publish x').attributes['messaging.system']).toBe('nats')
  })
})

describe('what fails in a span', () => {
  it('is thrown by publish within the call, and told by its code', async () => {
    const { a } = connections()
    expect(() => a.publish('a..b', none)).toThrow(expect.objectContaining({ code: 'bus.invalid_subject' }))
    expect(() => a.publish(7 as unknown as string, none)).toThrow(
      expect.objectContaining({ code: 'bus.invalid_subject' }),
    )
    expect(() => a.publish('x', 'text' as unknown as Uint8Array)).toThrow(
      expect.objectContaining({ code: 'base.invalid_argument' }),
    )
    await turn()
    expect(spans.map(({ attributes, ended }) => [attributes['error.type'], ended])).toEqual([
      ['bus.invalid_subject', 1],
      ['bus.invalid_subject', 1],
      ['base.invalid_argument', 1],
    ])
    expect(span('publish a..b').error).toContain('empty token')
  })

  it('is the code of a request without responders, of one that times out, of one that is aborted', async () => {
    const clock = manualClock()
    const { a, plain } = connections({}, { clock })
    expect(await failure(() => a.request('nobody', none))).toBe('bus.no_responders')
    plain.subscribe('silent')
    const timedOut = failure(() => a.request('silent', none, { timeoutMs: 50 }))
    const aborted = failure(() => a.request('silent', none, { signal: AbortSignal.abort() }))
    await clock.advance(100)
    expect([await timedOut, await aborted]).toEqual(['bus.timeout', 'base.aborted'])
    expect(spans.map(({ attributes, ended }) => [attributes['error.type'], ended])).toEqual([
      ['bus.no_responders', 1],
      ['bus.timeout', 1],
      ['base.aborted', 1],
    ])
  })

  it.each([
    [new TypeError('broken'), 'TypeError'],
    ['a text', '_OTHER'],
  ])('of a handler ends its span and its subscription: %s', async (thrown, type) => {
    const { a, b } = connections()
    const handled = b.subscribe('x').each(() => {
      throw thrown
    })
    a.publish('x', none)
    await expect(handled).rejects.toThrow(thrown instanceof Error ? 'broken' : 'a text')
    expect(span('process x')).toMatchObject({ ended: 1, attributes: { 'error.type': type } })
  })
})

describe('requestMany in a trace', () => {
  it('is one span to the end of the stream, over all answers', async () => {
    const { a, b } = connections()
    for (const queue of ['one', 'two']) void b.subscribe('x', { queue }).each((message) => void message.respond(none))
    const stream = a.requestMany('x', none, { max: 2 })[Symbol.asyncIterator]()
    await stream.next()
    await stream.next()
    expect(span('request x')).toMatchObject({ ended: 0, kind: 'client' })
    expect((await stream.next()).done).toBe(true)
    await turn()
    expect(span('request x')).toMatchObject({ ended: 1, error: undefined })
    const processed = spans.filter(({ name }) => name === 'process x')
    expect(processed.map(({ parent }) => parent)).toEqual([span('request x').spanId, span('request x').spanId])
  })

  it('ends its span when the loop is left, and with the error of the stream', async () => {
    const { a, b } = connections()
    answering(b, 'x')
    for await (const _answer of a.requestMany('x', none)) break
    const failed = failure(() => a.requestMany('nobody', none)[Symbol.asyncIterator]().next())
    expect(await failed).toBe('bus.no_responders')
    await turn()
    expect(span('request x')).toMatchObject({ ended: 1, error: undefined })
    expect(span('request nobody')).toMatchObject({ ended: 1, attributes: { 'error.type': 'bus.no_responders' } })
  })
})

describe('the traceparent in a message', () => {
  /** `traceparent`, a value of 55, 4 more, and 12 around a block. */
  const lineBytes = 11 + 55 + 4
  const blockBytes = 12

  it('counts to the bound, and is left out of a message that fits only without it', async () => {
    const { a, plain } = connections({}, { payloadMaxBytes: 200 })
    const carried = async (bytes: number, headers?: HeadersInput) => {
      const arriving = next(plain, 'x')
      a.publish('x', new Uint8Array(bytes), headers && { headers })
      return traceparentOf(await arriving) !== undefined
    }
    const room = 200 - blockBytes - lineBytes
    expect([await carried(room), await carried(room + 1), await carried(200)]).toEqual([true, false, false])
    const headers = { name: 'value' }
    const less = room - 'name'.length - 'value'.length - 4
    expect([await carried(less, headers), await carried(less + 1, headers)]).toEqual([true, false])
    expect(await failure(() => a.publish('x', new Uint8Array(201)))).toBe('bus.payload_too_large')
  })

  it('is left out of headers that are full', async () => {
    const { a, plain } = connections()
    const full = { many: Array.from({ length: 256 }, () => 'x') }
    const arriving = next(plain, 'x')
    a.publish('x', none, { headers: full })
    expect(Object.keys((await arriving).headers ?? {})).toEqual(['many'])
  })

  it('is left out of an answer that fits only without it', async () => {
    const { a, b } = connections({}, { payloadMaxBytes: 100 })
    void b.subscribe('x').each((message) => void message.respond(new Uint8Array(100)))
    const answer = await a.request('x', none)
    expect([answer.data.length, answer.headers]).toEqual([100, undefined])
  })

  it('is not there when no SDK records', async () => {
    recordNothing()
    telemetry = await openTelemetry()
    const { a, plain } = connections()
    const arriving = next(plain, 'x')
    a.publish('x', none)
    expect((await arriving).headers).toBe(undefined)
  })
})

describe('a traced bus', () => {
  it('is the bus itself without telemetry', () => {
    const bus = memoryBus()
    expect(tracedBus(bus, noTelemetry)).toBe(bus)
  })

  it('passes through what has no span', async () => {
    const inner = memoryBus({ payloadMaxBytes: 1000 })
    const bus = tracedBus(inner, telemetry)
    const statuses: BusStatus[] = []
    const told = (async () => {
      for await (const status of bus.status()) statuses.push(status)
    })()
    expect([bus.driver, bus.payloadMaxBytes]).toEqual(['memory', 1000])
    const subscription = bus.subscribe('x', { queue: 'q', pendingMax: 1 })
    for (let at = 0; at < 3; at++) inner.publish('x', none)
    await bus.flush()
    const { subject, queue, pending, dropped, received, closed } = subscription
    expect([subject, queue, pending, dropped, received, closed]).toEqual(['x', 'q', 1, 2, 0, false])
    subscription.unsubscribe()
    await bus.drain()
    await told
    expect(statuses.map(({ type }) => type)).toEqual(['slow-consumer', 'closed'])
    expect(spans).toEqual([])
  })

  it('tells an author of telemetry who begins the work too late', () => {
    const late: Telemetry = {
      span: async (_name, _options, work) => {
        await Promise.resolve()
        return work({ set: () => {}, traceparent: undefined })
      },
      count: () => {},
      gauge: () => {},
    }
    expect(() => tracedBus(memoryBus(), late).publish('x', none)).toThrow(
      expect.objectContaining({ code: 'base.assertion_failed' }),
    )
  })
})

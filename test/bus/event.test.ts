import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { jsonCodec } from '../../src/base/codec.ts'
import type { Codec } from '../../src/base/codec.ts'
import { makeEvent } from '../../src/base/envelope.ts'
import type { CloudEvent } from '../../src/base/envelope.ts'
import type { Bus, HeadersInput, Message } from '../../src/bus/bus.ts'
import { eventOf, eventSubject, publishEvent, traceparentOf } from '../../src/bus/event.ts'
import { memoryBus } from '../../src/bus/memory.ts'

const utf8 = new TextEncoder()
const traceA = `00-${'4b'.repeat(16)}-${'0f'.repeat(8)}-01`
const traceB = `00-${'5c'.repeat(16)}-${'1e'.repeat(8)}-01`
const plain: CloudEvent = { specversion: '1.0', id: '1', source: '/here', type: 'made', data: undefined }

/** A message as another program would send it. */
function foreign(headers: HeadersInput, body: string | Uint8Array = ''): Pick<Message, 'headers' | 'data'> {
  const listed = Object.entries(headers).map(([name, value]) => [name, [value].flat()])
  return { headers: Object.fromEntries(listed), data: typeof body === 'string' ? utf8.encode(body) : body }
}

const required = { 'ce-specversion': '1.0', 'ce-id': '7', 'ce-source': '/go', 'ce-type': 'made' }

/** An event in binary mode with this media type. */
function typed(type: string | undefined, body: string | Uint8Array): Pick<Message, 'headers' | 'data'> {
  return foreign({ ...required, ...(type !== undefined && { 'content-type': type }) }, body)
}

function structured(document: unknown, type = 'application/cloudevents+json'): Pick<Message, 'headers' | 'data'> {
  return foreign({ 'Content-Type': type }, JSON.stringify(document))
}

/** What arrives when this is published. */
async function published(publish: (bus: Bus) => void): Promise<Message> {
  await using bus = memoryBus()
  const arriving = bus.subscribe('>')[Symbol.asyncIterator]().next()
  publish(bus)
  const { value } = await arriving
  return value as Message
}

function outcome(work: () => unknown): unknown {
  try {
    return work()
  } catch (error) {
    const { code, attribute } = error as { code?: string; attribute?: string }
    return attribute === undefined ? code : `${code} ${attribute}`
  }
}

const text = fc
  .string({ unit: 'binary', minLength: 1, maxLength: 40 })
  .filter((each) => !/\p{Cc}/u.test(each) && each.isWellFormed())
// A value from outside that looks quoted is unquoted, as the binding asks; ours never is, since quotes are encoded.
const events = fc.record(
  {
    specversion: fc.constant('1.0' as const),
    id: text,
    source: text,
    type: text,
    subject: text,
    correlationid: text,
    causationid: text,
    domain: text,
    hop: fc.nat(),
    criticality: fc.constantFrom('low', 'normal', 'high', 'critical'),
    data: fc.jsonValue(),
  },
  { requiredKeys: ['specversion', 'id', 'source', 'type', 'data'] },
)

describe('an event on the bus', () => {
  it('arrives as it was published, whatever its texts and data', async () => {
    await fc.assert(
      fc.asyncProperty(events, async (event) => {
        const message = await published((bus) => publishEvent(bus, 'events', event))
        expect(eventOf(message)).toEqual({ ...event, datacontenttype: 'application/json' })
      }),
    )
  })

  it('rides in binary mode: attributes as ce- headers in printable ASCII, data as payload', async () => {
    const event = makeEvent(
      { type: 'order.paid', source: '/shop/till', subject: 'Ölpreis 100%', data: { sum: 3 }, traceparent: traceA },
      { clock: { now: () => 0 }, id: () => 'a-1' },
    )
    const message = await published((bus) => publishEvent(bus, 'events', event, { reply: 'answers' }))
    expect(message.reply).toBe('answers')
    expect(new TextDecoder().decode(message.data)).toBe('{"sum":3}')
    expect({ ...message.headers }).toEqual({
      'ce-specversion': ['1.0'],
      'ce-id': ['a-1'],
      'ce-source': ['/shop/till'],
      'ce-type': ['order.paid'],
      'ce-subject': ['%C3%96lpreis%20100%25'],
      'ce-time': ['1970-01-01T00:00:00.000Z'],
      'ce-correlationid': ['a-1'],
      'ce-hop': ['0'],
      'ce-traceparent': [traceA],
      'ce-datacontenttype': ['application/json'],
      'content-type': ['application/json'],
      traceparent: [traceA],
    })
  })

  it('brings values that JSON lacks through tags', async () => {
    const data = { at: new Date(0), bytes: new Uint8Array([1, 2]), $price: 5n }
    const message = await published((bus) => publishEvent(bus, 'events', { ...plain, data }))
    expect(eventOf(message)?.data).toEqual(data)
  })

  it('has an empty payload and no content type without data', async () => {
    const message = await published((bus) => publishEvent(bus, 'events', plain))
    expect(message.data.length).toBe(0)
    expect(Object.keys(message.headers ?? {}).filter((name) => name.includes('content'))).toEqual([])
    expect(eventOf(message)).toEqual(plain)
  })

  it('takes its media type from the codec, which alone can read it', async () => {
    const shouting: Codec = {
      contentType: 'application/x-shout; v=1',
      encode: (value) => utf8.encode(String(value).toUpperCase()),
      decode: (bytes) => new TextDecoder().decode(bytes).toLowerCase(),
    }
    const message = await published((bus) => publishEvent(bus, 'events', { ...plain, data: 'hi' }, { codec: shouting }))
    expect(eventOf(message, { codec: shouting })).toMatchObject({
      data: 'hi',
      datacontenttype: 'application/x-shout; v=1',
    })
    expect(eventOf(message)?.data).toEqual(utf8.encode('HI'))
    expect(eventOf(typed('application/json', '"As It Is"'), { codec: shouting })?.data).toBe('As It Is')
  })

  it('is refused before it is sent when it breaks CloudEvents', () => {
    const bus = memoryBus()
    const bad = { ...plain, id: '' }
    expect(outcome(() => publishEvent(bus, 'events', bad))).toBe('base.envelope_invalid id')
    expect(outcome(() => publishEvent(bus, 'a..b', plain))).toBe('bus.invalid_subject')
    expect(outcome(() => publishEvent(bus, 'events', { ...plain, data: () => {} }))).toBe('base.codec_unsupported')
  })
})

describe('a message from another language', () => {
  it('is plain data without CloudEvents headers', () => {
    expect(eventOf({ data: utf8.encode('hello') })).toBe(undefined)
    expect(eventOf(foreign({}, 'hello'))).toBe(undefined)
    expect(eventOf(foreign({ 'Content-Type': 'application/json', 'X-Id': '7' }, '{"id":1}'))).toBe(undefined)
    expect(eventOf(foreign({ 'ce-traceparent': traceA, cepheid: 'a star' }, 'hello'))).toBe(undefined)
  })

  it.each(['ce-id', 'Ce-Id', 'CE-ID'])('is an event by %s: header names in any case', (name) => {
    const headers = { [name]: '7', 'Ce-Specversion': '1.0', 'Ce-Source': '/go', 'CE-Type': 'made', 'Ce-Mood': 'good' }
    expect(eventOf(foreign(headers, '{"a":1}'))).toEqual({
      ...plain,
      id: '7',
      source: '/go',
      mood: 'good',
      data: { a: 1 },
    })
  })

  it.each([
    ['application/json', '{"a":[1,null]}', { a: [1, null] }],
    ['Application/JSON; Charset="UTF-8"', '"é"', 'é'],
    ['application/vnd.shop.order+json;charset=utf8', '1', 1],
    ['text/json', 'true', true],
    [undefined, '{"a":1}', { a: 1 }],
    [undefined, '', undefined],
    [undefined, 'not json', utf8.encode('not json')],
    [undefined, new Uint8Array([0xff, 0]), new Uint8Array([0xff, 0])],
    ['application/json', '', undefined],
    ['text/plain', 'grüße', 'grüße'],
    ['text/plain; charset=iso-8859-1', new Uint8Array([0xe9]), new Uint8Array([0xe9])],
    ['text/csv', '', ''],
    ['application/octet-stream', new Uint8Array([1, 2, 255]), new Uint8Array([1, 2, 255])],
    ['image/png', '', new Uint8Array(0)],
  ])('has its data read as its media type says: %s %s', (type, body, data) => {
    expect(eventOf(typed(type, body))).toEqual({
      ...plain,
      id: '7',
      source: '/go',
      ...(type !== undefined && { datacontenttype: type }),
      data,
    })
  })

  it.each(['{"$ref":"#/a"}', '{"$schema":"x","type":"object"}', '{"$date":1700000000000}', '{"a":{"$set":{"b":1}}}'])(
    'keeps JSON whose $ is no tag of ours as it stands: %s',
    (body) => expect(eventOf(typed('application/json', body))?.data).toEqual(JSON.parse(body)),
  )

  it('is bounded in size and depth, also where $ is foreign', () => {
    const codec = jsonCodec({ sizeMaxBytes: 10 })
    expect(outcome(() => eventOf(typed('application/json', '"0123456789"'), { codec }))).toBe('base.codec_too_large')
    const deep = (levels: number, inner: string) => '['.repeat(levels) + inner + ']'.repeat(levels)
    const tooDeep = (body: string) => outcome(() => eventOf(typed('application/json', body)))
    expect(tooDeep(deep(5000, '1'))).toBe('base.codec_too_large')
    expect(tooDeep(`[{"$ref":1},${deep(5000, '1')}]`)).toBe('base.envelope_invalid data')
    expect(tooDeep(`[{"$ref":1},${deep(100, '1')}]`)).toMatchObject({ data: [{ $ref: 1 }, expect.anything()] })
  })

  it('prefers ce-datacontenttype to content-type, which may be there for others', () => {
    const headers = { ...required, 'Ce-DataContentType': 'text/plain', 'Content-Type': 'application/json' }
    expect(eventOf(foreign(headers, '1'))).toMatchObject({ datacontenttype: 'text/plain', data: '1' })
  })

  it('may quote a value, as the binding once did, or leave it unencoded', () => {
    const subject = (value: string) => eventOf(foreign({ ...required, 'ce-subject': value }))?.subject
    expect(subject('"say \\"hi\\" %C3%A9"')).toBe('say "hi" é')
    expect(subject('100% grün')).toBe('100% grün')
    expect(subject('"open')).toBe('"open')
  })

  it.each([
    ['ce-specversion', { 'ce-specversion': '0.3' }, 'specversion'],
    ['ce-id', { 'ce-id': '' }, 'id'],
    ['ce-time', { 'ce-time': 'yesterday' }, 'time'],
    ['ce-hop', { 'ce-hop': '-1' }, 'hop'],
    ['ce-criticality', { 'ce-criticality': 'extreme' }, 'criticality'],
    ['a name', { 'ce-not_allowed': '1' }, 'attributes'],
    ['a prototype', { 'ce-__proto__': '1' }, 'attributes'],
    ['two ids', { 'Ce-Id': '8' }, 'ce-id'],
    ['two sources', { 'ce-source': ['/a', '/b'] }, 'ce-source'],
    ['length', { 'ce-subject': 'x'.repeat(1025) }, 'subject'],
    ['control characters', { 'ce-subject': 'a%00b' }, 'subject'],
  ])('that claims to be an event and has a bad %s is refused, typed', (_what, headers, attribute) => {
    const message = foreign({ ...required, ...headers })
    expect(outcome(() => eventOf(message))).toBe(`base.envelope_invalid ${attribute}`)
  })

  it.each(['ce-specversion', 'ce-id', 'ce-source', 'ce-type'] as const)(
    'that lacks only %s is refused, typed',
    (name) => {
      const { [name]: _left, ...headers } = required
      expect(outcome(() => eventOf(foreign(headers)))).toBe(`base.envelope_invalid ${name.slice(3)}`)
    },
  )

  it.each([
    ['application/json', 'not json'],
    ['application/json; charset=utf-16', '1'],
    ['application/json', new Uint8Array([0x22, 0xff, 0x22])],
    ['text/plain', new Uint8Array([0xff])],
  ])('whose data is not %s is refused, typed', (type, body) => {
    expect(outcome(() => eventOf(typed(type, body)))).toBe('base.envelope_invalid data')
  })

  it('never makes eventOf throw anything untyped', () => {
    const name = fc.constantFrom('ce-id', 'Ce-Type', 'ce-source', 'ce-specversion', 'ce-hop', 'content-type', 'x')
    const value = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('1.0', 'application/json', 'text/plain'))
    const entries = fc.array(fc.tuple(name, fc.array(value, { maxLength: 2 })))
    fc.assert(
      fc.property(entries, fc.uint8Array(), (headers, data) => {
        const got = outcome(() => eventOf({ headers: Object.fromEntries(headers), data }))
        expect(typeof got === 'string' && !got.startsWith('base.envelope_invalid ')).toBe(false)
      }),
    )
  })
})

describe('an event in structured mode', () => {
  const event = { specversion: '1.0', id: '7', source: '/go', type: 'made' }

  it.each(['application/cloudevents+json', 'application/cloudevents', 'Application/CloudEvents+JSON; charset=utf-8'])(
    'is read from %s',
    (type) => {
      const document = { ...event, hop: 2, subject: null, flag: true, data: { a: ['é'] } }
      expect(eventOf(structured(document, type))).toEqual({ ...event, hop: 2, flag: true, data: { a: ['é'] } })
    },
  )

  it('may have no data, null, or bytes in base64', () => {
    expect(eventOf(structured(event))).toEqual({ ...event, data: undefined })
    expect(eventOf(structured({ ...event, data: null }))?.data).toBe(null)
    expect(eventOf(structured({ ...event, data_base64: 'AQL/' }))?.data).toEqual(new Uint8Array([1, 2, 255]))
    const typed = { ...event, datacontenttype: 'application/json', data_base64: btoa('{"a":1}') }
    expect(eventOf(structured(typed))?.data).toEqual({ a: 1 })
  })

  it('may hold our hop as text, where a gateway knew no type', () => {
    expect(eventOf(structured({ ...event, hop: '3' }))?.hop).toBe(3)
  })

  it.each([
    ['an array', [event], undefined, 'form'],
    ['no object', 'text', undefined, 'form'],
    ['a missing id', { ...event, id: undefined }, undefined, 'id'],
    ['a nested attribute', { ...event, mood: { good: true } }, undefined, 'mood'],
    ['data twice', { ...event, data: 1, data_base64: 'AQ==' }, undefined, 'data'],
    ['broken base64', { ...event, data_base64: 'A*' }, undefined, 'data'],
    ['a batch', [event], 'application/cloudevents-batch+json', 'form'],
    ['another format', event, 'application/cloudevents+xml', 'form'],
  ])('is refused, typed, as %s', (_what, document, type, attribute) => {
    expect(outcome(() => eventOf(structured(document, type)))).toBe(`base.envelope_invalid ${attribute}`)
  })

  it('is refused, typed, when it is no JSON', () => {
    const message = foreign({ 'content-type': 'application/cloudevents+json' }, '{')
    expect(outcome(() => eventOf(message))).toBe('base.envelope_invalid data')
  })
})

describe('the trace context of a message', () => {
  it('is that of the hop, else that of its event', () => {
    expect(traceparentOf(foreign({ traceparent: traceA, 'ce-traceparent': traceB }))).toBe(traceA)
    expect(traceparentOf(foreign({ Traceparent: traceA }))).toBe(traceA)
    expect(traceparentOf(foreign({ 'Ce-Traceparent': traceB }))).toBe(traceB)
    expect(traceparentOf({})).toBe(undefined)
  })

  it.each(['garbage', '', `00-${'0'.repeat(32)}-${'0f'.repeat(8)}-01`, `00-${'4b'.repeat(16)}-${'0'.repeat(16)}-01`])(
    'is none when it is not well formed: %s',
    (bad) => {
      expect(traceparentOf(foreign({ traceparent: bad }))).toBe(undefined)
      expect(traceparentOf(foreign({ traceparent: bad, 'ce-traceparent': traceB }))).toBe(traceB)
    },
  )

  it('leaves the event its own when a hop had another', () => {
    const message = foreign({ ...required, 'ce-traceparent': traceB, traceparent: traceA })
    expect(eventOf(message)?.traceparent).toBe(traceB)
  })
})

describe('the subject of events', () => {
  it('names realm and type', () => {
    expect(eventSubject('house', 'colloquy.convene.started')).toBe('clq.house.event.colloquy.convene.started')
  })

  it('refuses what would make another subject of it', () => {
    for (const realm of ['', 'a.b', '*', '>', 'a b'])
      expect(outcome(() => eventSubject(realm, 'made'))).toBe('base.invalid_argument')
    for (const type of ['', 'a..b', '*', 'a.>', 'two words'])
      expect(outcome(() => eventSubject('house', type))).toBe('bus.invalid_subject')
  })
})

import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CodecMalformed, jsonCodec } from '../../src/base/codec.ts'
import {
  type CloudEvent,
  EnvelopeInvalid,
  checkEvent,
  envelopeLimits,
  fromBinary,
  isoTime,
  makeEvent,
  pathThrough,
  toBinary,
} from '../../src/base/envelope.ts'
import { idSource, isUuidV7 } from '../../src/base/id.ts'
import { manualClock } from '../../src/base/manual-clock.ts'
import { seededRandom } from '../../src/base/random.ts'
import { outcomeOf } from './outcome.ts'

const codec = jsonCodec()
const clock = manualClock()
const from = { clock, id: idSource(clock, seededRandom('envelope')) }
const plain: CloudEvent = { specversion: '1.0', id: '1', source: '/a/b', type: 't', data: null }
const refuse = (extra: object) => {
  const outcome = outcomeOf(() => checkEvent({ ...plain, ...extra }))
  return 'value' in outcome ? 'taken' : (outcome.refused as EnvelopeInvalid).attribute
}

describe('makeEvent', () => {
  it('starts a conversation: its own id is the correlation, there is no cause, hop is 0', () => {
    const event = makeEvent({ type: 'asked', source: '/n/a', data: { n: 1 } }, from)
    expect(event).toEqual({
      specversion: '1.0',
      id: event.id,
      source: '/n/a',
      type: 'asked',
      time: '2026-01-01T00:00:00.000Z',
      datacontenttype: 'application/json',
      correlationid: event.id,
      hop: 0,
      data: { n: 1 },
    })
    expect(isUuidV7(event.id)).toBe(true)
    expect(checkEvent(event)).toEqual(event)
  })

  it('ties each link of a chain to its cause and all to the first', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), (links) => {
        const first = makeEvent({ type: 't', source: '/n/a', data: null }, from)
        let cause: CloudEvent = first
        for (let hop = 1; hop <= links; hop++) {
          const next = makeEvent({ type: 't', source: '/n/b', data: null, cause }, from)
          expect(next).toMatchObject({ causationid: cause.id, correlationid: first.id, hop })
          cause = next
        }
      }),
    )
  })

  it('says through which rules and sagas an event came, and leaves out the oldest of too many', () => {
    const first = makeEvent({ type: 't', source: '/n/a', data: null, via: 'rule:a' }, from)
    expect(first.path).toBe('rule:a')
    const second = makeEvent({ type: 't', source: '/n/b', data: null, cause: first, via: 'saga:b' }, from)
    expect(second.path).toBe('rule:a saga:b')
    expect(makeEvent({ type: 't', source: '/n/b', data: null, cause: second }, from).path).toBe('rule:a saga:b')
    let cause: CloudEvent = second
    for (let link = 0; link < 100; link++)
      cause = makeEvent({ type: 't', source: '/n/b', data: null, cause, via: `rule:${'x'.repeat(60)}${link}` }, from)
    expect(checkEvent(cause).path).toMatch(/^\.\.\. rule:x{60}\d+ .*rule:x{60}99$/)
    expect(pathThrough('a', 'x'.repeat(2000))).toBe('x'.repeat(envelopeLimits.attributeMaxLength))
  })

  it('takes the id of a cause from outside that has no correlation', () => {
    const event = makeEvent({ type: 't', source: '/n', data: null, cause: plain }, from)
    expect(event).toMatchObject({ correlationid: '1', causationid: '1', hop: 1 })
  })

  it('carries subject, domain, criticality and traceparent when given, and no key when not', () => {
    const extra = { subject: 's', domain: 'd', criticality: 'high', traceparent: `00-${'a'.repeat(32)}-b-01` } as const
    expect(makeEvent({ type: 't', source: '/n', data: null, ...extra }, from)).toMatchObject(extra)
    expect(Object.keys(makeEvent({ type: 't', source: '/n', data: null }, from))).not.toContain('subject')
  })

  it('writes time as RFC 3339 in UTC', () => {
    expect(isoTime(0)).toBe('1970-01-01T00:00:00.000Z')
  })
})

const attributeText = fc
  .oneof(
    fc.string({ unit: 'grapheme', maxLength: 30 }),
    fc.string({ unit: 'binary', maxLength: 20 }),
    fc.constantFrom('', ' ', '%', '%20', '%zz', '"', 'ünïcode', '日本語', '😀%41', 'a b', '~!'),
  )
  .filter((text) => text.isWellFormed() && !/\p{Cc}/u.test(text))
const needed = attributeText.map((text) => `x${text}`)
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined, freq: 2 })

const anyEvent = fc
  .record({
    id: needed,
    source: needed,
    type: needed,
    subject: maybe(attributeText),
    time: maybe(
      fc.date({ noInvalidDate: true, min: new Date(0), max: new Date('9999-12-31') }).map((d) => d.toISOString()),
    ),
    dataschema: maybe(attributeText),
    correlationid: maybe(attributeText),
    causationid: maybe(attributeText),
    hop: maybe(fc.nat()),
    domain: maybe(attributeText),
    criticality: maybe(fc.constantFrom('low', 'normal', 'high', 'critical')),
    data: fc.jsonValue(),
    unknown: fc.dictionary(fc.stringMatching(/^x[a-z0-9]{0,19}$/), attributeText, { maxKeys: 3 }),
  })
  .map(({ unknown, ...known }) => {
    const all = Object.entries({ ...unknown, ...known, specversion: '1.0' })
    return Object.fromEntries(all.filter(([, value]) => value !== undefined)) as unknown as CloudEvent
  })

describe('binary mode', () => {
  it('gives back every event, attributes we do not know included', () => {
    fc.assert(
      fc.property(anyEvent, (event) => {
        const { headers, data } = toBinary(event, codec)
        const back = fromBinary(headers, data, codec)
        expect(back).toEqual({ ...event, datacontenttype: 'application/json' })
      }),
      { numRuns: 500 },
    )
  })

  it('writes header values in printable ASCII, without space, quote and bare percent', () => {
    fc.assert(
      fc.property(anyEvent, (event) => {
        for (const [name, value] of Object.entries(toBinary(event, codec).headers)) {
          expect(name).toMatch(/^(ce-[a-z0-9]+|content-type)$/)
          expect(value).toMatch(/^([!#$&-~]|%[0-9A-F]{2})*$/)
        }
      }),
    )
  })

  it('reads the example of the HTTP binding, section 3.1.3.2', () => {
    const { headers } = toBinary({ ...plain, subject: 'Euro € 😀' }, codec)
    expect(headers['ce-subject']).toBe('Euro%20%E2%82%AC%20%F0%9F%98%80')
  })

  it('reads headers in any case and the first of several values', () => {
    const headers = {
      'CE-Id': ['1', '2'],
      'Ce-Source': '/a',
      'ce-type': 't',
      'ce-specversion': '1.0',
      'Content-Type': 'x/y',
    }
    expect(fromBinary(headers, codec.encode(1), codec)).toEqual({
      specversion: '1.0',
      id: '1',
      source: '/a',
      type: 't',
      datacontenttype: 'x/y',
      data: 1,
    })
  })

  it('keeps a stray percent sign of a careless producer', () => {
    const { headers, data } = toBinary(plain, codec)
    expect(fromBinary({ ...headers, 'ce-subject': '100%' }, data, codec).subject).toBe('100%')
  })

  it.each(['', ' 1', '-1', '0x10', '1e3', '1.5', 'x', '99999999999999999'])('refuses a hop of %j', (hop) => {
    const { headers, data } = toBinary(plain, codec)
    expect(() => fromBinary({ ...headers, 'ce-hop': hop }, data, codec)).toThrow(EnvelopeInvalid)
  })

  it('refuses a header named after the prototype instead of losing it', () => {
    const { headers, data } = toBinary(plain, codec)
    expect(() => fromBinary({ ...headers, 'ce-__proto__': 'x' }, data, codec)).toThrow(EnvelopeInvalid)
  })

  it('refuses to write what the other side would refuse', () => {
    expect(() => toBinary({ ...plain, subject: 'a\nb' }, codec)).toThrow(EnvelopeInvalid)
    expect(() => toBinary({ ...plain, id: '' }, codec)).toThrow(EnvelopeInvalid)
  })

  it('takes an event with an attribute that is undefined as one without it', () => {
    const event = { ...plain, subject: undefined } as unknown as CloudEvent
    expect(Object.keys(toBinary(event, codec).headers)).not.toContain('ce-subject')
  })

  it('passes on the errors of the codec', () => {
    const { headers } = toBinary(plain, codec)
    expect(() => fromBinary(headers, Uint8Array.of(1), codec)).toThrow(CodecMalformed)
  })

  it('gives an event or a typed error for arbitrary headers', () => {
    const header = fc.tuple(
      fc.oneof(fc.constantFrom('ce-id', 'ce-source', 'ce-type', 'ce-hop'), fc.string()),
      fc.string(),
    )
    fc.assert(
      fc.property(fc.array(header), (pairs) => {
        const headers = Object.fromEntries([['ce-specversion', '1.0'], ...pairs])
        const outcome = outcomeOf(() => fromBinary(headers, codec.encode(1), codec))
        expect('value' in outcome || outcome.refused instanceof EnvelopeInvalid).toBe(true)
      }),
    )
  })
})

describe('checkEvent', () => {
  it.each([[null], [undefined], ['text'], [5]])('refuses %j, which is no object', (value) => {
    expect(() => checkEvent(value)).toThrow("the event's form must be an object")
  })

  it.each([
    'subject',
    'datacontenttype',
    'dataschema',
    'correlationid',
    'causationid',
    'domain',
    'traceparent',
    'xnew',
  ])('refuses a %s that is too long, holds a control character or half a surrogate pair, or is an object', (name) => {
    const { attributeMaxLength } = envelopeLimits
    expect(refuse({ [name]: 'x'.repeat(attributeMaxLength) })).toBe('taken')
    for (const bad of ['x'.repeat(attributeMaxLength + 1), 'a\u0000', 'a\u007f', 'a\u0085', '\ud800', {}, null, []])
      expect(refuse({ [name]: bad })).toBe(name)
  })

  it.each([
    ['specversion', [undefined, '0.3', 1]],
    ['id', [undefined, '', 5, null, 'x\n']],
    ['source', [undefined, '', 5]],
    ['type', [undefined, '', {}]],
    ['hop', [-1, 1.5, '1', Number.NaN, 2 ** 53]],
    ['criticality', ['urgent', '', 1]],
    ['time', ['yesterday', '2026-01-01', '2026-13-01T00:00:00Z', '2026-01-32T00:00:00Z', '2026-01-01T24:00:00Z', 1]],
    ['time', ['2026-01-01T00:60:00Z', '2026-01-01T00:00:61Z', '2026-01-01T00:00:00', '2026-01-01T00:00:00+25:00']],
  ])('refuses a bad %s', (name, values) => {
    for (const value of values) expect([value, refuse({ [name]: value })]).toEqual([value, name])
  })

  it.each(['2026-01-01T00:00:00Z', '2026-12-31t23:59:60.123456789z', '2026-01-01T00:00:00.5+05:30'])(
    'takes the time %s',
    (time) => expect(refuse({ time })).toBe('taken'),
  )

  it('keeps an extension it does not know: text, a Boolean, an Integer of 32 bits', () => {
    expect(checkEvent({ ...plain, myext: 'x', flag: true, count: -(2 ** 31) })).toMatchObject({
      myext: 'x',
      flag: true,
    })
    for (const bad of [1.5, Number.NaN, 2 ** 31]) expect(refuse({ count: bad })).toBe('count')
  })

  it.each(['subject', 'correlationid', 'time', 'domain'])('refuses a %s that is a number or a Boolean', (name) => {
    for (const bad of [5, true]) expect(refuse({ [name]: bad })).toBe(name)
  })

  it.each(['My', 'a-b', 'ä', '', 'a'.repeat(21), '__proto__x'])('refuses an attribute named %j', (name) => {
    expect(refuse({ [name]: 'x' })).toBe('attributes')
  })

  it('refuses more attributes than the limit', () => {
    const extra = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, at) => [`x${at}`, 'v']))
    const room = envelopeLimits.attributesMax - Object.keys(plain).length
    expect(refuse(extra(room))).toBe('taken')
    expect(refuse(extra(room + 1))).toBe('form')
  })

  it('gives an event without data the data undefined', () => {
    const bare = { specversion: '1.0', id: '1', source: '/a', type: 't' }
    expect(checkEvent(bare)).toStrictEqual({ ...bare, data: undefined })
  })
})

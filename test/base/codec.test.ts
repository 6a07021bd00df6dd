import { isDeepStrictEqual } from 'node:util'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CodecMalformed, CodecTooLarge, CodecUnsupported, jsonCodec } from '../../src/base/codec.ts'
import { ColloquyError, TimedOut } from '../../src/base/error.ts'
import { outcomeOf, refusalOf } from './outcome.ts'

const codec = jsonCodec()
const bytesOf = (text: string) => new TextEncoder().encode(text)
const textOf = (value: unknown) => new TextDecoder().decode(codec.encode(value))
const decodeText = (text: string) => codec.decode(bytesOf(text))
const again = (value: unknown) => codec.decode(codec.encode(value))

const builtIn = fc.constantFrom('__proto__', 'constructor', 'prototype', 'toString', 'toJSON', 'valueOf', 'length')
const tagLike = fc.constantFrom('$', '$$', '$date', '$$date', '$error', '$map', '0', '')
const key = fc.oneof(builtIn, tagLike, fc.string({ unit: 'grapheme', maxLength: 6 }))

/** `fromEntries` defines, it never assigns: a key `__proto__` becomes a property. */
const objectOf = (entries: [string, unknown][]) => Object.fromEntries(entries)

const { value: anyValue } = fc.letrec<{ value: unknown; leaf: unknown; branch: unknown }>((tie) => ({
  leaf: fc.oneof(
    fc.string({ unit: 'binary', maxLength: 12 }),
    fc.double(),
    fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0, 0, null, true, false),
    fc.integer(),
    fc.bigInt(),
    fc.date({ noInvalidDate: true }),
    fc.uint8Array({ maxLength: 20 }),
  ),
  branch: fc.oneof(
    fc.array(fc.oneof(tie('value'), fc.constant(undefined)), { maxLength: 4 }),
    fc.array(fc.tuple(key, tie('value')), { maxLength: 4 }).map(objectOf),
    fc.array(fc.tuple(tie('value'), tie('value')), { maxLength: 3 }).map((pairs) => new Map(pairs)),
    fc.array(tie('value'), { maxLength: 3 }).map((items) => new Set(items)),
    fc
      .record({
        message: fc.string(),
        code: fc.option(fc.oneof(fc.string(), fc.integer()), { nil: undefined }),
        cause: fc.option(tie('value'), { nil: undefined }),
        errors: fc.option(fc.array(tie('value'), { maxLength: 2 }), { nil: undefined }),
        limit: fc.option(tie('value'), { nil: undefined }),
      })
      .map(({ message, code, cause, errors, limit }) => {
        const options = cause === undefined ? undefined : { cause }
        const error = errors ? new AggregateError(errors, message, options) : new Error(message, options)
        return Object.assign(error, code !== undefined && { code }, limit !== undefined && { limit })
      }),
  ),
  value: fc.oneof({ maxDepth: 6, withCrossShrink: true }, tie('leaf'), tie('branch')),
}))

describe('json codec round trip', () => {
  it('gives back every supported value', () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        expect(isDeepStrictEqual(again(value), value)).toBe(true)
      }),
      { numRuns: 1000 },
    )
  })

  it('is stable: encoding what was decoded gives the same bytes', () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        const bytes = codec.encode(value)
        expect(codec.encode(codec.decode(bytes))).toEqual(bytes)
      }),
      { numRuns: 500 },
    )
  })

  it.each([
    ['a Date', new Date('2026-01-02T03:04:05.678Z'), '{"$date":"2026-01-02T03:04:05.678Z"}'],
    ['a Date before the year 0', new Date('-000001-01-01T00:00:00.000Z'), '{"$date":"-000001-01-01T00:00:00.000Z"}'],
    ['a bigint', -12n, '{"$bigint":"-12"}'],
    ['bytes', Uint8Array.of(0, 255, 16), '{"$bytes":"AP8Q"}'],
    ['a Map', new Map([[{ a: 1 }, 2]]), '{"$map":[[{"a":1},2]]}'],
    ['a Set', new Set([1, 'x']), '{"$set":[1,"x"]}'],
    ['NaN', Number.NaN, '{"$number":"NaN"}'],
    ['-Infinity', Number.NEGATIVE_INFINITY, '{"$number":"-Infinity"}'],
    ['-0', -0, '{"$number":"-0"}'],
    ['undefined alone', undefined, '{"$undefined":true}'],
    ['undefined in an array', [undefined], '[{"$undefined":true}]'],
    ['a key with a dollar', { $date: 1, $$x: 2, $: 3 }, '{"$$date":1,"$$$x":2,"$$":3}'],
    ['plain JSON', { a: [1, 'b', null, true] }, '{"a":[1,"b",null,true]}'],
  ])('writes %s as its documented tag', (_name, value, text) => {
    expect(textOf(value)).toBe(text)
    expect(isDeepStrictEqual(decodeText(text), value)).toBe(true)
  })

  it('leaves out a property that is undefined', () => {
    expect(textOf({ a: undefined, b: 1 })).toBe('{"b":1}')
  })

  it('takes bytes of a view, not of its whole buffer, and gives a plain Uint8Array for a Buffer', () => {
    const back = again(Buffer.from('0123456789').subarray(2, 5))
    expect(back).toStrictEqual(Uint8Array.of(50, 51, 52))
    expect(Buffer.isBuffer(back)).toBe(false)
  })

  it('keeps name, message, code, cause, errors and fields of an Error, and not its stack or class', () => {
    const sent = new TimedOut('the call', 250, { cause: new AggregateError([new TypeError('inner')], 'many') })
    const back = again(sent) as TimedOut & { cause: AggregateError }
    expect(textOf(sent)).not.toContain('codec.test')
    expect(back).toBeInstanceOf(Error)
    expect(back).not.toBeInstanceOf(ColloquyError)
    expect([back.name, back.message, back.code, back.timeoutMs]).toEqual([sent.name, sent.message, sent.code, 250])
    expect(back.stack).toBe(`TimedOut: ${sent.message}`)
    expect(back.cause).toBeInstanceOf(AggregateError)
    expect((back.cause.errors[0] as Error).name).toBe('TypeError')
    expect(Object.keys(back)).not.toContain('name')
  })

  it('keeps the fields that other libraries put on their errors: numeric codes, lists named errors', () => {
    const sent = Object.assign(new Error('refused'), { code: 404, errors: ['a', 'b'], status: 'gone' })
    const back = again(sent) as typeof sent
    expect([back.code, back.errors, back.status]).toEqual([404, ['a', 'b'], 'gone'])
    expect(back).not.toBeInstanceOf(AggregateError)
  })

  it('writes an Error whose message is no text', () => {
    const sent = Object.assign(new Error('x'), { message: { toJSON: () => 'called' } })
    expect((again(sent) as Error).message).toBe('[object Object]')
  })
})

describe('json codec and prototypes', () => {
  const snapshot = () => [Object.prototype, Array.prototype, Error.prototype, Map.prototype].map(Reflect.ownKeys)

  it('makes properties of __proto__ and constructor, and changes no prototype', () => {
    const before = snapshot()
    const back = decodeText('{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":2}}}') as object
    expect(Object.getPrototypeOf(back)).toBe(Object.prototype)
    expect(Object.keys(back)).toEqual(['__proto__', 'constructor'])
    expect(Object.getOwnPropertyDescriptor(back, '__proto__')?.value).toEqual({ polluted: 1 })
    expect({}).not.toHaveProperty('polluted')
    expect(snapshot()).toEqual(before)
  })

  it('keeps the prototype of an Error whose fields name __proto__', () => {
    const error = decodeText('{"$error":{"name":"E","message":"m","fields":{"__proto__":{"x":1}}}}')
    expect(Object.getPrototypeOf(error)).toBe(Error.prototype)
    expect(error).not.toHaveProperty('x')
  })

  it('changes no prototype for any JSON', () => {
    const before = snapshot()
    fc.assert(
      fc.property(hostileJson, (value) => {
        outcomeOf(() => decodeText(JSON.stringify(value)))
        expect(snapshot()).toEqual(before)
      }),
    )
  })

  it('calls no toJSON and refuses instances of classes by their path', () => {
    class Secret {
      toJSON() {
        throw new Error('called')
      }
    }
    expect(() => codec.encode({ a: [new Secret()] })).toThrow(CodecUnsupported)
    expect(() => codec.encode({ a: [new Secret()] })).toThrow('.a.0 is an instance of Secret')
  })
})

const { json: hostileJson } = fc.letrec<{ json: unknown }>((tie) => ({
  json: fc.oneof(
    { maxDepth: 5 },
    fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.constant(null), fc.constantFrom('NaN', '1', 'AA==')),
    fc.array(tie('json'), { maxLength: 3 }),
    fc
      .array(
        fc.tuple(
          fc.oneof(
            key,
            fc.constantFrom('$date', '$bigint', '$bytes', '$map', '$set', '$error', '$number', '$undefined'),
            fc.constantFrom('name', 'message', 'cause', 'errors', 'fields', 'stack', 'code'),
          ),
          tie('json'),
        ),
        { maxLength: 3 },
      )
      .map(objectOf),
  ),
}))

describe('json codec on bytes from outside', () => {
  it('gives a value or a typed error for arbitrary bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        expect(outcomeOf(() => codec.decode(bytes))).toBeDefined()
      }),
      { numRuns: 2000 },
    )
  })

  it('gives a value or a typed error for arbitrary JSON, and what it takes it can write again', () => {
    fc.assert(
      fc.property(fc.oneof(hostileJson, fc.jsonValue()), (value) => {
        const outcome = outcomeOf(() => decodeText(JSON.stringify(value)))
        const taken = 'value' in outcome ? outcome.value : null
        expect(isDeepStrictEqual(again(taken), taken)).toBe(true)
      }),
      { numRuns: 2000 },
    )
  })

  it('leaves out a property that another wrote as undefined, as it does itself', () => {
    expect(decodeText('{"name":{"$undefined":true},"n":1}')).toStrictEqual({ n: 1 })
  })

  it('gives a typed error for its own bytes when one byte is damaged, or a value', () => {
    fc.assert(
      fc.property(anyValue, fc.nat(), fc.integer({ min: 0, max: 255 }), (value, place, byte) => {
        const bytes = codec.encode(value)
        bytes[place % bytes.length] = byte
        expect(outcomeOf(() => codec.decode(bytes))).toBeDefined()
      }),
    )
  })

  it.each([
    ['', 'end of JSON'],
    ['{', 'JSON'],
    ['\u{feff}1', 'JSON'],
    ['{"$date":"yesterday"}', '$date'],
    ['{"$date":"2026-01-01"}', '$date'],
    ['{"$date":"2026-13-01T00:00:00.000Z"}', '$date'],
    ['{"$date":5}', '$date'],
    ['{"$bigint":"1.5"}', '$bigint'],
    ['{"$bytes":"*not base64*"}', '$bytes'],
    ['{"$bytes":[1]}', '$bytes'],
    ['{"$number":"12"}', '$number'],
    ['{"$map":[[1]]}', '$map'],
    ['{"$set":{}}', '$set'],
    ['{"$error":[]}', '$error'],
    ['{"$undefined":false}', '$undefined'],
    ['{"$unknown":1}', '$unknown'],
    ['{"$date":"2026-01-01T00:00:00.000Z","b":1}', '$date'],
  ])('refuses %j and says why', (text, why) => {
    expect(() => decodeText(text)).toThrow(CodecMalformed)
    expect(() => decodeText(text)).toThrow(why)
  })

  it('refuses bytes that are not UTF-8', () => {
    expect(() => codec.decode(Uint8Array.of(0x22, 0xff, 0x22))).toThrow(CodecMalformed)
  })
})

describe('json codec limits', () => {
  const nested = (levels: number): unknown => {
    let value: unknown = 1
    for (let level = 0; level < levels; level++) value = [value]
    return value
  }

  it('takes depthMax levels and refuses one more, both ways', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.constantFrom('list', 'map', 'error'), (depthMax, kind) => {
        const wrap = { list: (v: unknown) => [v], map: (v: unknown) => new Map([[v, v]]), error: asCause }[kind]
        const small = jsonCodec({ depthMax })
        let value: unknown = kind === 'map' ? 'leaf' : wrap(undefined)
        for (let level = kind === 'map' ? 0 : 1; level < Math.min(depthMax, 8); level++) value = wrap(value)
        while (depthOf(value) < depthMax) value = [value]
        expect(isDeepStrictEqual(small.decode(small.encode(value)), value)).toBe(true)
        expect(() => small.encode([value])).toThrow(CodecTooLarge)
        expect(() => small.decode(codec.encode([value]))).toThrow(CodecTooLarge)
      }),
    )
  })

  it('gives back an Error without fields at the last level', () => {
    const shallow = jsonCodec({ depthMax: 1 })
    expect((shallow.decode(shallow.encode(new Error('deep'))) as Error).message).toBe('deep')
  })

  it('lets no tag beside other keys carry a value past the last level', () => {
    const text = `[{"a":${'['.repeat(100_000)}${']'.repeat(100_000)},"$number":"NaN"}]`
    expect(() => jsonCodec({ depthMax: 1 }).decode(bytesOf(text))).toThrow(CodecTooLarge)
    expect(() => jsonCodec({ depthMax: 1 }).decode(bytesOf(`[{"$number":${text}}]`))).toThrow(CodecMalformed)
  })

  it('works at the greatest depth that it takes', () => {
    const deep = jsonCodec({ depthMax: 1000 })
    let maps: unknown = new Map()
    for (let level = 1; level < 1000; level++) maps = new Map([[level, maps]])
    const bytes = deep.encode(maps)
    expect(deep.encode(deep.decode(bytes))).toEqual(bytes)
  })

  it('ends a cycle with a typed error', () => {
    const cycle: Record<string, unknown> = {}
    cycle['self'] = [cycle, cycle]
    expect(() => codec.encode(cycle)).toThrow(CodecTooLarge)
    const error: Error = new Error('loop')
    error.cause = error
    expect(() => codec.encode(error)).toThrow(CodecTooLarge)
  })

  it('refuses a small value of shared parts whose text would be of 2^100 parts', () => {
    let shared: unknown = 0
    for (let level = 0; level < 100; level++) shared = [shared, shared]
    expect(() => jsonCodec({ sizeMaxBytes: 65_536 }).encode(shared)).toThrow('sizeMaxBytes of 65536')
  })

  it('refuses 100,000 levels in the text of the input', () => {
    for (const text of ['['.repeat(100_000) + ']'.repeat(100_000), '{"a":'.repeat(100_000) + '1' + '}'.repeat(100_000)])
      expect(() => decodeText(text)).toThrow(CodecTooLarge)
    expect(() => decodeText('['.repeat(100_000))).toThrow(CodecMalformed)
    expect(() => codec.encode(nested(100_000))).toThrow(CodecTooLarge)
  })

  it('takes exactly sizeMaxBytes and refuses one more, both ways, for any value', () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        const bytes = codec.encode(value)
        const exact = jsonCodec({ sizeMaxBytes: bytes.length })
        expect(exact.encode(value)).toEqual(bytes)
        exact.decode(bytes)
        if (bytes.length === 1) return
        const tight = jsonCodec({ sizeMaxBytes: bytes.length - 1 })
        expect(() => tight.encode(value)).toThrow(CodecTooLarge)
        expect(() => tight.decode(bytes)).toThrow(CodecTooLarge)
      }),
    )
  })

  it.each([
    ['keys', Object.fromEntries(Array.from({ length: 26 }, (_, at) => [String.fromCharCode(97 + at), 0]))],
    ['one empty key', { '': 0 }],
    ['numbers', Array.from({ length: 50 }, () => 0)],
    ['texts', ['', '', 'abc']],
    ['bytes', new Uint8Array(3)],
    ['texts of three bytes a character', '日本語'],
  ])('never counts more than the true size while it writes: %s', (_name, value) => {
    const { length } = codec.encode(value)
    expect(jsonCodec({ sizeMaxBytes: length }).encode(value)).toHaveLength(length)
  })

  it('takes a bigint of 4096 digits and refuses 4097, both signs', () => {
    const most = 10n ** 4096n - 1n
    expect(again(most)).toBe(most)
    expect(again(-most)).toBe(-most)
    expect(() => codec.encode(most + 1n)).toThrow(CodecUnsupported)
    expect(() => codec.encode(-most - 1n)).toThrow(CodecUnsupported)
    expect(() => decodeText(`{"$bigint":"${most + 1n}"}`)).toThrow(CodecMalformed)
  })

  it('cuts a long path in the message', () => {
    const error = refusalOf(() => codec.encode({ ['k'.repeat(10_000)]: () => {} }))
    expect(error.message.length).toBeLessThan(400)
  })

  it.each([
    ['sizeMaxBytes', { sizeMaxBytes: 0 }],
    ['sizeMaxBytes', { sizeMaxBytes: 2 ** 29 }],
    ['depthMax', { depthMax: 0 }],
    ['depthMax', { depthMax: 1001 }],
    ['depthMax', { depthMax: 1.5 }],
  ])('refuses a %s outside its bounds: %j', (argument, options) => {
    expect(refusalOf(() => jsonCodec(options))).toMatchObject({ code: 'base.invalid_argument', argument })
  })
})

describe('json codec refusals', () => {
  it.each([
    ['a function', () => {}],
    ['a symbol', Symbol('s')],
    ['an invalid Date', new Date(Number.NaN)],
    ['an instance of URL', new URL('https://example.org')],
    ['an instance of Float64Array', new Float64Array(1)],
    ['an instance of RegExp', /x/],
  ])('names %s and its path', (what, value) => {
    expect(() => codec.encode({ at: value })).toThrow(`.at is ${what}`)
  })

  it.each([
    ['a getter that throws', Object.defineProperty({}, 'x', { enumerable: true, get: () => raise('getter') })],
    ['an object that only claims to be a Date', Object.create(Date.prototype)],
    ['a proxy that throws', new Proxy({}, { ownKeys: () => raise('proxy') })],
    ['a revoked proxy', revoked()],
  ])('gives a typed error for %s', (_name, value) => {
    expect(() => codec.encode({ value })).toThrow(CodecUnsupported)
  })
})

function raise(message: string): never {
  throw new Error(message)
}

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}

function asCause(cause: unknown): Error {
  return new Error('x', cause === undefined ? undefined : { cause })
}

function depthOf(value: unknown): number {
  if (Array.isArray(value)) return 1 + Math.max(0, ...value.map(depthOf))
  if (value instanceof Map) return 1 + Math.max(0, ...[...value].flat().map(depthOf))
  if (value instanceof Error) return 1 + depthOf(value.cause)
  return 0
}

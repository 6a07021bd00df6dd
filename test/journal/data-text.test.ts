import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { jsonCodec } from '../../src/base/codec.ts'
import { codeOf } from '../../src/base/error.ts'
import { utf8Bytes, utf8Text } from '../../src/base/limit.ts'
import { dataEncoder, decodeData } from '../../src/journal/data-text.ts'
import { anyData } from './arbitrary.ts'

const codec = jsonCodec({ sizeMaxBytes: 2 ** 20, depthMax: 128 })
const encode = dataEncoder(2 ** 20)

function outcome<T>(work: () => T): { value: T } | { code: string } {
  try {
    return { value: work() }
  } catch (error) {
    return { code: codeOf(error) }
  }
}

describe('data as text', () => {
  it('is what the JSON codec writes, for every value, and is read as the codec reads it', () => {
    fc.assert(
      fc.property(anyData, (value) => {
        const { text, bytes } = encode(value)
        expect(text).toBe(utf8Text('data', codec.encode(value)))
        expect(bytes).toBe(utf8Bytes(text).length)
        expect(decodeData(text)).toStrictEqual(codec.decode(utf8Bytes(text)))
      }),
      { numRuns: 2000 },
    )
  })

  it('treats what only looks plain as the codec does', () => {
    const sparse: number[] = []
    sparse[2] = 1
    class Point {
      readonly x = 1
    }
    class List extends Array<number> {
      toJSON(): string {
        return 'other'
      }
    }
    class Seven extends Array<number> {
      override *[Symbol.iterator](): ArrayIterator<number> {
        yield 7
      }
    }
    const odd: unknown[] = [
      { toJSON: () => 'other' },
      { toJSON: 'text' },
      Object.assign([1], { toJSON: () => 'other' }),
      List.from([1, 2]),
      Seven.from([1, 2]),
      sparse,
      new Point(),
      Object.create({ inherited: 1 }),
      Object.assign(Object.create(null), { own: 1 }),
      Object.create({ toJSON: () => 'other' }),
      new Number(1),
      [() => {}],
      { symbol: Symbol('s') },
      { [Symbol('key')]: 1, kept: 2 },
      JSON.parse('{"__proto__": 1, "$date": "2026"}'),
      { $: 1, a$: 2 },
      '"$date"',
      new Date(Number.NaN),
    ]
    for (const value of odd) {
      const wanted = outcome(() => utf8Text('data', codec.encode(value)))
      expect(outcome(() => encode(value).text)).toEqual(wanted)
      const text = 'value' in wanted ? wanted.value : 'null'
      expect(decodeData(text)).toStrictEqual(codec.decode(utf8Bytes(text)))
    }
  })

  it('keeps to the limits of size and depth as the codec does', () => {
    const nested = (depth: number) => {
      let value: unknown = 1
      for (let level = 0; level < depth; level++) value = level % 2 ? [value] : { inner: value }
      return value
    }
    for (const depth of [1, 127, 128, 129, 1000])
      expect(outcome(() => encode(nested(depth)).text)).toEqual(
        outcome(() => utf8Text('data', codec.encode(nested(depth)))),
      )
    const small = dataEncoder(10)
    expect(small('12345678').bytes).toBe(10)
    expect(outcome(() => small('123456789'))).toEqual({ code: 'base.codec_too_large' })
    expect(outcome(() => small('ääää').bytes)).toEqual({ value: 10 })
    expect(outcome(() => small('äääää'))).toEqual({ code: 'base.codec_too_large' })
  })

  it('refuses a small value whose shared parts would unfold without end', () => {
    let value: unknown = 'leaf'
    for (let level = 0; level < 100; level++) value = [value, value]
    expect(outcome(() => encode(value))).toEqual({ code: 'base.codec_too_large' })
  })
})

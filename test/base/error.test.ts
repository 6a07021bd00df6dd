import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  Aborted,
  AssertionFailed,
  Closed,
  ColloquyError,
  InvalidArgument,
  LimitExceeded,
  PeerMissing,
  TimedOut,
  assert,
  codeOf,
  messageOf,
  toError,
} from '../../src/base/error.ts'

const cause = new Error('cause')

describe('typed errors', () => {
  it.each([
    [new InvalidArgument('limit', 'must be 1 or more', { cause }), 'base.invalid_argument', { argument: 'limit' }],
    [new TimedOut('the call', 5, { cause }), 'base.timeout', { timeoutMs: 5 }],
    [new Aborted('the call', { cause }), 'base.aborted', {}],
    [new LimitExceeded('batchMax', 5, 6, { cause }), 'base.limit_exceeded', { limit: 'batchMax', max: 5, actual: 6 }],
    [new Closed('the bus', { cause }), 'base.closed', {}],
    [new PeerMissing('unpdf', 'Reading PDF', { cause }), 'base.peer_missing', { peer: 'unpdf' }],
    [new AssertionFailed('broken', { cause }), 'base.assertion_failed', {}],
  ])('%s has its literal code, its fields, its cause and the name of its class', (error, code, fields) => {
    expect(error).toBeInstanceOf(ColloquyError)
    expect(error).toMatchObject({ code, cause, name: error.constructor.name, ...fields })
    expect(codeOf(error)).toBe(code)
    expect(error.stack).toContain(error.message)
  })

  it('says the mend', () => {
    expect(new PeerMissing('unpdf', 'Reading PDF').message).toContain('npm install unpdf')
    expect(new TimedOut('the call', 5).message).toContain('timeoutMs')
    expect(new LimitExceeded('batchMax', 5, 6).message).toContain('raise batchMax')
  })

  it('asserts', () => {
    expect(() => assert(0, 'zero')).toThrow(AssertionFailed)
    assert(1, 'one')
  })

  it('knows the code of typed errors only', () => {
    expect([codeOf({ code: 'x' }), codeOf(Object.assign(new Error('x'), { code: 'E' }))]).toEqual([
      'unknown',
      'unknown',
    ])
  })
})

describe('whatever was thrown', () => {
  it('becomes a message and an Error, itself if it is one', () => {
    expect(toError(cause)).toBe(cause)
    expect(toError('text')).toMatchObject({ message: 'text', cause: 'text' })
    expect([messageOf(cause), messageOf(5), messageOf(undefined), messageOf(Symbol('s'))]).toEqual([
      'cause',
      '5',
      'undefined',
      'Symbol(s)',
    ])
  })

  it('never throws in turn', () => {
    const mute = {
      toString() {
        throw new Error('no')
      },
    }
    for (const thrown of [Object.create(null), mute]) {
      expect(messageOf(thrown)).toBe('[object Object]')
      expect(toError(thrown).cause).toBe(thrown)
    }
    fc.assert(
      fc.property(fc.anything({ withNullPrototype: true, withSparseArray: true }), (thrown) => {
        expect(typeof messageOf(thrown)).toBe('string')
        expect(toError(thrown)).toBeInstanceOf(Error)
      }),
    )
  })
})

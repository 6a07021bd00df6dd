import { describe, expect, it } from 'vitest'
import { lessonOf, requestBody } from '../../../src/model/core/dialect.ts'
import type { Lesson } from '../../../src/model/core/dialect.ts'
import type { ModelRequest } from '../../../src/model/model.ts'

const dialect = { model: 'm', tokensField: 'max_completion_tokens' } as const
const messages = [{ role: 'user', content: 'Why?' }] as const
const full: ModelRequest = {
  messages,
  outputTokensMax: 5,
  temperature: 1,
  seed: 2,
  schema: { name: 'vote', json: { type: 'object' } },
}
const none: ReadonlySet<Lesson> = new Set()
const lesson = (message: string, more: { status?: number; param?: string; kind?: string } = {}) =>
  lessonOf(requestBody(dialect, full, none), { status: 400, message, kind: '', param: '', ...more })?.lesson

const strictOf = (json: Record<string, unknown>) => {
  const format = requestBody(dialect, { messages, schema: { name: 'vote', json } }, none)['response_format']
  return (format as { json_schema: { strict: boolean } }).json_schema.strict
}

describe('the request in the words of a server', () => {
  it('holds no field of a lesson', () => {
    const lessons = new Set<Lesson>(['stream', 'tokens_field', 'json_schema', 'json_object', 'seed', 'temperature'])
    expect(requestBody(dialect, full, lessons)).toEqual({ model: 'm', messages, max_tokens: 5 })
  })

  it('is Unicode text even where a cut left half a character', () => {
    const body = requestBody(dialect, { messages: [{ role: 'user', content: 'a\ud83e' }] }, none)
    expect(body['messages']).toEqual([{ role: 'user', content: 'a\ufffd' }])
  })

  it('calls a schema strict only if it keeps the rules of strict schemas', () => {
    const closed = { additionalProperties: false, type: 'object' }
    expect(strictOf({ ...closed, properties: { a: { type: 'string' } }, required: ['a'] })).toBe(true)
    expect(strictOf({ ...closed, properties: { a: { type: 'string' } } })).toBe(false)
    expect(strictOf({ type: 'object', properties: {}, required: [] })).toBe(false)
    const open = { type: 'array', items: { type: 'object', properties: {} } }
    expect(strictOf({ ...closed, properties: { a: open }, required: ['a'] })).toBe(false)
    expect(strictOf({ ...closed, properties: { a: { anyOf: [open] } }, required: ['a'] })).toBe(false)
    expect(strictOf({ ...closed, properties: { type: { enum: ['object'] } }, required: ['type'] })).toBe(true)
  })
})

describe('a lesson from a refusal', () => {
  it.each([
    ['Unrecognized request argument supplied: stream_options', 'stream_options'],
    ["'max_completion_tokens' is not supported", 'tokens_field'],
    ['Unknown name "seed": Cannot find field.', 'seed'],
    ['body.seed: Extra inputs are not permitted', 'seed'],
    ['This model does not support temperature', 'temperature'],
    ["'temperature' does not support 0.2 with this model. Only the default (1) value is supported.", 'temperature'],
    ['Streaming is not supported: stream', 'stream'],
    ['This response_format type is unavailable now', 'json_schema'],
    ['json_schema is no known type', 'json_schema'],
  ])('%s', (message, expected) => {
    expect(lesson(message)).toBe(expected)
  })

  it('is taken from the field that the server names, not from the words around it', () => {
    expect(lesson('Unsupported: seed and temperature', { param: 'temperature' })).toBe('temperature')
    expect(lesson('Unsupported: seed', { param: 'messages' })).toBeUndefined()
    expect(lesson('', { param: 'seed', kind: 'unsupported_parameter' })).toBe('seed')
  })

  it.each([
    ['a value that is wrong', 'temperature must be at most 1'],
    ['a field that was not sent', 'Unsupported parameter: logprobs'],
    ['a longer name', 'Unsupported parameter: seed_value'],
    ['the messages', 'messages: unknown role'],
  ])('is not taken from %s', (_what, message) => {
    expect(lesson(message)).toBeUndefined()
  })

  it('is not taken about a field that this body does not have', () => {
    const refusal = { status: 400, message: 'Unsupported parameter: seed', kind: '', param: '' }
    expect(lessonOf(requestBody(dialect, { messages }, none), refusal)).toBeUndefined()
  })

  it('is not taken from another status', () => {
    expect(lesson('Unsupported parameter: seed', { status: 500 })).toBeUndefined()
    expect(lesson('Unsupported parameter: seed', { status: 422 })).toBe('seed')
  })
})

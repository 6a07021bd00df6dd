import { describe, expect, it } from 'vitest'
import { manualClock } from '../../src/base/manual-clock.ts'
import { openAiCompatible } from '../../src/model/openai-compatible.ts'
import type { OpenAiCompatibleOptions } from '../../src/model/openai-compatible.ts'
import type { ModelRequest } from '../../src/model/model.ts'
import { drive, question } from './drive.ts'
import { completionEvents, event, piece, refuses, says, saysWhole, sends, startProvider } from './provider.ts'
import type { Handler, Provider } from './provider.ts'

const modelAt = (provider: Provider, more: Partial<OpenAiCompatibleOptions> = {}) =>
  openAiCompatible({ model: 'small', baseUrl: provider.url, apiKeyEnv: null, backoffBaseMs: 0, ...more })

async function replyTo(handlers: Handler | readonly Handler[], more: Partial<OpenAiCompatibleOptions> = {}) {
  await using provider = await startProvider(handlers)
  return { ...(await drive(modelAt(provider, more))), requests: provider.requests }
}

describe('openai-compatible model: a reply', () => {
  it('streams text and ends with what the provider reported', async () => {
    const { chunks, text, reply, requests } = await replyTo(
      says('Because it rains.', { model: 'small-2026', usage: { prompt_tokens: 7, completion_tokens: 4 } }),
    )
    expect(text).toBe('Because it rains.')
    expect(chunks.filter(({ type }) => type === 'text')).toHaveLength(4)
    expect(reply).toEqual({
      text: 'Because it rains.',
      usage: { inputTokens: 7, outputTokens: 4 },
      finishReason: 'stop',
      model: 'small-2026',
    })
    expect(requests[0]).toMatchObject({
      method: 'POST',
      path: '/v1/chat/completions',
      body: { model: 'small', stream: true, stream_options: { include_usage: true }, messages: question.messages },
    })
  })

  it('sends what the request asks for, and nothing that it does not', async () => {
    await using provider = await startProvider(says('ok'))
    const request: ModelRequest = { ...question, outputTokensMax: 50, temperature: 0, seed: 7 }
    await drive(modelAt(provider), { request })
    await drive(modelAt(provider))
    expect(provider.requests[0]?.body).toMatchObject({ max_tokens: 50, temperature: 0, seed: 7 })
    expect(Object.keys(provider.requests[1]!.body).sort()).toEqual(['messages', 'model', 'stream', 'stream_options'])
  })

  it('keeps the path and the query of its address, and takes a pasted full address', async () => {
    await using provider = await startProvider(says('ok'))
    for (const address of ['?api-version=1', '/', '/chat/completions?api-version=1'])
      await drive(modelAt(provider, { baseUrl: `${provider.url}${address}` }))
    expect(provider.requests.map(({ path }) => path)).toEqual([
      '/v1/chat/completions?api-version=1',
      '/v1/chat/completions',
      '/v1/chat/completions?api-version=1',
    ])
  })

  it('sends extra headers, and no authorization where no key is', async () => {
    const { requests } = await replyTo(says('ok'), { headers: { 'X-Title': 'panel' } })
    expect(requests[0]?.headers).toMatchObject({ 'x-title': 'panel', 'content-type': 'application/json' })
    expect(requests[0]?.headers).not.toHaveProperty('authorization')
  })

  it('takes one JSON reply from a server that does not stream, whatever it calls it', async () => {
    const whole = await replyTo(saysWhole('All at once.'))
    expect(whole.text).toBe('All at once.')
    expect(whole.reply).toMatchObject({ usage: { inputTokens: 10, outputTokens: 5 }, finishReason: 'stop' })
    const body = '\n {"choices":[{"message":{"content":"Mislabelled."},"finish_reason":"stop"}]}'
    expect((await replyTo(sends([body], { contentType: 'text/event-stream' }))).text).toBe('Mislabelled.')
  })

  it('reads a stream that is labelled as something else', async () => {
    const { text, error } = await replyTo(sends([piece('ok', 'stop')], { contentType: 'text/plain' }))
    expect(error).toBeUndefined()
    expect(text).toBe('ok')
  })

  it('estimates the usage that a server does not report, and says so', async () => {
    for (const handler of [says('Because.', { usage: null }), saysWhole('Because.', null)]) {
      const { reply } = await replyTo(handler)
      expect(reply?.usage.estimated).toBe(true)
      expect(reply?.usage.outputTokens).toBeGreaterThanOrEqual(3)
      expect(reply?.usage.inputTokens).toBeGreaterThanOrEqual(2)
    }
  })

  it('takes the last usage when a server counts along', async () => {
    const usage = (prompt_tokens: number, completion_tokens: number) => ({ prompt_tokens, completion_tokens })
    const { reply } = await replyTo(
      sends([
        event({ usage: usage(9, 1), choices: [{ delta: { content: 'a' } }] }),
        event({ usage: usage(9, 2), choices: [{ delta: { content: 'b' }, finish_reason: 'stop' }] }),
        event({ usage: { prompt_tokens: -1, completion_tokens: 'many' }, choices: [] }),
      ]),
    )
    expect(reply).toMatchObject({ text: 'ab', usage: { inputTokens: 9, outputTokens: 2 } })
  })

  it.each([
    ['stop', 'stop'],
    ['length', 'length'],
    ['content_filter', 'content-filter'],
    ['tool_calls', 'other'],
    [null, 'other'],
  ] as const)('reads the finish reason %s as %s', async (finish, finishReason) => {
    expect((await replyTo(says('ok', { finish }))).reply?.finishReason).toBe(finishReason)
  })

  it('gives a refusal of the model as text and as content-filter', async () => {
    const { reply } = await replyTo(
      sends([event({ choices: [{ delta: { refusal: 'I will not.' }, finish_reason: 'stop' }] }), event('[DONE]')]),
    )
    expect(reply).toMatchObject({ text: 'I will not.', finishReason: 'content-filter' })
  })

  it('leaves out thoughts, other choices and what it does not know', async () => {
    const { text, error } = await replyTo(
      sends([
        ': OPENROUTER PROCESSING\n\nevent: ping\ndata: {"type":"ping"}\n\n',
        event({ choices: [], prompt_filter_results: [] }),
        event({ choices: [{ index: 1, delta: { content: 'other' } }] }),
        event({ choices: [{ index: 0, delta: { reasoning_content: 'hm', content: null } }] }),
        event({
          choices: [{ index: 0, delta: { content: [{ type: 'text', text: 'parts' }] }, finish_reason: 'stop' }],
        }),
      ]),
    )
    expect(error).toBeUndefined()
    expect(text).toBe('parts')
  })

  it('reads a stream in pieces of one byte, across characters and line ends', async () => {
    const body = completionEvents('héllo 🦜 漢字', { body: {} })
      .map((data) => `data: ${data}\r\n\r\n`)
      .join('')
    const { text, error } = await replyTo(sends(Array.from(Buffer.from(body), (byte) => Uint8Array.of(byte))))
    expect(error).toBeUndefined()
    expect(text).toBe('héllo 🦜 漢字')
  })

  it('leaves the connection to the pool for later calls, also where the body ends after its last event', async () => {
    const sockets = new Set<unknown>()
    await using provider = await startProvider((_request, response) => {
      sockets.add(response.socket)
      response.writeHead(200)
      response.write(piece('ok', 'stop') + event('[DONE]'))
      setTimeout(() => response.end(), 1)
    })
    // On a clock that stands still the moment of grace never passes: only the body's end can end the call.
    const model = modelAt(provider, { clock: manualClock() })
    for (let call = 0; call < 6; call++) expect((await drive(model)).text).toBe('ok')
    // The pool may open another while it still sorts the first; cut connections would be six.
    expect(sockets.size).toBeLessThan(6)
  })

  it('names itself by provider and model', () => {
    expect(openAiCompatible({ model: 'gpt-5' })).toMatchObject({ name: 'openai:gpt-5', contextTokens: 128_000 })
    const local = openAiCompatible({ model: 'm', baseUrl: 'http://localhost:8080/v1', contextTokens: 4096 })
    expect(local).toMatchObject({ name: 'localhost:8080:m', contextTokens: 4096 })
    expect(openAiCompatible({ model: 'm', provider: 'acme' }).name).toBe('acme:m')
  })
})

describe('openai-compatible model: servers that know fewer fields', () => {
  const unsupported = (param: string, message = `Unsupported parameter: '${param}'`) =>
    refuses(400, { error: { message, type: 'invalid_request_error', param, code: 'unsupported_parameter' } })

  it('leaves out a refused field, and remembers that for the next call', async () => {
    await using provider = await startProvider([
      unsupported('stream_options'),
      unsupported('seed'),
      says('one'),
      says('two'),
    ])
    const model = modelAt(provider)
    const request = { ...question, seed: 1, temperature: 0.5 }
    expect(await drive(model, { request })).toMatchObject({ text: 'one', retries: [] })
    expect((await drive(model, { request })).text).toBe('two')
    for (const { body } of provider.requests.slice(2)) {
      expect(body).not.toHaveProperty('stream_options')
      expect(body).not.toHaveProperty('seed')
      expect(body).toHaveProperty('temperature', 0.5)
    }
  })

  it('renames the bound on the reply and never drops it', async () => {
    const message = "Unsupported parameter: 'max_tokens' is not supported. Use 'max_completion_tokens' instead."
    const again = "Unsupported parameter: 'max_completion_tokens'"
    await using provider = await startProvider([
      unsupported('max_tokens', message),
      says('ok'),
      says('ok'),
      unsupported('max_completion_tokens', again),
    ])
    const model = modelAt(provider)
    const request = { ...question, outputTokensMax: 9 }
    await drive(model, { request })
    await drive(model, { request })
    expect(provider.requests[2]?.body).toMatchObject({ max_completion_tokens: 9 })
    expect(provider.requests[2]?.body).not.toHaveProperty('max_tokens')
    expect((await drive(model, { request })).error).toMatchObject({ code: 'model.bad_request' })
  })

  it('falls back from json_schema to json_object to nothing', async () => {
    await using provider = await startProvider([
      refuses(400, { error: "'response_format.type' json_schema is not supported" }),
      refuses(422, { detail: [{ loc: ['body', 'response_format'], msg: 'Extra inputs are not permitted' }] }),
      says('{}'),
      says('{}'),
    ])
    const model = modelAt(provider)
    const request = { ...question, schema: { name: 'vote', json: { type: 'object' } } }
    expect((await drive(model, { request })).text).toBe('{}')
    await drive(model, { request })
    expect(provider.requests.map(({ body }) => body['response_format'])).toEqual([
      { type: 'json_schema', json_schema: { name: 'vote', schema: { type: 'object' }, strict: false } },
      { type: 'json_object' },
      undefined,
      undefined,
    ])
  })

  it('holds a refused schema against the schema, not against the server', async () => {
    await using provider = await startProvider([
      refuses(400, { error: { message: "Invalid schema: 'minimum' is not permitted", param: 'response_format' } }),
      says('{}'),
      says('{}'),
    ])
    const model = modelAt(provider)
    const request = { ...question, schema: { name: 'vote', json: { type: 'object' } } }
    await drive(model, { request })
    await drive(model, { request })
    expect(provider.requests[2]?.body['response_format']).toMatchObject({ type: 'json_schema' })
  })

  it('asks without streaming where streaming is refused', async () => {
    const { text, requests } = await replyTo([unsupported('stream'), saysWhole('whole')])
    expect(text).toBe('whole')
    expect(requests[1]?.body).not.toHaveProperty('stream')
    expect(requests[1]?.body).not.toHaveProperty('stream_options')
  })

  it('learns nothing from a call that failed in the end', async () => {
    await using provider = await startProvider([unsupported('seed'), refuses(401), says('ok')])
    const model = modelAt(provider)
    const request = { ...question, seed: 1 }
    expect((await drive(model, { request })).error).toMatchObject({ code: 'model.unauthorized' })
    await drive(model, { request })
    expect(provider.requests[2]?.body).toHaveProperty('seed', 1)
  })

  it('tells the caller of a value that is wrong, instead of dropping it', async () => {
    const { error } = await replyTo(refuses(400, { error: { message: 'seed must be below 100', param: 'seed' } }))
    expect(error).toMatchObject({ code: 'model.bad_request', status: 400 })
  })
})

describe('openai-compatible model: what it refuses by itself', () => {
  const never: typeof fetch = () => Promise.reject(new Error('nothing must be sent'))
  const model = openAiCompatible({ model: 'm', apiKeyEnv: null, fetch: never })

  it.each([
    ['messages', { messages: [] }],
    ['messages[0].role', { messages: [{ role: 'tool' as 'user', content: '' }] }],
    ['messages[0].content', { messages: [{ role: 'user' as const, content: 5 as unknown as string }] }],
    ['outputTokensMax', { ...question, outputTokensMax: 0 }],
    ['temperature', { ...question, temperature: 3 }],
    ['temperature', { ...question, temperature: Number.NaN }],
    ['seed', { ...question, seed: 0.5 }],
    ['schema.name', { ...question, schema: { name: 'a b', json: {} } }],
  ])('a request with a wrong %s', async (argument, request) => {
    expect((await drive(model, { request })).error).toMatchObject({ code: 'base.invalid_argument', argument })
  })

  it.each([
    ['model', { model: '' }],
    ['baseUrl', { baseUrl: 'not an address' }],
    ['baseUrl', { baseUrl: 'ftp://127.0.0.1/v1' }],
    ['baseUrl', { baseUrl: 'https://user:hunter2@example.com/v1' }],
    ['baseUrl', { baseUrl: 'https://example.com/v1#part' }],
    ['apiKeyEnv', { apiKeyEnv: 'sk-this-is-the-key-itself' }],
    ['attemptsMax', { attemptsMax: 0 }],
    ['replyMaxBytes', { replyMaxBytes: 0.5 }],
    ['headers["Authorization"]', { headers: { Authorization: 'Bearer x' } }],
    ['headers["x-api-key"]', { headers: { 'x-api-key': 'x' } }],
    ['headers["host"]', { headers: { host: 'x' } }],
    ['headers["a b"]', { headers: { 'a b': 'x' } }],
    ['headers["x-a"]', { headers: { 'x-a': 'a\r\nb: c' } }],
  ])('an option %s that does not hold', (argument, options) => {
    const make = () => openAiCompatible({ model: 'm', ...options })
    expect(make).toThrow(expect.objectContaining({ code: 'base.invalid_argument', argument }))
    expect(make).not.toThrow(/hunter2|this-is-the-key/)
  })
})

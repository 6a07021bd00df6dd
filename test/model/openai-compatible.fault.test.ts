import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { describe, expect, it } from 'vitest'
import { manualClock } from '../../src/base/manual-clock.ts'
import { seededRandom } from '../../src/base/random.ts'
import type { ModelChunk } from '../../src/model/model.ts'
import { openAiCompatible } from '../../src/model/openai-compatible.ts'
import type { OpenAiCompatibleOptions } from '../../src/model/openai-compatible.ts'
import { drive, question } from './drive.ts'
import { event, hangs, piece, refuses, says, sends, startProvider } from './provider.ts'
import type { Handler, Provider } from './provider.ts'

const modelAt = (provider: Pick<Provider, 'url'>, more: Partial<OpenAiCompatibleOptions> = {}) =>
  openAiCompatible({ model: 'small', baseUrl: provider.url, apiKeyEnv: null, backoffBaseMs: 0, ...more })

/** One call against these handlers, its waits moved by a manual clock; no timer may be left. */
async function call(handlers: Handler | readonly Handler[], more: Partial<OpenAiCompatibleOptions> = {}) {
  await using provider = await startProvider(handlers)
  const clock = manualClock()
  const driven = await drive(modelAt(provider, { clock, random: seededRandom(1), ...more }), { clock })
  expect(clock.pending).toBe(0)
  return { ...driven, requests: provider.requests, clock }
}

const code = (value: string, more: object = {}) => expect.objectContaining({ code: value, ...more }) as unknown

describe('openai-compatible model: refusals', () => {
  it.each([
    [401, 'model.unauthorized'],
    [403, 'model.unauthorized'],
    [402, 'model.quota_exhausted'],
    [404, 'model.not_found'],
    [400, 'model.bad_request'],
    [405, 'model.bad_request'],
    [413, 'model.context_overflow'],
    [422, 'model.bad_request'],
  ])('%i is %s, with what the provider said, and is not tried again', async (status, expected) => {
    const { error, requests } = await call(refuses(status, { error: { message: 'because\u001b[31m of\n\u0000 this' } }))
    expect(error).toEqual(code(expected, { status, retryable: false, detail: 'because[31m of this' }))
    expect((error as Error).message).toContain(': because[31m of this; ')
    expect(requests).toHaveLength(1)
  })

  it.each([
    ['OpenAI', { error: { message: 'This model holds 8192 tokens', code: 'context_length_exceeded' } }],
    ['vLLM', { message: "This model's maximum context length is 8192 tokens. You requested 9000", code: 400 }],
    ['llama.cpp', { error: { message: 'the request exceeds the available context size' } }],
    ['Anthropic', { error: { message: 'prompt is too long: 210000 tokens > 200000 maximum' } }],
  ])('sees that the context overflows, as %s says it', async (_server, body) => {
    const { error } = await call(refuses(400, body))
    expect(error).toEqual(code('model.context_overflow', { inputTokens: expect.any(Number) as number }))
  })

  it.each([500, 502, 503, 504, 529, 408, 409, 429])('%i is tried again until it works', async (status) => {
    const { text, retries, requests } = await call([refuses(status), refuses(status, 'down'), says('up')])
    expect(text).toBe('up')
    expect(retries.map(({ attempt }) => attempt)).toEqual([2, 3])
    expect(requests).toHaveLength(3)
  })

  it('gives up after attemptsMax with the last error', async () => {
    const { error, retries, requests } = await call(refuses(503, '<html><b>Down</b> for repair</html>'), {
      attemptsMax: 3,
    })
    expect(error).toEqual(code('model.overloaded', { status: 503, detail: 'Down for repair', retryable: true }))
    expect(retries).toHaveLength(2)
    expect(requests).toHaveLength(3)
  })

  it('does not wait for an account without credit', async () => {
    const { error, requests } = await call(refuses(429, { error: { code: 'insufficient_quota', message: 'no money' } }))
    expect(error).toEqual(code('model.quota_exhausted'))
    expect(requests).toHaveLength(1)
  })

  it('clips what the provider says', async () => {
    const { error } = await call(refuses(400, { error: { message: 'x'.repeat(100_000) } }))
    expect((error as Error).message.length).toBeLessThan(800)
  })

  it('reads no more of a refusal than it shows', async () => {
    await using provider = await startProvider((_request, response) => {
      response.writeHead(400, { 'content-type': 'text/plain' })
      const fill = (): void => {
        if (!response.destroyed) response.write('x'.repeat(65_536), () => setImmediate(fill))
      }
      fill()
    })
    const { error } = await drive(modelAt(provider))
    expect(error).toEqual(code('model.bad_request'))
    expect(await provider.requests[0]?.closed).toBe(false)
  })

  it('does not follow a redirect, and says where it leads without the query', async () => {
    await using elsewhere = await startProvider(says('stolen'))
    const location = `${elsewhere.url}/x?token=secret`
    for (const status of [301, 302, 303, 307, 308]) {
      const { error } = await call(refuses(status, '', { location }))
      expect(error).toEqual(code('model.redirected', { detail: `to ${elsewhere.url}/x` }))
    }
    expect(elsewhere.requests).toHaveLength(0)
  })
})

describe('openai-compatible model: waits between attempts', () => {
  it('doubles the wait up to its bound, between half and all of it', async () => {
    const { retries } = await call(refuses(500), { attemptsMax: 6, backoffBaseMs: 100, backoffMaxMs: 500 })
    const bounds = [100, 200, 400, 500, 500]
    expect(retries).toHaveLength(5)
    for (const [at, { delayMs }] of retries.entries()) {
      expect(delayMs).toBeGreaterThanOrEqual(bounds[at]! / 2)
      expect(delayMs).toBeLessThanOrEqual(bounds[at]!)
    }
    expect(new Set(retries.map(({ delayMs }) => delayMs)).size).toBe(5)
  })

  it('is the same for the same seed', async () => {
    const delays = async () => (await call(refuses(500), { backoffBaseMs: 100 })).retries.map(({ delayMs }) => delayMs)
    expect(await delays()).toEqual(await delays())
  })

  it.each([
    ['seconds', { 'retry-after': '7' }, 7000],
    ['milliseconds', { 'retry-after-ms': '1500', 'retry-after': '9' }, 1500],
    ['a date', { 'retry-after': 'Thu, 01 Jan 2026 00:00:20 GMT' }, 20_000],
    ['a date gone by', { 'retry-after': 'Wed, 31 Dec 2025 23:59:00 GMT' }, 0],
  ])('honours a Retry-After in %s, and never comes earlier', async (_form, headers, askedMs) => {
    for (const status of [429, 503]) {
      const { text, retries } = await call([refuses(status, {}, headers), says('ok')], { backoffBaseMs: 100 })
      expect(text).toBe('ok')
      expect(retries).toEqual([
        expect.objectContaining({ attempt: 2, code: expect.stringContaining('model.') as string }),
      ])
      expect(retries[0]?.delayMs).toBeGreaterThanOrEqual(askedMs)
      expect(retries[0]?.delayMs).toBeLessThanOrEqual(askedMs + 100)
    }
  })

  it('fails at once when it is asked to wait beyond retryAfterMaxMs', async () => {
    const { error, requests } = await call(refuses(429, {}, { 'retry-after': '3600' }), { timeoutMs: 7_200_000 })
    expect(error).toEqual(code('model.rate_limited', { retryAfterMs: 3_600_000 }))
    expect((error as Error).message).toContain('wait 3600 s')
    expect(requests).toHaveLength(1)
  })

  it('fails at once with the cause when the wait would pass the deadline', async () => {
    const { error, requests } = await call(refuses(429, {}, { 'retry-after': '30' }), { timeoutMs: 20_000 })
    expect(error).toEqual(code('model.rate_limited', { retryAfterMs: 30_000 }))
    expect(requests).toHaveLength(1)
  })

  it('ends a wait when the caller aborts', async () => {
    await using provider = await startProvider(refuses(500))
    const clock = manualClock()
    const control = new AbortController()
    const model = modelAt(provider, { clock, backoffBaseMs: 60_000, backoffMaxMs: 60_000 })
    const stream = model.stream(question, { signal: control.signal })[Symbol.asyncIterator]()
    expect((await stream.next()).value).toMatchObject({ type: 'retry', code: 'model.overloaded' })
    const next = stream.next()
    control.abort(new Error('enough'))
    await expect(next).rejects.toEqual(code('base.aborted', { cause: new Error('enough') }))
    expect(clock.pending).toBe(0)
    expect(provider.requests).toHaveLength(1)
  })
})

describe('openai-compatible model: connections', () => {
  it('tries a refused connection again, then says that nobody answers', async () => {
    const closed = await startProvider(hangs())
    await closed.close()
    const clock = manualClock()
    const { error, retries } = await drive(modelAt(closed, { clock }), { clock })
    expect(error).toEqual(code('model.unavailable', { message: expect.stringContaining('ECONNREFUSED') as string }))
    expect(retries).toHaveLength(3)
  })

  it('says that a name is not known', async () => {
    const { error } = await drive(modelAt({ url: 'http://nobody.invalid/v1' }, { attemptsMax: 1 }))
    expect(error).toEqual(code('model.unavailable'))
    expect((error as Error).message).toMatch(/ENOTFOUND|EAI_AGAIN/)
  })

  it('tries again after a connection that is reset before any text', async () => {
    const reset: Handler = (_request, response) => void response.socket?.resetAndDestroy()
    const half = sends([': wait\n\n'], { after: 'reset' })
    const { text, retries } = await call([reset, half, says('ok')])
    expect(text).toBe('ok')
    expect(retries.map(({ code }) => code)).toEqual(['model.unavailable', 'model.truncated'])
  })

  it('does not try again once text came', async () => {
    const { text, error, requests } = await call(sends([piece('half ')], { after: 'reset' }))
    expect(text).toBe('half ')
    expect(error).toEqual(code('model.truncated', { receivedChars: 5 }))
    expect(requests).toHaveLength(1)
  })

  it('knows a server that speaks no HTTP', async () => {
    const server = createServer((socket) =>
      socket
        .resume()
        .on('error', () => {})
        .end('SSH-2.0-OpenSSH_9.9\r\n'),
    )
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const { error } = await drive(modelAt({ url: `http://127.0.0.1:${port}/v1` }))
    expect(error).toEqual(code('model.malformed', { message: expect.stringContaining('HTTP') as string }))
    await new Promise((resolve) => server.close(resolve))
  })

  it('does not retry a certificate or protocol that will not mend itself', async () => {
    await using provider = await startProvider(says('ok'))
    const { error, retries } = await drive(modelAt({ url: provider.url.replace('http:', 'https:') }))
    expect(error).toEqual(code('model.unavailable', { retryable: false }))
    expect(retries).toHaveLength(0)
  })
})

describe('openai-compatible model: time', () => {
  it('cuts an attempt without a first byte, and tries again', async () => {
    await using provider = await startProvider([hangs(), sends([], { after: 'hang' }), says('ok')])
    const clock = manualClock()
    const chunks: ModelChunk[] = []
    const running = (async () => {
      for await (const chunk of modelAt(provider, { clock, firstByteTimeoutMs: 5000 }).stream(question))
        chunks.push(chunk)
    })()
    for (const number of [1, 2]) {
      const { closed } = await provider.arrived(number)
      await clock.advance(4999)
      expect(chunks).toHaveLength(number - 1)
      await clock.advance(1)
      expect(await closed).toBe(false)
      await clock.advance(0)
    }
    await provider.arrived(3)
    await running
    expect(chunks[0]).toMatchObject({ type: 'retry', code: 'model.unavailable' })
    expect(chunks[1]).toMatchObject({ type: 'retry', code: 'model.unavailable' })
    expect(chunks.at(-1)).toMatchObject({ type: 'end', reply: { text: 'ok' } })
    expect(clock.pending).toBe(0)
  })

  it('cuts a reply that falls silent, and keeps waiting for one that drips', async () => {
    const next = Promise.withResolvers<void>()
    await using provider = await startProvider(async (_request, response) => {
      response.writeHead(200)
      response.write(piece('one '))
      await next.promise
      response.write(piece('two'))
    })
    const clock = manualClock()
    const stream = modelAt(provider, { clock, idleTimeoutMs: 1000 }).stream(question)[Symbol.asyncIterator]()
    expect((await stream.next()).value).toEqual({ type: 'text', text: 'one ' })
    const second = stream.next()
    await clock.advance(999)
    next.resolve()
    expect((await second).value).toEqual({ type: 'text', text: 'two' })
    const third = stream.next()
    third.catch(() => {})
    await clock.advance(1000)
    await expect(third).rejects.toEqual(
      code('model.truncated', { message: expect.stringContaining('silence of 1000 ms') as string }),
    )
    expect(await provider.requests[0]?.closed).toBe(false)
    expect(clock.pending).toBe(0)
  })

  it('ends the whole call at its deadline, also one that drips for ever', async () => {
    await using provider = await startProvider(sends([': still here\n\n'], { after: 'hang' }))
    const clock = manualClock()
    const stream = modelAt(provider, { clock, idleTimeoutMs: 60_000 }).stream(question, { timeoutMs: 3000 })
    const next = stream[Symbol.asyncIterator]().next()
    next.catch(() => {})
    const { closed } = await provider.arrived(1)
    await clock.advance(3000)
    await expect(next).rejects.toEqual(code('base.timeout', { timeoutMs: 3000 }))
    expect(await closed).toBe(false)
    expect(clock.pending).toBe(0)
  })

  it('cuts the connection at the deadline even while the consumer does not read', async () => {
    await using provider = await startProvider(sends([piece('a'), piece('b')], { after: 'hang' }))
    const clock = manualClock()
    const stream = modelAt(provider, { clock, timeoutMs: 3000 }).stream(question)[Symbol.asyncIterator]()
    await stream.next()
    await clock.advance(3000)
    expect(await provider.requests[0]?.closed).toBe(false)
    await expect(stream.next()).rejects.toEqual(code('base.timeout'))
    expect(clock.pending).toBe(0)
  })

  it.each(['before the headers', 'in the body'])('stops the transfer when the caller aborts %s', async (when) => {
    await using provider = await startProvider(
      when === 'in the body' ? sends([piece('a')], { after: 'hang' }) : hangs(),
    )
    const clock = manualClock()
    const control = new AbortController()
    const running = drive(modelAt(provider, { clock }), { call: { signal: control.signal } })
    const { closed } = await provider.arrived(1)
    control.abort('changed my mind')
    expect((await running).error).toEqual(code('base.aborted', { cause: 'changed my mind' }))
    expect(await closed).toBe(false)
    expect(clock.pending).toBe(0)
  })

  it('sends nothing when it is aborted before it begins', async () => {
    await using provider = await startProvider(says('ok'))
    const { error } = await drive(modelAt(provider), { call: { signal: AbortSignal.abort('never') } })
    expect(error).toEqual(code('base.aborted'))
    expect(provider.requests).toHaveLength(0)
  })

  it('gives no text after an abort, even of what was received', async () => {
    await using provider = await startProvider(sends([piece('a') + piece('b') + piece('c', 'stop')]))
    const control = new AbortController()
    const stream = modelAt(provider).stream(question, { signal: control.signal })[Symbol.asyncIterator]()
    expect((await stream.next()).value).toEqual({ type: 'text', text: 'a' })
    control.abort()
    await expect(stream.next()).rejects.toEqual(code('base.aborted'))
  })

  it('stops the transfer when the consumer leaves early', async () => {
    await using provider = await startProvider(sends([piece('a')], { after: 'hang' }))
    const clock = manualClock()
    for await (const chunk of modelAt(provider, { clock }).stream(question)) if (chunk.type === 'text') break
    expect(await provider.requests[0]?.closed).toBe(false)
    expect(clock.pending).toBe(0)
  })

  it('cuts a connection that stays open after the end of the reply', async () => {
    await using provider = await startProvider(sends([piece('ok', 'stop') + event('[DONE]')], { after: 'hang' }))
    const clock = manualClock()
    const running = drive(modelAt(provider, { clock }))
    const { closed } = await provider.arrived(1)
    // Until the moment of grace is set, advancing fires nothing.
    while (clock.pending > 0) await clock.advance(100)
    expect((await running).reply?.text).toBe('ok')
    expect(await closed).toBe(false)
  })

  it.each([
    ['a fetch', () => new Promise<Response>(() => {})],
    ['a body', () => Promise.resolve(new Response(new ReadableStream()))],
  ])('ends in time with %s that heeds no signal', async (_what, fetch) => {
    const clock = manualClock()
    const deaf = openAiCompatible({ model: 'm', apiKeyEnv: null, clock, fetch })
    const late = drive(deaf, { call: { timeoutMs: 1000 } })
    await clock.advance(1000)
    expect((await late).error).toEqual(code('base.timeout'))
    const control = new AbortController()
    const aborted = drive(deaf, { call: { signal: control.signal } })
    await clock.advance(1)
    control.abort()
    expect((await aborted).error).toEqual(code('base.aborted'))
    expect(clock.pending).toBe(0)
  })
})

describe('openai-compatible model: broken replies', () => {
  it.each([
    ['an empty body', [], 'model.truncated'],
    ['a stream without a finish', [piece('a')], 'model.truncated'],
    ['a stream that ends inside an event', [piece('a'), 'data: {"choices":[{"del'], 'model.truncated'],
    ['a page of HTML', ['<!doctype html><title>Welcome</title>'], 'model.malformed'],
    ['words', ['Internal error'], 'model.malformed'],
    ['events that are no JSON', ['data: hello\n\n'], 'model.malformed'],
    ['events that are no objects', ['data: 5\n\n'], 'model.malformed'],
    ['broken JSON', ['{"choices": [}'], 'model.malformed'],
    ['JSON without choices', ['{"ok": true}'], 'model.malformed'],
    ['choices that are no list', ['{"choices": {}}'], 'model.malformed'],
    ['choices that are no objects', ['{"choices": [null]}'], 'model.malformed'],
    ['no choices', ['{"choices": []}'], 'model.malformed'],
    ['a stream of empty choices', [event({ choices: [] }), event('[DONE]')], 'model.malformed'],
    ['an end at once', [event('[DONE]')], 'model.malformed'],
    ['bytes that are no UTF-8', [piece('a'), Uint8Array.of(0x64, 0xff, 0xfe)], 'model.malformed'],
    ['a character cut at the end', [piece('a'), Uint8Array.of(0xe6, 0xbc)], 'model.malformed'],
    ['another protocol', ['HELO example.org\r\n', 'error: none\r\n'], 'model.malformed'],
    ['lines of another protocol', ['error: none\n\n'], 'model.malformed'],
  ])('%s is told', async (_what, pieces, expected) => {
    const { error } = await call(sends(pieces), { attemptsMax: 1 })
    expect(error).toEqual(code(expected))
  })

  it('is told at its first character when it cannot become a reply', async () => {
    const { error } = await call(sends(['\n<html>'], { after: 'hang' }))
    expect(error).toEqual(code('model.malformed'))
  })

  it('is whole when it breaks after the finish reason', async () => {
    for (const after of ['reset', 'end'] as const) {
      const { error, reply } = await call(sends([piece('all'), piece('', 'stop')], { after }))
      expect(error).toBeUndefined()
      expect(reply).toMatchObject({ text: 'all', finishReason: 'stop', usage: { estimated: true } })
    }
  })

  it('tries again when the error comes inside the stream before any text', async () => {
    const inside = (error: unknown) => sends([event({ error })])
    const { text, retries } = await call([
      inside({ message: 'overloaded', code: 502 }),
      inside({ type: 'rate_limit_error', message: 'slow down' }),
      sends(['event: error\ndata: {"message":"hiccup"}\n\n']),
      says('ok'),
    ])
    expect(text).toBe('ok')
    expect(retries.map(({ code }) => code)).toEqual(['model.overloaded', 'model.rate_limited', 'model.overloaded'])
  })

  it('fails when the error comes after text, or is none to wait for', async () => {
    const late = await call(sends([piece('a'), event({ error: { message: 'crashed', code: 500 } })]))
    expect(late.error).toEqual(code('model.overloaded', { detail: 'crashed' }))
    expect(late.requests).toHaveLength(1)
    const whole = await call(refuses(200, { error: 'context length exceeded' }))
    expect(whole.error).toEqual(code('model.context_overflow'))
    const key = await call(refuses(200, { error: { message: 'Invalid API key', code: '401' } }))
    expect(key.error).toEqual(code('model.unauthorized'))
  })

  it.each([
    ['text in many events', Array.from({ length: 40 }, () => piece('x'.repeat(100)))],
    ['one text', [piece('é'.repeat(1500))]],
    ['one line without end', Array.from({ length: 60 }, () => `data: ${'x'.repeat(4000)}`)],
    ['many lines of one event', Array.from({ length: 200 }, () => `data: ${'x'.repeat(1000)}\n`)],
    ['one JSON reply', [`{"choices":"${'x'.repeat(200_000)}"}`]],
  ])('reads no more than replyMaxBytes of %s', async (_what, pieces) => {
    await using provider = await startProvider(sends(pieces, { after: 'hang' }))
    const { error } = await drive(modelAt(provider, { replyMaxBytes: 2048 }))
    expect(error).toEqual(code('model.too_large', { replyMaxBytes: 2048 }))
    expect(await provider.requests[0]?.closed).toBe(false)
  })

  it('takes a reply of exactly replyMaxBytes', async () => {
    const { text } = await call(says('x'.repeat(2048), { parts: ['x'.repeat(2048)] }), { replyMaxBytes: 2048 })
    expect(text).toHaveLength(2048)
  })
})

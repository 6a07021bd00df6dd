import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { ModelRequest } from '../../src/model/model.ts'
import { openAiCompatible } from '../../src/model/openai-compatible.ts'
import type { OpenAiCompatibleOptions } from '../../src/model/openai-compatible.ts'
import { drive, everythingOf, question } from './drive.ts'
import { event, piece, refuses, says, sends, startProvider } from './provider.ts'
import type { Handler } from './provider.ts'

const apiKeyEnv = 'CLQ_TEST_MODEL_KEY'
const key = 'sk-proj-4f9c2a77e1b04d6f'

beforeEach(() => void (process.env[apiKeyEnv] = key))
afterEach(() => void delete process.env[apiKeyEnv])

async function call(handlers: Handler | readonly Handler[], more: Partial<OpenAiCompatibleOptions> = {}) {
  await using provider = await startProvider(handlers)
  const options = { model: 'm', baseUrl: provider.url, apiKeyEnv, attemptsMax: 1, ...more }
  return { ...(await drive(openAiCompatible(options))), requests: provider.requests }
}

/** A fetch that notes what it is given and answers nothing. */
function noting() {
  const seen: { readonly url: string; readonly authorization: string | null }[] = []
  const fetch: typeof globalThis.fetch = (url, init) => {
    seen.push({ url: new Request(url).url, authorization: new Headers(init?.headers).get('authorization') })
    return Promise.reject(new TypeError('fetch failed'))
  }
  return { seen, fetch }
}

describe('openai-compatible model: the key', () => {
  it('is read at the time of a call and sent as a bearer token', async () => {
    await using provider = await startProvider(says('ok'))
    const model = openAiCompatible({ model: 'm', baseUrl: provider.url, apiKeyEnv })
    await drive(model)
    process.env[apiKeyEnv] = ' rotated-key-0123456789\n'
    await drive(model)
    expect(provider.requests.map(({ headers }) => headers.authorization)).toEqual([
      `Bearer ${key}`,
      'Bearer rotated-key-0123456789',
    ])
  })

  it('is not needed on this machine', async () => {
    delete process.env[apiKeyEnv]
    const { text, requests } = await call(says('ok'))
    expect(text).toBe('ok')
    expect(requests[0]?.headers).not.toHaveProperty('authorization')
  })

  it('comes from OPENAI_API_KEY unless another variable is named, and is missed before anything is sent', async () => {
    const before = process.env['OPENAI_API_KEY']
    delete process.env['OPENAI_API_KEY']
    try {
      const { seen, fetch } = noting()
      const { error } = await drive(openAiCompatible({ model: 'm', fetch }))
      expect(error).toMatchObject({ code: 'model.key_missing', variable: 'OPENAI_API_KEY' })
      expect(seen).toHaveLength(0)
    } finally {
      if (before !== undefined) process.env['OPENAI_API_KEY'] = before
    }
  })

  it.each(['two words', 'line\nbreak', 'caf\u00e9'])(
    'is refused without being shown when no header can carry it: %j',
    async (bad) => {
      process.env[apiKeyEnv] = bad
      const { error } = await drive(openAiCompatible({ model: 'm', apiKeyEnv }))
      expect(error).toMatchObject({ code: 'model.key_missing' })
      expect(everythingOf(error)).not.toContain(bad)
    },
  )

  it.each([
    'http://example.com/v1',
    'http://192.168.1.5/v1',
    'http://0.0.0.0/v1',
    'http://127.0.0.1.example.com/v1',
    'http://localhost.example.com/v1',
    'http://128.0.0.1/v1',
    'http://[::2]/v1',
    'http://[::ffff:8.8.8.8]/v1',
    'http://localhost./v1',
  ])('never travels readable to %s', (baseUrl) => {
    expect(() => openAiCompatible({ model: 'm', baseUrl: `${baseUrl}?secret=1`, apiKeyEnv })).toThrow(
      expect.objectContaining({ code: 'model.insecure_url', message: expect.not.stringContaining('secret') as string }),
    )
  })

  it.each([
    ['http://127.0.0.1:8080/v1', true],
    ['http://127.8.9.1/v1', true],
    ['http://0x7f.1/v1', true],
    ['http://LOCALHOST:1/v1', true],
    ['http://[::1]:8080/v1', true],
    ['https://example.com/v1', true],
  ])('may go to %s', async (baseUrl, sent) => {
    const { seen, fetch } = noting()
    await drive(openAiCompatible({ model: 'm', baseUrl, apiKeyEnv, fetch, attemptsMax: 1 }))
    expect(seen[0]?.authorization === `Bearer ${key}`).toBe(sent)
  })

  it('is not sent at all with apiKeyEnv: null, which opens plain http to other machines', async () => {
    const { seen, fetch } = noting()
    await drive(
      openAiCompatible({ model: 'm', baseUrl: 'http://192.168.1.5/v1', apiKeyEnv: null, fetch, attemptsMax: 1 }),
    )
    expect(seen).toEqual([{ url: 'http://192.168.1.5/v1/chat/completions', authorization: null }])
  })
})

describe('openai-compatible model: the key never shows', () => {
  const echo: readonly (readonly [string, Handler])[] = [
    ['a refusal', refuses(401, { error: { message: `Incorrect API key provided: ${key}.`, code: key, param: key } })],
    ['a refusal as plain text', refuses(403, `no: Bearer ${key}`)],
    ['a refusal with escapes', refuses(400, `{"error":{"message":"key s\\u006b-proj-4f9c2a77e1b04d6f"}}`)],
    ['a refusal that hides it behind control characters', refuses(400, { error: key.split('').join('\u0000') })],
    ['a refusal that hides it behind zero-width spaces', refuses(400, { error: key.split('').join('\u200b') })],
    ['a refusal cut inside it', refuses(400, `${'\u0000'.repeat(64 * 1024 - 18)}${key}`)],
    ['a refusal clipped inside it', refuses(500, { error: 'x'.repeat(490) + key })],
    ['a redirect', refuses(302, '', { location: `https://example.com/${key}?k=${key}` })],
    ['garbage', sends([`<p>${key}</p>`])],
    ['broken JSON', sends([`{"${key}": `])],
    ['a broken event', sends([`data: ${key}\n\n`])],
    ['an error inside the stream', sends([event({ error: { message: key } })])],
  ]
  it.each(echo)('in the error of %s', async (_what, handler) => {
    const { error } = await call(handler)
    expect(error).toMatchObject({ code: expect.stringMatching(/^model\./) as string })
    expect(everythingOf(error)).not.toContain(key.slice(0, 14))
  })

  it('in the error of a fetch that tells everything', async () => {
    const telling = Object.assign(new Error(`request to x with Bearer ${key} failed`), { headers: { key } })
    const { error } = await drive(
      openAiCompatible({ model: 'm', apiKeyEnv, attemptsMax: 1, fetch: () => Promise.reject(telling) }),
    )
    expect(error).toMatchObject({ code: 'model.unavailable' })
    expect(everythingOf(error)).not.toContain(key)
  })

  it("in the reply's text or model name, however it is split", async () => {
    for (const size of [1, 3, 7, 100]) {
      const whole = `The key is ${key}, and sk-proj is how it begins: sk-proj-4f9c`
      const parts = whole.match(new RegExp(`.{1,${size}}`, 'g')) ?? []
      const { text, reply } = await call(says(whole, { parts, model: `m-${key}` }))
      expect(text).toBe('The key is [hidden], and sk-proj is how it begins: sk-proj-4f9c')
      expect(reply).toMatchObject({ text, model: 'm-[hidden]' })
    }
  })

  it('but a placeholder is an ordinary word of a text', async () => {
    process.env[apiKeyEnv] = 'ollama'
    const { text } = await call(sends([piece('ollama runs', 'stop')]))
    expect(text).toBe('ollama runs')
  })

  it('nor does a secret in the query of the address', async () => {
    await using provider = await startProvider((request, response) =>
      refuses(400, `cannot POST ${request.path}`)(request, response),
    )
    const baseUrl = `${provider.url}?api-version=1&code=hunter2hunter2`
    const { error } = await drive(openAiCompatible({ model: 'm', baseUrl, apiKeyEnv, attemptsMax: 1 }))
    expect(error).toMatchObject({ code: 'model.bad_request' })
    expect(everythingOf(error)).not.toContain('hunter2hunter2')
  })

  it('nor does the prompt', async () => {
    const request: ModelRequest = { messages: [{ role: 'user', content: 'a very private matter' }] }
    await using provider = await startProvider(refuses(400))
    const { error } = await drive(openAiCompatible({ model: 'm', baseUrl: provider.url, apiKeyEnv }), { request })
    expect(everythingOf(error)).not.toContain('private')
    expect(question.messages).toHaveLength(1)
  })
})

import { describe, expect, it } from 'vitest'
import { manualClock } from '../../src/base/manual-clock.ts'
import { aiSdkModel } from '../../src/model/ai-sdk.ts'
import type { AiSdkLanguageModel } from '../../src/model/ai-sdk.ts'
import { generate } from '../../src/model/generate.ts'
import type { ModelRequest } from '../../src/model/model.ts'

type Part = Readonly<Record<string, unknown>>

const usageOf = {
  v2: { inputTokens: 11, outputTokens: 3, totalTokens: 14 },
  v3: {
    inputTokens: { total: 11, noCache: 11, cacheRead: 0, cacheWrite: 0 },
    outputTokens: { total: 3, text: 3, reasoning: 0 },
  },
  v4: {
    inputTokens: { total: 11, noCache: 11, cacheRead: 0, cacheWrite: 0 },
    outputTokens: { total: 3, text: 3, reasoning: 0 },
  },
}
const stopped = { v2: 'stop', v3: 'stop', v4: { unified: 'stop', raw: 'end_turn' } }

const said = (version: keyof typeof usageOf): readonly Part[] => [
  { type: 'stream-start', warnings: [] },
  { type: 'response-metadata', id: 'r', modelId: 'one-2026' },
  { type: 'reasoning-start', id: '0' },
  { type: 'reasoning-delta', id: '0', delta: 'hm' },
  { type: 'text-start', id: '1' },
  { type: 'text-delta', id: '1', delta: 'So ' },
  { type: 'text-delta', id: '1', delta: 'it is.' },
  { type: 'text-end', id: '1' },
  { type: 'finish', usage: usageOf[version], finishReason: stopped[version] },
]

/** The shape of a language model of the AI SDK, with the parts of its stream laid out. */
function sdkModel(
  parts: readonly Part[] | Error,
  specificationVersion = 'v4',
): AiSdkLanguageModel & { readonly asked: Part[] } {
  const asked: Part[] = []
  return {
    specificationVersion,
    provider: 'acme',
    modelId: 'one',
    asked,
    async doStream(options: Part) {
      asked.push(options)
      if (parts instanceof Error) throw parts
      return { stream: ReadableStream.from(parts) }
    },
  }
}

const request: ModelRequest = {
  messages: [
    { role: 'system', content: 'be brief' },
    { role: 'user', content: 'is it?' },
  ],
  outputTokensMax: 50,
  temperature: 0.5,
  seed: 7,
  schema: { name: 'ballot', json: { type: 'object' } },
}

describe('a model of the AI SDK', () => {
  it.each(['v2', 'v3', 'v4'] as const)('speaks through the port, specification %s', async (version) => {
    const sdk = sdkModel(said(version), version)
    const model = aiSdkModel(sdk, { contextTokens: 8000 })
    expect([model.name, model.contextTokens]).toEqual(['acme:one', 8000])
    const texts: string[] = []
    const reply = await generate(model, request, { onText: (text) => texts.push(text) })
    expect(texts).toEqual(['So ', 'it is.'])
    expect(reply).toEqual({
      text: 'So it is.',
      usage: { inputTokens: 11, outputTokens: 3 },
      finishReason: 'stop',
      model: 'one-2026',
    })
    expect(sdk.asked[0]).toMatchObject({
      prompt: [
        { role: 'system', content: 'be brief' },
        { role: 'user', content: [{ type: 'text', text: 'is it?' }] },
      ],
      maxOutputTokens: 50,
      temperature: 0.5,
      seed: 7,
      responseFormat: { type: 'json', name: 'ballot', schema: { type: 'object' } },
    })
  })

  it('estimates what usage it is not told, and says so', async () => {
    const parts = [
      { type: 'text-delta', id: '1', delta: 'yes' },
      { type: 'finish', usage: { inputTokens: undefined }, finishReason: 'tool-calls' },
    ]
    const reply = await generate(aiSdkModel(sdkModel(parts)), request)
    expect(reply).toMatchObject({ finishReason: 'other', usage: { estimated: true } })
  })

  it.each([
    [
      '401',
      Object.assign(new Error('no'), { statusCode: 401, responseBody: '{"error":{"message":"bad key"}}' }),
      'model.unauthorized',
    ],
    ['429', Object.assign(new Error('slow down'), { statusCode: 429 }), 'model.rate_limited'],
    ['503', Object.assign(new Error('later'), { statusCode: 503 }), 'model.overloaded'],
    ['none', new Error('socket hang up'), 'model.sdk_failed'],
  ])('tells a failure by its status: %s', async (_fact, error, code) => {
    await expect(generate(aiSdkModel(sdkModel(error)), request)).rejects.toMatchObject({ code })
    await expect(generate(aiSdkModel(sdkModel([{ type: 'error', error }])), request)).rejects.toMatchObject({ code })
  })

  it('breaks off where the stream ends without its finish', async () => {
    const parts = [{ type: 'text-delta', id: '1', delta: 'so' }]
    await expect(generate(aiSdkModel(sdkModel(parts)), request)).rejects.toMatchObject({
      code: 'model.truncated',
      receivedChars: 2,
    })
  })

  it('ends at its deadline and by its caller, also where the model minds neither', async () => {
    const clock = manualClock()
    const deaf = { ...sdkModel([]), doStream: async () => ({ stream: new ReadableStream({}) }) }
    const late = generate(aiSdkModel(deaf, { clock, timeoutMs: 500 }), request)
    late.catch(() => {})
    await clock.advance(500)
    await expect(late).rejects.toMatchObject({ code: 'base.timeout' })
    const stop = new AbortController()
    const called = generate(aiSdkModel(deaf, { clock }), request, { signal: stop.signal })
    stop.abort()
    await expect(called).rejects.toMatchObject({ code: 'base.aborted' })
  })

  it('is refused where it is no such model', () => {
    expect(() => aiSdkModel(sdkModel([], 'v1'))).toThrow(expect.objectContaining({ code: 'base.invalid_argument' }))
    expect(() => aiSdkModel({} as AiSdkLanguageModel)).toThrow(
      expect.objectContaining({ code: 'base.invalid_argument' }),
    )
  })
})

import { describe, expect, expectTypeOf, it } from 'vitest'
import { z } from 'zod'
import { generate, generateObject } from '../../src/model/generate.ts'
import type { Model, ModelChunk, ModelRequest } from '../../src/model/model.ts'
import { openAiCompatible } from '../../src/model/openai-compatible.ts'
import { scriptedModel } from '../../src/testing/scripted-model.ts'
import { question } from './drive.ts'
import { refuses, says, startProvider } from './provider.ts'

const vote = z.object({ choice: z.enum(['yes', 'no']) })
const schema = { name: 'vote', json: z.toJSONSchema(vote) }
const fence = '```'

describe('generate', () => {
  it('collects a stream, telling text and retries as they come', async () => {
    await using provider = await startProvider([refuses(503), says('hello there')])
    const model = openAiCompatible({ model: 'm', baseUrl: provider.url, apiKeyEnv: null, backoffBaseMs: 0 })
    const told: string[] = []
    const reply = await generate(model, question, {
      onText: (text) => told.push(text),
      onRetry: ({ attempt, code }) => told.push(`${attempt} ${code};`),
    })
    expect(reply.text).toBe('hello there')
    expect(told.join('')).toBe('2 model.overloaded;hello there')
  })

  it('closes the connection when the listener throws', async () => {
    await using provider = await startProvider(says('hello'))
    const model = openAiCompatible({ model: 'm', baseUrl: provider.url, apiKeyEnv: null })
    const onText = () => {
      throw new Error('the screen is gone')
    }
    await expect(generate(model, question, { onText })).rejects.toThrow('the screen is gone')
    await provider.requests[0]?.closed
  })

  it('does not take a stream without a reply for one', async () => {
    const lame: Model = {
      ...scriptedModel({ replies: [] }),
      async *stream(): AsyncGenerator<ModelChunk> {
        yield { type: 'text', text: 'half' }
      },
    }
    await expect(generate(lame, question)).rejects.toMatchObject({ code: 'model.truncated', receivedChars: 4 })
  })
})

describe('generateObject', () => {
  it('gives the checked value with its type, its reply and its cost', async () => {
    const model = scriptedModel({ replies: [`Sure!\n${fence}json\n{"choice": "yes"}\n${fence}`] })
    const made = await generateObject(model, { ...question, schema }, vote)
    expectTypeOf(made.value).toEqualTypeOf<{ choice: 'yes' | 'no' }>()
    expect(made).toMatchObject({ value: { choice: 'yes' }, attempts: 1, usage: { estimated: true } })
    expect(made.reply.text).toContain('Sure!')
  })

  it('takes a function as the check, which may transform', async () => {
    const model = scriptedModel({ replies: ['[3, 4]'] })
    const sum = (value: unknown) => (value as number[]).reduce((a, b) => a + b, 0)
    const { value } = await generateObject(model, question, sum)
    expectTypeOf(value).toBeNumber()
    expect(value).toBe(7)
  })

  it('tells the model the schema in its last user message, and changes no other', async () => {
    const model = scriptedModel({ replies: () => '{"choice": "no"}' })
    const system = { role: 'system', content: 'Be brief.' } as const
    await generateObject(model, { messages: [system, ...question.messages], schema, seed: 3 }, vote)
    const [asked] = model.requests
    expect(asked).toMatchObject({ schema, seed: 3 })
    expect(asked?.messages).toHaveLength(2)
    expect(asked?.messages[0]).toEqual(system)
    expect(asked?.messages[1]?.content).toMatch(/^Why\?\n\nAnswer with one JSON value.*"enum":\["yes","no"\]/s)
    await generateObject(model, { messages: [system] }, vote)
    expect(model.requests[1]?.messages.map(({ role }) => role)).toEqual(['system', 'user'])
  })

  it('asks once more with what was wrong, and sums the usage', async () => {
    const replies = ['{"choice": "maybe"}', '{"choice": "no"}']
    const model = scriptedModel({ replies })
    const seen: number[] = []
    const onReply = (_reply: unknown, attempt: number) => seen.push(attempt)
    const made = await generateObject(model, question, vote, { onReply })
    expect(made).toMatchObject({ value: { choice: 'no' }, attempts: 2 })
    expect(seen).toEqual([1, 2])
    const [first, second] = model.requests as [ModelRequest, ModelRequest]
    expect(second.messages.slice(0, 1)).toEqual(first.messages)
    expect(second.messages.slice(1)).toEqual([
      { role: 'assistant', content: replies[0] },
      { role: 'user', content: expect.stringMatching(/cannot be used: choice: .*"yes"\|"no"/) as string },
    ])
    const input = (request: ModelRequest) =>
      request.messages.reduce((sum, { content }) => sum + model.countTokens(content) + 5, 3)
    expect(made.usage.inputTokens).toBe(input(first) + input(second))
  })

  it('fails after the second, with the text, the issue and the whole usage', async () => {
    const model = scriptedModel({ replies: () => 'I would rather not say.' })
    const error: unknown = await generateObject(model, question, vote).catch((caught: unknown) => caught)
    expect(error).toMatchObject({
      code: 'model.object_invalid',
      text: 'I would rather not say.',
      issue: 'the reply holds no JSON',
      attempts: 2,
      usage: { estimated: true },
    })
    expect((error as { usage: { outputTokens: number } }).usage.outputTokens).toBe(
      2 * model.countTokens('I would rather not say.'),
    )
    expect(model.requests).toHaveLength(2)
  })

  it('asks as often as attemptsMax says', async () => {
    const model = scriptedModel({ replies: () => '' })
    await expect(generateObject(model, question, vote, { attemptsMax: 1 })).rejects.toMatchObject({ attempts: 1 })
    await expect(generateObject(model, question, vote, { attemptsMax: 4 })).rejects.toMatchObject({ attempts: 4 })
    expect(model.requests).toHaveLength(5)
    expect(model.requests.at(-1)?.messages.every(({ content }) => content.length > 0)).toBe(true)
  })

  it('takes no guess between two answers, but one answer given twice', async () => {
    const two = '{"choice": "yes"}, or else {"choice": "no"}'
    const model = scriptedModel({ replies: [two, 'So {"choice": "no"}. Yes: { "choice" : "no" }, not {"choice": 5}'] })
    const { value, attempts } = await generateObject(model, question, vote)
    expect({ value, attempts }).toEqual({ value: { choice: 'no' }, attempts: 2 })
    expect(model.requests[1]?.messages.at(-1)?.content).toContain('2 different answers')
  })

  it('says that a reply was cut, and does not ask again who declined', async () => {
    const cut = scriptedModel({ replies: () => ({ text: '{"choice": "y', finishReason: 'length' }) })
    await expect(generateObject(cut, question, vote)).rejects.toThrow(/cut at its bound of tokens/)
    const declined = scriptedModel({ replies: () => ({ text: 'No.', finishReason: 'content-filter' }) })
    await expect(generateObject(declined, question, vote)).rejects.toMatchObject({ attempts: 1 })
    expect(declined.requests).toHaveLength(1)
  })

  it("passes on the model's own errors", async () => {
    const boom = new Error('boom')
    const model = scriptedModel({ replies: ['{}', boom] })
    await expect(generateObject(model, question, vote)).rejects.toBe(boom)
  })
})

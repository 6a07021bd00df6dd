import { describe, expect, it } from 'vitest'
import { generate } from '../../src/model/generate.ts'
import { scriptedModel } from '../../src/testing/scripted-model.ts'
import { drive, question } from '../model/drive.ts'

describe('a scripted model', () => {
  it('gives its replies in order, word by word, and keeps what was asked', async () => {
    const model = scriptedModel({ replies: ['one two\n three', { text: '', finishReason: 'length' }] })
    const { chunks, text, reply } = await drive(model)
    expect(chunks.map(({ type }) => type)).toEqual(['text', 'text', 'text', 'end'])
    expect(text).toBe('one two\n three')
    expect(reply).toMatchObject({ text, finishReason: 'stop', model: model.name, usage: { estimated: true } })
    expect(await generate(model, question)).toMatchObject({ text: '', finishReason: 'length' })
    expect(model.requests).toEqual([question, question])
  })

  it('answers from the request', async () => {
    const model = scriptedModel({ replies: ({ messages }, number) => `${number}: ${messages.at(-1)?.content}` })
    await generate(model, question)
    expect((await generate(model, question)).text).toBe('2: Why?')
  })

  it('fails loudly where the script has nothing, and with what the script says', async () => {
    const boom = new Error('boom')
    const model = scriptedModel({ name: 'test:m', replies: [boom] })
    expect((await drive(model)).error).toBe(boom)
    expect((await drive(model)).error).toMatchObject({
      code: 'model.script_ended',
      message: expect.stringContaining('"Why?"') as string,
    })
    expect((await drive(scriptedModel({ replies: () => undefined }))).error).toMatchObject({
      code: 'model.script_ended',
    })
  })

  it('heeds an abort, before and between words', async () => {
    const model = scriptedModel({ replies: () => 'one two' })
    expect((await drive(model, { call: { signal: AbortSignal.abort() } })).error).toMatchObject({
      code: 'base.aborted',
    })
    const control = new AbortController()
    const onText = () => control.abort('enough')
    await expect(generate(model, question, { signal: control.signal, onText })).rejects.toMatchObject({
      cause: 'enough',
    })
    expect(model.requests).toHaveLength(1)
  })
})

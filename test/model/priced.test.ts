import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { generate, generateObject } from '../../src/model/generate.ts'
import type { Model, ModelUsage } from '../../src/model/model.ts'
import { priced } from '../../src/model/priced.ts'

function model(usage: ModelUsage, texts: string[] = ['hello']): Model {
  return {
    name: 'fake:one',
    contextTokens: 1000,
    countTokens: (text) => text.length,
    async *stream() {
      yield { type: 'text', text: 'hello' }
      yield { type: 'end', reply: { text: texts.shift() ?? '', usage, finishReason: 'stop', model: 'one' } }
    },
  }
}

const ask = { messages: [{ role: 'user' as const, content: 'hi' }] }

describe('a priced model', () => {
  it('says what a reply cost by both prices, and what tokens would cost', async () => {
    const cheap = priced(model({ inputTokens: 1000, outputTokens: 200 }), {
      inputUsdPerMillion: 0.25,
      outputUsdPerMillion: 2,
    })
    const { usage } = await generate(cheap, ask)
    expect(usage).toEqual({ inputTokens: 1000, outputTokens: 200, usd: 0.00065 })
    expect(cheap.costOf!({ inputTokens: 4_000_000, outputTokens: 0 })).toBe(1)
  })

  it('adds up over attempts', async () => {
    const twice = priced(model({ inputTokens: 1, outputTokens: 1 }, ['no', '{"a":1}']), {
      inputUsdPerMillion: 1,
      outputUsdPerMillion: 1,
    })
    const { usage, attempts } = await generateObject(twice, ask, (value) => value)
    expect([attempts, usage.usd]).toEqual([2, 0.000004])
  })

  it('costs nothing at no price and never less than nothing', () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(), fc.nat(1000), fc.nat(1000), (inputTokens, outputTokens, input, output) => {
        const asked = priced(model({ inputTokens, outputTokens }), {
          inputUsdPerMillion: input,
          outputUsdPerMillion: output,
        })
        expect(asked.costOf!({ inputTokens, outputTokens })).toBeCloseTo(
          (inputTokens * input + outputTokens * output) / 1e6,
          6,
        )
      }),
    )
  })

  it.each([
    ['a price below nothing', { inputUsdPerMillion: -1, outputUsdPerMillion: 1 }],
    ['no number', { inputUsdPerMillion: Number.NaN, outputUsdPerMillion: 1 }],
    ['an unknown price', { inputUsdPerMillion: 1, outputUsdPerMillion: 1, cached: 1 }],
  ])('is refused: %s', (_fact, prices) => {
    expect(() => priced(model({ inputTokens: 0, outputTokens: 0 }), prices)).toThrow(
      expect.objectContaining({ code: 'base.invalid_argument' }),
    )
  })
})

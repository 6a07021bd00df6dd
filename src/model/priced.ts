/**
 * A model with its price: the usage of each reply says what it cost. Unlike a bill it knows the two prices it was given and nothing of
 * caches, discounts or taxes; there are no built-in prices, for they change. Failed calls may have been paid for and are not counted.
 */
import { InvalidArgument } from '../base/error.ts'
import { checkKeys } from '../base/limit.ts'
import type { Model, ModelChunk, ModelUsage } from './model.ts'

export interface ModelPrices {
  /** US dollars for a million input tokens, 0 or more. */
  readonly inputUsdPerMillion: number
  /** US dollars for a million output tokens, 0 or more. */
  readonly outputUsdPerMillion: number
}

/** The model, whose usage has `usd`, to a billionth of a dollar. Throws `base.invalid_argument`. */
export function priced(model: Model, prices: ModelPrices): Model {
  checkKeys('prices', prices, ['inputUsdPerMillion', 'outputUsdPerMillion'])
  for (const [name, price] of Object.entries(prices) as [string, unknown][])
    if (typeof price !== 'number' || !(price >= 0 && price <= 1_000_000))
      throw new InvalidArgument(`prices.${name}`, 'must be a number from 0 to 1,000,000')
  return {
    name: model.name,
    contextTokens: model.contextTokens,
    countTokens: (text) => model.countTokens(text),
    costOf: (usage) => costOf(usage, prices),
    ...(model.preflight && { preflight: () => model.preflight!() }),
    async *stream(request, options): AsyncGenerator<ModelChunk, void> {
      for await (const chunk of model.stream(request, options))
        yield chunk.type === 'end'
          ? {
              ...chunk,
              reply: { ...chunk.reply, usage: { ...chunk.reply.usage, usd: costOf(chunk.reply.usage, prices) } },
            }
          : chunk
    },
  }
}

/** What so many tokens cost. */
function costOf(
  { inputTokens, outputTokens }: Pick<ModelUsage, 'inputTokens' | 'outputTokens'>,
  prices: ModelPrices,
): number {
  const billionths = (inputTokens * prices.inputUsdPerMillion + outputTokens * prices.outputUsdPerMillion) * 1000
  return Math.round(billionths) / 1e9
}

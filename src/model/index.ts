/**
 * The face of the room: the Model port, its errors, and what turns a stream into a reply or into checked data. Drivers have
 * subpaths of their own (`colloquy/model/openai-compatible`), so that nobody loads one that is not used.
 */
export type {
  FinishReason,
  Model,
  ModelCallOptions,
  ModelChunk,
  ModelMessage,
  ModelReply,
  ModelRequest,
  ModelUsage,
} from './model.ts'
export * from './error.ts'
export { generate, generateObject } from './generate.ts'
export type {
  Check,
  Generated,
  GenerateObjectOptions,
  GenerateOptions,
  ModelRetry,
  StandardSchema,
} from './generate.ts'
export { priced } from './priced.ts'
export type { ModelPrices } from './priced.ts'

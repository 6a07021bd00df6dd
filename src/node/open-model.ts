/**
 * Which model a name means: `openai:<model>` is any server with the chat-completions API, hosted or local. The key comes
 * from the environment alone.
 */
import type { Clock } from '../base/clock.ts'
import type { Random } from '../base/random.ts'
import type { Model } from '../model/model.ts'
import { openAiCompatible } from '../model/openai-compatible.ts'
import { UnknownModel } from './error.ts'

export interface OpenModelOptions {
  /** Default: the provider's own, https://api.openai.com/v1. */
  readonly baseUrl?: string
  /** Name of the environment variable with the key. Default `OPENAI_API_KEY`. */
  readonly apiKeyEnv?: string
  readonly clock?: Clock
  readonly random?: Random
}

/** Throws `node.unknown_model`; the driver's own errors come with the first call. */
export function openModel(name: string, options: OpenModelOptions = {}): Model {
  const model = /^openai:(.+)$/.exec(name)?.[1]
  if (model === undefined) throw new UnknownModel(name)
  // The name that was asked for, wherever the server stands: it is part of a convening's identity.
  return openAiCompatible({ ...options, model, provider: 'openai' })
}

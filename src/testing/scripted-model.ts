/**
 * A model that says what it is told to, for tests of what is built on models: no network, no chance, no time. Unlike a
 * recording it answers from the request if it likes, and it never makes something up: a request that the script does not
 * foresee fails.
 */
import { Aborted } from '../base/error.ts'
import { plainName, wholeNumber } from '../base/limit.ts'
import { estimatePromptTokens, estimateTokens } from '../model/core/tokens.ts'
import { ModelScriptEnded } from '../model/error.ts'
import type { FinishReason, Model, ModelChunk, ModelRequest } from '../model/model.ts'
import { checkRequest } from '../model/request.ts'

export interface ScriptedReply {
  readonly text: string
  /** Default `stop`. */
  readonly finishReason?: FinishReason
}

/** A text, a reply, or an error to reject with. */
export type ScriptedAnswer = string | ScriptedReply | Error

export interface ScriptedModelOptions {
  /** Default `scripted:script`. */
  readonly name?: string
  /** Default 128 000. */
  readonly contextTokens?: number
  /**
   * One answer a call, in order; or a function of the request and its number from 1, where undefined means that the
   * script has no answer.
   */
  readonly replies:
    | readonly ScriptedAnswer[]
    | ((request: ModelRequest, number: number) => ScriptedAnswer | undefined | Promise<ScriptedAnswer | undefined>)
}

export interface ScriptedModel extends Model {
  /** What was asked, in order. */
  readonly requests: readonly ModelRequest[]
}

/** Text comes word by word; usage is estimated, and says so. Errors: `model.script_ended`, `base.aborted`, the script's. */
export function scriptedModel(options: ScriptedModelOptions): ScriptedModel {
  const name = plainName('name', options.name ?? 'scripted:script', 200)
  const { replies } = options
  const requests: ModelRequest[] = []
  const answerTo = (request: ModelRequest, number: number) =>
    typeof replies === 'function' ? replies(request, number) : replies[number - 1]
  return {
    name,
    contextTokens: wholeNumber('contextTokens', options.contextTokens ?? 128_000, 1),
    requests,
    countTokens: estimateTokens,
    async *stream(request, { signal } = {}): AsyncGenerator<ModelChunk, void, undefined> {
      const checkGoing = () => {
        if (signal?.aborted) throw new Aborted(`the call of ${name}`, { cause: signal.reason })
      }
      checkRequest(request)
      checkGoing()
      const number = requests.push(request)
      const answer = await answerTo(request, number)
      checkGoing()
      if (answer === undefined) throw new ModelScriptEnded(name, number, request.messages.at(-1)?.content ?? '')
      if (answer instanceof Error) throw answer
      const { text, finishReason = 'stop' } = typeof answer === 'string' ? { text: answer } : answer
      for (const part of text.match(/\S+\s*|\s+/g) ?? []) {
        yield { type: 'text', text: part }
        checkGoing()
      }
      const inputTokens = estimatePromptTokens(request.messages)
      const usage = { inputTokens, outputTokens: estimateTokens(text), estimated: true }
      yield { type: 'end', reply: { text, usage, finishReason, model: name } }
    },
  }
}

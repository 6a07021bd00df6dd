/**
 * The participant that a language model answers for. Unlike the extractive one it can reason and can invent: it is shown
 * passages of the evidence that bear on the turn, and each of its quotes is checked word for word against the source before
 * it counts as verified. It works over any driver of the Model port.
 *
 * It keeps nothing between turns but prepared text for checking quotes, which is a cache.
 */
import type { Clock } from '../base/clock.ts'
import { ColloquyError, InvalidArgument } from '../base/error.ts'
import { plainName, wholeNumber } from '../base/limit.ts'
import { systemClock } from '../base/system-clock.ts'
import { ModelObjectInvalid } from '../model/error.ts'
import { generate, generateObject } from '../model/generate.ts'
import type { ModelRetry } from '../model/generate.ts'
import type { Model, ModelReply } from '../model/model.ts'
import { cleanText } from './clean.ts'
import { totalUsage } from './core/spending.ts'
import type { Document } from './document.ts'
import { ballotSchema, ballotTask, readVote } from './llm-ballot.ts'
import { buildPrompt, framesTokens } from './llm-prompt.ts'
import type { Occasion, Persona, Prompt, PromptLimits } from './llm-prompt.ts'
import { readQuotes } from './llm-quotes.ts'
import { readToolChoice, toolNote, toolSchema, toolTask } from './llm-tools.ts'
import { readPosition, turnTask } from './llm-turn.ts'
import type {
  Bid,
  Chosen,
  Contribution,
  Estimate,
  Motion,
  Participant,
  Speech,
  Turn,
  Usage,
  Vote,
} from './participant.ts'
import type { PassageIndex } from './passage-index.ts'
import { BallotRefused } from './poll.ts'
import { quoteFinder } from './quote.ts'
import type { QuoteFinder } from './quote.ts'
import { checkToolLimits, tool, useTool } from './tool.ts'
import type { Tool, ToolLimits, ToolUse } from './tool.ts'

export interface LlmOptions {
  readonly name: string
  /** Who it is and what it cares about, in free text. */
  readonly persona?: string
  /** What it speaks for, in free text. */
  readonly stance?: string
  /** Shared by all participants; whoever made it closes it. */
  readonly index: PassageIndex
  /** What quotes are checked against: the documents of the index. */
  readonly documents: readonly Document[]
  /** Tokens of one call, reply included. Default 16,000, or what the model holds if that is less. */
  readonly contextTokensMax?: number
  /** Tokens of one reply. Default 800: a contribution of a page is not read. */
  readonly turnTokensMax?: number
  /** Passages shown in one call. Default 20. */
  readonly passagesMax?: number
  /** What it may use before it speaks. Default: nothing. */
  readonly tools?: readonly Tool[]
  readonly toolLimits?: ToolLimits
  /** For the deadlines of tools. Default: the system's. */
  readonly clock?: Clock
  /** Default: the provider's own. */
  readonly temperature?: number
  /** One call of the model, its retries included. Default: the driver's. The discussion's deadline holds besides. */
  readonly callTimeoutMs?: number
}

/** The model answered with nothing that can be heard. */
export class LlmSilent extends ColloquyError {
  override readonly code = 'deliberation.llm_silent'
  /** What the reply cost all the same. */
  readonly usage: Usage
  constructor(model: string, reply: ModelReply) {
    super(`${model} ended with ${reply.finishReason} and said nothing; raise turnTokensMax or use another model`)
    this.usage = usageOf(reply.usage)
  }
}

/** The model gave no valid ballot although it was told why and asked again. It was paid for all the same. */
export class LlmBallotRefused extends BallotRefused {
  override readonly usage: Usage
  constructor(cause: ModelObjectInvalid) {
    super(`the model gave no valid ballot in ${cause.attempts} attempts: ${cause.issue}`, { cause })
    this.usage = usageOf(cause.usage)
  }
}

/** Throws `base.invalid_argument` for a name or bound outside its range. */
export function llm(model: Model, options: LlmOptions): Participant {
  return new LlmParticipant(model, options)
}

/** A reply beyond this many characters is cut, whatever the model counts as a token. */
const replyLengthMax = 20_000

class LlmParticipant implements Participant {
  readonly name: string
  readonly kind: string
  readonly #model: Model
  readonly #options: LlmOptions
  readonly #limits: PromptLimits
  readonly #toolLimits: Required<ToolLimits>
  readonly #finder: QuoteFinder
  readonly #sources: readonly string[]

  constructor(model: Model, options: LlmOptions) {
    this.name = plainName('name', options.name, 200)
    this.kind = model.name
    this.#model = model
    this.#options = options
    const contextTokensMax = wholeNumber('contextTokensMax', options.contextTokensMax ?? 16_000, 1)
    const replyTokensMax = wholeNumber('turnTokensMax', options.turnTokensMax ?? 800, 1)
    this.#limits = {
      inputTokensMax: Math.min(contextTokensMax, model.contextTokens) - replyTokensMax,
      passagesMax: wholeNumber('passagesMax', options.passagesMax ?? 20, 0, 1000),
      replyTokensMax,
    }
    this.#toolLimits = checkToolLimits(options.toolLimits ?? {})
    const names = (options.tools ?? []).map((each) => tool(each).name)
    if (new Set(names).size !== names.length) throw new InvalidArgument('tools', 'must have names of their own')
    this.#finder = quoteFinder(options.documents)
    this.#sources = options.documents.map((document) => document.source)
  }

  async contribute(turn: Turn, signal: AbortSignal): Promise<Speech> {
    const notes: string[] = []
    const { found, usage: spent } = await this.#useTools(turn, signal, notes)
    const prompt = this.#prompt({ ...turn, ...(found.length > 0 && { found }) }, turnTask(turn))
    const preview = new Preview(turn.preview)
    const reply = await generate(this.#model, this.#request(prompt, turn), {
      ...this.#call(signal, notes),
      onText: (text) => preview.add(text),
    })
    const whole = withoutThoughts(reply.text)
    const { text, position } = readPosition(cleanText(whole, replyLengthMax), turn.options)
    if (text === '') throw new LlmSilent(this.#model.name, reply)
    if (whole.trim().length > replyLengthMax) notes.push(`the reply was cut at ${replyLengthMax} characters`)
    if (reply.finishReason === 'length')
      notes.push(`the model stopped at its bound of ${this.#limits.replyTokensMax} tokens`)
    if (reply.finishReason === 'content-filter') notes.push('the provider cut the reply by its content filter')
    const said = {
      text,
      usage: totalUsage([...spent, usageOf(reply.usage)]),
      ...(position && { position }),
      ...(notes.length > 0 && { notes }),
    }
    if (/^\W*pass\W*$/i.test(text)) return { ...said, quotes: [], pass: true }
    const quotes = readQuotes(text, { finder: this.#finder, sources: this.#sources, options: turn.options })
    const answers = answersIn(text, turn.transcript, this.name)
    return { ...said, quotes, ...(answers.length > 0 && { answers }) }
  }

  async cast(motion: Motion, signal: AbortSignal): Promise<Vote> {
    const prompt = this.#prompt(motion, ballotTask(motion))
    const notes: string[] = []
    const schema = ballotSchema(motion)
    try {
      const generated = await generateObject(
        this.#model,
        { ...this.#request(prompt, motion), schema },
        (value) => readVote(value, motion),
        // The poll's second asking is the second attempt already.
        { ...this.#call(signal, notes), attemptsMax: motion.refused === undefined ? 2 : 1 },
      )
      if (generated.attempts > 1) notes.push('a model call was made twice: the first answer was no valid ballot')
      const { ballot, reason, delegate } = generated.value
      const usage = usageOf(generated.usage)
      return {
        ballot,
        ...(delegate !== undefined && { delegate }),
        reason: cleanText(reason, replyLengthMax),
        usage,
        ...(notes.length > 0 && { notes }),
      }
    } catch (error) {
      if (error instanceof ModelObjectInvalid) throw new LlmBallotRefused(error)
      throw error
    }
  }

  estimate(turn: Turn): Estimate {
    const { messages } = this.#prompt(turn, turnTask(turn))
    const input = messages.reduce((sum, { content }) => sum + this.#model.countTokens(content), framesTokens)
    const { tools = [] } = this.#options
    // Each use of a tool is a call besides, with all that was found before it; an answer that is asked again is not counted.
    const { stepsMax, outputMaxLength } = this.#toolLimits
    const steps = tools.length === 0 ? 0 : stepsMax
    const found = (steps * (steps + 1) * outputMaxLength) / 2
    const calls = steps + 1
    const usage = { inputTokens: calls * input + found, outputTokens: calls * this.#limits.replyTokensMax }
    const usd = this.#model.costOf?.(usage)
    return { tokens: usage.inputTokens + usage.outputTokens, ...(usd !== undefined && { usd }) }
  }

  async bid(turn: Turn, signal: AbortSignal): Promise<Bid> {
    const task =
      'Do not speak yet. Say how much you want to speak next: 0 if you have nothing new, 1 if the talk must hear it now.'
    const form = { urgency: { type: 'number', minimum: 0, maximum: 1 } }
    const { value, usage } = await this.#decide(turn, task, 'bid', form, signal, ({ urgency }) => {
      if (typeof urgency !== 'number' || !(urgency >= 0 && urgency <= 1))
        throw new Error('"urgency" is no number from 0 to 1')
      return urgency
    })
    return { urgency: value, usage }
  }

  async choose(turn: Turn, candidates: readonly string[], signal: AbortSignal): Promise<Chosen> {
    const list = candidates.map((name, at) => `${at + 1}. ${name}`).join('; ')
    const task = `You are the moderator and do not speak yourself. Say by its number who is to speak next, so that the talk gets on: ${list}.`
    const form = { speaker: { type: 'integer', minimum: 1, maximum: candidates.length }, reason: { type: 'string' } }
    const { value, usage } = await this.#decide(turn, task, 'choice', form, signal, ({ speaker, reason }) => {
      const name = typeof speaker === 'number' ? candidates[speaker - 1] : undefined
      if (name === undefined) throw new Error(`"speaker" is no number from 1 to ${candidates.length}`)
      return { speaker: name, reason: typeof reason === 'string' ? reason : '' }
    })
    return { ...value, usage }
  }

  /** Uses that the model asks for, one after the other, until it is ready or may no more. */
  async #useTools(
    turn: Turn,
    signal: AbortSignal,
    notes: string[],
  ): Promise<{ readonly found: readonly ToolUse[]; readonly usage: readonly Usage[] }> {
    const { tools = [], clock = systemClock } = this.#options
    const found: ToolUse[] = []
    const usage: Usage[] = []
    for (let left = tools.length === 0 ? 0 : this.#toolLimits.stepsMax; left > 0; left--) {
      const occasion = { ...turn, ...(found.length > 0 && { found }), random: turn.random.split(`tool ${left}`) }
      const chosen = await generateObject(
        this.#model,
        { ...this.#request(this.#prompt(occasion, toolTask(tools, left)), occasion), schema: toolSchema },
        (value) => readToolChoice(value, tools),
        this.#call(signal, notes),
      )
      usage.push(usageOf(chosen.usage))
      const { tool: wanted, input } = chosen.value
      if (!wanted) break
      const used = await useTool(wanted, input, this.#toolLimits, clock, signal)
      found.push(used)
      notes.push(toolNote(used))
    }
    return { found, usage }
  }

  async #decide<T>(
    turn: Turn,
    task: string,
    name: string,
    properties: Readonly<Record<string, unknown>>,
    signal: AbortSignal,
    read: (value: Readonly<Record<string, unknown>>) => T,
  ): Promise<{ readonly value: T; readonly usage: Usage }> {
    const json = { type: 'object', properties, required: Object.keys(properties), additionalProperties: false }
    const { value, usage } = await generateObject(
      this.#model,
      { ...this.#request(this.#prompt(turn, task), turn), schema: { name, json } },
      (answer) => read(typeof answer === 'object' && answer !== null ? (answer as Record<string, unknown>) : {}),
      this.#call(signal, []),
    )
    return { value, usage: usageOf(usage) }
  }

  #prompt(occasion: Occasion, task: string): Prompt {
    const { persona, stance, index } = this.#options
    const self: Persona = {
      name: this.name,
      ...(persona !== undefined && { persona }),
      ...(stance !== undefined && { stance }),
    }
    return buildPrompt(this.#model, index, self, occasion, task, this.#limits)
  }

  #request({ messages }: Prompt, { random }: Occasion) {
    const { temperature } = this.#options
    return {
      messages,
      outputTokensMax: this.#limits.replyTokensMax,
      seed: random.split('model seed').integer(2 ** 31),
      ...(temperature !== undefined && { temperature }),
    }
  }

  #call(signal: AbortSignal, notes: string[]) {
    const { callTimeoutMs } = this.#options
    return {
      signal,
      onRetry: ({ attempt, code }: ModelRetry) => {
        notes.push(`a model call was made again after ${code} (attempt ${attempt}); it may be paid twice`)
      },
      ...(callTimeoutMs !== undefined && { timeoutMs: callTimeoutMs }),
    }
  }
}

/** Contributions of others that the text names by number. */
function answersIn(text: string, transcript: readonly Contribution[], self: string): readonly string[] {
  const numbers = new Set(Array.from(text.matchAll(/#(\d{1,6})\b/g), ([, number]) => Number(number)))
  return transcript.filter((each) => each.participant !== self && numbers.has(each.number)).map((each) => each.id)
}

function usageOf({ inputTokens, outputTokens, usd, estimated }: Usage): Usage {
  return { inputTokens, outputTokens, ...(usd !== undefined && { usd }), ...(estimated === true && { estimated }) }
}

/** Some local models think aloud before they answer; thoughts are not said. */
function withoutThoughts(text: string): string {
  const opened = /^\s*<(think|thinking|reasoning)>/i.exec(text)
  if (!opened) return text
  const end = new RegExp(`</${opened[1]!}>`, 'i').exec(text)
  return end ? text.slice(end.index + end[0].length) : ''
}

const unsafe = /(?![\t\n])\p{Cc}|[\u202a-\u202e\u2066-\u2069\ufeff]/gu

/** Hands on the text as it will be heard: no thoughts, no control characters, no more than the bound. */
class Preview {
  readonly #show: (text: string) => void
  #state: 'start' | 'thinking' | 'speaking' = 'start'
  /** Text that cannot be judged yet: the start, or the end of a thought that may be half a closing mark. */
  #held = ''
  #shown = 0
  constructor(show: (text: string) => void) {
    this.#show = show
  }

  add(text: string): void {
    if (this.#state === 'speaking') {
      this.#speak(text)
      return
    }
    this.#held += text
    if (this.#state === 'start') {
      if (/^\s*(?:<[a-z]{0,9})?$/i.test(this.#held)) return
      this.#state = /^\s*<(?:think|thinking|reasoning)>/i.test(this.#held) ? 'thinking' : 'speaking'
    }
    if (this.#state === 'thinking') {
      const end = /<\/(?:think|thinking|reasoning)>\s*/i.exec(this.#held)
      if (!end) {
        this.#held = this.#held.slice(-16)
        return
      }
      this.#held = this.#held.slice(end.index + end[0].length)
      this.#state = 'speaking'
    }
    this.#speak(this.#held)
    this.#held = ''
  }

  #speak(text: string): void {
    const clean = text.replace(unsafe, '').slice(0, replyLengthMax - this.#shown)
    const heard = this.#shown === 0 ? clean.trimStart() : clean
    if (heard === '') return
    this.#shown += heard.length
    this.#show(heard)
  }
}

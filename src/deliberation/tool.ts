/**
 * Tools: what a model may use before it speaks. A tool is plain code with a checked input; its result is material like evidence, never an
 * instruction. Unlike function calling of one provider the choice is asked as structured output, so that every model can use them, one on a
 * cassette too.
 *
 * Each use is a step: the model names a tool and its input, or none. The input passes the tool's schema (Standard Schema: Zod, Valibot,
 * ArkType) before the tool runs; what does not is told to the model, and costs the step. A tool that throws, is late or says too much
 * delays nobody: its step says so.
 */
import { deadline, unlessAborted } from '../base/clock.ts'
import type { Clock } from '../base/clock.ts'
import { InvalidArgument, messageOf } from '../base/error.ts'
import { plainName, wholeNumber } from '../base/limit.ts'
import type { StandardSchema } from '../model/generate.ts'
import { cleanText } from './clean.ts'

export interface Tool<Input = unknown> {
  /** Letters, digits, `_` and `-`, at most 64; unique among the tools of a participant. */
  readonly name: string
  /** For the model: what it does, and when to use it. */
  readonly description: string
  /** What an input must be. Default: anything. */
  readonly input?: StandardSchema<Input>
  /** JSON Schema of the input, shown to the model. The check is `input`'s. */
  readonly inputSchema?: Readonly<Record<string, unknown>>
  /** What it found; what is no text is shown as JSON. The signal is aborted at the deadline, or with the turn. */
  run(input: Input, signal: AbortSignal): Promise<unknown>
}

/** One use of a tool, as the model and the record are shown it. */
export interface ToolUse {
  readonly tool: string
  /** JSON. */
  readonly input: string
  readonly output: string
  readonly failed: boolean
}

export interface ToolLimits {
  /** Uses in one turn. Default 4. */
  readonly stepsMax?: number
  /** One use. Default 30,000. */
  readonly timeoutMs?: number
  /** Characters of one result; more is cut. Default 8000. */
  readonly outputMaxLength?: number
}

/** The same tool, checked; its input is typed by its schema. Throws `base.invalid_argument`. */
export function tool<Input>(definition: Tool<Input>): Tool {
  const { name, description } = definition
  if (typeof name !== 'string' || !/^[\w-]{1,64}$/.test(name))
    throw new InvalidArgument('tool.name', 'must be 1 to 64 letters, digits, _ or -')
  plainName('tool.description', description, 2000)
  if (typeof definition.run !== 'function') throw new InvalidArgument('tool.run', 'must be a function')
  return definition
}

export function checkToolLimits(limits: ToolLimits): Required<ToolLimits> {
  return {
    stepsMax: wholeNumber('toolLimits.stepsMax', limits.stepsMax ?? 4, 1, 100),
    timeoutMs: wholeNumber('toolLimits.timeoutMs', limits.timeoutMs ?? 30_000, 1),
    outputMaxLength: wholeNumber('toolLimits.outputMaxLength', limits.outputMaxLength ?? 8000, 1, 1_000_000),
  }
}

/** Uses a tool; a failure is a result that says so. Rejects only with the reason of a signal that was aborted. */
export async function useTool(
  used: Tool,
  input: unknown,
  limits: Required<ToolLimits>,
  clock: Clock,
  signal: AbortSignal,
): Promise<ToolUse> {
  const shown = cleanText(JSON.stringify(input) ?? 'null', 2000)
  const done = (text: string, failed: boolean): ToolUse => ({
    tool: used.name,
    input: shown,
    output: cleanText(text, limits.outputMaxLength),
    failed,
  })
  using limit = deadline(clock, `the tool ${used.name}`, limits.timeoutMs, signal)
  try {
    const checked = await used.input?.['~standard'].validate(input)
    if (checked?.issues)
      return done(`the input does not fit: ${checked.issues.map(({ message }) => message).join('; ')}`, true)
    const output = await unlessAborted(limit.signal, used.run(checked ? checked.value : input, limit.signal))
    return done(typeof output === 'string' ? output : (JSON.stringify(output) ?? 'nothing'), false)
  } catch (error) {
    signal.throwIfAborted()
    return done(`it failed: ${messageOf(error)}`, true)
  }
}

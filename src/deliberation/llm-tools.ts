/**
 * How a model chooses a tool: the task, the form of its answer, and what the answer means. Unlike `tool.ts` it runs nothing. Pure.
 */
import type { Tool, ToolUse } from './tool.ts'

export interface ToolChoice {
  /** Undefined: none, it is ready to speak. */
  readonly tool: Tool | undefined
  readonly input: unknown
}

export function toolTask(tools: readonly Tool[], left: number): string {
  const list = tools.map(({ name, description, inputSchema }) => {
    const input = inputSchema ? ` Its input: ${JSON.stringify(inputSchema)}` : ''
    return `- ${name}: ${description}${input}`
  })
  return `Do not speak yet. You may use a tool first, ${left} ${left === 1 ? 'time' : 'times'} at most:
${list.join('\n')}
Answer with a JSON object: "tool": the name of one, or null if you are ready to speak; "input": what it takes, as JSON text.
What a tool finds is material like the evidence. It is not to be quoted: only the evidence is.`
}

export const toolSchema: { readonly name: string; readonly json: Readonly<Record<string, unknown>> } = {
  name: 'tool_choice',
  json: {
    type: 'object',
    properties: { tool: { type: ['string', 'null'] }, input: { type: 'string' } },
    required: ['tool', 'input'],
    additionalProperties: false,
  },
}

/** The choice that the value says; throws an Error that says what is wrong with it, for the model to read. */
export function readToolChoice(value: unknown, tools: readonly Tool[]): ToolChoice {
  if (typeof value !== 'object' || value === null) throw new Error('the answer is not a JSON object')
  const { tool: name, input } = value as { readonly tool?: unknown; readonly input?: unknown }
  if (name === null) return { tool: undefined, input: undefined }
  const tool = tools.find((each) => each.name === name)
  if (!tool) throw new Error(`"tool" is none of ${tools.map((each) => each.name).join(', ')}, and not null`)
  if (typeof input !== 'string') return { tool, input }
  try {
    return { tool, input: JSON.parse(input) as unknown }
  } catch {
    throw new Error('"input" is no JSON text')
  }
}

/** What a note of the speech says of a use. */
export function toolNote({ tool, input, failed }: ToolUse): string {
  return `used the tool ${tool} with ${input.slice(0, 300)}${failed ? ', which failed' : ''}`
}

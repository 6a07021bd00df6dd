/** Runs a model's stream to its end for the tests, moving a manual clock by exactly what the driver says it waits. */
import type { ManualClock } from '../../src/base/manual-clock.ts'
import type { Model, ModelCallOptions, ModelChunk, ModelReply, ModelRequest } from '../../src/model/model.ts'

export const question: ModelRequest = { messages: [{ role: 'user', content: 'Why?' }] }

export interface Driven {
  readonly chunks: readonly ModelChunk[]
  readonly text: string
  readonly retries: readonly Extract<ModelChunk, { type: 'retry' }>[]
  readonly reply: ModelReply | undefined
  readonly error: unknown
}

export async function drive(
  model: Model,
  options: { readonly request?: ModelRequest; readonly clock?: ManualClock; readonly call?: ModelCallOptions } = {},
): Promise<Driven> {
  const chunks: ModelChunk[] = []
  let error: unknown
  const stream = model.stream(options.request ?? question, options.call)[Symbol.asyncIterator]()
  try {
    for (let next = await stream.next(); !next.done;) {
      chunks.push(next.value)
      const following = stream.next()
      following.catch(() => {})
      if (next.value.type === 'retry') await options.clock?.advance(next.value.delayMs)
      next = await following
    }
  } catch (caught) {
    error = caught
  }
  const last = chunks.at(-1)
  return {
    chunks,
    text: chunks.map((chunk) => (chunk.type === 'text' ? chunk.text : '')).join(''),
    retries: chunks.filter((chunk) => chunk.type === 'retry'),
    reply: last?.type === 'end' ? last.reply : undefined,
    error,
  }
}

/** Everything of an error that anyone could print: message, stack, fields, causes. */
export function everythingOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const fields = JSON.stringify(Object.fromEntries(Object.entries(error)))
  return [
    error.name,
    error.message,
    error.stack,
    fields,
    error.cause === undefined ? '' : everythingOf(error.cause),
  ].join('\n')
}

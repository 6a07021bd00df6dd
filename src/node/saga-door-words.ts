/**
 * What is asked of sagas through the door of a node: questions and answers, checked on both ends. Unlike the words of the door itself
 * (`door-words.ts`) these know what a run is; unlike the desk they do nothing.
 */
import { z } from 'zod'
import type { SagaShown } from './saga-shown.ts'
import type { SagaWord } from './saga-word.ts'

export type SagaQuestion =
  | { readonly op: 'saga.show'; readonly run: string; readonly picture: boolean }
  | { readonly op: 'saga.say'; readonly run: string; readonly word: SagaWord; readonly timeoutMs: number }

const run = z.string().min(1).max(480)
const name = z.string().min(1).max(256)
const count = z.number()
const text = z.string().max(65_536)

const word = z.discriminatedUnion('is', [
  z.strictObject({ is: z.literal('cancel'), undo: z.boolean(), reason: z.string().max(2000).optional() }),
  z.strictObject({
    is: z.literal('resolve'),
    step: z.string().min(1).max(256),
    how: z.enum(['retry', 'skip', 'done', 'forward']),
    output: z.unknown().optional(),
    by: name.optional(),
    note: z.string().max(2000).optional(),
  }),
  z.strictObject({ is: z.literal('signal'), name, data: z.unknown().optional(), id: name.optional() }),
])

const questionSchema = z.discriminatedUnion('op', [
  z.strictObject({ op: z.literal('saga.show'), run, picture: z.boolean() }),
  z.strictObject({ op: z.literal('saga.say'), run, word, timeoutMs: z.int().min(1).max(3_600_000) }),
])

const fault = z.object({ code: text, name: text, message: text })

const stepSchema = z.object({
  step: text,
  kind: z.enum(['step', 'child', 'wait', 'sleep', 'branch', 'each']),
  status: z.enum(['begun', 'done', 'skipped', 'failed', 'stopped', 'undoing', 'undone', 'undoFailed', 'left', 'held']),
  attempts: count,
  error: fault.optional(),
  undoError: fault.optional(),
  untilMs: count.optional(),
  unresolved: z.boolean(),
  declaration: z.enum(['undo', 'readOnly', 'pivot', 'irreversible', 'retriable']).optional(),
  signal: text.optional(),
  by: text.optional(),
  approval: z.boolean().optional(),
  child: text.optional(),
})

const status = z.enum(['completed', 'compensated', 'needs-attention'])

const resultSchema = z.object({
  run: text,
  status,
  output: z.unknown().optional(),
  error: fault.optional(),
  undoErrors: z.array(z.object({ step: text, error: fault })),
  unresolved: z.array(text),
  leaves: z.array(z.object({ step: text, why: text })),
  trace: text,
})

const accountSchema = z.object({
  run: text,
  saga: text,
  version: count,
  phase: z.enum(['running', 'failing', 'undoing', 'attention', 'completed', 'compensated']),
  status: z.union([z.literal('open'), status]),
  waiting: z.boolean(),
  parent: text.optional(),
  steps: z.array(stepSchema),
  locks: z.array(text),
  error: fault.optional(),
  startedAtMs: count,
  result: resultSchema.optional(),
  worker: text,
  guessed: fault.optional(),
})

const shownSchema = z.object({ account: accountSchema, picture: z.string().optional() })

/** Each gives what was said, or undefined for what is none of it. */
export function readSagaQuestion(value: unknown): SagaQuestion | undefined {
  return questionSchema.safeParse(value).data
}

export function readShown(value: unknown): SagaShown | undefined {
  // An absent field and one of undefined are the same on the wire.
  return shownSchema.safeParse(value).data as SagaShown | undefined
}

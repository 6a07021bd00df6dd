/**
 * The sagas of a node at its door (`door.ts`): runs can be looked at, and words of operators are said to them, without a broker. It decides
 * nothing: each question is a call on the workflow.
 */
import { unlessAborted } from '../base/clock.ts'
import { codeOf } from '../base/error.ts'
import type { Journal } from '../journal/journal.ts'
import type { Definition } from '../workflow/core/definition.ts'
import type { Run, Workflow } from '../workflow/workflow.ts'
import type { Desk, Reply } from './door.ts'
import { type SagaQuestion, readSagaQuestion } from './saga-door-words.ts'
import { findAmong, showRun } from './saga-shown.ts'
import { sayTo } from './saga-word.ts'

const showTimeoutMs = 30_000
/** Beyond what a word says it may take. */
const graceMs = 5000

export function sagaDesk(workflow: Workflow, journal: Journal): Desk {
  return {
    read(asked) {
      const question = readSagaQuestion(asked)
      if (question === undefined) return undefined
      const waitMs = question.op === 'saga.show' ? showTimeoutMs : question.timeoutMs + graceMs
      return { waitMs, answer: (signal) => unlessAborted(signal, answerOf(workflow, journal, question)) }
    },
  }
}

async function answerOf(workflow: Workflow, journal: Journal, question: SagaQuestion): Promise<Reply> {
  if (question.op === 'saga.say') await sayTo(workflow, question.run, question.word)
  const definition = await definitionOf(await workflow.run(question.run))
  const pictured = question.op === 'saga.show' && question.picture
  return { answer: await showRun(journal, question.run, findAmong(definition ? [definition] : []), pictured) }
}

/** Undefined where the workflow was not given it. */
async function definitionOf(run: Run): Promise<Definition | undefined> {
  try {
    return await run.definition()
  } catch (error) {
    if (codeOf(error).startsWith('workflow.definition_')) return undefined
    throw error
  }
}

/** What an operator says to a run, as data: it is said in the process that works on the run, whoever brought it there. It decides nothing. */
import type { Resolution } from '../workflow/core/record.ts'
import type { Workflow } from '../workflow/workflow.ts'

export type SagaWord =
  | { readonly is: 'cancel'; readonly undo: boolean; readonly reason?: string | undefined }
  | {
      readonly is: 'resolve'
      readonly step: string
      readonly how: Resolution
      readonly output?: unknown
      readonly by?: string | undefined
      readonly note?: string | undefined
    }
  | { readonly is: 'signal'; readonly name: string; readonly data?: unknown; readonly id?: string | undefined }

/** Resolves when it is in the journal. Rejects as the workflow does. */
export async function sayTo(workflow: Workflow, run: string, word: SagaWord): Promise<void> {
  switch (word.is) {
    case 'cancel': {
      const { undo, reason } = word
      return (await workflow.run(run)).cancel({ undo, ...(reason !== undefined && { reason }) })
    }
    case 'signal': {
      const { name, data, id } = word
      return (await workflow.run(run)).signal(name, data, id === undefined ? {} : { id })
    }
    case 'resolve': {
      const { step, how, output, by, note } = word
      return workflow.resolve(run, step, how, {
        ...(output !== undefined && { output }),
        ...(by !== undefined && { by }),
        ...(note !== undefined && { note }),
      })
    }
    default:
      return word satisfies never
  }
}

/** What the tests of the workflow share: a workflow in memory under a manual clock, and a step that says what it did. */
import { manualClock } from '../../src/base/manual-clock.ts'
import type { ManualClock } from '../../src/base/manual-clock.ts'
import { seededRandom } from '../../src/base/random.ts'
import { predictableEntropy } from '../../src/base/entropy.ts'
import type { Journal } from '../../src/journal/journal.ts'
import { memoryJournal } from '../../src/journal/memory.ts'
import { createWorkflow } from '../../src/workflow/create-workflow.ts'
import type { StepContext } from '../../src/workflow/core/step-context.ts'
import type { Workflow } from '../../src/workflow/workflow.ts'
import type { WorkflowOptions } from '../../src/workflow/workflow-options.ts'

export interface Stage {
  readonly clock: ManualClock
  readonly journal: Journal
  readonly workflow: Workflow
  /** What steps did, in order: `do a`, `undo a`. */
  readonly said: string[]
  /** Another worker on the same journal. */
  open(options?: Partial<WorkflowOptions>): Promise<Workflow>
}

export async function stage(options: Partial<WorkflowOptions> = {}): Promise<Stage> {
  const clock = manualClock()
  const journal = options.journal ?? memoryJournal()
  let opened = 0
  const open = (more: Partial<WorkflowOptions> = {}): Promise<Workflow> => {
    const random = seededRandom(`workflow ${opened++}`)
    return createWorkflow({ journal, clock, random, entropy: predictableEntropy(random), ...options, ...more })
  }
  return { clock, journal, workflow: await open(), said: [], open }
}

/** A step that says what it does and can be undone. */
export function saying<Output>(
  said: string[],
  name: string,
  output: Output,
): { do: () => Output; undo: (input: unknown, output: Output | undefined) => void } {
  return {
    do: () => {
      said.push(`do ${name}`)
      return output
    },
    undo: (_input, given) => void said.push(given === undefined ? `undo ${name} without output` : `undo ${name}`),
  }
}

/** A step that waits until it is told how to end. */
export class Held<Output> {
  readonly contexts: StepContext[] = []
  readonly #waiting: { resolve: (output: Output) => void; reject: (error: Error) => void }[] = []
  #arrived: (() => void)[] = []

  readonly do = (_input: unknown, context: StepContext): Promise<Output> => {
    this.contexts.push(context)
    const promise = new Promise<Output>((resolve, reject) => this.#waiting.push({ resolve, reject }))
    for (const told of this.#arrived.splice(0)) told()
    return promise
  }

  /** Resolves when `count` attempts have begun. */
  async begun(count = 1): Promise<void> {
    while (this.contexts.length < count) await new Promise<void>((resolve) => this.#arrived.push(resolve))
  }

  /** Ends the oldest attempt that has not. */
  end(output: Output): void {
    this.#waiting.shift()?.resolve(output)
  }

  fail(error: Error): void {
    this.#waiting.shift()?.reject(error)
  }
}

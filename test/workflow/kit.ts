/** What the tests of the workflow share: a workflow in memory under a manual clock, and a step that says what it did. */
import { manualClock } from '../../src/base/manual-clock.ts'
import type { ManualClock } from '../../src/base/manual-clock.ts'
import { seededRandom } from '../../src/base/random.ts'
import { predictableEntropy } from '../../src/base/entropy.ts'
import { codeOf } from '../../src/base/error.ts'
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

/** No two workers have the same ids. */
let opened = 0

export async function stage(options: Partial<WorkflowOptions> = {}): Promise<Stage> {
  const clock = manualClock()
  const journal = options.journal ?? memoryJournal()
  const open = (more: Partial<WorkflowOptions> = {}): Promise<Workflow> => {
    const random = seededRandom(`workflow ${opened++}`)
    return createWorkflow({ journal, clock, random, entropy: predictableEntropy(random), ...options, ...more })
  }
  return { clock, journal, workflow: await open(), said: [], open }
}

/** The same journal as another life of the process sees it: nothing in memory is shared. */
export function reborn(journal: Journal): Journal {
  return new Proxy(journal, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
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
  readonly #waiting: ((output: Output) => void)[] = []
  readonly #ahead: Output[] = []
  #arrived: (() => void)[] = []

  readonly do = (_input: unknown, context: StepContext): Promise<Output> => {
    this.contexts.push(context)
    for (const told of this.#arrived.splice(0)) told()
    if (this.#ahead.length > 0) return Promise.resolve(this.#ahead.shift() as Output)
    return new Promise<Output>((resolve) => this.#waiting.push(resolve))
  }

  /** Resolves when `count` attempts have begun. */
  async begun(count = 1): Promise<void> {
    while (this.contexts.length < count) await new Promise<void>((resolve) => this.#arrived.push(resolve))
  }

  /** Ends the oldest attempt that has not, or the next that begins. */
  end(output: Output): void {
    const waiting = this.#waiting.shift()
    if (waiting) waiting(output)
    else this.#ahead.push(output)
  }
}

/** The code of what a promise rejects with. */
export function codeOfRejected(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'resolved',
    (error: unknown) => codeOf(error),
  )
}

/**
 * The sagas of a node: one workflow over its journal, opened when the first is asked for. Unlike the room it knows the node's ports; it decides
 * nothing.
 */
import type { Clock } from '../base/clock.ts'
import type { Entropy } from '../base/entropy.ts'
import type { Logger } from '../base/logger.ts'
import type { Random } from '../base/random.ts'
import type { Telemetry } from '../base/telemetry.ts'
import type { Journal } from '../journal/journal.ts'
import type { WorkflowOptions } from '../workflow/workflow-options.ts'
import type { AnySaga } from '../workflow/saga.ts'
import type { Workflow } from '../workflow/workflow.ts'
import type { NodeDoor } from './door.ts'
import { NodeStopped } from './error.ts'

/** What is not the node's own to say. */
export type NodeWorkflowOptions = Pick<WorkflowOptions, 'sagas' | 'leaseMs' | 'runsMax' | 'attemptsMax' | 'lostMax'> & {
  /** Whether `colloquy saga` can look at runs and operate them through the data folder; see `door.ts`. Default true. */
  readonly door?: boolean
}

export interface WorkflowParts {
  readonly node: string
  readonly journal: Journal
  readonly clock: Clock
  readonly random: Random
  readonly entropy: Entropy
  readonly logger: Logger
  readonly telemetry: Telemetry
  /** Where operators reach the runs; undefined: nowhere. */
  readonly door: NodeDoor | undefined
  readonly options: NodeWorkflowOptions
}

export class Workflows {
  readonly #parts: WorkflowParts
  #opened: Promise<Workflow> | undefined
  #stopped = false

  constructor(parts: WorkflowParts) {
    this.#parts = parts
  }

  /** The workflow, with these sagas too. What an earlier life left of them goes on. */
  async workflow(sagas: readonly AnySaga[]): Promise<Workflow> {
    if (this.#stopped) throw new NodeStopped(this.#parts.node)
    if (!this.#opened) {
      const opening = this.#open(sagas)
      this.#opened = opening
      // What could not be opened may be asked for again.
      opening.catch(() => (this.#opened = undefined))
      return opening
    }
    const workflow = await this.#opened
    for (const saga of sagas) workflow.register(saga)
    return workflow
  }

  async #open(sagas: readonly AnySaga[]): Promise<Workflow> {
    const { node, options, random, door, ...ports } = this.#parts
    const { door: reached = true, ...rest } = options
    // Loaded when the first is asked for: most nodes run no saga.
    const { createWorkflow } = await import('../workflow/create-workflow.ts')
    const workflow = await createWorkflow({
      ...rest,
      ...ports,
      sagas: [...(options.sagas ?? []), ...sagas],
      random: random.split('workflow'),
      source: `/${node}/workflow`,
      host: node,
    })
    if (reached && door) {
      const { sagaDesk } = await import('./saga-door.ts')
      await door.add(sagaDesk(workflow, ports.journal))
    }
    return workflow
  }

  async stop(deadlineMs: number): Promise<void> {
    this.#stopped = true
    const workflow = await this.#opened?.catch(() => undefined)
    // What is left of the deadline of a node is no whole number.
    await workflow?.close({ deadlineMs: Math.floor(deadlineMs) })
  }
}

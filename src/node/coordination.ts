/**
 * The coordinators of a node: the room's own, with the node's journal, sagas, clock and chance. Unlike the room it knows what a node has at
 * hand; it decides nothing. Rules that keep to one end before it, sagas after it.
 */
import type { Clock } from '../base/clock.ts'
import type { Logger } from '../base/logger.ts'
import type { Random } from '../base/random.ts'
import type { Telemetry } from '../base/telemetry.ts'
import type { Coordinator, CoordinatorOptions } from '../coordination/coordination.ts'
import { createCoordinator } from '../coordination/create.ts'
import type { Journal } from '../journal/journal.ts'
import type { Workflow } from '../workflow/workflow.ts'
import { NodeStopped } from './error.ts'

/** What is not the node's own to say. */
export type NodeCoordinatorOptions = Omit<
  CoordinatorOptions,
  'journal' | 'workflow' | 'source' | 'clock' | 'random' | 'id' | 'logger' | 'telemetry'
>

export interface CoordinatorParts {
  readonly node: string
  readonly journal: Journal
  /** The sagas of the node; opened when the first coordinator is. */
  readonly workflow: () => Promise<Workflow>
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly telemetry: Telemetry
}

/** Rejects as `createCoordinator` and the opening of the sagas do. */
export async function nodeCoordinator(
  { node, journal, workflow, clock, random, logger, telemetry }: CoordinatorParts,
  options: NodeCoordinatorOptions,
): Promise<Coordinator> {
  const { name = 'main' } = options
  return createCoordinator({
    ...options,
    name,
    journal,
    workflow: await workflow(),
    clock,
    logger,
    telemetry,
    source: encodeURI(`/${node}/coordination/${name}`),
    random: random.split(`coordination ${name}`),
  })
}

/** Those of a node, by name, until it stops. */
export class Coordinators {
  readonly #parts: CoordinatorParts
  readonly #opened = new Map<string, Promise<Coordinator>>()
  #stopped = false

  constructor(parts: CoordinatorParts) {
    this.#parts = parts
  }

  /** The one of that name (default `main`); the options count when it is opened. Rejects as `createCoordinator` does, or with `node.stopped`. */
  open(options: NodeCoordinatorOptions): Promise<Coordinator> {
    if (this.#stopped) return Promise.reject(new NodeStopped(this.#parts.node))
    const { name = 'main' } = options
    const known = this.#opened.get(name)
    if (known) return known
    const opening = nodeCoordinator(this.#parts, options)
    this.#opened.set(name, opening)
    // What could not be opened may be asked for again.
    opening.catch(() => this.#opened.delete(name))
    return opening
  }

  async stop(): Promise<void> {
    this.#stopped = true
    for (const opening of this.#opened.values()) {
      const coordinator = await opening.catch(() => undefined)
      await coordinator?.close()
    }
  }
}

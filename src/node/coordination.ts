/**
 * The coordinators of a node: the room's own, with the node's journal, sagas, clock and chance. Unlike the room it knows what a node has at
 * hand; it decides nothing. Rules that keep to one end before it, sagas after it.
 */
import type { Clock } from '../base/clock.ts'
import type { Logger } from '../base/logger.ts'
import type { Random } from '../base/random.ts'
import type { Telemetry } from '../base/telemetry.ts'
import type { Coordinator, CoordinatorOptions } from '../coordination/coordination.ts'
import type { Journal } from '../journal/journal.ts'
import type { Workflow } from '../workflow/workflow.ts'
import { defaultName, OpenedByName } from './opened-by-name.ts'

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

/** Rejects as `createCoordinator` and the opening of the sagas do. The room is loaded when the first is opened. */
export async function nodeCoordinator(
  { node, journal, workflow, clock, random, logger, telemetry }: CoordinatorParts,
  options: NodeCoordinatorOptions,
): Promise<Coordinator> {
  const { createCoordinator } = await import('../coordination/create.ts')
  const { name = defaultName } = options
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
export class Coordinators extends OpenedByName<Coordinator, NodeCoordinatorOptions> {
  constructor(parts: CoordinatorParts) {
    super(parts.node, (options) => nodeCoordinator(parts, options))
  }
}

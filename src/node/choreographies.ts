/**
 * A choreography of a node: the room's own, with the node's journal, store, clock and chance. Unlike the room it knows what a node has at
 * hand; it decides nothing. Whoever opens one closes it before the journal.
 */
import type { Clock } from '../base/clock.ts'
import type { Logger } from '../base/logger.ts'
import type { Random } from '../base/random.ts'
import type { Telemetry } from '../base/telemetry.ts'
import type { Choreography, ChoreographyOptions } from '../choreography/choreography.ts'
import type { Journal } from '../journal/journal.ts'
import type { Store } from '../store/store.ts'
import { defaultName, OpenedByName } from './opened-by-name.ts'

/** What is not the node's own to say. */
export type NodeChoreographyOptions = Omit<
  ChoreographyOptions,
  'journal' | 'store' | 'source' | 'clock' | 'random' | 'id' | 'logger' | 'telemetry'
>

export interface ChoreographyParts {
  readonly node: string
  readonly journal: Journal
  /** Opened with `choreographySchema` among its schemas. */
  readonly store: Store
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly telemetry: Telemetry
}

/** Rejects as `createChoreography` does. The room is loaded when the first is opened: most nodes have none. */
export async function nodeChoreography(
  { node, journal, store, clock, random, logger, telemetry }: ChoreographyParts,
  options: NodeChoreographyOptions = {},
): Promise<Choreography> {
  const { createChoreography } = await import('../choreography/create.ts')
  const { name = defaultName } = options
  return createChoreography({
    ...options,
    name,
    journal,
    store,
    clock,
    logger,
    telemetry,
    source: encodeURI(`/${node}/${name}`),
    random: random.split(`choreography ${name}`),
  })
}

/** Those of a node, by name, until it stops. */
export class Choreographies extends OpenedByName<Choreography, NodeChoreographyOptions> {
  constructor(parts: ChoreographyParts) {
    super(parts.node, (options) => nodeChoreography(parts, options))
  }
}

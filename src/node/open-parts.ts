/** What a node opens and checks before it is one: its store, its bus, its names, its kinds of actors. It keeps nothing. */
import type { ActorDefinition } from '../actor/actor.ts'
import type { Clock } from '../base/clock.ts'
import type { Entropy } from '../base/entropy.ts'
import { InvalidArgument } from '../base/error.ts'
import { plainName } from '../base/limit.ts'
import type { Logger } from '../base/logger.ts'
import type { Random } from '../base/random.ts'
import type { Bus } from '../bus/bus.ts'
import { memoryBus } from '../bus/memory.ts'
import { choreographySchema } from '../choreography/schema.ts'
import { projectionSchema } from '../journal/projection-schema.ts'
import { journalSchema } from '../journal/sqlite.ts'
import { memoryStore } from '../store/memory.ts'
import { openSqliteStore } from '../store/sqlite.ts'
import type { Schema, Store } from '../store/store.ts'

/** What a bus driver is given when the node opens it. */
export interface BusContext {
  readonly clock: Clock
  readonly random: Random
  readonly entropy: Entropy
}

/** `folder`: of the data; undefined: in memory. */
export async function openStore(
  folder: string | undefined,
  more: readonly Schema[],
  clock: Clock,
  logger: Logger,
): Promise<Store> {
  const schemas = [journalSchema, projectionSchema, choreographySchema, ...more]
  if (folder === undefined) return memoryStore({ schemas })
  return openSqliteStore({ folder, schemas, clock, logger })
}

export async function openBus(
  bus: Bus | ((context: BusContext) => Bus | Promise<Bus>) | undefined,
  context: BusContext,
): Promise<{ bus: Bus; owned: boolean }> {
  if (bus === undefined) return { bus: memoryBus(context), owned: true }
  if (typeof bus === 'function') return { bus: await bus(context), owned: true }
  return { bus, owned: false }
}

/** A name that may stand in a subject. Throws `base.invalid_argument`. */
export function subjectToken(option: string, value: string): string {
  plainName(option, value, 64)
  if (!/^[\w-]+$/.test(value)) throw new InvalidArgument(option, 'must be made of a-z, A-Z, 0-9, - and _')
  return value
}

/** Throws `base.invalid_argument` for two of one type. */
export function kindsOf(
  definitions: readonly ActorDefinition<never, unknown>[],
): ReadonlyMap<string, ActorDefinition<never, unknown>> {
  const kinds = new Map<string, ActorDefinition<never, unknown>>()
  for (const definition of definitions) {
    if (kinds.has(definition.type))
      throw new InvalidArgument('actors', `holds two kinds of the type ${definition.type}; give one another type`)
    kinds.set(definition.type, definition)
  }
  return kinds
}

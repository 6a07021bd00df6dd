/** What the parts of one running choreography share: its ports, whose rows it writes, and where its failure goes. Types and small helpers. */
import { hash } from 'node:crypto'
import type { Clock } from '../base/clock.ts'
import type { CloudEvent } from '../base/envelope.ts'
import type { IdSource } from '../base/id.ts'
import type { Logger } from '../base/logger.ts'
import type { Random } from '../base/random.ts'
import type { Telemetry } from '../base/telemetry.ts'
import type { DataText } from '../journal/data-text.ts'
import type { Journal, Recorded } from '../journal/journal.ts'
import type { Store } from '../store/store.ts'
import type { ChoreographyOptions, Parked, TroubleKind } from './choreography.ts'
import type { Caps } from './core/caps.ts'
import { ChoreographyTaken } from './error.ts'
import { taken } from './rows.ts'
import type { EventRef, OwnedProcedure, Owner, ParkedRow } from './rows.ts'

export interface Settings {
  readonly source: string
  readonly caps: Caps
  readonly countedMax: number
  readonly runningMax: number
  readonly heldMax: number
  readonly parkedMax: number
  readonly openMax: number
  readonly gatherMs: number
}

export interface Parts extends Settings, Pick<ChoreographyOptions, 'onTrouble' | 'admits' | 'mayAct' | 'fence'> {
  readonly name: string
  readonly owner: Owner
  readonly journal: Journal
  readonly store: Store
  readonly clock: Clock
  readonly random: Random
  readonly id: IdSource
  readonly logger: Logger
  readonly telemetry: Telemetry
  /** Of what is emitted, by the limits of the journal. */
  readonly encode: (value: unknown) => DataText
  /** Aborted when it closes or has failed. */
  readonly stop: AbortSignal
  /** What memory says is no longer what is kept: everything ends. */
  readonly fail: (error: unknown) => void
}

/** Of a call of `onTrouble`, `admits` or `mayAct`. */
export const hookTimeoutMs = 30_000

/** Writes as the owner. Rejects with `choreography.taken`, or what the store rejects with. */
export async function own<Args, Result>(
  { store, owner, name }: Pick<Parts, 'store' | 'owner' | 'name'>,
  procedure: OwnedProcedure<Args, Result>,
  args: Args,
): Promise<Result> {
  const result = await store.write(procedure, { ...args, owner })
  if (result === taken) throw new ChoreographyTaken(name)
  return result
}

/** The same for the same event, wherever and however often it stands in the journal. */
export function digestOf({ source, id }: Pick<CloudEvent, 'source' | 'id'>): string {
  return hash('sha256', JSON.stringify([source, id]), 'base64url')
}

export function refOf({ stream, version, event }: Recorded): EventRef {
  return { stream, version, id: event.id }
}

/** The event, unless it was erased. */
export async function eventAt(
  journal: Pick<Journal, 'read'>,
  { stream, version, id }: EventRef,
): Promise<Recorded | undefined> {
  for await (const recorded of journal.read(stream, { fromVersion: version, limit: 1 }))
    return recorded.version === version && recorded.event.id === id ? recorded : undefined
  return undefined
}

/** A parked task for people. */
export function parkedFrom({
  id,
  rule,
  key,
  refs,
  correlation,
  attempts,
  kind,
  code,
  reason,
  atMs,
}: ParkedRow): Parked {
  const { stream, version } = refs.events[refs.cause] as EventRef
  return {
    id,
    rule,
    key: key ?? undefined,
    kind: kind as TroubleKind,
    code,
    reason,
    attempts,
    parkedAtMs: atMs,
    stream,
    version,
    correlationid: correlation,
  }
}

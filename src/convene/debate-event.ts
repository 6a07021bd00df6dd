/**
 * The events of a debate that an agenda asks for: what the journal keeps and `--json` prints. Unlike those of a convening each
 * item of the debate's record is one event, whatever its kind. Types and guards only; the same seed, agenda and evidence give
 * the same bytes but for ids and times.
 */
import type { CloudEvent } from '../base/envelope.ts'
import type { DebateItem } from '../deliberation/core/debate-record.ts'
import type { DebateReport } from '../deliberation/core/debate-result.ts'
import type { Criterion } from '../deliberation/judge.ts'
import type { Recorded } from '../journal/journal.ts'

export const debateTypes = {
  started: 'colloquy.debate.started',
  item: 'colloquy.debate.item',
  concluded: 'colloquy.debate.concluded',
} as const

export interface DebateStarted {
  /** SHA-256 over agenda, evidence, models and seed. */
  readonly debate: string
  readonly motion: string
  readonly format: string
  readonly decision: 'judges' | 'audience'
  readonly sides: readonly {
    readonly name: string
    readonly position: string
    /** Each with what answers for it. */
    readonly speakers: readonly { readonly name: string; readonly kind: string }[]
  }[]
  readonly audience: readonly string[]
  readonly judges: readonly { readonly name: string; readonly kind: string; readonly weight: number }[]
  readonly rubric: readonly Criterion[]
  readonly evidence: { readonly documents: number; readonly bytes: number; readonly onFail: 'strike' | 'flag' }
  readonly seed: number | string
}

export type DebateConcluded = DebateReport

export type DebateEvent =
  | (CloudEvent<DebateStarted> & { readonly type: 'colloquy.debate.started' })
  | (CloudEvent<DebateItem> & { readonly type: 'colloquy.debate.item' })
  | (CloudEvent<DebateConcluded> & { readonly type: 'colloquy.debate.concluded' })

const types: ReadonlySet<string> = new Set(Object.values(debateTypes))

/** The event as one of a debate's; undefined for any other. Our own journal is trusted for the shape of its data. */
export function asDebateEvent({ event }: Recorded): DebateEvent | undefined {
  return types.has(event.type) ? (event as DebateEvent) : undefined
}

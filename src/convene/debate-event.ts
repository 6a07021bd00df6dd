/**
 * The events of a debate that an agenda asks for: what the journal keeps and `--json` prints. Unlike those of a convening each
 * item of the debate's record is one event, whatever its kind. The same seed, agenda and evidence give
 * the same bytes but for ids and times. What reads them back from a journal stands here too.
 */
import type { CloudEvent } from '../base/envelope.ts'
import type { DebateItem } from '../deliberation/core/debate-record.ts'
import type { DebateReport } from '../deliberation/core/debate-result.ts'
import type { Criterion } from '../deliberation/judge.ts'
import type { Journal, Recorded } from '../journal/journal.ts'

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

/** Streams of all debates in a journal, in order of their start. */
export async function debateStreams(journal: Journal): Promise<readonly string[]> {
  const streams: string[] = []
  const filter = { types: [debateTypes.started], streams: ['debate/*'] }
  for await (const recorded of journal.readAll({ filter })) streams.push(recorded.stream)
  return streams
}

/** The events of a debate; undefined where the stream holds no finished one. */
export async function finishedDebate(journal: Journal, stream: string): Promise<readonly DebateEvent[] | undefined> {
  const events: DebateEvent[] = []
  for await (const recorded of journal.read(stream)) {
    const event = asDebateEvent(recorded)
    if (event) events.push(event)
  }
  return events.at(-1)?.type === debateTypes.concluded ? events : undefined
}

/** The event as one of a debate's; undefined for any other. Our own journal is trusted for the shape of its data. */
export function asDebateEvent({ event }: Recorded): DebateEvent | undefined {
  return types.has(event.type) ? (event as DebateEvent) : undefined
}

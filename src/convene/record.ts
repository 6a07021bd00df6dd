/**
 * A convening read back from its journal: what a run goes on from, and what replay and minutes are made of. It reads; it
 * never appends.
 */
import type { Journal } from '../journal/journal.ts'
import { asConveneEvent, conveneTypes, isFinal, startsAction } from './event.ts'
import type {
  Acted,
  Acting,
  Balloted,
  Concluded,
  Contested,
  Contributed,
  ConveneEvent,
  OutcomeProposed,
  Started,
} from './event.ts'
import type { DebateItem } from '../deliberation/core/debate-record.ts'
import type { DiscussionItem } from '../deliberation/record.ts'
import type { SealedItem } from '../deliberation/sealed-ballots.ts'
import { conveningStream } from './identity.ts'

export interface ConveneRecord {
  readonly stream: string
  /** Version of the last event. */
  readonly version: number
  readonly events: readonly ConveneEvent[]
  readonly started: Started
  readonly contributions: readonly Contributed[]
  /** All items of the discussion in order, the contributions included. */
  readonly discussion: readonly DiscussionItem[]
  /** Whether a debate was called for; absent where that was not asked, or not yet. */
  readonly contested?: Contested
  readonly debated: readonly DebateItem[]
  readonly ballots: readonly Balloted[]
  /** Of a sealed poll: commitments and reveals. */
  readonly sealed: readonly SealedItem[]
  /** What was about to be proposed to a group. */
  readonly proposed?: OutcomeProposed
  /** Present once it was decided, tied or without quorum. */
  readonly concluded?: Concluded
  /** That the action of the agenda was asked for. */
  readonly acting?: Acting
  /** How the action stood when it was last looked at. */
  readonly acted?: Acted
}

/** True when nothing is left to be done: it is concluded, and what the outcome starts has ended. */
export function isSettled({ started, concluded, acted }: ConveneRecord): boolean {
  if (!concluded) return false
  return !startsAction(started, concluded) || acted?.status === 'completed' || acted?.status === 'compensated'
}

/** The record in a stream; undefined if it does not exist. */
export async function readRecord(journal: Journal, stream: string): Promise<ConveneRecord | undefined> {
  const events: ConveneEvent[] = []
  let version = 0
  for await (const recorded of journal.read(stream)) {
    version = recorded.version
    const event = asConveneEvent(recorded)
    if (event) events.push(event)
  }
  const first = events[0]
  if (first?.type !== conveneTypes.started) return undefined
  const last = events.findLast((event) => event.type === conveneTypes.concluded)
  const contested = events.findLast((event) => event.type === conveneTypes.contested)
  const proposed = events.findLast((event) => event.type === conveneTypes.proposed)
  const acting = events.findLast((event) => event.type === conveneTypes.acting)
  const acted = events.findLast((event) => event.type === conveneTypes.acted)
  return {
    stream,
    version,
    events,
    started: first.data,
    contributions: events.flatMap((event) => (event.type === conveneTypes.contribution ? [event.data] : [])),
    discussion: events.flatMap((event): DiscussionItem[] => {
      if (event.type === conveneTypes.discussed) return [event.data]
      if (event.type !== conveneTypes.contribution) return []
      const { kind: _kind, ...contribution } = event.data
      return [contribution]
    }),
    ...(contested && { contested: contested.data }),
    debated: events.flatMap((event) => (event.type === conveneTypes.debated ? [event.data] : [])),
    sealed: events.flatMap((event) => (event.type === conveneTypes.sealed ? [event.data] : [])),
    ballots: events.flatMap((event) => (event.type === conveneTypes.ballot ? [event.data] : [])),
    ...(proposed && { proposed: proposed.data }),
    ...(last && isFinal(last) && { concluded: last.data }),
    ...(acting && { acting: acting.data }),
    ...(acted && { acted: acted.data }),
  }
}

/** The newest run of an identity, and the number a fresh one would have. */
export async function latestRun(journal: Journal, identity: string): Promise<{ run: number; exists: boolean }> {
  let run = 1
  if ((await journal.version(conveningStream(identity, run))) === 0) return { run, exists: false }
  while ((await journal.version(conveningStream(identity, run + 1))) > 0) run++
  return { run, exists: true }
}

/** Streams of all convenings in a journal, in order of their start. */
export async function conveningStreams(journal: Journal): Promise<readonly string[]> {
  const streams: string[] = []
  const filter = { types: [conveneTypes.started], streams: ['convene/*'] }
  for await (const recorded of journal.readAll({ filter })) streams.push(recorded.stream)
  return streams
}

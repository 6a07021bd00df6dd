/**
 * The events of a convening: what the journal keeps, what `--json` prints, what minutes and replay are made from. Types
 * and guards only. Nothing in the data depends on the clock or on chance that is not seeded, so that the same seed, agenda
 * and evidence give the same bytes but for ids and times.
 */
import type { CloudEvent } from '../base/envelope.ts'
import type { Recorded } from '../journal/journal.ts'
import type { DiscussionEnd } from '../deliberation/core/plan.ts'
import type { CastVote, Contribution, Usage } from '../deliberation/participant.ts'
import type { ProposalKey } from '../raft/replica-error.ts'
import type { AuditRecord } from '../vote/commit-reveal-audit.ts'
import type { Outcome } from '../vote/outcome.ts'
import type { DebateItem } from '../deliberation/core/debate-record.ts'
import type { DiscussionItem } from '../deliberation/record.ts'
import type { SealedItem } from '../deliberation/sealed-ballots.ts'
import type { Fault } from '../workflow/core/record.ts'
import type { Left, RunStatus } from '../workflow/workflow.ts'
import type { Agenda } from './agenda.ts'

export const conveneTypes = {
  started: 'colloquy.convene.started',
  contribution: 'colloquy.convene.contribution',
  discussed: 'colloquy.convene.discussed',
  contested: 'colloquy.convene.contested',
  debated: 'colloquy.convene.debated',
  ballot: 'colloquy.convene.ballot',
  sealed: 'colloquy.convene.sealed',
  proposed: 'colloquy.convene.proposed',
  concluded: 'colloquy.convene.concluded',
  acting: 'colloquy.convene.acting',
  acted: 'colloquy.convene.acted',
} as const

export interface Started {
  /** SHA-256 over agenda, evidence, models and seed. */
  readonly convening: string
  readonly topic: string
  readonly options: readonly string[]
  readonly participants: readonly {
    readonly name: string
    /** What answers: `extractive`, or the model's name. */
    readonly kind: string
    readonly persona?: string
    readonly stance?: string
    readonly weight: number
  }[]
  readonly evidence: {
    readonly documents: number
    readonly bytes: number
    /** Every document with its SHA-256; beyond 2,000 the rest is in the identity only. */
    readonly sources: readonly { readonly source: string; readonly hash: string }[]
  }
  readonly discussion: Agenda['discussion']
  readonly debate?: Agenda['debate']
  readonly poll: Agenda['poll']
  readonly seed: number | string
  /** What must have taken the outcome before it counts: `raft:<group>`; absent, the journal alone. */
  readonly commit?: string
  /** What the outcome starts; absent, nothing. */
  readonly action?: Agenda['action']
}

export interface Contributed extends Contribution {
  readonly kind: string
}

export interface Balloted extends CastVote {
  readonly kind: string
  readonly weight: number
}

/** How divided the panel was after its discussion, and what follows. */
export interface Contested {
  readonly contested: boolean
  /** Lead of the first option over the next in the last straw poll, by the weight of all who named one, 0 to 1. */
  readonly margin: number
  /** Below it a panel counts as divided. */
  readonly threshold: number
  readonly held: boolean
  /** Where the agenda names no sides: the two leading options, and who argues for each. */
  readonly sides?: readonly { readonly option: string; readonly speaker: string }[]
  /** Why none is held although it was called for. */
  readonly reason?: string
}

/** What is about to be proposed to a raft group: recorded first, so that whoever goes on proposes the same. It holds no outcome. */
export interface OutcomeProposed {
  readonly group: string
  /** 32 hex digits: of the group of that name that was asked. */
  readonly groupId: string
  readonly key: ProposalKey
  /** SHA-256 over the outcome, hex. */
  readonly digest: string
}

/** Where a raft group has taken the outcome. */
export interface Committed {
  readonly group: string
  readonly index: number
  readonly term: number
}

export type ConcludedStatus = 'decided' | 'tied' | 'no-winner' | 'no-quorum' | 'stopped'

export interface Concluded {
  readonly status: ConcludedStatus
  readonly winners: readonly string[]
  /** Levels best first; candidates of one level are tied. */
  readonly ranking: readonly (readonly string[])[]
  readonly rule: string
  readonly tieSteps: Outcome['tieSteps']
  readonly usage: Usage & { readonly turns: number }
  /** Why the discussion ended; absent when it was stopped. */
  readonly ended?: DiscussionEnd
  /** The count, to be checked by hand; absent when it was stopped. */
  readonly outcome?: Outcome
  /** Why, in sentences. */
  readonly explanation: readonly string[]
  /** Of a sealed poll: what anybody can check; without the record itself where that is too large for an event. */
  readonly audit?: { readonly head: string; readonly record?: AuditRecord }
  /** Where the agenda names a group: this was so before the conclusion was recorded. */
  readonly commit?: Committed
}

/** An action is asked for: recorded before its saga is started, so that whoever goes on finds the same run. */
export interface Acting {
  readonly saga: string
  readonly run: string
  /** Of the record up to the conclusion: what the action acts upon, and is given. */
  readonly record: { readonly head: string; readonly items: number }
}

/**
 * How an action stands: as its run ended, or rests; `refused`: the saga does not take the outcome; `stopped`: it was no longer waited
 * for, and goes on when it is convened again. The last one counts.
 */
export type ActedStatus = RunStatus | 'refused' | 'stopped'

export interface Acted {
  readonly saga: string
  readonly run: string
  readonly status: ActedStatus
  /** What the saga gave; absent where it gave nothing, or too much for an event. */
  readonly output?: unknown
  /** Why it is not `completed`. */
  readonly error?: Fault
  /** Undos that failed for good. */
  readonly undoErrors?: readonly { readonly step: string; readonly error: Fault }[]
  /** The steps that it rests for. */
  readonly unresolved?: readonly string[]
  /** Effects that stand although it was undone. */
  readonly leaves?: readonly Left[]
  /** What of this is left out here for its size. */
  readonly omitted?: readonly string[]
}

export interface ConveneData {
  'colloquy.convene.started': Started
  'colloquy.convene.contribution': Contributed
  'colloquy.convene.discussed': Exclude<DiscussionItem, Contribution>
  'colloquy.convene.contested': Contested
  'colloquy.convene.debated': DebateItem
  'colloquy.convene.ballot': Balloted
  'colloquy.convene.sealed': SealedItem
  'colloquy.convene.proposed': OutcomeProposed
  'colloquy.convene.concluded': Concluded
  'colloquy.convene.acting': Acting
  'colloquy.convene.acted': Acted
}

export type ConveneType = keyof ConveneData
export type ConveneEvent = {
  [Type in ConveneType]: CloudEvent<ConveneData[Type]> & { readonly type: Type }
}[ConveneType]

const types: ReadonlySet<string> = new Set(Object.values(conveneTypes))

/** The event as one of a convening's; undefined for any other. Our own journal is trusted for the shape of its data. */
export function asConveneEvent(recorded: Recorded): ConveneEvent | undefined {
  return types.has(recorded.event.type) ? (recorded.event as ConveneEvent) : undefined
}

/** Whether the outcome starts the action that the agenda asks for. */
export function startsAction({ action }: Pick<Started, 'action'>, { status }: Pick<Concluded, 'status'>): boolean {
  return action !== undefined && status !== 'stopped' && (action.on === 'always' || status === 'decided')
}

/** True for the event that ends the deliberation for good; a stopped one goes on when it is run again. */
export function isFinal(event: ConveneEvent): boolean {
  return event.type === conveneTypes.concluded && event.data.status !== 'stopped'
}

/**
 * What is written of a run: one record for each thing that came to be, in order. The machine's state is the fold of them and of nothing
 * else. Unlike an event of the journal a record has no id and no time: the events of a turn carry one or several. Types, and the
 * check of what was read.
 */
export interface Fault {
  readonly code: string
  readonly name: string
  readonly message: string
}

/** How an operator settles what a run that rests cannot settle by itself. */
export type Resolution = 'retry' | 'skip' | 'done' | 'forward'

/** `failed`: a step failed for good. `parent`: the parent of a child undoes what the child had done. */
export type Why = 'failed' | 'cancelled' | 'deadline' | 'parent'

/**
 * `step` is the key of an entry: the name of a step, and for an item of a list `name[index]`.
 *
 * | record | says |
 * | --- | --- |
 * | `begun` | the intent to run, with the input where it was derived |
 * | `done` | it has its output; of a wait the signal that was used up, of a child the locks that it leaves to its parent |
 * | `tried` | an attempt failed, the next is at `atMs` |
 * | `failed` | no attempt is left; `clean` when there is nothing to undo |
 * | `stopped` | it was given up because the saga was: it may have had its effect or not |
 * | `held` | its child rests in needs-attention |
 * | `pivoted` of those two | the child is past its pivot, and so is this saga |
 * | `chosen`, `spread` | the case of a branch, the items of a list |
 * | `verdict` | from here on nothing begins; with `undo` what stands is undone |
 * | `undoing` | the intent to undo these, at once |
 * | `locked`, `freed` | the locks that it holds from here on, or no longer |
 * | `completed` | every step is passed; the output where one is derived, or why it could not be |
 * | `lost` | whoever worked on it is gone; what was in flight begins anew |
 */
export type RunRecord =
  | { readonly is: 'begun'; readonly step: string; readonly input?: unknown; readonly untilMs?: number }
  | {
      readonly is: 'done'
      readonly step: string
      readonly output?: unknown
      readonly signal?: string
      readonly locks?: readonly string[]
      readonly pivoted?: true
    }
  | Attempted<'tried'>
  | {
      readonly is: 'failed'
      readonly step: string
      readonly fault: Fault
      readonly clean?: true
    }
  | { readonly is: 'stopped'; readonly step: string; readonly fault: Fault }
  | { readonly is: 'held'; readonly step: string; readonly fault: Fault; readonly pivoted?: true }
  | { readonly is: 'chosen'; readonly step: string; readonly case: string }
  | { readonly is: 'spread'; readonly step: string; readonly items: readonly unknown[] }
  | { readonly is: 'verdict'; readonly why: Why; readonly fault: Fault; readonly undo: boolean }
  | { readonly is: 'undoing'; readonly steps: readonly string[] }
  | { readonly is: 'undone'; readonly step: string }
  | Attempted<'undoTried'>
  | { readonly is: 'undoFailed'; readonly step: string; readonly fault: Fault }
  | { readonly is: 'signalled'; readonly signal: string; readonly id: string; readonly data?: unknown }
  | {
      readonly is: 'resolved'
      readonly step: string
      readonly how: Resolution
      readonly output?: unknown
      readonly by?: string
      readonly note?: string
    }
  | { readonly is: 'locked' | 'freed'; readonly names: readonly string[] }
  | { readonly is: 'lost' }
  | { readonly is: 'attention' }
  | { readonly is: 'completed'; readonly output?: unknown; readonly fault?: Fault }
  | { readonly is: 'compensated' }

interface Attempted<Is extends string> {
  readonly is: Is
  readonly step: string
  readonly attempt: number
  readonly fault: Fault
  readonly atMs: number
}

const kinds: ReadonlySet<unknown> = new Set<RunRecord['is']>([
  'begun',
  'done',
  'tried',
  'failed',
  'stopped',
  'held',
  'chosen',
  'spread',
  'verdict',
  'undoing',
  'undone',
  'undoTried',
  'undoFailed',
  'signalled',
  'resolved',
  'locked',
  'freed',
  'lost',
  'attention',
  'completed',
  'compensated',
])

/** True for what has the form of a record; what a later version wrote has not. */
export function isRecord(value: unknown): value is RunRecord {
  return typeof value === 'object' && value !== null && 'is' in value && kinds.has(value.is)
}

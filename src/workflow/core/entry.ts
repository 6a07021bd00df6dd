/**
 * What is known of one step of one run, from its intent to its end or its undoing. Types, and the questions that machine and shell
 * ask of it. Pure.
 */
import type { BranchNode, ChildNode, EachNode, SleepNode, StepNode, WaitNode } from './definition.ts'
import type { Fault } from './record.ts'

/**
 * `begun` it runs, or waits to be tried again; `undoing` the same of its undo. `done`, `skipped`: the saga goes on behind it. `failed`,
 * `stopped`: it was begun and has no output. `undone`; `left`: an operator said that it stays. `undoFailed`, `held`: it waits for an
 * operator, or for its child.
 */
export type Status =
  | 'begun'
  | 'done'
  | 'skipped'
  | 'failed'
  | 'stopped'
  | 'undoing'
  | 'undone'
  | 'undoFailed'
  | 'left'
  | 'held'

/** Branches and lists have an entry only when they could not be decided. */
export type EntryNode = StepNode | ChildNode | WaitNode | SleepNode | BranchNode | EachNode

export interface Entry {
  readonly key: string
  readonly node: EntryNode
  /** What is undone together: the members of a parallel group, the items of a list. */
  readonly unit: string
  status: Status
  input: unknown
  output: unknown
  /** Attempts that failed, of what runs now. */
  attempts: number
  /** How often whoever worked on it was lost. */
  lost: number
  fault: Fault | undefined
  undoFault: Fault | undefined
  /** When the next attempt may begin. */
  retryAtMs: number
  /** When a sleep is over or a wait has lasted too long. */
  untilMs: number | undefined
  /** Rises with each that is done. */
  order: number
  /** 0 until it began, then 1; one more each time that it begins anew. */
  epoch: number
  /** One more each time that it is set to work, forward or back: what is under way is for one of them. */
  round: number
  /** False when it failed before it had begun, or left nothing. */
  standing: boolean
}

/** The key of an item of a list. */
export function itemKey(list: string, at: number): string {
  return `${list}[${at}]`
}

/** The place of an item in its list. */
export function itemOf(key: string): number {
  return Number(key.slice(key.lastIndexOf('[') + 1, -1))
}

/** The part of the saga that an entry is of: of an item its list. */
export function partOf(key: string): string {
  return key.endsWith(']') ? key.slice(0, key.lastIndexOf('[')) : key
}

/** True when somebody has to work or wait for it. */
export function isLive({ status }: Pick<Entry, 'status'>): boolean {
  return status === 'begun' || status === 'undoing'
}

/** True when the saga may go on behind it. */
export function isPassed({ status }: Entry): boolean {
  return status === 'done' || status === 'skipped'
}

/** True when it changed, or may have changed, what an undo of its own would change back. */
export function isUndoable(entry: Entry): boolean {
  const { node, status, standing } = entry
  if (!standing || status === 'undone' || status === 'left' || status === 'skipped') return false
  return node.kind === 'child' || (node.kind === 'step' && node.undo !== undefined)
}

/** True when it waits for an operator, or for its child. */
export function isResting({ status }: Entry): boolean {
  return status === 'undoFailed' || status === 'held'
}

/** True when what failed can be tried once more with what it began with; else it begins anew. */
export function isRepeatable({ node, standing }: Entry): boolean {
  return standing && (node.kind === 'step' || node.kind === 'child')
}

/** True when it has an output. */
export function isFinished({ order }: Entry): boolean {
  return order > 0
}

/** The idempotency key of what is done or undone. */
export function orderKey(run: string, { key, epoch }: Entry, kind: 'do' | 'undo'): string {
  return epoch === 1 ? `${run}:${key}:${kind}` : `${run}:${key}:${kind}:${epoch}`
}

/** The fencing token: an undo has a higher one than what it undoes, and what is done anew a higher one than that. */
export function orderToken({ epoch }: Entry, kind: 'do' | 'undo'): number {
  return kind === 'do' ? epoch * 2 - 1 : epoch * 2
}

/**
 * What the functions of a definition give, asked for and checked: the case of a branch, the items of a list, the length of a sleep.
 * Unlike the machine that asks (`run.ts`) it knows no state; it throws what is wrong, and never remembers an answer. Pure.
 */
import { LimitExceeded, messageOf } from '../../base/error.ts'
import type { Before, BranchNode, EachNode, SleepNode } from './definition.ts'
import { fault } from './fault.ts'
import type { Fault } from './record.ts'

export function chosenCase(node: BranchNode, before: Before): string {
  const chosen = node.choose(before)
  if (node.cases.has(chosen)) return chosen
  throw new RangeError(`it chose ${JSON.stringify(chosen)}; its cases are ${[...node.cases.keys()].join(', ')}`)
}

/** A copy. What is undefined is null in it: an item is always an input of its own. */
export function itemsOf(node: EachNode, before: Before): unknown[] {
  const items: unknown = node.items(before)
  if (!Array.isArray(items)) throw new TypeError('it gave no array')
  if (items.length > node.itemsMax) throw new LimitExceeded(`itemsMax of ${node.name}`, node.itemsMax, items.length)
  return Array.from(items, (item: unknown) => item ?? null)
}

export function sleepMs({ name, forMs }: SleepNode, before: Before): number {
  const ms = typeof forMs === 'number' ? forMs : forMs(before)
  if (Number.isFinite(ms) && ms >= 0) return ms
  throw new RangeError(`${name} asks to sleep for ${messageOf(ms)} ms`)
}

/** True when the data of an approval say so. */
export function isApproved(data: unknown): boolean {
  return typeof data === 'object' && data !== null && 'approved' in data && data.approved === true
}

/** Why the input of a step, or the way of the saga, is not known. */
export function underivable(what: string, thrown: unknown): Fault {
  return fault('workflow.derivation_failed', 'DerivationFailed', `${what}: ${messageOf(thrown)}`)
}

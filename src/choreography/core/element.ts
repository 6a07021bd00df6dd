/**
 * Whether fields fit what an event has for them: one field its leaves, and the fields of a conjunction the same elements of arrays. Unlike
 * the matcher, which decides whom to ask, it only answers; the elements, for which event and fields are walked together, are asked of only
 * where an event has an array at which two paths part. Pure.
 */
import { isLeaf, ownValue } from './reading.ts'
import type { Reading } from './reading.ts'
import type { Conjunction, Field } from './selection.ts'
import { holds } from './test.ts'
import type { Leaf, Test } from './test.ts'

/** The fields of a conjunction by their keys. */
interface FieldTree {
  readonly children: ReadonlyMap<string, FieldTree>
  /** What the leaf here is asked. */
  readonly groups: readonly (readonly Test[])[]
}

/** Only of fields that have a leaf: for those that fit without one every element does. */
function treeOf(fields: Conjunction, depth = 0): FieldTree {
  const here = fields.filter(({ path }) => path.length === depth)
  const below = Map.groupBy(
    fields.filter(({ path }) => path.length > depth),
    ({ path }) => path[depth] as string,
  )
  return {
    children: new Map(Array.from(below, ([key, inside]) => [key, treeOf(inside, depth + 1)])),
    groups: here.flatMap(({ groups }) => groups),
  }
}

/** Whether the fields, at these slots of the reading, fit inside the same elements. */
export function fitsInElements(
  conjunction: Conjunction,
  slots: readonly number[],
  reading: Reading,
  event: object,
): boolean {
  const there = conjunction.filter((_, at) => reading.leavesOf(slots[at] as number).length > 0)
  return there.length < 2 || fitsTogether(treeOf(there), event)
}

function fitsTogether(tree: FieldTree, value: unknown): boolean {
  if (Array.isArray(value)) return value.some((element) => fitsTogether(tree, element))
  if (isLeaf(value)) return tree.children.size === 0 && fitsLeaf(tree.groups, value)
  if (typeof value !== 'object' || tree.groups.length > 0) return false
  for (const [key, child] of tree.children) if (!fitsTogether(child, ownValue(value, key))) return false
  return true
}

/** Whether a field asks what fits where there is no leaf. */
export function isOptional(groups: Field['groups']): boolean {
  return groups.every((group) => group.some(({ op }) => op === 'absent'))
}

/** Whether one of the leaves fits, or none is asked for. */
export function fitsLeaves(
  groups: Field['groups'],
  leaves: readonly Leaf[],
  optional: boolean = isOptional(groups),
): boolean {
  return leaves.length === 0 ? optional : leaves.some((leaf) => fitsLeaf(groups, leaf))
}

function fitsLeaf(groups: readonly (readonly Test[])[], leaf: Leaf): boolean {
  return groups.every((group) => group.some((test) => holds(test, leaf)))
}

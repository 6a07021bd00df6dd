/**
 * Whether the fields of a conjunction fit inside the same elements of the arrays of an event. Unlike the matcher, which asks leaf by
 * leaf, it walks event and fields together; it is asked only where an event has an array at which two paths part. Pure.
 */
import { isLeaf, ownValue } from './reading.ts'
import type { Conjunction } from './selection.ts'
import { holds } from './test.ts'
import type { Leaf, Test } from './test.ts'

/** The fields of a conjunction by their keys. */
export interface FieldTree {
  readonly children: ReadonlyMap<string, FieldTree>
  /** What the leaf here is asked. */
  readonly groups: readonly (readonly Test[])[]
}

/** Only of fields that have a leaf: for those that fit without one every element does. */
export function treeOf(fields: Conjunction, depth = 0): FieldTree {
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

export function fitsTogether(tree: FieldTree, value: unknown): boolean {
  if (Array.isArray(value)) return value.some((element) => fitsTogether(tree, element))
  if (isLeaf(value)) return tree.children.size === 0 && fitsLeaf(tree.groups, value)
  if (typeof value !== 'object' || tree.groups.length > 0) return false
  for (const [key, child] of tree.children) if (!fitsTogether(child, ownValue(value, key))) return false
  return true
}

export function fitsLeaf(groups: readonly (readonly Test[])[], leaf: Leaf): boolean {
  return groups.every((group) => group.some((test) => holds(test, leaf)))
}

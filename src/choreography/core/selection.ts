/**
 * Selection: what a pattern or a list of filters comes down to: alternatives, each a list of fields that must all fit. Unlike the
 * pattern it has no `$or` and no nesting, so that matching and explaining read one form. Pure; whoever makes one has kept to
 * `selectionLimits`.
 */
import { PatternInvalid } from '../error.ts'
import type { Test } from './test.ts'

/** One field of an event, and what it is asked. */
export interface Field {
  /** Keys from the outermost. Arrays on the way have none: their elements stand in their place. */
  readonly path: readonly string[]
  /** Each of these must hold for one and the same leaf, by at least one of its tests; `absent` holds where there is no leaf. */
  readonly groups: readonly (readonly Test[])[]
}

/** Fields that must all fit, no path twice, in leaves that are not in different elements of one array. */
export type Conjunction = readonly Field[]

/** An event is selected when one of these fits. */
export type Selection = readonly Conjunction[]

export const selectionLimits: {
  /** Levels of objects. */
  readonly depthMax: number
  /** Alternatives once every `$or` is written out. */
  readonly alternativesMax: number
  /** Tests once every `$or` is written out. */
  readonly testsMax: number
  /** Characters of one value. */
  readonly valueMaxLength: number
  /** Stars in all wildcards together, once every `$or` is written out: each may cost a search through a text. */
  readonly starsMax: number
} = { depthMax: 32, alternativesMax: 1000, testsMax: 10_000, valueMaxLength: 8192, starsMax: 256 }

/** Both: each of the one with each of the other. Throws `choreography.pattern_invalid` past the bound. */
export function both(one: Selection, other: Selection): Selection {
  checkAlternatives(one.length * other.length)
  return one.flatMap((left) => other.map((right) => merged(left, right)))
}

/** Either. Throws `choreography.pattern_invalid` past the bound. */
export function either(selections: readonly Selection[]): Selection {
  checkAlternatives(selections.reduce((sum, each) => sum + each.length, 0))
  return selections.flat()
}

function checkAlternatives(count: number): void {
  const { alternativesMax } = selectionLimits
  if (count > alternativesMax)
    throw new PatternInvalid(
      '',
      `has ${count} alternatives once its $or are written out, and ${alternativesMax} are the most; make rules of it`,
    )
}

function merged(left: Conjunction, right: Conjunction): Conjunction {
  if (left.length === 0) return right
  const fields = new Map(left.map((field) => [pointer(field.path), field]))
  for (const field of right) {
    const key = pointer(field.path)
    const before = fields.get(key)
    fields.set(key, before ? { path: field.path, groups: [...before.groups, ...field.groups] } : field)
  }
  return [...fields.values()]
}

/** A path as a JSON Pointer (RFC 6901). */
export function pointer(path: readonly string[]): string {
  return path.map((key) => `/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
}

/** Throws `choreography.pattern_invalid` when the whole is more than a matcher should carry. */
export function checkSelection(selection: Selection): Selection {
  let tests = 0
  let stars = 0
  for (const conjunction of selection)
    for (const { groups } of conjunction)
      for (const group of groups)
        for (const test of group) {
          tests += countOf(test, () => 1)
          stars += countOf(test, starsIn)
        }
  const { testsMax, starsMax } = selectionLimits
  if (tests > testsMax)
    throw new PatternInvalid('', `comes to ${tests} tests, and ${testsMax} are the most; make rules of it`)
  if (stars > starsMax)
    throw new PatternInvalid(
      '',
      `comes to ${stars} stars in wildcards, and ${starsMax} are the most; use prefix and suffix`,
    )
  return selection
}

function countOf(test: Test, count: (test: Test) => number): number {
  if (test.op === 'none') return test.of.reduce((sum, each) => sum + countOf(each, count), 0)
  return test.op === 'text' ? countOf(test.test, count) : count(test)
}

function starsIn(test: Test): number {
  return test.op === 'wildcard' && !test.wildcard.exact ? test.wildcard.between.length + 1 : 0
}

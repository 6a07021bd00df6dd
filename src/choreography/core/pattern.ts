/**
 * Patterns: the language of Amazon EventBridge and its Event Ruler. A pattern has the form of the events that it selects: an object
 * with the same keys, and at each leaf a list of alternatives. Unlike a filter of CloudEvents it reaches into the data. It is read
 * into a selection; nothing here looks at an event. Pure.
 *
 * | alternative | fits |
 * | --- | --- |
 * | text, number, `true`, `false`, `null` | that value; numbers by value, so that `3` is `3.0` |
 * | `{ "prefix": text }`, `{ "suffix": text }` | text; with `{ "equals-ignore-case": text }` in place of the text in any case |
 * | `{ "equals-ignore-case": text }` | text |
 * | `{ "wildcard": text }` | text; `*` is any text, `\*` a star, `\\` a backslash |
 * | `{ "anything-but": x }` | any leaf but x: text, number, a list of either, or `prefix`, `suffix`, `equals-ignore-case`, `wildcard` with one text or a list |
 * | `{ "numeric": [op, n] }`, `[op, n, op, n]` | a number; `=`, `<`, `<=`, `>`, `>=`, two of them as a lower and an upper bound |
 * | `{ "cidr": network }` | text that is an address in it, IPv4 or IPv6 |
 * | `{ "exists": true }`, `{ "exists": false }` | any leaf; no leaf in the whole event |
 *
 * All keys of an object must fit, and one alternative of each list. `$or` takes a list of two objects or more of which one must fit.
 * Where the event has an array its elements count as values of the key; two keys inside objects of one array must fit in one element.
 *
 * Differently from the Event Ruler: numbers are compared as doubles of any size; a key with a dot is that key and no path; `$or` is
 * never the name of a field.
 * Source: Amazon EventBridge User Guide, "Comparison operators for use in event patterns"; README of Event Ruler.
 */
import { PatternInvalid } from '../error.ts'
import { readNetwork } from './cidr.ts'
import { both, checkSelection, either, pointer, selectionLimits } from './selection.ts'
import type { Selection } from './selection.ts'
import type { Leaf, Test } from './test.ts'
import { readWildcard } from './wildcard.ts'

type Caseless = { readonly 'equals-ignore-case': string }
type Texts = string | readonly string[]

/** One alternative of a leaf. */
export type PatternValue =
  | Leaf
  | { readonly prefix: string | Caseless }
  | { readonly suffix: string | Caseless }
  | Caseless
  | { readonly wildcard: string }
  | {
      readonly 'anything-but':
        | string
        | number
        | readonly string[]
        | readonly number[]
        | { readonly prefix: Texts }
        | { readonly suffix: Texts }
        | { readonly 'equals-ignore-case': Texts }
        | { readonly wildcard: Texts }
    }
  | { readonly numeric: readonly (string | number)[] }
  | { readonly cidr: string }
  | { readonly exists: boolean }

export interface EventPattern {
  readonly [key: string]: EventPattern | readonly PatternValue[] | readonly EventPattern[]
}

/** The selection that a pattern means. Throws `choreography.pattern_invalid`. */
export function parsePattern(pattern: unknown): Selection {
  return checkSelection(readObject(pattern, []))
}

function readObject(pattern: unknown, path: readonly string[]): Selection {
  if (!isObject(pattern)) throw invalid(path, 'must be an object with the keys of the event')
  if (path.length >= selectionLimits.depthMax) throw invalid(path, `is deeper than ${selectionLimits.depthMax} levels`)
  const entries = Object.entries(pattern)
  if (entries.length === 0) throw invalid(path, 'is empty; name a key and what it may hold')
  return entries.reduce<Selection>(
    (selection, [key, value]) => both(selection, key === '$or' ? readOr(value, path) : readKey(value, [...path, key])),
    [[]],
  )
}

function readOr(alternatives: unknown, path: readonly string[]): Selection {
  if (!Array.isArray(alternatives) || alternatives.length < 2 || !alternatives.every(isObject))
    throw invalid([...path, '$or'], 'must be a list of two objects or more')
  return either(alternatives.map((each) => readObject(each, path)))
}

function readKey(value: unknown, path: readonly string[]): Selection {
  if (isObject(value)) return readObject(value, path)
  if (!Array.isArray(value)) throw invalid(path, 'must be a list of alternatives, or an object with keys of its own')
  if (value.length === 0) throw invalid(path, 'is an empty list, which nothing fits')
  return [[{ path, groups: [value.map((each) => readValue(each, path))] }]]
}

function readValue(value: unknown, path: readonly string[]): Test {
  if (!isObject(value)) return { op: 'equal', value: leafOf(value, path) }
  const [key, given] = onlyEntry(value, path)
  switch (key) {
    case 'prefix':
    case 'suffix':
      return readEdge(key, given, path)
    case 'equals-ignore-case':
      return { op: 'equal-folded', value: textOf(given, path).toLowerCase() }
    case 'wildcard':
      return wildcardTest(given, path)
    case 'anything-but':
      return { op: 'none', of: readAnythingBut(given, path) }
    case 'numeric':
      return readNumeric(given, path)
    case 'cidr':
      return readCidr(given, path)
    case 'exists':
      if (typeof given !== 'boolean') throw invalid(path, 'says exists of something else than true or false')
      return { op: given ? 'present' : 'absent' }
    default:
      throw invalid(path, `has no comparison ${JSON.stringify(key.slice(0, 40))}; there is: ${comparisons.join(', ')}`)
  }
}

const comparisons = ['prefix', 'suffix', 'equals-ignore-case', 'wildcard', 'anything-but', 'numeric', 'cidr', 'exists']

function readEdge(op: 'prefix' | 'suffix', given: unknown, path: readonly string[]): Test {
  if (!isObject(given)) return { op, value: textOf(given, path), folded: false }
  const [key, text] = onlyEntry(given, path)
  if (key !== 'equals-ignore-case') throw invalid(path, `takes text for ${op}, or { "equals-ignore-case": text }`)
  return { op, value: textOf(text, path).toLowerCase(), folded: true }
}

function wildcardTest(given: unknown, path: readonly string[]): Test {
  const wildcard = readWildcard(textOf(given, path))
  if (typeof wildcard === 'string') throw invalid(path, `has a wildcard that ${wildcard}`)
  return { op: 'wildcard', wildcard }
}

function readAnythingBut(given: unknown, path: readonly string[]): readonly Test[] {
  if (isObject(given)) {
    const [key, texts] = onlyEntry(given, path)
    const known = ['prefix', 'suffix', 'equals-ignore-case', 'wildcard']
    if (!known.includes(key)) throw invalid(path, `takes for anything-but: values, or one of ${known.join(', ')}`)
    return listOf(texts, path).map((text) => readValue({ [key]: textOf(text, path) }, path))
  }
  const values = listOf(given, path)
  const kinds = new Set(values.map((value) => typeof value))
  if (kinds.size !== 1 || !(kinds.has('string') || kinds.has('number')))
    throw invalid(path, 'takes for anything-but: texts alone, or numbers alone')
  return values.map((value) => ({ op: 'equal', value: leafOf(value, path) }))
}

function readNumeric(given: unknown, path: readonly string[]): Test {
  const mend = 'takes for numeric: an operator and a number, or a lower and an upper bound such as [">", 0, "<=", 5]'
  if (!Array.isArray(given) || (given.length !== 2 && given.length !== 4)) throw invalid(path, mend)
  const [op, value, upperOp, upper] = given as readonly unknown[]
  if (!Number.isFinite(value) || (given.length === 4 && !Number.isFinite(upper))) throw invalid(path, mend)
  const bound = value as number
  const range = { op: 'range', low: -Infinity, high: Infinity, openLow: false, openHigh: false } as const
  if (given.length === 2) {
    if (op === '=') return { ...range, low: bound, high: bound }
    if (op === '<' || op === '<=') return { ...range, high: bound, openHigh: op === '<' }
    if (op === '>' || op === '>=') return { ...range, low: bound, openLow: op === '>' }
    throw invalid(path, mend)
  }
  const high = upper as number
  if ((op !== '>' && op !== '>=') || (upperOp !== '<' && upperOp !== '<=')) throw invalid(path, mend)
  if (bound >= high) throw invalid(path, `has a lower bound of ${bound} that is not below ${high}`)
  return { op: 'range', low: bound, high, openLow: op === '>', openHigh: upperOp === '<' }
}

function readCidr(given: unknown, path: readonly string[]): Test {
  const network = readNetwork(textOf(given, path))
  if (!network) throw invalid(path, 'takes for cidr: a network such as "10.0.0.0/24" or "2001:db8::/32"')
  return { op: 'cidr', network }
}

function leafOf(value: unknown, path: readonly string[]): Leaf {
  if (typeof value === 'string') return textOf(value, path)
  if (value === null || typeof value === 'boolean' || Number.isFinite(value)) return value as Leaf
  throw invalid(path, 'holds an alternative that is neither text, number, true, false, null nor a comparison')
}

function textOf(value: unknown, path: readonly string[]): string {
  const { valueMaxLength } = selectionLimits
  if (typeof value !== 'string') throw invalid(path, 'needs text in its comparison')
  if (value.length > valueMaxLength) throw invalid(path, `holds text of more than ${valueMaxLength} characters`)
  return value
}

function listOf(given: unknown, path: readonly string[]): readonly unknown[] {
  const list = Array.isArray(given) ? given : [given]
  if (list.length === 0) throw invalid(path, 'has an empty list in its anything-but')
  return list
}

function onlyEntry(value: object, path: readonly string[]): readonly [string, unknown] {
  const [first, ...more] = Object.entries(value)
  if (!first || more.length > 0)
    throw invalid(path, `must have one comparison in each object of its list; write more objects for more`)
  return first
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function invalid(path: readonly string[], mend: string): PatternInvalid {
  return new PatternInvalid(pointer(path), mend)
}

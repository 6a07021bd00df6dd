/**
 * Filters of CloudEvents subscriptions, the dialects that every implementation must have: `exact`, `prefix`, `suffix`, `all`, `any`,
 * `not`. Unlike patterns they ask attributes, by their text, and reach no data. They are read into the same selection. Pure.
 *
 * A list of filters selects an event when all are true. An attribute that the event lacks makes `exact`, `prefix` and `suffix` false.
 * Source: CloudEvents Subscriptions API 1.0, section 3.2.4.1.1. The optional dialect `sql` is refused, as the section says.
 */
import { PatternInvalid } from '../error.ts'
import { both, checkSelection, either, pointer, selectionLimits } from './selection.ts'
import type { Selection } from './selection.ts'
import type { Test } from './test.ts'

export type EventFilter =
  | { readonly exact: Readonly<Record<string, string>> }
  | { readonly prefix: Readonly<Record<string, string>> }
  | { readonly suffix: Readonly<Record<string, string>> }
  | { readonly all: readonly EventFilter[] }
  | { readonly any: readonly EventFilter[] }
  | { readonly not: EventFilter }

/** The selection of all filters together. Throws `choreography.pattern_invalid`. */
export function parseFilters(filters: unknown): Selection {
  return checkSelection(readList(filters, [], 'all', false))
}

/** Under `not` every filter means its opposite, and so `all` means `any`. */
function readFilter(filter: unknown, path: readonly string[], negated: boolean): Selection {
  if (path.length > selectionLimits.depthMax) throw invalid(path, `is deeper than ${selectionLimits.depthMax} levels`)
  const entries: readonly [string, unknown][] =
    typeof filter === 'object' && filter !== null ? Object.entries(filter) : []
  if (entries.length !== 1) throw invalid(path, `must be an object with one of ${dialects.join(', ')}`)
  const [dialect, given] = entries[0] as [string, unknown]
  switch (dialect) {
    case 'exact':
    case 'prefix':
    case 'suffix':
      return readAttributes(dialect, given, [...path, dialect], negated)
    case 'all':
    case 'any':
      return readList(given, [...path, dialect], dialect, negated)
    case 'not':
      return readFilter(given, [...path, 'not'], !negated)
    default:
      throw invalid(path, `must be an object with one of ${dialects.join(', ')}`)
  }
}

const dialects = ['exact', 'prefix', 'suffix', 'all', 'any', 'not']

function readList(filters: unknown, path: readonly string[], dialect: 'all' | 'any', negated: boolean): Selection {
  if (!Array.isArray(filters) || filters.length === 0) throw invalid(path, 'must be a list of one filter or more')
  const selections = filters.map((each, at) => readFilter(each, [...path, `${at}`], negated))
  return joined(selections, (dialect === 'all') !== negated)
}

function joined(selections: readonly Selection[], together: boolean): Selection {
  return together ? selections.reduce((one, other) => both(one, other), [[]]) : either(selections)
}

function readAttributes(
  dialect: 'exact' | 'prefix' | 'suffix',
  given: unknown,
  path: readonly string[],
  negated: boolean,
): Selection {
  const entries = typeof given === 'object' && given !== null && !Array.isArray(given) ? Object.entries(given) : []
  if (entries.length === 0) throw invalid(path, 'must name attributes and their values')
  const selections = entries.map(([name, value]): Selection => {
    if (name === '' || typeof value !== 'string' || value === '' || value.length > selectionLimits.valueMaxLength)
      throw invalid([...path, name], `must be text of 1 to ${selectionLimits.valueMaxLength} characters, under a name`)
    const tests = testsOf(dialect, value)
    return [[{ path: [name], groups: [negated ? [{ op: 'absent' }, { op: 'none', of: tests }] : tests] }]]
  })
  return joined(selections, !negated)
}

/** What is no text in JSON is compared by the text that CloudEvents has for it. */
function testsOf(dialect: 'exact' | 'prefix' | 'suffix', value: string): readonly Test[] {
  if (dialect !== 'exact') return [{ op: 'text', test: { op: dialect, value, folded: false } }]
  const same: Test[] = [{ op: 'equal', value }]
  if (value === 'true' || value === 'false') same.push({ op: 'equal', value: value === 'true' })
  if (value === String(Number(value)) && Number.isFinite(Number(value)))
    same.push({ op: 'equal', value: Number(value) })
  return same
}

function invalid(path: readonly string[], mend: string): PatternInvalid {
  return new PatternInvalid(pointer(path), mend)
}

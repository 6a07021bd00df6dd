/**
 * A rule after its checks: what it watches, how it acts, with its defaults. Unlike the face it has one form for all kinds of rules; it opens
 * nothing and acts on nothing.
 */
import { hash } from 'node:crypto'
import type { CloudEvent } from '../base/envelope.ts'
import { InvalidArgument } from '../base/error.ts'
import { checkKeys, wholeNumber } from '../base/limit.ts'
import type {
  Absence,
  Action,
  ActionContext,
  ActingOptions,
  Joined,
  KeyOf,
  PairAction,
  RetryPolicy,
  RuleKind,
  RuleOptions,
  RulePattern,
  Sequence,
  Window,
} from './choreography.ts'
import type { Backoff } from './core/backoff.ts'
import { parseFilters } from './core/filter.ts'
import { parsePattern } from './core/pattern.ts'
import { ownValue } from './core/reading.ts'
import type { Selection } from './core/selection.ts'

export interface Part {
  readonly name: string
  readonly selection: Selection
}

export interface Definition {
  readonly name: string
  readonly kind: RuleKind
  /** One, or two that are waited for; the first is part 1 of `core/waits.ts`. */
  readonly parts: readonly Part[]
  readonly keyOf: (event: CloudEvent) => string | undefined
  /** 0 for a plain rule. */
  readonly withinMs: number
  /** With the events in the order in which the action takes them. */
  readonly act: (events: readonly CloudEvent[], context: ActionContext) => unknown
  readonly attemptsMax: number
  readonly backoff: Backoff
  readonly timeoutMs: number
  readonly concurrency: number
  readonly from: string | undefined
}

const acting = ['retry', 'timeoutMs', 'concurrency', 'from'] as const
const withinMsMax = 365 * 86_400_000

/** Throws `base.invalid_argument`, `choreography.pattern_invalid`. */
export function plainRule(
  name: string,
  pattern: RulePattern,
  action: Action<never>,
  options: RuleOptions = {},
): Definition {
  checkKeys('options', options, [...acting, 'key'])
  const act = checkAction(action) as Action
  return {
    ...checkActing(name, options),
    kind: 'rule',
    parts: [{ name: 'pattern', selection: selectionOf(pattern) }],
    keyOf: keyReader('key', options.key ?? 'subject'),
    withinMs: 0,
    act: ([event], context) => act(event as CloudEvent, context),
  }
}

export function absenceRule(
  name: string,
  absence: Absence,
  action: Action<never> | undefined,
  options: ActingOptions = {},
): Definition {
  checkKeys('options', options, acting)
  checkKeys('absence', absence, ['pattern', 'answer', 'same', 'withinMs'])
  const act = action === undefined ? tellAbsence(absence.withinMs) : (checkAction(action) as Action)
  return {
    ...checkActing(name, options),
    ...checkJoined(absence),
    kind: 'absent',
    parts: [
      { name: 'pattern', selection: selectionOf(absence.pattern) },
      { name: 'answer', selection: selectionOf(absence.answer) },
    ],
    act: ([event], context) => act(event as CloudEvent, context),
  }
}

function tellAbsence(withinMs: number): Action {
  return (event, { rule, key, recorded, emit }) => {
    const { id, source, type, subject } = event
    const { stream, version } = recorded
    const data = { rule, key, withinMs, event: { id, source, type, stream, version } }
    emit('agent.reply.absent', data, subject === undefined ? {} : { subject })
  }
}

export function sequenceRule(
  name: string,
  sequence: Sequence,
  action: PairAction<never, never>,
  options: ActingOptions = {},
): Definition {
  checkKeys('sequence', sequence, ['first', 'next', 'same', 'withinMs'])
  return pairRule(name, 'sequence', sequence, { first: sequence.first, next: sequence.next }, action, options)
}

export function windowRule(
  name: string,
  window: Window,
  action: PairAction<never, never>,
  options: ActingOptions = {},
): Definition {
  checkKeys('window', window, ['patterns', 'same', 'withinMs'])
  if (!Array.isArray(window.patterns) || window.patterns.length !== 2)
    throw new InvalidArgument('patterns', 'must be a list of two patterns')
  return pairRule(name, 'window', window, { 0: window.patterns[0], 1: window.patterns[1] }, action, options)
}

function pairRule(
  name: string,
  kind: RuleKind,
  joined: Joined,
  patterns: Readonly<Record<string, RulePattern>>,
  action: PairAction<never, never>,
  options: ActingOptions,
): Definition {
  checkKeys('options', options, acting)
  const act = checkAction(action) as PairAction
  return {
    ...checkActing(name, options),
    ...checkJoined(joined),
    kind,
    parts: Object.entries(patterns).map(([part, pattern]) => ({ name: part, selection: selectionOf(pattern) })),
    act: (events, context) => act(events as unknown as readonly [CloudEvent, CloudEvent], context),
  }
}

/** Names stand in streams, in keys and in the path of events. */
export function checkName(argument: string, name: unknown, maxLength: number): string {
  if (typeof name !== 'string' || name.length > maxLength || !/^[\w.-]+$/.test(name))
    throw new InvalidArgument(argument, `must be 1 to ${maxLength} of letters, digits, ".", "_" and "-"`)
  return name
}

function checkAction<Given>(action: Given): Given {
  if (typeof action !== 'function') throw new InvalidArgument('action', 'must be a function')
  return action
}

function checkActing(
  name: string,
  { retry = {}, timeoutMs, concurrency, from }: ActingOptions,
): Pick<Definition, 'name' | 'attemptsMax' | 'backoff' | 'timeoutMs' | 'concurrency' | 'from'> {
  return {
    name: checkName('name', name, 100),
    ...checkRetry(retry),
    timeoutMs: wholeNumber('timeoutMs', timeoutMs ?? 30_000, 1, 86_400_000),
    concurrency: wholeNumber('concurrency', concurrency ?? 16, 1, 1024),
    from,
  }
}

function checkRetry(retry: RetryPolicy): Pick<Definition, 'attemptsMax' | 'backoff'> {
  checkKeys('retry', retry, ['attemptsMax', 'backoffMs', 'backoffMaxMs', 'jitter'])
  const { jitter = 0.5 } = retry
  if (typeof jitter !== 'number' || !(jitter >= 0 && jitter <= 1))
    throw new InvalidArgument('retry.jitter', 'must be a number from 0 to 1')
  return {
    attemptsMax: wholeNumber('retry.attemptsMax', retry.attemptsMax ?? 5, 1, 1000),
    backoff: {
      backoffMs: wholeNumber('retry.backoffMs', retry.backoffMs ?? 500, 0, 86_400_000),
      backoffMaxMs: wholeNumber('retry.backoffMaxMs', retry.backoffMaxMs ?? 60_000, 0, 86_400_000),
      jitter,
    },
  }
}

function checkJoined({ same, withinMs }: Joined): Pick<Definition, 'keyOf' | 'withinMs'> {
  return { keyOf: keyReader('same', same), withinMs: wholeNumber('withinMs', withinMs, 1, withinMsMax) }
}

/** The selection of a pattern, or of filters. Throws `choreography.pattern_invalid`. */
export function selectionOf(pattern: RulePattern): Selection {
  const isFilters =
    typeof pattern === 'object' && pattern !== null && Object.keys(pattern).length === 1 && 'filters' in pattern
  return isFilters ? parseFilters(pattern.filters) : parsePattern(pattern)
}

/** Characters of a key; a longer one is known by its hash. */
const keyMaxLength = 256

function keyReader(argument: string, given: KeyOf): (event: CloudEvent) => string | undefined {
  if (typeof given === 'function') return (event) => keyText(given(event))
  if (typeof given !== 'string' || given === '' || given.length > 1024)
    throw new InvalidArgument(argument, 'must be the name of an attribute, a JSON Pointer, or a function of the event')
  const path = given.startsWith('/')
    ? given
        .slice(1)
        .split('/')
        .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'))
    : [given]
  return (event) => {
    let value: unknown = event
    for (const key of path) {
      if (typeof value !== 'object' || value === null) return undefined
      value = ownValue(value, key)
    }
    return keyText(value)
  }
}

function keyText(value: unknown): string | undefined {
  if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') return undefined
  const text = String(value).toWellFormed()
  if (text === '') return undefined
  return text.length <= keyMaxLength ? text : `sha256:${hash('sha256', text, 'base64url')}`
}

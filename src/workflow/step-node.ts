/** The options of a step, checked and completed. Unlike `check-flow.ts` it looks at one step alone. */
import { InvalidArgument } from '../base/error.ts'
import { checkKeys, wholeNumber } from '../base/limit.ts'
import { checkFunction, checkName } from './check-flow.ts'
import type { Declaration, Do, Pacing, StepNode, Undo } from './core/definition.ts'
import type { RetryPolicy } from './core/retry.ts'
import { labelOf } from './label.ts'
import type { RetryOptions } from './step-options.ts'

/** What a step may have, whatever the types made of it. */
interface LooseStep {
  readonly input?: unknown
  readonly do?: unknown
  readonly retry?: RetryOptions
  readonly timeoutMs?: number
  readonly heartbeatMs?: number
  readonly undo?: unknown
  readonly undoRetry?: RetryOptions
  readonly undoTimeoutMs?: number
  readonly pivot?: unknown
  readonly readOnly?: unknown
  readonly irreversible?: { readonly leaves?: unknown }
  readonly retriable?: unknown
}

const known = [
  'input',
  'do',
  'retry',
  'timeoutMs',
  'heartbeatMs',
  'undo',
  'undoRetry',
  'undoTimeoutMs',
  'pivot',
  'readOnly',
  'irreversible',
  'retriable',
] as const
const dayMs = 86_400_000
const attemptsMax = 3
/** Of steps that have no other way than on. */
const attemptsMaxBound = 20

/** Throws `base.invalid_argument`: a step that does not say how it is undone is one. */
export function stepNode(name: string, options: object): StepNode {
  checkName(name)
  checkKeys(`the step ${name}`, options, known)
  const given: LooseStep = options
  const { input, undo } = given
  checkFunction(`do of ${name}`, given.do)
  if (input !== undefined) checkFunction(`input of ${name}`, input)
  if (undo !== undefined) checkFunction(`undo of ${name}`, undo)
  const declaration = declarationOf(name, given)
  return {
    kind: 'step',
    name,
    declaration,
    leaves: declaration === 'irreversible' ? leavesOf(name, given.irreversible) : undefined,
    derive: input as StepNode['derive'],
    do: given.do as Do,
    pacing: pacing(name, given.retry, given.timeoutMs, declaration === 'retriable' ? attemptsMaxBound : attemptsMax),
    heartbeatMs:
      given.heartbeatMs === undefined ? undefined : wholeNumber(`heartbeatMs of ${name}`, given.heartbeatMs, 1, dayMs),
    undo: undo as Undo | undefined,
    undoPacing: pacing(name, given.undoRetry, given.undoTimeoutMs, attemptsMaxBound),
    label: labelOf(given.do as Do),
  }
}

function declarationOf(name: string, { undo, pivot, readOnly, irreversible, retriable }: LooseStep): Declaration {
  const said: Declaration[] = []
  if (pivot === true) said.push('pivot')
  else if (undo !== undefined) said.push('undo')
  if (readOnly === true) said.push('readOnly')
  if (irreversible !== undefined) said.push('irreversible')
  if (retriable === true) said.push('retriable')
  const [declaration] = said
  if (declaration !== undefined && said.length === 1) return declaration
  throw new InvalidArgument(
    `the step ${name}`,
    said.length === 0
      ? 'must say how it is undone: give it undo, readOnly, pivot, irreversible: { leaves }, or retriable behind the pivot'
      : `says ${said.join(' and ')}; it can be one of them`,
  )
}

function leavesOf(name: string, irreversible: LooseStep['irreversible']): string {
  const leaves = irreversible?.leaves
  if (typeof leaves !== 'string' || leaves === '' || leaves.length > 500)
    throw new InvalidArgument(
      `irreversible of ${name}`,
      'must be { leaves } with what stays behind, in 500 characters at most',
    )
  return leaves
}

function pacing(name: string, retry: RetryOptions = {}, timeoutMs = 30_000, attempts: number): Pacing {
  return {
    retry: retryPolicy(name, retry, attempts),
    timeoutMs: wholeNumber(`timeoutMs of ${name}`, timeoutMs, 1, 30 * dayMs),
  }
}

function retryPolicy(name: string, given: RetryOptions, attempts: number): RetryPolicy {
  checkKeys(`retry of ${name}`, given, ['max', 'backoffMs', 'factor', 'backoffMaxMs', 'jitter', 'unless'])
  const { factor = 2, jitter = 0.5, unless } = given
  if (unless !== undefined) checkFunction(`unless of ${name}`, unless)
  if (!(factor >= 1 && factor <= 100)) throw new InvalidArgument(`factor of ${name}`, 'must be from 1 to 100')
  if (!(jitter >= 0 && jitter <= 1)) throw new InvalidArgument(`jitter of ${name}`, 'must be from 0 to 1')
  return {
    max: wholeNumber(`max of ${name}`, given.max ?? attempts, 1, 10_000),
    backoffMs: wholeNumber(`backoffMs of ${name}`, given.backoffMs ?? 100, 0, dayMs),
    factor,
    backoffMaxMs: wholeNumber(`backoffMaxMs of ${name}`, given.backoffMaxMs ?? 30_000, 0, dayMs),
    jitter,
    unless,
  }
}

/** Verdict: why a world ended, as data; the error that tells it is made when all of the run is known. Pure. */
import {
  SimEscaped,
  SimFailed,
  SimInterrupted,
  SimInvariantBroken,
  SimLimit,
  SimNotLive,
  SimStuck,
  SimTooLittle,
} from './error.ts'
import type { FailedRun, WorldFailed } from './error.ts'

export type Verdict =
  | { readonly kind: 'done' }
  | { readonly kind: 'failed'; readonly node: string | undefined; readonly error: unknown }
  | { readonly kind: 'invariant'; readonly name: string; readonly error: unknown }
  | { readonly kind: 'escaped'; readonly resource: string; readonly where: string; readonly node: string | undefined }
  | { readonly kind: 'not-live'; readonly what: string; readonly withinMs: number; readonly error: unknown }
  | { readonly kind: 'too-little'; readonly below: SimTooLittle['below'] }
  | { readonly kind: 'stuck' }
  | { readonly kind: 'limit'; readonly limit: string; readonly max: number }
  | { readonly kind: 'interrupted'; readonly reason: unknown }

export type Failure = Exclude<Verdict, { kind: 'done' }>

/** The error of a verdict. */
export function failureError(verdict: Failure, run: FailedRun): WorldFailed {
  switch (verdict.kind) {
    case 'failed':
      return new SimFailed(verdict.node, run, verdict.error)
    case 'invariant':
      return new SimInvariantBroken(verdict.name, run, verdict.error)
    case 'escaped':
      return new SimEscaped(verdict.resource, verdict.where, verdict.node, run)
    case 'not-live':
      return new SimNotLive(verdict.what, verdict.withinMs, run, verdict.error)
    case 'too-little':
      return new SimTooLittle(verdict.below, run)
    case 'stuck':
      return new SimStuck(run)
    case 'limit':
      return new SimLimit(verdict.limit, verdict.max, run)
    case 'interrupted':
    default:
      return new SimInterrupted(run, verdict.reason)
  }
}

/** Two failures are the same when this is: what a reduced list of faults must still give. */
export function failureKey(verdict: Verdict): string {
  switch (verdict.kind) {
    case 'failed':
      return `failed ${nameOf(verdict.error)}`
    case 'invariant':
      return `invariant ${verdict.name}`
    case 'escaped':
      return `escaped ${verdict.resource}`
    case 'limit':
      return `limit ${verdict.limit}`
    case 'not-live':
      return `not-live ${verdict.what}`
    case 'done':
    case 'too-little':
    case 'stuck':
    case 'interrupted':
    default:
      return verdict.kind
  }
}

/** Messages hold numbers and names that differ from run to run; class, code and the place of the throw do not. */
function nameOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return typeof error
  const [code, stack] = [Reflect.get(error, 'code') as unknown, Reflect.get(error, 'stack') as unknown]
  const thrownAt = typeof stack === 'string' ? /^ +at .*$/m.exec(stack)?.[0] : undefined
  return [error.constructor?.name ?? 'object', typeof code === 'string' ? code : '', thrownAt ?? ''].join(' ')
}

/**
 * When a failed attempt is made again: exponential backoff with jitter, as data. Unlike a loop that retries it keeps no count and
 * no time: whoever asks says which attempt failed and throws the dice. Pure.
 */
import { backoffAfter, jittered } from '../../base/backoff.ts'

export interface RetryPolicy {
  /** Attempts in all. */
  readonly max: number
  /** Before the second attempt. */
  readonly backoffMs: number
  /** Each later wait is so many times the one before. */
  readonly factor: number
  readonly backoffMaxMs: number
  /** Part of the wait that chance takes away, 0 to 1. */
  readonly jitter: number
  /** True for an error that no further attempt can mend. */
  readonly unless: ((error: unknown) => boolean) | undefined
}

/** What failed, and what follows from that. */
export interface Failure {
  readonly thrown: unknown
  /** No further attempt can mend it. */
  readonly final: boolean
}

/** How long to wait before the attempt after this failure; undefined: there is none. Without a policy there never is. */
export function waitAfterFailure(
  policy: RetryPolicy | undefined,
  { thrown, final }: Failure,
  attempt: number,
  chance: number,
): number | undefined {
  if (final || !policy || isFinal(policy.unless, thrown)) return undefined
  return waitAfter(policy, attempt, chance)
}

function isFinal(unless: RetryPolicy['unless'], thrown: unknown): boolean {
  if (!unless) return false
  try {
    return unless(thrown)
  } catch {
    // A judge that cannot judge is no reason to give up.
    return false
  }
}

/** How long to wait after attempt number `attempt` (from 1) failed; undefined when it was the last. `chance` is in [0, 1). */
export function waitAfter(policy: RetryPolicy, attempt: number, chance: number): number | undefined {
  if (attempt >= policy.max) return undefined
  return jittered(backoffAfter(policy.backoffMs, policy.backoffMaxMs, attempt, policy.factor), policy.jitter, chance)
}

/** The one check of what must hold in the raft core. Unlike a refusal it is never expected: whoever meets it stops the member. */
import { BrokenInvariant } from '../error.ts'

/** Throws `raft.broken_invariant` unless the condition holds. */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new BrokenInvariant(message)
}

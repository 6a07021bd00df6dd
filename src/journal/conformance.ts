/**
 * The checks that every driver of the journal must pass, one for each line of the port's table and each sentence of its
 * comments. Unlike tests they know no runner, so that a driver of one's own can be held to them too:
 *
 * ```ts
 * for (const check of journalChecks) it(check.name, () => check.run({ open: async () => myJournal() }))
 * ```
 *
 * That nothing acknowledged is lost when a process is killed cannot be shown from inside it: a durable driver has to show
 * that for itself.
 */
import { appendChecks } from './conformance-append.ts'
import { atomicChecks } from './conformance-atomic.ts'
import { eraseChecks } from './conformance-erase.ts'
import { groupChecks } from './conformance-group.ts'
import type { JournalCheck } from './conformance-kit.ts'
import { readChecks } from './conformance-read.ts'
import { streamChecks } from './conformance-streams.ts'
import { subscribeChecks } from './conformance-subscribe.ts'

export type { JournalCheck, JournalHarness } from './conformance-kit.ts'

export const journalChecks: readonly JournalCheck[] = [
  ...appendChecks,
  ...atomicChecks,
  ...readChecks,
  ...subscribeChecks,
  ...eraseChecks,
  ...groupChecks,
  ...streamChecks,
]

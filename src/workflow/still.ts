/**
 * When a run has come to a stand: it has ended, rests for an operator, waits for its turn, or only lets time pass or waits for somebody outside.
 * Unlike `Workflow.idle()` it is about one run and its children, and an attempt that will be made again is not a stand. It reads the
 * journal, and knows nothing of who works.
 */
import { Aborted, Closed } from '../base/error.ts'
import type { Journal } from '../journal/journal.ts'
import { accountOf } from './account.ts'
import type { FindDefinition, RunAccount } from './account.ts'
import { isLive } from './core/entry.ts'
import { RunUnknown } from './error.ts'
import { runStream } from './event.ts'

/** Resolves with how it stands then. Rejects with `workflow.run_unknown`, `base.aborted`, `base.closed`, or the journal's errors. */
export async function untilStill(
  journal: Journal,
  run: string,
  find: FindDefinition,
  signal: AbortSignal,
): Promise<RunAccount> {
  const from = await journal.head()
  const before = await stillOf(journal, run, find)
  if (before) return before
  const streams = [runStream(run), `${runStream(run)}/*`]
  for await (const { events } of journal.subscribe({ from, filter: { streams }, signal, batch: 1024 })) {
    const account = events.length === 0 ? undefined : await stillOf(journal, run, find)
    if (account) return account
  }
  if (signal.aborted) throw new Aborted(`the run ${run}`, { cause: signal.reason })
  throw new Closed('the journal')
}

/** Undefined while it goes on. */
async function stillOf(journal: Journal, run: string, find: FindDefinition): Promise<RunAccount | undefined> {
  const account = await accountOf(journal, run, find)
  if (!account) throw new RunUnknown(run)
  return (await isStill(journal, account, find)) ? account : undefined
}

async function isStill(journal: Journal, account: RunAccount, find: FindDefinition): Promise<boolean> {
  // Nobody can work on what has no definition.
  if (account.status !== 'open' || account.waiting || account.guessed) return true
  const live = account.steps.filter(isLive)
  if (live.length === 0) return false
  for (const { kind, child } of live) {
    if (kind === 'wait' || kind === 'sleep') continue
    if (kind !== 'child' || child === undefined) return false
    const of = await accountOf(journal, child, find)
    // A child that has ended or rests is yet to be heard of.
    if (!of || of.status !== 'open') return false
    // One that goes on while its parent goes back is yet to be told, unless it cannot go back.
    if (account.phase !== 'running' && of.phase === 'running' && !isPast(of)) return false
    if (!(await isStill(journal, of, find))) return false
  }
  return true
}

function isPast({ steps }: RunAccount): boolean {
  return steps.some(({ declaration, status }) => declaration === 'pivot' && status === 'done')
}

/**
 * commitOutcome: has a raft group decide that an outcome counts, once, however often it is asked for. Unlike the count, which says what
 * the panel wants, it says that the group has taken it, where and in which term. It appends nothing to the journal: whoever
 * calls records the key before the first attempt, so that each later one, of another process too, is the same proposal.
 *
 * What is not known is told as that: an attempt that may have been appended is `convene.commit_unknown` until a later one finds its
 * answer in the group, never a yes or no.
 */
import { createHash } from 'node:crypto'
import { canonicalJson } from '../base/canonical.ts'
import { Aborted, TimedOut, codeOf } from '../base/error.ts'
import { wholeNumber } from '../base/limit.ts'
import type { Raft, RaftSession } from '../raft/raft.ts'
import { CommandFailed, OutcomeUnknown } from '../raft/replica-error.ts'
import { CommitRefused, CommitUnknown } from './error.ts'
import type { Committed, Concluded, OutcomeProposed } from './event.ts'

/** What the group is asked to decide. A state machine of your own finds it by `type`. */
export interface OutcomeCommand {
  readonly type: 'colloquy.convene.outcome'
  /** The stream of the convening: one outcome for each. */
  readonly key: string
  readonly topic: string
  readonly status: Concluded['status']
  readonly winners: readonly string[]
  readonly ranking: readonly (readonly string[])[]
  readonly rule: string
  /** SHA-256 over all of this, hex. */
  readonly digest: string
}

export function outcomeCommand(
  key: string,
  topic: string,
  { status, winners, ranking, rule }: Pick<Concluded, 'status' | 'winners' | 'ranking' | 'rule'>,
): OutcomeCommand {
  const content = { type: 'colloquy.convene.outcome', key, topic, status, winners, ranking, rule } as const
  return { ...content, digest: createHash('sha256').update(canonicalJson(content)).digest('hex') }
}

export interface CommitOutcomeOptions {
  readonly group: Raft<unknown, unknown, unknown>
  readonly command: OutcomeCommand
  /** What an earlier run has recorded. */
  readonly proposed: OutcomeProposed | undefined
  /** Keeps what is about to be proposed; nothing is proposed before it has resolved. */
  readonly record: (proposed: OutcomeProposed) => Promise<void>
  /** All attempts together, in ms. Default 30,000. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

/** As long as a key is good for, counted by the log's time: a convening may go on after weeks. */
const sessionTimeoutMs = 30 * 86_400_000
const attemptsMax = 3

export interface CommitResult extends Committed {
  /** Tells the group that the answer is kept elsewhere. Bounded; it never rejects. */
  readonly forget: () => Promise<void>
}

/**
 * Resolves once the group has applied the outcome. Rejects with `convene.commit_refused`, `convene.commit_unknown`; and with what a
 * proposal rejects with where nothing can have been appended.
 */
export async function commitOutcome(options: CommitOutcomeOptions): Promise<CommitResult> {
  const { group, command, record, signal } = options
  const timeoutMs = wholeNumber('timeoutMs', options.timeoutMs ?? 30_000, attemptsMax)
  const wait = { timeoutMs: Math.ceil(timeoutMs / attemptsMax), ...(signal && { signal }) }
  const before = options.proposed
  if (before && before.digest !== command.digest)
    throw new CommitUnknown(before.group, before.key, 'another outcome was proposed under this key than comes out now')
  if (before && before.groupId !== group.status().groupId && group.status().groupId !== '')
    throw new CommitUnknown(before.group, before.key, 'it was proposed to another group of this name')
  const session = before ? undefined : await registered(group, wait)
  const proposed: OutcomeProposed = before ?? {
    group: group.group,
    groupId: group.status().groupId,
    key: { session: session?.id ?? 0, sequence: 1 },
    digest: command.digest,
  }
  if (before === undefined) await record(proposed)
  const { index, term } = await proposeByKey(options, proposed, wait, before !== undefined)
  return {
    group: group.group,
    index,
    term,
    forget: async () => {
      // Of a session that an earlier process began nothing is at hand; it ends by itself.
      await session?.close().catch(() => {})
    },
  }
}

/** A session of which it is not known whether it began is of no use to anybody, and no outcome is in it. */
async function registered(
  group: CommitOutcomeOptions['group'],
  wait: { readonly timeoutMs: number; readonly signal?: AbortSignal },
): Promise<RaftSession> {
  try {
    return await group.session({ idleTimeoutMs: sessionTimeoutMs, ...wait })
  } catch (error) {
    if (!(error instanceof OutcomeUnknown)) throw error
    if (wait.signal?.aborted) throw new Aborted('a commit', { cause: wait.signal.reason })
    throw new TimedOut(`the beginning of a session in ${group.group}`, wait.timeoutMs, { cause: error })
  }
}

/** The same proposal again and again, until its answer is here or the attempts are used up. */
async function proposeByKey(
  { group, command }: CommitOutcomeOptions,
  proposed: OutcomeProposed,
  wait: { readonly timeoutMs: number; readonly signal?: AbortSignal },
  earlier: boolean,
): Promise<{ readonly index: number; readonly term: number }> {
  let uncertain = earlier
  for (let attempt = 1; ; attempt++) {
    try {
      return await group.with({ ...wait, retry: proposed.key }).propose(command)
    } catch (error) {
      if (error instanceof CommandFailed) throw new CommitRefused(group.group, error)
      const unknown = error instanceof OutcomeUnknown
      uncertain ||= unknown
      const over = !unknown || attempt >= attemptsMax || wait.signal?.aborted === true
      if (over && uncertain) throw new CommitUnknown(group.group, proposed.key, whyUnknown(error), { cause: error })
      if (over) throw error
    }
  }
}

function whyUnknown(error: unknown): string {
  switch (codeOf(error)) {
    case 'raft.session_expired':
      return 'it was proposed so long ago that the group has forgotten whether it was applied'
    case 'raft.answer_forgotten':
      return 'it was applied, and the group no longer knows where'
    case 'base.aborted':
      return 'it was stopped before the answer was here'
    default:
      return 'it was proposed, and no answer came in time'
  }
}

/**
 * Quorums as pure functions: when an index is committed and when a vote is decided, by a majority and by a joint
 * configuration. Unlike the tracker it holds nothing: who acknowledged what is asked of the caller. Raft paper section 5.4
 * for majorities, section 6 and Ongaro's thesis 4.3 for joint ones; the texts are those of etcd-io/raft.
 */
import type { MemberId } from './message.ts'

/** Any majority of these decides. The empty one decides everything, so that half of a joint configuration may be empty. */
export type MajorityConfig = ReadonlySet<MemberId>

/** Decisions need a majority of both; the outgoing half is empty when the configuration is not joint. */
export interface JointConfig {
  readonly incoming: MajorityConfig
  readonly outgoing: MajorityConfig
}

/** The highest index that a member is known to have stored; undefined when nothing is known. */
export type AckedIndex = (id: MemberId) => number | undefined

/** A vote is `pending` while members who did not answer yet could still turn it. */
export type VoteResult = 'pending' | 'lost' | 'won'

/** How many of so many members are a majority. */
export function majorityOf(members: number): number {
  return Math.floor(members / 2) + 1
}

/** The highest index that a majority has stored; Infinity for the empty majority, which never limits. */
export function majorityCommittedIndex(config: MajorityConfig, acked: AckedIndex): number {
  if (config.size === 0) return Infinity
  // Kept in descending order while it is filled: groups are small, and this is asked for at every acknowledgement.
  const descending: number[] = []
  for (const id of config) {
    const index = acked(id) ?? 0
    let at = descending.length
    for (; at > 0; at--) {
      const higher = descending[at - 1] ?? 0
      if (higher >= index) break
      descending[at] = higher
    }
    descending[at] = index
  }
  return descending[majorityOf(config.size) - 1] ?? 0
}

/** The highest index that is committed in both halves. */
export function committedIndex(config: JointConfig, acked: AckedIndex): number {
  const incoming = majorityCommittedIndex(config.incoming, acked)
  return config.outgoing.size === 0 ? incoming : Math.min(incoming, majorityCommittedIndex(config.outgoing, acked))
}

/** Votes of others than the members do not count. */
export function majorityVoteResult(config: MajorityConfig, votes: ReadonlyMap<MemberId, boolean>): VoteResult {
  if (config.size === 0) return 'won'
  let granted = 0
  let missing = 0
  for (const id of config) {
    const vote = votes.get(id)
    if (vote === undefined) missing++
    else if (vote) granted++
  }
  const needed = majorityOf(config.size)
  if (granted >= needed) return 'won'
  return granted + missing >= needed ? 'pending' : 'lost'
}

/** Lost as soon as one half has lost it, won when both have won it. */
export function voteResult(config: JointConfig, votes: ReadonlyMap<MemberId, boolean>): VoteResult {
  const incoming = majorityVoteResult(config.incoming, votes)
  const outgoing = majorityVoteResult(config.outgoing, votes)
  if (incoming === outgoing) return incoming
  return incoming === 'lost' || outgoing === 'lost' ? 'lost' : 'pending'
}

/** Ascending, and each once, whichever half they are in. */
export function membersOf(config: JointConfig): MemberId[] {
  return ascending(config.outgoing.size === 0 ? config.incoming : new Set([...config.incoming, ...config.outgoing]))
}

export function ascending(ids: Iterable<MemberId>): MemberId[] {
  return [...ids].toSorted((one, other) => one - other)
}

/** `(1 2 3)`. */
export function formatMajority(config: MajorityConfig): string {
  return `(${ascending(config).join(' ')})`
}

/** `(1 2 3)`, or `(1 2 3)&&(1 2)` when it is joint. */
export function formatJoint(config: JointConfig): string {
  const incoming = formatMajority(config.incoming)
  return config.outgoing.size === 0 ? incoming : `${incoming}&&${formatMajority(config.outgoing)}`
}

/** The index as people read it: what nothing limits is infinite. */
export function formatIndex(index: number): string {
  return index === Infinity ? '∞' : String(index)
}

/** A table of the members with a bar that says how many are behind each; a question mark where nothing is known. */
export function describeMajority(config: MajorityConfig, acked: AckedIndex): string {
  if (config.size === 0) return '<empty majority quorum>'
  const width = config.size
  const rows = ascending(config).map((id) => ({ id, index: acked(id) }))
  const known = rows.map(({ index }) => index ?? 0)
  // The bar counts those that are strictly lower, so that equals are drawn equal; nobody known is above nothing.
  const lines = rows.map(({ id, index }) => {
    const lower = index === undefined ? 0 : known.filter((other) => other < index).length
    const bar = index === undefined ? '?' : `${'x'.repeat(lower)}>`
    return `${bar.padEnd(width + 1)} ${String(index ?? 0).padStart(5)}    (id=${id})\n`
  })
  return `${' '.repeat(width)}    idx\n${lines.join('')}`
}

/** The same table over the members of both halves. */
export function describeJoint(config: JointConfig, acked: AckedIndex): string {
  return describeMajority(new Set(membersOf(config)), acked)
}

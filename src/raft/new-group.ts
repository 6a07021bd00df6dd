/**
 * newGroupOf: the log of a group with one member, made from what one member of another group has kept: for a quorum that is lost for
 * good, and for a backup. Unlike founding it takes the commands along; unlike a change of the members nobody agrees to it. What it makes
 * has a group id of its own, so that no member of the old group and none of the new one ever take a word of each other.
 *
 * All entries that are there count as committed, those too that no quorum was known to have: what was acknowledged may be among
 * them. Whatever is not there is lost. hashicorp/raft's RecoverCluster does the same.
 */
import { type MemberRow, decodeEnvelope, encodeEnvelope } from './command-envelope.ts'
import { marshalConfChange } from './core/conf-change-codec.ts'
import type { Entry, HardState, SnapshotMetadata } from './core/message.ts'
import { emptyConfState } from './core/message.ts'
import { NothingToRecover } from './error.ts'
import type { Compaction } from './log-codec.ts'
import type { LogIdentity } from './log-store.ts'
import { type LogContent, surveyLog } from './log-survey.ts'
import { rewriteCaptured } from './replicated-snapshot.ts'

/** A log that is to be written as a whole. */
export interface NewLog {
  readonly identity: LogIdentity
  readonly hardState: HardState
  readonly snapshot: { readonly metadata: SnapshotMetadata; chunks(): AsyncIterable<Uint8Array> } | undefined
  readonly compaction: Compaction
  readonly entries: readonly Entry[]
}

export interface NewGroup {
  readonly group: string
  readonly member: string
  /** 32 hex digits each, drawn by chance. */
  readonly groupId: string
  readonly token: string
}

/** Rejects with `raft.nothing_to_recover`, `raft.log_corrupt`. */
export async function newGroupOf(content: LogContent, { group, member, groupId, token }: NewGroup): Promise<NewLog> {
  const survey = await surveyLog(content, 'all')
  if (survey.groupId === '') throw new NothingToRecover(content.identity.group, content.identity.member)
  const { metadata, snapshot } = content
  const row: MemberRow = { id: survey.nextId, name: member, token, address: '' }
  const kept = snapshot && metadata && { metadata: { ...metadata, confState: { ...emptyConfState, voters: [row.id] } } }
  const base = kept?.metadata.index ?? 0
  const entries = content.entries.filter(({ index }) => index > base)
  const made = kept ? entries.map((entry) => quiet(entry)) : foundedAnew(entries, groupId, row)
  const last = made.at(-1)
  return {
    identity: { group, member, token },
    hardState: {
      term: Math.max(content.hardState.term, last?.term ?? kept?.metadata.term ?? 1),
      vote: 0,
      commit: last?.index ?? base,
    },
    snapshot: kept && {
      ...kept,
      chunks: () =>
        rewriteCaptured(snapshot.chunks(), (header) => ({ ...header, groupId, members: [row], nextId: row.id + 1 })),
    },
    compaction: kept ? { index: base, term: kept.metadata.term } : { index: 0, term: 0 },
    entries: made,
  }
}

/** Its place stays, and what it says of members or of the group's beginning goes. */
function quiet({ term, index, type, data }: Entry): Entry {
  const isFounding =
    type === 'EntryNormal' && data !== undefined && data.length > 0 && decodeEnvelope(data).kind === 'founding'
  if (type === 'EntryNormal' && !isFounding) return { term, index, type, ...(data && { data }) }
  return { term, index, type: 'EntryNormal' }
}

/** The first entry names the one member, the second makes it a voter: a founding has at least these two. */
function foundedAnew(entries: readonly Entry[], groupId: string, row: MemberRow): readonly Entry[] {
  return entries.map((entry) => {
    const { term, index } = entry
    if (index === 1)
      return {
        term,
        index,
        type: 'EntryNormal',
        data: encodeEnvelope({ kind: 'founding', timeMs: 0, groupId, members: [row] }),
      }
    if (index === 2)
      return { term, index, ...marshalConfChange({ version: 1, type: 'ConfChangeAddNode', nodeId: row.id }) }
    return quiet(entry)
  })
}

/**
 * surveyLog: who a member is and what it knows, read from what it has kept, while it does not run. Unlike a replica it has no state
 * machine of the user's, and needs none: names, sessions and the configuration are the room's own. It writes nothing and asks nobody.
 */
import type { Codec } from '../base/codec.ts'
import { seededRandom } from '../base/random.ts'
import { unmarshalConfChange } from './core/conf-change-codec.ts'
import { MemoryStorage } from './core/memory-storage.ts'
import type { ConfState, Entry, HardState, SnapshotMetadata } from './core/message.ts'
import { emptyConfState } from './core/message.ts'
import { RawNode } from './core/raw-node.ts'
import type { Compaction } from './log-codec.ts'
import type { LogIdentity, StoredSnapshot } from './log-store.ts'
import type { MemberRow } from './command-envelope.ts'
import type { MemberInfo } from './raft.ts'
import { decodeCaptured } from './replicated-snapshot.ts'
import { Replicated } from './replicated.ts'
import type { StateMachine } from './state-machine.ts'

/** What a folder or a backup holds of a member. */
export interface LogContent {
  readonly identity: LogIdentity
  readonly hardState: HardState
  /** Of the newest snapshot; its content, if it has any, is `snapshot`. */
  readonly metadata: SnapshotMetadata | undefined
  readonly snapshot: StoredSnapshot | undefined
  /** Up to here entries are forgotten; index 0 for none. */
  readonly compaction: Compaction
  readonly entries: readonly Entry[]
}

export interface LogSurvey {
  readonly group: string
  readonly member: string
  /** 32 hex digits; empty when this member never took part. */
  readonly groupId: string
  /** 0 for one that is no member, as far as it knows. */
  readonly id: number
  readonly members: readonly MemberInfo[]
  /** The id that nobody has had. */
  readonly nextId: number
  readonly term: number
  /** As far as it is written down: more may be committed. */
  readonly commitIndex: number
  readonly firstIndex: number
  readonly lastIndex: number
  /** Of the last entry: of two logs that with the higher one is further, and only then the longer one (section 5.4.1). */
  readonly lastTerm: number
  readonly snapshotIndex: number
  readonly snapshotBytes: number
  readonly sessions: number
}

/** A machine that makes nothing of the commands, for what is the room's own. */
const rawCodec: Codec = {
  contentType: 'application/octet-stream',
  encode: () => new Uint8Array(),
  decode: () => undefined,
}
const blank: StateMachine<undefined, undefined, undefined> = {
  initial: undefined,
  codec: rawCodec,
  plain: false,
  apply: () => ({ state: undefined, result: undefined }),
  snapshot: () => [],
  async restore(chunks) {
    // Read to its end, where its hash is known.
    for await (const chunk of chunks) void chunk
    return undefined
  },
}

/** Of what is committed; `all`: of what the log holds. Rejects with `raft.log_corrupt`, `raft.invalid_frame`. */
export async function surveyLog(content: LogContent, upTo: 'committed' | 'all' = 'committed'): Promise<LogSurvey> {
  const { identity, hardState, metadata, snapshot, compaction, entries } = content
  const replicated = new Replicated(blank)
  if (snapshot) replicated.restore(await decodeCaptured(blank, snapshot.chunks()))
  const base = metadata?.index ?? 0
  const lastIndex = compaction.index + entries.length
  const commitIndex = Math.max(hardState.commit, base)
  const limit = upTo === 'all' ? lastIndex : Math.min(commitIndex, lastIndex)
  const node = configured(metadata)
  let confState = metadata?.confState ?? emptyConfState
  for (const entry of entries) {
    if (entry.index <= base || entry.index > limit) continue
    if (entry.type === 'EntryNormal') {
      replicated.apply(entry)
      continue
    }
    const change = unmarshalConfChange(entry.type, entry.data)
    confState = node.applyConfChange(change)
    replicated.applyChange(entry, change)
  }
  const rows = replicated.members.rows()
  const own = rows.find(({ name, token }) => name === identity.member && token === identity.token)
  return {
    group: identity.group,
    member: identity.member,
    groupId: replicated.groupId ?? '',
    id: own?.id ?? 0,
    members: memberInfos(rows, confState),
    nextId: replicated.members.nextId,
    term: hardState.term,
    commitIndex,
    firstIndex: compaction.index + 1,
    lastIndex,
    lastTerm: entries.at(-1)?.term ?? compaction.term,
    snapshotIndex: base,
    snapshotBytes: snapshot?.content.sizeBytes ?? 0,
    sessions: replicated.sessions.size,
  }
}

/** What the core makes of one change after the other. */
function configured(metadata: SnapshotMetadata | undefined): RawNode {
  const storage = new MemoryStorage()
  if (metadata) {
    storage.applySnapshot({ metadata })
    storage.setHardState({ term: metadata.term, vote: 0, commit: metadata.index })
  }
  return new RawNode({ id: 1, electionTick: 10, heartbeatTick: 1, storage, random: seededRandom(0) })
}

/** The members by name, with what the configuration makes of each. */
export function memberInfos(rows: readonly MemberRow[], confState: ConfState): readonly MemberInfo[] {
  return rows.map(({ id, name, address }) => ({ id, name, address, role: roleIn(id, confState) }))
}

function roleIn(id: number, { voters, learners }: ConfState): MemberInfo['role'] {
  if (voters.includes(id)) return 'voter'
  return learners.includes(id) ? 'learner' : 'leaving'
}

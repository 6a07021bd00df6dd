/**
 * The records of a member's log as bytes. Unlike wire.ts, which is read from the network, this is read from the own disk, where
 * checksums have already told what was damaged; it is held within bounds all the same. It decides nothing of what records mean
 * one after the other: that is log-replay.ts.
 *
 * | kind | record | bytes: numbers as varints, texts with their length |
 * | --- | --- | --- |
 * | 1 | identity | group, member, token 16 |
 * | 2 | hard state | term, vote, commit |
 * | 3 | entry | term, index, type, whether there is data, data |
 * | 4, 5 | snapshot installed, made | index, term, configuration, whether there is data, data |
 * | 6 | compacted | index, term |
 */
import { InvalidArgument } from '../base/error.ts'
import type { LogRecord } from '../store/segment-log.ts'
import { ByteReader, ByteWriter } from './bytes.ts'
import type { ConfState, Entry, EntryType, HardState, MemberId, Snapshot } from './core/message.ts'
import type { LogIdentity, SnapshotContent } from './log-store.ts'

/** What is compacted: the index up to which entries are forgotten, and the term of the one there. */
export interface Compaction {
  readonly index: number
  readonly term: number
}

export type MemberRecord =
  | { readonly type: 'identity'; readonly identity: LogIdentity }
  | { readonly type: 'hard-state'; readonly hardState: HardState }
  | { readonly type: 'entry'; readonly entry: Entry }
  | { readonly type: 'installed' | 'made'; readonly snapshot: Snapshot }
  | { readonly type: 'compacted'; readonly compaction: Compaction }

const nameBytesMax = 1024
const membersMax = 65_536
const entryTypes: readonly EntryType[] = ['EntryNormal', 'EntryConfChange', 'EntryConfChangeV2']

export function encodeRecord(record: MemberRecord): LogRecord {
  switch (record.type) {
    case 'identity':
      return written(1, (out) => {
        out.text(record.identity.group)
        out.text(record.identity.member)
        out.raw(fromHex(record.identity.token))
      })
    case 'hard-state':
      return written(2, (out) => {
        out.varint(record.hardState.term)
        out.varint(record.hardState.vote)
        out.varint(record.hardState.commit)
      })
    case 'entry':
      return encodeEntry(record.entry)
    case 'installed':
      return written(4, (out) => writeSnapshot(out, record.snapshot))
    case 'made':
      return written(5, (out) => writeSnapshot(out, record.snapshot))
    case 'compacted':
    default:
      return written(6, (out) => {
        out.varint(record.compaction.index)
        out.varint(record.compaction.term)
      })
  }
}

/** The hot path: a record for each entry of each save. */
function encodeEntry({ term, index, type, data }: Entry): LogRecord {
  const out = new ByteWriter(18 + (data?.length ?? 0))
  out.varint(term)
  out.varint(index)
  out.u8(entryTypes.indexOf(type))
  writeData(out, data)
  return { kind: 3, payload: out.finish() }
}

/** Throws `raft.invalid_frame` for what is none; data of entries are views of the payload. */
export function decodeRecord({ kind, payload }: LogRecord): MemberRecord {
  const input = new ByteReader(payload)
  switch (kind) {
    case 1: {
      const [group, member] = [input.text(nameBytesMax), input.text(nameBytesMax)]
      const token = Buffer.from(input.raw(16)).toString('hex')
      input.end()
      return { type: 'identity', identity: { group, member, token } }
    }
    case 2: {
      const [term, vote, commit] = [input.varint(), input.varint(), input.varint()]
      input.end()
      return { type: 'hard-state', hardState: { term, vote, commit } }
    }
    case 3: {
      const [term, index] = [input.varint(), input.varint()]
      const type = entryTypes[input.u8()]
      if (type === undefined) throw new InvalidArgument('record', 'has no type of entry that is known')
      return { type: 'entry', entry: { term, index, type, ...readData(input) } }
    }
    case 4:
    case 5:
      return { type: kind === 4 ? 'installed' : 'made', snapshot: readSnapshot(input) }
    case 6: {
      const [index, term] = [input.varint(), input.varint()]
      input.end()
      return { type: 'compacted', compaction: { index, term } }
    }
    default:
      throw new InvalidArgument('record', `has the kind ${kind}, which a newer version may know`)
  }
}

/** The content as the data of a Snapshot: bytes 1 to 8, SHA-256 32. */
export function encodeSnapshotContent({ sizeBytes, sha256 }: SnapshotContent): Uint8Array {
  const out = new ByteWriter(40)
  out.varint(sizeBytes)
  out.raw(fromHex(sha256))
  // Plain bytes, as they are read again: whoever compares snapshots compares kinds too.
  return new Uint8Array(out.finish())
}

/** Throws `raft.invalid_frame`. */
export function decodeSnapshotContent(data: Uint8Array): SnapshotContent {
  const input = new ByteReader(data)
  const sizeBytes = input.varint()
  const sha256 = Buffer.from(input.raw(32)).toString('hex')
  input.end()
  return { sizeBytes, sha256 }
}

function written(kind: number, write: (out: ByteWriter) => void): LogRecord {
  const out = new ByteWriter(64)
  write(out)
  return { kind, payload: out.finish() }
}

function writeSnapshot(out: ByteWriter, { metadata, data }: Snapshot): void {
  const { voters, learners, votersOutgoing, learnersNext, autoLeave } = metadata.confState
  out.varint(metadata.index)
  out.varint(metadata.term)
  for (const ids of [voters, learners, votersOutgoing, learnersNext]) {
    out.varint(ids.length)
    for (const id of ids) out.varint(id)
  }
  out.u8(autoLeave ? 1 : 0)
  writeData(out, data)
}

function readSnapshot(input: ByteReader): Snapshot {
  const [index, term] = [input.varint(), input.varint()]
  const ids = (): MemberId[] => Array.from({ length: input.count(membersMax) }, () => input.varint())
  const [voters, learners, votersOutgoing, learnersNext] = [ids(), ids(), ids(), ids()]
  const confState: ConfState = { voters, learners, votersOutgoing, learnersNext, autoLeave: input.flag() }
  return { metadata: { index, term, confState }, ...readData(input) }
}

function writeData(out: ByteWriter, data: Uint8Array | undefined): void {
  out.u8(data === undefined ? 0 : 1)
  if (data) out.raw(data)
}

/** All that is left. */
function readData(input: ByteReader): { readonly data?: Uint8Array } {
  if (input.flag()) return { data: input.raw(input.rest) }
  input.end()
  return {}
}

function fromHex(text: string): Uint8Array {
  return Buffer.from(text, 'hex')
}

/**
 * A backup of a group as one file's bytes: who it is of, a snapshot, and the entries behind it. Unlike a copy of a member's folder it is
 * no member: nobody can be started from it, only a new group can be made of it (new-group.ts). It opens no file.
 *
 * `clqraft1`, a length of 4 bytes and so many bytes of a header in JSON, the snapshot's content, the entries, each a length of 4 bytes and
 * the log's own record, then SHA-256 over all of it, 32 bytes.
 */
import { createHash } from 'node:crypto'
import { jsonCodec } from '../base/codec.ts'
import { messageOf } from '../base/error.ts'
import type { Entry, SnapshotMetadata } from './core/message.ts'
import { InvalidFrame } from './error.ts'
import { decodeRecord, encodeRecord } from './log-codec.ts'
import type { SnapshotContent, StoredSnapshot } from './log-store.ts'
import type { LogContent } from './log-survey.ts'

export interface BackupAbout {
  readonly group: string
  readonly member: string
  readonly groupId: string
  readonly takenMs: number
}

export interface BackupHeader extends BackupAbout {
  readonly version: 1
  /** Of the last entry in it. */
  readonly index: number
  readonly term: number
  /** Up to here it was known to be committed. */
  readonly commitIndex: number
  readonly snapshot?: { readonly metadata: SnapshotMetadata; readonly content: SnapshotContent }
  readonly entries: number
}

/** Where the bytes of a backup are. */
export interface BackupSource {
  readonly sizeBytes: number
  /** As many as asked for: it is never asked beyond the end. */
  read(offset: number, length: number): Promise<Uint8Array>
}

const magic = new TextEncoder().encode('clqraft1')
const hashBytes = 32
const headerMaxBytes = 4 * 1024 * 1024
const pieceBytes = 64 * 1024
const codec = jsonCodec({ sizeMaxBytes: headerMaxBytes })

/** Of a running member: what its snapshot holds. */
export function backupOfSnapshot(about: BackupAbout, stored: StoredSnapshot): AsyncIterable<Uint8Array> {
  const { metadata, content } = stored
  const { index, term } = metadata
  const header: BackupHeader = {
    version: 1,
    ...about,
    index,
    term,
    commitIndex: index,
    snapshot: { metadata, content },
    entries: 0,
  }
  return bytesOf(header, stored.chunks(), [])
}

/** Of a member that does not run: its snapshot, and all entries behind it. */
export function backupOfLog(
  about: BackupAbout,
  { hardState, metadata, snapshot, ...log }: LogContent,
): AsyncIterable<Uint8Array> {
  const kept = snapshot && metadata && { metadata, content: snapshot.content }
  const entries = log.entries.filter(({ index }) => index > (kept?.metadata.index ?? 0))
  const last = entries.at(-1) ?? kept?.metadata
  const header: BackupHeader = {
    version: 1,
    ...about,
    index: last?.index ?? 0,
    term: last?.term ?? 0,
    commitIndex: Math.max(hardState.commit, kept?.metadata.index ?? 0),
    ...(kept && { snapshot: kept }),
    entries: entries.length,
  }
  return bytesOf(header, snapshot?.chunks(), entries)
}

async function* bytesOf(
  header: BackupHeader,
  content: AsyncIterable<Uint8Array> | undefined,
  entries: readonly Entry[],
): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256')
  for await (const piece of parts(header, content, entries)) {
    hash.update(piece)
    yield piece
  }
  yield hash.digest()
}

async function* parts(
  header: BackupHeader,
  content: AsyncIterable<Uint8Array> | undefined,
  entries: readonly Entry[],
): AsyncGenerator<Uint8Array> {
  yield magic
  yield* withLength(codec.encode(header))
  if (content) yield* content
  for (const entry of entries) yield* withLength(encodeRecord({ type: 'entry', entry }).payload)
}

function* withLength(bytes: Uint8Array): Generator<Uint8Array> {
  const length = Buffer.alloc(4)
  length.writeUInt32LE(bytes.length)
  yield length
  yield bytes
}

/**
 * Reads a backup after all of it was held against its hash. Rejects with `raft.invalid_frame`; the entries are in memory, the snapshot
 * is read when it is asked for.
 */
export async function readBackup(
  source: BackupSource,
): Promise<{ readonly header: BackupHeader; readonly content: LogContent }> {
  await checkHash(source)
  const head = await source.read(0, magic.length + 4)
  const length = Buffer.from(head).readUInt32LE(magic.length)
  if (length > headerMaxBytes || head.length + length > source.sizeBytes - hashBytes)
    throw new InvalidFrame('of a backup has a header that is too long')
  const header = headerOf(await source.read(head.length, length))
  let at = head.length + length
  const { snapshot } = header
  const stored = snapshot && storedIn(source, at, snapshot)
  at += snapshot?.content.sizeBytes ?? 0
  const entries = await entriesIn(source, at, header.entries)
  const base = snapshot?.metadata ?? { index: 0, term: 0 }
  if (entries.some(({ index }, place) => index !== base.index + place + 1))
    throw new InvalidFrame('of a backup has entries that leave a gap')
  return {
    header,
    content: {
      identity: { group: header.group, member: header.member, token: '' },
      hardState: { term: header.term, vote: 0, commit: header.commitIndex },
      metadata: snapshot?.metadata,
      snapshot: stored,
      compaction: { index: base.index, term: base.term },
      entries,
    },
  }
}

async function checkHash(source: BackupSource): Promise<void> {
  const end = source.sizeBytes - hashBytes
  if (end < magic.length + 4) throw new InvalidFrame('of a backup is cut off')
  if (Buffer.compare(await source.read(0, magic.length), magic) !== 0) throw new InvalidFrame('is no backup')
  const hash = createHash('sha256')
  for (let at = 0; at < end; at += pieceBytes) hash.update(await source.read(at, Math.min(pieceBytes, end - at)))
  if (Buffer.compare(hash.digest(), await source.read(end, hashBytes)) !== 0)
    throw new InvalidFrame('of a backup is not what was written: it was cut off or changed')
}

/** The hash has shown that this room wrote it; its version may be a later one. */
function headerOf(bytes: Uint8Array): BackupHeader {
  let header: BackupHeader
  try {
    header = codec.decode(bytes) as BackupHeader
  } catch (cause) {
    throw new InvalidFrame(`of a backup has a header that cannot be read: ${messageOf(cause)}`, { cause })
  }
  if (header.version !== 1) throw new InvalidFrame(`of a backup is of version ${String(header.version)}`)
  return header
}

function storedIn(
  source: BackupSource,
  from: number,
  { metadata, content }: NonNullable<BackupHeader['snapshot']>,
): StoredSnapshot {
  const { sizeBytes } = content
  return {
    metadata,
    content,
    async *chunks() {
      for (let at = 0; at < sizeBytes; at += pieceBytes)
        yield await source.read(from + at, Math.min(pieceBytes, sizeBytes - at))
    },
  }
}

async function entriesIn(source: BackupSource, from: number, count: number): Promise<Entry[]> {
  const end = source.sizeBytes - hashBytes
  const entries: Entry[] = []
  let at = from
  for (let rest = count; rest > 0; rest--) {
    if (at + 4 > end) throw new InvalidFrame('of a backup has fewer entries than it says')
    const length = Buffer.from(await source.read(at, 4)).readUInt32LE()
    if (at + 4 + length > end) throw new InvalidFrame('of a backup has an entry that is cut off')
    const record = decodeRecord({ kind: 3, payload: await source.read(at + 4, length) })
    if (record.type === 'entry') entries.push(record.entry)
    at += 4 + length
  }
  if (at !== end) throw new InvalidFrame('of a backup has something behind its entries')
  return entries
}

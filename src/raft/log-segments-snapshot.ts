/**
 * The snapshots of the segments driver: files of their own beside the segments. Unlike the log's records they are large and
 * written only once: under another name first, with their hash at the end, and they have their name only when they are on the
 * disk as a whole. Which one counts is a record of the log; the others are swept away.
 *
 * A file is the content, then 16 bytes: magic 8 and its length 8, and its SHA-256, 32.
 */
import { createHash } from 'node:crypto'
import { InvalidArgument } from '../base/error.ts'
import type { Disk, DiskFile } from '../store/disk.ts'
import { DiskMissing } from '../store/error.ts'
import type { SnapshotMetadata } from './core/message.ts'
import { LogCorrupt, SnapshotDamaged, SnapshotReplaced } from './error.ts'
import type { SnapshotContent, StoredSnapshot } from './log-store.ts'

const chunkBytes = 64 * 1024
const magic = new TextEncoder().encode('clqsnap1')
const trailerBytes = 48
const namePattern = /^snapshot-\d{16}-[0-9a-f]{16}$|^snapshot-\d+\.tmp$/

export class SnapshotFiles {
  readonly #disk: Disk
  readonly #folder: string
  /** Index of each that was received and is not yet installed, by name. */
  readonly #received = new Map<string, number>()
  /** Names of those that are made and not yet in the log. */
  readonly #making = new Set<string>()
  #kept: string | undefined
  #writing = 0
  #written = 0

  constructor(disk: Disk, folder: string) {
    this.#disk = disk
    this.#folder = folder
  }

  /** Writes the content, durable under its name. With `expected` anything else is `raft.snapshot_damaged`, and removed. */
  async write(
    metadata: SnapshotMetadata,
    content: AsyncIterable<Uint8Array>,
    expected?: SnapshotContent,
  ): Promise<SnapshotContent> {
    const passing = this.#at(`snapshot-${++this.#written}.tmp`)
    this.#writing++
    try {
      const found = await this.#fill(passing, metadata, content, expected)
      const name = nameOf(metadata, found)
      if (expected) this.#received.set(name, metadata.index)
      else this.#making.add(name)
      await this.#disk.rename(passing, this.#at(name))
      await this.#disk.syncFolder(this.#folder)
      return found
    } catch (error) {
      await this.#disk.remove(passing).catch(() => {})
      throw error
    } finally {
      this.#writing--
    }
  }

  async #fill(
    path: string,
    { index }: SnapshotMetadata,
    content: AsyncIterable<Uint8Array>,
    expected: SnapshotContent | undefined,
  ): Promise<SnapshotContent> {
    await using file = await this.#disk.open(path, { create: true })
    await file.truncate(0)
    const hash = createHash('sha256')
    let sizeBytes = 0
    for await (const chunk of content) {
      if (!(chunk instanceof Uint8Array)) throw new InvalidArgument('content', 'must be chunks of bytes')
      if (expected && sizeBytes + chunk.length > expected.sizeBytes)
        throw new SnapshotDamaged(index, `is longer than the ${expected.sizeBytes} bytes that were announced`)
      hash.update(chunk)
      await file.write(sizeBytes, chunk)
      sizeBytes += chunk.length
    }
    const digest = hash.digest()
    const found = { sizeBytes, sha256: digest.toString('hex') }
    if (expected && (expected.sizeBytes !== sizeBytes || expected.sha256 !== found.sha256))
      throw new SnapshotDamaged(index, `has ${sizeBytes} bytes, and size or hash are not what was announced`)
    await file.write(sizeBytes, trailerOf(sizeBytes, digest))
    await file.sync()
    return found
  }

  /** Whether the content is there, by name and length; what it holds is read when it is needed. */
  async has(metadata: SnapshotMetadata, content: SnapshotContent): Promise<boolean> {
    try {
      await using file = await this.#disk.open(this.#at(nameOf(metadata, content)))
      return file.size === content.sizeBytes + trailerBytes
    } catch (error) {
      if (error instanceof DiskMissing) return false
      throw error
    }
  }

  wasReceived(metadata: SnapshotMetadata, content: SnapshotContent): boolean {
    return this.#received.has(nameOf(metadata, content))
  }

  stored(metadata: SnapshotMetadata, content: SnapshotContent): StoredSnapshot {
    const path = this.#at(nameOf(metadata, content))
    return { metadata, content, chunks: () => chunksOf(this.#disk, path, metadata, content) }
  }

  /** The newest is this one now, or there is none with content. */
  keep(metadata: SnapshotMetadata | undefined, content: SnapshotContent | undefined): void {
    this.#kept = metadata && content && nameOf(metadata, content)
  }

  /**
   * Removes all snapshots but the newest and those that are received, made or written right now: each is looked at when its turn
   * comes, for the newest may be another by then. What cannot be removed now is swept after the next one.
   */
  async sweep(): Promise<void> {
    try {
      for (const { name } of await this.#disk.list(this.#folder)) {
        if (!namePattern.test(name) || name === this.#kept) continue
        if (this.#received.has(name) || this.#making.has(name)) continue
        if (name.endsWith('.tmp') && this.#writing > 0) continue
        await this.#disk.remove(this.#at(name))
      }
    } catch {
      // A file too many is no loss.
    }
  }

  /** The log has told of one that was made, or it will not. */
  madeOver(metadata: SnapshotMetadata, content: SnapshotContent): void {
    this.#making.delete(nameOf(metadata, content))
  }

  /** One was installed: those that were received for an index up to its own will not be. */
  installedAt({ index }: SnapshotMetadata): void {
    for (const [name, each] of this.#received) if (each <= index) this.#received.delete(name)
  }

  #at(name: string): string {
    return this.#folder === '' ? name : `${this.#folder}/${name}`
  }
}

function nameOf({ index }: SnapshotMetadata, { sha256 }: SnapshotContent): string {
  return `snapshot-${String(index).padStart(16, '0')}-${sha256.slice(0, 16)}`
}

function trailerOf(sizeBytes: number, digest: Uint8Array): Uint8Array {
  const trailer = new Uint8Array(trailerBytes)
  trailer.set(magic)
  new DataView(trailer.buffer).setFloat64(8, sizeBytes, true)
  trailer.set(digest, 16)
  return trailer
}

async function* chunksOf(
  disk: Disk,
  path: string,
  { index }: SnapshotMetadata,
  { sizeBytes, sha256 }: SnapshotContent,
): AsyncGenerator<Uint8Array> {
  await using file = await opened(disk, path, index)
  const hash = createHash('sha256')
  for (let at = 0; at < sizeBytes; at += chunkBytes) {
    const chunk = await file.read(at, Math.min(chunkBytes, sizeBytes - at))
    hash.update(chunk)
    // The last chunk is not given before all of them are known to be right.
    if (at + chunkBytes >= sizeBytes && hash.copy().digest('hex') !== sha256)
      throw new LogCorrupt(path, 0, 'the snapshot is not what was kept')
    yield chunk
  }
  const trailer = await file.read(sizeBytes, trailerBytes)
  const expected = trailerOf(sizeBytes, Buffer.from(sha256, 'hex'))
  if (file.size !== sizeBytes + trailerBytes || Buffer.compare(trailer, expected) !== 0)
    throw new LogCorrupt(path, sizeBytes, 'the snapshot does not end as one does')
}

async function opened(disk: Disk, path: string, index: number): Promise<DiskFile> {
  try {
    return await disk.open(path)
  } catch (cause) {
    if (cause instanceof DiskMissing) throw new SnapshotReplaced(index, { cause })
    throw cause
  }
}

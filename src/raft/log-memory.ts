/**
 * The memory driver of the LogStore: as durable as the process, and otherwise the same as the segments driver, which is what
 * tests, simulations and groups that keep nothing want. It writes no file.
 */
import { createHash } from 'node:crypto'
import { type Entropy, systemEntropy } from '../base/entropy.ts'
import { Closed, InvalidArgument } from '../base/error.ts'
import { checkKeys, plainName } from '../base/limit.ts'
import { MemoryStorage } from './core/memory-storage.ts'
import type { Snapshot, SnapshotMetadata } from './core/message.ts'
import { entriesBytes } from './core/wire-size.ts'
import type { Storage } from './core/storage.ts'
import { SnapshotDamaged } from './error.ts'
import { decodeSnapshotContent, encodeSnapshotContent } from './log-codec.ts'
import { LogState, notReceived } from './log-state.ts'
import type { LogIdentity, LogStore, SaveRequest, SnapshotContent, StoredSnapshot } from './log-store.ts'

export interface LogMemoryOptions {
  /** Whose log it is, at most 256 characters each. */
  readonly group: string
  readonly member: string
  /** For the token. Default the system's. */
  readonly entropy?: Entropy
}

/** A new, empty log. Throws `base.invalid_argument`. */
export function logMemory(options: LogMemoryOptions): LogStore {
  checkKeys('options', options, ['group', 'member', 'entropy'])
  const token = Buffer.from((options.entropy ?? systemEntropy).bytes(16)).toString('hex')
  const [group, member] = [plainName('group', options.group, 256), plainName('member', options.member, 256)]
  return new MemoryLog({ group, member, token })
}

const chunkBytes = 64 * 1024

class MemoryLog implements LogStore {
  readonly driver = 'memory'
  readonly durable = false
  readonly identity: LogIdentity
  readonly #state = new LogState(new MemoryStorage(), undefined, { index: 0, term: 0 })
  readonly #received = new Map<string, StoredSnapshot>()
  #stored: StoredSnapshot | undefined
  #bytes = 0
  #closed = false

  constructor(identity: LogIdentity) {
    this.identity = identity
  }

  get storage(): Storage {
    return this.#state.storage
  }
  get sizeBytes(): number {
    return this.#bytes
  }

  async save(request: SaveRequest): Promise<void> {
    this.#check()
    const { snapshot, entries = [] } = request
    const received = snapshot && this.#receivedOf(snapshot)
    this.#state.accept(request)
    const { storage } = this.#state
    const [first] = entries
    if (snapshot) this.#bytes = 0
    else if (first) this.#bytes -= this.#bytesFrom(first.index)
    this.#state.apply(request)
    if (first) this.#bytes += this.#bytesFrom(first.index)
    if (snapshot === undefined) return
    this.#stored = received
    for (const [key, { metadata }] of this.#received)
      if (metadata.index <= storage.firstIndex() - 1) this.#received.delete(key)
  }

  /** Of the entries from an index on. */
  #bytesFrom(index: number): number {
    const { storage } = this.#state
    const from = Math.max(index, storage.firstIndex())
    if (from > storage.lastIndex()) return 0
    const entries = storage.entries(from, storage.lastIndex() + 1, Infinity)
    return typeof entries === 'string' ? 0 : entriesBytes(entries)
  }

  #receivedOf({ metadata, data }: Snapshot): StoredSnapshot | undefined {
    if (data === undefined) return undefined
    const received = this.#received.get(keyOf(metadata, decodeSnapshotContent(data)))
    if (received === undefined) throw notReceived(metadata)
    return { ...received, metadata }
  }

  async makeSnapshot(metadata: SnapshotMetadata, content: AsyncIterable<Uint8Array>): Promise<StoredSnapshot> {
    this.#check()
    this.#state.checkMade(metadata)
    const stored = await storedOf(metadata, content)
    this.#check()
    this.#state.checkMade(metadata)
    const snapshot: Snapshot = { metadata, data: encodeSnapshotContent(stored.content) }
    this.#state.snapshot = snapshot
    this.#state.storage.createSnapshot(metadata.index, metadata.confState, snapshot.data)
    this.#stored = stored
    return stored
  }

  async receiveSnapshot(
    metadata: SnapshotMetadata,
    expected: SnapshotContent,
    content: AsyncIterable<Uint8Array>,
  ): Promise<void> {
    this.#check()
    const stored = await storedOf(metadata, content, expected.sizeBytes)
    if (stored.content.sizeBytes !== expected.sizeBytes || stored.content.sha256 !== expected.sha256)
      throw new SnapshotDamaged(metadata.index, 'is not what was announced, in size or hash')
    this.#received.set(keyOf(metadata, expected), stored)
  }

  snapshot(): StoredSnapshot | undefined {
    return this.#stored
  }

  async compact(index: number): Promise<void> {
    this.#check()
    const compaction = this.#state.compactionAt(index)
    if (compaction === undefined) return
    this.#state.compaction = compaction
    this.#state.compact(compaction)
    this.#bytes = this.#bytesFrom(index + 1)
  }

  #check(): void {
    if (this.#closed) throw new Closed('the log')
  }

  async close(): Promise<void> {
    this.#closed = true
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

function keyOf({ index }: SnapshotMetadata, { sha256 }: SnapshotContent): string {
  return `${index} ${sha256}`
}

async function storedOf(
  metadata: SnapshotMetadata,
  content: AsyncIterable<Uint8Array>,
  maxBytes = Infinity,
): Promise<StoredSnapshot> {
  const hash = createHash('sha256')
  const pieces: Uint8Array[] = []
  let sizeBytes = 0
  for await (const chunk of content) {
    if (!(chunk instanceof Uint8Array)) throw new InvalidArgument('content', 'must be chunks of bytes')
    sizeBytes += chunk.length
    if (sizeBytes > maxBytes) throw new SnapshotDamaged(metadata.index, `is longer than ${maxBytes} bytes`)
    hash.update(chunk)
    for (let at = 0; at < chunk.length; at += chunkBytes) pieces.push(chunk.slice(at, at + chunkBytes))
  }
  return {
    metadata,
    content: { sizeBytes, sha256: hash.digest('hex') },
    async *chunks() {
      yield* pieces
    },
  }
}

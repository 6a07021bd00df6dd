/**
 * ReplicaSnapshots: when a snapshot of the state is made, how it travels, and what of the log goes after it. Unlike the log store, which
 * keeps one, it decides; it holds up nothing: the state is a value, and the group goes on while it is written.
 */
import { codeOf } from '../base/error.ts'
import type { Logger } from '../base/logger.ts'
import type { Entry, MemberId, Message, SnapshotMetadata } from './core/message.ts'
import { InvalidFrame, StreamFailed } from './error.ts'
import { decodeSnapshotContent } from './log-codec.ts'
import type { LogStore, StoredSnapshot } from './log-store.ts'
import type { GroupLink } from './transport.ts'

export interface SnapshotSettings {
  readonly log: LogStore
  readonly logger: Logger
  readonly snapshotEveryEntries: number
  readonly snapshotEveryBytes: number
  readonly keepEntries: number
}

export interface SnapshotHost {
  /** What is applied now, with its place. */
  capture(): { readonly metadata: SnapshotMetadata; readonly content: AsyncIterable<Uint8Array> }
  appliedIndex(): number
  /** The first index that the log still has. */
  compacted(firstIndex: number): void
  failed(error: unknown): void
}

export class ReplicaSnapshots {
  readonly #settings: SnapshotSettings
  readonly #host: SnapshotHost
  #entries = 0
  #bytes = 0
  #making: Promise<StoredSnapshot> | undefined
  readonly #ending = new AbortController()
  readonly #receiving = new Set<string>()

  constructor(settings: SnapshotSettings, host: SnapshotHost) {
    this.#settings = settings
    this.#host = host
  }

  /** Counts what was applied; makes a snapshot when it is time. */
  applied(entries: readonly Entry[]): void {
    const { snapshotEveryEntries, snapshotEveryBytes } = this.#settings
    this.#entries += entries.length
    for (const { data } of entries) this.#bytes += data?.length ?? 0
    if (this.#entries < snapshotEveryEntries && this.#bytes < snapshotEveryBytes) return
    if (this.#making === undefined) this.renew()
  }

  /** Makes one without anybody who waits: it is time, or somebody needs one that is newer than itself. */
  renew(): void {
    this.make().catch((error: unknown) => {
      if (!this.#ending.signal.aborted) this.#settings.logger.warn({ err: error }, 'a snapshot was not made')
    })
  }

  /** The snapshot of what is applied now, or of shortly before when one is under way. */
  async make(): Promise<StoredSnapshot> {
    const { log } = this.#settings
    const before = log.snapshot()
    if (this.#making === undefined && before?.metadata.index === this.#host.appliedIndex()) return before
    this.#making ??= this.#make().finally(() => {
      this.#making = undefined
    })
    return this.#making
  }

  async #make(): Promise<StoredSnapshot> {
    const { log, keepEntries } = this.#settings
    this.#entries = 0
    this.#bytes = 0
    const { metadata, content } = this.#host.capture()
    try {
      const stored = await log.makeSnapshot(metadata, content)
      await this.#compact(metadata.index - keepEntries)
      return stored
    } catch (error) {
      // A newer one was installed meanwhile.
      const newest = log.snapshot()
      if (newest !== undefined && newest.metadata.index >= metadata.index) return newest
      if (codeOf(error) === 'raft.log_failed') this.#host.failed(error)
      throw error
    }
  }

  async #compact(index: number): Promise<void> {
    const { log } = this.#settings
    if (index < log.storage.firstIndex()) return
    await log.compact(index)
    this.#host.compacted(log.storage.firstIndex())
  }

  /** Sends the log's snapshot to whom the core wants to have it; tells what became of it. */
  send(
    link: GroupLink,
    to: string,
    header: Uint8Array,
    { snapshot }: Message,
    report: (outcome: 'finished' | 'failed') => void,
  ): void {
    const stored = this.#settings.log.snapshot()
    if (stored === undefined || stored.metadata.index !== snapshot?.metadata.index) return report('failed')
    link.stream(to, header, stored.chunks(), { signal: this.#ending.signal }).then(
      () => report('finished'),
      (error: unknown) => {
        this.#settings.logger.info({ err: error, to }, 'a snapshot was not sent')
        report('failed')
      },
    )
  }

  /** Takes the content of a snapshot that a leader sends; resolves when it is kept, to be installed. */
  async receive(from: MemberId, { snapshot }: Message, content: AsyncIterable<Uint8Array>): Promise<void> {
    if (snapshot?.data === undefined) throw new InvalidFrame('of a snapshot has no content')
    const { metadata, data } = snapshot
    const key = `${metadata.index} ${metadata.term}`
    if (this.#receiving.has(key)) throw new StreamFailed(`${from}`, 'the same snapshot is being received')
    this.#receiving.add(key)
    try {
      await this.#settings.log.receiveSnapshot(metadata, decodeSnapshotContent(data), content)
    } finally {
      this.#receiving.delete(key)
    }
  }

  close(): void {
    this.#ending.abort()
  }
}

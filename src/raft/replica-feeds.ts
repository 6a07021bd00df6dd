/**
 * ReplicaFeeds: who watches: leaders, and decisions. Unlike the bus it keeps nothing of its own: decisions are read from the log, so a
 * slow reader costs no memory, and one that is too slow is told that the log is compacted. It never holds up what it tells of.
 */
import type { Clock } from '../base/clock.ts'
import { Aborted, InvalidArgument } from '../base/error.ts'
import { BoundedQueue } from '../base/queue.ts'
import { decodeEnvelope } from './command-envelope.ts'
import type { Storage } from './core/storage.ts'
import type { Decision, LeaderInfo } from './raft.ts'
import { DecisionsCompacted } from './replica-error.ts'

export interface FeedHost {
  storage(): Storage
  appliedIndex(): number
  decode(command: Uint8Array): unknown
  /** Undefined while it is open. */
  ended(): Error | undefined
}

const changesMax = 64
const pageBytes = 1024 * 1024

export class ReplicaFeeds {
  readonly #host: FeedHost
  readonly #leaders = new Set<BoundedQueue<LeaderInfo | undefined>>()
  /** Entries that changed nothing, for they had come before or their session was over. */
  readonly #void = new Set<number>()
  /** What is below was applied in another life, and which of it was void is not known. */
  #knownFrom: number
  #last: LeaderInfo | undefined
  readonly #wakers = new Set<() => void>()

  constructor(host: FeedHost, knownFrom: number) {
    this.#host = host
    this.#knownFrom = knownFrom
  }

  leaderChanged(leader: LeaderInfo | undefined): void {
    const last = this.#last
    if (last?.name === leader?.name && last?.term === leader?.term) return
    this.#last = leader
    for (const queue of this.#leaders) queue.push(leader)
  }

  watchLeader(): AsyncIterable<LeaderInfo | undefined> {
    const queue = new BoundedQueue<LeaderInfo | undefined>({
      limit: changesMax,
      overflow: 'drop-oldest',
      name: 'watchLeader',
      onReturn: () => void this.#leaders.delete(queue),
    })
    this.#leaders.add(queue)
    queue.push(this.#last)
    if (this.#host.ended()) queue.end()
    return queue
  }

  /** Resolves with the next change, or after so long, or when the signal is aborted. */
  async nextLeader(clock: Clock, timeoutMs: number, signal: AbortSignal | undefined): Promise<void> {
    const queue = new BoundedQueue<LeaderInfo | undefined>({ limit: 1, overflow: 'drop-oldest' })
    this.#leaders.add(queue)
    const end = (): void => queue.end()
    const timer = clock.timer(timeoutMs, end)
    signal?.addEventListener('abort', end, { once: true })
    await queue.next()
    timer.cancel()
    signal?.removeEventListener('abort', end)
    this.#leaders.delete(queue)
  }

  /** An entry that decided nothing. */
  skip(index: number): void {
    this.#void.add(index)
  }

  /** The log begins at this index; a snapshot from elsewhere tells nothing of what was void before it. */
  compacted(firstIndex: number): void {
    if (firstIndex <= this.#knownFrom) return
    this.#knownFrom = firstIndex
    for (const index of this.#void) if (index < firstIndex) this.#void.delete(index)
  }

  applied(): void {
    if (this.#wakers.size === 0) return
    const wakers = [...this.#wakers]
    this.#wakers.clear()
    for (const wake of wakers) wake()
  }

  async *decisions<Command>(from: number | undefined, signal?: AbortSignal): AsyncIterable<Decision<Command>> {
    let next = from ?? this.#host.appliedIndex() + 1
    if (!Number.isSafeInteger(next) || next < 1) throw new InvalidArgument('from', 'must be a whole number from 1')
    for (;;) {
      if (signal?.aborted) throw new Aborted('decisions', { cause: signal.reason })
      const ended = this.#host.ended()
      if (ended) throw ended
      const applied = this.#host.appliedIndex()
      if (next > applied) {
        await this.#more(signal)
        continue
      }
      const storage = this.#host.storage()
      const entries = next < this.#knownFrom ? 'compacted' : storage.entries(next, applied + 1, pageBytes)
      if (typeof entries === 'string')
        throw new DecisionsCompacted(next, Math.max(this.#knownFrom, storage.firstIndex()))
      for (const { index, term, type, data } of entries) {
        next = index + 1
        if (type !== 'EntryNormal' || data === undefined || data[0] !== 1 || this.#void.has(index)) continue
        const envelope = decodeEnvelope(data)
        if (envelope.kind !== 'command') continue
        yield { index, term, timeMs: envelope.timeMs, command: this.#host.decode(envelope.command) as Command }
      }
    }
  }

  async #more(signal: AbortSignal | undefined): Promise<void> {
    let wake = () => {}
    await new Promise<void>((resolve) => {
      wake = resolve
      this.#wakers.add(wake)
      signal?.addEventListener('abort', wake, { once: true })
    })
    this.#wakers.delete(wake)
    signal?.removeEventListener('abort', wake)
  }

  close(): void {
    for (const queue of this.#leaders) queue.end()
    this.#leaders.clear()
    this.applied()
  }
}

/**
 * Semantic locks over a journal: each has a stream whose last event says who holds it. The streams are the truth, taken by expected version;
 * the queue in memory (`core/lock-queue.ts`) says who is next. It appends nothing itself: a lock is taken in the append with which
 * its saga begins, and freed in the one with which it ends.
 */
import { deferred } from '../base/deferred.ts'
import type { Journal } from '../journal/journal.ts'
import { LockQueue } from './core/lock-queue.ts'
import type { LockWaiter } from './core/lock-queue.ts'
import { LockDeadlock } from './error.ts'
import { lockStream } from './event.ts'

export class LockTable {
  readonly #journal: Journal
  readonly #queue = new LockQueue()
  /** Of each lock that was looked at: the version of its stream. */
  readonly #versions = new Map<string, number>()
  /** Those that are looked up. */
  readonly #reading = new Map<string, Promise<{ readonly version: number; readonly holder: string | undefined }>>()

  constructor(journal: Journal) {
    this.#journal = journal
  }

  /** Locks that are known: somebody holds them, or waits for them. */
  get size(): number {
    return this.#versions.size
  }

  /**
   * Resolves when all are held for this root, in memory: they are its own once that is appended. Rejects with
   * `workflow.lock_deadlock`, the signal's reason, or what the journal fails to read with; then none is held.
   */
  async acquire(root: string, names: readonly string[], signal: AbortSignal): Promise<void> {
    try {
      await this.#acquire(root, names, signal)
    } catch (thrown) {
      this.#forget(names)
      throw thrown
    }
  }

  async #acquire(root: string, names: readonly string[], signal: AbortSignal): Promise<void> {
    // What was looked up may be forgotten again before this goes on.
    while (names.some((name) => !this.#versions.has(name))) await this.#look(names)
    signal.throwIfAborted()
    if (this.#queue.isFree({ root, names })) return this.#queue.hold(names, root)
    const asked = names.filter((name) => this.#queue.holder(name) !== root)
    const granted = deferred()
    const waiter: LockWaiter = { root, names, grant: () => granted.resolve() }
    const circle = this.#queue.wait(waiter)
    if (circle) throw new LockDeadlock(circle.lock, circle.holder)
    const onAbort = () => {
      this.#queue.cancel(waiter)
      granted.reject(signal.reason)
    }
    signal.addEventListener('abort', onAbort, { once: true })
    await granted.promise.finally(() => signal.removeEventListener('abort', onAbort))
    // Whoever freed them has appended since they were looked at.
    try {
      await this.#look(names)
    } catch (thrown) {
      this.freed(root, asked)
      throw thrown
    }
  }

  /** Of the stream of a lock, as it was when the lock was acquired. */
  version(name: string): number {
    return this.#versions.get(name) ?? 0
  }

  /** They were taken by an append that ended there. */
  taken(name: string, version: number): void {
    this.#versions.set(name, version)
  }

  /** The append that frees them is kept, or that which would have taken them was refused. */
  freed(root: string, names: readonly string[]): void {
    for (const name of names) {
      this.#versions.delete(name)
      this.#reading.delete(name)
    }
    this.#queue.free(names, root)
  }

  /** A lock that nobody holds is looked up again when somebody asks: names are made of inputs, and must not gather. */
  #forget(names: readonly string[]): void {
    for (const name of names) if (!this.#queue.isWanted(name)) this.#versions.delete(name)
  }

  /** What the journal says of those that are not known. */
  async #look(names: readonly string[]): Promise<void> {
    for (const name of names)
      while (!this.#versions.has(name)) {
        let reading = this.#reading.get(name)
        if (!reading) this.#reading.set(name, (reading = this.#read(name)))
        const { version, holder } = await reading.catch((thrown: unknown) => {
          if (this.#reading.get(name) === reading) this.#reading.delete(name)
          throw thrown
        })
        // It was freed meanwhile, and what was read may be older: a holder that is gone would be waited for for ever.
        if (this.#reading.get(name) !== reading) continue
        this.#reading.delete(name)
        this.#versions.set(name, version)
        if (holder !== undefined && this.#queue.holder(name) === undefined) this.#queue.hold([name], holder)
      }
  }

  async #read(name: string): Promise<{ readonly version: number; readonly holder: string | undefined }> {
    for await (const { version, event } of this.#journal.readBackward(lockStream(name), { limit: 1 })) {
      const { run } = event.data as { readonly run?: unknown }
      return { version, holder: event.type === 'saga.lock_taken' && typeof run === 'string' ? run : undefined }
    }
    return { version: 0, holder: undefined }
  }
}

/**
 * The sqlite driver opened for reading only: beside the process that owns the folder, or with no owner at all. Unlike the
 * writing store it has no worker and no lock; it learns of commits by asking, and only while somebody waits for one.
 */
import { dirname, join } from 'node:path'
import type { Clock, Timer } from '../base/clock.ts'
import { Aborted } from '../base/error.ts'
import { Changes, refused } from './changes.ts'
import { StoreClosed, StoreReadonly, StoreUnavailable } from './error.ts'
import { readOwnerPid } from './lock.ts'
import type { SqliteAside } from './sqlite-aside.ts'
import { logFile } from './sqlite-file.ts'
import { logFaultOf } from './sqlite-log.ts'
import type { Reader } from './sqlite-reader.ts'
import type { BackupOptions, LogFault, Procedure, Store, StoreCall, StoreStats } from './store.ts'
import { codeOfSystem, processRuns } from './system-error.ts'

/** A fault that an owner who writes may cause in passing has to be seen so often, so far apart. */
const looksMax = 5
const lookAgainMs = 20

export class ReadonlyStore implements Store {
  readonly driver = 'sqlite'
  readonly durable = true
  readonly readonly = true
  readonly stats: StoreStats = { commits: 0, writes: 0, failures: 0 }
  readonly #file: string
  readonly #reader: Reader
  readonly #clock: Clock
  readonly #pollMs: number
  readonly #aside: SqliteAside
  readonly #changes = new Changes()
  #timer: Timer | undefined
  #closed = false

  constructor(file: string, reader: Reader, aside: SqliteAside, clock: Clock, pollMs: number) {
    this.#file = file
    this.#reader = reader
    this.#aside = aside
    this.#clock = clock
    this.#pollMs = pollMs
  }

  async write<Args, Result>(_procedure: Procedure<Args, Result>, _args: Args): Promise<Result> {
    throw this.#closed ? new StoreClosed() : new StoreReadonly()
  }

  async writeTogether(_calls: readonly StoreCall[]): Promise<readonly unknown[]> {
    throw this.#closed ? new StoreClosed() : new StoreReadonly()
  }

  async read<Args, Result>(procedure: Procedure<Args, Result>, args: Args): Promise<Result> {
    if (this.#closed) throw new StoreClosed()
    return this.#reader.read(procedure.run, args)
  }

  changed(signal?: AbortSignal): Promise<void> {
    if (this.#closed) return refused(new StoreClosed())
    try {
      // The first to wait sets what the polls compare with; for who joins later it is old, which only wakes them early.
      if (this.#changes.size === 0) this.#poll(this.#reader.version())
    } catch (error) {
      return refused(error)
    }
    return this.#changes.next(signal)
  }

  #poll(seen: string): void {
    this.#timer?.cancel()
    this.#timer = this.#clock.timer(this.#pollMs, () => {
      if (this.#closed || this.#changes.size === 0) return
      try {
        if (this.#reader.version() === seen) this.#poll(seen)
        else this.#changes.tell()
      } catch (error) {
        this.#changes.fail(error)
      }
    })
  }

  async backup(folder: string, options?: BackupOptions): Promise<void> {
    if (this.#closed) throw new StoreClosed()
    await this.#aside.backup(folder, options)
  }

  async check({ signal }: { readonly signal?: AbortSignal } = {}): Promise<readonly string[]> {
    if (this.#closed) throw new StoreClosed()
    return this.#aside.check(signal)
  }

  async checkLog({ signal }: { readonly signal?: AbortSignal } = {}): Promise<readonly LogFault[]> {
    let fault: LogFault | undefined
    for (let looks = 0; looks < looksMax; looks++) {
      if (this.#closed) throw new StoreClosed()
      if (signal?.aborted) throw new Aborted('the check of the log', { cause: signal.reason })
      try {
        fault = await logFaultOf(logFile(this.#file))
      } catch (cause) {
        const why = `cannot be read (${codeOfSystem(cause)}); look at its permissions and its disk`
        throw new StoreUnavailable(logFile(this.#file), why, { cause })
      }
      if (!fault || !this.#owned()) break
      // The owner may be in the middle of this very write.
      await new Promise<void>((resolve) => this.#clock.timer(lookAgainMs, resolve))
    }
    return fault ? [fault] : []
  }

  #owned(): boolean {
    const pid = readOwnerPid(join(dirname(this.#file), 'owner.json'))
    return pid !== undefined && processRuns(pid)
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#timer?.cancel()
    this.#reader.close()
    this.#changes.fail(new StoreClosed())
    await this.#aside.settle()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

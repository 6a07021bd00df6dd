/**
 * The writing store: hands calls to the worker and answers to their callers. Unlike the worker it never touches the write
 * connection; it keeps who waits, in the order of the calls, which is the order of the answers.
 */
import type { Worker } from 'node:worker_threads'
import { InvalidArgument } from '../base/error.ts'
import type { Logger } from '../base/logger.ts'
import { Changes, refused } from './changes.ts'
import { StoreBacklogFull, StoreClosed, StoreFailed } from './error.ts'
import { fromPortable } from './portable-error.ts'
import { isFatal, typedSqliteError } from './sqlite-error.ts'
import type { SqliteAside } from './sqlite-aside.ts'
import type { Definition, FromWorker, IndexedError, Results, ToWorker } from './sqlite-protocol.ts'
import { refuseMainModule } from './main-module.ts'
import type { Reader } from './sqlite-reader.ts'
import type { BackupOptions, Procedure, Store, StoreCall, StoreStats } from './store.ts'

export interface SqliteStoreParts {
  readonly worker: Worker
  readonly reader: Reader
  readonly aside: SqliteAside
  readonly file: string
  readonly backlogMax: number
  readonly logger: Logger
}

interface Waiting {
  readonly procedure: number | readonly number[]
  readonly args: unknown
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
}

export class SqliteStore implements Store {
  readonly driver = 'sqlite'
  readonly durable = true
  readonly readonly = false
  readonly #parts: SqliteStoreParts
  readonly #changes = new Changes()
  // Procedures are known by the object first: it is the same one at every call of a module.
  readonly #numbers = new WeakMap<Procedure<never, unknown>, number>()
  readonly #numbersByName = new Map<string, number>()
  #definitions: Definition[] = []
  /** Not yet with the worker. */
  #outbox: Waiting[] = []
  /** With the worker; the first to be answered at `#answered`. */
  #sent: Waiting[] = []
  #answered = 0
  #flushing = false
  #commits = 0
  #writes = 0
  #failures = 0
  #failure: unknown
  #closing: Promise<void> | undefined
  #workerEnded: PromiseWithResolvers<void> = Promise.withResolvers()

  constructor(parts: SqliteStoreParts) {
    this.#parts = parts
    this.#workerEnded.promise.catch(() => {})
    parts.worker
      .on('message', (message: FromWorker) => this.#receive(message))
      .on('error', (cause) => this.#fail(cause))
      .on('exit', () => this.#exited())
    // A listener for messages holds the process; an idle store must not.
    parts.worker.unref()
  }

  get stats(): StoreStats {
    return { commits: this.#commits, writes: this.#writes, failures: this.#failures }
  }

  get #waiting(): number {
    return this.#outbox.length + this.#sent.length - this.#answered
  }

  write<Args, Result>(procedure: Procedure<Args, Result>, args: Args): Promise<Result> {
    return this.#write<Result>(() => this.#numberOf(procedure), args)
  }

  writeTogether(calls: readonly StoreCall[]): Promise<readonly unknown[]> {
    const numbers = () => calls.map(({ procedure }) => this.#numberOf(procedure))
    return this.#write(
      numbers,
      calls.map(({ args }) => args),
    )
  }

  #write<Result>(number: () => Waiting['procedure'], args: unknown): Promise<Result> {
    if (this.#closing) return Promise.reject(new StoreClosed())
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    const { backlogMax } = this.#parts
    const waiting = this.#waiting
    if (waiting >= backlogMax) return Promise.reject(new StoreBacklogFull(backlogMax))
    let procedure: Waiting['procedure']
    try {
      procedure = number()
    } catch (error) {
      return Promise.reject(error)
    }
    if (waiting === 0) this.#parts.worker.ref()
    return new Promise<Result>((resolve, reject) => {
      this.#outbox.push({ procedure, args, resolve: resolve as Waiting['resolve'], reject })
      if (this.#flushing) return
      this.#flushing = true
      // After the promises that are ready now: what they write goes in the same message.
      process.nextTick(() => this.#flush())
    })
  }

  #numberOf(procedure: Procedure<never, unknown>): number {
    const known = this.#numbers.get(procedure)
    if (known !== undefined) return known
    const { module, name } = procedure
    refuseMainModule(module)
    const key = `${module}#${name}`
    let number = this.#numbersByName.get(key)
    if (number === undefined) {
      number = this.#numbersByName.size
      this.#numbersByName.set(key, number)
      this.#definitions.push({ index: number, module, name })
    }
    this.#numbers.set(procedure, number)
    return number
  }

  #flush(): void {
    this.#flushing = false
    const calls = this.#outbox
    this.#outbox = []
    if (this.#failure !== undefined) {
      for (const { reject } of calls) reject(this.#failure)
      return
    }
    try {
      this.#post(calls)
    } catch {
      for (const call of calls) this.#postAlone(call)
      this.#restIfIdle()
    }
  }

  /** The list is its own from now on. */
  #post(calls: Waiting[]): void {
    const { worker } = this.#parts
    if (this.#definitions.length > 0) {
      worker.postMessage({ definitions: this.#definitions } satisfies ToWorker, [])
      this.#definitions = []
    }
    const message: unknown[] = []
    for (const { procedure, args } of calls) message.push(procedure, args)
    worker.postMessage(message satisfies ToWorker, [])
    if (this.#answered === this.#sent.length) {
      this.#sent = calls
      this.#answered = 0
    } else for (const call of calls) this.#sent.push(call)
  }

  #postAlone(call: Waiting): void {
    try {
      this.#post([call])
    } catch (cause) {
      this.#failures++
      call.reject(
        new InvalidArgument('args', 'of a procedure must survive a structured clone; nothing was done', { cause }),
      )
    }
  }

  #receive(message: FromWorker): void {
    if (isResults(message)) return this.#settle(message, [])
    switch (message.kind) {
      case 'committed':
        return this.#settle(message.values, message.errors)
      case 'closed':
        return this.#workerEnded.resolve()
      case 'broken':
        return this.#workerEnded.reject(fromPortable(message.error))
      case 'opened':
      default:
    }
  }

  #settle(values: Results, errors: readonly IndexedError[]): void {
    let nextError = 0
    for (let at = 0; at < values.length; at++) {
      const call = this.#sent[this.#answered++]
      if (errors[nextError]?.at === at) this.#refuse(call, fromPortable(errors[nextError++]!.error))
      else call?.resolve(values[at])
    }
    const kept = values.length - errors.length
    this.#failures += errors.length
    this.#writes += kept
    // A long queue that never empties must not keep what it has answered.
    if (this.#answered > 1024 && this.#answered * 2 > this.#sent.length) {
      this.#sent = this.#sent.slice(this.#answered)
      this.#answered = 0
    }
    this.#restIfIdle()
    if (kept === 0) return
    this.#commits++
    this.#changes.tell()
  }

  #refuse(call: Waiting | undefined, error: Error): void {
    if (isFatal(error) && this.#failure === undefined) {
      this.#failure = error
      this.#parts.logger.error({ err: error, file: this.#parts.file }, 'the store takes no more writes')
    }
    call?.reject(error)
  }

  #restIfIdle(): void {
    if (this.#waiting === 0 && !this.#closing) this.#parts.worker.unref()
  }

  /** The worker died: what waits has no known outcome. */
  #fail(cause: unknown): void {
    const { file, logger } = this.#parts
    if (this.#failure === undefined) {
      this.#failure = new StoreFailed(file, { cause })
      logger.error({ err: this.#failure, file }, 'the store takes no more writes')
    }
    const calls = [...this.#sent.slice(this.#answered), ...this.#outbox]
    this.#sent = []
    this.#answered = 0
    this.#outbox = []
    this.#failures += calls.length
    for (const { reject } of calls) reject(this.#failure)
  }

  #exited(): void {
    this.#workerEnded.resolve()
    if (!this.#closing || this.#waiting > 0) this.#fail(new Error('the worker thread ended'))
  }

  async read<Args, Result>(procedure: Procedure<Args, Result>, args: Args): Promise<Result> {
    if (this.#closing) throw new StoreClosed()
    try {
      return this.#parts.reader.read(procedure.run, args)
    } catch (thrown) {
      throw typedSqliteError(thrown, this.#parts.file)
    }
  }

  changed(signal?: AbortSignal): Promise<void> {
    return this.#closing ? refused(new StoreClosed()) : this.#changes.next(signal)
  }

  async backup(folder: string, options?: BackupOptions): Promise<void> {
    if (this.#closing) throw new StoreClosed()
    await this.#parts.aside.backup(folder, options)
  }

  async check({ signal }: { readonly signal?: AbortSignal } = {}): Promise<readonly string[]> {
    if (this.#closing) throw new StoreClosed()
    return this.#parts.aside.check(signal)
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    const { worker, reader, aside } = this.#parts
    await aside.settle()
    worker.ref()
    if (this.#outbox.length > 0) this.#flush()
    worker.postMessage('close' satisfies ToWorker, [])
    // The last connection to close folds the log away, by name. That is to be the worker's, but not after a failure: the
    // files that now have those names may be another process's, so then the reader stays until the worker has gone.
    if (this.#failure === undefined) reader.close()
    this.#changes.fail(new StoreClosed())
    try {
      await this.#workerEnded.promise
    } finally {
      await worker.terminate()
      reader.close()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

function isResults(message: FromWorker): message is Results {
  return Array.isArray(message)
}

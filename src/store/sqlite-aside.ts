/**
 * Long jobs beside a store: a backup, a check of the whole file. Each runs in a worker thread of its own on its own read
 * connection, because SQLite does it in one call. Unlike the reader it is no part of any call that must be quick; while it
 * runs, the log of a store that is written meanwhile cannot be folded away and grows.
 */
import { stat } from 'node:fs/promises'
import { Worker } from 'node:worker_threads'
import type { Clock, Timer } from '../base/clock.ts'
import { Aborted, InvalidArgument } from '../base/error.ts'
import { checkKeys } from '../base/limit.ts'
import { StoreFailed } from './error.ts'
import { fromPortable } from './portable-error.ts'
import type { PortableError } from './portable-error.ts'
import { backupPlace, refuseExisting, removeUnfinished } from './sqlite-backup-folder.ts'
import type { BackupPlace } from './sqlite-backup-folder.ts'
import type { BackupOptions } from './store.ts'

export interface AsideOptions {
  readonly file: string
  readonly busyTimeoutMs: number
  readonly clock: Clock
}

/** Given to the worker. */
export interface AsideData {
  readonly file: string
  readonly busyTimeoutMs: number
  readonly job: { readonly kind: 'backup'; readonly place: BackupPlace } | { readonly kind: 'check' }
}

export type AsideAnswer =
  | { readonly kind: 'done'; readonly findings: readonly string[] }
  | { readonly kind: 'broken'; readonly error: PortableError }

/** How often the size of a copy is looked at. */
const progressMs = 200

// From source the worker is TypeScript as this file is; built, both are JavaScript.
const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'

export class SqliteAside {
  readonly #options: AsideOptions
  /** Under way, or on their way out after an abort. */
  readonly #jobs = new Set<Promise<unknown>>()

  constructor(options: AsideOptions) {
    this.#options = options
  }

  async backup(folder: string, options: BackupOptions = {}): Promise<void> {
    checkKeys('options', options, ['onProgress', 'signal'])
    if (typeof folder !== 'string' || folder === '') throw new InvalidArgument('folder', 'must name a folder')
    refuseExisting(folder)
    const { onProgress, signal } = options
    const place = backupPlace(folder)
    const watch = onProgress && this.#watch(place.file, onProgress)
    try {
      await this.#run({ kind: 'backup', place }, signal, () => removeUnfinished(place))
    } finally {
      watch?.cancel()
    }
  }

  check(signal?: AbortSignal): Promise<readonly string[]> {
    return this.#run({ kind: 'check' }, signal, () => {})
  }

  /** Resolves when no job is under way any more. */
  async settle(): Promise<void> {
    await Promise.allSettled(this.#jobs)
  }

  #run(job: AsideData['job'], signal: AbortSignal | undefined, undo: () => void): Promise<readonly string[]> {
    const what = job.kind === 'backup' ? 'the backup' : 'the check of the file'
    if (signal?.aborted) return Promise.reject(new Aborted(what, { cause: signal.reason }))
    const { file, busyTimeoutMs } = this.#options
    const url = new URL(`./sqlite-aside-worker.${extension}`, import.meta.url)
    const data: AsideData = { file, busyTimeoutMs, job }
    const worker = new Worker(url, { workerData: data, name: `colloquy-${job.kind}` })
    const { promise, resolve, reject } = Promise.withResolvers<readonly string[]>()
    let aborted = false
    const ended = new Promise<void>((end) => worker.once('exit', () => end()))
    const onAbort = () => {
      aborted = true
      // SQLite goes on to the end of its call; the caller need not wait for that.
      void worker.terminate()
      reject(new Aborted(what, { cause: signal?.reason }))
    }
    worker
      .on('message', (answer: AsideAnswer) => {
        if (answer.kind === 'done') resolve(answer.findings)
        else reject(fromPortable(answer.error))
      })
      .on('error', (cause) => reject(new StoreFailed(file, { cause })))
    signal?.addEventListener('abort', onAbort, { once: true })
    const leave = async () => {
      await ended
      signal?.removeEventListener('abort', onAbort)
      reject(new StoreFailed(file, { cause: new Error('the worker ended without an answer') }))
      // Whoever was told that it is cancelled is not to find it done.
      if (aborted) undo()
    }
    const leaving = leave().catch(() => {})
    this.#jobs.add(leaving)
    void leaving.finally(() => this.#jobs.delete(leaving))
    return promise
  }

  #watch(passing: string, onProgress: NonNullable<BackupOptions['onProgress']>): Timer {
    const { file, clock } = this.#options
    let timer: Timer | undefined
    let over = false
    const sizeOf = async (path: string) => (await stat(path).catch(() => undefined))?.size ?? 0
    const look = async () => {
      const [bytes, totalBytes] = await Promise.all([sizeOf(passing), sizeOf(file)])
      if (over) return
      onProgress({ bytes, totalBytes: Math.max(bytes, totalBytes) })
      timer = clock.timer(progressMs, () => void look(), { background: true })
    }
    void look()
    return {
      cancel() {
        over = true
        timer?.cancel()
      },
    }
  }
}

/** Starts the worker thread of the sqlite driver and waits until the folder is open. */
import { Worker } from 'node:worker_threads'
import { StoreFailed } from './error.ts'
import { fromPortable } from './portable-error.ts'
import type { Report, WorkerData } from './sqlite-protocol.ts'

// From source the worker is TypeScript as this file is; built, both are JavaScript.
const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'

/** A worker that owns the folder, not keeping the process alive; rejects with what kept it from opening. */
export function startWorker(file: string, data: WorkerData): Promise<Worker> {
  return new Promise((resolve, reject) => {
    const url = new URL(`./sqlite-worker.${extension}`, import.meta.url)
    const worker = new Worker(url, { workerData: data, name: 'colloquy-store' })
    const settle = (finish: () => void) => {
      worker.off('message', onMessage).off('error', onError).off('exit', onExit)
      finish()
    }
    // No results come before it has opened.
    const onMessage = (message: Report) => {
      if (message.kind === 'opened') {
        worker.unref()
        settle(() => resolve(worker))
      } else if (message.kind === 'broken') settle(() => reject(fromPortable(message.error)))
    }
    const onError = (cause: unknown) => settle(() => reject(new StoreFailed(file, { cause })))
    const onExit = () => onError(new Error('the worker ended while it opened the folder'))
    worker.on('message', onMessage).on('error', onError).on('exit', onExit)
  })
}

/**
 * Reads PDFs in a thread of their own, one at a time. Unlike `pdfText` it cannot be kept busy: a file that takes too long or
 * too much memory costs its thread and is named, and the next file gets a new one. The process's event loop stays free.
 *
 * A file of a few kilobytes can unpack to gigabytes, in buffers that no limit of a thread counts. So the memory of the
 * process is looked at while a file is read; other work of the process that takes as much would end the reading too.
 */
import { Worker } from 'node:worker_threads'
import { within } from '../base/clock.ts'
import type { Clock } from '../base/clock.ts'
import { deferred } from '../base/deferred.ts'
import { Aborted, LimitExceeded, PeerMissing, TimedOut, messageOf } from '../base/error.ts'
import { formatDuration } from '../base/duration.ts'
import type { PdfLimits, PdfRead } from './pdf-text.ts'
import type { PdfAnswer, PdfRequest } from './pdf-worker.ts'

export interface PdfReaderOptions {
  readonly limits: PdfLimits
  /** One file. */
  readonly timeoutMs: number
  readonly clock: Clock
  /** Growth of the process while one file is read. Default 1 GiB. */
  readonly memoryMaxBytes?: number
}

export interface PdfReader extends AsyncDisposable {
  /** The text, or why there is none; rejects with `base.peer_missing` or `base.aborted`. The bytes are given away. */
  read(bytes: Uint8Array<ArrayBuffer>, signal?: AbortSignal): Promise<PdfRead>
}

// From source the worker is TypeScript as this file is; built, both are JavaScript.
const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'

/** The thread starts with the first file. */
export function pdfReader(options: PdfReaderOptions): PdfReader {
  const memoryMaxBytes = options.memoryMaxBytes ?? 1024 ** 3
  let worker: Worker | undefined
  const end = async () => {
    const ended = worker
    worker = undefined
    await ended?.terminate()
  }
  return {
    async read(bytes, signal) {
      try {
        using growth = watchGrowth(options.clock, memoryMaxBytes)
        const answer = await within(options.clock, 'reading a PDF', options.timeoutMs, signal, () =>
          Promise.race([ask((worker ??= start(memoryMaxBytes)), { bytes, limits: options.limits }), growth.passed]),
        )
        if ('peerMissing' in answer) throw new PeerMissing('unpdf', 'Reading a PDF', { cause: answer.peerMissing })
        return answer
      } catch (error) {
        await end()
        if (error instanceof Aborted || error instanceof PeerMissing) throw error
        return { reason: failure(error, options.timeoutMs) }
      }
    },
    [Symbol.asyncDispose]: end,
  }
}

function start(memoryMaxBytes: number): Worker {
  const url = new URL(`./pdf-worker.${extension}`, import.meta.url)
  const worker = new Worker(url, {
    name: 'colloquy-pdf',
    resourceLimits: { maxOldGenerationSizeMb: Math.ceil(memoryMaxBytes / 1024 ** 2) },
    // What the library prints must not come between the lines of an event stream.
    stdout: true,
    stderr: true,
  })
  worker.stdout.resume()
  worker.stderr.resume()
  worker.unref()
  return worker
}

async function ask(worker: Worker, request: PdfRequest): Promise<PdfAnswer> {
  const answer = deferred<PdfAnswer>()
  const resolve = (given: PdfAnswer) => answer.resolve(given)
  const reject = (error: unknown) => answer.reject(error)
  const onExit = () => reject(new Error('the thread ended'))
  worker.once('message', resolve).once('error', reject).once('exit', onExit)
  worker.ref()
  try {
    worker.postMessage(request, [request.bytes.buffer])
    return await answer.promise
  } finally {
    worker.unref()
    worker.off('message', resolve).off('error', reject).off('exit', onExit)
  }
}

const lookEveryMs = 100

interface Growth extends Disposable {
  /** Rejects with `base.limit_exceeded` when the process has grown by more than the bound since the start. */
  readonly passed: Promise<never>
}

function watchGrowth(clock: Clock, maxBytes: number): Growth {
  const startBytes = process.memoryUsage.rss()
  const { promise, reject } = Promise.withResolvers<never>()
  promise.catch(() => {})
  const look = () => {
    const grownBytes = process.memoryUsage.rss() - startBytes
    if (grownBytes > maxBytes) reject(new LimitExceeded('memoryMaxBytes', maxBytes, grownBytes))
    else timer = clock.timer(lookEveryMs, look, { background: true })
  }
  let timer = clock.timer(lookEveryMs, look, { background: true })
  return { passed: promise, [Symbol.dispose]: () => timer.cancel() }
}

function failure(error: unknown, timeoutMs: number): string {
  const instead = 'give its text as .txt instead'
  if (error instanceof TimedOut) return `took longer than ${formatDuration(timeoutMs)} (pdfTimeoutMs); ${instead}`
  const { code } = error as { code?: unknown }
  if (error instanceof LimitExceeded || code === 'ERR_WORKER_OUT_OF_MEMORY') return `needs too much memory; ${instead}`
  return `cannot be read: ${messageOf(error)}; ${instead}`
}

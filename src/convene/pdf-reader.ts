/**
 * Reads PDFs in a thread of their own, one at a time. Unlike `pdfText` it cannot be kept busy: a file that takes too long or
 * too much memory costs its thread and is named, and the next file gets a new one. The process's event loop stays free.
 *
 * The heap of the thread is bounded; what the library unpacks into buffers lies outside of that bound, and is bounded by
 * the size of the file and the time alone.
 */
import { Worker } from 'node:worker_threads'
import { within } from '../base/clock.ts'
import type { Clock } from '../base/clock.ts'
import { deferred } from '../base/deferred.ts'
import { Aborted, PeerMissing, TimedOut, messageOf } from '../base/error.ts'
import { formatDuration } from '../base/duration.ts'
import type { PdfLimits, PdfRead } from './pdf-text.ts'
import type { PdfAnswer, PdfRequest } from './pdf-worker.ts'

export interface PdfReaderOptions {
  readonly limits: PdfLimits
  /** One file. */
  readonly timeoutMs: number
  readonly clock: Clock
  /** Heap of the thread. Default 1024. */
  readonly memoryMaxMib?: number
}

export interface PdfReader extends AsyncDisposable {
  /** The text, or why there is none; rejects with `base.peer_missing` or `base.aborted`. The bytes are given away. */
  read(bytes: Uint8Array<ArrayBuffer>, signal?: AbortSignal): Promise<PdfRead>
}

// From source the worker is TypeScript as this file is; built, both are JavaScript.
const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'

/** The thread starts with the first file. */
export function pdfReader(options: PdfReaderOptions): PdfReader {
  let worker: Worker | undefined
  const end = async () => {
    const ended = worker
    worker = undefined
    await ended?.terminate()
  }
  return {
    async read(bytes, signal) {
      try {
        const answer = await within(options.clock, 'reading a PDF', options.timeoutMs, signal, () =>
          ask((worker ??= start(options.memoryMaxMib ?? 1024)), { bytes, limits: options.limits }),
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

function start(memoryMaxMib: number): Worker {
  const url = new URL(`./pdf-worker.${extension}`, import.meta.url)
  const worker = new Worker(url, {
    name: 'colloquy-pdf',
    resourceLimits: { maxOldGenerationSizeMb: memoryMaxMib },
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

function failure(error: unknown, timeoutMs: number): string {
  const instead = 'give its text as .txt instead'
  if (error instanceof TimedOut) return `took longer than ${formatDuration(timeoutMs)} (pdfTimeoutMs); ${instead}`
  const { code } = error as { code?: unknown }
  if (code === 'ERR_WORKER_OUT_OF_MEMORY') return `needs too much memory; ${instead}`
  return `cannot be read: ${messageOf(error)}; ${instead}`
}

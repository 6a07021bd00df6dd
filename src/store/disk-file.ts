/**
 * The open file of a Disk, the same on every driver: it checks arguments, keeps the order of what changes the file, bounds
 * what waits, remembers the size, and after a failed sync refuses to go on. The driver underneath (`RawFile`) does single
 * operations, one change at a time, and never has to think of the others.
 */
import { Aborted, Closed, InvalidArgument, LimitExceeded, toError } from '../base/error.ts'
import { checkKeys, wholeNumber } from '../base/limit.ts'
import type { DiskFile, DiskWait } from './disk.ts'

/** What a driver does; each call rejects with the typed errors of the port. */
export interface RawFile {
  /** Asked at each call but `close`; throws when the handle may no longer be used. */
  readonly check?: () => void
  /** Fewer bytes than `length` at the end of the file alone. */
  readonly read: (offset: number, length: number) => Promise<Uint8Array<ArrayBuffer>>
  /** All of them, or a rejection. */
  readonly write: (offset: number, data: Uint8Array) => Promise<void>
  /** Where there is one: durable once it has resolved. */
  readonly writeSynced?: SyncedWrite | undefined
  readonly sync: () => Promise<void>
  readonly truncate: (size: number) => Promise<void>
  readonly size: () => Promise<number>
  readonly close: () => Promise<void>
}

type SyncedWrite = (offset: number, data: Uint8Array) => Promise<void>

const waitingMax = 4096
/** The most that one call reads: beyond it a typed array is no good place for what a log has. */
const readMax = 1024 * 1024 * 1024
const zeros = new Uint8Array(256 * 1024)

export function openedFile(path: string, size: number, raw: RawFile): DiskFile {
  return new OpenedFile(path, size, raw)
}

class OpenedFile implements DiskFile {
  readonly path: string
  readonly writeSynced?: (offset: number, data: Uint8Array, options?: DiskWait) => Promise<void>
  readonly #raw: RawFile
  #size: number
  #waiting = 0
  /** Those that wait, and the one that is under way. */
  #unfinished = 0
  #last: Promise<unknown> = Promise.resolve()
  /** Why nothing more is written: a sync failed. */
  #failure: Error | undefined
  #closing: Promise<void> | undefined

  constructor(path: string, size: number, raw: RawFile) {
    this.path = path
    this.#size = size
    this.#raw = raw
    const { writeSynced } = raw
    if (writeSynced) this.writeSynced = (...given) => this.#writeSynced(writeSynced, ...given)
  }

  get size(): number {
    return this.#size
  }

  async read(offset: number, length: number, options?: DiskWait): Promise<Uint8Array<ArrayBuffer>> {
    checkOffset('offset', offset)
    wholeNumber('length', length, 0, readMax)
    const signal = signalOf(options)
    this.#raw.check?.()
    if (this.#closing) throw new Closed(`the file ${this.path}`)
    return untilAborted(`reading ${this.path}`, this.#raw.read(offset, length), signal)
  }

  async write(offset: number, data: Uint8Array, options?: DiskWait): Promise<void> {
    const end = endOfWrite(offset, data)
    if (data.length === 0) return this.#inOrder('writing', options, nothing)
    return this.#inOrder('writing', options, () => this.#raw.write(offset, data), end)
  }

  async #writeSynced(work: SyncedWrite, offset: number, data: Uint8Array, options?: DiskWait): Promise<void> {
    const end = endOfWrite(offset, data)
    if (data.length === 0) return this.#inOrder('writing', options, nothing)
    return this.#inOrder('writing', options, () => work(offset, data), end, true)
  }

  async sync(options?: DiskWait): Promise<void> {
    return this.#inOrder('syncing', options, this.#raw.sync, 0, true)
  }

  async truncate(size: number, options?: DiskWait): Promise<void> {
    checkOffset('size', size)
    await this.#inOrder('truncating', options, async () => {
      await this.#raw.truncate(size)
      this.#size = size
    })
  }

  async preallocate(size: number, options?: DiskWait): Promise<void> {
    checkOffset('size', size)
    await this.#inOrder('preallocating', options, async () => {
      while (this.#size < size) {
        const piece = zeros.subarray(0, Math.min(zeros.length, size - this.#size))
        await this.#raw.write(this.#size, piece)
        this.#size += piece.length
      }
    })
  }

  close(): Promise<void> {
    this.#closing ??= this.#last.then(this.#raw.close)
    return this.#closing
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** `end`: where the file ends at least once it is done. `syncs`: after a failure nobody knows what is durable. */
  #inOrder(
    what: string,
    options: DiskWait | undefined,
    change: () => Promise<void>,
    end = 0,
    syncs = false,
  ): Promise<void> {
    const signal = signalOf(options)
    this.#raw.check?.()
    if (this.#closing) throw new Closed(`the file ${this.path}`)
    if (this.#failure) throw this.#failure
    if (signal?.aborted) throw new Aborted(`${what} ${this.path}`, { cause: signal.reason })
    if (this.#waiting >= waitingMax) throw new LimitExceeded('calls that wait for a file', waitingMax, waitingMax + 1)
    this.#waiting++
    const idle = this.#unfinished++ === 0
    const done = idle ? this.#change(change, end, syncs) : this.#last.then(() => this.#change(change, end, syncs))
    this.#last = done.then(ignore, ignore)
    return untilAborted(`${what} ${this.path}`, done, signal)
  }

  /** A change that failed may have moved the end of the file. */
  async #change(change: () => Promise<void>, end: number, syncs: boolean): Promise<void> {
    this.#waiting--
    try {
      if (this.#failure) throw this.#failure
      try {
        await change()
        if (end > this.#size) this.#size = end
      } catch (error) {
        // What is durable now nobody knows, and the next sync would not tell.
        if (syncs) this.#failure = toError(error)
        await this.#raw.size().then(
          (size) => (this.#size = size),
          () => {},
        )
        throw error
      }
    } finally {
      this.#unfinished--
    }
  }
}

const nothing = async (): Promise<void> => {}
const ignore = (): void => {}

/** Where a write ends that may be made. */
function endOfWrite(offset: number, data: Uint8Array): number {
  checkOffset('offset', offset)
  if (!(data instanceof Uint8Array)) throw new InvalidArgument('data', 'must be a Uint8Array')
  checkOffset('the end of the write', offset + data.length)
  return offset + data.length
}

function checkOffset(name: string, value: number): void {
  wholeNumber(name, value, 0)
}

function signalOf(options: DiskWait | undefined): AbortSignal | undefined {
  if (options === undefined) return undefined
  checkKeys('options', options, ['signal'])
  return options.signal
}

/** The work's outcome, or `base.aborted` when the signal comes first; the work goes on all the same. */
export function untilAborted<T>(what: string, work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  return signal ? firstOf(what, work, signal) : work
}

async function firstOf<T>(what: string, work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>()
  const onAbort = () => reject(new Aborted(what, { cause: signal.reason }))
  if (signal.aborted) onAbort()
  else signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await Promise.race([work, promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

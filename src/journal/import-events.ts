/**
 * Import: brings exported events into a journal, at their versions or behind what is there; or CloudEvents of others into one
 * stream. Unlike `restore` it only appends: positions are new, in the order of the file. It can be cut off anywhere and done
 * again: what is there already is left, by comparing it or by an idempotency key.
 */
import { createHash } from 'node:crypto'
import type { CloudEvent } from '../base/envelope.ts'
import { Aborted, codeOf, InvalidArgument, messageOf } from '../base/error.ts'
import { checkKeys } from '../base/limit.ts'
import { contentText } from './checksum.ts'
import type { SplitPlace } from './core/json-splitter.ts'
import { JournalUnsupported, TransferBroken, TransferConflict } from './error.ts'
import type { Appended, Journal, JournalLimits } from './journal.ts'
import { eventEncoder } from './stored-event.ts'
import { placedOf } from './transfer-line.ts'
import { readTransfer } from './transfer-reader.ts'
import type { Transferred } from './transfer-reader.ts'

export interface ImportProgress {
  /** Appended so far. */
  readonly events: number
  /** That were there already. */
  readonly skipped: number
  /** That were there and have been erased here, so that nobody can say whether they were the same. */
  readonly erased: number
  /** Of the file, unpacked. */
  readonly bytes: number
}

export interface ImportOptions {
  /**
   * `exact`: every event keeps its version, or the import stops with `journal.transfer_conflict`. `append`: events get new
   * versions behind those that are there; the same file again appends nothing, another export of the same events does.
   * Default `exact`, and `append` where `stream` is given.
   */
  readonly mode?: 'exact' | 'append'
  /** All events go into this stream. Needed for events that no journal of ours exported. */
  readonly stream?: string
  /**
   * In mode `exact`, passes over events whose versions were erased here. Default false: the import stops with
   * `journal.transfer_conflict`, since nobody can say whether they were the same.
   */
  readonly skipErased?: boolean
  readonly onProgress?: (progress: ImportProgress) => void
  /** Ends the import with `base.aborted`; do it again to go on. */
  readonly signal?: AbortSignal
}

export type Imported = ImportProgress

/** What is appended together: about so many events and bytes. It depends on the file alone, so that keys come again. */
const runMax = 500
const runMaxBytes = 1024 * 1024
/** Appends under way at once; they are kept in order all the same. */
const inFlightMax = 64
const before = 'import what comes before it first, or give new versions by mode append'
const elsewhere = 'import into a journal without that stream, or give new versions by mode append'
/** Streams whose versions are remembered. */
const versionsMax = 100_000

/** Events that follow each other in the file and go to one stream. */
interface Run {
  readonly stream: string
  /** The version of the first, where the file has places. */
  readonly version: number
  readonly events: CloudEvent[]
  /** Where each stands. */
  readonly places: SplitPlace[]
  /** Of the first in the file, from 0. */
  readonly index: number
  sizeBytes: number
  /** Of the file, with this run. */
  endBytes: number
}

/**
 * Imports a whole export (batch or NDJSON, packed by gzip or not), or a batch of CloudEvents. Rejects with
 * `journal.transfer_broken` (with line and offset; what came before it is imported), `journal.transfer_conflict`,
 * `base.invalid_argument` (events of others without a stream), `base.aborted`, `journal.unsupported`, what the source
 * throws, or as `append` does.
 */
export async function importEvents(
  journal: Journal,
  source: AsyncIterable<Uint8Array>,
  options: ImportOptions = {},
): Promise<Imported> {
  checkKeys('options', options, ['mode', 'stream', 'skipErased', 'onProgress', 'signal'])
  const { stream, signal, mode = stream === undefined ? 'exact' : 'append' } = options
  if (mode !== 'exact' && mode !== 'append') throw new InvalidArgument('mode', 'must be exact or append')
  if (mode === 'exact' && stream !== undefined)
    throw new InvalidArgument('mode', 'must be append where all events go into one stream')
  const { capabilities, driver, limits } = journal
  if (mode === 'exact' && !capabilities.expectedVersion)
    throw new JournalUnsupported(driver, 'expectedVersion', ['memory', 'sqlite'])
  if (mode === 'append' && capabilities.idempotencyWindowMs === 0)
    throw new JournalUnsupported(driver, 'idempotencyWindow', ['memory', 'sqlite'])
  const work = new Importing(journal, mode, options)
  // A character may be written as an escape of six; attributes take what `envelopeLimits` allow them.
  const elementMaxBytes = limits.eventMaxBytes * 6 + 512 * 1024
  try {
    for await (const run of runsOf(readTransfer(source, { elementMaxBytes, signal }), stream)) {
      if (signal?.aborted) throw new Aborted('the import', { cause: signal.reason })
      await work.take(run)
    }
  } finally {
    await work.settle()
  }
  return work.finish()
}

async function* runsOf(all: AsyncIterable<Transferred>, into: string | undefined): AsyncGenerator<Run> {
  let run: Run | undefined
  let index = 0
  for await (const each of all) {
    const { stream, version, event } = targetOf(each, into)
    const fits =
      run?.stream === stream &&
      (into !== undefined || version === run.version + run.events.length) &&
      run.events.length < runMax &&
      run.sizeBytes < runMaxBytes
    if (!fits) {
      if (run) yield run
      run = { stream, version, events: [], places: [], index, sizeBytes: 0, endBytes: 0 }
    }
    const to = run as Run
    to.events.push(event)
    to.places.push(each.at)
    to.sizeBytes += each.bytes - each.at.offset
    to.endBytes = each.bytes
    index++
  }
  if (run) yield run
}

function targetOf(
  each: Transferred,
  into: string | undefined,
): Pick<Run, 'stream' | 'version'> & { event: CloudEvent } {
  if (each.kind === 'own') {
    const { stream, version, event } = each.placed.recorded
    return { stream: into ?? stream, version, event }
  }
  if (into === undefined)
    throw new InvalidArgument('stream', 'must be given: these events were not exported by a journal and name none')
  return { stream: into, version: 0, event: each.event }
}

class Importing {
  readonly #journal: Journal
  readonly #mode: 'exact' | 'append'
  readonly #options: ImportOptions
  /** Versions that the streams will have when all that is under way is done. */
  readonly #versions = new Map<string, number>()
  readonly #inFlight = new Set<Promise<void>>()
  #failure: { readonly error: unknown } | undefined
  #events = 0
  #skipped = 0
  #erased = 0
  #bytes = 0

  constructor(journal: Journal, mode: 'exact' | 'append', options: ImportOptions) {
    this.#journal = journal
    this.#mode = mode
    this.#options = options
  }

  async take(run: Run): Promise<void> {
    if (this.#inFlight.size >= inFlightMax) await Promise.race(this.#inFlight)
    if (this.#failure) throw this.#failure.error
    try {
      if (this.#mode === 'append') this.#start(run, this.#appendAnew(run))
      else await this.#takeExactly(run)
    } catch (error) {
      throw this.#refusal(run, error)
    }
  }

  #appendAnew(run: Run): Promise<Appended> {
    const { stream, events } = run
    return this.#journal.append(stream, events, { idempotencyKey: keyOf(run) })
  }

  async #takeExactly(run: Run): Promise<void> {
    const { stream, version } = run
    const known = await this.#versionOf(stream)
    if (version > known + 1)
      throw new TransferConflict(stream, version, known, `the stream is at version ${known} here; ${before}`)
    const there = Math.min(run.events.length, known - version + 1)
    const same = there > 0 ? await this.#compare(run, there) : 0
    this.#skipped += same
    this.#erased += Math.max(0, there - same)
    const left = run.events.slice(Math.max(0, there))
    if (left.length === 0) {
      this.#tell(run, 0, 0)
      return
    }
    this.#versions.set(stream, version + run.events.length - 1)
    const appending = this.#journal.append(stream, left, { expectedVersion: version + there - 1 })
    this.#start({ ...run, events: left, places: run.places.slice(there) }, appending)
  }

  async #versionOf(stream: string): Promise<number> {
    const known = this.#versions.get(stream)
    if (known !== undefined) return known
    if (this.#versions.size >= versionsMax) {
      await this.settle()
      this.#versions.clear()
    }
    const version = await this.#journal.version(stream)
    this.#versions.set(stream, version)
    return version
  }

  /** The first events of the run must be the ones that the stream has there. How many are; the others were erased. */
  async #compare({ stream, version, events }: Run, count: number): Promise<number> {
    await this.settle()
    if (this.#failure) throw this.#failure.error
    const { firstVersion } = await this.#journal.stream(stream)
    const erased = Math.min(count, Math.max(0, firstVersion - version))
    if (erased > 0 && this.#options.skipErased !== true)
      throw new TransferConflict(
        stream,
        version,
        version + count - 1,
        `it was erased here, so that nobody can say whether it was the same; ${elsewhere}, or pass it over (skipErased, --skip-erased)`,
      )
    let same = 0
    for await (const there of this.#journal.read(stream, { fromVersion: version, limit: count })) {
      if (there.version >= version + count) break
      const event = events[there.version - version] as CloudEvent
      const wanted = placedOf({ ...there, event })
      if (contentText(stream, wanted.stored) !== contentText(stream, placedOf(there).stored))
        throw new TransferConflict(
          stream,
          there.version,
          there.version,
          `the stream has another event there; ${elsewhere}`,
        )
      same++
    }
    return same
  }

  #start(run: Run, appending: Promise<Appended>): void {
    const work = appending.then(
      ({ duplicate }) => this.#tell(run, duplicate ? 0 : run.events.length, duplicate ? run.events.length : 0),
      (error: unknown) => {
        this.#failure ??= { error: this.#refusal(run, error) }
      },
    )
    this.#inFlight.add(work)
    void work.then(() => this.#inFlight.delete(work))
  }

  /** What an append was refused with, and where in the file the reason stands. */
  #refusal(run: Run, error: unknown): unknown {
    switch (codeOf(error)) {
      case 'journal.wrong_version':
        return conflict(run, error)
      case 'journal.event_too_large':
      case 'journal.invalid_event':
        return refusedAt(run, this.#journal.limits) ?? error
      default:
        return error
    }
  }

  #tell(run: Run, events: number, skipped: number): void {
    this.#events += events
    this.#skipped += skipped
    this.#bytes = Math.max(this.#bytes, run.endBytes)
    this.#options.onProgress?.(this.#progress())
  }

  #progress(): ImportProgress {
    return { events: this.#events, skipped: this.#skipped, erased: this.#erased, bytes: this.#bytes }
  }

  /** Waits for what is under way; it never rejects. */
  async settle(): Promise<void> {
    await Promise.all(this.#inFlight)
  }

  finish(): Imported {
    if (this.#failure) throw this.#failure.error
    return this.#progress()
  }
}

function conflict({ stream, version }: Run, cause: unknown): TransferConflict {
  const actual = Number((cause as { readonly actual?: unknown }).actual)
  return new TransferConflict(stream, version, actual, 'somebody else appends to the stream; import when nobody does', {
    cause,
  })
}

/** The first event of the run that the journal does not take. */
function refusedAt({ events, places }: Run, limits: JournalLimits): TransferBroken | undefined {
  const encode = eventEncoder({ ...limits, batchMaxBytes: Number.MAX_SAFE_INTEGER })
  for (const [at, event] of events.entries())
    try {
      encode([event])
    } catch (cause) {
      // Its own message begins with the whole path of what is too deep.
      const deep = cause instanceof Error && cause.cause instanceof Error && cause.cause.message.includes('depthMax')
      const why = deep ? 'nests too deep' : clipped(messageOf(cause))
      const mend = deep ? 'make it flatter and do it again' : 'mend it, or raise the limit, and do it again'
      return new TransferBroken(places[at] as SplitPlace, `has an event that cannot be kept: ${why}`, { cause, mend })
    }
  return undefined
}

function clipped(text: string): string {
  return text.length > 300 ? `${text.slice(0, 300)}…` : text
}

/** Says which events of which file these are; the same import gives the same keys. */
function keyOf({ stream, index, events }: Run): string {
  const hash = createHash('sha256').update(`${stream}\n${index}\n`)
  for (const event of events) {
    const { stored } = placedOf({ stream, version: 1, position: '', event })
    hash.update(`${contentText(stream, stored)}\n`)
  }
  return `import/${hash.digest('base64url')}`
}

/**
 * Archive: writes the oldest events of streams away and erases them here, in this order and never before what was written
 * has been read back and found the same. Unlike `retain`, which erases alone, nothing is lost that way; `restoreEvents`
 * brings the events back. A crash at any point loses nothing: do the same again with the same sink.
 *
 * 1. What is to go is fixed: of each stream the versions from its first to one.
 * 2. The sink keeps it: an export in NDJSON packed by gzip (RFC 1952), stream after stream. What it has already stays.
 * 3. It is read back from the sink and held against the journal, event by event.
 * 4. Only then the streams are truncated.
 */
import { pipeline, Readable } from 'node:stream'
import { createGzip } from 'node:zlib'
import { Aborted, InvalidArgument, LimitExceeded } from '../base/error.ts'
import { checkKeys, wholeNumber } from '../base/limit.ts'
import { ArchiveConflict, JournalUnsupported } from './error.ts'
import { timeToMs } from './event-time.ts'
import { exportLines } from './export-events.ts'
import type { Journal, Recorded } from './journal.ts'
import { StreamComparison } from './stream-comparison.ts'
import { ownElementMaxBytes, readTransfer } from './transfer-reader.ts'

/** Where an archive is kept. */
export interface ArchiveSink {
  /** What it keeps already; undefined when it keeps nothing. */
  read(): Promise<AsyncIterable<Uint8Array> | undefined>
  /** Whether it keeps still, unchanged, what `read` gave last. Asked before each erasing; without it, it is taken to. */
  still?(): Promise<boolean>
  /** Keeps all these bytes so that they outlive a crash, or nothing. */
  write(bytes: AsyncIterable<Uint8Array>): Promise<void>
}

export interface ArchiveProgress {
  readonly stage: 'writing' | 'checking' | 'erasing'
  /** Of this stage, so far. */
  readonly events: number
}

export interface ArchiveOptions {
  /** Exact names, or prefixes that end with `*`; of 1 to 1,000. */
  readonly streams: readonly string[]
  /** What lies before this version; or from the oldest event to the first that is not older, as `retain` counts ages. */
  readonly before: { readonly version: number } | { readonly timeMs: number }
  readonly sink: ArchiveSink
  readonly onProgress?: (progress: ArchiveProgress) => void
  /** Ends it with `base.aborted`; do it again to go on. */
  readonly signal?: AbortSignal
}

export interface Archived {
  /** In the archive. */
  readonly events: number
  /** Of which these were erased here now. */
  readonly erased: number
  readonly streams: number
}

/** Of one stream, what is to go: from a version to before another. */
interface Going {
  readonly stream: string
  readonly from: number
  readonly before: number
}

const streamsMax = 1_000_000

/**
 * Archives and erases. Rejects with `journal.archive_conflict` (the sink keeps other events, or somebody else erased
 * meanwhile), `journal.transfer_broken` (what it keeps is damaged), `journal.readonly`, `journal.unsupported`,
 * `base.invalid_argument`, `base.limit_exceeded`, `base.aborted`, or what the sink throws; nothing is erased then that is
 * not in the sink.
 */
export async function archive(journal: Journal, options: ArchiveOptions): Promise<Archived> {
  checkKeys('options', options, ['streams', 'before', 'sink', 'onProgress', 'signal'])
  const { sink, signal, onProgress } = options
  if (!journal.capabilities.erase) throw new JournalUnsupported(journal.driver, 'erase', ['memory', 'sqlite'])
  const cut = () => {
    if (signal?.aborted) throw new Aborted('the archiving', { cause: signal.reason })
  }
  const going = await plan(journal, options, cut)
  if (going.length === 0) return { events: 0, erased: 0, streams: 0 }
  let kept = await sink.read()
  if (kept === undefined) {
    const events = counted(readGoing(journal, going, cut), 'writing', onProgress)
    const lines = exportLines(events, 'ndjson', await journal.id())
    await sink.write(gzipped(lines))
    cut()
    kept = await sink.read()
  }
  const events = await check(journal, going, kept, options)
  let erased = 0
  for (const { stream, before } of going) {
    cut()
    if ((await sink.still?.()) === false) throw new ArchiveConflict(stream, 'was changed or replaced after the check')
    erased += (await journal.truncate(stream, before)).events
    onProgress?.({ stage: 'erasing', events: erased })
  }
  return { events, erased, streams: going.length }
}

async function plan(journal: Journal, { streams, before }: ArchiveOptions, cut: () => void): Promise<Going[]> {
  if (!Array.isArray(streams) || streams.length === 0 || streams.length > 1000)
    throw new InvalidArgument('streams', 'must hold 1 to 1000 names or prefixes that end with *')
  const until = 'version' in before ? wholeNumber('before.version', before.version, 1) : undefined
  const timeMs = 'timeMs' in before ? wholeNumber('before.timeMs', before.timeMs, Number.MIN_SAFE_INTEGER) : 0
  const going = new Map<string, Going>()
  for (const name of streams as readonly string[]) {
    const found = name.endsWith('*') ? journal.streams({ prefix: name.slice(0, -1) }) : [await journal.stream(name)]
    for await (const { stream, version, firstVersion } of found) {
      cut()
      const end = until ?? (await firstYoung(journal, stream, timeMs, cut)) ?? version + 1
      const last = Math.min(end, version + 1)
      if (last > firstVersion) going.set(stream, { stream, from: firstVersion, before: last })
      if (going.size > streamsMax) throw new LimitExceeded('streams of one archive', streamsMax, going.size)
    }
  }
  return [...going.values()]
}

async function firstYoung(
  journal: Journal,
  stream: string,
  timeMs: number,
  cut: () => void,
): Promise<number | undefined> {
  for await (const { version, event } of journal.read(stream)) {
    cut()
    const ms = event.time === undefined ? null : timeToMs(event.time)
    if (ms === null || ms >= timeMs) return version
  }
  return undefined
}

async function* readGoing(journal: Journal, going: readonly Going[], cut: () => void): AsyncGenerator<Recorded> {
  for (const { stream, from, before } of going) {
    let next = from
    for await (const recorded of journal.read(stream, { fromVersion: from, limit: before - from })) {
      cut()
      if (recorded.version !== next++)
        throw new ArchiveConflict(stream, 'is cut short: somebody else erased events meanwhile')
      yield recorded
    }
  }
}

async function* counted(
  events: AsyncIterable<Recorded>,
  stage: ArchiveProgress['stage'],
  onProgress: ArchiveOptions['onProgress'],
): AsyncGenerator<Recorded> {
  let count = 0
  for await (const recorded of events) {
    yield recorded
    if (++count % 512 === 0) onProgress?.({ stage, events: count })
  }
  onProgress?.({ stage, events: count })
}

async function* gzipped(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  const gzip = createGzip()
  // What goes wrong comes out of the loop; the callback only keeps it from being thrown at nobody.
  pipeline(Readable.from(bytes), gzip, () => {})
  yield* gzip as AsyncIterable<Uint8Array>
}

/** Reads the archive back: everything that is to go must stand in it as the journal has it. How many events it holds. */
async function check(
  journal: Journal,
  going: readonly Going[],
  kept: AsyncIterable<Uint8Array> | undefined,
  { signal, onProgress }: ArchiveOptions,
): Promise<number> {
  const wanted = new Map(going.map((each) => [each.stream, each]))
  if (kept === undefined) throw new InvalidArgument('sink', 'must keep what was written to it; it gives nothing back')
  let comparison: StreamComparison | undefined
  let here: { stream: string; next: number } | undefined
  let events = 0
  const id = await journal.id()
  /** Up to where each stream was found, without a gap from the first version that is to go. */
  const found = new Map<string, number>()
  try {
    for await (const each of readTransfer(kept, { elementMaxBytes: ownElementMaxBytes, signal })) {
      if (each.kind === 'foreign') throw new InvalidArgument('sink', 'must keep an archive; it keeps events of others')
      if (++events % 512 === 0) onProgress?.({ stage: 'checking', events })
      const { stream, version } = each.placed.recorded
      // The events alone may be the same: a restoring would refuse them all the same.
      if (each.journal !== id) throw new ArchiveConflict(stream, 'is of another journal')
      if (here?.stream !== stream) {
        await comparison?.[Symbol.asyncDispose]()
        comparison = new StreamComparison(journal, stream, version)
        here = { stream, next: version }
        const begin = wanted.get(stream)
        if (begin && version <= begin.from) found.set(stream, begin.from)
      }
      if (version !== here.next++) throw new ArchiveConflict(stream, 'has a gap between events')
      const end = found.get(stream)
      if (end === undefined || version < end) continue
      if ((await comparison?.compare(each.placed)) !== 'same') throw new ArchiveConflict(stream, 'has other events')
      found.set(stream, version + 1)
    }
  } finally {
    await comparison?.[Symbol.asyncDispose]()
  }
  onProgress?.({ stage: 'checking', events })
  for (const { stream, before } of going)
    if ((found.get(stream) ?? 0) < before) throw new ArchiveConflict(stream, 'lacks events that are to go')
  return events
}

/**
 * Export: the events of a journal as CloudEvents, one a line, as bytes that stream. Unlike a backup it is read by other
 * programs and goes into other journals; it takes no metadata, no keys and no checkpoints along.
 */
import { InvalidArgument } from '../base/error.ts'
import { checkKeys } from '../base/limit.ts'
import type { Filter, Journal, Position, Recorded } from './journal.ts'
import { lineOf, placedOf, TransferDigest } from './transfer-line.ts'

/** `batch` is one JSON array (application/cloudevents-batch+json), `ndjson` an event a line without it. */
export type ExportFormat = 'batch' | 'ndjson'

export interface ExportProgress {
  readonly events: number
  readonly bytes: number
  /** Of the last event written. */
  readonly position: Position
}

export interface ExportOptions {
  readonly filter?: Filter
  /** Events after this position. Default: all. */
  readonly from?: Position
  /** Default `batch`. */
  readonly format?: ExportFormat
  readonly onProgress?: (progress: ExportProgress) => void
  /** Ends the export with `base.aborted`: what was written is then no whole export, and an import says so. */
  readonly signal?: AbortSignal
}

/** Bytes of one piece, about. */
const pieceBytes = 65_536
const batchMax = 512

/**
 * The bytes of an export, up to the last event that is there at the first step. Throws what `readAll` throws, and
 * `base.invalid_argument`.
 */
export async function* exportEvents(journal: Journal, options: ExportOptions = {}): AsyncGenerator<Uint8Array, void> {
  checkKeys('options', options, ['filter', 'from', 'format', 'onProgress', 'signal'])
  const { filter, from, format = 'batch', onProgress, signal } = options
  const events = journal.readAll({
    batch: batchMax,
    ...(filter && { filter }),
    ...(from !== undefined && { from }),
    ...(signal && { signal }),
  })
  yield* exportLines(recordsOf(events), format, await journal.id(), onProgress)
}

async function* recordsOf(batches: AsyncIterable<{ readonly events: readonly Recorded[] }>): AsyncGenerator<Recorded> {
  for await (const { events } of batches) yield* events
}

/** The same of events from anywhere, in the order in which they come. */
export async function* exportLines(
  events: AsyncIterable<Recorded>,
  format: ExportFormat,
  /** Of the journal that they are from. */
  journal: string,
  onProgress?: (progress: ExportProgress) => void,
): AsyncGenerator<Uint8Array, void> {
  if (format !== 'batch' && format !== 'ndjson') throw new InvalidArgument('format', 'must be batch or ndjson')
  const [open, between, close] = format === 'batch' ? ['[\n', ',\n', '\n]\n'] : ['', '\n', '\n']
  const digest = new TransferDigest()
  let text = open
  let bytes = 0
  let position = ''
  const piece = () => {
    const buffer = Buffer.from(text)
    text = ''
    bytes += buffer.length
    return buffer
  }
  for await (const recorded of events) {
    const placed = placedOf(recorded)
    text += lineOf(placed, digest.events === 0 ? journal : undefined) + between
    digest.add(placed)
    ;({ position } = recorded)
    if (text.length < pieceBytes) continue
    yield piece()
    onProgress?.({ events: digest.events, bytes, position })
  }
  text += digest.line(journal) + close
  yield piece()
  onProgress?.({ events: digest.events, bytes, position })
}

/**
 * Reads what an export wrote, or CloudEvents of others: unpacks gzip, finds the events in a JSON array or one after another,
 * checks each and, of an export, that it is whole. Unlike an import it writes nothing; it holds one event at a time.
 */
import { pipeline, Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { Aborted, messageOf } from '../base/error.ts'
import type { CloudEvent } from '../base/envelope.ts'
import { utf8Text } from '../base/limit.ts'
import { JsonSplitter } from './core/json-splitter.ts'
import type { SplitPlace } from './core/json-splitter.ts'
import { TransferBroken } from './error.ts'
import { parseLine, TransferDigest } from './transfer-line.ts'
import type { Placed } from './transfer-line.ts'

/** An event of a file: with its place when an export wrote it. */
export type Transferred = (
  | {
      readonly kind: 'own'
      readonly placed: Placed
      /** The id of the journal that wrote the file. */
      readonly journal: string | undefined
    }
  | { readonly kind: 'foreign'; readonly event: CloudEvent }
) & {
  readonly at: SplitPlace
  /** Up to and with this event, unpacked. */
  readonly bytes: number
}

export interface TransferReaderOptions {
  /** Bytes of one event in the file. */
  readonly elementMaxBytes: number
  readonly signal?: AbortSignal | undefined
}

/** A codec value of 128 levels, each of them a Map, is three levels of JSON a level. */
const depthMax = 512

const mendThere = 'mend it there, or get a whole copy of it, and do it again'

/** Of an event of our own, however large: what was kept once can be read back. */
export const ownElementMaxBytes: number = 2 ** 29 - 1

/** Throws `journal.transfer_broken`, `base.aborted`, and what the source throws. */
export async function* readTransfer(
  source: AsyncIterable<Uint8Array>,
  { elementMaxBytes, signal }: TransferReaderOptions,
): AsyncGenerator<Transferred, void> {
  const splitter = new JsonSplitter({ elementMaxBytes, depthMax })
  const digest = new TransferDigest()
  let kind: Transferred['kind'] | undefined
  let journal: string | undefined
  let completed = false
  let last: SplitPlace = { line: 1, offset: 0 }
  for await (const piece of unpacked(source)) {
    if (signal?.aborted) throw new Aborted('reading the events', { cause: signal.reason })
    for (const { bytes, ...at } of splitter.push(piece)) {
      if (completed) throw new TransferBroken(at, 'goes on after its last line')
      last = at
      const parsed = parsedAt(at, bytes)
      if (parsed.kind === 'broken') throw new TransferBroken(at, parsed.why)
      if (parsed.kind === 'completed') {
        if (parsed.events !== digest.events || parsed.digest !== digest.text())
          throw new TransferBroken(at, `should hold ${parsed.events} events and holds ${digest.events}, or others`)
        if (kind === 'own' && parsed.journal !== journal)
          throw new TransferBroken(at, 'begins as of another journal than it ends')
        completed = true
        continue
      }
      if (kind === undefined && parsed.kind === 'own') ({ journal } = parsed)
      kind ??= parsed.kind
      if (parsed.kind !== kind)
        throw new TransferBroken(at, 'has events with a place and events without one', { mend: mendThere })
      if (parsed.kind === 'own') digest.add(parsed.placed)
      const place = { at, bytes: at.offset + bytes.length }
      yield parsed.kind === 'own' ? { ...parsed, journal, ...place } : { ...parsed, ...place }
    }
    if (splitter.fault) throw new TransferBroken(splitter.fault, splitter.fault.why, { mend: mendThere })
  }
  const fault = splitter.end()
  if (fault) throw new TransferBroken(fault, fault.why)
  if (kind === 'own' && !completed) throw new TransferBroken(last, 'ends without its last line: it was cut off')
}

function parsedAt(at: SplitPlace, bytes: Uint8Array): ReturnType<typeof parseLine> {
  try {
    return parseLine(utf8Text('an event', bytes))
  } catch (cause) {
    const why = messageOf(cause)
    const clipped = why.length > 200 ? `${why.slice(0, 200)}…` : why
    throw new TransferBroken(at, `has something that is no event: ${clipped}`, { cause, mend: mendThere })
  }
}

/** As it is, or unpacked when it begins as gzip does (RFC 1952). */
async function* unpacked(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  const iterator = source[Symbol.asyncIterator]()
  let head: Uint8Array = new Uint8Array()
  try {
    while (head.length < 2) {
      const next = await iterator.next()
      if (next.done === true) break
      head = Buffer.concat([head, next.value])
    }
    const rest = rejoined(head, iterator)
    if (head[0] === 0x1f && head[1] === 0x8b) yield* gunzipped(rest)
    else yield* rest
  } finally {
    await iterator.return?.()
  }
}

async function* rejoined(head: Uint8Array, rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  if (head.length > 0) yield head
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value
}

async function* gunzipped(packed: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  const gunzip = createGunzip()
  let failed: Error | undefined
  // What goes wrong comes out of the loop below; the callback only keeps it from being thrown at nobody.
  pipeline(Readable.from(packed), gunzip, () => {})
  gunzip.on('error', (error) => (failed ??= error))
  let bytes = 0
  try {
    for await (const piece of gunzip as AsyncIterable<Uint8Array>) {
      bytes += piece.length
      yield piece
    }
  } catch (cause) {
    if (cause !== failed || !isZlib(cause)) throw cause
    throw new TransferBroken({ line: 0, offset: bytes }, 'cannot be unpacked: it is damaged or cut off', { cause })
  }
}

function isZlib(error: unknown): boolean {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('Z_')
}

/**
 * Sizes of entries as protobuf (raftpb, proto2) would encode them, which is what all limits of the core count. It encodes
 * nothing; the codec of a transport may look quite different.
 */
import type { Entry } from './message.ts'

/** Bytes of a whole number as a varint. */
export function varintBytes(value: number): number {
  if (value < 0x80) return 1
  let bytes = 1
  // Numbers reach 2^53, beyond what shifts of JavaScript can do.
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes++
  return bytes
}

/** Bytes of one entry: type, term and index are always there, data when there is any. A tag takes one byte each. */
export function entryBytes(entry: Entry): number {
  const fixed = 4 + varintBytes(entry.term) + varintBytes(entry.index)
  const { data } = entry
  return data === undefined ? fixed : fixed + 1 + varintBytes(data.length) + data.length
}

export function entriesBytes(entries: readonly Entry[]): number {
  let bytes = 0
  for (const entry of entries) bytes += entryBytes(entry)
  return bytes
}

/** Bytes of the data alone, which is what the limit on uncommitted proposals counts. */
export function payloadBytes(entries: readonly Entry[]): number {
  let bytes = 0
  for (const { data } of entries) bytes += data?.length ?? 0
  return bytes
}

/** How many of the entries from `start` to before `end` fit: at least one if there is one. Looks at no more than one beyond them. */
export function countWithin(
  entries: readonly Entry[],
  maxBytes: number,
  start = 0,
  end: number = entries.length,
): number {
  if (maxBytes === Infinity) return end - start
  let bytes = 0
  for (let at = start; at < end; at++) {
    bytes += entryBytes(entries[at]!)
    if (bytes > maxBytes && at > start) return at - start
  }
  return end - start
}

/** Those of [start, end) that fit, in an array of their own; never none if there is an entry. */
export function sliceWithin(entries: readonly Entry[], start: number, end: number, maxBytes: number): Entry[] {
  return entries.slice(start, start + countWithin(entries, maxBytes, start, end))
}

/** The longest prefix that fits, never empty if there is an entry. */
export function limitBytes(entries: Entry[], maxBytes: number): Entry[] {
  const count = countWithin(entries, maxBytes)
  return count === entries.length ? entries : entries.slice(0, count)
}

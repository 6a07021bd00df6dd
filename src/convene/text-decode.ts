/**
 * Bytes to text, strictly: UTF-8 or a reason that says where it stops being so. Unlike the platform's decoder it never puts
 * a replacement character in the place of what it cannot read, since a quote with one in it is no quote. Pure.
 */
import { isUtf8 } from 'node:buffer'

export type Decoded =
  | { readonly text: string }
  | {
      /** What is wrong, and the mend. */
      readonly reason: string
      /** Where, from 1. */
      readonly line: number
    }

/** The text of UTF-8 bytes without a byte order mark. A NUL byte means that it is no text at all. */
export function decodeText(bytes: Uint8Array): Decoded {
  const [first, second] = bytes
  if ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff))
    return { reason: 'is UTF-16; save it as UTF-8', line: 1 }
  const nul = bytes.indexOf(0)
  if (nul !== -1)
    return {
      reason: `is binary, not text (a NUL byte at offset ${nul}); give its text instead`,
      line: lineOf(bytes, nul),
    }
  if (!isUtf8(bytes)) {
    const offset = firstInvalid(bytes)
    const line = lineOf(bytes, offset)
    return { reason: `is not valid UTF-8 at byte ${offset} (line ${line}); save it as UTF-8`, line }
  }
  const start = first === 0xef && second === 0xbb && bytes[2] === 0xbf ? 3 : 0
  return { text: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8', start) }
}

/**
 * Offset of the first byte that no well-formed sequence holds; the length if there is none. Unicode 17, table 3-7: only
 * the second byte has ranges of its own, against overlong forms, surrogates and what lies beyond U+10FFFF.
 */
function firstInvalid(bytes: Uint8Array): number {
  let at = 0
  while (at < bytes.length) {
    const lead = bytes[at]!
    const more = lead < 0x80 ? 0 : lead < 0xc2 ? -1 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : lead < 0xf5 ? 3 : -1
    if (more === -1) return at
    if (more > 0) {
      const low = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80
      const high = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf
      const second = bytes[at + 1] ?? 0
      if (second < low || second > high) return at
      for (let next = 2; next <= more; next++) if (((bytes[at + next] ?? 0) & 0xc0) !== 0x80) return at
    }
    at += more + 1
  }
  return at
}

function lineOf(bytes: Uint8Array, offset: number): number {
  let line = 1
  for (let at = bytes.indexOf(10); at !== -1 && at < offset; at = bytes.indexOf(10, at + 1)) line++
  return line
}

/**
 * The chain of a record: each item is linked to all before it by a digest, so that one head stands for the whole. Unlike a signature it says
 * nothing of who made the record: whoever holds an earlier head, or a signed one, can tell that nothing was changed, taken out or moved
 * since. It computes no digest itself; that is handed in. Pure.
 *
 * The first link is the digest of the format's name; each next one that of the link before, a line end, and the item in canonical JSON
 * (RFC 8785). Links are lower-case hex of SHA-256.
 */
import { canonicalJson } from '../../base/canonical.ts'
import { utf8Bytes } from '../../base/limit.ts'
import type { Digest } from '../../vote/commitment.ts'

export const chainName = 'colloquy-record/1'

export class RecordChain {
  readonly #digest: Digest
  #head: string
  #items = 0

  constructor(digest: Digest) {
    this.#digest = digest
    this.#head = hexOf(digest(utf8Bytes(chainName)))
  }

  /** Of all items so far, 64 characters. */
  get head(): string {
    return this.#head
  }

  get items(): number {
    return this.#items
  }

  /** The new head. Throws `base.invalid_argument` for what is no plain JSON. */
  add(item: unknown): string {
    this.#head = hexOf(this.#digest(utf8Bytes(`${this.#head}\n${canonicalJson(item)}`)))
    this.#items++
    return this.#head
  }
}

/** What a signature of a record is over: its name keeps it apart from all else that the key may sign. */
export function signedBytes(head: string, items: number): Uint8Array {
  return utf8Bytes(`${chainName}\n${items}\n${head}`)
}

function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

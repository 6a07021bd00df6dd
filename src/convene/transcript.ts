/**
 * A transcript: the record of a convening or a debate as a file that anybody can check without the journal, the models or a network.
 * Unlike minutes it is for programs, and unlike the journal it says what was said and decided, and not when: events of the same seed,
 * agenda and evidence give the same file and the same head.
 *
 * Lines of canonical JSON: `{"format":"colloquy-transcript/1"}`; for each event its type, its data and its link; last the head, the number
 * of items, and the signature where there is one. What is checked of it is in `verify.ts`.
 */
import { sign } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { canonicalJson } from '../base/canonical.ts'
import { InvalidArgument } from '../base/error.ts'
import { RecordChain, signedBytes } from '../deliberation/core/chain.ts'
import { sha256 } from '../deliberation/poll-plan.ts'

export const transcriptFormat = 'colloquy-transcript/1'

/** What of an event is in a transcript. */
export interface TranscriptItem {
  readonly type: string
  readonly data?: unknown
}

export interface RecordHead {
  /** 64 characters of lower-case hex. */
  readonly head: string
  readonly items: number
}

/** The head of a record, and of how many items: what minutes show. */
export function headOf(events: readonly TranscriptItem[]): RecordHead {
  const chain = new RecordChain(sha256)
  for (const { type, data } of events) chain.add({ type, data })
  return { head: chain.head, items: chain.items }
}

/** The text of the file. With an ed25519 private key it is signed; throws `base.invalid_argument` for another. */
export function transcriptOf(events: readonly TranscriptItem[], key?: KeyObject): string {
  if (key !== undefined && (key.type !== 'private' || key.asymmetricKeyType !== 'ed25519'))
    throw new InvalidArgument(
      'key',
      'must be an ed25519 private key; make one with: openssl genpkey -algorithm ed25519',
    )
  const chain = new RecordChain(sha256)
  const lines = events.map(({ type, data }) => canonicalJson({ type, data, link: chain.add({ type, data }) }))
  const { head, items } = chain
  const signature = key && sign(null, signedBytes(head, items), key).toString('base64')
  return `${[canonicalJson({ format: transcriptFormat }), ...lines, canonicalJson({ head, items, signature })].join('\n')}\n`
}

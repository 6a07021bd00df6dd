/**
 * Commitment: a digest that fixes a ballot before anybody sees it. It binds the poll, the voter, the ballot and a secret salt,
 * so that nobody can change the ballot, copy another's commitment, carry it to another poll, or find the ballot by trying all
 * of them. Unlike a signature it does not say who made it. It computes no digest itself: that is handed in.
 */
import { canonicalJson } from '../base/canonical.ts'
import { InvalidArgument, LimitExceeded } from '../base/error.ts'
import { plainName, utf8Bytes } from '../base/limit.ts'
import type { Ballot } from './ballot.ts'

/** SHA-256, or a digest as strong and as long: 32 bytes. In Node.js `(bytes) => createHash('sha256').update(bytes).digest()`. */
export type Digest = (bytes: Uint8Array) => Uint8Array

export interface Committed {
  readonly poll: string
  readonly voter: string
  readonly ballot: Ballot
  /** 16 to 64 bytes from a secure generator in lower-case hex. A ballot whose salt is guessed is not secret. */
  readonly salt: string
}

export const commitmentLimits: {
  readonly nameMaxLength: number
  readonly ballotMaxBytes: number
  readonly saltMinBytes: number
  readonly saltMaxBytes: number
} = { nameMaxLength: 1000, ballotMaxBytes: 65_536, saltMinBytes: 16, saltMaxBytes: 64 }

const hex = /^(?:[0-9a-f]{2})+$/

/**
 * The commitment as 64 characters of hex: the digest of the canonical JSON (RFC 8785) of a list of the format's name, poll,
 * voter, ballot and salt; a list, so that no two different fillings give one text. Throws `base.invalid_argument`,
 * `base.limit_exceeded`.
 */
export function commitmentTo({ poll, voter, ballot, salt }: Committed, digest: Digest): string {
  plainName('poll', poll, commitmentLimits.nameMaxLength)
  plainName('voter', voter, commitmentLimits.nameMaxLength)
  const { saltMinBytes, saltMaxBytes, ballotMaxBytes } = commitmentLimits
  if (typeof salt !== 'string' || !hex.test(salt) || salt.length < 2 * saltMinBytes || salt.length > 2 * saltMaxBytes)
    throw new InvalidArgument('salt', `must be ${saltMinBytes} to ${saltMaxBytes} secret bytes in lower-case hex`)
  if (typeof ballot !== 'object' || ballot === null) throw new InvalidArgument('ballot', 'must be an object')
  const bytes = utf8Bytes(canonicalJson(ballot)).length
  if (bytes > ballotMaxBytes) throw new LimitExceeded('ballotMaxBytes', ballotMaxBytes, bytes)
  return digestText(['colloquy.vote.commitment/1', poll, voter, ballot, salt], digest)
}

/** Whether the text can be a commitment at all. */
export function isCommitment(text: unknown): text is string {
  return typeof text === 'string' && text.length === 64 && hex.test(text)
}

/** The digest of a value's canonical JSON, in hex. */
export function digestText(value: unknown, digest: Digest): string {
  const bytes = digest(utf8Bytes(canonicalJson(value)))
  if (bytes.length !== 32) throw new InvalidArgument('digest', `must give 32 bytes; it gave ${bytes.length}`)
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

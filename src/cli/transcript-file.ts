/** Writes a transcript to a file, signed where a key is named; the one place where a command's `--transcript` becomes one. */
import { createPrivateKey, createPublicKey } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { ColloquyError, messageOf } from '../base/error.ts'
import { transcriptOf } from '../convene/transcript.ts'
import type { TranscriptItem } from '../convene/transcript.ts'
import { readPrivateFile } from '../node/private-file.ts'
import { UsageError } from './command.ts'

/** The file of `--transcript` cannot be written. The record itself is not touched by that. */
export class TranscriptUnwritable extends ColloquyError {
  override readonly code = 'cli.transcript_unwritable'
}

/** The file of a key holds no ed25519 key. */
export class KeyUnusable extends ColloquyError {
  override readonly code = 'cli.key_unusable'
}

/** Options of the commands that write one. */
export const transcriptOptions = { transcript: { type: 'string' }, sign: { type: 'string' } } as const

/** The key to sign with, read before an hour of talk rather than after it. Rejects with `cli.usage`, `cli.key_unusable`, `node.not_private`. */
export async function signingKey(
  file: string | undefined,
  transcript: string | undefined,
): Promise<KeyObject | undefined> {
  if (file === undefined) return undefined
  if (transcript === undefined) throw new UsageError('--sign signs what --transcript writes; name a file for it')
  return readKey(file, 'owner', createPrivateKey)
}

export function publicKey(file: string): Promise<KeyObject> {
  return readKey(file, 'anyone', createPublicKey)
}

async function readKey(
  file: string,
  readers: 'owner' | 'anyone',
  make: (pem: string) => KeyObject,
): Promise<KeyObject> {
  const pem = await readPrivateFile(file, { sizeMaxBytes: 16_384, readers })
  let key: KeyObject | undefined
  try {
    key = make(pem)
  } catch {
    // What the library says of it may hold parts of the key.
  }
  if (key?.asymmetricKeyType !== 'ed25519')
    throw new KeyUnusable(
      `${file} holds no ed25519 key in PEM; make one with: openssl genpkey -algorithm ed25519 -out key.pem`,
    )
  return key
}

/** Rejects with `cli.transcript_unwritable`. */
export async function writeTranscript(
  file: string,
  events: readonly TranscriptItem[],
  key: KeyObject | undefined,
): Promise<void> {
  try {
    await writeFile(file, transcriptOf(events, key))
  } catch (cause) {
    throw new TranscriptUnwritable(`the transcript cannot be written to ${file}: ${messageOf(cause)}`, { cause })
  }
}

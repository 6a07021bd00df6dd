/**
 * The node's sealer: the key that seals the ballots of secret polls, kept beside the journal that holds them sealed, in a file for its
 * owner alone. Who copies the journal without it reads no ballot; who deletes it makes those in the journal unreadable for good.
 */
import { access } from 'node:fs/promises'
import { join } from 'node:path'
import type { Entropy } from '../base/entropy.ts'
import { keySealer } from '../deliberation/sealer.ts'
import type { Sealer } from '../deliberation/sealer.ts'
import { FileUnusable } from './bus-error.ts'
import { readPrivateFile, writePrivateFile } from './private-file.ts'

const keyBytes = 32

/** Without a data folder the key lives as long as the node, and so does its journal. */
export async function openSealer(data: string | undefined, entropy: Entropy): Promise<Sealer> {
  if (data === undefined) return keySealer(entropy.bytes(keyBytes), entropy)
  const path = join(data, 'poll.key')
  const isThere = await access(path).then(
    () => true,
    () => false,
  )
  if (!isThere) await writePrivateFile(path, `${Buffer.from(entropy.bytes(keyBytes)).toString('hex')}\n`)
  const text = (await readPrivateFile(path, { sizeMaxBytes: 1000, readers: 'owner' })).trim()
  if (!/^[0-9a-f]{64}$/.test(text)) throw new FileUnusable(path, 'holds no key of 64 hex digits; restore it')
  return keySealer(Buffer.from(text, 'hex'), entropy)
}

/**
 * A backup of a raft group as a file: written beside its place until it is whole and on the disk, read only after its hash was checked.
 * Unlike backup-format.ts it knows files and nothing of what is in them.
 */
import { constants, existsSync } from 'node:fs'
import { link, open, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { Entropy } from '../base/entropy.ts'
import { messageOf } from '../base/error.ts'
import { type BackupHeader, readBackup } from '../raft/backup-format.ts'
import { InvalidFrame } from '../raft/error.ts'
import type { LogContent } from '../raft/log-survey.ts'
import { asUnusable, syncFolder } from './private-file.ts'
import { AlreadyThere, BackupInvalid } from './raft-error.ts'

export interface WriteBackupOptions {
  readonly entropy: Entropy
  /** Whether a file of that name gives way. Default false. */
  readonly replace?: boolean
  readonly onProgress?: (bytes: number) => void
}

/**
 * Writes all pieces, or nothing; readable by its owner alone. Resolves with the bytes. Rejects with `node.raft_already_there`,
 * `node.file_unusable`, and what the pieces fail with.
 */
export async function writeBackupFile(
  path: string,
  pieces: AsyncIterable<Uint8Array>,
  { entropy, replace = false, onProgress }: WriteBackupOptions,
): Promise<number> {
  if (!replace && existsSync(path)) throw taken(path)
  const mark = Buffer.from(entropy.bytes(8)).toString('hex')
  const beside = join(dirname(path), `.${basename(path)}.${mark}.tmp`)
  try {
    const bytes = await written(beside, pieces, onProgress)
    // A link, unlike a rename, fails where somebody else has made a file of that name meanwhile.
    if (replace) await rename(beside, path)
    else await link(beside, path)
    await syncFolder(dirname(path))
    return bytes
  } catch (error) {
    if (!(error instanceof Error) || !('syscall' in error)) throw error
    throw 'code' in error && error.code === 'EEXIST' ? taken(path) : asUnusable(path, error, 'written')
  } finally {
    await rm(beside, { force: true }).catch(() => {})
  }
}

async function written(
  path: string,
  pieces: AsyncIterable<Uint8Array>,
  onProgress: WriteBackupOptions['onProgress'],
): Promise<number> {
  await using file = await open(path, 'wx', 0o600)
  let bytes = 0
  for await (const piece of pieces) {
    await file.writeFile(piece)
    bytes += piece.length
    onProgress?.(bytes)
  }
  await file.sync()
  return bytes
}

function taken(path: string): AlreadyThere {
  return new AlreadyThere(path, 'name another file, or say --force to replace it')
}

export interface BackupFile extends AsyncDisposable {
  readonly header: BackupHeader
  /** Its snapshot is read from the file, which is open until this is disposed of. */
  readonly content: LogContent
}

/** Rejects with `node.raft_backup_invalid`. */
export async function readBackupFile(path: string): Promise<BackupFile> {
  // A pipe that nobody writes to would hold the opening, and the process, for ever.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch((cause: unknown) => {
    throw new BackupInvalid(path, `cannot be read: ${messageOf(cause)}`, { cause })
  })
  try {
    const stat = await file.stat()
    if (!stat.isFile()) throw new BackupInvalid(path, 'is no regular file')
    const { size } = stat
    const read = async (offset: number, length: number): Promise<Uint8Array> => {
      const bytes = Buffer.alloc(length)
      let at = 0
      while (at < length) {
        const { bytesRead } = await file.read(bytes, at, length - at, offset + at)
        if (bytesRead === 0) throw new BackupInvalid(path, 'became shorter while it was read')
        at += bytesRead
      }
      return bytes
    }
    const { header, content } = await readBackup({ sizeBytes: size, read })
    return { header, content, [Symbol.asyncDispose]: () => file.close() }
  } catch (cause) {
    await file.close()
    if (cause instanceof BackupInvalid) throw cause
    const problem = cause instanceof InvalidFrame ? cause.problem.replace(/^of a backup /, '') : undefined
    throw new BackupInvalid(path, problem ?? `cannot be restored: ${messageOf(cause)}`, { cause })
  }
}

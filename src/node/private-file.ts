/**
 * Files that hold secrets: read only when nobody else may read them, written so that nobody ever could, whole or not at
 * all. Unlike a plain `readFile` it looks at the opened file's mode first and stops at a bound. No content of a file gets
 * into an error. Windows has no such modes, and there they are not looked at.
 */
import { constants } from 'node:fs'
import type { Stats } from 'node:fs'
import { mkdir, open, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { messageOf } from '../base/error.ts'
import { systemEntropy } from '../base/entropy.ts'
import { FileUnusable, NotPrivate } from './bus-error.ts'

export interface PrivateFileOptions {
  readonly sizeMaxBytes: number
  /**
   * Who may read it: `owner` alone, the group too (as mounted secrets often are), or `anyone`, where it holds none.
   */
  readonly readers: 'owner' | 'group' | 'anyone'
}

const forbidden = { owner: 0o077, group: 0o007, anyone: 0 } as const
const mends = { owner: '600', group: 'o-rwx', anyone: '' } as const
// Without O_NONBLOCK, opening a pipe waits until somebody writes to it. Windows has no such flag.
const openFlags = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)

/** The text of a regular file. Rejects with `node.not_private` or `node.file_unusable`. */
export async function readPrivateFile(path: string, options: PrivateFileOptions): Promise<string> {
  const { bytes, stats } = await read(path, options.sizeMaxBytes)
  checkReaders(path, stats, options.readers)
  if (bytes.includes(0)) throw new FileUnusable(path, 'is binary; it must be text')
  return bytes.toString('utf8').replace(/^\ufeff/, '')
}

/** Rejects with `node.not_private` when others may read a file that may turn out to hold secrets. */
export function checkReaders(path: string, stats: Pick<Stats, 'mode'>, readers: PrivateFileOptions['readers']): void {
  if (hasModes && (stats.mode & forbidden[readers]) !== 0)
    throw new NotPrivate(path, 'holds secrets and may be read by others', mends[readers])
}

const hasModes = process.platform !== 'win32'

async function read(path: string, sizeMaxBytes: number): Promise<{ bytes: Buffer; stats: Stats }> {
  try {
    await using file = await open(path, openFlags)
    const stats = await file.stat()
    if (!stats.isFile()) throw new FileUnusable(path, 'is no regular file; name one')
    const bytes = Buffer.alloc(sizeMaxBytes + 1)
    let length = 0
    for (;;) {
      const { bytesRead } = await file.read(bytes, length, bytes.length - length, null)
      length += bytesRead
      if (length > sizeMaxBytes) throw new FileUnusable(path, `has more than ${sizeMaxBytes} bytes, which is too much`)
      if (bytesRead === 0) return { bytes: bytes.subarray(0, length), stats }
    }
  } catch (error) {
    throw asUnusable(path, error, 'read')
  }
}

/**
 * Writes text that is there whole or not at all, readable by its owner alone; the folder is made, for its owner alone.
 * Rejects with `node.not_private` when others may write to the folder, or `node.file_unusable`.
 */
export async function writePrivateFile(path: string, text: string): Promise<void> {
  const folder = dirname(path)
  const mark = Buffer.from(systemEntropy.bytes(8)).toString('hex')
  const beside = join(folder, `.${basename(path)}.${mark}.tmp`)
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    await checkFolder(folder)
    {
      await using file = await open(beside, 'wx', 0o600)
      await file.writeFile(text)
      await file.sync()
    }
    await rename(beside, path)
    await syncFolder(folder)
  } catch (error) {
    await rm(beside, { force: true }).catch(() => {})
    throw asUnusable(path, error, 'written')
  }
}

/** Who may write to the folder can put another file in the place of one in it. Rejects with `node.not_private`. */
export async function checkFolder(folder: string): Promise<void> {
  const { mode } = await stat(folder)
  if (hasModes && (mode & 0o022) !== 0) throw new NotPrivate(folder, 'may be written to by others', '700')
}

/** Makes it last what stands in the folder under which name. */
export async function syncFolder(folder: string): Promise<void> {
  // Windows cannot open a folder; there the rename is all there is.
  if (!hasModes) return
  await using handle = await open(folder, 'r')
  await handle.sync()
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist',
  ENOTDIR: 'does not exist: part of its path is no folder',
  EISDIR: 'is a folder; name a file',
  EACCES: 'may not be used by this user; change its permissions',
  EPERM: 'may not be used by this user; change its permissions',
  ENOSPC: 'has no room: the disk is full',
  EROFS: 'stands on a disk that cannot be written to',
}

/** What the file system says, in words with the mend; `verb` is what could not be done: `read`, `written`, `made`. */
export function asUnusable(path: string, error: unknown, verb: string): Error {
  if (error instanceof FileUnusable || error instanceof NotPrivate) return error
  const { code } = error as { code?: unknown }
  const reason = typeof code === 'string' ? reasons[code] : undefined
  return new FileUnusable(path, reason ?? `cannot be ${verb}: ${messageOf(error)}`, { cause: error })
}

/**
 * A file as the place of an archive. It is written under a passing name, synced, and only then has its own, which no file
 * has that is there already; so a crash leaves the whole archive or a passing file that the next try writes anew. Unlike the
 * files of a store it is closed for good once it is written.
 */
import { createReadStream } from 'node:fs'
import { link, open, rename, stat, unlink } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import type { ArchiveSink } from './archive.ts'
import { ArchiveUnwritable } from './error.ts'

/** The archive in this file, for its owner only. Writing rejects with `journal.archive_unwritable` where one is there. */
export function archiveFile(path: string): ArchiveSink {
  const file = resolve(path)
  return {
    async read() {
      const found = await stat(file).catch((cause: unknown) => {
        if (codeOf(cause) === 'ENOENT') return undefined
        throw new ArchiveUnwritable(file, `cannot be read (${codeOf(cause)})`, { cause })
      })
      return found && createReadStream(file)
    },
    write: (bytes) => writeWhole(file, bytes),
  }
}

async function writeWhole(file: string, bytes: AsyncIterable<Uint8Array>): Promise<void> {
  const passing = `${file}.part`
  const attempt = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work
    } catch (cause) {
      const why = codeOf(cause) === 'EEXIST' ? 'is there already' : `cannot be written (${codeOf(cause)})`
      throw new ArchiveUnwritable(file, why, { cause })
    }
  }
  if (await stat(file).catch(() => undefined)) throw new ArchiveUnwritable(file, 'is there already')
  const handle = await attempt(open(passing, 'w', 0o600))
  try {
    // What the source throws is the caller's and keeps its type.
    for await (const piece of bytes) await attempt(handle.writeFile(piece))
    await attempt(handle.sync())
    await handle.close()
    await attempt(giveName(passing, file))
    await syncFolder(dirname(file))
  } catch (error) {
    await handle.close().catch(() => {})
    await unlink(passing).catch(() => {})
    throw error
  }
}

/** A link fails where the name is taken, a renaming would replace what has it; not every file system has links. */
async function giveName(passing: string, file: string): Promise<void> {
  try {
    await link(passing, file)
  } catch (error) {
    if (!['EPERM', 'ENOTSUP', 'ENOSYS', 'EOPNOTSUPP'].includes(codeOf(error))) throw error
    await rename(passing, file)
    return
  }
  await unlink(passing)
}

async function syncFolder(folder: string): Promise<void> {
  // Windows opens no folder as a file and keeps its entries by the journal of its file system.
  if (process.platform === 'win32') return
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'unknown'
}

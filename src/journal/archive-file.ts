/**
 * A file as the place of an archive. It is written under a passing name that no other attempt has, synced, and only then has
 * its own, which no file has that is there already; so a crash leaves the whole archive or a passing file, which a later
 * attempt clears away. Unlike the files of a store it is closed for good once it is written.
 */
import { link, open, readdir, rename, stat, unlink } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { systemEntropy } from '../base/entropy.ts'
import type { Entropy } from '../base/entropy.ts'
import { codeOfSystem, processRuns } from '../store/system-error.ts'
import type { ArchiveSink } from './archive.ts'
import { ArchiveUnwritable } from './error.ts'

/** The archive in this file, for its owner only. Writing rejects with `journal.archive_unwritable` where one is there. */
export function archiveFile(path: string, entropy: Entropy = systemEntropy): ArchiveSink {
  const file = resolve(path)
  /** Of what `read` gave last. */
  let given: string | undefined
  return {
    async read() {
      const handle = await openThere(file)
      given = handle && (await fingerprintOf(handle))
      return handle?.createReadStream()
    },
    async still() {
      const found = await stat(file, { bigint: true }).catch(() => undefined)
      return found !== undefined && fingerprint(found) === given
    },
    write: (bytes) => writeWhole(file, bytes, entropy),
  }
}

async function openThere(file: string): Promise<FileHandle | undefined> {
  try {
    return await open(file, 'r')
  } catch (cause) {
    if (codeOfSystem(cause) === 'ENOENT') return undefined
    throw new ArchiveUnwritable(file, `cannot be read (${codeOfSystem(cause)})`, { cause })
  }
}

/** What tells a file from another that takes its name, or from itself with another content. */
function fingerprint({ dev, ino, size, mtimeNs }: { dev: bigint; ino: bigint; size: bigint; mtimeNs: bigint }): string {
  return `${dev}:${ino}:${size}:${mtimeNs}`
}

async function fingerprintOf(handle: FileHandle): Promise<string> {
  return fingerprint(await handle.stat({ bigint: true }))
}

async function writeWhole(file: string, bytes: AsyncIterable<Uint8Array>, entropy: Entropy): Promise<void> {
  const attempt = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work
    } catch (cause) {
      const why = codeOfSystem(cause) === 'EEXIST' ? 'is there already' : `cannot be written (${codeOfSystem(cause)})`
      throw new ArchiveUnwritable(file, why, { cause })
    }
  }
  if (await stat(file).catch(() => undefined)) throw new ArchiveUnwritable(file, 'is there already')
  await sweep(file)
  const mark = Buffer.from(entropy.bytes(8)).toString('hex')
  const passing = join(dirname(file), `.${basename(file)}.${process.pid}-${mark}.part`)
  // Exclusively: what has this name by chance or by malice is not written over, and no link is followed.
  const handle = await attempt(open(passing, 'wx', 0o600))
  try {
    // What the source throws is the caller's and keeps its type.
    for await (const piece of bytes) await attempt(handle.writeFile(piece))
    await attempt(handle.sync())
    const written = await fingerprintOf(handle)
    await attempt(giveName(passing, file))
    await handle.close()
    await syncFolder(dirname(file))
    const named = await stat(file, { bigint: true }).catch(() => undefined)
    if (!named || fingerprint(named) !== written)
      throw new ArchiveUnwritable(file, 'is not what was written: somebody else replaced it')
  } catch (error) {
    await handle.close().catch(() => {})
    await unlink(passing).catch(() => {})
    throw error
  }
}

/**
 * Clears away what attempts at this file have left whose process is gone. One that runs elsewhere, over a network, may look
 * so too; it then finds its passing file gone and fails.
 */
async function sweep(file: string): Promise<void> {
  const begin = `.${basename(file)}.`
  for (const name of await readdir(dirname(file)).catch(() => [])) {
    const pid = name.startsWith(begin) ? /^(\d+)-[0-9a-f]{16}\.part$/.exec(name.slice(begin.length))?.[1] : undefined
    if (pid !== undefined && !processRuns(Number(pid))) await unlink(join(dirname(file), name)).catch(() => {})
  }
}

/** A link fails where the name is taken, a renaming would replace what has it; not every file system has links. */
async function giveName(passing: string, file: string): Promise<void> {
  try {
    await link(passing, file)
  } catch (error) {
    if (!['EPERM', 'ENOTSUP', 'ENOSYS', 'EOPNOTSUPP'].includes(codeOfSystem(error))) throw error
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

/**
 * The files driver of the Disk: a folder of the machine's file system, by `node:fs`. Unlike the simulated disk it cannot
 * lose power to order, so what its syncs are worth is the file system's word: `sync` is `fdatasync` (on macOS
 * `F_FULLFSYNC`, which Node chooses), `writeSynced` a write through a second handle with `O_DSYNC` (on Linux alone, whose own word
 * it is that this is a write and an `fdatasync`: open(2)), `syncFolder` an `fsync` of the folder, which Windows has not and does not need for
 * NTFS. It locks nothing: whoever opens the folder for a log has the lock.
 */
import { constants, write } from 'node:fs'
import { lstat, mkdir, open, readdir, rename, unlink } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { checkKeys, plainName } from '../base/limit.ts'
import type { Disk, DiskEntry, DiskFile, DiskOpenOptions, DiskWait } from './disk.ts'
import { openedFile, untilAborted } from './disk-file.ts'
import { checkDiskFolder, checkDiskPath, isDiskName } from './disk-path.ts'
import { DiskFailed, DiskFull, DiskMissing } from './error.ts'
import { codeOfSystem } from './system-error.ts'

export interface FilesDiskOptions {
  /** The disk's own folder on the machine; it must exist before the first call. */
  readonly folder: string
}

export function filesDisk(options: FilesDiskOptions): Disk {
  checkKeys('options', options, ['folder'])
  return new FilesDisk(plainName('folder', options.folder, 4096))
}

class FilesDisk implements Disk {
  readonly driver = 'files'
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = folder
  }

  async open(path: string, options: DiskOpenOptions = {}): Promise<DiskFile> {
    checkKeys('options', options, ['create', 'signal'])
    const place = this.#at(checkDiskPath(path))
    const flags = constants.O_RDWR | (options.create === true ? constants.O_CREAT : 0)
    const opened = attempt(path, 'open', async () => {
      const handle = await open(place, flags)
      try {
        return openedFile(path, (await handle.stat()).size, rawFile(path, place, handle))
      } catch (error) {
        await handle.close()
        throw error
      }
    })
    try {
      return await untilAborted(`opening ${path}`, opened, options.signal)
    } catch (error) {
      // Nobody would close what is opened after the caller has gone.
      void opened.then(
        (file) => file.close(),
        () => {},
      )
      throw error
    }
  }

  list(folder: string, options?: DiskWait): Promise<DiskEntry[]> {
    return this.#call(checkDiskFolder(folder), 'list', options, async (place) => {
      const found = await readdir(place, { withFileTypes: true })
      return found
        .filter((entry) => isDiskName(entry.name) && (entry.isFile() || entry.isDirectory()))
        .map((entry): DiskEntry => ({ name: entry.name, kind: entry.isFile() ? 'file' : 'folder' }))
        .sort((one, other) => (one.name < other.name ? -1 : 1))
    })
  }

  remove(path: string, options?: DiskWait): Promise<void> {
    return this.#call(checkDiskPath(path), 'remove', options, unlink)
  }

  rename(from: string, to: string, options?: DiskWait): Promise<void> {
    const target = this.#at(checkDiskPath(to))
    return this.#call(checkDiskPath(from), 'rename', options, async (place) => {
      if ((await lstat(place)).isDirectory()) throw new Error('it is a folder')
      await rename(place, target)
    })
  }

  makeFolder(path: string, options?: DiskWait): Promise<void> {
    return this.#call(checkDiskPath(path), 'makeFolder', options, async (place) => {
      try {
        await mkdir(place)
      } catch (error) {
        if (codeOfSystem(error) !== 'EEXIST' || !(await lstat(place)).isDirectory()) throw error
      }
    })
  }

  syncFolder(folder: string, options?: DiskWait): Promise<void> {
    return this.#call(checkDiskFolder(folder), 'syncFolder', options, async (place) => {
      if (process.platform === 'win32') await lstat(place)
      else await syncNames(place)
    })
  }

  #at(path: string): string {
    return join(this.#folder, path)
  }

  async #call<T>(
    path: string,
    operation: string,
    options: DiskWait | undefined,
    work: (place: string) => Promise<T>,
  ): Promise<T> {
    if (options) checkKeys('options', options, ['signal'])
    const done = attempt(path, operation, () => work(this.#at(path)))
    return untilAborted(`${operation} of ${path}`, done, options?.signal)
  }
}

async function syncNames(place: string): Promise<void> {
  const handle = await open(place, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

function rawFile(path: string, place: string, handle: FileHandle): Parameters<typeof openedFile>[2] {
  const synced = process.platform === 'linux' ? new SyncedHandle(path, place, handle) : undefined
  return {
    writeSynced: synced && ((offset, data) => synced.write(offset, data)),
    read: (offset, length) => attempt(path, 'read', () => readAll(handle, offset, length)),
    write: (offset, data) => writeAll(path, 'write', handle, offset, data),
    sync: () => attempt(path, 'sync', () => handle.datasync()),
    truncate: (size) => attempt(path, 'truncate', () => handle.truncate(size)),
    size: () => attempt(path, 'stat', async () => (await handle.stat()).size),
    close: () =>
      attempt(path, 'close', async () => {
        await synced?.close()
        await handle.close()
      }),
  }
}

/** A second handle of a file, opened when it is first needed, through which a write is durable once it returns. */
class SyncedHandle {
  readonly #path: string
  readonly #place: string
  readonly #first: FileHandle
  #second: FileHandle | undefined
  #opened = false

  constructor(path: string, place: string, first: FileHandle) {
    this.#path = path
    this.#place = place
    this.#first = first
  }

  write(offset: number, data: Uint8Array): Promise<void> {
    if (this.#second) return writeAll(this.#path, 'synced write', this.#second, offset, data)
    return attempt(this.#path, 'synced write', async () => {
      if (!this.#opened) this.#second = await this.#open()
      this.#opened = true
      await writeAll(this.#path, 'synced write', this.#second ?? this.#first, offset, data)
      if (!this.#second) await this.#first.datasync()
    })
  }

  /** Undefined when the name is another file's by now, or nobody's. */
  async #open(): Promise<FileHandle | undefined> {
    let second: FileHandle
    try {
      second = await open(this.#place, constants.O_RDWR | constants.O_DSYNC)
    } catch {
      return undefined
    }
    const [one, other] = await Promise.all([this.#first.stat({ bigint: true }), second.stat({ bigint: true })])
    if (one.ino === other.ino && one.dev === other.dev) return second
    await second.close()
    return undefined
  }

  async close(): Promise<void> {
    await this.#second?.close()
  }
}

/** The system may give less than it was asked for before the end of the file. */
async function readAll(handle: FileHandle, offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
  // A caller who asks for far more than there is pays for what there is.
  const room = Math.min(length, Math.max(0, (await handle.stat()).size - offset))
  const data = new Uint8Array(room)
  let got = 0
  while (got < room) {
    const { bytesRead } = await handle.read(data, got, room - got, offset + got)
    if (bytesRead === 0) return data.slice(0, got)
    got += bytesRead
  }
  return data
}

/** By the number of the open file: a handle makes several promises for each of its calls. */
function writeAll(
  path: string,
  operation: string,
  { fd }: FileHandle,
  offset: number,
  data: Uint8Array,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const from = (put: number): void =>
      write(fd, data, put, data.length - put, offset + put, (error, written) => {
        if (error) reject(failure(path, operation, error))
        else if (put + written < data.length) from(put + written)
        else resolve()
      })
    from(0)
  })
}

async function attempt<T>(path: string, operation: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    throw failure(path, operation, cause)
  }
}

function failure(path: string, operation: string, cause: unknown): Error {
  if (cause instanceof DiskMissing || cause instanceof DiskFull || cause instanceof DiskFailed) return cause
  switch (codeOfSystem(cause)) {
    case 'ENOENT':
    case 'ENOTDIR':
      return new DiskMissing(path, { cause })
    case 'ENOSPC':
    case 'EDQUOT':
    case 'EFBIG':
      return new DiskFull(path, { cause })
    default:
      return new DiskFailed(path, operation, { cause })
  }
}

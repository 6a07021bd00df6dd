/**
 * The Disk that one incarnation of a simulated node holds. Unlike the disk behind it, which stays, it ends with its
 * incarnation. What changes is in the cache when an operation begins, so that a crash under way finds it there; a sync counts
 * when it ends.
 */
import { checkKeys } from '../base/limit.ts'
import type { Random } from '../base/random.ts'
import type { Disk, DiskEntry, DiskFile, DiskOpenOptions, DiskWait } from '../store/disk.ts'
import { openedFile, untilAborted } from '../store/disk-file.ts'
import type { RawFile } from '../store/disk-file.ts'
import { checkDiskFolder, checkDiskPath, diskFolderOf } from '../store/disk-path.ts'
import { DiskFailed, DiskFull, DiskMissing } from '../store/error.ts'
import type { DiskEvent, DiskOperation } from './disk-event.ts'
import { Image, sectorBytes } from './disk-image.ts'
import type { Tree } from './disk-tree.ts'
import type { DiskTrouble } from './disk-trouble.ts'
import { SimRevoked } from './error.ts'

/** What the disk is for its ports. */
export interface DiskHost {
  readonly name: string
  readonly tree: Tree
  /** The incarnation that may work. */
  readonly current: number
  readonly now: DiskTrouble
  readonly chance: Random
  readonly usedBytes: number
  happens(chance: number): boolean
  tell(event: DiskEvent): void
  pass(isSync: boolean): Promise<void>
}

interface Told {
  readonly offset?: number
  readonly bytes?: number
}

export class SimDiskPort implements Disk {
  readonly driver = 'sim'
  readonly #host: DiskHost
  readonly #incarnation: number

  constructor(host: DiskHost, incarnation: number) {
    this.#host = host
    this.#incarnation = incarnation
  }

  async open(path: string, options: DiskOpenOptions = {}): Promise<DiskFile> {
    checkDiskPath(path)
    checkKeys('options', options, ['create', 'signal'])
    const { create = false, signal } = options
    return this.#waited(path, 'open', signal, () => {
      const found = this.#host.tree.get(path)
      if (found === 'folder') throw new DiskFailed(path, 'open', { cause: new Error('it is a folder') })
      if (found) this.#evict(path, found)
      const image = found ?? this.#created(path, create)
      return () => openedFile(path, image.size, this.#raw(path, image))
    })
  }

  list(folder: string, options?: DiskWait): Promise<DiskEntry[]> {
    return this.#call(checkDiskFolder(folder), 'list', options, () => {
      this.#folder(folder)
      return () =>
        this.#host.tree
          .list(folder)
          .map(([name, node]): DiskEntry => ({ name, kind: node === 'folder' ? 'folder' : 'file' }))
    })
  }

  remove(path: string, options?: DiskWait): Promise<void> {
    return this.#call(checkDiskPath(path), 'remove', options, () => {
      this.#file(path, 'remove')
      this.#host.tree.remove(path)
      return nothing
    })
  }

  rename(from: string, to: string, options?: DiskWait): Promise<void> {
    checkDiskPath(to)
    return this.#call(checkDiskPath(from), 'rename', options, () => {
      this.#file(from, 'rename')
      this.#folder(diskFolderOf(to))
      if (this.#host.tree.get(to) === 'folder')
        throw new DiskFailed(from, 'rename', { cause: new Error(`${to} is a folder`) })
      if (from !== to) this.#host.tree.rename(from, to)
      return nothing
    })
  }

  makeFolder(path: string, options?: DiskWait): Promise<void> {
    return this.#call(checkDiskPath(path), 'makeFolder', options, () => {
      const found = this.#host.tree.get(path)
      if (found instanceof Image) throw new DiskFailed(path, 'makeFolder', { cause: new Error('it is a file') })
      this.#folder(diskFolderOf(path))
      if (!found) this.#host.tree.create(path, 'folder')
      return nothing
    })
  }

  syncFolder(folder: string, options?: DiskWait): Promise<void> {
    return this.#call(checkDiskFolder(folder), 'syncFolder', options, () => {
      this.#folder(folder)
      return () => this.#host.tree.syncFolder(folder)
    })
  }

  #created(path: string, create: boolean): Image {
    this.#folder(diskFolderOf(path))
    if (!create) throw new DiskMissing(path)
    const image = new Image()
    this.#host.tree.create(path, image)
    return image
  }

  /** What a failed sync left in the cache alone is seen until the cache forgets it, which it may at any time. */
  #evict(path: string, image: Image): void {
    if (!image.suspect || !this.#host.happens(0.5)) return
    image.evict()
    this.#host.tell({ type: 'evicted', path })
  }

  #folder(path: string): void {
    if (this.#host.tree.get(path) !== 'folder') throw new DiskMissing(path)
  }

  #file(path: string, operation: string): Image {
    const found = this.#host.tree.get(path)
    if (!found) throw new DiskMissing(path)
    if (found === 'folder') throw new DiskFailed(path, operation, { cause: new Error('it is a folder') })
    return found
  }

  async #call<T>(
    path: string,
    operation: DiskOperation,
    options: DiskWait | undefined,
    begin: () => () => T,
  ): Promise<T> {
    if (options) checkKeys('options', options, ['signal'])
    return this.#waited(path, operation, options?.signal, begin)
  }

  async #waited<T>(
    path: string,
    operation: DiskOperation,
    signal: AbortSignal | undefined,
    begin: () => () => T,
  ): Promise<T> {
    this.#check('the disk')
    return untilAborted(`${operation} of ${path}`, this.#operate(operation, path, {}, begin), signal)
  }

  /** `begin` does what is seen at once, and gives what is done at the end of the operation's time. */
  async #operate<T>(operation: DiskOperation, path: string, told: Told, begin: () => () => T): Promise<T> {
    const host = this.#host
    // It was called in time, and a crash came before its turn.
    if (this.#revoked) await never()
    const isSync = operation === 'sync' || operation === 'syncFolder'
    try {
      const fails = !isSync && operation !== 'write' && host.happens(host.now.errorChance)
      const end = fails ? undefined : begin()
      await this.#passed(isSync)
      if (!end) throw failure(path, operation)
      if (operation === 'syncFolder' && host.happens(host.now.syncErrorChance)) throw failure(path, operation)
      const result = end()
      host.tell({ type: 'operation', operation, path, outcome: 'done', ...told })
      return result
    } catch (error) {
      const outcome = error instanceof DiskMissing ? 'missing' : error instanceof DiskFull ? 'full' : 'failed'
      host.tell({ type: 'operation', operation, path, outcome, ...told })
      throw error
    }
  }

  /** A crash meanwhile ends the incarnation: nobody hears any more what became of its operation. */
  async #passed(isSync: boolean): Promise<void> {
    await this.#host.pass(isSync)
    if (this.#revoked) await never()
  }

  get #revoked(): boolean {
    return this.#host.current !== this.#incarnation
  }

  #check(what: string): void {
    if (this.#revoked) throw new SimRevoked(this.#host.name, what)
  }

  #raw(path: string, image: Image): RawFile {
    return {
      check: () => this.#check(`the file ${path}`),
      read: (offset, length) =>
        this.#operate('read', path, { offset, bytes: length }, () => () => image.read(offset, length)),
      write: (offset, data) =>
        this.#operate('write', path, { offset, bytes: data.length }, () => this.#write(path, image, offset, data)),
      sync: () => this.#operate('sync', path, {}, () => this.#sync(path, image)),
      truncate: (size) =>
        this.#operate('truncate', path, { bytes: size }, () => {
          const room = Math.max(0, size - image.size)
          if (room > this.#room()) throw new DiskFull(path)
          image.truncate(size)
          return nothing
        }),
      size: async () => image.size,
      close: async () => {},
    }
  }

  #room(): number {
    return Math.max(0, this.#host.now.capacityBytes - this.#host.usedBytes)
  }

  #write(path: string, image: Image, offset: number, data: Uint8Array): () => void {
    const host = this.#host
    if (host.happens(host.now.errorChance)) {
      image.write(offset, data.subarray(0, host.chance.integer(data.length + 1)))
      return () => {
        throw failure(path, 'write')
      }
    }
    const beyond = offset + data.length - image.size
    // The sum of all files is asked for only where the file grows.
    const room = beyond > 0 ? this.#room() : 0
    if (beyond > room) {
      image.write(offset, data.subarray(0, Math.max(0, data.length - (beyond - room))))
      return () => {
        throw new DiskFull(path)
      }
    }
    const landed = host.happens(host.now.misdirectChance) ? this.#elsewhere(image, offset, data.length) : offset
    if (landed !== offset) host.tell({ type: 'misdirected', path, offset, landed })
    image.write(landed, data)
    return nothing
  }

  /** The start of another sector within the file, where the write has room; the right place if there is none. */
  #elsewhere(image: Image, offset: number, length: number): number {
    const sectors = Math.floor((image.size - length) / sectorBytes) + 1
    return sectors < 1 ? offset : this.#host.chance.integer(sectors) * sectorBytes
  }

  #sync(path: string, image: Image): () => void {
    const { mark } = image
    const host = this.#host
    return () => {
      if (!host.happens(host.now.syncErrorChance)) return image.sync(mark)
      host.tell({ type: 'sync-failed', path, ...image.failSync(mark, host.chance) })
      throw failure(path, 'sync')
    }
  }
}

const nothing = (): void => {}

const never = (): Promise<never> => new Promise<never>(() => {})

function failure(path: string, operation: string): DiskFailed {
  return new DiskFailed(path, operation, { cause: new Error('EIO: the simulated disk failed') })
}

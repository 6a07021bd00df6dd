/**
 * HeldDisk: a node's disk as one incarnation has it. Unlike the disk below it, it keeps a paused node waiting for what has
 * ended meanwhile, and an incarnation that is no more waits for ever. It does nothing to the bytes.
 */
import type { Disk, DiskEntry, DiskFile, DiskOpenOptions, DiskWait } from '../store/disk.ts'
import type { Place } from './place.ts'

/** Settles as the work does, once the node is there to see it. */
async function held<Result>(place: Place, work: Promise<Result>): Promise<Result> {
  try {
    return await work
  } finally {
    if (place.revoked) await new Promise(() => {})
    if (place.paused) await place.resumed()
  }
}

export class HeldDisk implements Disk {
  readonly driver: string
  readonly #disk: Disk
  readonly #place: Place

  constructor(disk: Disk, place: Place) {
    this.driver = disk.driver
    this.#disk = disk
    this.#place = place
  }

  async open(path: string, options?: DiskOpenOptions): Promise<DiskFile> {
    return new HeldFile(await held(this.#place, this.#disk.open(path, options)), this.#place)
  }
  list(folder: string, options?: DiskWait): Promise<DiskEntry[]> {
    return held(this.#place, this.#disk.list(folder, options))
  }
  remove(path: string, options?: DiskWait): Promise<void> {
    return held(this.#place, this.#disk.remove(path, options))
  }
  rename(from: string, to: string, options?: DiskWait): Promise<void> {
    return held(this.#place, this.#disk.rename(from, to, options))
  }
  makeFolder(path: string, options?: DiskWait): Promise<void> {
    return held(this.#place, this.#disk.makeFolder(path, options))
  }
  syncFolder(folder: string, options?: DiskWait): Promise<void> {
    return held(this.#place, this.#disk.syncFolder(folder, options))
  }
}

class HeldFile implements DiskFile {
  readonly #file: DiskFile
  readonly #place: Place

  constructor(file: DiskFile, place: Place) {
    this.#file = file
    this.#place = place
  }

  get path(): string {
    return this.#file.path
  }
  get size(): number {
    return this.#file.size
  }
  read(offset: number, length: number, options?: DiskWait): Promise<Uint8Array<ArrayBuffer>> {
    return held(this.#place, this.#file.read(offset, length, options))
  }
  write(offset: number, data: Uint8Array, options?: DiskWait): Promise<void> {
    return held(this.#place, this.#file.write(offset, data, options))
  }
  sync(options?: DiskWait): Promise<void> {
    return held(this.#place, this.#file.sync(options))
  }
  truncate(size: number, options?: DiskWait): Promise<void> {
    return held(this.#place, this.#file.truncate(size, options))
  }
  preallocate(size: number, options?: DiskWait): Promise<void> {
    return held(this.#place, this.#file.preallocate(size, options))
  }
  close(): Promise<void> {
    return held(this.#place, this.#file.close())
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

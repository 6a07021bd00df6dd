/**
 * Disk: files of bytes for logs that are kept in segments, with every promise of durability said. Unlike the Store it knows
 * no procedures and no transactions: whoever writes a log on it decides what is checked and what is repaired. Interfaces
 * only. A driver never syncs by itself and never tries again what failed.
 *
 * Which of it is durable, that is, there after a loss of power:
 *
 * | what | from when | before that, a crash may leave |
 * | --- | --- | --- |
 * | the bytes of a `write` | a `sync` of the file that was called after it, resolved | each sector of 512 bytes old or new, in any order; sectors never written read as zeros |
 * | the bytes of a `writeSynced`, and the size after it | it has resolved; what other calls wrote is as durable as before | the same |
 * | the size after `write`, `truncate`, `preallocate` | the same as of `write` | any size that the file had since the last sync |
 * | a file's name, after `open` with `create` | `syncFolder` of its folder | no such file, though its bytes were synced |
 * | `rename` | `syncFolder` of both folders | the old names or the new ones, never half |
 * | `remove`, `makeFolder` | `syncFolder` of the folder it stands in | the name as it was |
 *
 * | what | promise |
 * | --- | --- |
 * | order | of one file `write`, `writeSynced`, `truncate`, `preallocate` and `sync` happen one after the other, as they were called; reads wait for nobody and see every write that was resolved before |
 * | a failed `write` | part of it may be there |
 * | a failed `sync` or `writeSynced` | the state of all that was written since the last sync is unknown, and the handle is used up: each further write or sync is refused with the same `store.disk_error`. A second sync would succeed without having written what the first one lost (fsyncgate, 2018); open the file anew, read, and write again what is missing |
 * | one owner | a file is written through one handle at a time; with more the order is nobody's |
 *
 * Paths are names joined by `/`, relative to the disk's own folder: letters, digits, `_`, `-` and inside also `.`, each of at
 * most 128 characters, at most 8 deep; else `base.invalid_argument`. The empty path is the disk's own folder.
 */

export interface DiskWait {
  /** Ends the wait with `base.aborted`; what was asked for may still happen. */
  readonly signal?: AbortSignal
}

export interface DiskOpenOptions extends DiskWait {
  /** Makes the file, empty, when there is none. Default false, and then that is `store.disk_missing`. */
  readonly create?: boolean
}

/** An open file. Calls reject with `base.closed` after `close`, `store.disk_error`, and as they say. */
export interface DiskFile extends AsyncDisposable {
  readonly path: string
  /** Bytes, as this handle knows it: from the opening on, changed by its own calls when they resolve. */
  readonly size: number
  /** Bytes from `offset` on, the caller's own: `length` of them, or fewer at the end of the file. */
  read(offset: number, length: number, options?: DiskWait): Promise<Uint8Array<ArrayBuffer>>
  /**
   * Writes all of the bytes, which must not change until it has resolved. Beyond the end the gap reads as zeros. Rejects with
   * `store.disk_full`, `base.limit_exceeded` when 4096 calls wait.
   */
  write(offset: number, data: Uint8Array, options?: DiskWait): Promise<void>
  /**
   * Writes as `write` does, durable when it has resolved, in one call of the system where a write and a sync would be two: for a log
   * whose earlier writes are all synced. What those calls wrote that no sync covers it leaves as it is. Absent where a driver has no
   * such call; then a write and a sync do the same.
   */
  readonly writeSynced?: (offset: number, data: Uint8Array, options?: DiskWait) => Promise<void>
  /** Makes durable what was written by calls before this one, and the size. See the table for a failure. */
  sync(options?: DiskWait): Promise<void>
  /** Cuts the file, or lengthens it with zeros. */
  truncate(size: number, options?: DiskWait): Promise<void>
  /**
   * Lengthens the file to `size` with zeros that have their room on the disk, so that a write within it is neither `disk_full`
   * nor a change of the file's size. A file that is as long already stays as it is.
   */
  preallocate(size: number, options?: DiskWait): Promise<void>
  /** Waits for the calls before it; syncs nothing. Idempotent. */
  close(): Promise<void>
}

export interface DiskEntry {
  readonly name: string
  readonly kind: 'file' | 'folder'
}

/** Calls reject with `store.disk_missing`, `store.disk_full`, `store.disk_error`. */
export interface Disk {
  /** Of the driver: `files`, `sim`. */
  readonly driver: string
  open(path: string, options?: DiskOpenOptions): Promise<DiskFile>
  /** What is in a folder, sorted by name in code units. Only names that this port could have made are listed. */
  list(folder: string, options?: DiskWait): Promise<DiskEntry[]>
  /** Removes a file. An open handle of it goes on to work on what has no name any more. */
  remove(path: string, options?: DiskWait): Promise<void>
  /** Gives a file another name, in place of the file that has it. Folders are not renamed. */
  rename(from: string, to: string, options?: DiskWait): Promise<void>
  /** Makes one folder in one that is there; one that exists already is left as it is. */
  makeFolder(path: string, options?: DiskWait): Promise<void>
  /** Makes durable which names are in the folder. */
  syncFolder(folder: string, options?: DiskWait): Promise<void>
}

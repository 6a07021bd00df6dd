/** The errors of the store, one class a cause; each message says what the operator can do. */
import { ColloquyError } from '../base/error.ts'

/** Another process (or another store of this one) owns the data folder. */
export class StoreLocked extends ColloquyError {
  override readonly code = 'store.locked'
  readonly folder: string
  readonly ownerPid: number | undefined
  constructor(folder: string, ownerPid: number | undefined, options?: ErrorOptions) {
    const owner = ownerPid === undefined ? 'another process' : `process ${ownerPid}`
    const who = ownerPid === process.pid ? 'another store of this process; close' : `${owner}; stop`
    super(`${folder} is in use by ${who} it, choose another folder, or open read-only`, options)
    this.folder = folder
    this.ownerPid = ownerPid
  }
}

/** The file was written by a newer version of this package. Nothing was touched. */
export class SchemaNewer extends ColloquyError {
  override readonly code = 'store.schema_newer'
  readonly room: string
  readonly found: number
  readonly known: number
  constructor(room: string, found: number, known: number) {
    super(
      `the ${room} tables are of schema ${found} and this version knows ${known}; upgrade colloquy to open the folder`,
    )
    this.room = room
    this.found = found
    this.known = known
  }
}

/** A read-only opening of a folder whose tables are older than this version, or absent. */
export class SchemaOlder extends ColloquyError {
  override readonly code = 'store.schema_older'
  readonly room: string
  /** 0: the tables do not exist. */
  readonly found: number
  readonly known: number
  constructor(room: string, found: number, known: number) {
    super(
      `the ${room} tables are of schema ${found} and this version reads ${known}; open the folder once for writing to migrate it`,
    )
    this.room = room
    this.found = found
    this.known = known
  }
}

/** The file is no SQLite database or fails its checks. */
export class StoreCorrupt extends ColloquyError {
  override readonly code = 'store.corrupt'
  readonly file: string
  constructor(file: string, options?: ErrorOptions) {
    super(
      `${file} is damaged or no database; keep a copy, then restore a backup, or try: sqlite3 ${file} .recover`,
      options,
    )
    this.file = file
  }
}

/** The disk, the quota or `sizeMaxBytes` is used up. The write was rolled back; everything acknowledged stands. */
export class StoreFull extends ColloquyError {
  override readonly code = 'store.full'
  constructor(file: string, options?: ErrorOptions) {
    super(
      `no room left for ${file}; free space or raise sizeMaxBytes, then write again: nothing of this write was kept`,
      options,
    )
  }
}

/** An I/O error whose outcome is unknown: only a new opening tells what is on disk. */
export class StoreFailed extends ColloquyError {
  override readonly code = 'store.failed'
  constructor(file: string, options?: ErrorOptions) {
    super(
      `writing ${file} failed and the outcome is unknown; look at the disk, then open the store anew to see what was kept`,
      options,
    )
  }
}

/** Another program holds the database's write lock for longer than we wait. Nothing was kept. */
export class StoreBusy extends ColloquyError {
  override readonly code = 'store.busy'
  constructor(file: string, options?: ErrorOptions) {
    super(`another program holds the write lock of ${file}; end its transaction, then write again`, options)
  }
}

/** A statement broke a constraint of its table (UNIQUE, NOT NULL, CHECK, foreign key). The write was rolled back. */
export class StoreConstraint extends ColloquyError {
  override readonly code = 'store.constraint'
  /** SQLite's extended result code, as 2067 for UNIQUE. */
  readonly sqliteCode: number
  constructor(sqliteCode: number, message: string, options?: ErrorOptions) {
    super(`${message}; the write was rolled back`, options)
    this.sqliteCode = sqliteCode
  }
}

/** SQLite refused a statement: a mistake in its text or its values. The write was rolled back. */
export class SqlFailed extends ColloquyError {
  override readonly code = 'store.sql'
  /** SQLite's extended result code. */
  readonly sqliteCode: number
  constructor(sqliteCode: number, message: string, options?: ErrorOptions) {
    super(`SQLite refused a statement: ${message}; correct the procedure or the migration`, options)
    this.sqliteCode = sqliteCode
  }
}

/** A statement read or was given an integer that a JavaScript number does not hold exactly. */
export class IntegerUnsafe extends ColloquyError {
  override readonly code = 'store.integer_unsafe'
  constructor(options?: ErrorOptions) {
    super(
      'a statement met an integer beyond 2^53-1; keep such numbers as TEXT, or read them with CAST(... AS TEXT)',
      options,
    )
  }
}

/** More writes wait than `backlogMax`. */
export class StoreBacklogFull extends ColloquyError {
  override readonly code = 'store.backlog_full'
  constructor(limit: number) {
    super(`${limit} writes wait already; wait for earlier ones before writing more, or raise backlogMax`)
  }
}

export class StoreReadonly extends ColloquyError {
  override readonly code = 'store.readonly'
  constructor(options?: ErrorOptions) {
    super('this is for reading only; write through a store that was opened for writing, by `write`', options)
  }
}

export class StoreClosed extends ColloquyError {
  override readonly code = 'store.closed'
  constructor() {
    super('the store is closed; open it again')
  }
}

/** A folder or file that must exist does not, or cannot be used. */
export class StoreUnavailable extends ColloquyError {
  override readonly code = 'store.unavailable'
  constructor(path: string, why: string, options?: ErrorOptions) {
    super(`${path} ${why}`, options)
  }
}

/** A file or folder of a Disk that must be there is not. */
export class DiskMissing extends ColloquyError {
  override readonly code = 'store.disk_missing'
  readonly path: string
  constructor(path: string, options?: ErrorOptions) {
    super(`there is no ${path || 'folder of the disk'}; make it first, or open the file with create`, options)
    this.path = path
  }
}

/** The disk or the quota is used up. A part of what was written may be there. */
export class DiskFull extends ColloquyError {
  override readonly code = 'store.disk_full'
  readonly path: string
  constructor(path: string, options?: ErrorOptions) {
    super(`no room left for ${path}; free space, then write again from where it began: a part may be there`, options)
    this.path = path
  }
}

/** A Disk failed; `cause` is what the system said. After a failed sync nothing written since the last one is certain. */
export class DiskFailed extends ColloquyError {
  override readonly code = 'store.disk_error'
  readonly path: string
  /** As `write`, `sync`. */
  readonly operation: string
  constructor(path: string, operation: string, options?: ErrorOptions) {
    super(
      `${operation} of ${path || 'the disk'} failed; look at the disk, then open it anew and read what is there`,
      options,
    )
    this.path = path
    this.operation = operation
  }
}

/** A segment log holds what no write of it and no loss of power leaves. Nothing was changed and nothing is served. */
export class LogCorrupt extends ColloquyError {
  override readonly code = 'store.log_corrupt'
  /** Relative to the disk's own folder. */
  readonly file: string
  /** Bytes from the start of the file. */
  readonly offset: number
  readonly problem: string
  constructor(file: string, offset: number, problem: string, options?: ErrorOptions) {
    super(
      `${file} is damaged at byte ${offset}: ${problem}; keep a copy, then restore a backup or another replica`,
      options,
    )
    this.file = file
    this.offset = offset
    this.problem = problem
  }
}

/** A write or sync of a segment log failed (`cause`). What this call and the ones after it wrote is uncertain until a new opening. */
export class LogFailed extends ColloquyError {
  override readonly code = 'store.log_failed'
  readonly folder: string
  constructor(folder: string, options?: ErrorOptions) {
    super(
      `the log in ${folder || 'the disk'} could not be written and takes no more; look at the disk, then open it anew`,
      options,
    )
    this.folder = folder
  }
}

/**
 * Schemas and migrations: brings the tables of each room to the version this package knows, in one transaction. Unlike a
 * migration tool it never goes back and keeps no names: a room's version is a count of steps. A database that is newer, or
 * that is not ours, is refused before anything is touched.
 */
import type { DatabaseSync } from 'node:sqlite'
import { InvalidArgument } from '../base/error.ts'
import { SchemaNewer, SchemaOlder, StoreCorrupt, StoreUnavailable } from './error.ts'
import { logFile, sizeOf } from './sqlite-file.ts'
import type { Schema } from './store.ts'

/** `clqy` in ASCII: stands in the file's header (PRAGMA application_id), so that `file` and we can tell whose it is. */
export const applicationId = 0x636c7179

/** Refuses schemas that could not be kept apart. */
export function checkSchemas(schemas: readonly Schema[]): void {
  const rooms = new Set<string>()
  for (const { room } of schemas) {
    if (!/^[a-z][a-z0-9_]{0,63}$/.test(room) || room === 'store')
      throw new InvalidArgument(
        'schemas',
        `must name each room in lower case, not 'store'; ${JSON.stringify(room)} is not so`,
      )
    if (rooms.has(room)) throw new InvalidArgument('schemas', `must name each room once; ${room} is there twice`)
    rooms.add(room)
  }
}

/** Refuses a newer schema and a foreign database. Reads only. */
export function refuseUnknown(database: DatabaseSync, schemas: readonly Schema[], file: string): void {
  const tables = database.prepare('SELECT count(*) AS n FROM sqlite_schema').get()?.['n']
  const { application_id: found } = database.prepare('PRAGMA application_id').get() ?? {}
  if (tables !== 0 && found !== applicationId)
    throw new StoreUnavailable(file, 'is the database of another program; choose another folder')
  const versions = versionsOf(database)
  for (const { room, migrations } of schemas) {
    const version = versions.get(room) ?? 0
    if (version > migrations.length) throw new SchemaNewer(room, version, migrations.length)
  }
}

/** Refuses an older schema: what only reads cannot migrate. Refuses a file whose tables stood in a log that cannot be read. */
export function refuseOlder(database: DatabaseSync, schemas: readonly Schema[], file: string): void {
  const versions = versionsOf(database)
  if (versions.size === 0 && sizeOf(logFile(file)) > 0)
    throw new StoreCorrupt(file, {
      cause: new Error(
        'it has no tables and a log lies beside it: the log is damaged, or a process makes the folder this very moment',
      ),
    })
  for (const { room, migrations } of schemas) {
    const version = versions.get(room) ?? 0
    if (version < migrations.length) throw new SchemaOlder(room, version, migrations.length)
  }
}

/** Brings every room to its last version, or leaves all as it was and throws. Whether anything had to be done. */
export function migrate(database: DatabaseSync, schemas: readonly Schema[]): boolean {
  let migrated = false
  database.exec('BEGIN IMMEDIATE')
  try {
    database.exec('CREATE TABLE IF NOT EXISTS store_schema (room TEXT PRIMARY KEY, version INTEGER NOT NULL) STRICT')
    const versions = versionsOf(database)
    const record = database.prepare(
      'INSERT INTO store_schema (room, version) VALUES (?, ?) ON CONFLICT (room) DO UPDATE SET version = excluded.version',
    )
    for (const { room, migrations } of schemas) {
      const version = versions.get(room) ?? 0
      for (const step of migrations.slice(version)) database.exec(step)
      if (version >= migrations.length) continue
      record.run(room, migrations.length)
      migrated = true
    }
    database.exec('COMMIT')
    return migrated
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK')
    throw error
  }
}

function versionsOf(database: DatabaseSync): Map<string, number> {
  const has = database.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'store_schema'").get()
  if (has === undefined) return new Map()
  const rows = database.prepare('SELECT room, version FROM store_schema').all()
  return new Map(rows.map(({ room, version }) => [String(room), Number(version)]))
}

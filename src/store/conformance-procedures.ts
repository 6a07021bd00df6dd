/** The tables and procedures of the store's checks; a module of its own because a worker imports it. */
import { ColloquyError } from '../base/error.ts'
import { procedure } from './procedure.ts'
import type { Procedure, Row, Schema, SqlValue } from './store.ts'

export const checkSchema: Schema = {
  room: 'conformance',
  migrations: [
    `CREATE TABLE conformance_item (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, value ANY) STRICT`,
    `CREATE TABLE conformance_part (item INTEGER NOT NULL REFERENCES conformance_item (id)) STRICT`,
  ],
}

const insertItem = 'INSERT INTO conformance_item (name, value) VALUES (?, ?)'

/** Adds items, all of one call or none; the id of the last. */
export const addItems: Procedure<readonly string[], number> = procedure(import.meta.url, 'addItems', (tx, names) => {
  let last = 0
  for (const name of names) last = tx.sql(insertItem).run(name, null).lastInsertRowid
  return last
})

/** The names in the order they were added, from the first, at most a thousand. */
export const itemNames: Procedure<null, string[]> = procedure(import.meta.url, 'itemNames', (tx) =>
  tx
    .sql('SELECT name FROM conformance_item ORDER BY id LIMIT 1000')
    .all()
    .map((row) => String(row['name'])),
)

/** Keeps a value and reads it back. */
export const keepValue: Procedure<{ name: string; value: SqlValue }, Row | undefined> = procedure(
  import.meta.url,
  'keepValue',
  (tx, { name, value }) => {
    tx.sql(insertItem).run(name, value)
    return tx.sql('SELECT value, typeof(value) AS type FROM conformance_item WHERE name = ?').get(name)
  },
)

/** Refused by its room, with facts. */
class ItemRefused extends ColloquyError {
  override readonly code = 'conformance.refused'
  readonly item: string
  constructor(item: string, options?: ErrorOptions) {
    super(`${item} is not wanted`, options)
    this.item = item
  }
}

/** Adds an item, then throws. */
export const addThenThrow: Procedure<string, never> = procedure(import.meta.url, 'addThenThrow', (tx, name) => {
  tx.sql(insertItem).run(name, null)
  throw new ItemRefused(name, { cause: new RangeError('too much') })
})

/** Throws before it has asked for a statement. */
export const throwAtOnce: Procedure<string, never> = procedure(import.meta.url, 'throwAtOnce', (_tx, message) => {
  throw new TypeError(message)
})

/** Runs one statement, whatever it is. */
export const runSql: Procedure<string, number> = procedure(
  import.meta.url,
  'runSql',
  (tx, text) => tx.sql(text).run().changes,
)

/** The only row of a query. */
export const getRow: Procedure<string, Row | undefined> = procedure(import.meta.url, 'getRow', (tx, text) =>
  tx.sql(text).get(),
)

/** Adds an item and returns what no structured clone takes. */
export const addUncloneable: Procedure<string, () => void> = procedure(
  import.meta.url,
  'addUncloneable',
  (tx, name) => {
    tx.sql(insertItem).run(name, null)
    return () => {}
  },
)

/** Takes anything, does nothing. */
export const ignore: Procedure<unknown, null> = procedure(import.meta.url, 'ignore', () => null)

/** Tries to add a name that is there, goes on when that is refused, and adds another. */
export const addOrElse: Procedure<{ name: string; other: string }, string> = procedure(
  import.meta.url,
  'addOrElse',
  (tx, { name, other }) => {
    try {
      tx.sql(insertItem).run(name, null)
      return name
    } catch {
      tx.sql(insertItem).run(other, null)
      return other
    }
  },
)

/** Adds an item and then waits, which no procedure may. */
export const addAndWait: Procedure<string, unknown> = procedure(import.meta.url, 'addAndWait', async (tx, name) => {
  tx.sql(insertItem).run(name, null)
  await Promise.resolve()
  tx.sql(insertItem).run(`${name} later`, null)
})

/** Counts twice in one snapshot. */
export const countTwice: Procedure<null, readonly [SqlValue | undefined, SqlValue | undefined]> = procedure(
  import.meta.url,
  'countTwice',
  (tx) => {
    const count = () => tx.sql('SELECT count(*) AS n FROM conformance_item').get()?.['n']
    return [count(), count()]
  },
)

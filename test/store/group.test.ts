import { DatabaseSync } from 'node:sqlite'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Connection } from '../../src/store/connection.ts'
import { type Call, commitGroup, type Outcome } from '../../src/store/group.ts'
import type { Transaction } from '../../src/store/store.ts'

function newConnection(): Connection {
  const database = new DatabaseSync(':memory:')
  database.exec('CREATE TABLE item (name TEXT PRIMARY KEY) STRICT')
  return new Connection(database)
}

const options = { file: 'the file', enough: () => false }
const insert = (tx: Transaction, name: string) => tx.sql('INSERT INTO item VALUES (?)').run(name)
const namesIn = (connection: Connection): unknown[] =>
  connection.database
    .prepare('SELECT name FROM item ORDER BY rowid')
    .all()
    .map((row) => row['name'])

/** Calls that count how often they run. */
function counted(runs: number[], bodies: readonly ((tx: Transaction) => unknown)[]): Call[] {
  return bodies.map((body, at) => ({
    args: undefined,
    run: (tx) => {
      runs[at] = (runs[at] ?? 0) + 1
      return body(tx)
    },
  }))
}

const throwing = (tx: Transaction, name: string): never => {
  insert(tx, name)
  throw new Error(name)
}
const kept = (outcomes: readonly Outcome[]): boolean[] => outcomes.map((outcome) => outcome.kept)

describe('group commit', () => {
  it('runs each procedure once when none throws', () => {
    const runs: number[] = []
    const connection = newConnection()
    const calls = counted(runs, [(tx) => insert(tx, 'a'), (tx) => insert(tx, 'b')])
    expect(kept(commitGroup(connection, calls, options))).toEqual([true, true])
    expect(runs).toEqual([1, 1])
  })

  it('undoes nothing for a procedure that throws before it asks for a statement that writes', () => {
    const runs: number[] = []
    const connection = newConnection()
    const calls = counted(runs, [
      (tx) => insert(tx, 'a'),
      (tx) => {
        tx.sql('SELECT 1').get()
        throw new Error('no')
      },
      (tx) => insert(tx, 'b'),
    ])
    expect(kept(commitGroup(connection, calls, options))).toEqual([true, false, true])
    expect(runs).toEqual([1, 1, 1])
  })

  it('runs the group again, once, when one throws after it wrote and others wrote before', () => {
    const runs: number[] = []
    const connection = newConnection()
    const calls = counted(runs, [
      (tx) => throwing(tx, 'x'),
      (tx) => insert(tx, 'a'),
      (tx) => throwing(tx, 'y'),
      (tx) => throwing(tx, 'z'),
      (tx) => insert(tx, 'b'),
    ])
    expect(kept(commitGroup(connection, calls, options))).toEqual([false, true, false, false, true])
    expect(runs).toEqual([2, 2, 2, 1, 1])
    expect(namesIn(connection)).toEqual(['a', 'b'])
  })

  it('leaves the rest when it has run long enough, but always takes the first', () => {
    const connection = newConnection()
    const calls = counted([], [(tx) => insert(tx, 'a'), (tx) => insert(tx, 'b')])
    expect(kept(commitGroup(connection, calls, { ...options, enough: () => true }))).toEqual([true])
    expect(namesIn(connection)).toEqual(['a'])
  })

  it('tries each alone when the commit itself is refused', () => {
    const connection = newConnection()
    connection.database.exec(
      'CREATE TABLE part (item TEXT REFERENCES item (name) DEFERRABLE INITIALLY DEFERRED) STRICT; PRAGMA foreign_keys = ON',
    )
    const calls = counted(
      [],
      [(tx) => insert(tx, 'a'), (tx) => tx.sql("INSERT INTO part VALUES ('nowhere')").run(), (tx) => insert(tx, 'b')],
    )
    const outcomes = commitGroup(connection, calls, options)
    expect(outcomes).toMatchObject([
      { kept: true },
      { kept: false, error: { code: 'store.constraint' } },
      { kept: true },
    ])
    expect(namesIn(connection)).toEqual(['a', 'b'])
  })

  it('gives the outcomes of running the calls one by one, whatever they do', () => {
    const step = fc.record({
      inserts: fc.array(fc.constantFrom('a', 'b', 'c', 'd', 'e'), { maxLength: 3 }),
      throws: fc.boolean(),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        const calls: Call[] = steps.map(({ inserts, throws }) => ({
          args: undefined,
          run: (tx) => {
            for (const name of inserts) insert(tx, name)
            if (throws) throw new Error('no')
          },
        }))
        const together = newConnection()
        const alone = newConnection()
        const grouped = calls.length === 0 ? [] : commitGroup(together, calls, options)
        const single = calls.flatMap((call) => commitGroup(alone, [call], options))
        expect(kept(grouped)).toEqual(kept(single))
        expect(namesIn(together)).toEqual(namesIn(alone))
        together.close()
        alone.close()
      }),
    )
  })
})

/**
 * The checks that every driver of the store must pass, one for each promise of the port. Unlike tests they know no
 * runner:
 *
 * ```ts
 * for (const check of storeChecks) it(check.name, () => check.run((schemas) => openMine({ schemas })))
 * ```
 *
 * `open` makes a new, empty store for writing each time; the check closes it. That nothing acknowledged is lost when a
 * process is killed cannot be shown from inside it: a durable driver has to show that for itself.
 */
import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { codeOf } from '../base/error.ts'
import { backupBodies } from './conformance-backup.ts'
import {
  addAndWait,
  addItems,
  addOrElse,
  addThenThrow,
  addUncloneable,
  checkSchema,
  countTwice,
  getRow,
  ignore,
  itemNames,
  keepValue,
  runSql,
  throwAtOnce,
} from './conformance-procedures.ts'
import { storeCall } from './procedure.ts'
import type { Schema, SqlValue, Store } from './store.ts'

export { diskChecks } from './conformance-disk.ts'
export type { DiskBench, DiskCheck, OpenDisk } from './conformance-disk.ts'

export type OpenStore = (schemas: readonly Schema[]) => Promise<Store> | Store

export interface StoreCheck {
  readonly name: string
  readonly run: (open: OpenStore) => Promise<void>
}

export const storeChecks: readonly StoreCheck[] = [
  check('a write resolves with what its procedure returned, and a read sees it', async (store) => {
    equal(await store.write(addItems, ['a']), 1)
    deepEqual(await store.read(itemNames, null), ['a'])
  }),
  check('writes happen in the order of the calls and are answered in it', async (store) => {
    const names = Array.from({ length: 200 }, (_, at) => `n${at}`)
    const answered: number[] = []
    await Promise.all(names.map(async (name) => answered.push(await store.write(addItems, [name]))))
    deepEqual(
      answered,
      names.map((_, at) => at + 1),
    )
    deepEqual(await store.read(itemNames, null), names)
  }),
  check('a read sees every write that resolved before it, though others wait', async (store) => {
    for (let round = 0; round < 20; round++) {
      const waiting = store.write(addItems, [`w${round}`])
      await store.write(addItems, [`a${round}`, `b${round}`])
      ok((await store.read(itemNames, null)).includes(`b${round}`))
      await waiting
    }
  }),
  check('a read sees one snapshot', async (store) => {
    const writes = Array.from({ length: 50 }, (_, at) => store.write(addItems, [`s${at}`]))
    for (let round = 0; round < 20; round++) {
      const [first, second] = await store.read(countTwice, null)
      equal(first, second)
    }
    await Promise.all(writes)
  }),
  check('a procedure that throws leaves nothing, and only its own call rejects', async (store) => {
    const results = await Promise.allSettled([
      store.write(addThenThrow, 'first'),
      store.write(addItems, ['a', 'b']),
      store.write(throwAtOnce, 'no'),
      store.write(addThenThrow, 'middle'),
      store.write(addItems, ['c', 'a']),
      store.write(addItems, ['c']),
      store.write(addThenThrow, 'last'),
    ])
    deepEqual(
      results.map(({ status }) => status),
      ['rejected', 'fulfilled', 'rejected', 'rejected', 'rejected', 'fulfilled', 'rejected'],
    )
    deepEqual(await store.read(itemNames, null), ['a', 'b', 'c'])
  }),
  check('procedures that are written together see each other, and are kept together or not at all', async (store) => {
    const results = await store.writeTogether([storeCall(addItems, ['a']), storeCall(itemNames, null)])
    deepEqual(results, [1, ['a']])
    const twice = [storeCall(addItems, ['b']), storeCall(addItems, ['c', 'a']), storeCall(addItems, ['d'])]
    const others = [store.write(addItems, ['e']), store.writeTogether(twice), store.write(addItems, ['f'])]
    const outcomes = await Promise.allSettled(others)
    deepEqual(
      outcomes.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled'],
    )
    equal(codeOf((outcomes[1] as PromiseRejectedResult).reason), 'store.constraint')
    deepEqual(await store.read(itemNames, null), ['a', 'e', 'f'])
    deepEqual(await store.writeTogether([]), [])
    // Each with its own arguments.
    await store.writeTogether([storeCall(addItems, ['g']), storeCall(addItems, ['h'])])
    deepEqual(await store.read(itemNames, null), ['a', 'e', 'f', 'g', 'h'])
  }),

  check('an async procedure is refused, leaves nothing and harms nobody', async (store) => {
    const others = [store.write(addItems, ['a']), store.write(addAndWait, 'b'), store.write(addItems, ['c'])]
    const [, refused] = await Promise.allSettled(others)
    equal(codeOf((refused as PromiseRejectedResult).reason), 'base.invalid_argument')
    deepEqual(await store.read(itemNames, null), ['a', 'c'])
    await store.write(addItems, ['d'])
    deepEqual(await store.read(itemNames, null), ['a', 'c', 'd'])
  }),

  check('a procedure may catch the error of a statement and go on', async (store) => {
    const added = ['a', 'a', 'b'].map((name, at) => store.write(addOrElse, { name, other: `else ${at}` }))
    deepEqual(await Promise.all(added), ['a', 'else 1', 'b'])
  }),
  check('an error of the house keeps its code, message, fields and cause', async (store) => {
    await rejects(store.write(addThenThrow, 'x'), (error: Error & { item?: unknown }) => {
      equal(codeOf(error), 'conformance.refused')
      equal(error.name, 'ItemRefused')
      equal(error.message, 'x is not wanted')
      equal(error.item, 'x')
      ok(error.cause instanceof Error)
      equal(error.cause.name, 'RangeError')
      return true
    })
  }),
  check('another error keeps its name and message', async (store) => {
    await rejects(store.write(throwAtOnce, 'no such thing'), { name: 'TypeError', message: 'no such thing' })
  }),
  check('a broken constraint is store.constraint', async (store) => {
    await rejects(store.write(addItems, ['a', 'a']), { code: 'store.constraint', sqliteCode: 2067 })
    await rejects(store.write(runSql, 'INSERT INTO conformance_part VALUES (7)'), { code: 'store.constraint' })
    deepEqual(await store.read(itemNames, null), [])
  }),
  check('a statement that SQLite refuses is store.sql', async (store) => {
    await rejects(store.write(runSql, 'INSERT INTO nowhere VALUES (1)'), { code: 'store.sql' })
    await rejects(store.read(getRow, 'SELECT nothing FROM nowhere'), { code: 'store.sql' })
  }),
  check('values come back as they went', async (store) => {
    const values: readonly (readonly [SqlValue, SqlValue, string])[] = [
      [null, null, 'null'],
      ['', '', 'text'],
      ['Zoë \u{1f600} "\'', 'Zoë \u{1f600} "\'', 'text'],
      [1.5, 1.5, 'real'],
      [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, 'real'],
      [12n, 12, 'integer'],
      [-9_007_199_254_740_991n, -9_007_199_254_740_991, 'integer'],
    ]
    for (const [at, [value, expected, type]] of values.entries())
      deepEqual({ ...(await store.write(keepValue, { name: `v${at}`, value })) }, { value: expected, type })
    for (const bytes of [new Uint8Array(0), Uint8Array.from([0, 255, 128])]) {
      const row = await store.write(keepValue, { name: `bytes ${bytes.length}`, value: bytes })
      ok(row?.['value'] instanceof Uint8Array)
      deepEqual([...row['value']], [...bytes])
    }
  }),
  check('a number in an INTEGER column is an integer', async (store) => {
    await store.write(addItems, ['a'])
    const row = await store.read(getRow, 'SELECT typeof(id) AS type, id FROM conformance_item')
    deepEqual({ ...row }, { type: 'integer', id: 1 })
  }),
  check('an integer beyond the safe ones is refused when it is read, and its write undone', async (store) => {
    const unsafe = { name: 'a', value: 9_007_199_254_740_993n }
    await rejects(store.write(keepValue, unsafe), { code: 'store.integer_unsafe' })
    await rejects(store.read(getRow, 'SELECT 9007199254740993 AS n'), { code: 'store.integer_unsafe' })
    deepEqual(await store.read(itemNames, null), [])
  }),
  check('arguments that cannot be cloned are refused, and only their own call', async (store) => {
    const results = await Promise.allSettled([
      store.write(addItems, ['a']),
      store.write(ignore, () => {}),
      store.write(addItems, ['b']),
    ])
    deepEqual(
      results.map((result) => (result.status === 'rejected' ? codeOf(result.reason) : result.value)),
      [1, 'base.invalid_argument', 2],
    )
  }),
  check('a result that cannot be cloned rejects its call though the write was kept', async (store) => {
    const results = await Promise.allSettled([store.write(addUncloneable, 'a'), store.write(addItems, ['b'])])
    deepEqual(
      results.map((result) => (result.status === 'rejected' ? codeOf(result.reason) : result.value)),
      ['base.invalid_argument', 2],
    )
    deepEqual(await store.read(itemNames, null), ['a', 'b'])
  }),
  check('a read that would write is store.readonly', async (store) => {
    await rejects(store.read(addItems, ['a']), { code: 'store.readonly' })
    deepEqual(await store.read(itemNames, null), [])
    await store.write(addItems, ['b'])
  }),
  check('a procedure cannot steer its transaction', async (store) => {
    for (const text of ['COMMIT', ' -- why\n ROLLBACK', '/* a */BEGIN', 'PRAGMA user_version = 1', 'VACUUM', '', '1']) {
      await rejects(store.write(runSql, text), { code: 'base.invalid_argument' })
      await rejects(store.read(runSql, text), { code: 'base.invalid_argument' })
    }
    await store.write(addItems, ['a'])
  }),
  check('changed resolves at the next commit, and not by itself', async (store) => {
    let told = 0
    const wait = async (signal?: AbortSignal) => {
      await store.changed(signal)
      told++
    }
    const waits = [wait(), wait(), wait(new AbortController().signal)]
    await store.read(itemNames, null)
    equal(told, 0)
    await store.write(addItems, ['a'])
    await Promise.all(waits)
    equal(told, 3)
  }),
  check('a follower that calls changed before it reads misses nothing', async (store) => {
    const names = Array.from({ length: 100 }, (_, at) => `f${at}`)
    const follower = (async () => {
      for (;;) {
        const change = store.changed()
        const seen = await store.read(itemNames, null)
        if (seen.length === names.length) return seen
        await change
      }
    })()
    for (const name of names) await store.write(addItems, [name])
    deepEqual(await follower, names)
  }),
  check('changed rejects when it is aborted, before or later', async (store) => {
    const controller = new AbortController()
    const waiting = store.changed(controller.signal)
    controller.abort(new Error('enough'))
    await rejects(waiting, { code: 'base.aborted' })
    await rejects(store.changed(controller.signal), { code: 'base.aborted' })
    await store.write(addItems, ['a'])
  }),
  check('close finishes the writes that were accepted', async (store) => {
    const writes = Array.from({ length: 50 }, (_, at) => store.write(addItems, [`c${at}`]))
    const closing = store.close()
    deepEqual(
      await Promise.all(writes),
      writes.map((_, at) => at + 1),
    )
    await closing
  }),
  check('after close every call is store.closed, and to close again is nothing', async (store) => {
    const waiting = store.changed()
    // Nobody awaits this one: were it an unhandled rejection, the runner would say so.
    void store.changed(new AbortController().signal)
    await Promise.all([store.close(), store.close()])
    await store.close()
    await rejects(waiting, { code: 'store.closed' })
    await rejects(store.write(addItems, ['a']), { code: 'store.closed' })
    await rejects(store.read(itemNames, null), { code: 'store.closed' })
    await rejects(store.changed(), { code: 'store.closed' })
  }),
  check('stats count commits, writes and failures', async (store) => {
    await store.write(addItems, ['a'])
    await store.write(addItems, ['b'])
    await rejects(store.write(addThenThrow, 'c'))
    const { commits, writes, failures } = store.stats
    deepEqual({ commits, writes, failures }, { commits: 2, writes: 2, failures: 1 })
  }),
  ...backupBodies.map(({ name, body }) => check(name, body)),
]

function check(name: string, body: (store: Store) => Promise<void>): StoreCheck {
  return {
    name,
    run: async (open) => {
      await using store = await open([checkSchema])
      await body(store)
    },
  }
}

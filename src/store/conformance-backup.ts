/** The conformance checks of what is done with a store as a whole: backups and the check of its pages. */
import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { addItems, itemNames } from './conformance-procedures.ts'
import type { Store } from './store.ts'

interface Body {
  readonly name: string
  readonly body: (store: Store) => Promise<void>
}

export const backupBodies: readonly Body[] = [
  {
    name: 'a backup holds what was kept when it was called, and the store goes on',
    body: (store) =>
      inFolder(async (folder) => {
        const names = Array.from({ length: 500 }, (_, at) => `b${at}`)
        await store.write(addItems, names)
        const copy = join(folder, 'copy')
        const backup = store.backup(copy)
        await Promise.all([backup, store.write(addItems, ['later'])])
        deepEqual(await readdir(folder), ['copy'])
        deepEqual(namesIn(copy).slice(0, 500), names)
        deepEqual(await store.read(itemNames, null), [...names, 'later'])
        const told: number[] = []
        await store.backup(join(folder, 'second'), { onProgress: ({ bytes }) => told.push(bytes) })
        deepEqual(namesIn(join(folder, 'second')), [...names, 'later'])
        ok(told.length > 0)
      }),
  },
  {
    name: 'a backup replaces nothing and needs the folder above it',
    body: (store) =>
      inFolder(async (folder) => {
        await store.write(addItems, ['a'])
        await store.backup(join(folder, 'copy'))
        await store.write(addItems, ['b'])
        await rejects(store.backup(join(folder, 'copy')), { code: 'store.unavailable' })
        await rejects(store.backup(folder), { code: 'store.unavailable' })
        await rejects(store.backup(join(folder, 'absent', 'copy')), { code: 'store.unavailable' })
        await rejects(store.backup(''), { code: 'base.invalid_argument' })
        deepEqual(namesIn(join(folder, 'copy')), ['a'])
        deepEqual(await readdir(folder), ['copy'])
      }),
  },
  {
    name: 'a backup or a check that is cancelled, or of a closed store, is refused and leaves nothing',
    body: (store) =>
      inFolder(async (folder) => {
        const gone = { signal: AbortSignal.abort() }
        const copy = join(folder, 'copy')
        await rejects(store.backup(copy, gone), { code: 'base.aborted' })
        await rejects(store.check(gone), { code: 'base.aborted' })
        await store.close()
        await rejects(store.backup(copy), { code: 'store.closed' })
        await rejects(store.check(), { code: 'store.closed' })
        ok(!existsSync(copy))
      }),
  },
  {
    name: 'the check of a sound store finds nothing',
    body: async (store) => {
      await store.write(addItems, ['a', 'b'])
      equal((await store.check()).length, 0)
    },
  },
]

async function inFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'colloquy-conformance-'))
  try {
    await body(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Read without the driver: a backup is a folder with an SQLite database in it. */
function namesIn(folder: string): string[] {
  const database = new DatabaseSync(join(folder, 'colloquy.db'), { readOnly: true })
  try {
    const rows = database.prepare('SELECT name FROM conformance_item ORDER BY id').all()
    return rows.map((row) => String(row['name']))
  } finally {
    database.close()
  }
}

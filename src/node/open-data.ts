/**
 * A data folder as those who look after it need it: its journal, the store below, and the verification. Unlike `openJournal`
 * it shows the store, and unlike `createNode` it runs nothing.
 */
import { existsSync, statSync } from 'node:fs'
import type { Clock } from '../base/clock.ts'
import { InvalidArgument } from '../base/error.ts'
import type { Journal, JournalLimits } from '../journal/journal.ts'
import { journalSchema, storeJournal, verifyJournal } from '../journal/sqlite.ts'
import type { Verification, VerifyOptions } from '../journal/sqlite.ts'
import { StoreUnavailable } from '../store/error.ts'
import { databaseFile } from '../store/sqlite-file.ts'
import { openSqliteStore } from '../store/sqlite.ts'
import type { Schema, Store } from '../store/store.ts'
import { dataFolder } from './open-journal.ts'

export type { Finding, Verification, VerifyProgress, VerifySummary } from '../journal/sqlite.ts'

export interface OpenDataOptions {
  /**
   * `read` beside the process that owns the folder; `write` as its owner, into a folder that is there; `make` also makes it.
   */
  readonly access: 'read' | 'write' | 'make'
  /** Tables of other rooms that are used. */
  readonly schemas?: readonly Schema[]
  /** Where the journal was written with others than the default. */
  readonly limits?: Partial<JournalLimits>
  readonly clock?: Clock
}

export interface Data extends AsyncDisposable {
  readonly journal: Journal
  readonly store: Store
  verify(options?: VerifyOptions): Verification
}

/** Rejects with `base.invalid_argument`, `node.unknown_scheme`, or the store's errors. */
export async function openData(
  url: string,
  { access, schemas = [], limits = {}, clock }: OpenDataOptions,
): Promise<Data> {
  if (url === 'memory:')
    throw new InvalidArgument('data', 'must be a folder; memory: keeps nothing that could be looked at')
  const folder = dataFolder(url)
  const found = statSync(folder, { throwIfNoEntry: false })
  if (found && !found.isDirectory()) throw new StoreUnavailable(folder, 'is no folder; name a data folder')
  if (access !== 'make' && !existsSync(databaseFile(folder)))
    throw new StoreUnavailable('there is no data folder at', `${folder}; look for another`)
  const store = await openSqliteStore({
    folder,
    schemas: [journalSchema, ...schemas],
    readonly: access === 'read',
    ...(clock && { clock }),
  })
  const journal = storeJournal(store, { ownsStore: true, limits })
  return {
    journal,
    store,
    verify: (options) => verifyJournal(store, options),
    [Symbol.asyncDispose]: () => journal.close(),
  }
}

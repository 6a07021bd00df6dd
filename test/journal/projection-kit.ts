/** What the tests of projections and reactors share: definitions, events, stores that fail on purpose. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { CloudEvent } from '../../src/base/envelope.ts'
import { event } from '../../src/journal/conformance-kit.ts'
import type { Journal } from '../../src/journal/journal.ts'
import { storeJournal } from '../../src/journal/sqlite.ts'
import { memoryStore } from '../../src/store/memory.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import type { Procedure, Store, StoreCall } from '../../src/store/store.ts'
import { schemas } from './projection-schemas.ts'

export { schemas }

export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'colloquy-projection-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

export interface World {
  readonly store: Store
  readonly journal: Journal
}

/** A store and its journal, closed at the end of the test. */
export const worlds: readonly { readonly name: string; readonly open: () => Promise<World> }[] = [
  { name: 'memory', open: async () => worldOf(memoryStore({ schemas })) },
  {
    name: 'sqlite',
    open: async () => worldOf(await openSqliteStore({ folder: await temporaryFolder(), schemas })),
  },
]

export function worldOf(store: Store): World {
  const journal = storeJournal(store)
  onTestFinished(async () => {
    await journal.close()
    await store.close()
  })
  return { store, journal }
}

let made = 0

/** An event of a type whose data are given. */
export function said(type: string, data: unknown): CloudEvent {
  made++
  return event(made, { type, data })
}

export const paid = (cents: number): CloudEvent => said('account.paid', { cents })

/** A store whose writes fail on purpose: before they are handed on, or after they were kept. */
export class FaultyStore implements Store {
  readonly driver: string
  readonly durable: boolean
  readonly readonly: boolean
  readonly #inner: Store
  /** Asked at each write. */
  fault: (procedure: string) => 'none' | 'before' | 'after' = () => 'none'

  constructor(inner: Store) {
    this.driver = inner.driver
    this.durable = inner.durable
    this.readonly = inner.readonly
    this.#inner = inner
  }

  get stats(): Store['stats'] {
    return this.#inner.stats
  }

  async write<Args, Result>(procedure: Procedure<Args, Result>, args: Args): Promise<Result> {
    return this.#faulty(procedure.name, () => this.#inner.write(procedure, args))
  }

  async writeTogether(calls: readonly StoreCall[]): Promise<readonly unknown[]> {
    return this.#faulty('together', () => this.#inner.writeTogether(calls))
  }

  async #faulty<Result>(name: string, write: () => Promise<Result>): Promise<Result> {
    const fault = this.fault(name)
    if (fault === 'before') throw new Error(`${name} was lost on the way`)
    const result = await write()
    if (fault === 'after') throw new Error(`the answer of ${name} was lost`)
    return result
  }

  read<Args, Result>(procedure: Procedure<Args, Result>, args: Args): Promise<Result> {
    return this.#inner.read(procedure, args)
  }

  changed(signal?: AbortSignal): Promise<void> {
    return this.#inner.changed(signal)
  }

  backup(...call: Parameters<Store['backup']>): Promise<void> {
    return this.#inner.backup(...call)
  }

  check(...call: Parameters<Store['check']>): Promise<readonly string[]> {
    return this.#inner.check(...call)
  }

  async close(): Promise<void> {
    await this.#inner.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

/**
 * A counter and the journals it is tried on, for the tests of deciders, commands and snapshots. Several handles of one journal
 * stand for several processes: they share what is kept and no line to wait in.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { decider } from '../../src/journal/decider.ts'
import type { Decider } from '../../src/journal/decider.ts'
import type { Journal } from '../../src/journal/journal.ts'
import { memoryJournal } from '../../src/journal/memory.ts'
import { journalSchema, storeJournal } from '../../src/journal/sqlite.ts'
import { memoryStore } from '../../src/store/memory.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'

export type CounterEvent =
  | { readonly type: 'counter.added'; readonly data: { readonly by: number; readonly who: string } }
  | { readonly type: 'counter.reset'; readonly data: null }

export type CounterCommand =
  | { readonly kind: 'add'; readonly who: string; readonly by?: number; readonly times?: number }
  | { readonly kind: 'reset' }
  | { readonly kind: 'refuse' }

export interface CounterState {
  readonly sum: number
  readonly who: readonly string[]
}

export type Counter = Decider<CounterState, CounterCommand, CounterEvent>

export function counter(snapshotEvery = 0, version = 1, name = 'counter'): Counter {
  return decider({
    name,
    version,
    snapshotEvery,
    initial: (): CounterState => ({ sum: 0, who: [] }),
    decide(command: CounterCommand, state): CounterEvent[] {
      if (command.kind === 'refuse') throw new Error(`refused at ${state.sum}`)
      if (command.kind === 'reset') return state.sum === 0 ? [] : [{ type: 'counter.reset', data: null }]
      const { who, by = 1, times = 1 } = command
      return Array.from({ length: times }, () => ({ type: 'counter.added', data: { who, by } }))
    },
    evolve(state, event: CounterEvent): CounterState {
      if (event.type === 'counter.reset') return { sum: 0, who: state.who }
      if (event.data.by === 666) throw new Error('unlucky')
      return { sum: state.sum + event.data.by, who: [...state.who, event.data.who] }
    },
  })
}

/** The same journal as another object. */
export function handle(journal: Journal, over: Partial<Journal> = {}): Journal {
  return new Proxy(journal, {
    get(target, key) {
      const value: unknown = Reflect.get(over, key) ?? Reflect.get(target, key)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

/** By the driver's name: opens a journal and says how to make further handles of it. */
export const drivers: readonly {
  readonly name: string
  readonly open: () => Promise<{
    readonly journal: Journal
    readonly another: () => Journal
    readonly end: () => Promise<void>
  }>
}[] = [
  {
    name: 'memory',
    open: async () => {
      const journal = memoryJournal()
      return { journal, another: () => handle(journal), end: () => journal.close() }
    },
  },
  {
    name: 'sqlite in memory',
    open: async () => {
      const store = memoryStore({ schemas: [journalSchema] })
      return { journal: storeJournal(store), another: () => storeJournal(store), end: () => store.close() }
    },
  },
  {
    name: 'sqlite',
    open: async () => {
      const folder = await mkdtemp(join(tmpdir(), 'colloquy-decider-'))
      const store = await openSqliteStore({ folder, schemas: [journalSchema] })
      return {
        journal: storeJournal(store),
        another: () => storeJournal(store),
        end: async () => {
          await store.close()
          await rm(folder, { recursive: true, force: true })
        },
      }
    },
  },
]

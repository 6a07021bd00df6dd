/**
 * Events folded into states by key, kept with their checkpoint. The peer is the least that could do it: it iterates over the
 * rows, parses the data, folds into a map, and upserts the states that changed, 1,024 events a transaction, on one thread; it
 * looks for no handler, checks no checkpoint and answers nobody.
 */
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { CloudEvent } from '../../src/base/envelope.ts'
import { projectionSchema } from '../../src/journal/projection-schema.ts'
import { runProjection } from '../../src/journal/projection-runner.ts'
import { projection } from '../../src/journal/projection.ts'
import { databaseFile } from '../../src/store/sqlite-file.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import type { BenchCase, Side } from '../harness.ts'
import { filled, temporaryFolder } from './raw.ts'

interface Spent {
  tokens: number
  events: number
}

const keyOf = (data: { tokens: number }) => `k${data.tokens % 1000}`

async function ours(): Promise<Side> {
  const { journal, close } = await filled()
  const { folder, remove } = temporaryFolder()
  const store = await openSqliteStore({ folder, schemas: [projectionSchema] })
  let round = 0
  const add = (state: Spent, { data }: CloudEvent<{ tokens: number }>): void => {
    state.tokens += data.tokens
    state.events++
  }
  return {
    batch: async () => {
      const types = ['started', 'contribution', 'ballot', 'concluded'].map((name) => `colloquy.convene.${name}`)
      const definition = projection({
        name: `spent-${++round}`,
        init: () => ({ tokens: 0, events: 0 }),
        key: ({ event }) => keyOf(event.data as { tokens: number }),
        on: Object.fromEntries(types.map((type) => [type, add])),
      })
      const runner = await runProjection(definition, { journal, store })
      await runner.caughtUp({ timeoutMs: 600_000 })
      let events = 0
      for await (const { state } of runner.all()) events += state.events
      await runner.stop()
      return events
    },
    dispose: async () => {
      await close()
      await store.close()
      remove()
    },
  }
}

async function raw(): Promise<Side> {
  const { folder: journalFolder, close } = await filled()
  const { folder, remove } = temporaryFolder()
  const source = new DatabaseSync(databaseFile(journalFolder), { readOnly: true })
  const target = new DatabaseSync(join(folder, 'raw.db'))
  target.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -65536;
    CREATE TABLE state (round INTEGER, key TEXT, state TEXT, PRIMARY KEY (round, key)) WITHOUT ROWID;
    CREATE TABLE checkpoint (round INTEGER PRIMARY KEY, position INTEGER)`)
  const select = source.prepare('SELECT position, data FROM journal_event ORDER BY position')
  const upsert = target.prepare(
    'INSERT INTO state VALUES (?, ?, ?) ON CONFLICT (round, key) DO UPDATE SET state = excluded.state',
  )
  const checkpoint = target.prepare('INSERT OR REPLACE INTO checkpoint VALUES (?, ?)')
  let round = 0
  return {
    batch: () => {
      round++
      let folded = 0
      const states = new Map<string, Spent>()
      const changed = new Set<string>()
      const commit = (position: number) => {
        target.exec('BEGIN IMMEDIATE')
        for (const key of changed) upsert.run(round, key, JSON.stringify(states.get(key)))
        checkpoint.run(round, position)
        target.exec('COMMIT')
        changed.clear()
      }
      for (const { position, data } of select.iterate()) {
        const parsed = JSON.parse(data as string) as { tokens: number }
        const key = keyOf(parsed)
        const { tokens, events } = states.get(key) ?? { tokens: 0, events: 0 }
        states.set(key, { tokens: tokens + parsed.tokens, events: events + 1 })
        changed.add(key)
        if (++folded % 1024 === 0) commit(Number(position))
      }
      commit(folded)
      return folded
    },
    dispose: async () => {
      source.close()
      target.close()
      remove()
      await close()
    },
  }
}

export const projectionCases: readonly BenchCase[] = [
  {
    name: 'fold 100,000 events into 1,000 states',
    unit: 'events/s',
    peerName: 'raw SELECT, fold and upsert',
    rounds: 3,
    ours,
    peer: raw,
  },
]

/**
 * Rules that act, on disk: each event is taken in, acted on, and recorded, with one event emitted or none. The peer is a consumer group of the
 * same journal that acknowledges the same events and does nothing else. Both include the append of the events that they get.
 */
import { makeEvent } from '../../src/base/envelope.ts'
import { idSource } from '../../src/base/id.ts'
import { seededRandom } from '../../src/base/random.ts'
import { systemClock } from '../../src/base/system-clock.ts'
import { choreographySchema, createChoreography } from '../../src/choreography/index.ts'
import type { Journal } from '../../src/journal/journal.ts'
import { journalSchema, storeJournal } from '../../src/journal/sqlite.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import type { Store } from '../../src/store/store.ts'
import type { BenchCase, Side } from '../harness.ts'
import { temporaryFolder } from '../journal/raw.ts'

const count = 4000
const id = idSource(systemClock, seededRandom('bench choreography'))

interface Place {
  readonly store: Store
  readonly journal: Journal
  readonly close: () => Promise<void>
}

async function place(): Promise<Place> {
  const { folder, remove } = temporaryFolder()
  const store = await openSqliteStore({ folder, schemas: [journalSchema, choreographySchema] })
  const journal = storeJournal(store)
  const close = async () => {
    await journal.close()
    await store.close()
    remove()
  }
  return { store, journal, close }
}

/** Events that fit one of the rules each. */
async function fill(journal: Journal, round: number): Promise<void> {
  const events = Array.from({ length: count }, (_, at) =>
    makeEvent(
      {
        type: `task.${at % 100}`,
        source: '/bench',
        subject: `task/${round}/${at}`,
        data: { at, note: 'measured, not guessed', agent: `agent-${at % 1000}` },
      },
      { clock: systemClock, id },
    ),
  )
  await journal.append('bench', events)
}

async function acting(rules: number, emits: boolean): Promise<Side> {
  const { store, journal, close } = await place()
  const choreography = await createChoreography({ store, journal })
  let acted = 0
  for (let rule = 0; rule < rules; rule++)
    await choreography.rule(`rule-${rule}`, { type: [`task.${rule}`] }, ({ data }, { emit }) => {
      acted++
      if (emits) emit('bench.said', data)
    })
  let round = 0
  return {
    batch: async () => {
      acted = 0
      await fill(journal, ++round)
      await choreography.idle({ timeoutMs: 600_000 })
      if (acted !== count) throw new Error(`${acted} of ${count} were acted on`)
      return count
    },
    dispose: async () => {
      await choreography.close()
      await close()
    },
  }
}

async function acknowledging(): Promise<Side> {
  const { journal, close } = await place()
  const group = await journal.group('bench', { filter: { streams: ['bench'] } })
  let round = 0
  return {
    batch: async () => {
      await fill(journal, ++round)
      const over = new AbortController()
      let settled = 0
      for await (const delivery of group.consume({ prefetch: 512, signal: over.signal }))
        void delivery.ack().then(() => ++settled === count && over.abort())
      return settled
    },
    dispose: async () => {
      await group.close()
      await close()
    },
  }
}

function dispatchCase(rules: number, emits: boolean): BenchCase {
  return {
    name: `${rules.toLocaleString('en')} rules that act${emits ? ' and emit' : ''}, recorded on disk`,
    unit: 'events/s',
    peerName: 'a group that acknowledges',
    rounds: 5,
    ours: () => acting(rules, emits),
    peer: acknowledging,
  }
}

export const dispatchCases: readonly BenchCase[] = [
  dispatchCase(100, false),
  dispatchCase(100, true),
  dispatchCase(5000, true),
]

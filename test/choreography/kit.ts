/** What the tests of choreographies share: a world of store, journal and clock, choreographies that end with their test, events, and what was emitted. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { makeEvent } from '../../src/base/envelope.ts'
import type { CloudEvent, EventInput } from '../../src/base/envelope.ts'
import { idSource } from '../../src/base/id.ts'
import { manualClock } from '../../src/base/manual-clock.ts'
import type { ManualClock } from '../../src/base/manual-clock.ts'
import { seededRandom } from '../../src/base/random.ts'
import type { Choreography, ChoreographyOptions, Parked } from '../../src/choreography/choreography.ts'
import { createChoreography } from '../../src/choreography/create.ts'
import { choreographySchema } from '../../src/choreography/schema.ts'
import { gather } from '../../src/journal/conformance-kit.ts'
import type { Journal, Recorded } from '../../src/journal/journal.ts'
import { journalSchema, storeJournal } from '../../src/journal/sqlite.ts'
import { memoryStore } from '../../src/store/memory.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import type { Store } from '../../src/store/store.ts'

export const schemas = [journalSchema, choreographySchema]

export interface World {
  readonly store: Store
  readonly journal: Journal
  readonly clock: ManualClock
  /** A choreography on it, closed at the end of the test. */
  readonly open: (options?: Partial<ChoreographyOptions>) => Promise<Choreography>
  /** Appends an event by the clock of the world. */
  readonly say: (type: string, data?: unknown, more?: Partial<EventInput<unknown>>) => Promise<CloudEvent>
  readonly append: (event: CloudEvent, stream?: string) => Promise<void>
  /** Everything in the journal of these types. */
  readonly events: (...types: string[]) => Promise<Recorded[]>
}

export function world(store: Store = memoryStore({ schemas })): World {
  const journal = storeJournal(store)
  const clock = manualClock()
  const random = seededRandom('choreography')
  const id = idSource(clock, random.split('ids'))
  onTestFinished(async () => {
    await journal.close()
    await store.close()
  })
  const append = async (event: CloudEvent, stream = 'outside') => void (await journal.append(stream, [event]))
  let opened = 0
  return {
    store,
    journal,
    clock,
    append,
    async open(options = {}) {
      const given = { journal, store, clock, random: random.split(`opened ${opened++}`), ...options }
      const choreography = await createChoreography(given)
      onTestFinished(() => choreography.close())
      return choreography
    },
    async say(type, data = {}, more = {}) {
      const event = makeEvent({ type, source: '/test', data, ...more }, { clock, id })
      await append(event)
      return event
    },
    async events(...types) {
      return (await gather(journal.readAll())).filter(({ event }) => types.includes(event.type))
    },
  }
}

export async function sqliteStore(folder?: string): Promise<Store> {
  return openSqliteStore({ folder: folder ?? (await temporaryFolder()), schemas })
}

export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'colloquy-choreography-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** Lets what is ready run: reading the journal gives way to the event loop now and then. */
export async function turns(clock: ManualClock, ms = 0): Promise<void> {
  await clock.advance(ms)
  for (let turn = 0; turn < 20; turn++) await clock.advance(0)
}

export function parkedOf(choreography: Choreography): Promise<Parked[]> {
  return gather(choreography.parked())
}

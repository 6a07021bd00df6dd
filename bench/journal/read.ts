/** Reads and replays of a million events, event by event and in batches; and how soon a subscriber has what was appended. */
import { DatabaseSync } from 'node:sqlite'
import { databaseFile } from '../../src/store/sqlite-file.ts'
import type { BenchCase, Side } from '../harness.ts'
import { eventOf, streams } from './events.ts'
import { openJournal } from './raw.ts'

export const many = 1_000_000

/** One journal of a million events, made once for the reading cases and removed when the last of them is done. */
let filled: { journal: Awaited<ReturnType<typeof openJournal>>; users: number } | undefined

export async function useFilled(): Promise<Awaited<ReturnType<typeof openJournal>>> {
  if (!filled) {
    const journal = await openJournal()
    filled = { journal, users: 0 }
    const size = 1000
    for (let first = 0; first < many; first += size)
      await journal.journal.append(
        streams[(first / size) % streams.length] as string,
        Array.from({ length: size }, (_, at) => eventOf(first + at)),
      )
  }
  filled.users++
  return filled.journal
}

export async function releaseFilled(): Promise<void> {
  if (filled && --filled.users === 0) {
    const { journal } = filled
    filled = undefined
    await journal.close()
  }
}

/** What the raw side does with each row. */
async function rawSide(): Promise<Side> {
  const { folder } = await useFilled()
  const database = new DatabaseSync(databaseFile(folder), { readOnly: true })
  const select = database.prepare('SELECT * FROM journal_event ORDER BY position')
  return {
    batch: () => {
      let read = 0
      for (const row of select.iterate()) if (JSON.parse(row['data'] as string) !== null) read++
      return read
    },
    dispose: async () => {
      database.close()
      await releaseFilled()
    },
  }
}

type Opened = Awaited<ReturnType<typeof openJournal>>

function readingCase(name: string, read: (journal: Opened['journal']) => Promise<number>): BenchCase {
  return {
    name,
    unit: 'events/s',
    peerName: 'raw SELECT, iterate and JSON.parse',
    rounds: 3,
    ours: async () => {
      const { journal } = await useFilled()
      return { batch: () => read(journal), dispose: releaseFilled }
    },
    peer: rawSide,
  }
}

const eventByEvent = readingCase('read all of a million events', async (journal) => {
  let read = 0
  for await (const { event } of journal.readAll()) if (event.id !== '') read++
  return read
})

const inBatches = readingCase('replay a million events in batches of 512', async (journal) => {
  let read = 0
  for await (const { events, caughtUp } of journal.subscribe({ batch: 512 })) {
    for (const { event } of events) if (event.id !== '') read++
    if (caughtUp) break
  }
  return read
})

/** Milliseconds from the call of `append` until a live subscriber holds the event; the peer is the append alone. */
function latencyCase(name: string, share: number): BenchCase {
  const measure = async (following: boolean) => {
    const { journal, close } = await openJournal()
    const sample = async () => {
      const cursor = journal.subscribe({ from: await journal.head() })[Symbol.asyncIterator]()
      const times: number[] = []
      for (let at = 0; at < 500; at++) {
        const arrived = following ? cursor.next() : undefined
        const startedMs = performance.now()
        const appended = journal.append(streams[0] as string, [eventOf(at)])
        await (arrived ?? appended)
        times.push(performance.now() - startedMs)
        await appended
      }
      await cursor.return?.()
      return times.sort((a, b) => a - b)[Math.floor(times.length * share)] as number
    }
    return { value: sample, dispose: close }
  }
  return {
    name,
    unit: 'ms',
    better: 'lower',
    peerName: 'the append alone',
    rounds: 5,
    ours: () => measure(true),
    peer: () => measure(false),
  }
}

export const readCases: readonly BenchCase[] = [
  eventByEvent,
  inBatches,
  latencyCase('append to subscriber, p50', 0.5),
  latencyCase('append to subscriber, p99', 0.99),
]

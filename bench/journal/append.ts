/** Appends: so many events a call, so many writers at once. Operations are events that were acknowledged. */
import { memoryJournal } from '../../src/journal/memory.ts'
import type { CloudEvent } from '../../src/base/envelope.ts'
import type { BenchCase, Side } from '../harness.ts'
import { batches, streams } from './events.ts'
import { appending, openJournal, Raw } from './raw.ts'

function appendCase(size: number, count: number): BenchCase {
  const given = batches(count, size)
  return {
    name: `append, ${size} a call, one after another`,
    unit: 'events/s',
    peerName: 'raw statements',
    ours: () => appending(given),
    peer: () => {
      const raw = new Raw()
      return {
        batch: () => {
          for (const [at, events] of given.entries()) raw.append(at % streams.length, events)
          return count * size
        },
        dispose: () => raw.dispose(),
      }
    },
  }
}

/** Writers that each wait for their last append: what group commit is for. */
function writersCase(writers: number, turns: number): BenchCase {
  const given = batches(writers, turns)
  return {
    name: `append, ${writers} writers of one event each`,
    unit: 'events/s',
    peerName: 'raw, one transaction an event',
    ours: async (): Promise<Side> => {
      const { journal, close } = await openJournal()
      const write = async (writer: number, events: readonly CloudEvent[]) => {
        for (const event of events) await journal.append(streams[writer % streams.length] as string, [event])
      }
      return {
        batch: async () => {
          await Promise.all(given.map((events, writer) => write(writer, events)))
          return writers * turns
        },
        dispose: close,
      }
    },
    peer: () => {
      const raw = new Raw()
      return {
        batch: () => {
          for (const [writer, events] of given.entries())
            for (const event of events) raw.append(writer % streams.length, [event])
          return writers * turns
        },
        dispose: () => raw.dispose(),
      }
    },
  }
}

const inMemory: BenchCase = {
  name: 'memory journal, append, 1 a call',
  unit: 'events/s',
  peerName: 'structuredClone into an array',
  ours: () => {
    const [events = []] = batches(1, 50_000)
    return {
      batch: async () => {
        await using journal = memoryJournal()
        for (const [at, event] of events.entries())
          await journal.append(streams[at % streams.length] as string, [event])
        return events.length
      },
    }
  },
  peer: () => {
    const [events = []] = batches(1, 50_000)
    return {
      batch: async () => {
        const kept: CloudEvent[] = []
        for (const event of events) kept.push(await Promise.resolve(structuredClone(event)))
        return kept.length
      },
    }
  },
}

export const appendCases: readonly BenchCase[] = [
  appendCase(1, 1000),
  appendCase(16, 1000),
  appendCase(100, 300),
  appendCase(1000, 50),
  writersCase(16, 100),
  writersCase(128, 30),
  inMemory,
]

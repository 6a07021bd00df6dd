/** Events shared out by a consumer group, each acknowledged on disk; the peer is a subscriber who only looks at them. */
import type { GroupOptions } from '../../src/journal/group.ts'
import type { BenchCase } from '../harness.ts'
import { filled } from './raw.ts'

function groupCase(name: string, consumers: number, options: GroupOptions): BenchCase {
  return {
    name,
    unit: 'events/s',
    peerName: 'a plain subscriber',
    rounds: 3,
    ours: async () => {
      const { journal, close } = await filled()
      let round = 0
      return {
        batch: async () => {
          await using group = await journal.group(`round-${++round}`, options)
          const total = await journal.behind('')
          const over = new AbortController()
          let settled = 0
          const acknowledged = () => {
            if (++settled === total) over.abort()
          }
          const consume = async () => {
            for await (const delivery of group.consume({ prefetch: 512, signal: over.signal }))
              void delivery.ack().then(acknowledged)
          }
          await Promise.all(Array.from({ length: consumers }, consume))
          return settled
        },
        dispose: close,
      }
    },
    peer: async () => {
      const { journal, close } = await filled()
      return {
        batch: async () => {
          const total = await journal.behind('')
          let seen = 0
          for await (const { event } of journal.subscribe()) if (event.id !== '' && ++seen === total) break
          return seen
        },
        dispose: close,
      }
    },
  }
}

export const groupCases: readonly BenchCase[] = [
  groupCase('a group of one consumer, prefetch 512', 1, {}),
  groupCase('a group of four, order kept by 100 keys', 4, {
    partitionBy: ({ event }) => String((event.data as { tokens: number }).tokens % 100),
  }),
]

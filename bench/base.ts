/** The ground floor beside what the platform has: ids, chance, codec, envelope, queue. */
import { randomUUID } from 'node:crypto'
import { jsonCodec } from '../src/base/codec.ts'
import { fromBinary, makeEvent, toBinary } from '../src/base/envelope.ts'
import { idSource } from '../src/base/id.ts'
import { BoundedQueue } from '../src/base/queue.ts'
import { seededRandom } from '../src/base/random.ts'
import { systemClock } from '../src/base/system-clock.ts'
import type { BenchCase } from './harness.ts'

const random = seededRandom(1)
const id = idSource(systemClock, random)
const codec = jsonCodec()
const value = {
  agent: 'ann',
  action: 'analyse',
  findings: Array.from({ length: 8 }, (_, at) => ({ at, text: 'what was found', weight: at / 3 })),
}
const bytes = codec.encode(value)
const encoder = new TextEncoder()
const decoder = new TextDecoder()
const made = makeEvent({ type: 'agent.action', source: '/alpha/ann', data: value }, { clock: systemClock, id })
const binary = toBinary(made, codec)

const queued = 100_000

export const cases: readonly BenchCase[] = [
  {
    name: 'an id (UUIDv7, rising)',
    unit: 'ids/s',
    peerName: 'crypto.randomUUID (v4)',
    ours: () => ({ micro: () => id() }),
    peer: () => ({ micro: () => randomUUID() }),
  },
  {
    name: 'a seeded number in [0, 1)',
    unit: 'numbers/s',
    peerName: 'Math.random',
    ours: () => ({ micro: () => random.float() }),
    peer: () => ({ micro: () => Math.random() }),
  },
  {
    name: 'encode plain data',
    unit: 'values/s',
    peerName: 'JSON.stringify to bytes',
    ours: () => ({ micro: () => codec.encode(value) }),
    peer: () => ({ micro: () => encoder.encode(JSON.stringify(value)) }),
  },
  {
    name: 'decode plain data',
    unit: 'values/s',
    peerName: 'JSON.parse of bytes',
    ours: () => ({ micro: () => codec.decode(bytes) }),
    peer: () => ({ micro: () => JSON.parse(decoder.decode(bytes)) as unknown }),
  },
  {
    name: 'an event to headers and back',
    unit: 'events/s',
    peerName: 'the same event as one JSON text and back',
    ours: () => ({ micro: () => fromBinary(toBinary(made, codec).headers, binary.data, codec) }),
    peer: () => ({ micro: () => JSON.parse(decoder.decode(encoder.encode(JSON.stringify(made)))) as unknown }),
  },
  {
    name: 'a value through a queue, taken by for await',
    unit: 'values/s',
    peerName: 'an array in one async generator',
    ours: () => ({
      batch: async () => {
        const queue = new BoundedQueue<number>({ limit: queued })
        for (let at = 0; at < queued; at++) queue.push(at)
        queue.end()
        let taken = 0
        for await (const _each of queue) taken++
        return taken
      },
    }),
    peer: () => ({
      batch: async () => {
        const array: number[] = []
        for (let at = 0; at < queued; at++) array.push(at)
        let taken = 0
        for await (const _each of generate(array)) taken++
        return taken
      },
    }),
  },
]

async function* generate(array: readonly number[]): AsyncGenerator<number> {
  yield* array
}

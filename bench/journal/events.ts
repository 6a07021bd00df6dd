/** The events of the journal's bench: what a convening records, with some 256 bytes of data. */
import type { CloudEvent } from '../../src/base/envelope.ts'

export const streams = Array.from(
  { length: 16 },
  (_, at) => `convene/0198b2a0-7c3e-7${at.toString(16).padStart(3, '0')}`,
)
const types = ['started', 'contribution', 'ballot', 'concluded'].map((name) => `colloquy.convene.${name}`)
const startMs = 1_767_225_600_000

/** 64 share a correlation. */
export function eventOf(number: number): CloudEvent {
  const id = (at: number) =>
    `0198b2a0-7c3e-7${(at % 4096).toString(16).padStart(3, '0')}-8abc-${at.toString(16).padStart(12, '0')}`
  return {
    specversion: '1.0',
    id: id(number),
    source: '/alpha/agent-7',
    type: types[number % types.length] as string,
    time: new Date(startMs + number).toISOString(),
    datacontenttype: 'application/json',
    correlationid: id(number - (number % 64)),
    causationid: id(number - 1),
    hop: number % 8,
    data: {
      round: number % 5,
      author: 'agent-7',
      text: 'What was said is kept as it was said, so that everyone can read it again and see why the others were convinced by it, or not.',
      quotes: [{ file: 'docs/decisions/0004.md', line: number % 400, score: 0.731 }],
      tokens: 1000 + (number % 1000),
    },
  }
}

/** Batches made before the measuring, so that both sides measure the keeping and not the making. */
export function batches(count: number, size: number): CloudEvent[][] {
  return Array.from({ length: count }, (_, batch) =>
    Array.from({ length: size }, (_, at) => eventOf(batch * size + at)),
  )
}

/** Messages of every kind that travels, for the properties of the wire. */
import fc from 'fast-check'
import type { ConfState, Entry, Message, MessageType, Snapshot } from '../../src/raft/core/message.ts'

export const travelling: readonly MessageType[] = [
  'MsgProp',
  'MsgApp',
  'MsgAppResp',
  'MsgVote',
  'MsgVoteResp',
  'MsgSnap',
  'MsgHeartbeat',
  'MsgHeartbeatResp',
  'MsgTransferLeader',
  'MsgTimeoutNow',
  'MsgReadIndex',
  'MsgReadIndexResp',
  'MsgPreVote',
  'MsgPreVoteResp',
  'MsgForgetLeader',
]

/** Small ones, those around the borders of a varint's bytes and of 32 bits, and any. */
export const numbers: fc.Arbitrary<number> = fc.oneof(
  fc.nat(300),
  fc
    .tuple(fc.integer({ min: 1, max: 53 }), fc.integer({ min: -2, max: 2 }))
    .map(([bits, off]) => Math.min(Number.MAX_SAFE_INTEGER, Math.max(0, 2 ** bits + off))),
  fc.maxSafeNat(),
)

const bytes: fc.Arbitrary<Uint8Array> = fc.uint8Array({ maxLength: 300 })
const maybeBytes = fc.option(bytes, { nil: undefined })

const entries: fc.Arbitrary<Entry[]> = fc.oneof(
  fc.array(
    fc.record({
      term: numbers,
      index: numbers,
      type: fc.constantFrom('EntryNormal', 'EntryConfChange', 'EntryConfChangeV2'),
      data: maybeBytes,
    }),
    { maxLength: 8 },
  ),
  // A run, which has a shorter form.
  fc
    .tuple(fc.nat(1000), fc.nat(1000), fc.array(bytes, { maxLength: 8 }))
    .map(([term, first, datas]) =>
      datas.map((data, at): Entry => ({ term, index: first + 1 + at, type: 'EntryNormal', data })),
    ),
)

const members = fc.array(numbers, { maxLength: 6 })
const confState: fc.Arbitrary<ConfState> = fc.record({
  voters: members,
  learners: members,
  votersOutgoing: members,
  learnersNext: members,
  autoLeave: fc.boolean(),
})
const snapshot: fc.Arbitrary<Snapshot> = fc.record({
  metadata: fc.record({ index: numbers, term: numbers, confState }),
  data: maybeBytes,
})

export const messages: fc.Arbitrary<Message> = fc
  .record({
    type: fc.constantFrom(...travelling),
    to: numbers,
    from: numbers,
    term: numbers,
    logTerm: numbers,
    index: numbers,
    entries,
    commit: numbers,
    vote: numbers,
    snapshot: fc.option(snapshot, { nil: undefined }),
    reject: fc.boolean(),
    rejectHint: numbers,
    context: maybeBytes,
  })
  .chain((made) =>
    // The entries of an append as a leader makes them: behind the message's own index, of its own term.
    fc.boolean().map((runs): Message => {
      const first = Math.min(made.index, 2 ** 52)
      const run = made.entries.map((entry, at) => ({ ...entry, term: made.term, index: first + 1 + at }))
      return { ...made, ...(runs && { index: first, entries: run }), responses: [] }
    }),
  )

export const groupId: Uint8Array = Uint8Array.from({ length: 16 }, (_, at) => at * 7 + 1)

/** Bytes as a plain array: one buffer's kind is not another's. */
export function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return { bytes: [...value] }
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]))
  return value
}

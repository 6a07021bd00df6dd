/** Control frames and entries of the log as bytes: there and back, and nothing but a typed refusal for anything else. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Envelope, decodeEnvelope, encodeEnvelope } from '../../src/raft/command-envelope.ts'
import { type ControlFrame, decodeControl, encodeControl, refusals } from '../../src/raft/control-frame.ts'
import { InvalidFrame } from '../../src/raft/error.ts'
import { decodeMemberChange, encodeMemberChange } from '../../src/raft/member-book.ts'

const hex = (bytes: number) =>
  fc.uint8Array({ minLength: bytes, maxLength: bytes }).map((each) => Buffer.from(each).toString('hex'))
const whole = fc.oneof(fc.nat(300), fc.maxSafeNat())
const text = fc.string({ maxLength: 20, unit: 'grapheme' })
const bytes = fc.uint8Array({ maxLength: 40 }).map((each) => Buffer.from(each))
const row = fc.record({ id: whole, name: text, token: hex(16), address: text })
const rows = fc.array(row, { maxLength: 5 })
const operation = fc.oneof(
  fc.record({
    op: fc.constant('command' as const),
    session: whole,
    sequence: whole,
    acknowledged: whole,
    command: bytes,
  }),
  fc.record({ op: fc.constant('register' as const), nonce: hex(8), timeoutMs: whole }),
  fc.record({ op: fc.constant('close' as const), session: whole }),
  fc.record({
    op: fc.constant('change' as const),
    nonce: hex(8),
    kind: fc.constantFrom('add' as const, 'promote' as const, 'demote' as const, 'remove' as const),
    name: text,
    address: text,
  }),
  fc.record({ op: fc.constant('transfer' as const), name: text }),
)
const frame: fc.Arbitrary<ControlFrame> = fc.oneof(
  fc.record({
    type: fc.constant('hello' as const),
    token: hex(16),
    address: text,
    fresh: fc.boolean(),
    candidate: hex(16),
  }),
  fc.record({ type: fc.constant('helloAnswer' as const), groupId: hex(16), id: whole, members: rows }),
  fc.record({
    type: fc.constant('forward' as const),
    groupId: hex(16),
    operations: fc.array(operation, { maxLength: 5 }),
  }),
  fc.record({
    type: fc.constant('forwarded' as const),
    groupId: hex(16),
    reason: fc.constantFrom(...refusals),
    commands: fc.array(fc.record({ session: whole, sequence: whole }), { maxLength: 5 }),
    nonces: fc.array(hex(8), { maxLength: 5 }),
  }),
  fc.record({ type: fc.constant('control' as const), groupId: hex(16) }),
)
const envelope: fc.Arbitrary<Envelope> = fc.oneof(
  fc.record({
    kind: fc.constant('command' as const),
    timeMs: whole,
    session: whole,
    sequence: whole,
    acknowledged: whole,
    command: bytes,
  }),
  fc.record({ kind: fc.constant('register' as const), timeMs: whole, timeoutMs: whole, nonce: hex(8) }),
  fc.record({ kind: fc.constant('close' as const), timeMs: whole, session: whole }),
  fc.record({ kind: fc.constant('founding' as const), timeMs: whole, groupId: hex(16), members: rows }),
)

/** One byte changed, cut off, or added. */
const damage = fc.record({
  at: fc.nat(400),
  byte: fc.integer({ min: 0, max: 255 }),
  cut: fc.boolean(),
  more: fc.boolean(),
})

function damaged(
  whole: Uint8Array,
  { at, byte, cut, more }: { at: number; byte: number; cut: boolean; more: boolean },
) {
  const changed = Uint8Array.from(more ? [...whole, byte] : whole)
  if (changed.length > 0) changed[at % changed.length] = byte
  return cut ? changed.subarray(0, at % (changed.length + 1)) : changed
}

function refusedOrRead(read: () => unknown): boolean {
  try {
    read()
    return true
  } catch (error) {
    return error instanceof InvalidFrame
  }
}

describe('control frames', () => {
  it('come back as they were', () => {
    fc.assert(
      fc.property(frame, (each) => {
        expect(decodeControl(encodeControl(each))).toEqual(each)
      }),
    )
  })

  it('that are damaged are read as another frame or refused, typed', () => {
    fc.assert(
      fc.property(frame, damage, (each, how) => {
        expect(refusedOrRead(() => decodeControl(damaged(encodeControl(each), how)))).toBe(true)
      }),
      { numRuns: 2000 },
    )
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (each) => {
        expect(refusedOrRead(() => decodeControl(each))).toBe(true)
      }),
    )
  })

  it('that announce more than they hold are refused before anything is made of it', () => {
    const forward = encodeControl({ type: 'forward', groupId: '00'.repeat(16), operations: [] }).slice()
    forward[18] = 0x7f
    expect(() => decodeControl(forward)).toThrow(InvalidFrame)
  })
})

describe('entries of the log', () => {
  it('come back as they were', () => {
    fc.assert(
      fc.property(envelope, (each) => {
        expect(decodeEnvelope(encodeEnvelope(each))).toEqual(each)
      }),
    )
  })

  it('that are damaged are read as another entry or refused, typed', () => {
    fc.assert(
      fc.property(envelope, damage, (each, how) => {
        expect(refusedOrRead(() => decodeEnvelope(damaged(encodeEnvelope(each), how)))).toBe(true)
      }),
      { numRuns: 2000 },
    )
  })

  it('that change the members carry who is new', () => {
    const change = fc.record({ nonce: hex(8), added: fc.option(row, { nil: undefined }) })
    fc.assert(
      fc.property(change, (each) => {
        expect(decodeMemberChange(encodeMemberChange(each))).toEqual(each)
      }),
    )
  })
})

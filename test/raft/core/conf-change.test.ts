import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { confChangeBytesMax, marshalConfChange, unmarshalConfChange } from '../../../src/raft/core/conf-change-codec.ts'
import { asV2, confChangesMax, enterJoint, leaveJoint, parseConfChanges } from '../../../src/raft/core/conf-change.ts'
import type { AnyConfChange, ConfChangeTransition, ConfChangeType, EntryType } from '../../../src/raft/core/message.ts'
import { InvalidConfChange } from '../../../src/raft/error.ts'

const transitions: readonly ConfChangeTransition[] = [
  'ConfChangeTransitionAuto',
  'ConfChangeTransitionJointImplicit',
  'ConfChangeTransitionJointExplicit',
]
const single = {
  type: fc.constantFrom<ConfChangeType>(
    'ConfChangeAddNode',
    'ConfChangeAddLearnerNode',
    'ConfChangeRemoveNode',
    'ConfChangeUpdateNode',
  ),
  nodeId: fc.oneof(fc.nat(300), fc.maxSafeNat()),
}
const change: fc.Arbitrary<AnyConfChange> = fc.oneof(
  fc.record(
    { version: fc.constant(1 as const), ...single, context: fc.uint8Array() },
    { requiredKeys: ['version', 'type', 'nodeId'] },
  ),
  fc.record(
    {
      version: fc.constant(2 as const),
      transition: fc.constantFrom(...transitions),
      changes: fc.array(fc.record(single)),
      context: fc.uint8Array(),
    },
    { requiredKeys: ['version', 'transition', 'changes'] },
  ),
)

const v2 = (text: string, transition = transitions[0] ?? 'ConfChangeTransitionAuto') =>
  ({ version: 2, transition, changes: parseConfChanges(text) }) as const

/** Undefined when it was refused by code; anything else that is thrown goes through. */
function readOrRefused(type: EntryType, bytes: Uint8Array | undefined): AnyConfChange | undefined {
  try {
    return unmarshalConfChange(type, bytes)
  } catch (error) {
    if (error instanceof InvalidConfChange) return undefined
    throw error
  }
}

describe('a configuration change', () => {
  it('of one member is simple, of more is joint and left by itself', () => {
    expect(enterJoint(v2('v1'))).toEqual({ joint: false, autoLeave: false })
    expect(enterJoint(v2('v1 l2'))).toEqual({ joint: true, autoLeave: true })
  })

  it('is joint when that is asked for, and stays so when leaving is to be explicit', () => {
    expect(enterJoint(v2('v1', 'ConfChangeTransitionJointImplicit'))).toEqual({ joint: true, autoLeave: true })
    expect(enterJoint(v2('v1 v2', 'ConfChangeTransitionJointExplicit'))).toEqual({ joint: true, autoLeave: false })
  })

  it('that is empty leaves a joint configuration, whatever its context', () => {
    expect(leaveJoint({ ...v2(''), context: Uint8Array.of(1) })).toBe(true)
    expect([leaveJoint(v2('v1')), leaveJoint(v2('', 'ConfChangeTransitionJointImplicit'))]).toEqual([false, false])
  })

  it('of the older form is one of the newer form', () => {
    const context = Uint8Array.of(1)
    expect(asV2({ version: 1, type: 'ConfChangeRemoveNode', nodeId: 3, context })).toEqual({ ...v2('r3'), context })
  })
})

describe('the bytes of a configuration change', () => {
  it('are read as they are written', () => {
    fc.assert(
      fc.property(change, (each) => {
        const { type, data } = marshalConfChange(each)
        expect(type).toBe(each.version === 1 ? 'EntryConfChange' : 'EntryConfChangeV2')
        expect(unmarshalConfChange(type, data)).toEqual(each)
      }),
    )
  })

  it('are those of protobuf', () => {
    const context = Uint8Array.of(0xff)
    expect([
      ...(marshalConfChange({ version: 1, type: 'ConfChangeAddLearnerNode', nodeId: 300, context }).data ?? []),
    ]).toEqual([0x10, 3, 0x18, 0xac, 0x02, 0x22, 1, 0xff])
    expect([...(marshalConfChange({ ...v2('r5 v0', transitions[2]), context }).data ?? [])]).toEqual([
      0x08, 2, 0x12, 4, 0x08, 1, 0x10, 5, 0x12, 4, 0x08, 0, 0x10, 0, 0x1a, 1, 0xff,
    ])
  })

  it('are none when a joint configuration is left, and none are read as that', () => {
    const { type, data } = marshalConfChange(undefined)
    expect([type, data]).toEqual(['EntryConfChangeV2', undefined])
    const read = unmarshalConfChange(type, data)
    expect(read.version === 2 && leaveJoint(read)).toBe(true)
  })

  it('may hold fields that are not known, the older id among them', () => {
    const bytes = Uint8Array.of(
      0x08,
      7,
      0x18,
      5,
      0x7a,
      2,
      1,
      2,
      0x79,
      1,
      2,
      3,
      4,
      5,
      6,
      7,
      8,
      0x7d,
      1,
      2,
      3,
      4,
      0x10,
      1,
    )
    expect(unmarshalConfChange('EntryConfChange', bytes)).toEqual({
      version: 1,
      type: 'ConfChangeRemoveNode',
      nodeId: 5,
    })
  })

  it('of any kind are read or refused by code, and what is read can be written', () => {
    fc.assert(
      fc.property(fc.constantFrom('EntryConfChange', 'EntryConfChangeV2'), fc.uint8Array(), (type, bytes) => {
        const read = readOrRefused(type, bytes)
        const again = read === undefined ? undefined : unmarshalConfChange(type, marshalConfChange(read).data)
        expect(again).toEqual(read)
      }),
      { numRuns: 2000 },
    )
  })

  it('that were cut off in the middle are refused or a shorter change, never another error', () => {
    fc.assert(
      fc.property(change, fc.nat(), (each, cut) => {
        const { type, data } = marshalConfChange(each)
        const short = data?.subarray(0, cut % (data.length + 1))
        expect(() => readOrRefused(type, short)).not.toThrow()
      }),
    )
  })

  it.each([
    ['a type that is not known', [0x10, 4]],
    ['an id above 2^53 - 1', [0x18, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x1f]],
    ['a number without an end', [0x18, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00]],
    ['a number that is cut off', [0x18, 0x80]],
    ['bytes where a number is read', [0x1a, 1, 5]],
    ['a number where bytes are read', [0x20, 1]],
    ['more bytes promised than there are', [0x22, 5, 1]],
    ['a group', [0x1b]],
    ['a field of number 0', [0x00, 1]],
  ])('are refused with %s', (_, bytes) => {
    expect(() => unmarshalConfChange('EntryConfChange', Uint8Array.from(bytes))).toThrow(
      expect.objectContaining({ code: 'raft.invalid_conf_change' }),
    )
  })

  it('have their bounds on both sides', () => {
    const refused = expect.objectContaining({ code: 'raft.invalid_conf_change' })
    const changes = Array.from(
      { length: confChangesMax + 1 },
      () => ({ type: 'ConfChangeAddNode', nodeId: 1 }) as const,
    )
    const many = Uint8Array.from(changes.flatMap(() => [0x12, 0]))
    expect(() => marshalConfChange({ ...v2(''), changes })).toThrow(refused)
    expect(() => unmarshalConfChange('EntryConfChangeV2', many)).toThrow(refused)
    const context = new Uint8Array(confChangeBytesMax)
    expect(() => marshalConfChange({ ...v2(''), context })).toThrow(refused)
    expect(() => unmarshalConfChange('EntryConfChangeV2', new Uint8Array(confChangeBytesMax + 1))).toThrow(refused)
    expect(() => unmarshalConfChange('EntryNormal', undefined)).toThrow(refused)
    for (const nodeId of [-1, 0.5, NaN, 2 ** 53])
      expect(() => marshalConfChange({ version: 1, type: 'ConfChangeAddNode', nodeId })).toThrow(refused)
  })
})

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { appendThread, applyThread, message } from '../../src/raft/core/message.ts'
import { InvalidFrame } from '../../src/raft/error.ts'
import { decodeMessage, encodeMessage, frameKind, frameKinds, isOfGroup } from '../../src/raft/wire.ts'
import { groupId, messages, plain, travelling } from './wire-kit.ts'

describe('the wire form of raft messages', () => {
  it('gives back every message', () => {
    fc.assert(
      fc.property(messages, (made) => {
        const frame = encodeMessage(groupId, made)
        expect(plain(decodeMessage(frame))).toEqual(plain(made))
        expect(frameKind(frame)).toBe('message')
        expect(isOfGroup(frame, groupId)).toBe(true)
      }),
      { numRuns: 1000 },
    )
  })

  it('throws nothing but raft.invalid_frame at bytes by chance, and reads no message twice as large as they are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (bytes, headed) => {
        const frame = headed ? Buffer.concat([Uint8Array.of(1, 1), groupId, bytes]) : bytes
        expect(sound(frame)).toBe(true)
      }),
      { numRuns: 2000 },
    )
  })

  it('throws nothing but raft.invalid_frame at a frame in which bytes were changed, cut off or added', () => {
    fc.assert(
      fc.property(
        messages,
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }),
        fc.nat(),
        fc.uint8Array({ maxLength: 3 }),
        (made, changes, cut, more) => {
          const whole = Buffer.from(encodeMessage(groupId, made))
          for (const [at, value] of changes) whole[at % whole.length] = value
          expect(sound(Buffer.concat([whole.subarray(0, whole.length - (cut % 3)), more]))).toBe(true)
        },
      ),
      { numRuns: 2000 },
    )
  })

  it('reads no frame that is cut off anywhere, nor one with a byte too many', () => {
    fc.assert(
      fc.property(messages, (made) => {
        const frame = encodeMessage(groupId, made)
        for (let length = 0; length < frame.length; length++)
          expect(() => decodeMessage(frame.subarray(0, length))).toThrow(InvalidFrame)
        expect(() => decodeMessage(Buffer.concat([frame, Uint8Array.of(0)]))).toThrow(InvalidFrame)
      }),
      { numRuns: 50 },
    )
  })

  it('takes data out of the frame without a copy', () => {
    const data = new Uint8Array(256).fill(7)
    const frame = encodeMessage(
      groupId,
      message({ type: 'MsgApp', entries: [{ term: 1, index: 1, type: 'EntryNormal', data }] }),
    )
    expect(decodeMessage(frame).entries[0]?.data?.buffer).toBe(frame.buffer)
  })

  it('takes two bytes and the data of each entry that follows in an append, up to 127 bytes', () => {
    const entries = Array.from({ length: 100 }, (_, at) => ({
      term: 7,
      index: 1_000_001 + at,
      type: 'EntryNormal' as const,
      data: new Uint8Array(100),
    }))
    const bytesOf = (count: number) =>
      encodeMessage(groupId, message({ type: 'MsgApp', term: 7, index: 1_000_000, entries: entries.slice(0, count) }))
        .length
    expect(bytesOf(100) - bytesOf(1)).toBe(99 * 102)
  })

  it('is the same from version to version', () => {
    const frame = encodeMessage(
      groupId,
      message({
        type: 'MsgApp',
        to: 2,
        from: 1,
        term: 300,
        index: 5,
        entries: [{ term: 300, index: 6, type: 'EntryNormal', data: Uint8Array.of(9) }],
        reject: true,
      }),
    )
    const id = Buffer.from(groupId).toString('hex')
    expect(Buffer.from(frame).toString('hex')).toBe(
      `0101${id}010102 01ac02 00 05 00 00 00 01 0c 0109`.replaceAll(' ', ''),
    )
    expect(() => decodeMessage(Buffer.from(frame).fill(2, 1, 2))).toThrow('version 2')
  })

  it('knows the groups apart', () => {
    const frame = encodeMessage(groupId, message({ type: 'MsgVote' }))
    for (let at = 0; at < 16; at++) {
      const other = Uint8Array.from(groupId)
      other[at]! ^= 1
      expect(isOfGroup(frame, other)).toBe(false)
    }
    expect(isOfGroup(frame.subarray(0, 17), groupId)).toBe(false)
  })

  it('lets nothing travel that a member only says to itself', () => {
    const local = [
      'MsgHup',
      'MsgBeat',
      'MsgUnreachable',
      'MsgSnapStatus',
      'MsgCheckQuorum',
      'MsgStorageAppend',
      'MsgStorageAppendResp',
      'MsgStorageApply',
      'MsgStorageApplyResp',
    ] as const
    const refused = expect.objectContaining({ code: 'raft.invalid_message' })
    for (const type of local) expect(() => encodeMessage(groupId, message({ type }))).toThrow(refused)
    for (const type of travelling) expect(decodeMessage(encodeMessage(groupId, message({ type }))).type).toBe(type)
    for (const thread of [appendThread, applyThread]) {
      expect(() => encodeMessage(groupId, message({ type: 'MsgApp', to: thread }))).toThrow(refused)
      expect(() => encodeMessage(groupId, message({ type: 'MsgApp', from: thread }))).toThrow(refused)
    }
    const responses = [message({ type: 'MsgAppResp' })]
    expect(() => encodeMessage(groupId, message({ type: 'MsgApp', responses }))).toThrow(refused)
    expect(() => encodeMessage(groupId.subarray(1), message({ type: 'MsgApp' }))).toThrow(refused)
  })

  it('names the kind of every frame by its first byte', () => {
    for (const [kind, byte] of Object.entries(frameKinds)) expect(frameKind(Uint8Array.of(byte))).toBe(kind)
    for (const byte of [0, 8, 255]) expect(frameKind(Uint8Array.of(byte))).toBeUndefined()
    expect(frameKind(new Uint8Array())).toBeUndefined()
  })
})

/**
 * True when the bytes were refused in the one way there is, or what was made of them has no more than one entry or member a
 * byte, and its data within them.
 */
function sound(frame: Uint8Array): boolean {
  try {
    const { entries, context, snapshot } = decodeMessage(frame)
    const views = [context, snapshot?.data, ...entries.map(({ data }) => data)].filter((view) => view !== undefined)
    const bytes = views.reduce((sum, view) => sum + view.length, entries.length)
    return bytes < frame.length && views.every((view) => view.buffer === frame.buffer)
  } catch (error) {
    return error instanceof InvalidFrame
  }
}

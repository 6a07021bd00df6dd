import { createSecretKey } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { InvalidFrame } from '../../src/raft/error.ts'
import {
  Transcript,
  decodeHello,
  decodeWelcome,
  encodeHello,
  sameProof,
} from '../../src/raft/transport-tcp-handshake.ts'
import type { Hello } from '../../src/raft/transport-tcp-handshake.ts'
import { RecordOpener, RecordSealer, framesIn, recordKinds } from '../../src/raft/transport-tcp-record.ts'

const key = createSecretKey(Buffer.alloc(32, 1))
const keys = fc.constantFrom(undefined, key)
const bodies = fc.array(fc.uint8Array({ maxLength: 60 }), { minLength: 1, maxLength: 6 })

function sealed(of: typeof key | undefined, parts: readonly Uint8Array[]): Buffer[] {
  const sealer = new RecordSealer()
  if (of) sealer.useKey(of)
  return parts.map((part, at) => sealer.seal(1 + (at % 200), [part]))
}

/** What was opened, in pieces of these sizes, and whether it came to an end by the one error there is. */
function opened(
  of: typeof key | undefined,
  bytes: Buffer,
  sizes: readonly number[],
): { got: string[]; refused: boolean } {
  const opener = new RecordOpener(1000)
  opener.useKey(of, 1000)
  const got: string[] = []
  try {
    for (let at = 0, turn = 0; at < bytes.length; turn++) {
      const size = sizes[turn % sizes.length]!
      opener.push(bytes.subarray(at, at + size), (kind, body) => got.push(`${kind} ${body.toString('hex')}`))
      at += size
    }
    return { got, refused: false }
  } catch (error) {
    if (!(error instanceof InvalidFrame)) throw error
    return { got, refused: true }
  }
}

const told = (parts: readonly Uint8Array[]) =>
  parts.map((part, at) => `${1 + (at % 200)} ${Buffer.from(part).toString('hex')}`)
const sizes = fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 5 })

describe('records of the direct transport', () => {
  it('come out as they went in, in whatever pieces', () => {
    fc.assert(
      fc.property(keys, bodies, sizes, (of, parts, cuts) => {
        expect(opened(of, Buffer.concat(sealed(of, parts)), cuts)).toEqual({ got: told(parts), refused: false })
      }),
    )
  })

  it('come out up to the first that was changed, and no further', () => {
    fc.assert(
      fc.property(keys, bodies, sizes, fc.nat(), fc.nat(7), (of, parts, cuts, at, bit) => {
        const records = sealed(of, parts)
        const bytes = Buffer.concat(records)
        bytes[at % bytes.length]! ^= 1 << bit
        const { got, refused } = opened(of, bytes, cuts)
        let before = 0
        let end = 0
        for (const record of records) {
          end += record.length
          if (end <= at % bytes.length) before++
        }
        // A length that grew waits for bytes that do not come.
        expect(got).toEqual(told(parts).slice(0, before))
        expect(refused || got.length < parts.length).toBe(true)
      }),
    )
  })

  it.each([undefined, key])('cannot be repeated, left out, or change places', (of) => {
    const records = sealed(of, [Buffer.from('a'), Buffer.from('b'), Buffer.from('c')])
    const [a, b, c] = records as [Buffer, Buffer, Buffer]
    const one = [told([Buffer.from('a')])[0]!]
    expect(opened(of, Buffer.concat([a, a]), [7])).toEqual({ got: one, refused: true })
    expect(opened(of, Buffer.concat([a, c]), [7])).toEqual({ got: one, refused: true })
    expect(opened(of, Buffer.concat([b, a, c]), [7])).toEqual({ got: [], refused: true })
  })

  it('under a key cannot be made without it', () => {
    const other = createSecretKey(Buffer.alloc(32, 2))
    expect(opened(key, sealed(other, [Buffer.from('a')])[0]!, [99]).refused).toBe(true)
    expect(
      opened(key, Buffer.concat([sealed(undefined, [Buffer.from('a')])[0]!, Buffer.alloc(12)]), [99]).refused,
    ).toBe(true)
  })

  it('are not waited for beyond the bound of their length', () => {
    const huge = Buffer.alloc(8)
    for (const length of [0, 1001, 0xffff_ffff]) {
      huge.writeUInt32LE(length)
      expect(opened(undefined, huge, [8]).refused).toBe(true)
    }
  })

  it('hold frames that come out as they went in, or none', () => {
    const frames = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 5 })
    fc.assert(
      fc.property(frames, fc.uint8Array({ maxLength: 30 }), (parts, tail) => {
        const bytes = parts.reduce((sum, part) => sum + part.length + 4, 0)
        const record = new RecordSealer().sealFrames(parts, 0, parts.length, bytes)
        const body = record.subarray(9, 9 + bytes)
        const got: Uint8Array[] = []
        framesIn(body, 40, (frame) => got.push(Uint8Array.from(frame)))
        expect(got).toEqual(parts)
        let late = 0
        const broken = () => framesIn(Buffer.concat([body, Buffer.from([200, 0, 0, 0]), tail]), 40, () => late++)
        expect(broken).toThrow(InvalidFrame)
        expect(late).toBe(0)
      }),
    )
  })
})

const hello: Hello = {
  purpose: 'frames',
  proves: true,
  group: 'ops',
  from: 'a',
  to: 'b',
  nonce: new Uint8Array(32).fill(1),
}

describe('the handshake of the direct transport', () => {
  it('gives back every greeting, and throws nothing but raft.invalid_frame at any other bytes', () => {
    const name = fc.string({ unit: 'grapheme', maxLength: 20 })
    const hellos = fc.record({
      purpose: fc.constantFrom('frames', 'stream'),
      proves: fc.boolean(),
      group: name,
      from: name,
      to: name,
      nonce: fc.uint8Array({ minLength: 32, maxLength: 32 }),
    }) satisfies fc.Arbitrary<Hello>
    fc.assert(
      fc.property(hellos, fc.nat(), fc.nat(255), (made, at, value) => {
        const bytes = Buffer.from(encodeHello(made))
        const read = decodeHello(bytes)
        expect({ ...read, nonce: Uint8Array.from(read.nonce) }).toEqual(made)
        bytes[at % bytes.length] = value
        expect(['read', 'refused']).toContain(attempt(() => decodeHello(bytes)))
        expect(attempt(() => decodeHello(bytes.subarray(0, at % bytes.length)))).toBe('refused')
      }),
    )
  })

  it('has a proof for each side, group, member, purpose and connection, of no use elsewhere', () => {
    const nonce = new Uint8Array(32).fill(2)
    const others: [Hello, Uint8Array, typeof key][] = [
      [{ ...hello, purpose: 'stream' }, nonce, key],
      [{ ...hello, group: 'op', from: 'sa' }, nonce, key],
      [{ ...hello, from: 'b', to: 'a' }, nonce, key],
      [{ ...hello, nonce: new Uint8Array(32).fill(3) }, nonce, key],
      [hello, new Uint8Array(32).fill(3), key],
      [hello, nonce, createSecretKey(Buffer.alloc(32, 9))],
    ]
    const made = [[hello, nonce, key] as const, ...others].map(([greeting, theirs, secret]) => {
      const { ofServer, ofClient, keys: session } = new Transcript(secret, encodeHello(greeting), theirs)
      return [ofServer, ofClient, session.toServer.export(), session.toClient.export()].map((proof) =>
        proof.toString('hex'),
      )
    })
    const all = made.flat()
    expect(new Set(all).size).toBe(4 * made.length)
    expect(all.every((proof) => proof.length === 64)).toBe(true)
  })

  it('takes a proof that is the same, of the same length', () => {
    const { ofServer } = new Transcript(key, encodeHello(hello), hello.nonce)
    expect(sameProof(Uint8Array.from(ofServer), ofServer)).toBe(true)
    expect(sameProof(ofServer.subarray(1), ofServer)).toBe(false)
    expect(sameProof(Buffer.concat([ofServer.subarray(0, 31), Buffer.of(ofServer[31]! ^ 1)]), ofServer)).toBe(false)
  })

  it('has a welcome with a proof where one is due, and without where not', () => {
    const bytes = Buffer.alloc(64, 5)
    expect(decodeWelcome(bytes, true).proof.length).toBe(32)
    expect(decodeWelcome(bytes.subarray(0, 32), false).proof.length).toBe(0)
    expect(attempt(() => decodeWelcome(bytes, false))).toBe('refused')
    expect(attempt(() => decodeWelcome(bytes.subarray(0, 32), true))).toBe('refused')
  })

  it('has kinds of records that are all different', () => {
    expect(new Set(Object.values(recordKinds)).size).toBe(Object.keys(recordKinds).length)
  })
})

function attempt(work: () => unknown): string {
  try {
    work()
    return 'read'
  } catch (error) {
    return error instanceof InvalidFrame ? 'refused' : 'something else'
  }
}

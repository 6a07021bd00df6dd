/**
 * The handshake of the direct transport, as bytes and proofs. Who dials says which group, who speaks, to whom and for what;
 * with a group secret both sides then prove that they know it, by HMAC-SHA256 over all that was said and both nonces, and
 * draw from it one key for each direction. Unlike TLS it hides nothing. It knows no socket; nonces are given.
 *
 * hello: version, purpose, mode, group, from, to, nonce -> welcome: nonce, proof -> proof. A proof of one side is of no use
 * to the other, nor to another group, member, purpose or connection: label, names and both nonces are in it. The pattern is
 * mutual challenge and response after ISO/IEC 9798-4, keys drawn as in the expand step of HKDF (RFC 5869).
 */
import { createHmac, createSecretKey, timingSafeEqual } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { ByteReader, ByteWriter } from './bytes.ts'
import { InvalidFrame } from './error.ts'

const version = 1
const magic = 0x51_4c_43_52 // The bytes RCLQ.
export const nonceBytes = 32
const proofBytes = 32
/** A name is at most this long in UTF-8. */
export const nameBytesMax = 512
/** What is read from whoever has proved nothing. */
export const helloBytesMax = 2048

const purposes = ['frames', 'stream'] as const
export type Purpose = (typeof purposes)[number]

export interface Hello {
  readonly purpose: Purpose
  /** Whether the group secret is to be proved. */
  readonly proves: boolean
  readonly group: string
  readonly from: string
  readonly to: string
  readonly nonce: Uint8Array
}

export function encodeHello(hello: Hello): Uint8Array {
  const out = new ByteWriter()
  out.u32(magic)
  out.u8(version)
  out.u8(purposes.indexOf(hello.purpose))
  out.u8(hello.proves ? 1 : 0)
  out.text(hello.group)
  out.text(hello.from)
  out.text(hello.to)
  out.raw(hello.nonce)
  return out.finish()
}

/** Throws `raft.invalid_frame`. */
export function decodeHello(bytes: Uint8Array): Hello {
  const input = new ByteReader(bytes)
  if (input.u32() !== magic) throw new InvalidFrame('is no greeting of a member')
  const theirs = input.u8()
  if (theirs !== version) throw new InvalidFrame(`is of version ${theirs} of the transport, and this is ${version}`)
  const purpose = purposes[input.u8()]
  if (purpose === undefined) throw new InvalidFrame('greets for an unknown purpose')
  const proves = input.flag()
  const [group, from, to] = [input.text(nameBytesMax), input.text(nameBytesMax), input.text(nameBytesMax)]
  const nonce = input.raw(nonceBytes)
  input.end()
  return { purpose, proves, group, from, to, nonce }
}

/** Keys of a connection, one for each direction. */
export interface SessionKeys {
  readonly toServer: KeyObject
  readonly toClient: KeyObject
}

/** What both sides can say once both nonces are known. `greeting` is the hello as it was sent. */
export class Transcript {
  readonly #secret: KeyObject
  readonly #said: Buffer

  constructor(secret: KeyObject, greeting: Uint8Array, serverNonce: Uint8Array) {
    this.#secret = secret
    this.#said = Buffer.concat([greeting, serverNonce])
  }

  get ofServer(): Buffer {
    return this.#derive('server proves')
  }
  get ofClient(): Buffer {
    return this.#derive('client proves')
  }
  get keys(): SessionKeys {
    return {
      toServer: createSecretKey(this.#derive('key to the server')),
      toClient: createSecretKey(this.#derive('key to the client')),
    }
  }

  /** No label is the beginning of another, because each ends with a zero. */
  #derive(label: string): Buffer {
    return createHmac('sha256', this.#secret).update(`colloquy raft 1 ${label}\0`).update(this.#said).digest()
  }
}

/** Compares in a time that tells nothing of where they differ. */
export function sameProof(given: Uint8Array, expected: Buffer): boolean {
  return given.length === expected.length && timingSafeEqual(given, expected)
}

/** Nonce and, with a secret, the server's proof. */
export function encodeWelcome(nonce: Uint8Array, proof: Uint8Array | undefined): Uint8Array[] {
  return proof === undefined ? [nonce] : [nonce, proof]
}

/** Throws `raft.invalid_frame`. */
export function decodeWelcome(bytes: Uint8Array, proves: boolean): { nonce: Uint8Array; proof: Uint8Array } {
  const input = new ByteReader(bytes)
  const nonce = input.raw(nonceBytes)
  const proof = input.raw(proves ? proofBytes : 0)
  input.end()
  return { nonce, proof }
}

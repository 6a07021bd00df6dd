/**
 * Public nkeys of users, and what they sign. An nkey is base32 (RFC 4648, no padding) of a prefix byte, 32 bytes of an
 * Ed25519 public key, and the CRC-16/XMODEM of both, the low byte first (github.com/nats-io/nkeys). Signatures are checked
 * by the platform: the library of NATS takes a hundred times as long (10 ms), which a stranger could make the whole
 * process wait for. It never sees a seed.
 */
import { createPublicKey, verify } from 'node:crypto'
import { InvalidArgument } from '../base/error.ts'

export type VerifySignature = (nonce: string, sig: string) => boolean

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
const keyBytes = 32
const signatureBytes = 64
const base64Form = /^[\w-]{86}$|^[A-Za-z0-9+/]{86}==$/

/** Checks signatures by this key (`U...`). Throws `base.invalid_argument`; what was given is not repeated: it may be a seed. */
export function signatureCheck(at: string, nkey: unknown): VerifySignature {
  const raw = publicKeyOf(at, nkey)
  const key = createPublicKey({
    key: { kty: 'OKP', crv: 'Ed25519', x: raw.toString('base64url') },
    format: 'jwk',
  })
  return (nonce, sig) => {
    if (!base64Form.test(sig)) return false
    const signature = Buffer.from(sig, 'base64url')
    return signature.length === signatureBytes && verify(null, Buffer.from(nonce), key, signature)
  }
}

function publicKeyOf(at: string, nkey: unknown): Buffer {
  if (typeof nkey !== 'string') throw new InvalidArgument(at, 'must be the public key of a user, U and 55 characters')
  if (/^[SP][A-Z2-7]{20,}$/.test(nkey.trim()))
    throw new InvalidArgument(
      at,
      'is a seed or private key, which is its owner’s secret; give the public key that belongs to it (U...)',
    )
  if (!/^U[A-Z2-7]{55}$/.test(nkey))
    throw new InvalidArgument(at, 'must be the public key of a user, U and 55 characters of A-Z and 2-7')
  const bytes = fromBase32(nkey)
  if (crc16(bytes.subarray(0, 1 + keyBytes)) !== bytes.readUInt16LE(1 + keyBytes))
    throw new InvalidArgument(at, 'is no nkey: its checksum is wrong; copy it again')
  return bytes.subarray(1, 1 + keyBytes)
}

function fromBase32(text: string): Buffer {
  const bytes: number[] = []
  let bits = 0
  let value = 0
  for (const letter of text) {
    value = (value << 5) | alphabet.indexOf(letter)
    bits += 5
    if (bits < 8) continue
    bits -= 8
    bytes.push((value >> bits) & 0xff)
    value &= (1 << bits) - 1
  }
  return Buffer.from(bytes)
}

/** Polynomial 0x1021, from 0. */
function crc16(bytes: Uint8Array): number {
  let crc = 0
  for (const byte of bytes) {
    crc ^= byte << 8
    for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? ((crc << 1) ^ 0x1021) & 0xffff : (crc << 1) & 0xffff
  }
  return crc
}

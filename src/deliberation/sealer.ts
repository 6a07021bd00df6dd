/**
 * Sealer: turns a text that must not be read yet, or never, into one that can stand in a record, and back. Unlike a commitment, which
 * only fixes a ballot, what is sealed can be opened again by whoever has the key: so a poll that was interrupted between commitments
 * and reveals goes on, and nobody is asked twice. The record holds no ballot in the clear; without the key nobody reads it, and with the
 * key destroyed nobody ever will.
 */
import { createCipheriv, createDecipheriv } from 'node:crypto'
import type { Entropy } from '../base/entropy.ts'
import { InvalidArgument } from '../base/error.ts'

export interface Sealer {
  /** What was sealed for one label opens under no other. */
  seal(text: string, label: string): string
  /** Undefined where the key is another, the label is, or a byte was changed. */
  open(sealed: string, label: string): string | undefined
}

const keyBytes = 32
const nonceBytes = 12
const tagBytes = 16
/** Texts are filled up to a power of two of these, so that their length does not tell what was voted. */
const paddedBytes = 2048

/**
 * Seals with AES-256-GCM (NIST SP 800-38D), a fresh nonce for each text, the label as associated data. `key`: 32 secret bytes, which
 * must outlive the poll; else `base.invalid_argument`.
 */
export function keySealer(key: Uint8Array, entropy: Entropy): Sealer {
  if (key.length !== keyBytes) throw new InvalidArgument('key', `must be ${keyBytes} secret bytes; it is ${key.length}`)
  const secret = Buffer.from(key)
  return {
    seal(text, label) {
      const nonce = entropy.bytes(nonceBytes)
      const cipher = createCipheriv('aes-256-gcm', secret, nonce, { authTagLength: tagBytes })
      cipher.setAAD(Buffer.from(label))
      const body = Buffer.concat([cipher.update(padded(text)), cipher.final()])
      return Buffer.concat([nonce, cipher.getAuthTag(), body]).toString('base64url')
    },
    open(sealed, label) {
      const bytes = Buffer.from(sealed, 'base64url')
      if (bytes.length < nonceBytes + tagBytes) return undefined
      const decipher = createDecipheriv('aes-256-gcm', secret, bytes.subarray(0, nonceBytes), {
        authTagLength: tagBytes,
      })
      decipher.setAAD(Buffer.from(label))
      decipher.setAuthTag(bytes.subarray(nonceBytes, nonceBytes + tagBytes))
      try {
        const body = Buffer.concat([decipher.update(bytes.subarray(nonceBytes + tagBytes)), decipher.final()])
        return body.toString('utf8').trimEnd()
      } catch {
        return undefined
      }
    },
  }
}

/** With spaces at its end, which JSON does not mind. */
function padded(text: string): Buffer {
  const bytes = Buffer.from(text)
  let size = paddedBytes
  while (size < bytes.length) size *= 2
  return Buffer.concat([bytes, Buffer.alloc(size - bytes.length, ' ')])
}

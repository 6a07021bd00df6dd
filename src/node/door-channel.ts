/**
 * DoorChannel: pieces over one socket of a node's door, both ways: JSON, or bytes such as those of a backup. Unlike a transport of the raft
 * room it carries one question and its answer. Pieces have a bound; whoever sends waits until the other end takes them. It knows no
 * meaning.
 *
 * A piece is its length in 4 bytes, its kind in 1 (0 JSON, 1 bytes), and so many bytes.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { jsonCodec } from '../base/codec.ts'
import { DoorBroken } from './door-error.ts'

export const pieceMaxBytes: number = 4 * 1024 * 1024
export const doorVersion = 1

export type Piece = { readonly json: unknown } | { readonly bytes: Uint8Array }

const codec = jsonCodec({ sizeMaxBytes: pieceMaxBytes })
const headBytes = 5

export class DoorChannel {
  readonly socket: Socket
  readonly #chunks: AsyncIterator<Buffer>
  #held: Buffer = Buffer.alloc(0)

  constructor(socket: Socket) {
    this.socket = socket
    socket.setNoDelay(true)
    // Errors come out of the reading and the writing; nobody else listens.
    socket.on('error', () => {})
    this.#chunks = (socket as AsyncIterable<Buffer>)[Symbol.asyncIterator]()
  }

  async sendJson(value: unknown): Promise<void> {
    await this.#send(0, codec.encode(value))
  }

  async sendBytes(bytes: Uint8Array): Promise<void> {
    await this.#send(1, bytes)
  }

  async #send(kind: number, payload: Uint8Array): Promise<void> {
    const { socket } = this
    if (socket.destroyed) throw new DoorBroken('it was closed')
    const head = Buffer.alloc(headBytes)
    head.writeUInt32LE(payload.length)
    head[4] = kind
    socket.write(head)
    if (socket.write(payload)) return
    // A socket that ends never drains.
    await Promise.race([once(socket, 'drain'), once(socket, 'close')])
    if (socket.destroyed) throw new DoorBroken('it was closed')
  }

  /** The next piece; rejects with `node.door_broken` at the end, and for what is none. */
  async receive(maxBytes: number = pieceMaxBytes): Promise<Piece> {
    const head = await this.#take(headBytes)
    const length = head.readUInt32LE()
    if (length > maxBytes) throw new DoorBroken('it says more than it may')
    const kind = head[4]
    const payload = await this.#take(length)
    if (kind === 1) return { bytes: payload }
    if (kind !== 0) throw new DoorBroken('it says what is no piece')
    try {
      return { json: codec.decode(payload) }
    } catch (cause) {
      throw new DoorBroken('it says what is no JSON', { cause })
    }
  }

  async #take(length: number): Promise<Buffer> {
    const parts = [this.#held]
    let have = this.#held.length
    while (have < length) {
      const next = await this.#chunks.next().catch((cause: unknown) => {
        throw new DoorBroken('the connection failed', { cause })
      })
      if (next.done === true) throw new DoorBroken('it ended in the middle')
      parts.push(next.value)
      have += next.value.length
    }
    const whole = Buffer.concat(parts)
    this.#held = whole.subarray(length)
    return whole.subarray(0, length)
  }
}

/** What shows that one end knows the token, to the other alone: each end's proof covers both nonces and its own part. */
export function proofOf(token: string, part: 'asker' | 'door', nonces: readonly [string, string]): string {
  return createHmac('sha256', Buffer.from(token, 'hex'))
    .update(JSON.stringify([doorVersion, part, ...nonces]))
    .digest('hex')
}

export function sameProof(given: string, expected: string): boolean {
  const [one, other] = [Buffer.from(given), Buffer.from(expected)]
  return one.length === other.length && timingSafeEqual(one, other)
}

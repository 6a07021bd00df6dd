/**
 * Asking at the door of a node, from another process. Unlike the door it holds nothing; unlike a client of a server it trusts nobody who
 * listens at an address that an old file tells: whoever answers must know the token. It never tries again, and knows no question.
 */
import { connect } from 'node:net'
import { once } from 'node:events'
import { type Clock, within } from '../base/clock.ts'
import type { Entropy } from '../base/entropy.ts'
import { codeOf } from '../base/error.ts'
import { doorFileOf } from './door.ts'
import { DoorChannel, proofOf, sameProof } from './door-channel.ts'
import { DoorBroken } from './door-error.ts'
import { type DoorFile, type ToldError, readDoorFile, readEnd, readGreeting, readTold } from './door-words.ts'
import { readPrivateFile } from './private-file.ts'

export interface AskOptions {
  readonly clock: Clock
  readonly entropy: Entropy
  readonly signal?: AbortSignal
}

/** A question of one room, and how its answer is understood. */
export interface Inquiry<Answer> {
  readonly question: object
  /** How long the answer may take. */
  readonly waitMs: number
  /** Undefined for what is no answer. */
  readonly read: (answer: unknown) => Answer | undefined
  /** What a refusal is thrown as. */
  readonly refused: (error: ToldError) => Error
}

/** `none`: no process has a door here; `stale`: one had, and is gone; `silent`: one is there and says nothing. */
export type NoDoor = { readonly door: 'none' | 'stale' | 'silent'; readonly pid?: number }
export type OpenDoor = {
  readonly door: 'open'
  readonly pid: number
  /** The first question; the next needs another door. Rejects with `node.door_broken`, or as it says. */
  ask<Answer>(inquiry: Inquiry<Answer>): Promise<Answer>
  /** After an answer that announced them. */
  bytes(refused: (error: ToldError) => Error): AsyncIterable<Uint8Array>
} & AsyncDisposable

const greetTimeoutMs = 2000
const graceMs = 10_000

/** Goes to the door of a data folder. Rejects with `node.not_private`, `node.file_unusable`, `base.aborted`. */
export async function goToDoor(data: string, options: AskOptions): Promise<NoDoor | OpenDoor> {
  const file = await doorFile(data)
  if (file === undefined) return { door: 'none' }
  const { clock, signal } = options
  const socket = connect({ host: file.host, port: file.port })
  const channel = new DoorChannel(socket)
  try {
    const nonce = await within(clock, 'the greeting of a node', greetTimeoutMs, signal, async () => {
      await once(socket, 'connect')
      return greeted(channel)
    })
    if (nonce !== undefined) return new Asking(file, channel, nonce, options)
    socket.destroy()
    return { door: 'stale', pid: file.pid }
  } catch (error) {
    socket.destroy()
    if (codeOf(error) === 'base.aborted') throw error
    return { door: codeOf(error) === 'base.timeout' ? 'silent' : 'stale', pid: file.pid }
  }
}

/** The nonce of the one who listens; undefined when it greets as nobody of ours. */
async function greeted(channel: DoorChannel): Promise<string | undefined> {
  const piece = await channel.receive(4096)
  return readGreeting('json' in piece ? piece.json : undefined)
}

async function doorFile(data: string): Promise<DoorFile | undefined> {
  let text: string
  try {
    text = await readPrivateFile(doorFileOf(data), { sizeMaxBytes: 4096, readers: 'owner' })
  } catch (error) {
    if (error instanceof Error && (error.cause as NodeJS.ErrnoException | undefined)?.code === 'ENOENT')
      return undefined
    throw error
  }
  try {
    return readDoorFile(JSON.parse(text))
  } catch {
    // Written whole or not at all: of another version, or nobody's.
    return undefined
  }
}

class Asking implements OpenDoor {
  readonly door = 'open'
  readonly pid: number
  readonly #file: DoorFile
  readonly #channel: DoorChannel
  readonly #nonce: string
  readonly #options: AskOptions

  constructor(file: DoorFile, channel: DoorChannel, nonce: string, options: AskOptions) {
    this.pid = file.pid
    this.#file = file
    this.#channel = channel
    this.#nonce = nonce
    this.#options = options
  }

  async ask<Answer>({ question, waitMs, read, refused }: Inquiry<Answer>): Promise<Answer> {
    const { clock, entropy, signal } = this.#options
    const nonce = Buffer.from(entropy.bytes(32)).toString('hex')
    const nonces = [nonce, this.#nonce] as const
    const { token } = this.#file
    return within(clock, 'the answer of a node', waitMs + graceMs, signal, async () => {
      await this.#channel.sendJson({ nonce, proof: proofOf(token, 'asker', nonces), question })
      const piece = await this.#channel.receive()
      const said = 'json' in piece ? piece.json : undefined
      const told = readTold(said)
      if (told === undefined) throw new DoorBroken('its answer is none that this version knows')
      if (!sameProof(told.proof, proofOf(token, 'door', nonces)))
        throw new DoorBroken('whoever answered does not know its token')
      if (told.error) throw refused(told.error)
      const answer = read(said)
      if (answer === undefined) throw new DoorBroken('its answer is none that this version knows')
      return answer
    })
  }

  async *bytes(refused: (error: ToldError) => Error): AsyncGenerator<Uint8Array> {
    const { clock, signal } = this.#options
    for (;;) {
      const piece = await within(clock, 'the next piece of an answer', graceMs * 3, signal, () =>
        this.#channel.receive(),
      )
      if ('bytes' in piece) {
        yield piece.bytes
        continue
      }
      const end = readEnd(piece.json)
      if (end === undefined) throw new DoorBroken('it says what is no piece')
      if ('error' in end) throw refused(end.error)
      return
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#channel.socket.destroy()
  }
}

export function whyClosed({ door, pid }: NoDoor): string {
  if (door === 'none') return 'no process has a door there'
  return door === 'stale' ? `the process that had one (pid ${pid}) is gone` : `the process (pid ${pid}) does not answer`
}

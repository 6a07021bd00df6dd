/**
 * NodeDoor: lets whoever may read a file in the node's data folder look at what runs there and operate it, without a broker: a port on
 * loopback, and a token that the file alone tells. Unlike control.ts it changes things, so nobody gets in who cannot read the folder.
 * It knows no question: desks behind it do (`raft-door.ts`, `saga-door.ts`), one a room.
 *
 * 1. The file `door/door.json` (mode 0600) holds port and token from the first desk to `close`. A process that was killed leaves it
 *    behind: then nobody listens there, or somebody who cannot prove that it knows the token.
 * 2. Both ends prove the token by an HMAC over two nonces; it is never sent. One question a connection.
 * 3. Bounds: 16 connections, 5 seconds to ask, 1 MiB a question, pieces of 4 MiB, no answer longer than its desk said.
 *
 * Why a port and not the bus: docs/decisions/0010-raft-door.md.
 */
import { mkdir, rm } from 'node:fs/promises'
import { type AddressInfo, type Server, type Socket, createServer } from 'node:net'
import { dirname, join } from 'node:path'
import type { Clock } from '../base/clock.ts'
import { deadline } from '../base/clock.ts'
import type { Entropy } from '../base/entropy.ts'
import { codeOf, messageOf } from '../base/error.ts'
import type { Logger } from '../base/logger.ts'
import { DoorChannel, doorVersion, proofOf, sameProof } from './door-channel.ts'
import { type DoorFile, greeting, notServed, readAsk } from './door-words.ts'
import { writePrivateFile } from './private-file.ts'

/** What a desk says to a question: an object, and bytes behind it where there are any. */
export interface Reply {
  readonly answer: object
  readonly bytes?: AsyncIterable<Uint8Array>
}

export interface Asked {
  /** How long the answer may take, bytes apart. */
  readonly waitMs: number
  answer(signal: AbortSignal): Promise<Reply>
}

/** Whoever knows the questions of one room. */
export interface Desk {
  /** Undefined for what is no question of this room. */
  read(question: unknown): Asked | undefined
}

export interface DoorOptions {
  readonly node: string
  /** The data folder. */
  readonly data: string
  readonly clock: Clock
  readonly entropy: Entropy
  readonly logger: Logger
}

const connectionsMax = 16
const askTimeoutMs = 5000
/** The data of a signal are a part of a question. */
const questionMaxBytes = 1024 * 1024
/** Whoever takes no piece of the bytes for so long is gone. */
const pieceTimeoutMs = 30_000

export function doorFileOf(data: string): string {
  return join(data, 'door', 'door.json')
}

/** The door of a node, which opens for the first desk. */
export class NodeDoor {
  readonly #options: DoorOptions
  readonly #desks: Desk[] = []
  #opened: Promise<Listener | undefined> | undefined
  #closed = false

  constructor(options: DoorOptions) {
    this.#options = options
  }

  /** Resolves when its questions can be asked. That they cannot be is logged and no more: the node works all the same. */
  async add(desk: Desk): Promise<void> {
    if (this.#closed) return
    if (!this.#desks.includes(desk)) this.#desks.push(desk)
    await (this.#opened ??= openListener(this.#options, this.#desks))
  }

  /** Takes the file away and ends what is asked. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true
    await (await this.#opened)?.close()
  }
}

async function openListener(options: DoorOptions, desks: readonly Desk[]): Promise<Listener | undefined> {
  const { data, node, entropy, logger } = options
  const token = Buffer.from(entropy.bytes(32)).toString('hex')
  const listener = new Listener(options, desks, token)
  try {
    const port = await listener.listen()
    const file: DoorFile = { version: doorVersion, host: '127.0.0.1', port, token, node, pid: process.pid }
    const path = doorFileOf(data)
    // For its owner alone, whatever the umask.
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    await writePrivateFile(path, `${JSON.stringify(file)}\n`)
    return listener
  } catch (error) {
    logger.warn(
      { code: codeOf(error), error: messageOf(error) },
      'this node cannot be operated through its data folder',
    )
    await listener.close()
    return undefined
  }
}

class Listener {
  readonly #options: DoorOptions
  readonly #desks: readonly Desk[]
  readonly #token: string
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #closed: Promise<void> | undefined

  constructor(options: DoorOptions, desks: readonly Desk[], token: string) {
    this.#options = options
    this.#desks = desks
    this.#token = token
    this.#server = createServer((socket) => void this.#serve(socket))
    // More are closed by the server as they come.
    this.#server.maxConnections = connectionsMax
  }

  listen(): Promise<number> {
    const server = this.#server
    return new Promise((resolve, reject) => {
      server.once('error', reject)
      server.listen({ host: '127.0.0.1', port: 0 }, () => {
        server.off('error', reject)
        server.on('error', (error) => this.#options.logger.warn({ err: error }, 'the door takes no connection'))
        // Whoever only waits at the door keeps no process alive.
        server.unref()
        resolve((server.address() as AddressInfo).port)
      })
    })
  }

  close(): Promise<void> {
    this.#closed ??= (async () => {
      await rm(doorFileOf(this.#options.data), { force: true }).catch(() => {})
      for (const socket of this.#sockets) socket.destroy()
      await new Promise<void>((resolve) => this.#server.close(() => resolve()))
    })()
    return this.#closed
  }

  async #serve(socket: Socket): Promise<void> {
    const { clock, logger } = this.#options
    this.#sockets.add(socket)
    socket.once('close', () => this.#sockets.delete(socket))
    const channel = new DoorChannel(socket)
    const gone = new AbortController()
    socket.once('close', () => gone.abort())
    try {
      const heard = await this.#within(socket, askTimeoutMs, () => this.#heard(channel))
      if (heard === undefined) return
      const { asked, proof } = heard
      using limit = deadline(clock, 'a question at the door', asked.waitMs, gone.signal)
      await this.#answer(channel, asked, proof, limit.signal)
    } catch (error) {
      logger.debug({ code: codeOf(error) }, 'a question at the door was not answered')
    } finally {
      socket.end()
      this.#destroyLater(socket)
    }
  }

  /** An end that is not taken is cut off. */
  #destroyLater(socket: Socket): void {
    const timer = this.#options.clock.timer(askTimeoutMs, () => socket.destroy(), { background: true })
    socket.once('close', () => timer.cancel())
  }

  async #within<T>(socket: Socket, timeoutMs: number, work: () => Promise<T>): Promise<T> {
    const timer = this.#options.clock.timer(timeoutMs, () => socket.destroy(), { background: true })
    try {
      return await work()
    } finally {
      timer.cancel()
    }
  }

  /** What somebody asks who has shown the token; undefined for anybody else, who is told nothing. */
  async #heard(channel: DoorChannel): Promise<{ readonly asked: Asked; readonly proof: string } | undefined> {
    const nonce = Buffer.from(this.#options.entropy.bytes(32)).toString('hex')
    await channel.sendJson({ door: greeting, version: doorVersion, nonce })
    const piece = await channel.receive(questionMaxBytes)
    const ask = readAsk('json' in piece ? piece.json : undefined)
    if (ask === undefined) return undefined
    const nonces = [ask.nonce, nonce] as const
    if (!sameProof(ask.proof, proofOf(this.#token, 'asker', nonces))) {
      this.#options.logger.warn({}, 'somebody asked at the door without its token')
      return undefined
    }
    const proof = proofOf(this.#token, 'door', nonces)
    for (const desk of this.#desks) {
      const asked = desk.read(ask.question)
      if (asked) return { asked, proof }
    }
    const message = 'nobody here answers this question; ask with the same version, and what runs in this process'
    await channel.sendJson({ proof, error: { code: notServed, message } })
    return undefined
  }

  async #answer(channel: DoorChannel, asked: Asked, proof: string, signal: AbortSignal): Promise<void> {
    let streaming = false
    try {
      const { answer, bytes } = await asked.answer(signal)
      await channel.sendJson({ ...answer, proof })
      if (!bytes) return
      streaming = true
      for await (const piece of bytes)
        await this.#within(channel.socket, pieceTimeoutMs, () => channel.sendBytes(piece))
      await channel.sendJson({ end: true })
    } catch (error) {
      const told = { error: { code: codeOf(error), message: messageOf(error).slice(0, 65_536) } }
      await channel.sendJson(streaming ? told : { proof, ...told })
    }
  }
}

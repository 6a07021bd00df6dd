/**
 * RaftDoor: lets whoever may read a file in the node's data folder look at its raft groups and operate them, without a broker: a port on
 * loopback, and a token that the file alone tells. Unlike the transport it carries no message of the group; unlike control.ts it changes
 * things, so nobody gets in who cannot read the folder. It decides nothing: each question is a call on the member.
 *
 * 1. The file `raft/door.json` (mode 0600) holds port and token from the start to `close`. A process that was killed leaves it behind:
 *    then nobody listens there, or somebody who cannot prove that it knows the token.
 * 2. Both ends prove the token by an HMAC over two nonces; it is never sent. One question a connection.
 * 3. Bounds: 16 connections, 5 seconds to ask, 64 KiB a question, pieces of 4 MiB, no call longer than it said.
 *
 * Why a port and not the bus: docs/decisions/0010-raft-door.md.
 */
import { rm } from 'node:fs/promises'
import { type AddressInfo, type Server, type Socket, createServer } from 'node:net'
import { join } from 'node:path'
import type { Clock } from '../base/clock.ts'
import { deadline } from '../base/clock.ts'
import type { Entropy } from '../base/entropy.ts'
import { codeOf, messageOf } from '../base/error.ts'
import type { Logger } from '../base/logger.ts'
import { backupOfSnapshot } from '../raft/backup-format.ts'
import type { Raft } from '../raft/raft.ts'
import { writePrivateFile } from './private-file.ts'
import { GroupUnknown } from './raft-error.ts'
import { DoorChannel, doorVersion, proofOf, sameProof } from './raft-door-channel.ts'
import { type DoorFile, type GroupView, type Question, readAsk, readQuestion } from './raft-door-words.ts'

export type AnyRaft = Raft<unknown, unknown, unknown>

export interface RaftDoorOptions {
  readonly node: string
  /** The data folder. */
  readonly data: string
  readonly groups: () => readonly AnyRaft[]
  readonly clock: Clock
  readonly entropy: Entropy
  readonly logger: Logger
}

export interface RaftDoor {
  /** Takes the file away and ends what is asked. Idempotent. */
  close(): Promise<void>
}

const connectionsMax = 16
const askTimeoutMs = 5000
const questionMaxBytes = 64 * 1024
/** Whoever takes no piece of a backup for so long is gone. */
const pieceTimeoutMs = 30_000
/** Beyond what a call says it may take. */
const graceMs = 5000

export function doorFileOf(data: string): string {
  return join(data, 'raft', 'door.json')
}

/** Opens the door. That it cannot be is logged and no more: the member works all the same. */
export async function openRaftDoor(options: RaftDoorOptions): Promise<RaftDoor | undefined> {
  const { data, node, entropy, logger } = options
  const token = Buffer.from(entropy.bytes(32)).toString('hex')
  const door = new Door(options, token)
  try {
    const port = await door.listen()
    const file: DoorFile = { version: doorVersion, host: '127.0.0.1', port, token, node, pid: process.pid }
    await writePrivateFile(doorFileOf(data), `${JSON.stringify(file)}\n`)
    return door
  } catch (error) {
    logger.warn({ code: codeOf(error), error: messageOf(error) }, 'the raft groups of this node cannot be operated')
    await door.close()
    return undefined
  }
}

class Door implements RaftDoor {
  readonly #options: RaftDoorOptions
  readonly #token: string
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #closed: Promise<void> | undefined

  constructor(options: RaftDoorOptions, token: string) {
    this.#options = options
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
        server.on('error', (error) => this.#options.logger.warn({ err: error }, 'the raft door takes no connection'))
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
      const asked = await this.#within(socket, askTimeoutMs, () => this.#asked(channel))
      if (asked === undefined) return
      const { question, proof } = asked
      const waitMs = question.op === 'view' ? askTimeoutMs : question.timeoutMs + graceMs
      using limit = deadline(clock, 'a question to a raft member', waitMs, gone.signal)
      await this.#answer(channel, question, proof, limit.signal)
    } catch (error) {
      logger.debug({ code: codeOf(error) }, 'a question at the raft door was not answered')
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
  async #asked(channel: DoorChannel): Promise<{ readonly question: Question; readonly proof: string } | undefined> {
    const nonce = Buffer.from(this.#options.entropy.bytes(32)).toString('hex')
    await channel.sendJson({ door: 'colloquy raft', version: doorVersion, nonce })
    const piece = await channel.receive(questionMaxBytes)
    const ask = readAsk('json' in piece ? piece.json : undefined)
    if (ask === undefined) return undefined
    const nonces = [ask.nonce, nonce] as const
    if (!sameProof(ask.proof, proofOf(this.#token, 'asker', nonces))) {
      this.#options.logger.warn({}, 'somebody asked at the raft door without its token')
      return undefined
    }
    const proof = proofOf(this.#token, 'door', nonces)
    const question = readQuestion(ask.question)
    if (question !== undefined) return { question, proof }
    await channel.sendJson({
      proof,
      error: { code: 'base.invalid_argument', message: 'the question is none; ask with the same version' },
    })
    return undefined
  }

  async #answer(channel: DoorChannel, question: Question, proof: string, signal: AbortSignal): Promise<void> {
    let streaming = false
    try {
      switch (question.op) {
        case 'view':
          return await channel.sendJson({ proof, groups: this.#options.groups().map((each) => viewOf(each)) })
        case 'change':
        case 'transfer':
          await changed(this.#groupOf(question.group), question, signal)
          return await channel.sendJson({ proof, done: true })
        case 'backup':
        default: {
          const pieces = await backupOf(this.#groupOf(question.group), question, signal, this.#options.clock)
          await channel.sendJson({ proof, backup: true })
          streaming = true
          for await (const piece of pieces)
            await this.#within(channel.socket, pieceTimeoutMs, () => channel.sendBytes(piece))
          return await channel.sendJson({ end: true })
        }
      }
    } catch (error) {
      const told = { error: { code: codeOf(error), message: messageOf(error).slice(0, 65_536) } }
      await channel.sendJson(streaming ? told : { proof, ...told })
    }
  }

  #groupOf(name: string): AnyRaft {
    const found = this.#options.groups().find(({ group }) => group === name)
    if (found === undefined)
      throw new GroupUnknown(
        name,
        this.#options.groups().map(({ group }) => group),
      )
    return found
  }
}

function viewOf(raft: AnyRaft): GroupView {
  const { transport: _transport, ...status } = raft.status()
  return { status, members: raft.members(), findings: raft.diagnose() }
}

async function changed(
  raft: AnyRaft,
  question: Question & { readonly op: 'change' | 'transfer' },
  signal: AbortSignal,
): Promise<void> {
  const { timeoutMs } = question
  if (question.op === 'transfer') return raft.transferLeadership(question.to, { timeoutMs, signal })
  const { kind, name, address, learner } = question
  switch (kind) {
    case 'add':
      return raft.addMember(name, {
        timeoutMs,
        signal,
        ...(address !== undefined && { address }),
        ...(learner !== undefined && { learner }),
      })
    case 'promote':
      return raft.promote(name, { timeoutMs, signal })
    case 'demote':
      return raft.demote(name, { timeoutMs, signal })
    case 'remove':
    default:
      return raft.removeMember(name, { timeoutMs, signal })
  }
}

/** What was answered before the question is in it: this member first applies all that was committed by then. */
async function backupOf(
  raft: AnyRaft,
  { stale, timeoutMs }: Question & { readonly op: 'backup' },
  signal: AbortSignal,
  clock: Clock,
): Promise<AsyncIterable<Uint8Array>> {
  const least = stale ? 0 : await raft.with({ timeoutMs, signal }).barrier()
  const { groupId } = raft.status()
  let stored = await raft.backup()
  // One that was under way already is of before the question; the next is not.
  while (stored.metadata.index < least && !signal.aborted) stored = await raft.backup()
  return backupOfSnapshot({ group: raft.group, member: raft.member, groupId, takenMs: Math.floor(clock.now()) }, stored)
}

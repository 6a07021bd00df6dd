/**
 * Asking at the door of a raft member, from another process. Unlike the door it holds nothing; unlike a client of a server it trusts
 * nobody who listens at an address that an old file tells: whoever answers must know the token. It never tries again.
 */
import { connect } from 'node:net'
import { once } from 'node:events'
import { type Clock, within } from '../base/clock.ts'
import type { Entropy } from '../base/entropy.ts'
import { codeOf } from '../base/error.ts'
import { readPrivateFile } from './private-file.ts'
import { doorFileOf } from './raft-door.ts'
import { DoorChannel, proofOf, sameProof } from './raft-door-channel.ts'
import {
  type Answer,
  type DoorFile,
  type GroupView,
  type Question,
  readAnswer,
  readDoorFile,
  readEnd,
  readGreeting,
} from './raft-door-words.ts'
import { DoorBroken, MemberRefused, NotRunning } from './raft-error.ts'

export interface AskOptions {
  readonly clock: Clock
  readonly entropy: Entropy
  readonly signal?: AbortSignal
}

/** `none`: no process has a door here; `stale`: one had, and is gone; `silent`: one is there and says nothing. */
export type NoDoor = { readonly door: 'none' | 'stale' | 'silent'; readonly pid?: number }
export type OpenDoor = {
  readonly door: 'open'
  readonly pid: number
  /** The first question; the next needs another door. */
  ask(question: Question): Promise<Answer>
  /** After an answer that announced a backup. */
  bytes(): AsyncIterable<Uint8Array>
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
    const nonce = await within(clock, 'the greeting of a raft member', greetTimeoutMs, signal, async () => {
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

  async ask(question: Question): Promise<Answer> {
    const { clock, entropy, signal } = this.#options
    const nonce = Buffer.from(entropy.bytes(32)).toString('hex')
    const nonces = [nonce, this.#nonce] as const
    const { token } = this.#file
    const waitMs = (question.op === 'view' ? 0 : question.timeoutMs) + graceMs
    return within(clock, 'the answer of a raft member', waitMs, signal, async () => {
      await this.#channel.sendJson({ nonce, proof: proofOf(token, 'asker', nonces), question })
      const piece = await this.#channel.receive()
      const answer = readAnswer('json' in piece ? piece.json : undefined)
      if (answer === undefined) throw new DoorBroken('its answer is none that this version knows')
      if (!sameProof(answer.proof, proofOf(token, 'door', nonces)))
        throw new DoorBroken('whoever answered does not know its token')
      if ('error' in answer) throw new MemberRefused(answer.error.code, answer.error.message)
      return answer
    })
  }

  async *bytes(): AsyncGenerator<Uint8Array> {
    const { clock, signal } = this.#options
    for (;;) {
      const piece = await within(clock, 'the next piece of a backup', graceMs * 3, signal, () =>
        this.#channel.receive(),
      )
      if ('bytes' in piece) {
        yield piece.bytes
        continue
      }
      const end = readEnd(piece.json)
      if (end === undefined) throw new DoorBroken('it says what is no piece')
      if ('error' in end) throw new MemberRefused(end.error.code, end.error.message)
      return
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#channel.socket.destroy()
  }
}

/** What a running member says of its groups; or why there is none to ask. Rejects with `node.member_refused`, `node.door_broken`. */
export async function viewGroups(
  data: string,
  options: AskOptions,
): Promise<NoDoor | { readonly door: 'open'; readonly pid: number; readonly groups: readonly GroupView[] }> {
  const door = await goToDoor(data, options)
  if (door.door !== 'open') return door
  await using open = door
  const answer = await open.ask({ op: 'view' })
  if (!('groups' in answer)) throw new DoorBroken('its answer is to another question')
  return { door: 'open', pid: open.pid, groups: answer.groups }
}

/** Has a running member do something. Rejects with `node.raft_not_running`, `node.member_refused`, `node.door_broken`. */
export async function askMember(data: string, question: Question, options: AskOptions): Promise<void> {
  await using open = await openDoorOf(data, options)
  const answer = await open.ask(question)
  if (!('done' in answer)) throw new DoorBroken('its answer is to another question')
}

/** The door of a member that must be there. Rejects with `node.raft_not_running`. */
async function openDoorOf(data: string, options: AskOptions): Promise<OpenDoor> {
  const door = await goToDoor(data, options)
  if (door.door === 'open') return door
  throw new NotRunning(data, whyClosed(door))
}

export function whyClosed({ door, pid }: NoDoor): string {
  if (door === 'none') return 'no process has a door there'
  return door === 'stale' ? `the process that had one (pid ${pid}) is gone` : `the process (pid ${pid}) does not answer`
}

/**
 * ReplicaFrames: what arrives from other members, read and handed to whom it is for. Unlike the transport, which knows who speaks and
 * that a frame is whole, it knows the group: what is of another one, of nobody, or of no form is counted and dropped, and changes
 * nothing.
 */
import type { Clock } from '../base/clock.ts'
import type { Logger } from '../base/logger.ts'
import { type Forwarded, type Hello, type Operation, decodeControl, encodeControl } from './control-frame.ts'
import { InvalidFrame } from './error.ts'
import type { MemberBook } from './member-book.ts'
import type { ReplicaDiscovery } from './replica-discovery.ts'
import type { ReplicaNode } from './replica-node.ts'
import type { ReplicaRoutes } from './replica-routes.ts'
import type { ReplicaSnapshots } from './replica-snapshots.ts'
import type { Receiver } from './transport.ts'
import { decodeMessage, frameKind, isOfGroup } from './wire.ts'

export interface FramesHost {
  send(to: string, frame: Uint8Array): boolean
  setAddress(name: string, address: string): void
  /** Undefined while this member does not take part. */
  node(): ReplicaNode | undefined
  discovery(): ReplicaDiscovery | undefined
  ended(): boolean
  unreachable(name: string): void
  failed(error: unknown): void
  /** Somebody who does not take part said hello; `leads`: this member is the leader and knows the name under another store. */
  stranger(from: string, hello: Hello, leads: boolean): void
  refused(frame: Forwarded): void
  operations(from: string, operations: readonly Operation[], leads: boolean): void
}

export class ReplicaFrames implements Receiver {
  readonly #settings: { readonly clock: Clock; readonly logger: Logger; readonly heartbeatMs: number }
  readonly #replicated: { readonly members: MemberBook }
  readonly #routes: ReplicaRoutes
  readonly #snapshots: ReplicaSnapshots
  readonly #host: FramesHost
  #groupId = ''
  #groupIdBytes: Uint8Array = new Uint8Array()
  #announcedMs = -Infinity
  #refused = 0

  constructor(
    settings: { readonly clock: Clock; readonly logger: Logger; readonly heartbeatMs: number },
    replicated: { readonly members: MemberBook },
    routes: ReplicaRoutes,
    snapshots: ReplicaSnapshots,
    host: FramesHost,
  ) {
    this.#settings = settings
    this.#replicated = replicated
    this.#routes = routes
    this.#snapshots = snapshots
    this.#host = host
  }

  /** Frames that were dropped for what they are. */
  get refused(): number {
    return this.#refused
  }

  setGroup(groupId: string): void {
    this.#groupId = groupId
    this.#groupIdBytes = Buffer.from(groupId, 'hex')
  }

  frame(from: string, bytes: Uint8Array): void {
    if (this.#host.ended()) return
    try {
      if (frameKind(bytes) === 'message') this.#message(from, bytes)
      else this.#control(from, bytes)
    } catch (error) {
      if (!(error instanceof InvalidFrame)) return this.#host.failed(error)
      this.#refused++
      this.#settings.logger.debug({ err: error, from }, 'a frame was refused')
    }
  }

  unreachable(member: string): void {
    this.#host.unreachable(member)
  }

  #message(from: string, bytes: Uint8Array): void {
    const node = this.#host.node()
    if (node === undefined) return this.#announce(from)
    if (!isOfGroup(bytes, this.#groupIdBytes)) throw new InvalidFrame('is of another group')
    const received = decodeMessage(bytes)
    this.#routes.check(from, received.from)
    node.receive(received)
  }

  /** Messages come to one who does not know who it is: whoever sends them does. */
  #announce(from: string): void {
    const nowMs = this.#settings.clock.monotonicMs()
    if (nowMs - this.#announcedMs < this.#settings.heartbeatMs) return
    this.#announcedMs = nowMs
    this.#host.discovery()?.announce(from)
  }

  async stream(from: string, header: Uint8Array, content: AsyncIterable<Uint8Array>): Promise<void> {
    const node = this.#host.node()
    if (node === undefined || !isOfGroup(header, this.#groupIdBytes)) {
      if (node === undefined) this.#announce(from)
      this.#refused++
      throw new InvalidFrame('of a snapshot is of another group')
    }
    const received = decodeMessage(header)
    this.#routes.check(from, received.from)
    await this.#snapshots.receive(received.from, received, content)
    this.#host.node()?.receive(received)
  }

  #control(from: string, bytes: Uint8Array): void {
    const frame = decodeControl(bytes)
    const host = this.#host
    if (frame.type === 'hello') return this.#hello(from, frame)
    if (frame.type === 'helloAnswer') return host.discovery()?.answer(from, frame)
    if (frame.type === 'control') return host.discovery()?.announce(from)
    const node = host.node()
    if (node === undefined || frame.groupId !== this.#groupId) throw new InvalidFrame('is of another group')
    if (frame.type === 'forwarded') host.refused(frame)
    else host.operations(from, frame.operations, leads(node))
  }

  #hello(from: string, hello: Hello): void {
    const host = this.#host
    host.setAddress(from, hello.address)
    const discovery = host.discovery()
    if (discovery) return discovery.hello(from, hello)
    const node = host.node()
    if (node === undefined) return
    const { members } = this.#replicated
    const row = members.byName(from)
    const id = row?.token === hello.token ? row.id : 0
    host.send(from, encodeControl({ type: 'helloAnswer', groupId: this.#groupId, id, members: members.rows() }))
    if (id === 0) host.stranger(from, hello, row !== undefined && leads(node))
  }
}

function leads(node: ReplicaNode): boolean {
  return node.raw.role === 'StateLeader'
}

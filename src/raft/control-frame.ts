/**
 * Control frames: what replicas of a group say to each other beside the messages of raft: who they are, what they pass on to the
 * leader, what it refused. Unlike entries of the log (command-envelope.ts) they are never kept. Each has the kind and the version
 * of wire.ts; bounds are checked at reading, and whatever does not fit is `raft.invalid_frame`.
 */
import { ByteReader, ByteWriter } from './bytes.ts'
import {
  type MemberRow,
  memberAddressBytesMax,
  memberNameBytesMax,
  nonceBytes,
  readMembers,
  tokenBytes,
  writeMembers,
} from './command-envelope.ts'
import { InvalidFrame } from './error.ts'
import { frameKinds, groupIdBytes } from './wire.ts'

const version = 1
/** Operations that one frame passes on. */
export const forwardedMax = 4096

/** Whoever does not take part yet. */
export interface Hello {
  readonly type: 'hello'
  readonly token: string
  readonly address: string
  /** Ready to found the group; false for whoever is to be added, or has heard that the group exists. */
  readonly fresh: boolean
  /** The id that the group will have by what the sender knows; zeros before it knows all tokens. */
  readonly candidate: string
}

/** The answer of a member that takes part. */
export interface HelloAnswer {
  readonly type: 'helloAnswer'
  readonly groupId: string
  /** The id of whoever asked; 0 when its name or its token is not that of a member. */
  readonly id: number
  readonly members: readonly MemberRow[]
}

export type ChangeKind = 'add' | 'promote' | 'demote' | 'remove'
const changeKinds: readonly ChangeKind[] = ['add', 'promote', 'demote', 'remove']

export type Operation =
  | {
      readonly op: 'command'
      readonly session: number
      readonly sequence: number
      readonly acknowledged: number
      readonly command: Uint8Array
    }
  | { readonly op: 'register'; readonly nonce: string; readonly timeoutMs: number }
  | { readonly op: 'close'; readonly session: number }
  | {
      readonly op: 'change'
      readonly nonce: string
      readonly kind: ChangeKind
      readonly name: string
      readonly address: string
    }
  /** An empty name: to whom the leader thinks best. */
  | { readonly op: 'transfer'; readonly name: string }

export interface Forward {
  readonly type: 'forward'
  readonly groupId: string
  readonly operations: readonly Operation[]
}

export const refusals = [
  'not_leader',
  'backlog_full',
  'busy',
  'unheard',
  'behind',
  'unknown',
  'refused',
  'taken',
  'done',
] as const
/** Why the leader did not do what was passed on; `done`: there is nothing to do. */
export type Refusal = (typeof refusals)[number]

/** What was not appended, and will not be. */
export interface Forwarded {
  readonly type: 'forwarded'
  readonly groupId: string
  readonly reason: Refusal
  readonly commands: readonly { readonly session: number; readonly sequence: number }[]
  readonly nonces: readonly string[]
}

/** Asks whoever is to be added to say who it is. */
export interface Announce {
  readonly type: 'control'
  readonly groupId: string
}

export type ControlFrame = Hello | HelloAnswer | Forward | Forwarded | Announce

const opCodes = { command: 1, register: 2, close: 3, change: 4, transfer: 5 } as const

export function encodeControl(frame: ControlFrame): Uint8Array {
  const out = new ByteWriter(256)
  out.u8(frameKinds[frame.type])
  out.u8(version)
  if (frame.type === 'hello') {
    out.raw(fromHex(frame.token))
    out.text(frame.address)
    out.u8(frame.fresh ? 1 : 0)
    out.raw(fromHex(frame.candidate))
    return out.finish()
  }
  out.raw(fromHex(frame.groupId))
  if (frame.type === 'helloAnswer') {
    out.varint(frame.id)
    writeMembers(out, frame.members)
  } else if (frame.type === 'forward') {
    out.varint(frame.operations.length)
    for (const each of frame.operations) writeOperation(out, each)
  } else if (frame.type === 'forwarded') writeForwarded(out, frame)
  return out.finish()
}

function writeOperation(out: ByteWriter, operation: Operation): void {
  out.u8(opCodes[operation.op])
  switch (operation.op) {
    case 'command':
      out.varint(operation.session)
      out.varint(operation.sequence)
      out.varint(operation.acknowledged)
      out.blob(operation.command)
      return
    case 'register':
      out.raw(fromHex(operation.nonce))
      out.varint(operation.timeoutMs)
      return
    case 'close':
      out.varint(operation.session)
      return
    case 'change':
      out.raw(fromHex(operation.nonce))
      out.u8(changeKinds.indexOf(operation.kind))
      out.text(operation.name)
      out.text(operation.address)
      return
    case 'transfer':
      out.text(operation.name)
  }
}

function writeForwarded(out: ByteWriter, { reason, commands, nonces }: Forwarded): void {
  out.u8(refusals.indexOf(reason))
  out.varint(commands.length)
  for (const { session, sequence } of commands) {
    out.varint(session)
    out.varint(sequence)
  }
  out.varint(nonces.length)
  for (const nonce of nonces) out.raw(fromHex(nonce))
}

/** A frame of any kind but a raft message. Throws `raft.invalid_frame`. Commands are views of the frame. */
export function decodeControl(frame: Uint8Array): ControlFrame {
  const input = new ByteReader(frame)
  const kind = input.u8()
  const given = input.u8()
  if (given !== version) throw new InvalidFrame(`is of version ${given}, and this is ${version}`)
  const decoded = decodeKind(input, kind)
  input.end()
  return decoded
}

function decodeKind(input: ByteReader, kind: number): ControlFrame {
  if (kind === frameKinds.hello)
    return {
      type: 'hello',
      token: hex(input.raw(tokenBytes)),
      address: input.text(memberAddressBytesMax),
      fresh: input.flag(),
      candidate: hex(input.raw(groupIdBytes)),
    }
  const groupId = hex(input.raw(groupIdBytes))
  switch (kind) {
    case frameKinds.helloAnswer:
      return { type: 'helloAnswer', groupId, id: input.varint(), members: readMembers(input) }
    case frameKinds.forward:
      return { type: 'forward', groupId, operations: times(input.count(forwardedMax), () => readOperation(input)) }
    case frameKinds.forwarded:
      return readForwarded(input, groupId)
    case frameKinds.control:
      return { type: 'control', groupId }
    default:
      throw new InvalidFrame('is of an unknown kind')
  }
}

function readOperation(input: ByteReader): Operation {
  const op = input.u8()
  switch (op) {
    case opCodes.command: {
      const [session, sequence, acknowledged] = [input.varint(), input.varint(), input.varint()]
      return { op: 'command', session, sequence, acknowledged, command: input.blob() }
    }
    case opCodes.register:
      return { op: 'register', nonce: hex(input.raw(nonceBytes)), timeoutMs: input.varint() }
    case opCodes.close:
      return { op: 'close', session: input.varint() }
    case opCodes.change: {
      const nonce = hex(input.raw(nonceBytes))
      const kind = changeKinds[input.u8()]
      if (kind === undefined) throw new InvalidFrame('asks for an unknown change')
      return {
        op: 'change',
        nonce,
        kind,
        name: input.text(memberNameBytesMax),
        address: input.text(memberAddressBytesMax),
      }
    }
    case opCodes.transfer:
      return { op: 'transfer', name: input.text(memberNameBytesMax) }
    default:
      throw new InvalidFrame('passes on what this version does not know')
  }
}

function readForwarded(input: ByteReader, groupId: string): Forwarded {
  const reason = refusals[input.u8()]
  if (reason === undefined) throw new InvalidFrame('refuses for an unknown reason')
  const commands = times(input.count(forwardedMax, 2), () => ({ session: input.varint(), sequence: input.varint() }))
  const nonces = times(input.count(forwardedMax, nonceBytes), () => hex(input.raw(nonceBytes)))
  return { type: 'forwarded', groupId, reason, commands, nonces }
}

function times<T>(count: number, read: () => T): T[] {
  return Array.from({ length: count }, read)
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

function fromHex(text: string): Uint8Array {
  return Buffer.from(text, 'hex')
}

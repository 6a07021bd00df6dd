/**
 * What a normal entry of the log holds, as bytes: a command with its session and sequence, the beginning and end of a session, the
 * founding of the group. Unlike control-frame.ts this is kept, and read again by every later version. An entry without data is the
 * core's own.
 *
 * | kind | bytes after it: varints unless said otherwise |
 * | --- | --- |
 * | 1 command | time of the leader in ms, session, sequence, acknowledged, the command to the end |
 * | 2 register | time, timeout of the session in ms, nonce 8 bytes |
 * | 3 close | time, session |
 * | 4 founding | time, group's id 16 bytes, count, then each: id, name, token 16 bytes, address |
 */
import { ByteReader, ByteWriter } from './bytes.ts'
import { InvalidFrame } from './error.ts'
import { groupIdBytes } from './wire.ts'

export interface MemberRow {
  readonly id: number
  readonly name: string
  /** 32 hex digits: of the store that this member must have to vote. */
  readonly token: string
  /** Where it is, for transports that need it; empty otherwise. */
  readonly address: string
}

export type Envelope =
  | {
      readonly kind: 'command'
      readonly timeMs: number
      readonly session: number
      readonly sequence: number
      /** Answers below this sequence have arrived and may be forgotten. */
      readonly acknowledged: number
      readonly command: Uint8Array
    }
  | { readonly kind: 'register'; readonly timeMs: number; readonly timeoutMs: number; readonly nonce: string }
  | { readonly kind: 'close'; readonly timeMs: number; readonly session: number }
  | {
      readonly kind: 'founding'
      readonly timeMs: number
      readonly groupId: string
      readonly members: readonly MemberRow[]
    }

export const nonceBytes = 8
export const tokenBytes = 16
export const memberNameBytesMax = 256
export const memberAddressBytesMax = 1024
export const membersMax = 1024

/** The hot path: a command without an object in between. */
export function encodeCommand(
  timeMs: number,
  session: number,
  sequence: number,
  acknowledged: number,
  command: Uint8Array,
): Uint8Array {
  const out = new ByteWriter(40 + command.length)
  out.u8(1)
  out.varint(timeMs)
  out.varint(session)
  out.varint(sequence)
  out.varint(acknowledged)
  out.raw(command)
  return out.finish()
}

export function encodeEnvelope(envelope: Envelope): Uint8Array {
  const { kind, timeMs } = envelope
  if (kind === 'command')
    return encodeCommand(timeMs, envelope.session, envelope.sequence, envelope.acknowledged, envelope.command)
  const out = new ByteWriter(64)
  out.u8(kind === 'register' ? 2 : kind === 'close' ? 3 : 4)
  out.varint(timeMs)
  if (kind === 'register') {
    out.varint(envelope.timeoutMs)
    out.raw(Buffer.from(envelope.nonce, 'hex'))
  } else if (kind === 'close') out.varint(envelope.session)
  else {
    out.raw(Buffer.from(envelope.groupId, 'hex'))
    writeMembers(out, envelope.members)
  }
  return out.finish()
}

/** Throws `raft.invalid_frame`. The command is a view. */
export function decodeEnvelope(data: Uint8Array): Envelope {
  const input = new ByteReader(data)
  const kind = input.u8()
  const timeMs = input.varint()
  if (kind === 1) {
    const [session, sequence, acknowledged] = [input.varint(), input.varint(), input.varint()]
    return { kind: 'command', timeMs, session, sequence, acknowledged, command: input.raw(input.rest) }
  }
  const envelope = decodeOther(input, kind, timeMs)
  input.end()
  return envelope
}

function decodeOther(input: ByteReader, kind: number, timeMs: number): Envelope {
  switch (kind) {
    case 2:
      return { kind: 'register', timeMs, timeoutMs: input.varint(), nonce: hex(input.raw(nonceBytes)) }
    case 3:
      return { kind: 'close', timeMs, session: input.varint() }
    case 4:
      return { kind: 'founding', timeMs, groupId: hex(input.raw(groupIdBytes)), members: readMembers(input) }
    default:
      throw new InvalidFrame(`holds an entry of the kind ${kind}, which a newer version may know`)
  }
}

export function writeMembers(out: ByteWriter, members: readonly MemberRow[]): void {
  out.varint(members.length)
  for (const each of members) writeMember(out, each)
}

export function writeMember(out: ByteWriter, { id, name, token, address }: MemberRow): void {
  out.varint(id)
  out.text(name)
  out.raw(Buffer.from(token, 'hex'))
  out.text(address)
}

export function readMembers(input: ByteReader): MemberRow[] {
  const members: MemberRow[] = []
  for (let rest = input.count(membersMax, tokenBytes); rest > 0; rest--) members.push(readMember(input))
  return members
}

export function readMember(input: ByteReader): MemberRow {
  return {
    id: input.varint(),
    name: input.text(memberNameBytesMax),
    token: hex(input.raw(tokenBytes)),
    address: input.text(memberAddressBytesMax),
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

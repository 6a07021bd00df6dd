/**
 * Frames of raft messages: a `Message` of the core as bytes between members, and back. Unlike wire-size.ts, which counts what
 * protobuf would take, this is the form that travels; a transport guards its wholeness. What a message means is judged by the
 * core; here it is only seen that every number, length and name is one. Data that is read is a view of the frame. What
 * a member only says to itself, and to its storage threads, never travels.
 *
 * | bytes | what |
 * | --- | --- |
 * | 1 | kind of frame, `frameKinds` |
 * | 1 | version of this form, 1 |
 * | 16 | id of the group |
 * | 1, 1 | type of the message, flags |
 * | varints | to, from, term, logTerm, index, commit, vote, rejectHint |
 * | varint, then each | entries: flags and type; term and index unless they follow from those before; length and data |
 * | | if flagged: context; snapshot |
 */
import { ByteReader, ByteWriter } from './bytes.ts'
import type { Entry, EntryType, MemberId, Message, MessageType, Snapshot } from './core/message.ts'
import { InvalidFrame, InvalidMessage } from './error.ts'

/** The first byte of every frame between members of a group. */
export const frameKinds = {
  message: 1,
  hello: 2,
  helloAnswer: 3,
  forward: 4,
  forwarded: 5,
  control: 6,
  controlAnswer: 7,
} as const
export type FrameKind = keyof typeof frameKinds

/** Bytes of the id of a group. */
export const groupIdBytes = 16
/** Entries of one message, and members in each list of a snapshot. */
export const messageEntriesMax = 65_536
const membersMax = 65_536

const version = 1
const headBytes = 2 + groupIdBytes

/** A type's number is its place; it is never reused for another. */
const types: readonly MessageType[] = [
  'MsgProp',
  'MsgApp',
  'MsgAppResp',
  'MsgVote',
  'MsgVoteResp',
  'MsgSnap',
  'MsgHeartbeat',
  'MsgHeartbeatResp',
  'MsgTransferLeader',
  'MsgTimeoutNow',
  'MsgReadIndex',
  'MsgReadIndexResp',
  'MsgPreVote',
  'MsgPreVoteResp',
  'MsgForgetLeader',
]
const typeNumbers = new Map<MessageType, number>(types.map((type, at) => [type, at]))
const entryTypes: readonly EntryType[] = ['EntryNormal', 'EntryConfChange', 'EntryConfChangeV2']

const flagReject = 1
const flagContext = 2
const flagSnapshot = 4
const flagsMax = flagReject | flagContext | flagSnapshot

/** Of an entry: two bits of type, then whether it has data, and whether it stands as expected. */
const entryTypeMask = 3
const entryData = 4
const entryFollows = 8
const entryFlagsMax = entryTypeMask | entryData | entryFollows

const noEntries: readonly Entry[] = Object.freeze([])
const noResponses: readonly Message[] = Object.freeze([])

/** The kind of a frame, undefined when it is none of ours. */
export function frameKind(frame: Uint8Array): FrameKind | undefined {
  return kindNames[frame[0] ?? 0]
}

const kindNames: readonly (FrameKind | undefined)[] = [
  undefined,
  'message',
  'hello',
  'helloAnswer',
  'forward',
  'forwarded',
  'control',
  'controlAnswer',
]

/** Whether a frame of a raft message, of any version, is of the group with this id of 16 bytes. */
export function isOfGroup(frame: Uint8Array, groupId: Uint8Array): boolean {
  if (frame.length < headBytes) return false
  for (let at = 0; at < groupIdBytes; at++) if (frame[at + 2] !== groupId[at]) return false
  return true
}

/**
 * The frame of a message in a group. Throws `raft.invalid_message` when the message is one that does not travel: of a local
 * type, to or from a storage thread, with responses, with more than 65,536 entries; `raft.broken_invariant` when a number
 * is none that a message can have.
 */
export function encodeMessage(groupId: Uint8Array, message: Message): Uint8Array {
  const { entries, context, snapshot } = message
  const type = typeNumbers.get(message.type)
  if (type === undefined) throw new InvalidMessage('type', `is ${message.type}, which does not travel`)
  if (groupId.length !== groupIdBytes) throw new InvalidMessage('group', `must be ${groupIdBytes} bytes`)
  if (message.to < 0 || message.from < 0) throw new InvalidMessage('to', 'or from is a storage thread')
  if (message.responses.length > 0) throw new InvalidMessage('responses', 'must stay at home')
  if (entries.length > messageEntriesMax) throw new InvalidMessage('entries', `are more than ${messageEntriesMax}`)
  let hint = headBytes + 74
  for (let at = 0; at < entries.length; at++) hint += 10 + (entries[at]!.data?.length ?? 0)
  const out = new ByteWriter(hint + (context?.length ?? 0) + (snapshot?.data?.length ?? 0))
  out.u8(frameKinds.message)
  out.u8(version)
  out.raw(groupId)
  out.u8(type)
  out.u8(
    (message.reject ? flagReject : 0) |
      (context === undefined ? 0 : flagContext) |
      (snapshot === undefined ? 0 : flagSnapshot),
  )
  out.varint(message.to)
  out.varint(message.from)
  out.varint(message.term)
  out.varint(message.logTerm)
  out.varint(message.index)
  out.varint(message.commit)
  out.varint(message.vote)
  out.varint(message.rejectHint)
  writeEntries(out, message)
  if (context !== undefined) out.blob(context)
  if (snapshot !== undefined) writeSnapshot(out, snapshot)
  return out.finish()
}

/** Of a run of entries, the usual case, only the first says its place when it does not follow the message's own index. */
function writeEntries(out: ByteWriter, { entries, term: messageTerm, index: messageIndex }: Message): void {
  out.varint(entries.length)
  let term = messageTerm
  let index = messageIndex
  for (let at = 0; at < entries.length; at++) {
    const entry = entries[at]!
    const { data } = entry
    const follows = entry.term === term && entry.index === index + 1
    ;({ term, index } = entry)
    out.u8(entryTypeNumber(entry.type) | (data === undefined ? 0 : entryData) | (follows ? entryFollows : 0))
    if (!follows) {
      out.varint(term)
      out.varint(index)
    }
    if (data !== undefined) out.blob(data)
  }
}

function entryTypeNumber(type: EntryType): number {
  const number = entryTypes.indexOf(type)
  if (number === -1) throw new InvalidMessage('entries', 'have an unknown type')
  return number
}

function writeSnapshot(out: ByteWriter, { metadata, data }: Snapshot): void {
  const { index, term, confState } = metadata
  out.u8((data === undefined ? 0 : 1) | (confState.autoLeave ? 2 : 0))
  out.varint(index)
  out.varint(term)
  for (const ids of [confState.voters, confState.learners, confState.votersOutgoing, confState.learnersNext]) {
    if (ids.length > membersMax) throw new InvalidMessage('snapshot', `has more than ${membersMax} members`)
    out.varint(ids.length)
    for (const id of ids) out.varint(id)
  }
  if (data !== undefined) out.blob(data)
}

/** The message of a frame of kind `message`; see `isOfGroup` for whose it is. Throws `raft.invalid_frame`. */
export function decodeMessage(frame: Uint8Array): Message {
  if (frame.length < headBytes) throw new InvalidFrame('ends too early')
  if (frame[0] !== frameKinds.message) throw new InvalidFrame('is not one of a raft message')
  if (frame[1] !== version) throw new InvalidFrame(`is of version ${frame[1]}, and this is ${version}`)
  const input = new ByteReader(frame, headBytes)
  const type = types[input.u8()]
  if (type === undefined) throw new InvalidFrame('is of an unknown type of message')
  const flags = input.u8()
  if (flags > flagsMax) throw new InvalidFrame('has unknown flags')
  const to = input.varint()
  const from = input.varint()
  const term = input.varint()
  const logTerm = input.varint()
  const index = input.varint()
  const commit = input.varint()
  const vote = input.varint()
  const rejectHint = input.varint()
  const entries = readEntries(input, term, index)
  const context = (flags & flagContext) === 0 ? undefined : input.blob()
  const snapshot = (flags & flagSnapshot) === 0 ? undefined : readSnapshot(input)
  input.end()
  return {
    type,
    to,
    from,
    term,
    logTerm,
    index,
    entries,
    commit,
    vote,
    snapshot,
    reject: (flags & flagReject) !== 0,
    rejectHint,
    context,
    responses: noResponses,
  }
}

function readEntries(input: ByteReader, messageTerm: number, messageIndex: number): readonly Entry[] {
  const count = input.count(messageEntriesMax)
  if (count === 0) return noEntries
  const entries: Entry[] = []
  let term = messageTerm
  let index = messageIndex
  for (let at = 0; at < count; at++) {
    const flags = input.u8()
    const type = entryTypes[flags & entryTypeMask]
    if (type === undefined || flags > entryFlagsMax) throw new InvalidFrame('has an entry of an unknown type')
    if ((flags & entryFollows) === 0) {
      term = input.varint()
      index = input.varint()
    } else if (index === Number.MAX_SAFE_INTEGER) throw new InvalidFrame('has an index beyond the last there is')
    else index++
    entries.push({ term, index, type, data: (flags & entryData) === 0 ? undefined : input.blob() })
  }
  return entries
}

function readSnapshot(input: ByteReader): Snapshot {
  const flags = input.u8()
  if (flags > 3) throw new InvalidFrame('has a snapshot with unknown flags')
  const index = input.varint()
  const term = input.varint()
  const confState = {
    voters: readMembers(input),
    learners: readMembers(input),
    votersOutgoing: readMembers(input),
    learnersNext: readMembers(input),
    autoLeave: (flags & 2) !== 0,
  }
  return { metadata: { index, term, confState }, data: (flags & 1) === 0 ? undefined : input.blob() }
}

function readMembers(input: ByteReader): MemberId[] {
  const ids: MemberId[] = []
  for (let rest = input.count(membersMax); rest > 0; rest--) ids.push(input.varint())
  return ids
}

/**
 * The check of a message that comes from outside, before it touches the machine: known type, safe numbers, entries that
 * follow each other. It judges the form alone; what a well-formed message means is the machine's business.
 */
import { messageOf } from '../../base/error.ts'
import { InvalidMessage, PeerNotFound, StepLocal } from '../error.ts'
import {
  type Entry,
  type MemberId,
  type Message,
  type MessageType,
  type SnapshotMetadata,
  appendThread,
  applyThread,
  nobody,
} from './message.ts'
import type { ProgressTracker } from './tracker.ts'

interface Kind {
  /** Only said to oneself, by ticks and storage threads. */
  readonly local?: true
  /** Answers something: whoever is not followed cannot have been asked. */
  readonly response?: true
}

const kinds: Readonly<Record<MessageType, Kind>> = {
  MsgHup: { local: true },
  MsgBeat: { local: true },
  MsgProp: {},
  MsgApp: {},
  MsgAppResp: { response: true },
  MsgVote: {},
  MsgVoteResp: { response: true },
  MsgSnap: {},
  MsgHeartbeat: {},
  MsgHeartbeatResp: { response: true },
  MsgUnreachable: { local: true, response: true },
  MsgSnapStatus: { local: true },
  MsgCheckQuorum: { local: true },
  MsgTransferLeader: {},
  MsgTimeoutNow: {},
  MsgReadIndex: {},
  MsgReadIndexResp: { response: true },
  MsgPreVote: {},
  MsgPreVoteResp: { response: true },
  MsgStorageAppend: { local: true },
  MsgStorageAppendResp: { local: true, response: true },
  MsgStorageApply: { local: true },
  MsgStorageApplyResp: { local: true, response: true },
  MsgForgetLeader: {},
}

/** Throws `raft.invalid_message`, `raft.step_local` or `raft.peer_not_found`. */
export function checkMessage(message: Message, id: MemberId, tracker: ProgressTracker): void {
  const { type, from, to } = message
  const kind: Kind | undefined = Object.hasOwn(kinds, type) ? kinds[type] : undefined
  if (kind === undefined) throw new InvalidMessage('type', `is unknown: ${messageOf(type).slice(0, 40)}`)
  const ofThread = isThread(from)
  if (kind.local === true && !ofThread) throw new StepLocal(type)
  if (!ofThread) checkNumber('from', from)
  // An answer to somebody else would count as one to us. Without an address it was handed over in person.
  if (to !== nobody && to !== id) throw new InvalidMessage('to', `is ${messageOf(to).slice(0, 40)}, and this is ${id}`)
  checkNumber('term', message.term)
  checkNumber('logTerm', message.logTerm)
  checkNumber('index', message.index)
  checkNumber('commit', message.commit)
  checkNumber('vote', message.vote)
  checkNumber('rejectHint', message.rejectHint)
  if (!Array.isArray(message.entries)) throw new InvalidMessage('entries', 'must be an array')
  checkContent(message)
  if (kind.response === true && !ofThread && !tracker.progress.has(from)) throw new PeerNotFound(from)
}

function isThread(id: number): boolean {
  return id === appendThread || id === applyThread
}

function checkNumber(field: string, value: number): number {
  if (!Number.isSafeInteger(value) || value < 0)
    throw new InvalidMessage(field, `must be a whole number from 0; it is ${messageOf(value).slice(0, 40)}`)
  return value
}

/** What one type needs: a leader's messages and votes are of a term and of somebody, answers of a term; a read has its one context. */
function checkContent({ type, from, term, index, entries, snapshot }: Message): void {
  switch (type) {
    case 'MsgApp':
      checkSender(from, term)
      checkEntries(entries, index + 1, term)
      return
    case 'MsgSnap':
      checkSender(from, term)
      if (snapshot === undefined) throw new InvalidMessage('snapshot', 'is missing')
      checkMetadata(snapshot.metadata, term)
      return
    case 'MsgVote':
    case 'MsgPreVote':
    case 'MsgHeartbeat':
      checkSender(from, term)
      return
    case 'MsgProp':
      if (entries.length === 0) throw new InvalidMessage('entries', 'must be at least one to be proposed')
      for (const { type: entryType } of entries) checkEntryType(entryType)
      return
    case 'MsgReadIndex':
      if (entries.length !== 1) throw new InvalidMessage('entries', 'must be one, which carries the context')
      return
    case 'MsgAppResp':
    case 'MsgVoteResp':
    case 'MsgPreVoteResp':
    case 'MsgHeartbeatResp':
    case 'MsgReadIndexResp':
    case 'MsgTimeoutNow':
      // Without its term it would count in any.
      checkTerm(term)
      return
    case 'MsgHup':
    case 'MsgBeat':
    case 'MsgUnreachable':
    case 'MsgSnapStatus':
    case 'MsgCheckQuorum':
    case 'MsgTransferLeader':
    case 'MsgStorageAppend':
    case 'MsgStorageAppendResp':
    case 'MsgStorageApply':
    case 'MsgStorageApplyResp':
    case 'MsgForgetLeader':
    // Numbers are all they carry, or what is carried is only passed on.
  }
}

function checkMetadata({ index, term, confState }: SnapshotMetadata, maxTerm: number): void {
  checkNumber('snapshot.metadata.index', index)
  if (checkNumber('snapshot.metadata.term', term) > maxTerm)
    throw new InvalidMessage('snapshot.metadata.term', `is ${term}, beyond that of the message, which is ${maxTerm}`)
  const { voters, learners, votersOutgoing, learnersNext } = confState
  for (const ids of [voters, learners, votersOutgoing, learnersNext]) {
    if (!Array.isArray(ids)) throw new InvalidMessage('snapshot', 'must carry a whole configuration')
    for (const id of ids)
      if (!(checkNumber('snapshot', id) > 0)) throw new InvalidMessage('snapshot', 'has nobody as a member')
  }
}

function checkSender(from: number, term: number): void {
  if (from === 0) throw new InvalidMessage('from', 'is nobody')
  checkTerm(term)
}

function checkTerm(term: number): void {
  if (term === 0) throw new InvalidMessage('term', 'is missing')
}

function checkEntries(entries: readonly Entry[], first: number, maxTerm: number): void {
  let index = first
  let term = 0
  for (const entry of entries) {
    if (entry.index !== index) throw new InvalidMessage('entries', `must follow each other; ${index} is missing`)
    if (!Number.isSafeInteger(entry.term) || entry.term < term || entry.term > maxTerm)
      throw new InvalidMessage('entries', `must not go back in their terms, nor beyond ${maxTerm}, at ${index}`)
    checkEntryType(entry.type)
    ;({ term } = entry)
    index++
  }
}

function checkEntryType(type: unknown): void {
  if (type !== 'EntryNormal' && type !== 'EntryConfChange' && type !== 'EntryConfChangeV2')
    throw new InvalidMessage('entries', `have an unknown type: ${messageOf(type).slice(0, 40)}`)
}

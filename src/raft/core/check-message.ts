/**
 * The check of a message that comes from outside, before it touches the machine: known type, safe numbers, entries that
 * follow each other. It judges the form alone; what a well-formed message means is the machine's business.
 */
import { InvalidMessage, PeerNotFound, StepLocal } from '../error.ts'
import type { Entry, Message, MessageType } from './message.ts'
import { appendThread, applyThread } from './message.ts'
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
export function checkMessage(message: Message, tracker: ProgressTracker): void {
  const { type, from } = message
  const kind: Kind | undefined = Object.hasOwn(kinds, type) ? kinds[type] : undefined
  if (kind === undefined) throw new InvalidMessage('type', `is unknown: ${String(type).slice(0, 40)}`)
  const ofThread = isThread(from)
  if (kind.local === true && !ofThread) throw new StepLocal(type)
  if (!ofThread) checkNumber('from', from)
  if (!isThread(message.to)) checkNumber('to', message.to)
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

export function isThread(id: number): boolean {
  return id === appendThread || id === applyThread
}

function checkNumber(field: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 0)
    throw new InvalidMessage(field, `must be a whole number from 0; it is ${String(value).slice(0, 40)}`)
}

/** What one type needs: a leader's messages and votes are of a term and of somebody, a read has its one context. */
function checkContent({ type, from, term, index, entries, snapshot }: Message): void {
  switch (type) {
    case 'MsgApp':
      checkSender(from, term)
      checkEntries(entries, index + 1, term)
      return
    case 'MsgSnap':
      checkSender(from, term)
      if (snapshot === undefined) throw new InvalidMessage('snapshot', 'is missing')
      checkNumber('snapshot.metadata.index', snapshot.metadata.index)
      checkNumber('snapshot.metadata.term', snapshot.metadata.term)
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
    default:
  }
}

function checkSender(from: number, term: number): void {
  if (from === 0) throw new InvalidMessage('from', 'is nobody')
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

function checkEntryType(type: string): void {
  if (type !== 'EntryNormal' && type !== 'EntryConfChange' && type !== 'EntryConfChangeV2')
    throw new InvalidMessage('entries', `have an unknown type: ${String(type).slice(0, 40)}`)
}

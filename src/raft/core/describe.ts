/**
 * Texts of messages, entries and effects for people, in the words of etcd-io/raft's Describe functions, so that whoever reads
 * its logs and scenarios reads ours. They are not meant to be parsed.
 */
import { messageOf } from '../../base/error.ts'
import { asV2, formatConfChanges } from './conf-change.ts'
import { unmarshalConfChange } from './conf-change-codec.ts'
import type { ReadState } from './machine.ts'
import {
  type ConfState,
  type Entry,
  type HardState,
  type MemberId,
  type Message,
  type Snapshot,
  appendThread,
  applyThread,
  nobody,
} from './message.ts'
import type { Ready, SoftState } from './ready.ts'

/** How the data of an entry is shown; by default quoted. */
export type DataFormat = (data: Uint8Array) => string

export function describeHardState({ term, vote, commit }: HardState): string {
  return `Term:${term}${vote === nobody ? '' : ` Vote:${vote}`} Commit:${commit}`
}

export function describeSoftState({ leader, role }: SoftState): string {
  return `Lead:${leader} State:${role}`
}

export function describeConfState(state: ConfState): string {
  const ids = (members: readonly MemberId[]) => `[${members.join(' ')}]`
  return `Voters:${ids(state.voters)} VotersOutgoing:${ids(state.votersOutgoing)} Learners:${ids(state.learners)} LearnersNext:${ids(state.learnersNext)} AutoLeave:${state.autoLeave}`
}

export function describeSnapshot({ metadata }: Snapshot): string {
  return `Index:${metadata.index} Term:${metadata.term} ConfState:${describeConfState(metadata.confState)}`
}

/** Like `1/4 EntryNormal "foo"`: term, index, type, data. */
export function describeEntry(entry: Entry, format: DataFormat = quoteBytes): string {
  const text = entry.type === 'EntryNormal' ? format(entry.data ?? new Uint8Array()) : describeConfChange(entry)
  return `${entry.term}/${entry.index} ${entry.type}${text === '' ? '' : ` ${text}`}`
}

function describeConfChange({ type, data }: Entry): string {
  try {
    return formatConfChanges(asV2(unmarshalConfChange(type, data)).changes)
  } catch (error) {
    return messageOf(error)
  }
}

/** One line each, each ended by a line feed. */
export function describeEntries(entries: readonly Entry[], format?: DataFormat): string {
  return entries.map((entry) => `${describeEntry(entry, format)}\n`).join('')
}

/** Like `1->2 MsgApp Term:1 Log:1/10 Commit:9 Entries:[1/11 EntryNormal "foo"]`; several lines if it holds much. */
export function describeMessage(message: Message, format?: DataFormat): string {
  return describeIndented('', message, format)
}

function describeIndented(indent: string, message: Message, format: DataFormat | undefined): string {
  const { from, to, type, term, logTerm, index, entries, snapshot, responses } = message
  let text = `${indent}${describeTarget(from)}->${describeTarget(to)} ${type} Term:${term} Log:${logTerm}/${index}`
  if (message.reject) text += ` Rejected (Hint: ${message.rejectHint})`
  if (message.commit !== 0) text += ` Commit:${message.commit}`
  if (message.vote !== nobody) text += ` Vote:${message.vote}`
  if (entries.length === 1) text += ` Entries:[${describeEntry(entries[0]!, format)}]`
  else if (entries.length > 1) {
    const lines = entries.map((entry) => `\n${indent}  ${describeEntry(entry, format)}`)
    text += ` Entries:[${lines.join('')}\n${indent}]`
  }
  if (snapshot !== undefined && snapshot.metadata.index !== 0)
    text += `\n${indent}  Snapshot: ${describeSnapshot(snapshot)}`
  if (responses.length === 0) return text
  const lines = responses.map((response) => `\n${describeIndented(`${indent}  `, response, format)}`)
  return `${text} Responses:[${lines.join('')}\n${indent}]`
}

function describeTarget(id: MemberId): string {
  if (id === nobody) return 'None'
  if (id === appendThread) return 'AppendThread'
  return id === applyThread ? 'ApplyThread' : id.toString(16)
}

/** Several lines, or `<empty Ready>`. */
export function describeReady(ready: Ready, format?: DataFormat): string {
  const { softState, hardState, readStates, entries, snapshot, committedEntries, messages, mustSync } = ready
  let text = ''
  if (softState !== undefined) text += `${describeSoftState(softState)}\n`
  if (hardState !== undefined) text += `HardState ${describeHardState(hardState)}\n`
  if (readStates.length > 0) text += `ReadStates [${readStates.map(describeReadState).join(' ')}]\n`
  if (entries.length > 0) text += `Entries:\n${describeEntries(entries, format)}`
  if (snapshot !== undefined) text += `Snapshot ${describeSnapshot(snapshot)}\n`
  if (committedEntries.length > 0) text += `CommittedEntries:\n${describeEntries(committedEntries, format)}`
  if (messages.length > 0) text += 'Messages:\n'
  for (const message of messages) text += `${describeMessage(message, format)}\n`
  return text === '' ? '<empty Ready>' : `Ready MustSync=${mustSync}:\n${text}`
}

function describeReadState({ index, context }: ReadState): string {
  return `{${index} [${(context ?? new Uint8Array()).join(' ')}]}`
}

const escapes: ReadonlyMap<string, string> = new Map([
  ['\u0007', String.raw`\a`],
  ['\b', String.raw`\b`],
  ['\f', String.raw`\f`],
  ['\n', String.raw`\n`],
  ['\r', String.raw`\r`],
  ['\t', String.raw`\t`],
  ['\v', String.raw`\v`],
  ['"', String.raw`\"`],
  ['\\', String.raw`\\`],
])
const printable = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Bytes as a quoted text in the syntax of Go: what is not UTF-8 or cannot be seen is escaped. */
export function quoteBytes(bytes: Uint8Array): string {
  let text = ''
  for (let at = 0; at < bytes.length;) {
    const rune = runeAt(bytes, at)
    text += rune === undefined ? escapeByte(bytes[at]!) : escapeRune(rune.text)
    at += rune?.bytes ?? 1
  }
  return `"${text}"`
}

function runeAt(bytes: Uint8Array, at: number): { readonly text: string; readonly bytes: number } | undefined {
  const head = bytes[at]!
  const length = head < 0x80 ? 1 : head >= 0xf0 ? 4 : head >= 0xe0 ? 3 : 2
  if (at + length > bytes.length) return undefined
  try {
    return { text: decoder.decode(bytes.subarray(at, at + length)), bytes: length }
  } catch {
    return undefined
  }
}

function escapeByte(byte: number): string {
  return `\\x${byte.toString(16).padStart(2, '0')}`
}

function escapeRune(rune: string): string {
  const escaped = escapes.get(rune)
  if (escaped !== undefined) return escaped
  if (printable.test(rune)) return rune
  const code = rune.codePointAt(0) ?? 0
  if (code < 0x80) return escapeByte(code)
  return code < 0x1_0000 ? `\\u${code.toString(16).padStart(4, '0')}` : `\\U${code.toString(16).padStart(8, '0')}`
}

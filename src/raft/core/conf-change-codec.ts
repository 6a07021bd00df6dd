/**
 * Configuration changes as bytes: the protobuf messages ConfChange and ConfChangeV2 of etcd-io/raft's raftpb, as the entries of
 * the log carry them. Unlike conf-change.ts it asks nothing of a change but that it can be written. Bytes come from the
 * network: they are read within bounds, fields that are not known are passed over, and anything else is an error by code.
 */
import { InvalidConfChange } from '../error.ts'
import { confChangesMax } from './conf-change.ts'
import type {
  AnyConfChange,
  ConfChangeSingle,
  ConfChangeTransition,
  ConfChangeType,
  EntryType,
  MemberId,
} from './message.ts'

/** Bytes of one change, its context counted. */
export const confChangeBytesMax: number = 1024 * 1024

// The number of a name is its place.
const changeTypes: readonly ConfChangeType[] = [
  'ConfChangeAddNode',
  'ConfChangeRemoveNode',
  'ConfChangeUpdateNode',
  'ConfChangeAddLearnerNode',
]
const transitions: readonly ConfChangeTransition[] = [
  'ConfChangeTransitionAuto',
  'ConfChangeTransitionJointImplicit',
  'ConfChangeTransitionJointExplicit',
]

export interface MarshalledConfChange {
  readonly type: EntryType
  readonly data?: Uint8Array | undefined
}

/**
 * The entry that carries the change. Without one it is the change that leaves a joint configuration, in no bytes at all, so
 * that no limit on sizes can hold it up. Throws `raft.invalid_conf_change`.
 */
export function marshalConfChange(change: AnyConfChange | undefined): MarshalledConfChange {
  if (change === undefined) return { type: 'EntryConfChangeV2' }
  const bytes: number[] = []
  if (change.version === 1) {
    writeNumber(bytes, 2, placeOf(changeTypes, change.type))
    writeNumber(bytes, 3, checkedId(change.nodeId))
  } else {
    writeNumber(bytes, 1, placeOf(transitions, change.transition))
    if (change.changes.length > confChangesMax) throw new InvalidConfChange(`has more than ${confChangesMax} changes`)
    for (const { type, nodeId } of change.changes) {
      const single: number[] = []
      writeNumber(single, 1, placeOf(changeTypes, type))
      writeNumber(single, 2, checkedId(nodeId))
      bytes.push((2 << 3) | 2)
      writeVarint(bytes, single.length)
      bytes.push(...single)
    }
  }
  const type = change.version === 1 ? 'EntryConfChange' : 'EntryConfChangeV2'
  return { type, data: withContext(bytes, change.version === 1 ? 4 : 3, change.context) }
}

/** Reads what an entry of this type carries. Throws `raft.invalid_conf_change`. */
export function unmarshalConfChange(type: EntryType, data: Uint8Array | undefined): AnyConfChange {
  const bytes = data ?? new Uint8Array()
  if (bytes.length > confChangeBytesMax) throw new InvalidConfChange(`has more than ${confChangeBytesMax} bytes`)
  if (type === 'EntryConfChange') return readV1(bytes)
  if (type === 'EntryConfChangeV2') return readV2(bytes)
  throw new InvalidConfChange(`is read from an entry of type ${type}`)
}

function readV1(bytes: Uint8Array): AnyConfChange {
  let { type, nodeId } = emptySingle
  let context: Uint8Array | undefined
  for (const field of fieldsOf(bytes)) {
    if (field.number === 2) type = nameAt(changeTypes, numberIn(field))
    else if (field.number === 3) nodeId = numberIn(field)
    else if (field.number === 4) context = bytesIn(field)
  }
  return context === undefined ? { version: 1, type, nodeId } : { version: 1, type, nodeId, context }
}

function readV2(bytes: Uint8Array): AnyConfChange {
  let transition: ConfChangeTransition = 'ConfChangeTransitionAuto'
  const changes: ConfChangeSingle[] = []
  let context: Uint8Array | undefined
  for (const field of fieldsOf(bytes)) {
    if (field.number === 1) transition = nameAt(transitions, numberIn(field))
    else if (field.number === 2) changes.push(readSingle(bytesIn(field)))
    else if (field.number === 3) context = bytesIn(field)
    if (changes.length > confChangesMax) throw new InvalidConfChange(`has more than ${confChangesMax} changes`)
  }
  return context === undefined ? { version: 2, transition, changes } : { version: 2, transition, changes, context }
}

// A field that is missing has its zero: the first type, and nobody.
const emptySingle: ConfChangeSingle = { type: 'ConfChangeAddNode', nodeId: 0 }

function readSingle(bytes: Uint8Array): ConfChangeSingle {
  let { type, nodeId } = emptySingle
  for (const field of fieldsOf(bytes)) {
    if (field.number === 1) type = nameAt(changeTypes, numberIn(field))
    else if (field.number === 2) nodeId = numberIn(field)
  }
  return { type, nodeId }
}

interface Field {
  readonly number: number
  /** Undefined for the fixed widths, which no field of ours has. */
  readonly value: number | Uint8Array | undefined
}

/** The fields in their order (protobuf encoding, wire types 0, 1, 2 and 5). */
function* fieldsOf(bytes: Uint8Array): Generator<Field> {
  let at = 0
  const varint = (): number => {
    let value = 0
    for (let shift = 0; shift < 10; shift++) {
      const byte = bytes[at++]
      if (byte === undefined) throw new InvalidConfChange('ends within a number')
      value += (byte & 0x7f) * 2 ** (7 * shift)
      if (!Number.isSafeInteger(value)) throw new InvalidConfChange('has a number above 2^53 - 1')
      if (byte < 0x80) return value
    }
    throw new InvalidConfChange('has a number of more than ten bytes')
  }
  const skip = (length: number): number => {
    if (length > bytes.length - at) throw new InvalidConfChange('ends within a field')
    at += length
    return at - length
  }
  while (at < bytes.length) {
    const key = varint()
    const number = Math.floor(key / 8)
    if (number === 0) throw new InvalidConfChange('has a field of number 0')
    const wireType = key % 8
    if (wireType === 0) yield { number, value: varint() }
    else if (wireType === 2) {
      const length = varint()
      const start = skip(length)
      yield { number, value: bytes.subarray(start, start + length) }
    } else if (wireType === 1 || wireType === 5) {
      skip(wireType === 1 ? 8 : 4)
      yield { number, value: undefined }
    } else throw new InvalidConfChange(`has a field of wire type ${wireType}`)
  }
}

function numberIn({ number, value }: Field): number {
  if (typeof value !== 'number') throw new InvalidConfChange(`has no number in field ${number}`)
  return value
}

function bytesIn({ number, value }: Field): Uint8Array {
  if (!(value instanceof Uint8Array)) throw new InvalidConfChange(`has no bytes in field ${number}`)
  return value
}

function nameAt<T>(names: readonly T[], place: number): T {
  const name = names[place]
  if (name === undefined)
    throw new InvalidConfChange(`has the number ${place} where one below ${names.length} is known`)
  return name
}

function placeOf<T>(names: readonly T[], name: T): number {
  const place = names.indexOf(name)
  if (place < 0)
    throw new InvalidConfChange(`has ${String(name).slice(0, 40)} where one of ${names.join(', ')} is known`)
  return place
}

function checkedId(id: MemberId): MemberId {
  if (!Number.isSafeInteger(id) || id < 0) throw new InvalidConfChange(`has the id ${String(id).slice(0, 40)}`)
  return id
}

function writeNumber(bytes: number[], field: number, value: number): void {
  bytes.push(field << 3)
  writeVarint(bytes, value)
}

function writeVarint(bytes: number[], value: number): void {
  let rest = value
  for (; rest >= 0x80; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128)
  bytes.push(rest)
}

function withContext(bytes: number[], field: number, context: Uint8Array | undefined): Uint8Array {
  const head = [...bytes]
  if (context !== undefined) {
    head.push((field << 3) | 2)
    writeVarint(head, context.length)
  }
  const total = head.length + (context?.length ?? 0)
  if (total > confChangeBytesMax) throw new InvalidConfChange(`has ${total} bytes, more than ${confChangeBytesMax}`)
  const whole = new Uint8Array(total)
  whole.set(head)
  if (context !== undefined) whole.set(context, head.length)
  return whole
}

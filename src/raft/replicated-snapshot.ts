/**
 * The content of a snapshot: all that a Replicated holds, as bytes in chunks. Unlike the log's records it is one piece that a
 * hash covers as a whole; where it is kept and how it travels is the log store's and the transport's matter.
 *
 * A length of 4 bytes, so many bytes of a header in JSON as the codec writes it, then the state to the end.
 */
import { jsonCodec } from '../base/codec.ts'
import { InvalidFrame } from './error.ts'
import type { Captured } from './replicated.ts'
import type { StateMachine } from './state-machine.ts'

const version = 1
const headerMaxBytes = 2 ** 28
const codec = jsonCodec({ sizeMaxBytes: headerMaxBytes })

/** The header is made at once, for sessions go on; the state as it is asked for. */
export function encodeCaptured<State, Command, Result>(
  machine: StateMachine<State, Command, Result>,
  { state, ...header }: Captured<State>,
): AsyncIterable<Uint8Array> {
  const bytes = codec.encode({ version, ...header })
  return chunksOf([lengthOf(bytes), bytes], machine.snapshot(state))
}

async function* chunksOf(
  head: readonly Uint8Array[],
  state: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): AsyncIterable<Uint8Array> {
  yield* head
  yield* state
}

/** What stands before the state. */
export type CapturedHeader = Omit<Captured<unknown>, 'state'>

/** Throws `raft.invalid_frame`, or what the machine's `restore` throws. */
export async function decodeCaptured<State, Command, Result>(
  machine: StateMachine<State, Command, Result>,
  content: AsyncIterable<Uint8Array>,
): Promise<Captured<State>> {
  const { header, rest } = await opened(content)
  const state = await machine.restore(rest)
  return { ...header, state }
}

/** The same content with another header; the state passes as it is. Fails with `raft.invalid_frame`. */
export async function* rewriteCaptured(
  content: AsyncIterable<Uint8Array>,
  change: (header: CapturedHeader) => CapturedHeader,
): AsyncGenerator<Uint8Array> {
  const { header, rest } = await opened(content)
  const bytes = codec.encode({ version, ...change(header) })
  yield lengthOf(bytes)
  yield bytes
  yield* rest
}

function lengthOf(bytes: Uint8Array): Uint8Array {
  const length = Buffer.alloc(4)
  length.writeUInt32LE(bytes.length)
  return length
}

async function opened(
  content: AsyncIterable<Uint8Array>,
): Promise<{ readonly header: CapturedHeader; readonly rest: AsyncIterable<Uint8Array> }> {
  const iterator = content[Symbol.asyncIterator]()
  let held: Uint8Array = new Uint8Array()
  const take = async (bytes: number): Promise<Uint8Array> => {
    const parts = [held]
    let have = held.length
    while (have < bytes) {
      const { done, value } = await iterator.next()
      if (done === true) throw new InvalidFrame('of a snapshot ends too early')
      parts.push(value)
      have += value.length
    }
    const whole = Buffer.concat(parts)
    held = whole.subarray(bytes)
    return whole.subarray(0, bytes)
  }
  const length = Buffer.from(await take(4)).readUInt32LE()
  if (length > headerMaxBytes) throw new InvalidFrame('of a snapshot has a header that is too long')
  const decoded = codec.decode(await take(length)) as { readonly version: number } & CapturedHeader
  if (decoded.version !== version) throw new InvalidFrame(`of a snapshot is of version ${decoded.version}`)
  const { version: _version, ...header } = decoded
  return { header, rest: restOf(held, iterator) }
}

async function* restOf(held: Uint8Array, iterator: AsyncIterator<Uint8Array>): AsyncIterable<Uint8Array> {
  if (held.length > 0) yield held
  for (;;) {
    const { done, value } = await iterator.next()
    if (done === true) return
    yield value
  }
}

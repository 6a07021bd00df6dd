/**
 * Pending: one call that waits for its outcome through the log. Unlike an entry it is this member's alone, and unlike a promise it
 * knows whether anything of it may be under way. Data, and its two forms on the way; replica-proposals.ts moves it.
 */
import type { DeadlineEntry } from '../base/deadlines.ts'
import { encodeCommand, encodeEnvelope } from './command-envelope.ts'
import type { Operation } from './control-frame.ts'
import type { Entry } from './core/message.ts'

export interface Pending extends DeadlineEntry {
  readonly kind: 'command' | 'register' | 'close'
  /** 0: that of the replica, which is not known yet. */
  session: number
  /** Whether the replica chose the session, and may choose another while nothing is under way. */
  readonly own: boolean
  /** Whether it repeats a key: an earlier attempt may have been applied, whatever becomes of this one. */
  readonly repeated: boolean
  sequence: number
  readonly command: Uint8Array
  /** Of a registration. */
  readonly nonce: string
  readonly timeoutMs: number
  /** Times that it was given away, less those that came back refused: above 0 it may yet be applied. */
  attempts: number
  /** In the queue of those to be given away. */
  queued: boolean
  done: boolean
  /** When it was last given to another member, in monotonic ms; 0 when it is in the log of this one. */
  sentMs: number
  readonly resolve: (value: unknown) => void
  readonly reject: (error: Error) => void
  readonly release: (() => void) | undefined
}

/** What the leader appends; `timeMs` is its own. */
export function entryOf(operation: Pending | Operation, timeMs: number, acknowledged: number): Entry {
  return { term: 0, index: 0, type: 'EntryNormal', data: dataOf(operation, timeMs, acknowledged) }
}

function dataOf(operation: Pending | Operation, timeMs: number, acknowledged: number): Uint8Array {
  const kind = 'op' in operation ? operation.op : operation.kind
  const { session, sequence, command, nonce, timeoutMs } = operation as Pending
  if (kind === 'register') return encodeEnvelope({ kind, timeMs, timeoutMs, nonce })
  if (kind === 'close') return encodeEnvelope({ kind, timeMs, session })
  return encodeCommand(timeMs, session, sequence, acknowledged, command)
}

/** What goes to the leader. */
export function operationOf(pending: Pending, acknowledged: number): Operation {
  const { kind, nonce, timeoutMs, session, sequence, command } = pending
  if (kind === 'register') return { op: 'register', nonce, timeoutMs }
  if (kind === 'close') return { op: 'close', session }
  return { op: 'command', session, sequence, acknowledged, command }
}

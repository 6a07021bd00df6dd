/**
 * Letter: one message on its way to an actor, with who waits for what becomes of it. A send that wants nothing is the letter
 * alone; calls, receipts, priorities and conversations hang on `extra`, so that the usual send stays small.
 */
import type { ActorRef, Receipt } from './actor.ts'

export type Priority = 'high' | 'normal' | 'low'

/** An actor as what it sends knows it. */
export interface Sender {
  readonly ref: ActorRef
  readonly text: string
}

export class Letter {
  readonly name: string
  readonly message: unknown
  readonly sender: Sender | undefined
  readonly extra: Extra | undefined

  constructor(name: string, message: unknown, sender: Sender | undefined, extra: Extra | undefined) {
    this.name = name
    this.message = message
    this.sender = sender
    this.extra = extra
  }
}

export interface Extra {
  readonly priority: Priority
  readonly correlation: string | undefined
  /** Who waits for the result. */
  readonly call: PendingCall | undefined
  /** Who waits for a receipt, and of what. */
  readonly receipt: ReceiptWaiter | undefined
  /** Of a timer of the actor itself. */
  readonly reminder?: Reminder | undefined
}

/** What a timer of an incarnation has sent: it is for that incarnation, and not once the timer is cancelled. */
export interface Reminder {
  readonly incarnation: number
  cancelled: boolean
  /** Sent, and not in hand yet. */
  waiting: boolean
}

/** What a send has that wants nothing but its conversation. */
export const plainExtra = { priority: 'normal', call: undefined, receipt: undefined } as const

/** A call that was sent and has not ended. It ends once; what comes later is dropped. */
export interface PendingCall {
  readonly frame: CallFrame | undefined
  /** When it gives up, on the monotonic clock. */
  readonly dueMs: number
  readonly settled: boolean
  /** It ended because the caller gave up. */
  readonly abandoned: boolean
  resolve(value: unknown): boolean
  reject(error: Error): boolean
  /** Told when the caller gives up first. */
  onAbandon: (() => void) | undefined
  /** Told when it ends, however it does. */
  onSettled: (() => void) | undefined
}

/** A handler that makes calls: who waits for their answers. */
export interface CallFrame {
  readonly caller: Sender
  /** The call that the caller is handling meanwhile. */
  readonly up: PendingCall | undefined
  /** False once the caller's handler has ended: it waits no more. */
  active: boolean
}

export interface ReceiptWaiter {
  readonly delivery: 'enqueued' | 'processed'
  readonly tell: (receipt: Receipt) => void
  /** Whoever waited was told that it took too long. */
  readonly expired?: boolean
}

/** The errors of the bus, one class a cause, the same on every driver. */
import { ColloquyError } from '../base/error.ts'

export class InvalidSubject extends ColloquyError {
  override readonly code = 'bus.invalid_subject'
  readonly subject: string
  constructor(subject: string, mend: string) {
    super(`the subject ${JSON.stringify(subject.slice(0, 80))} ${mend}`)
    this.subject = subject
  }
}

export class InvalidHeader extends ColloquyError {
  override readonly code = 'bus.invalid_header'
  constructor(name: string, mend: string) {
    super(`the header ${JSON.stringify(name.slice(0, 80))} ${mend}`)
  }
}

export class PayloadTooLarge extends ColloquyError {
  override readonly code = 'bus.payload_too_large'
  readonly maxBytes: number
  readonly actualBytes: number
  constructor(maxBytes: number, actualBytes: number) {
    super(`the bus takes ${maxBytes} bytes a message and this one has ${actualBytes}; send a reference, or raise the limit on all sides`)
    this.maxBytes = maxBytes
    this.actualBytes = actualBytes
  }
}

/** Nobody was subscribed to the subject of a request. */
export class NoResponders extends ColloquyError {
  override readonly code = 'bus.no_responders'
  readonly subject: string
  constructor(subject: string) {
    super(`nobody listens on ${subject}; start the service or check the subject`)
    this.subject = subject
  }
}

/** Somebody listens, and no answer came in time. */
export class RequestTimeout extends ColloquyError {
  override readonly code = 'bus.timeout'
  readonly subject: string
  readonly timeoutMs: number
  constructor(subject: string, timeoutMs: number) {
    super(`no answer on ${subject} within ${timeoutMs} ms; raise timeoutMs or look why the responder is slow`)
    this.subject = subject
    this.timeoutMs = timeoutMs
  }
}

/** A subscription with `overflow: 'error'` met its bound. */
export class SlowConsumer extends ColloquyError {
  override readonly code = 'bus.slow_consumer'
  readonly subject: string
  constructor(subject: string, pendingMax: number) {
    super(`the subscription to ${subject} held ${pendingMax} messages; consume faster, add members to a queue group, or raise pendingMax`)
    this.subject = subject
  }
}

export class BusClosed extends ColloquyError {
  override readonly code = 'bus.closed'
  constructor(options?: ErrorOptions) {
    super('the bus is closed or draining; connect again', options)
  }
}

/** The errors of the bus, one class a cause, the same on every driver. */
import { ColloquyError } from '../base/error.ts'

export class InvalidSubject extends ColloquyError {
  override readonly code = 'bus.invalid_subject'
  readonly subject: string
  /** `subject` is what was given, of any type. */
  constructor(subject: unknown, mend: string) {
    const text = String(subject)
    super(`the subject ${JSON.stringify(text.slice(0, 80))} ${mend}`)
    this.subject = text
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
    super(
      `the bus takes ${maxBytes} bytes a message and this one has ${actualBytes}; send a reference, or raise the limit on all sides`,
    )
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

/** A subscription with `overflow: 'error'`, or the answers to a `requestMany`, met a bound. */
export class SlowConsumer extends ColloquyError {
  override readonly code = 'bus.slow_consumer'
  readonly subject: string
  readonly pendingMax: number
  readonly pendingMaxBytes: number
  constructor(subject: string, pendingMax: number, pendingMaxBytes: number) {
    super(
      `the consumer of ${subject} let ${pendingMax} messages or ${pendingMaxBytes} bytes wait; consume faster, share the work in a queue group, or raise pendingMax and pendingMaxBytes`,
    )
    this.subject = subject
    this.pendingMax = pendingMax
    this.pendingMaxBytes = pendingMaxBytes
  }
}

/** A subscription was taken a second time: it has one consumer, which either iterates or gave a handler to `each`. */
export class AlreadyConsumed extends ColloquyError {
  override readonly code = 'bus.already_consumed'
  readonly subject: string
  constructor(subject: string) {
    super(`the subscription to ${subject} has its consumer; subscribe again for a second one`)
    this.subject = subject
  }
}

export class BusClosed extends ColloquyError {
  override readonly code = 'bus.closed'
  constructor(options?: ErrorOptions) {
    super('the bus is closed or draining; connect again', options)
  }
}

/** The connection broke before the server confirmed what a flush waited for. */
export class Disconnected extends ColloquyError {
  override readonly code = 'bus.disconnected'
  /** Publishes before the flush that may be lost. */
  readonly unconfirmed: number
  constructor(unconfirmed: number, options?: ErrorOptions) {
    super(
      `the connection broke and ${unconfirmed} ${unconfirmed === 1 ? 'message' : 'messages'} published before may be lost; publish again what matters and can bear to come twice`,
      options,
    )
    this.unconfirmed = unconfirmed
  }
}

/** More is published than the bound for what the server has not confirmed: it is away, or slower than the publisher. */
export class BufferFull extends ColloquyError {
  override readonly code = 'bus.buffer_full'
  readonly messagesMax: number
  readonly bytesMax: number
  constructor(messagesMax: number, bytesMax: number) {
    super(
      `${messagesMax} messages or ${bytesMax} bytes wait for the server; await flush() now and then, watch status(), or raise the bounds`,
    )
    this.messagesMax = messagesMax
    this.bytesMax = bytesMax
  }
}

/** The server does not let this user publish or subscribe there. */
export class PermissionDenied extends ColloquyError {
  override readonly code = 'bus.permission_denied'
  readonly operation: 'publish' | 'subscribe'
  readonly subject: string
  constructor(operation: 'publish' | 'subscribe', subject: string) {
    super(`the server does not let this user ${operation} to ${subject}; change the user's permissions or the subject`)
    this.operation = operation
    this.subject = subject
  }
}

/** The server refused the credentials, or they expired. Which they were is not said. */
export class Unauthorized extends ColloquyError {
  override readonly code = 'bus.unauthorized'
  readonly server: string
  constructor(server: string, options?: ErrorOptions) {
    super(`${server} refused the credentials; check the user, token, key or certificate given for it`, options)
    this.server = server
  }
}

/** No server could be reached. */
export class ConnectFailed extends ColloquyError {
  override readonly code = 'bus.connect_failed'
  readonly servers: readonly string[]
  constructor(servers: readonly string[], options?: ErrorOptions) {
    super(`no connection to ${servers.join(', ')}; start a server there or check the address`, options)
    this.servers = servers
  }
}

/** The server said that something is wrong, in its own words; it may close the connection. */
export class ServerRefused extends ColloquyError {
  override readonly code = 'bus.server_refused'
  readonly reason: string
  constructor(reason: string, options?: ErrorOptions) {
    super(`the server said: ${reason.slice(0, 200)}`, options)
    this.reason = reason.slice(0, 200)
  }
}

/** The server cannot listen there: the port is taken, or the address is not one of this machine. */
export class ListenFailed extends ColloquyError {
  override readonly code = 'bus.listen_failed'
  readonly host: string
  readonly port: number
  constructor(host: string, port: number, options?: ErrorOptions) {
    super(`cannot listen on port ${port} of ${host}; ${listenMend(options?.cause)}`, options)
    this.host = host
    this.port = port
  }
}

function listenMend(cause: unknown): string {
  const { code } = (cause ?? {}) as { readonly code?: unknown }
  switch (code) {
    case 'EADDRINUSE':
      return 'stop what listens there, or choose another port'
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'that host is not of this machine; choose one that is, such as 127.0.0.1 or 0.0.0.0'
    case 'EACCES':
      return 'this user may not listen there; choose a port of 1024 or above'
    default:
      return 'stop what listens there, or choose another port or host'
  }
}

/** A client did not come to TLS: it broke off, does not speak it, or its certificate is refused. */
export class HandshakeFailed extends ColloquyError {
  override readonly code = 'bus.handshake_failed'
  readonly remote: string
  constructor(remote: string, options?: ErrorOptions) {
    super(`the TLS handshake with ${remote} failed; check the certificates on both sides`, options)
    this.remote = remote
  }
}

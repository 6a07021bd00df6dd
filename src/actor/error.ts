/** The errors of actors, one class a cause. What a sender is told in a receipt is the same, as a word: `Undelivered`. */
import { ColloquyError } from '../base/error.ts'

/** The mailbox of the callee held its limit. */
export class MailboxFull extends ColloquyError {
  override readonly code = 'actor.mailbox_full'
  readonly address: string
  constructor(address: string, limit: number) {
    super(
      `${address} has ${limit} messages waiting; slow the senders, raise mailbox.limit, or share the work in a pool`,
    )
    this.address = address
  }
}

/** No answer before the deadline. The callee may still handle the message. */
export class CallTimeout extends ColloquyError {
  override readonly code = 'actor.call_timeout'
  readonly address: string
  readonly messageName: string
  readonly timeoutMs: number
  constructor(address: string, name: string, timeoutMs: number) {
    super(`${address} did not answer ${name} within ${timeoutMs} ms; raise timeoutMs or look why it is slow`)
    this.address = address
    this.messageName = name
    this.timeoutMs = timeoutMs
  }
}

/** The callee waits, through others or not, for whoever calls it: nobody would ever answer. */
export class CallCycle extends ColloquyError {
  override readonly code = 'actor.call_cycle'
  /** The actors of the cycle, the callee first and last. */
  readonly cycle: readonly string[]
  constructor(cycle: readonly string[]) {
    super(`the call would wait for itself: ${cycle.join(' -> ')}; send instead, or make the callee reentrant`)
    this.cycle = cycle
  }
}

/** The callee's handler threw; `cause` is what. */
export class CallFailed extends ColloquyError {
  override readonly code = 'actor.call_failed'
  readonly address: string
  constructor(address: string, name: string, options: ErrorOptions) {
    super(`${address} failed in ${name}; the cause says why, and its supervisor restarts it or not`, options)
    this.address = address
  }
}

/** The actor has ended, or ended before it answered. */
export class NotRunning extends ColloquyError {
  override readonly code = 'actor.not_running'
  readonly address: string
  constructor(address: string, options?: ErrorOptions) {
    super(`${address} is not running; look in its supervisor why it ended`, options)
    this.address = address
  }
}

/** The actor has no handler of this name. */
export class UnknownMessage extends ColloquyError {
  override readonly code = 'actor.unknown_message'
  readonly messageName: string
  constructor(type: string, name: string) {
    super(
      `an actor of type ${type} has no handler ${JSON.stringify(name.slice(0, 80))}; check the protocol and its version`,
    )
    this.messageName = name.slice(0, 80)
  }
}

/** `state` or `init` threw; `cause` is what. */
export class StartFailed extends ColloquyError {
  override readonly code = 'actor.start_failed'
  readonly address: string
  constructor(address: string, options: ErrorOptions) {
    super(`${address} failed to start; the cause says why`, options)
    this.address = address
  }
}

/** A handler had not settled after `handlerTimeoutMs`. */
export class HandlerTimeout extends ColloquyError {
  override readonly code = 'actor.handler_timeout'
  constructor(address: string, name: string, timeoutMs: number) {
    super(
      `the handler ${name} of ${address} has not settled for ${timeoutMs} ms; heed ctx.signal, or raise handlerTimeoutMs`,
    )
  }
}

/** It failed more often than its supervisor bears. */
export class RestartIntensity extends ColloquyError {
  override readonly code = 'actor.restart_intensity'
  constructor(what: string, intensity: number, periodMs: number, options?: ErrorOptions) {
    super(`${what} failed more than ${intensity} times within ${periodMs} ms and is given up; mend the cause`, options)
  }
}

export class NameTaken extends ColloquyError {
  override readonly code = 'actor.name_taken'
  constructor(name: string) {
    super(`the name ${JSON.stringify(name)} belongs to a running actor; choose another or stop that one`)
  }
}

export class StashFull extends ColloquyError {
  override readonly code = 'actor.stash_full'
  constructor(address: string, max: number) {
    super(`${address} has put ${max} messages aside; unstash them or raise stashMax`)
  }
}

/** The context of a handler was used after its incarnation had ended. */
export class StaleContext extends ColloquyError {
  override readonly code = 'actor.stale_context'
  constructor(address: string) {
    super(`an incarnation of ${address} that has ended tried to act; heed ctx.signal in what runs on after an await`)
  }
}

/** A group without members was asked. */
export class GroupEmpty extends ColloquyError {
  override readonly code = 'actor.not_running'
  readonly address: string
  constructor(address: string) {
    super(`${address} has no members; let an actor join it first`)
    this.address = address
  }
}

/** No event of this name is defined, or it has ended. */
export class UnknownEvent extends ColloquyError {
  override readonly code = 'actor.unknown_event'
  readonly event: string
  constructor(event: string) {
    super(`there is no event ${JSON.stringify(event)}; define it before others subscribe or publish`)
    this.event = event
  }
}

export class EventTaken extends ColloquyError {
  override readonly code = 'actor.event_taken'
  readonly event: string
  constructor(event: string) {
    super(`the event ${JSON.stringify(event)} is defined already, not by the same owner; choose another name or end it`)
    this.event = event
  }
}

/** The event may be published only with the token its producer was given, and the latest one. */
export class EventToken extends ColloquyError {
  override readonly code = 'actor.event_token'
  readonly event: string
  constructor(event: string) {
    super(`publishing ${JSON.stringify(event)} needs the token of its producer; ask whoever defined it`)
    this.event = event
  }
}

/** A persistent actor was started where no journal is. */
export class JournalMissing extends ColloquyError {
  override readonly code = 'actor.journal_missing'
  constructor(type: string) {
    super(`an actor of type ${type} keeps its events in a journal; give actorSystem() one, or spawn it on a node`)
  }
}

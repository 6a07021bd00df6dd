/**
 * Refusal: how whoever waits is told that a letter was not handled. Unlike dead letters it tells the sender, and only one
 * that asked: an error costs its stack, and most of what is dropped was sent by somebody who does not wait.
 */
import { toError } from '../base/error.ts'
import type { Undelivered } from './actor.ts'
import { CallFailed, MailboxFull, NotRunning, UnknownMessage } from './error.ts'
import type { Letter } from './letter.ts'

/** The actor it was for, as errors name it. */
export interface Addressee {
  readonly text: string
  readonly options: {
    readonly spec: { readonly type: string }
    readonly limits: { readonly limit: number }
  }
}

/** `cause`: what the handler threw, the reason of the end, or what the codec said. */
export function refuseLetter(to: Addressee, letter: Letter, reason: Undelivered, cause: unknown): void {
  const call = letter.extra?.call
  const receipt = letter.extra?.receipt
  if ((!call || call.settled) && !receipt) return
  const error = errorOf(to, letter, reason, cause)
  call?.reject(error)
  receipt?.tell({ ok: false, delivery: receipt.delivery, reason, error })
}

function errorOf(to: Addressee, letter: Letter, reason: Undelivered, cause: unknown): Error {
  switch (reason) {
    case 'mailbox_full':
    case 'mailbox_dropped':
      return new MailboxFull(to.text, to.options.limits.limit)
    case 'unknown_message':
      return new UnknownMessage(to.options.spec.type, letter.name)
    case 'handler_failed':
      return new CallFailed(to.text, letter.name, { cause: toError(cause) })
    case 'not_encodable':
    case 'message_too_large':
      return toError(cause)
    case 'not_running':
    case 'expired':
    case 'late_reply':
    default:
      return new NotRunning(to.text, cause === undefined ? undefined : { cause })
  }
}

/**
 * Errors of the servers that tests start. Unlike the errors of `src/`, nobody outside this repository meets them. None
 * holds a token or a password: what a server printed is cleaned before it gets here.
 */
import { ColloquyError } from '../src/base/error.ts'

/** What a test needs cannot be had on this machine. `tried` tells what was looked at, and why each was not it. */
export class ServerMissing extends ColloquyError {
  override readonly code = 'servers.missing'
  readonly mend: string
  readonly tried: readonly string[]
  constructor(what: string, mend: string, tried: readonly string[]) {
    super([`${what} is missing: ${mend}`, ...tried.map((line) => `- ${line}`)].join('\n'))
    this.mend = mend
    this.tried = tried
  }
}

/** Of a long log the end tells why; all of it is in `log`. */
const logShownMax = 4000

/** A server ended before it answered, or did not answer in time. `log` is what it printed. */
export class ServerFailed extends ColloquyError {
  override readonly code = 'servers.failed'
  readonly log: string
  constructor(what: string, log: string, options?: ErrorOptions) {
    super(`${what}; its log:\n${log === '' ? '(empty)' : log.slice(-logShownMax)}`, options)
    this.log = log
  }
}

/** A server was asked for something that it cannot do now, or was not started for. */
export class ServerUnable extends ColloquyError {
  override readonly code = 'servers.unable'
}

/**
 * Later: an answer that its handler does not give itself. It holds the caller that waits; the cell sees it come back from
 * the handler and leaves the caller to whoever holds it.
 */
import type { Later } from './actor.ts'
import type { PendingCall } from './letter.ts'

export class LaterAnswer<Result> implements Later<Result> {
  readonly #call: PendingCall | undefined

  constructor(call: PendingCall | undefined) {
    this.#call = call
  }

  resolve(value: Result): boolean {
    return this.#call?.resolve(value) ?? false
  }

  reject(error: Error): boolean {
    return this.#call?.reject(error) ?? false
  }
}

export function isLater(value: unknown): boolean {
  return isOf(LaterAnswer, value)
}

/** Of a message that somebody else has now, with all who wait for it. */
export class ForwardedAnswer extends LaterAnswer<never> {
  constructor() {
    super(undefined)
  }
}

export function isForwarded(value: unknown): boolean {
  return isOf(ForwardedAnswer, value)
}

/** What a handler returned may be a proxy that throws when it is looked at. */
function isOf(kind: typeof LaterAnswer | typeof ForwardedAnswer, value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  try {
    return value instanceof kind
  } catch {
    return false
  }
}

/**
 * Turns: those who want to write to one stream through one journal object go one after another. Unlike a lock it keeps
 * nothing right, the expected version does that; it spares the writers of one process the conflicts that they would only
 * have with each other. Whoever writes from elsewhere stands in no line.
 */
import { Aborted, LimitExceeded } from '../base/error.ts'

interface Line {
  /** Who waits and who works. */
  count: number
  /** When the last of them has ended. Never rejects. */
  tail: Promise<void>
}

const lines = new WeakMap<object, Map<string, Line>>()

export interface TurnOptions {
  /** Who may stand in a line, the one that works included; one more gets `base.limit_exceeded`. */
  readonly waitingMax: number
  /** Ends the waiting with `base.aborted`; not the work. */
  readonly signal?: AbortSignal | undefined
}

/** Runs the work when all that came before, of this owner and name, have ended. */
export async function inTurn<T>(
  owner: object,
  name: string,
  { waitingMax, signal }: TurnOptions,
  work: () => Promise<T>,
): Promise<T> {
  let named = lines.get(owner)
  if (!named) lines.set(owner, (named = new Map()))
  let line = named.get(name)
  if (!line) named.set(name, (line = { count: 0, tail: Promise.resolve() }))
  if (line.count >= waitingMax) throw new LimitExceeded('waitingMax', waitingMax, line.count + 1)
  const before = line.tail
  const { promise: ended, resolve: end } = Promise.withResolvers<void>()
  line.count++
  line.tail = before.then(() => ended)
  try {
    await unlessAborted(before, signal, `waiting to write to ${name}`)
    return await work()
  } finally {
    end()
    if (--line.count === 0) named.delete(name)
  }
}

async function unlessAborted(work: Promise<void>, signal: AbortSignal | undefined, what: string): Promise<void> {
  if (!signal) return work
  const { promise: cut, reject } = Promise.withResolvers<never>()
  const onAbort = () => reject(new Aborted(what, { cause: signal.reason }))
  if (signal.aborted) onAbort()
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    await Promise.race([work, cut])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

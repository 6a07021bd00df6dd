/**
 * A clock that moves only when told, for tests and for runs that must be the same byte for byte. Unlike the simulator's
 * clock it knows nothing of what is runnable: `advance` fires the timers that fall due, in order, and lets pending
 * promises settle between them.
 */
import { type Clock, type Timer, checkDelay } from './clock.ts'
import { InvalidArgument } from './error.ts'

interface Entry {
  readonly atMs: number
  readonly order: number
  readonly callback: () => void
}

export interface ManualClock extends Clock {
  /** Moves time by `ms`, firing what falls due; resolves when the promises those timers settled have run. */
  advance(ms: number): Promise<void>
  /** Sets the wall time without moving the monotonic time, as an operator or NTP does. */
  setNow(epochMs: number): void
  /** Timers that wait. */
  readonly pending: number
}

/** A manual clock whose wall time starts at `startMs` (default 2026-01-01T00:00:00Z). */
export function manualClock(startMs = 1_767_225_600_000): ManualClock {
  const entries = new Set<Entry>()
  let elapsedMs = 0
  let offsetMs = startMs
  let order = 0

  const nextDue = (untilMs: number): Entry | undefined => {
    let first: Entry | undefined
    for (const entry of entries) {
      if (entry.atMs > untilMs) continue
      if (!first || entry.atMs < first.atMs || (entry.atMs === first.atMs && entry.order < first.order)) first = entry
    }
    return first
  }

  return {
    now: () => offsetMs + elapsedMs,
    monotonicMs: () => elapsedMs,
    timer(delayMs, callback): Timer {
      checkDelay(delayMs)
      const entry = { atMs: elapsedMs + Math.max(0, delayMs), order: order++, callback }
      entries.add(entry)
      return { cancel: () => void entries.delete(entry) }
    },
    async advance(ms) {
      if (!(ms >= 0 && ms < Number.POSITIVE_INFINITY))
        throw new InvalidArgument('ms', 'must be zero or more and finite: monotonic time never goes back')
      const untilMs = elapsedMs + ms
      await settle()
      for (let due = nextDue(untilMs); due; due = nextDue(untilMs)) {
        entries.delete(due)
        elapsedMs = due.atMs
        due.callback()
        await settle()
      }
      elapsedMs = untilMs
    },
    setNow(epochMs) {
      offsetMs = epochMs - elapsedMs
    },
    get pending() {
      return entries.size
    },
  }
}

/** Lets every promise that is ready run: one turn of the event loop drains all microtasks queued before and within it. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/**
 * The order of two positions. A position is opaque, so nobody may compare two of them by their text; but a journal tells how
 * many events at most lie behind each, and what has fewer behind it is further on. Unlike a comparison of numbers this holds
 * on every driver with one order. It tells too whether an event is still there. It reads the journal and changes nothing.
 */
import type { Journal, Position, Recorded } from './journal.ts'
import { start } from './journal.ts'

type Order = Pick<Journal, 'behind'>

/** False when the event was erased. */
export async function isKept(
  journal: Pick<Journal, 'read'>,
  { stream, version }: Pick<Recorded, 'stream' | 'version'>,
): Promise<boolean> {
  for await (const first of journal.read(stream, { fromVersion: version, limit: 1 })) return first.version === version
  return false
}

/** How often the head may move between two questions before the answer is the cautious one. */
const triesMax = 64

/** True when `at` is `position` or comes after it. Rejects with `journal.invalid_position`. */
export async function isPast(journal: Order, at: Position, position: Position): Promise<boolean> {
  if (at === position || position === start) return true
  if (at === start) return false
  for (let tries = 0; tries < triesMax; tries++) {
    // Events may be appended between the questions. The first and the last bracket the middle one, so that an answer
    // outside of them is certain.
    const before = await journal.behind(position)
    const middle = await journal.behind(at)
    if (middle <= before) return true
    if (middle > (await journal.behind(position))) return false
  }
  return false
}

/** How many of these events, which are in order, lie at a position or before it. */
export async function countUpTo(journal: Order, events: readonly Recorded[], position: Position): Promise<number> {
  let low = 0
  let high = events.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (await isPast(journal, position, (events[middle] as Recorded).position)) low = middle + 1
    else high = middle
  }
  return low
}

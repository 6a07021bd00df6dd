/**
 * Which way a quote bears for a side of a debate, by what its speaker said that it bears on. Unlike a polarity of `bearing.ts` no text is
 * read. Pure.
 */
import type { Quote, Side } from '../participant.ts'

/** 1: the way that the side argues; -1: the other way; 0: neither. */
export function wayOf(side: Pick<Side, 'position' | 'bearing'>, bearing: Quote['bearing']): number {
  if (!bearing) return 0
  const option = side.bearing?.option ?? side.position
  const direction = side.bearing?.direction ?? 'for'
  // To speak against another option is to speak for one's own, where one is for something.
  if (bearing.option !== option) return direction === 'for' && bearing.direction === 'against' ? 1 : 0
  return bearing.direction === direction ? 1 : -1
}

/**
 * How much of a text is new, and how alike two texts are, by the runs of three words in them (shingles; Broder 1997). It knows words, not
 * meaning: the same argument in other words counts as new, which is said wherever the measure is used. Pure.
 */

/** Runs of three words, in lower case without marks; of a shorter text the whole of it. */
export function shinglesOf(text: string): ReadonlySet<string> {
  const words = text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? []
  if (words.length === 0) return new Set()
  if (words.length < 3) return new Set([words.join(' ')])
  return new Set(words.slice(2).map((word, at) => `${words[at]} ${words[at + 1]} ${word}`))
}

/** Jaccard index: what both have of what either has, from 0 to 1; two empty texts are alike. */
export function similarity(one: ReadonlySet<string>, other: ReadonlySet<string>): number {
  if (one.size === 0 && other.size === 0) return 1
  let both = 0
  for (const each of one) if (other.has(each)) both++
  return both / (one.size + other.size - both)
}

/** Share of the first that the other does not hold, from 0 to 1; nothing is new in an empty text. */
export function noveltyOf(text: ReadonlySet<string>, known: ReadonlySet<string>): number {
  if (text.size === 0) return 0
  let fresh = 0
  for (const each of text) if (!known.has(each)) fresh++
  return fresh / text.size
}

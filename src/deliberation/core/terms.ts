/**
 * Terms: free text as the words that a search and a comparison work with: folded, stemmed, without the words that every
 * text has. Unlike the index it reads single sentences and keeps the order. Pure.
 */
import { stem } from './stem.ts'

export interface Term {
  /** Lower case, without diacritics. */
  readonly word: string
  readonly stem: string
}

const wordForm = /[\p{L}\p{N}\p{Co}]+/gu
const marks = /\p{M}+/gu
/** Beyond ASCII a word may need folding; within it, lower case is all. */
const beyondAscii = /[^\0-\x7f]/

/** The words of a text in order, stop words included: cut where neither letter nor digit stands, as the index cuts. */
export function termsOf(text: string): Term[] {
  const folded = beyondAscii.test(text) ? text.normalize('NFD').replace(marks, '') : text
  return Array.from(folded.toLowerCase().matchAll(wordForm), ([word]) => ({ word, stem: stem(word) }))
}

/** The stems that carry meaning, each once, in order of first appearance. */
export function stemsOf(text: string): Set<string> {
  return new Set(
    termsOf(text)
      .filter((term) => !isStopWord(term.word))
      .map((term) => term.stem),
  )
}

/** True for the words that say nothing about what a text is about. */
export function isStopWord(word: string): boolean {
  return stopWords.has(word)
}

const stopWords: ReadonlySet<string> = new Set(
  `a about above after again all also am an and any are aren as at be because been before being below between both but by
  can cannot could couldn d did didn do does doesn doing don down during each else ever every few for from further get gets
  had hadn has hasn have haven having he her here hers him his how i if in into is isn it its itself just ll m may me might
  more most much must my no nor not now of off on once one only or other our ours out over own per rather re s same shall
  she should shouldn so some such t than that the their theirs them then there these they this those through to too under
  until up upon us use used uses using ve very via was wasn we were weren what when where which while who whom whose why
  will with within without won would wouldn yes yet you your yours`.split(/\s+/),
)

/** What the evidence knows of words; a `PassageIndex` is one. */
export interface Lexicon {
  passagesWith(stem: string): number
  rarity(stem: string): number
}

/** A set of stems with what each is worth. */
export type WeightedStems = ReadonlyMap<string, number>

/**
 * How much of what is wanted a text has, 0 to 1: the weights of the wanted stems that are there, as a share of the
 * `enough` heaviest. A long list of wants is met by a few of them; one want by itself alone.
 */
export function coverage(wanted: WeightedStems, present: ReadonlySet<string>, enough: number): number {
  const full = [...wanted.values()]
    .sort((a, b) => b - a)
    .slice(0, enough)
    .reduce((sum, weight) => sum + weight, 0)
  if (full === 0) return 0
  let met = 0
  for (const [stem, weight] of wanted) if (present.has(stem)) met += weight
  return Math.min(1, met / full)
}

/** How alike two texts are, 0 to 1: the weight of the stems they share against the weight of all they have. */
export function similarity(
  one: ReadonlySet<string>,
  other: ReadonlySet<string>,
  weightOf: (stem: string) => number,
): number {
  let shared = 0
  let all = 0
  for (const stem of one.union(other)) {
    const weight = weightOf(stem)
    all += weight
    if (one.has(stem) && other.has(stem)) shared += weight
  }
  return all === 0 ? 0 : shared / all
}

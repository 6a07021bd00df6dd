/**
 * What tells the options of an agenda apart: "Use SQLite" and "Write our own log" become the words that only one of them
 * has. It knows words, not meanings: an option that the evidence calls by another name is not found, and said to be so.
 * Pure.
 */
import { isStopWord, termsOf } from './terms.ts'
import type { Lexicon, Term, WeightedStems } from './terms.ts'

export interface OptionProfile {
  readonly option: string
  /** Its distinctive stems that occur in the evidence; the rarer, and the fewer options share it, the heavier. */
  readonly terms: WeightedStems
  /** Stems that follow each other in the option: "own log" says more than "own" and "log" apart. */
  readonly pairs: readonly (readonly [string, string])[]
  /** Those of its terms that are written like names ("LMDB or LevelDB store"): one of them is enough. */
  readonly names: ReadonlySet<string>
  /** -1: the option is the refusal of what its words name ("Do not ...", "No"). */
  readonly sign: 1 | -1
}

/** Words of doing that options begin with and that tell none of them apart. */
const generic = new Set(
  `add adopt allow approach build choose create do go have implement introduce keep let make move option pick remain select
  stay switch take use using write`.split(/\s+/),
)
const refusals = new Set(['no', 'not', 'don', 'never', 'without', 'reject', 'avoid', 'refuse', 'decline', 'disagree'])
/** Stop words elsewhere that carry the point of an option. */
const telling = new Set([
  'own',
  'same',
  'both',
  'each',
  'all',
  'every',
  'one',
  'off',
  'on',
  'out',
  'more',
  'few',
  'under',
  'over',
])
const bareAnswers = new Set(['yes', 'no', 'approve', 'accept', 'agree', 'reject', 'refuse', 'decline', 'disagree'])

/** One profile for each option, in order. An option without a word of its own in the evidence has no terms. */
export function profileOptions(topic: string, options: readonly string[], lexicon: Lexicon): readonly OptionProfile[] {
  const read = options.map((option) => {
    const terms = termsOf(option)
    const bare =
      terms.some(({ word }) => bareAnswers.has(word)) &&
      terms.every(({ word }) => bareAnswers.has(word) || isStopWord(word))
    // "Yes" and "No" stand for the topic and its refusal.
    const named = content(bare ? termsOf(topic) : terms)
    const sign: 1 | -1 = terms.slice(0, 4).some(({ word }) => refusals.has(word)) ? -1 : 1
    return { option, named, names: bare ? [] : namesIn(option), sign }
  })
  return read.map(({ option, named, names, sign }) => {
    const rivals = read.filter((other) => other.sign === sign)
    const terms = new Map<string, number>()
    for (const stem of named) {
      const sharing = rivals.filter((other) => other.named.includes(stem)).length
      const distinct = sharing < rivals.length || rivals.length === 1
      if (distinct && lexicon.passagesWith(stem) > 0) terms.set(stem, lexicon.rarity(stem) / sharing)
    }
    const pairs = named.slice(1).map((stem, at) => [named[at]!, stem] as const)
    return {
      option,
      terms,
      pairs: pairs.filter((pair) => pair.every((stem) => terms.has(stem))),
      names: new Set(names.filter((stem) => terms.has(stem))),
      sign,
    }
  })
}

/** Words with a capital where a common word has none: inside, or at the start of any but the first word. */
function namesIn(option: string): string[] {
  const words = Array.from(option.matchAll(/[\p{L}\p{N}]+/gu), ([word]) => word)
  const listed = /^\s*[\p{L}\p{N}]+(?:,| or | and )/u.test(option)
  return words
    .filter((word, at) => /^.+\p{Lu}/u.test(word) || (/^\p{Lu}./u.test(word) && (at > 0 || listed)))
    .flatMap((word) => termsOf(word).map(({ stem }) => stem))
}

function content(terms: readonly Term[]): string[] {
  const meaning = terms.filter(({ word }) => (!isStopWord(word) || telling.has(word)) && !refusals.has(word))
  const specific = meaning.filter(({ word }) => !generic.has(word))
  // Small words tell options apart only beside a greater one.
  const great = specific.some(({ word }) => !telling.has(word))
  return [...new Set((great ? specific : meaning).map(({ stem }) => stem))]
}

/** How much a text is about an option, 0 to 1, with the places of its terms. */
export interface Mention {
  readonly about: number
  readonly places: readonly number[]
}

/** Below this a text only shares a word with the option. */
export const aboutMin = 0.35

export function mentionOf(profile: OptionProfile, terms: readonly Term[]): Mention {
  const places: number[] = []
  const placesByStem = new Map<string, number[]>()
  for (const [at, { stem }] of terms.entries()) {
    if (!profile.terms.has(stem)) continue
    places.push(at)
    const known = placesByStem.get(stem)
    if (known) known.push(at)
    else placesByStem.set(stem, [at])
  }
  if (places.length === 0) return { about: 0, places }
  const weights = [...profile.terms.values()].sort((a, b) => b - a).slice(0, 3)
  const full = weights.reduce((sum, weight) => sum + weight, 0)
  let met = 0
  for (const stem of placesByStem.keys()) met += profile.terms.get(stem)!
  const covered = Math.min(1, met / full)
  if ([...placesByStem.keys()].some((stem) => profile.names.has(stem))) return { about: 0.7 + 0.3 * covered, places }
  if (profile.pairs.length === 0) return { about: covered, places }
  const together = profile.pairs.filter(([one, other]) => isNear(placesByStem.get(one), placesByStem.get(other)))
  const paired = Math.min(1, together.length / Math.min(2, profile.pairs.length))
  return { about: 0.6 * covered + 0.4 * paired, places }
}

function isNear(one: readonly number[] | undefined, other: readonly number[] | undefined): boolean {
  return !!one && !!other && one.some((a) => other.some((b) => Math.abs(a - b) <= 3))
}

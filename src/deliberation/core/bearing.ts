/**
 * Which way a sentence bears on an option, by cue words near the option's own words. This is a lexicon and a few rules of
 * word order, not understanding: it reads "SQLite is faster than our own log" and "the log was rejected", it misses irony
 * and everything that needs the world. What it cannot tell it leaves at 0, neutral. Pure.
 *
 * 1. A cue counts for the option whose words stand nearest, within 12 words; beyond 6 at 0.6 of its worth.
 * 2. A negation in the three words before a cue turns it, at 0.8 ("never loses", "no dependency", "less complex").
 * 3. "<cue> than X": the side before "than" gets the cue, X its opposite.
 * 4. "A instead of B", "A rather than B", "prefer A over B", "A beats B", "A replaces B", "A loses to B": both sides.
 * 5. A sentence that names no option, under a heading that names exactly one, bears on that one, at 0.6.
 * 6. What stands before "but" counts half. "Has no", and "no" after "but", are cues against, at 0.4. What would "have to
 *    be" proven or safe is not yet: such a cue counts for nothing.
 */
import { aboutMin, mentionOf } from './option.ts'
import type { Mention, OptionProfile } from './option.ts'
import { stem } from './stem.ts'
import type { Term } from './terms.ts'

export interface Bearing {
  /** How much the sentence is about the option, 0 to 1. */
  readonly about: number
  /** -1 against the option to 1 for it; 0 where no cue was read. */
  readonly polarity: number
}

/** At this much either way a sentence is said to be for or against; below it, neutral. */
export const polarityMin = 0.25

const supports = lexicon(
  `accept:1 adopt:1 advantage:1 advantages:1 approve:1 benefit:1 benefits:1 best:1 better:1 cheap:0.8 cheaper:1 chose:1
  choose:0.8 chosen:1 clean:0.5 compatible:0.5 consistent:0.6 convenient:0.7 correct:0.6 decided:0.6 durable:0.7 easier:1
  easy:0.8 efficient:0.8 enough:0.5 exact:0.5 fast:0.8 faster:1 fastest:1 favour:1 favours:1 favor:1 fewer:0.5 fit:0.6 fits:0.8
  flexible:0.6 gain:0.8 gains:0.8 good:0.7 great:0.7 guarantee:0.6 guarantees:0.7 helps:0.6 improve:0.8 improves:0.8
  keeps:0.3 lighter:0.8 mature:0.9 meets:0.7 passes:0.5 pleasant:0.7 portable:0.6 prefer:1 preferred:1 prefers:1 prevents:0.5
  proven:0.9 recommend:1 recommended:1 reliable:0.9 robust:0.9 safe:0.8 safer:1 saves:0.7 secure:0.7 simple:0.7 simpler:1
  simplest:1 solid:0.8 solves:0.8 sound:0.6 stable:0.7 sufficient:0.7 suits:0.8 superior:1 survives:0.8 trusted:0.7
  useful:0.6 well:0.4 win:0.8 winner:1 wins:1 works:0.6`,
)

const opposes = lexicon(
  `abandon:0.9 abandoned:1 ambiguous:0.6 awkward:0.8 bad:0.8 blocks:0.6 bloated:0.8 bottleneck:0.8 break:0.6 breaks:0.8
  broken:0.9 brittle:0.9 bug:0.7 bugs:0.7 complex:0.7 complexity:0.6 complicated:0.8 confusing:0.8 corrupt:0.9 corrupts:1
  corruption:0.8 costly:0.9 danger:0.8 dangerous:0.9 deprecated:0.9 difficult:0.8 disadvantage:1 disadvantages:1 drawback:1
  drawbacks:1 expensive:0.9 fail:0.8 failed:0.8 fails:0.9 failure:0.5 fragile:0.9 hard:0.6 harder:0.9 heavier:0.8
  heavy:0.6 immature:0.9 inconsistent:0.8 inefficient:0.9 inferior:1 insecure:0.9 insufficient:0.9 lack:0.8 lacks:0.9 lag:0.5
  leak:0.7 leaks:0.8 lose:0.8 loses:0.9 losing:0.8 lossy:0.7 lost:0.6 messy:0.7 misses:0.7 missing:0.6 overhead:0.7 overkill:1
  painful:0.9 penalty:0.7 poor:0.8 poorly:0.8 problem:0.7 problems:0.7 refuse:0.4 regress:0.8 reject:1 rejected:1 rejects:0.5
  risk:0.7 risks:0.7 risky:0.9 slow:0.8 slower:1 slowest:1 slows:0.8 stalls:0.7 suffers:0.9 trouble:0.7 unmaintained:1
  unreliable:1 unsafe:0.9 unstable:0.9 unsuitable:1 unusable:1 vulnerable:0.9 weak:0.7 worse:1 worst:1 wrong:0.8`,
)

const negations = new Set(
  'no not never none nothing without cannot neither nor hardly less don doesn didn isn wasn aren won can t'.split(' '),
)
/** "can" and "t" are negations only as the halves of "can't". */
function isNegation(terms: readonly Term[], at: number): boolean {
  const word = terms[at]?.word
  if (word === undefined || !negations.has(word)) return false
  if (word === 'can') return terms[at + 1]?.word === 't'
  return word !== 't'
}

function lexicon(text: string): ReadonlyMap<string, number> {
  return new Map(
    text
      .trim()
      .split(/\s+/)
      .map((entry) => entry.split(':') as [string, string])
      .map(([word, worth]) => [stem(word), Number(worth)] as const),
  )
}

function worthOf(term: Term): number {
  return supports.get(term.stem) ?? -(opposes.get(term.stem) ?? 0)
}

const reach = 12
const near = 6

/** How a sentence bears on each option; `context` is the words of the headings above it. */
export function bearingsOf(
  terms: readonly Term[],
  context: readonly Term[],
  profiles: readonly OptionProfile[],
): readonly Bearing[] {
  const said = keepLeading(profiles.map((profile) => mentionOf(profile, terms)))
  const polarity = profiles.map(() => 0)
  if (said.every(({ places }) => places.length === 0)) return underHeading(terms, context, profiles)
  for (let at = 0; at < terms.length; at++) {
    countCue(terms, at, said, polarity)
    countOrder(terms, at, said, polarity)
  }
  return profiles.map((profile, option) => ({
    about: said[option]!.about,
    polarity: signed(polarity[option]!, profile),
  }))
}

function signed(polarity: number, profile: OptionProfile): number {
  const turned = Math.max(-1, Math.min(1, polarity)) * profile.sign
  return turned === 0 ? 0 : turned
}

/** A word shared in passing with one option must not count beside a sentence that is plainly about another. */
function keepLeading(mentions: readonly Mention[]): readonly Mention[] {
  const most = Math.max(0, ...mentions.map((mention) => mention.about))
  return mentions.map((mention) =>
    mention.about >= aboutMin && mention.about >= most * 0.6 ? mention : { about: 0, places: [] },
  )
}

function underHeading(terms: readonly Term[], context: readonly Term[], profiles: readonly OptionProfile[]): Bearing[] {
  const above = keepLeading(profiles.map((profile) => mentionOf(profile, context)))
  const named = above.filter(({ about }) => about > 0).length
  let sum = 0
  if (named === 1) for (let at = 0; at < terms.length; at++) sum += cueAt(terms, at)
  return profiles.map((profile, option) => {
    const { about } = above[option]!
    return named === 1 && about > 0
      ? { about: about * 0.6, polarity: signed(Math.max(-1, Math.min(1, sum)) * 0.6, profile) }
      : { about: named > 1 ? about * 0.4 : 0, polarity: 0 }
  })
}

function cueAt(terms: readonly Term[], at: number): number {
  const conceded = findWord(terms, 'but', at + 1, terms.length) === -1 ? 1 : 0.5
  const worth = worthOf(terms[at]!)
  if (worth === 0) return isLack(terms, at) ? -0.4 * conceded : 0
  if (isUnmet(terms, at)) return 0
  const negated = [1, 2, 3].some((back) => isNegation(terms, at - back))
  return (negated ? -0.8 * worth : worth) * conceded
}

function isLack(terms: readonly Term[], at: number): boolean {
  if (terms[at]!.word !== 'no') return false
  return ['has', 'have', 'had', 'having'].includes(terms[at - 1]?.word ?? '') || findWord(terms, 'but', 0, at) !== -1
}

function isUnmet(terms: readonly Term[], at: number): boolean {
  const have = Math.max(findWord(terms, 'have', at - 6, at), findWord(terms, 'has', at - 6, at))
  return have !== -1 && terms[have + 1]?.word === 'to'
}

function countCue(terms: readonly Term[], at: number, said: readonly Mention[], polarity: number[]): void {
  const worth = cueAt(terms, at)
  if (worth === 0) return
  const than = findWord(terms, 'than', at + 1, at + 7)
  const subject = nearest(said, at, than === -1 ? (place) => place !== at : (place) => place < than)
  add(polarity, subject, worth)
  if (than !== -1)
    add(
      polarity,
      except(
        nearest(said, than, (place) => place > than),
        subject,
      ),
      -worth,
    )
}

/** Constructions that say of two things which is taken and which is left. */
function countOrder(terms: readonly Term[], at: number, said: readonly Mention[], polarity: number[]): void {
  const { word } = terms[at]!
  const next = terms[at + 1]?.word
  const taken = orderWorth(terms, at, word, next)
  if (taken === 0) return
  const before = nearest(said, at, (place) => place < at)
  const after = nearest(said, at, (place) => place > at)
  add(polarity, before, taken * 0.7)
  add(polarity, except(after, before), -taken)
}

function orderWorth(terms: readonly Term[], at: number, word: string, next: string | undefined): number {
  if ((word === 'instead' && next === 'of') || (word === 'rather' && next === 'than')) return 1
  if (['beats', 'outperforms', 'replaces', 'replaced'].includes(word)) return next === 'by' ? -1 : 1
  if (['loses', 'lost'].includes(word) && next === 'to') return -1
  if (word !== 'over') return 0
  const back = terms.slice(Math.max(0, at - 8), at)
  return back.some((term) => ['prefer', 'chose', 'chosen', 'choos', 'favour', 'win', 'prefers'].includes(term.stem))
    ? 1
    : 0
}

interface Nearest {
  /** More than one where options share the word, as an option and its refusal do. */
  readonly options: readonly number[]
  readonly distance: number
}

const nobody: Nearest = { options: [], distance: reach }

function nearest(said: readonly Mention[], at: number, fits: (place: number) => boolean): Nearest {
  let found = nobody
  for (const [option, { places }] of said.entries()) {
    const distances = places.filter((place) => fits(place)).map((place) => Math.abs(place - at))
    const distance = Math.min(reach + 1, ...distances)
    if (distance > reach) continue
    if (found === nobody || distance < found.distance) found = { options: [option], distance }
    else if (distance === found.distance) found = { options: [...found.options, option], distance }
  }
  return found
}

function add(polarity: number[], { options, distance }: Nearest, worth: number): void {
  for (const option of options) polarity[option]! += distance <= near ? worth : worth * 0.6
}

function except({ options, distance }: Nearest, others: Nearest): Nearest {
  return { options: options.filter((option) => !others.options.includes(option)), distance }
}

function findWord(terms: readonly Term[], word: string, from: number, to: number): number {
  for (let at = Math.max(0, from); at < Math.min(to, terms.length); at++) if (terms[at]!.word === word) return at
  return -1
}

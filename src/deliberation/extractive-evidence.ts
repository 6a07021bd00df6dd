/**
 * What an extractive participant finds in the evidence: sentences that can be quoted, each with how it bears on topic,
 * options and persona. Unlike the index it judges sentences, not passages; it chooses nothing and says nothing. The same
 * index and the same question always give the same sentences in the same order.
 */
import { bearingsOf } from './core/bearing.ts'
import type { Bearing } from './core/bearing.ts'
import { personaStems } from './core/concern.ts'
import { profileOptions } from './core/option.ts'
import type { OptionProfile } from './core/option.ts'
import { coverage, isStopWord, stemsOf, termsOf } from './core/terms.ts'
import type { Term, WeightedStems } from './core/terms.ts'
import { sentencesOf } from './passage.ts'
import type { Passage, Sentence } from './passage.ts'
import type { PassageIndex } from './passage-index.ts'

/** A question as one participant looks at it. */
export interface View {
  readonly index: PassageIndex
  readonly topic: string
  readonly options: readonly OptionProfile[]
  readonly topicStems: WeightedStems
  /** Empty without a persona. */
  readonly personaStems: WeightedStems
  readonly persona: string
}

export function viewOf(index: PassageIndex, topic: string, options: readonly string[], persona: string): View {
  const profiles = profileOptions(topic, options, index)
  const topicStems = new Map<string, number>()
  for (const stem of stemsOf(topic))
    if (index.passagesWith(stem) > 0 && !profiles.some((profile) => profile.terms.has(stem)))
      topicStems.set(stem, index.rarity(stem))
  return { index, topic, options: profiles, topicStems, personaStems: personaStems(persona, index), persona }
}

/** Words that can be quoted, judged. */
export interface Finding {
  readonly text: string
  readonly source: string
  readonly line: number
  readonly stems: ReadonlySet<string>
  /** 0 to 1 each. */
  readonly topic: number
  readonly persona: number
  /** How well it reads alone. */
  readonly quality: number
  /** One for each option. */
  readonly bearings: readonly Bearing[]
}

const passagesPerQuery = 40

/** Passages about an option: by its words with the topic's, and with the persona's. Two searches, one list. */
export function passagesAbout(view: View, option: number): readonly Passage[] {
  const profile = view.options[option]!
  const words = profile.terms.size > 0 ? profile.option : ''
  const queries = [`${words} ${view.topic}`]
  if (view.persona !== '') queries.push(`${words} ${view.persona}`)
  return searchAll(view, queries)
}

/** Passages that share words with what was said. */
export function passagesNear(view: View, text: string): readonly Passage[] {
  return searchAll(view, [text])
}

function searchAll(view: View, queries: readonly string[]): readonly Passage[] {
  const found = new Map<number, Passage>()
  for (const query of queries)
    for (const { id, passage } of view.index.search(query, { limit: passagesPerQuery })) found.set(id, passage)
  return [...found].sort(([a], [b]) => a - b).map(([, passage]) => passage)
}

/** Sentences one by one, for weighing: none stands in two findings. */
export function weighable(view: View, passages: readonly Passage[]): readonly Finding[] {
  return passages.flatMap((passage) =>
    sentencesOf(passage)
      .filter(({ text }) => readsAlone(text))
      .map((sentence) => judge(view, passage, sentence, 1)),
  )
}

const quoteLengthMin = 40
const quoteLengthMax = 340

/** Quotes of one or two sentences, for saying: a sentence that leans on the one before brings it along. */
export function quotable(view: View, passages: readonly Passage[]): readonly Finding[] {
  return passages.flatMap((passage) => {
    const sentences = sentencesOf(passage)
    return sentences.flatMap((_sentence, at) => {
      const quote = quoteAt(sentences, at)
      return quote ? [judge(view, passage, quote, readability(quote.text))] : []
    })
  })
}

/** Words that send the reader to what stands before. */
const leaning =
  /^[*_"“(]*(?:this|that|these|those|it|its|they|their|he|she|his|her|such|but|however|so|then|therefore|thus|and|or|also|both|neither|another|there|here|yet|instead|otherwise|hence|because of this)\b/i

function quoteAt(sentences: readonly Sentence[], at: number): Sentence | undefined {
  const own = sentences[at]!
  const before = sentences[at - 1]
  const after = sentences[at + 1]
  const parts = [own]
  if (leaning.test(own.text)) {
    if (!before || before.block !== own.block) return undefined
    parts.unshift(before)
  } else if (own.text.length < quoteLengthMin * 1.5 && after?.block === own.block) parts.push(after)
  const text = parts.map((part) => part.text).join(' ')
  if (text.length < quoteLengthMin || text.length > quoteLengthMax || !readsAlone(text)) return undefined
  return { text, line: parts[0]!.line, block: own.block }
}

/** Announcements, fragments and symbols are no evidence. */
function readsAlone(text: string): boolean {
  if (/[:;,]$/.test(text)) return false
  const words = text.match(/\p{L}[\p{L}'’-]*/gu) ?? []
  const letters = words.reduce((sum, word) => sum + word.length, 0)
  return letters >= text.length * 0.55 && (words.length >= 6 || (words.length === 0 && text.length >= 15))
}

function readability(text: string): number {
  let quality = 1
  if (!/[.!?…。！？][*_"'”’)\]]*$/u.test(text)) quality *= 0.8
  // Notes full of signs and figures are for looking up, not for hearing.
  const signs = (text.match(/[^\p{L}\s.,'’"“”-]/gu) ?? []).length
  quality *= 1 - Math.min(0.5, Math.max(0, (signs / text.length) * 4 - 0.1))
  if (/\?[*_"'”’)]*$/.test(text)) quality *= 0.5
  if (/\]\(|https?:|<\w+/.test(text)) quality *= 0.8
  if (/^[a-z]/.test(text)) quality *= 0.85
  const code = (text.match(/`[^`]*`/g) ?? []).join('').length
  if (code > text.length * 0.35) quality *= 0.6
  if (leaning.test(text)) quality *= 0.75
  if (text.length > 260) quality *= 0.9
  return quality
}

function judge(view: View, passage: Passage, sentence: Sentence, quality: number): Finding {
  const terms = termsOf(sentence.text)
  // The title of a whole document names its subject, not the subject of each of its sentences.
  const context = termsOf(passage.headings.at(-1) ?? '')
  const stems = meaningful(terms)
  const around = stems.union(meaningful(termsOf(passage.headings.join(' '))))
  return {
    text: sentence.text,
    source: passage.source,
    line: sentence.line,
    stems,
    topic: coverage(view.topicStems, around, 3),
    persona: coverage(view.personaStems, around, 2),
    quality,
    bearings: bearingsOf(terms, context, view.options),
  }
}

/** Judges words from elsewhere, such as a quote in the transcript, without the headings above them. */
export function judgeText(view: View, text: string, source: string, line: number): Finding {
  const passage: Passage = { source, line, text, kind: 'prose', headings: [], lines: [line] }
  return judge(view, passage, { text, line, block: 0 }, 1)
}

function meaningful(terms: readonly Term[]): Set<string> {
  return new Set(terms.filter(({ word }) => !isStopWord(word)).map(({ stem }) => stem))
}

/** How much a finding bears on an option in this view, 0 to 1, whichever way it points. */
export function relevance(view: View, finding: Finding, option: number): number {
  const { about } = finding.bearings[option]!
  if (view.personaStems.size === 0) return 0.35 * finding.topic + 0.65 * about
  return 0.2 * finding.topic + 0.35 * about + 0.45 * finding.persona
}

/** How much a finding bears on the question as a whole, 0 to 1. */
export function topicRelevance(view: View, finding: Finding): number {
  return view.personaStems.size === 0 ? finding.topic : 0.5 * finding.topic + 0.5 * finding.persona
}

/** Passages on the question that need name no option. */
export function passagesOnTopic(view: View): readonly Passage[] {
  return searchAll(view, [view.topic, ...(view.persona === '' ? [] : [`${view.topic} ${view.persona}`])])
}

/** Findings in a fixed order, each text once. */
export function distinct(findings: Iterable<Finding>): Finding[] {
  const byText = new Map<string, Finding>()
  for (const finding of findings) {
    const known = byText.get(finding.text)
    if (!known || comparePlace(finding, known) < 0) byText.set(finding.text, finding)
  }
  return [...byText.values()].sort(comparePlace)
}

export function comparePlace(a: Pick<Finding, 'source' | 'line' | 'text'>, b: typeof a): number {
  return compare(a.source, b.source) || a.line - b.line || compare(a.text, b.text)
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

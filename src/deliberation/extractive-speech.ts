/**
 * What an extractive participant says in one turn: quotes that it found, with their places, and a few plain words between
 * them that claim no reasoning. Unlike the ballot it must choose: what bears most on the question as its persona sees it,
 * for its stance, in answer to the others, and new (maximal marginal relevance: Carbonell and Goldstein, SIGIR 1998).
 */
import { polarityMin } from './core/bearing.ts'
import { readStance } from './core/stance.ts'
import type { Stance } from './core/stance.ts'
import { similarity, stemsOf } from './core/terms.ts'
import {
  comparePlace,
  distinct,
  passagesAbout,
  passagesNear,
  passagesOnTopic,
  quotable,
  relevance,
  topicRelevance,
  viewOf,
} from './extractive-evidence.ts'
import type { Finding, View } from './extractive-evidence.ts'
import type { Contribution, Quote, Turn } from './participant.ts'
import type { PassageIndex } from './passage-index.ts'

export interface Voice {
  readonly name: string
  readonly persona?: string
  readonly stance?: string
  readonly index: PassageIndex
}

export interface Said {
  readonly lines: readonly string[]
  readonly quotes: readonly Quote[]
  readonly answers: readonly string[]
}

/** One quote chosen, for one option or for the question as a whole, perhaps in answer to somebody. */
interface Choice {
  readonly finding: Finding
  readonly option: number | undefined
  readonly score: number
  readonly answers?: { readonly contribution: Contribution; readonly quote: Quote | undefined }
}

interface Floor {
  readonly view: View
  readonly stance: Stance | undefined
  readonly turn: Turn
  /** What stands in the transcript already, the participant's own words included. */
  readonly heard: readonly Heard[]
  /** A small chance between panelists that nothing else tells apart; 0 for all others. */
  readonly jitter: (finding: Finding) => number
}

interface Heard {
  readonly text: string
  readonly stems: ReadonlySet<string>
}

const draftQuotesMax = 2
const roundQuotesMax = 2
/** Below this a quote does not bear enough on anything to be worth hearing. */
const scoreMin = 0.3
/** Without an option to be about, a quote must bear on the question the more. */
const topicScoreMin = 0.45

export function speak(voice: Voice, turn: Turn): Said {
  const view = viewOf(voice.index, turn.topic, turn.options, viewpoint(voice))
  const stance = readStance(voice.stance, view.options)
  const floor: Floor = { view, stance, turn, heard: heardIn(turn.transcript), jitter: jitterOf(voice, turn) }
  const picks: Choice[] = []
  if (turn.round > 0) {
    const answer = pickAnswer(floor, voice.name)
    if (answer) picks.push(answer)
  }
  const max = turn.round === 0 ? draftQuotesMax : roundQuotesMax
  if (stance) pickInOrder(floor, stance, picks, max)
  else pickFairly(floor, picks, max)
  if (picks.length < max) {
    const onTopic = pickOnTopic(floor, picks)
    if (onTopic) picks.push(onTopic)
  }
  return said(floor, picks)
}

/** Free text of a stance that names no option still says what its holder cares about. */
export function viewpoint(voice: Pick<Voice, 'persona' | 'stance'>): string {
  return [voice.persona, voice.stance].filter((part) => part !== undefined).join(' ')
}

function jitterOf(voice: Voice, turn: Turn): Floor['jitter'] {
  if (viewpoint(voice) !== '') return () => 0
  return (finding) => 0.1 * turn.random.split(`${finding.source}:${finding.line}:${finding.text}`).float()
}

function heardIn(transcript: readonly Contribution[]): readonly Heard[] {
  return transcript.flatMap(({ quotes }) => quotes.map(({ text }) => ({ text: plain(text), stems: stemsOf(text) })))
}

function plain(text: string): string {
  return text.replace(/\s+/g, ' ').trim()
}

interface Want {
  readonly option: number
  /** Undefined: whichever way it points. */
  readonly direction: 'for' | 'against' | undefined
}

/** An advocate: first what speaks for its side, then what speaks against the other, then what is about it at all. */
function pickInOrder(floor: Floor, stance: Stance, picks: Choice[], max: number): void {
  const options = knownOptions(floor.view)
  const others = options.filter((option) => option !== stance.option)
  const own = options.filter((option) => option === stance.option)
  const [favoured, opposed] = stance.direction === 'for' ? [own, others] : [others, own]
  const supporting: Want[] = favoured.map((option) => ({ option, direction: 'for' }))
  const opposing: Want[] = opposed.map((option) => ({ option, direction: 'against' }))
  const neutral: Want[] = favoured.map((option) => ({ option, direction: undefined }))
  const ordered =
    stance.direction === 'for' ? [...supporting, ...opposing, ...neutral] : [...opposing, ...supporting, ...neutral]
  for (const want of ordered) {
    if (picks.length >= max) return
    const pick = pickOwn(floor, want, picks)
    if (pick) picks.push(pick)
  }
}

/** No side: of each option what bears most, and of those the most telling, so that no quote is there to fill a place. */
function pickFairly(floor: Floor, picks: Choice[], max: number): void {
  const open = new Set(knownOptions(floor.view))
  while (picks.length < max && open.size > 0) {
    const offered = Array.from(open, (option) => pickOwn(floor, { option, direction: undefined }, picks))
    const most = offered.reduce((one, other) => (other && (!one || other.score > one.score) ? other : one), undefined)
    if (!most || (picks[0] && most.score < 0.6 * picks[0].score)) return
    picks.push(most)
    open.delete(most.option!)
  }
}

function knownOptions(view: View): number[] {
  return [...view.options.keys()].filter((option) => view.options[option]!.terms.size > 0)
}

/** What bears on the question without naming an option: said when there is room. */
function pickOnTopic(floor: Floor, picks: readonly Choice[]): Choice | undefined {
  const findings = distinct(quotable(floor.view, passagesOnTopic(floor.view)))
  const scored = findings
    .filter((finding) => finding.bearings.every(({ about }) => about === 0))
    .map((finding) => {
      const score = (topicRelevance(floor.view, finding) + floor.jitter(finding)) * finding.quality
      return { finding, option: undefined, score }
    })
  return best(floor, scored, picks, topicScoreMin)
}

function directionOf(finding: Finding, option: number): 'for' | 'against' | undefined {
  const { polarity } = finding.bearings[option]!
  return Math.abs(polarity) < polarityMin ? undefined : polarity > 0 ? 'for' : 'against'
}

/** Whether a stance lets its holder say this of an option. */
function speaksFor(stance: Stance | undefined, finding: Finding, option: number): boolean {
  const direction = directionOf(finding, option)
  if (!stance || direction === undefined) return true
  const helps = stance.option === option ? stance.direction : stance.direction === 'for' ? 'against' : 'for'
  return direction === helps
}

function pickOwn(floor: Floor, want: Want, picked: readonly Choice[]): Choice | undefined {
  const findings = distinct(quotable(floor.view, passagesAbout(floor.view, want.option)))
  const scored = findings.flatMap((finding) => {
    const bearing = finding.bearings[want.option]!
    if (bearing.about === 0 || !speaksFor(floor.stance, finding, want.option)) return []
    if (want.direction !== undefined && directionOf(finding, want.option) !== want.direction) return []
    // What takes no side and hardly touches the question only happens to name the option.
    const stray = directionOf(finding, want.option) === undefined && finding.topic < 0.2
    const score = worth(floor, finding, want.option) * (stray ? 0.7 : 1)
    return [{ finding, option: want.option, score }]
  })
  return best(floor, scored, picked)
}

function worth(floor: Floor, finding: Finding, option: number): number {
  const pointed = 0.25 * Math.abs(finding.bearings[option]!.polarity)
  return (relevance(floor.view, finding, option) + pointed + floor.jitter(finding)) * finding.quality
}

/** The best by worth less likeness to what was heard or is about to be said; ties by place. */
function best(floor: Floor, scored: readonly Choice[], picked: readonly Choice[], min = scoreMin): Choice | undefined {
  const heard = [...floor.heard, ...picked.map(({ finding }) => ({ text: finding.text, stems: finding.stems }))]
  const rarity = (stem: string) => floor.view.index.rarity(stem)
  let found: { readonly pick: Choice; readonly marginal: number } | undefined
  for (const pick of scored.toSorted((a, b) => b.score - a.score || comparePlace(a.finding, b.finding))) {
    // Likeness only takes away, so nothing further down can win any more.
    if (pick.score < min || (found && pick.score <= found.marginal)) break
    const likeness = likenessTo(pick.finding, heard, rarity)
    if (likeness >= 0.6) continue
    const marginal = pick.score - 0.5 * likeness
    if (!found || marginal > found.marginal) found = { pick, marginal }
  }
  return found?.pick
}

/** 1 for words already said, whole or in part. */
function likenessTo(finding: Finding, heard: readonly Heard[], rarity: (stem: string) => number): number {
  let most = 0
  for (const { text, stems } of heard) {
    if (text.includes(finding.text) || finding.text.includes(text)) return 1
    most = Math.max(most, similarity(finding.stems, stems, rarity))
  }
  return most
}

/** Contributions looked at for an answer, the newest first. */
const answeredAtMost = 4
/** How much of a quote's weight an answer must share to be on its point. */
const onPointMin = 0.15

function pickAnswer(floor: Floor, name: string): Choice | undefined {
  const answered = new Set(
    floor.turn.transcript.filter((each) => each.participant === name).flatMap((each) => each.answers),
  )
  const open = floor.turn.transcript
    .filter((each) => each.participant !== name && each.status === 'given' && !answered.has(each.id))
    .slice(-answeredAtMost)
    .reverse()
  const picks = open.flatMap((contribution) => {
    const points = contribution.quotes.length > 0 ? contribution.quotes.slice(0, 3) : [undefined]
    return points.flatMap((quote) => answersTo(floor, contribution, quote))
  })
  return best(floor, picks, [])
}

function answersTo(floor: Floor, contribution: Contribution, quote: Quote | undefined): Choice[] {
  const { view } = floor
  const text = (quote?.text ?? contribution.text).slice(0, 2000)
  const point = new Map(Array.from(stemsOf(text), (stem) => [stem, view.index.rarity(stem)] as const))
  const picks: Choice[] = []
  for (const finding of distinct(quotable(view, passagesNear(view, text)))) {
    const shared = share(point, finding.stems)
    if (shared < onPointMin) continue
    for (const option of view.options.keys()) {
      const direction = directionOf(finding, option)
      if (direction === undefined || !speaksFor(floor.stance, finding, option)) continue
      const contrary = isContrary(quote, view.options[option]!.option, direction)
      // An answer that agrees adds little; one that contradicts is what a discussion is for.
      const score = (worth(floor, finding, option) + 0.3 * shared + (contrary ? 0.2 : -0.1)) * (contrary ? 1 : 0.9)
      picks.push({ finding, option, score, answers: { contribution, quote } })
    }
  }
  return picks
}

function share(point: ReadonlyMap<string, number>, stems: ReadonlySet<string>): number {
  let all = 0
  let shared = 0
  for (const [stem, weight] of point) {
    all += weight
    if (stems.has(stem)) shared += weight
  }
  return all === 0 ? 0 : shared / all
}

function isContrary(quote: Quote | undefined, option: string, direction: 'for' | 'against'): boolean {
  if (!quote?.bearing) return false
  const same = quote.bearing.option === option
  return same ? quote.bearing.direction !== direction : quote.bearing.direction === direction
}

function said(floor: Floor, picks: readonly Choice[]): Said {
  const lines = picks.map((pick) => sentence(floor, pick))
  if (floor.turn.round === 0) lines.push(...unmentioned(floor))
  return {
    lines,
    quotes: picks.map(({ finding, option }) => quoteOf(floor, finding, option)),
    answers: [...new Set(picks.flatMap((pick) => pick.answers?.contribution.id ?? []))],
  }
}

function sentence({ view }: Floor, { finding, option, answers }: Choice): string {
  const direction = option === undefined ? undefined : directionOf(finding, option)
  const subject = option === undefined ? 'the question' : `“${view.options[option]!.option}”`
  const side = `${direction ?? 'on'} ${subject}`
  const place = `${finding.source}:${finding.line} says: “${finding.text}”`
  if (!answers) return `${side[0]!.toUpperCase()}${side.slice(1)}, ${place}`
  const { contribution, quote } = answers
  const point = quote ? ` on ${quote.source}:${quote.line}` : ''
  return `To ${contribution.participant}${point}: ${side}, ${place}`
}

function quoteOf({ view }: Floor, finding: Finding, option: number | undefined): Quote {
  const { text, source, line } = finding
  const direction = option === undefined ? undefined : directionOf(finding, option)
  if (option === undefined || direction === undefined) return { text, source, line, verified: true }
  return { text, source, line, verified: true, bearing: { option: view.options[option]!.option, direction } }
}

/** That the evidence does not know an option is a fact worth saying once. */
function unmentioned({ view }: Floor): readonly string[] {
  return view.options
    .filter((profile) => profile.terms.size === 0)
    .map((profile) => `On “${profile.option}”, the evidence has none of the words that set it apart.`)
}

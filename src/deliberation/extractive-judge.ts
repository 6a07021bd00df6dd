/**
 * The extractive judge: plain code that judges a debate by what can be counted: quotes that stand in their sources, answers to
 * what others said, how much of the motion was spoken to, and short sentences. Unlike a person or a model it understands
 * nothing: it cannot tell a good argument from a bad one that quotes as well. It is the same in every order and on every run.
 */
import { Aborted, InvalidArgument } from '../base/error.ts'
import { checkKeys, plainName } from '../base/limit.ts'
import { polarityMin } from './core/bearing.ts'
import { noveltyOf, shinglesOf } from './core/novelty.ts'
import { coverage, stemsOf } from './core/terms.ts'
import { sentenceEnds } from './core/sentence.ts'
import { wayOf } from './core/side.ts'
import type { HeardSide, HeardSpeech, Hearing, Judge, Judgement } from './judge.ts'
import { passagesAbout, viewOf, weighable } from './extractive-evidence.ts'
import type { PassageIndex } from './passage-index.ts'

/**
 * What it can measure. `evidence`: different quotes that verify, slices of one counted once, more for those that bear the side's way, less for those that
 * do not verify. `rebuttal`: how many of the others' speeches are answered, named and in some of their words, or by quotes on the same words. `coverage`:
 * how many of the motion's and the position's words the side uses. `clarity`: how many of its sentences have 25 words or fewer.
 */
export type Measure = 'evidence' | 'rebuttal' | 'coverage' | 'clarity'

const measures: readonly Measure[] = ['evidence', 'rebuttal', 'coverage', 'clarity']

export interface ExtractiveJudgeOptions {
  readonly name: string
  /** Which measure stands for a criterion of the rubric. Default: the one of the same name; without one it abstains. */
  readonly measures?: Readonly<Record<string, Measure>>
  /** Where it looks before any talk, for its independent vote; without one it then abstains. Whoever made it closes it. */
  readonly index?: PassageIndex
}

/** Throws `base.invalid_argument` for a name or a measure that is none. */
export function extractiveJudge(options: ExtractiveJudgeOptions): Judge {
  checkKeys('options', options, ['name', 'measures', 'index'])
  const name = plainName('name', options.name, 200)
  const chosen = new Map(Object.entries(options.measures ?? {}))
  for (const measure of chosen.values())
    if (!measures.includes(measure)) throw new InvalidArgument('measures', `knows ${measures.join(', ')} only`)
  return {
    name,
    kind: 'extractive',
    async judge(hearing, signal) {
      if (signal.aborted) throw new Aborted(`the judgement of ${name}`, { cause: signal.reason })
      return judged(hearing, chosen, options.index)
    },
  }
}

const usage = { inputTokens: 0, outputTokens: 0 }

function judged(hearing: Hearing, chosen: ReadonlyMap<string, Measure>, index: PassageIndex | undefined): Judgement {
  const plan = hearing.rubric.map((criterion) => ({
    criterion: criterion.name,
    measure: chosen.get(criterion.name) ?? measures.find((measure) => measure === criterion.name.toLowerCase()),
  }))
  const unknown = plan.find((each) => each.measure === undefined)
  if (unknown) {
    const reason = `I can measure ${measures.join(', ')}, and not “${unknown.criterion}”; give it a measure, or another judge.`
    return { abstain: true, reason, usage }
  }
  if (hearing.stage === 'before') return beforeTalk(hearing, plan, index)
  const found = hearing.sides.map((side) => ({ side, counts: countsOf(hearing, side) }))
  const scores = Object.fromEntries(
    found.map(({ side, counts }) => [
      side.label,
      Object.fromEntries(
        plan.map(({ criterion, measure }) => [criterion, scoreOf(measure!, counts, hearing.scoreMax)]),
      ),
    ]),
  )
  return { scores, reason: found.map(({ side, counts }) => reasonOf(side, counts)).join(' '), usage }
}

interface Counts {
  /** Different quotes that verify. */
  readonly verified: number
  /** Of those, how many bear the side's way, and the other way. */
  readonly helping: number
  readonly hurting: number
  readonly unverified: number
  readonly answered: number
  readonly answerable: number
  /** 0 to 1. */
  readonly covered: number
  readonly clear: number
}

function countsOf(hearing: Hearing, side: HeardSide): Counts {
  const own = hearing.speeches.filter((speech) => speech.label === side.label)
  const others = hearing.speeches.filter((speech) => speech.label !== side.label)
  const quotes = new Map(
    own.flatMap((speech) => speech.quotes.map((quote) => [`${quote.source} ${quote.text}`, quote])),
  )
  const verified = apart([...quotes.values()].filter((quote) => quote.verified))
  const ways = verified.map((quote) => wayOf(side, quote.bearing))
  return {
    verified: verified.length,
    helping: ways.filter((way) => way > 0).length,
    hurting: ways.filter((way) => way < 0).length,
    unverified: [...quotes.values()].filter((quote) => !quote.verified).length,
    answered: others.filter((speech) => isAnswered(speech, own)).length,
    answerable: others.length,
    covered: coveredBy(hearing, side, own),
    clear: clarityOf(own),
  }
}

/** A sentence quoted in slices is one quote: the longest first, and of the others those that say mostly something else. */
function apart<Quoted extends { readonly source: string; readonly text: string }>(
  quotes: readonly Quoted[],
): readonly Quoted[] {
  const kept: Quoted[] = []
  const known = new Map<string, Set<string>>()
  for (const quote of quotes.toSorted((a, b) => b.text.length - a.text.length)) {
    const words = new Set(quote.text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [])
    const runs = shinglesOf(quote.text)
    const said = known.get(quote.source) ?? new Set<string>()
    known.set(quote.source, said)
    // Of one or two words there is no run of three; they are somebody's words where those have been quoted.
    const fresh = words.size < 3 ? noveltyOf(words, said) : noveltyOf(runs, said)
    if (fresh <= 0.5) continue
    kept.push(quote)
    for (const each of [...runs, ...words]) said.add(each)
  }
  return kept
}

/** Shared words of two quotes that make one an answer to the other, as a share of the shorter. */
const sharedMin = 0.25

function isAnswered(speech: HeardSpeech, own: readonly HeardSpeech[]): boolean {
  const later = own.filter((each) => each.number > speech.number)
  // To name a speech answers nothing: words on the same matter must come with it.
  const said = stemsOf(speech.text)
  if (later.some((each) => each.answers.includes(speech.id) && isOnPoint(said, stemsOf(each.text)))) return true
  const points = speech.quotes.map((quote) => stemsOf(quote.text))
  const replies = later.flatMap((each) =>
    each.quotes.filter((quote) => quote.verified).map((quote) => stemsOf(quote.text)),
  )
  return points.some((point) => replies.some((reply) => isOnPoint(point, reply)))
}

function isOnPoint(point: ReadonlySet<string>, reply: ReadonlySet<string>): boolean {
  const shared = point.intersection(reply).size
  return shared >= 3 && shared >= sharedMin * Math.min(point.size, reply.size)
}

function coveredBy(hearing: Hearing, side: HeardSide, own: readonly HeardSpeech[]): number {
  const wanted = new Map(Array.from(stemsOf(`${hearing.motion} ${side.position}`), (stem) => [stem, 1] as const))
  // A position counts as said only where evidence says it: the side's own frame around its quotes repeats it in any case.
  const said = stemsOf(
    own.flatMap((speech) => speech.quotes.filter((quote) => quote.verified).map(({ text }) => text)).join(' '),
  )
  return coverage(wanted, said, wanted.size)
}

const clearWordsMax = 25

function clarityOf(own: readonly HeardSpeech[]): number {
  let clear = 0
  let all = 0
  for (const { text } of own)
    for (const line of text.split('\n')) {
      let start = 0
      for (const end of sentenceEnds(line)) {
        const words = line.slice(start, end).match(/[\p{L}\p{N}]+/gu)?.length ?? 0
        start = end
        if (words === 0) continue
        all++
        if (words <= clearWordsMax) clear++
      }
    }
  return all === 0 ? 0 : clear / all
}

/** What grows without end is bent, so that the tenth quote earns less than the second: at three it is half of the whole. */
function bent(points: number): number {
  return points <= 0 ? 0 : points / (points + 3)
}

function scoreOf(measure: Measure, counts: Counts, scoreMax: number): number {
  const neutral = counts.verified - counts.helping - counts.hurting
  const share = {
    evidence: bent(counts.helping + 0.5 * neutral - 0.5 * counts.hurting - 0.5 * counts.unverified),
    rebuttal: counts.answerable === 0 ? 0 : counts.answered / counts.answerable,
    coverage: counts.covered,
    clarity: counts.clear,
  }[measure]
  return Math.round(share * scoreMax * 10) / 10
}

function reasonOf({ label }: HeardSide, counts: Counts): string {
  const { verified, helping, hurting, unverified, answered, answerable } = counts
  const ways = [
    helping > 0 ? `${helping} bearing its way` : '',
    hurting > 0 ? `${hurting} the other way` : '',
    unverified > 0 ? `${unverified} more that do not verify` : '',
  ].filter((part) => part !== '')
  const quotes = `${verified} verified ${verified === 1 ? 'quote' : 'quotes'}${ways.length > 0 ? ` (${ways.join(', ')})` : ''}`
  return `${label}: ${quotes}, ${answered} of ${answerable} speeches of the others answered, ${Math.round(counts.covered * 100)}% of the motion's words in its quotes.`
}

type Planned = readonly { readonly criterion: string; readonly measure: Measure | undefined }[]

/** Nobody has spoken: what the evidence alone tells for each side is all there is, so that only evidence earns points. */
function beforeTalk(hearing: Hearing, plan: Planned, index: PassageIndex | undefined): Judgement {
  if (!index) return { abstain: true, reason: 'Nobody has spoken, and I have no evidence of my own to look at.', usage }
  const view = viewOf(index, hearing.motion, hearing.options, '')
  const places = hearing.sides.map((side) => hearing.options.indexOf(side.bearing?.option ?? side.position))
  if (places.includes(-1))
    return { abstain: true, reason: 'Nobody has spoken, and not every side stands for one of the options.', usage }
  const found = hearing.sides.map((side, at) => {
    const option = places[at]!
    const polarities = weighable(view, passagesAbout(view, option)).map((finding) => finding.bearings[option]!.polarity)
    const sign = side.bearing?.direction === 'against' ? -1 : 1
    return { label: side.label, helping: polarities.filter((polarity) => polarity * sign >= polarityMin).length }
  })
  const scores = Object.fromEntries(
    found.map(({ label, helping }) => [
      label,
      Object.fromEntries(
        plan.map(({ criterion, measure }) => [
          criterion,
          measure === 'evidence' ? Math.round(bent(helping) * hearing.scoreMax * 10) / 10 : 0,
        ]),
      ),
    ]),
  )
  const told = found.map(({ label, helping }) => `${label} ${helping}`).join(', ')
  return { scores, reason: `Nobody has spoken. Sentences of the evidence that bear each side's way: ${told}.`, usage }
}

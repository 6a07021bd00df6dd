/**
 * How an extractive participant votes: by adding up the evidence for and against each option, as cue words near the
 * option's words tell it (`core/bearing.ts`). It is arithmetic that anybody can do again, and the reason gives its figures.
 *
 * For each option, over every sentence found about it and every verified quote in the transcript, each once:
 *
 *   weight = relevance (topic, option, persona: 0 to 1) x |polarity| x 1.5 if it was quoted in the discussion
 *
 * summed apart into `for` and `against`. A quote that shows no cue but whose speaker said which way it bears counts as
 * polarity 0.5 that way. The score is (for - against) / (for + against + 1): between -1 and 1, and near 0 where evidence
 * is thin. A stance moves its option's score by 0.2 its way, and nothing else. Scores are rounded to three decimals before
 * they are compared, so that what decided is what the reason shows; equal scores are a tie, never broken. Where grades are asked
 * for, `extractive-grades.ts` makes them of the same scores.
 */
import { polarityMin } from './core/bearing.ts'
import { readStance } from './core/stance.ts'
import type { Stance } from './core/stance.ts'
import { gradesFrom } from './extractive-grades.ts'
import { distinct, judgeText, passagesAbout, relevance, viewOf, weighable } from './extractive-evidence.ts'
import type { Finding, View } from './extractive-evidence.ts'
import { viewpoint } from './extractive-speech.ts'
import type { Voice } from './extractive-speech.ts'
import type { Motion, Quote } from './participant.ts'
import type { Ballot } from '../vote/ballot.ts'

/** What a stance adds to the score of its option, or takes from it. */
export const stancePrior = 0.2
const heardFactor = 1.5

/** An option as the evidence weighs it. */
export interface Weighed {
  readonly option: string
  readonly score: number
  readonly for: number
  readonly against: number
  readonly neutral: number
  readonly prior: number
  readonly strongest: Finding | undefined
}

export function vote(voice: Voice, motion: Motion): { readonly ballot: Ballot; readonly reason: string } {
  const weighed = opinion(voice, motion)
  const { ballot, told } = ballotOf(motion, weighed)
  return { ballot, reason: `${reasonOf(motion.ballot, weighed)}${told}` }
}

/** What it thinks of each option, in their order. */
export function opinion(voice: Voice, motion: Pick<Motion, 'topic' | 'options' | 'transcript'>): readonly Weighed[] {
  const view = viewOf(voice.index, motion.topic, motion.options, viewpoint(voice))
  const stance = readStance(voice.stance, view.options)
  const heard = motion.transcript.flatMap(({ quotes }) => quotes.filter((quote) => quote.verified))
  const heardText = heard.map(({ text }) => text).join('\n')
  const found = view.options.flatMap((_profile, option) => weighable(view, passagesAbout(view, option)))
  const quoted = heard.map((quote) => withClaim(view, quote))
  // A quote of several sentences was found as each of them too; the whole quote stands for its parts.
  const alone = found.filter(({ text }) => !heardText.includes(text))
  const evidence = [
    ...distinct(alone).map((finding) => ({ finding, factor: 1 })),
    ...distinct(quoted).map((finding) => ({ finding, factor: heardFactor })),
  ]
  return view.options.map((_profile, option) => weigh(view, option, evidence, stance))
}

function withClaim(view: View, quote: Quote): Finding {
  const finding = judgeText(view, quote.text, quote.source, quote.line)
  const claim = quote.bearing
  if (!claim) return finding
  const bearings = finding.bearings.map((bearing, option) =>
    view.options[option]!.option === claim.option && bearing.polarity === 0
      ? { about: Math.max(bearing.about, 0.5), polarity: claim.direction === 'for' ? 0.5 : -0.5 }
      : bearing,
  )
  return { ...finding, bearings }
}

function weigh(
  view: View,
  option: number,
  evidence: readonly { readonly finding: Finding; readonly factor: number }[],
  stance: Stance | undefined,
): Weighed {
  let weightFor = 0
  let weightAgainst = 0
  const counts = { for: 0, against: 0, neutral: 0 }
  let strongest: { readonly finding: Finding; readonly weight: number } | undefined
  for (const { finding, factor } of evidence) {
    const { about, polarity } = finding.bearings[option]!
    if (about === 0) continue
    if (Math.abs(polarity) < polarityMin) {
      counts.neutral++
      continue
    }
    const weight = relevance(view, finding, option) * Math.abs(polarity) * factor
    if (polarity > 0) weightFor += weight
    else weightAgainst += weight
    counts[polarity > 0 ? 'for' : 'against']++
    if (!strongest || weight > strongest.weight) strongest = { finding, weight }
  }
  const net = (weightFor - weightAgainst) / (weightFor + weightAgainst + 1)
  const prior = stance?.option === option ? (stance.direction === 'for' ? stancePrior : -stancePrior) : 0
  const score = Math.round((net + prior) * 1000) / 1000
  return {
    option: view.options[option]!.option,
    score: score === 0 ? 0 : score,
    ...counts,
    prior,
    strongest: strongest?.finding,
  }
}

function ballotOf(motion: Motion, weighed: readonly Weighed[]): { readonly ballot: Ballot; readonly told: string } {
  const { ballot: kind } = motion
  if (kind !== 'grades') return { ballot: choiceOf(kind, weighed), told: '' }
  const { grades, told } = gradesFrom(weighed, motion.scale ?? { min: 0, max: 5 }, motion.random)
  return { ballot: grades ? { kind, grades } : { kind: 'abstain' }, told }
}

function choiceOf(kind: Exclude<Motion['ballot'], 'grades'>, weighed: readonly Weighed[]): Ballot {
  const scores = [...new Set(weighed.map(({ score }) => score))].sort((a, b) => b - a)
  const levels = scores.map((score) => weighed.filter((each) => each.score === score).map(({ option }) => option))
  const [best] = levels
  if (kind === 'ranked') return { kind, ranking: levels }
  if (levels.length < 2 || !best) return { kind: 'abstain' }
  if (kind === 'approval') {
    const favoured = weighed.filter(({ score }) => score > 0).map(({ option }) => option)
    return { kind, approves: favoured.length > 0 ? favoured : best }
  }
  // One name cannot say a tie, and a guess would not be honest.
  return best.length === 1 ? { kind, choice: best[0]! } : { kind: 'abstain' }
}

function reasonOf(kind: Motion['ballot'], weighed: readonly Weighed[]): string {
  const parts = weighed
    .toSorted((a, b) => b.score - a.score)
    .map(({ option, score, strongest, prior, ...counts }) => {
      const place = strongest ? `; strongest ${strongest.source}:${strongest.line}` : ''
      const own = prior === 0 ? '' : `; ${signed(prior)} of it for its stance`
      return `${option} ${signed(score)} (${counts.for} for, ${counts.against} against, ${counts.neutral} neutral${place}${own})`
    })
  const ties = new Set(weighed.map(({ score }) => score)).size < weighed.length
  const tied =
    ties && kind !== 'grades'
      ? kind === 'ranked'
        ? ' Equal scores are ranked level.'
        : ' Equal scores are not told apart.'
      : ''
  return `Sentences weighed by words of support and opposition near each option: ${parts.join(', ')}.${tied}`
}

function signed(value: number): string {
  return `${value > 0 ? '+' : value < 0 ? '-' : ''}${Math.abs(value).toFixed(3)}`
}

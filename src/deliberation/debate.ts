/**
 * A debate as it runs: asks speakers, audience and judges as the plan says, checks every quote, and hands each item to the
 * record before it counts. Unlike a discussion it has sides, phases and judges, and ends in a verdict. Who throws, hangs or
 * floods delays nobody past a deadline; what was recorded is never asked again.
 */
import type { Clock } from '../base/clock.ts'
import { Aborted, InvalidArgument } from '../base/error.ts'
import { wholeNumber } from '../base/limit.ts'
import type { Random } from '../base/random.ts'
import { scoped } from '../base/scope.ts'
import { ruleNamed } from '../vote/registry.ts'
import type { Rule } from '../vote/rule.ts'
import type { TieBreak } from '../vote/tie.ts'
import { effectivePhases, nextStep } from './core/debate.ts'
import type { DebateBudget, DebatePlan, DebateStep, PlannedSide } from './core/debate.ts'
import { DebateInvalid } from './core/debate-error.ts'
import { checkFormat } from './core/debate-format.ts'
import type { DebateFormat } from './core/debate-format.ts'
import type { AudienceItem, DebateItem } from './core/debate-record.ts'
import { reportOf } from './core/debate-result.ts'
import type { DebateReport } from './core/debate-result.ts'
import type { OnFlip } from './core/debate-verdict.ts'
import { shownTo } from './core/hearing.ts'
import { defaultRubric, readRubric } from './core/rubric.ts'
import type { Rubric, RubricInput } from './core/rubric.ts'
import { askJudge } from './debate-judging.ts'
import { askSpeaker } from './debate-speech.ts'
import type { SpeechTerms } from './debate-speech.ts'
import type { Document } from './document.ts'
import type { Judge } from './judge.ts'
import type { Contribution, Participant, Side } from './participant.ts'
import { runPoll } from './poll.ts'
import { quoteFinder } from './quote.ts'

export interface DebateSide extends Side {
  /** One or more. With fewer than the format has seats they take the seats in turn. */
  readonly speakers: readonly Participant[]
}

export interface JudgeSeat {
  readonly judge: Judge
  /** Above 0. Default 1. */
  readonly weight?: number
}

export interface DebateEvidence {
  /** What quotes are looked up in. */
  readonly documents: readonly Document[]
  /**
   * What happens to a quote that does not stand word for word in its source: `strike` keeps it from opponents and judges,
   * `flag` shows it as not verified. The record holds it either way. Default `strike`.
   */
  readonly onFail?: 'strike' | 'flag'
  /** `required`: a speech without a verified quote is recorded and not shown; questions need none. Default `optional`. */
  readonly citation?: 'required' | 'optional'
}

export interface DebateOptions {
  readonly motion: string
  /** What the motion is about choosing between, where quotes bear on options. Default: the positions of the sides. */
  readonly options?: readonly string[]
  readonly format: DebateFormat
  /** By the names of the format's sides; all of them. */
  readonly sides: readonly DebateSide[]
  /** Votes before and after; needed where the format's decision is the audience's. */
  readonly audience?: readonly Participant[]
  /** `every-phase` asks after each phase besides, so that the record says after which one somebody moved. Default `ends`. */
  readonly audiencePolls?: 'ends' | 'every-phase'
  /**
   * With polls after every phase: so many polls in a row in which nobody moved end the rebuttals and cross-examinations; closings and the
   * last poll are still held. 1 to 100. Default: none do.
   */
  readonly settledAfter?: number
  readonly judges?: readonly (Judge | JudgeSeat)[]
  /** Default: evidence 4, rebuttal 4, coverage 2. */
  readonly rubric?: RubricInput
  /** Points of a criterion go from 0 to this. Default 10. */
  readonly scoreMax?: number
  /** Default `all`: each judge hears two sides in both orders, four in four. */
  readonly orders?: 'all' | 'one'
  /** Default `abstain`. */
  readonly onFlip?: OnFlip
  /** Rule that joins the judges, by name or as a value; none that counts grades. Default: majority of two sides, Borda of more. */
  readonly combine?: string | Rule
  readonly ties?: readonly TieBreak[]
  readonly evidence?: DebateEvidence
  /** `independent-vote`: the judges vote once before anybody has spoken, for comparison. Default `none`. */
  readonly baseline?: 'independent-vote' | 'none'
  /** What ends the talk early; judges then decide on what was said. */
  readonly budget?: DebateBudget
  /** Absent turns of one side that end its part. Default 2. */
  readonly forfeitAfter?: number
  /** One turn, vote or judgement. Default 120,000. */
  readonly turnTimeoutMs?: number
  readonly limits?: {
    /** Of one speech, below what the format allows. Default 20,000. */
    readonly textMaxLength?: number
    /** Of one speech. Default 50. */
    readonly quotesMax?: number
  }
  readonly clock: Clock
  readonly random: Random
  /** What an earlier run recorded; the debate goes on after it. */
  readonly recorded?: readonly DebateItem[]
  /** Time that earlier runs spent, against the budget. Default 0. */
  readonly elapsedMs?: number
  /** Makes an item durable; it counts when this resolves. Called in order, one at a time. */
  readonly record: (item: DebateItem) => Promise<DebateItem>
  /** Text of a turn as it forms: a preview, not the record. */
  readonly onPreview?: (participant: string, text: string) => void
  /** Aborting ends the debate with `base.aborted`; what is recorded stays. */
  readonly signal?: AbortSignal
}

export interface DebateResult extends DebateReport {
  readonly record: readonly DebateItem[]
}

/**
 * Runs a debate to its verdict. Rejects with `base.aborted`, `base.invalid_argument`, `deliberation.debate_invalid`,
 * `vote.unknown_rule`, or what `record` rejects with.
 */
export function runDebate(options: DebateOptions): Promise<DebateResult> {
  return scoped(options.signal, (signal) => new Debate({ ...options, signal }).run())
}

/** The plan that the options say: all that the course depends on, beside the record. Throws as `runDebate` rejects. */
export function debatePlan(options: DebateOptions): DebatePlan {
  checkWords(options)
  const format = checkFormat(options.format)
  const audience = namesOf('member of the audience', options.audience ?? [])
  const judges = namesOf('judge', seatsOf(options))
  const sides = plannedSides(format, options.sides)
  const speakers = new Set(sides.flatMap((side) => side.speakers))
  const partial = [...judges, ...audience].find((name) => speakers.has(name))
  if (partial !== undefined) throw new DebateInvalid(`${partial} speaks in this debate; let another judge or vote`)
  if (format.decision === 'audience' && audience.length === 0)
    throw new DebateInvalid(`the audience decides in ${format.name}; give one, or another format`)
  if (format.decision === 'judges' && judges.length === 0)
    throw new DebateInvalid(`judges decide in ${format.name}; give one or more`)
  const positions = new Set(sides.map((side) => side.position))
  if (positions.size !== sides.length) throw new DebateInvalid('two sides hold the same position; word them apart')
  const { settledAfter } = options
  if (settledAfter !== undefined) wholeNumber('settledAfter', settledAfter, 1, 100)
  if (settledAfter !== undefined && (options.audiencePolls !== 'every-phase' || audience.length === 0))
    throw new DebateInvalid('settledAfter needs an audience that is polled after every phase')
  const { turns, tokens, timeMs } = options.budget ?? {}
  for (const [name, value] of Object.entries({ turns, tokens, timeMs }))
    if (value !== undefined) wholeNumber(`budget.${name}`, value, 1)
  return {
    format,
    sides,
    audience,
    audiencePolls: options.audiencePolls ?? 'ends',
    ...(settledAfter !== undefined && { settledAfter }),
    judges,
    orders: options.orders ?? 'all',
    baseline: options.baseline === 'independent-vote',
    forfeitAfter: wholeNumber('forfeitAfter', options.forfeitAfter ?? 2, 1, 1000),
    budget: options.budget ?? {},
  }
}

/** A slip in a word would leave what was meant at its default, or at something else. */
function checkWords({ audiencePolls, orders, onFlip, baseline, evidence }: DebateOptions): void {
  const words: readonly (readonly [string, string | undefined, readonly string[]])[] = [
    ['audiencePolls', audiencePolls, ['ends', 'every-phase']],
    ['orders', orders, ['all', 'one']],
    ['onFlip', onFlip, ['abstain', 'average', 'keep-first']],
    ['baseline', baseline, ['independent-vote', 'none']],
    ['evidence.onFail', evidence?.onFail, ['strike', 'flag']],
    ['evidence.citation', evidence?.citation, ['required', 'optional']],
  ]
  for (const [name, given, known] of words)
    if (given !== undefined && !known.includes(given)) throw new InvalidArgument(name, `must be ${known.join(' or ')}`)
}

function plannedSides(format: DebateFormat, given: readonly DebateSide[]): readonly PlannedSide[] {
  const byName = new Map(given.map((side) => [side.name, side]))
  if (byName.size !== given.length || given.length !== format.sides.length)
    throw new DebateInvalid(
      `${format.name} has the sides ${format.sides.map((side) => side.name).join(', ')}; give each once`,
    )
  const seen = new Set<string>()
  return format.sides.map(({ name }) => {
    const side = byName.get(name)
    if (!side) throw new DebateInvalid(`the side ${name} of ${format.name} is missing`)
    if (typeof side.position !== 'string' || side.position.trim() === '')
      throw new DebateInvalid(`the side ${name} holds no position; say in words what it stands for`)
    if (side.speakers.length === 0) throw new DebateInvalid(`the side ${name} has no speaker`)
    const speakers = side.speakers.map((speaker) => speaker.name)
    for (const speaker of speakers) {
      if (seen.has(speaker)) throw new DebateInvalid(`${speaker} speaks twice; each speaker needs a name of its own`)
      seen.add(speaker)
    }
    return { name, position: side.position, ...(side.bearing && { bearing: side.bearing }), speakers }
  })
}

function namesOf(what: string, given: readonly { readonly name: string }[]): readonly string[] {
  const names = given.map(({ name }) => name)
  if (new Set(names).size !== names.length) throw new DebateInvalid(`each ${what} needs a name of its own`)
  return names
}

function seatsOf(
  options: DebateOptions,
): readonly { readonly name: string; readonly judge: Judge; readonly weight: number }[] {
  return (options.judges ?? []).map((given) => {
    const { judge, weight = 1 } = seatOf(given)
    if (typeof weight !== 'number' || !Number.isFinite(weight) || weight <= 0)
      throw new DebateInvalid(`the weight of the judge ${judge.name} must be a number above 0`)
    return { name: judge.name, judge, weight }
  })
}

function seatOf(given: Judge | JudgeSeat): JudgeSeat {
  return isJudge(given) ? { judge: given } : given
}

function isJudge(given: Judge | JudgeSeat): given is Judge {
  return typeof given.judge === 'function'
}

function ruleOf(options: DebateOptions): Rule {
  const { combine = options.sides.length === 2 ? 'majority' : 'borda' } = options
  const rule = typeof combine === 'string' ? ruleNamed(combine) : combine
  if (rule.ballot === 'grades' || rule.seats !== undefined)
    throw new DebateInvalid(`${rule.name} does not count what judges say; use majority, borda, schulze or the like`)
  return rule
}

/** Calls in flight at once; a panel of fifty in four orders would be two hundred. */
const asksAtOnceMax = 16

class Debate {
  readonly #options: DebateOptions
  readonly #plan: DebatePlan
  readonly #rubric: Rubric
  readonly #rule: Rule
  readonly #speech: SpeechTerms
  readonly #speakers: ReadonlyMap<string, Participant>
  readonly #judges: ReadonlyMap<string, Judge>
  readonly #record: DebateItem[]
  readonly #startedMs: number

  constructor(options: DebateOptions) {
    this.#options = options
    this.#plan = debatePlan(options)
    this.#rubric = readRubric(options.rubric ?? defaultRubric, options.scoreMax ?? 10)
    this.#rule = ruleOf(options)
    this.#speech = speechTerms(options, this.#plan)
    const speakers = options.sides.flatMap((side) => side.speakers)
    this.#speakers = new Map(speakers.map((speaker) => [speaker.name, speaker]))
    this.#judges = new Map(seatsOf(options).map(({ name, judge }) => [name, judge]))
    this.#record = [...(options.recorded ?? [])]
    this.#startedMs = options.clock.monotonicMs()
  }

  async run(): Promise<DebateResult> {
    const { signal } = this.#options
    for (;;) {
      if (signal?.aborted) throw new Aborted('the debate', { cause: signal.reason })
      const step = nextStep(this.#plan, this.#record, this.#elapsedMs())
      if (step.kind === 'end') return { ...this.#report(step.ended), record: this.#record }
      await this.#take(step)
    }
  }

  async #take(step: Exclude<DebateStep, { readonly kind: 'end' }>): Promise<void> {
    switch (step.kind) {
      case 'stop':
        await this.#keep({ item: 'stop', reason: step.reason })
        return
      case 'poll':
        await this.#poll(step)
        return
      case 'speak':
        await this.#speak(step)
        return
      case 'judge':
        await this.#judge(step)
        return
    }
  }

  async #speak({ turns }: Extract<DebateStep, { readonly kind: 'speak' }>): Promise<void> {
    const remainingMs = (this.#plan.budget.timeMs ?? Number.POSITIVE_INFINITY) - this.#elapsedMs()
    const before = [...this.#record]
    const asked = turns.slice(0, asksAtOnceMax).map((due) => {
      const side = this.#plan.sides.find((each) => each.name === due.seat.side)!
      return askSpeaker(this.#speech, due, this.#speakers.get(due.participant)!, side, before, remainingMs)
    })
    await this.#keepAll(asked, (offered) => {
      const number = this.#record.filter((item) => item.item === 'contribution').length + 1
      return { id: `c${number}`, number, ...offered }
    })
  }

  async #judge({ hearings }: Extract<DebateStep, { readonly kind: 'judge' }>): Promise<void> {
    const { motion, clock, random, signal } = this.#options
    const terms = {
      plan: this.#plan,
      motion,
      options: this.#speech.options,
      rubric: this.#rubric,
      timeoutMs: this.#speech.turnTimeoutMs,
      clock,
      random,
      signal,
    }
    const before = [...this.#record]
    const asked = hearings
      .slice(0, asksAtOnceMax)
      .map((due) => askJudge(terms, due, this.#judges.get(due.judge)!, before))
    await this.#keepAll(asked, (item) => item)
  }

  async #poll({ phase, members }: Extract<DebateStep, { readonly kind: 'poll' }>): Promise<void> {
    const { motion, audience = [], clock, random, signal } = this.#options
    const sideOf = new Map(this.#plan.sides.map((side) => [side.position, side.name]))
    const due = new Set(members)
    await runPoll({
      topic: motion,
      options: [...sideOf.keys()],
      participants: audience.filter((member) => due.has(member.name)),
      ballot: 'single',
      transcript: this.#shown(),
      ballotTimeoutMs: this.#speech.turnTimeoutMs,
      clock,
      random: random.split(`poll ${phase.name}`),
      record: async (vote) => {
        const side = vote.ballot.kind === 'single' ? sideOf.get(vote.ballot.choice) : undefined
        const item: AudienceItem = { item: 'audience', phase: phase.name, ...(side !== undefined && { side }), ...vote }
        await this.#keep(item)
        return vote
      },
      ...(signal && { signal }),
    })
  }

  #shown(): readonly Contribution[] {
    return this.#record.flatMap((item) => (item.item === 'contribution' ? (shownTo(item) ?? []) : []))
  }

  /** In the order asked, whoever is fastest, so that the same run gives the same record. */
  async #keepAll<T>(asked: readonly Promise<T>[], itemOf: (answer: T) => DebateItem): Promise<void> {
    for (const answer of asked) answer.catch(() => {})
    for (const answer of asked) await this.#keep(itemOf(await answer))
  }

  async #keep(item: DebateItem): Promise<void> {
    this.#record.push(await this.#options.record(item))
  }

  #elapsedMs(): number {
    return (this.#options.elapsedMs ?? 0) + this.#options.clock.monotonicMs() - this.#startedMs
  }

  #report(ended: DebateReport['ended']): DebateReport {
    const terms = {
      sides: this.#plan.sides.map((side) => side.name),
      judges: seatsOf(this.#options).map(({ name, judge, weight }) => ({ name, kind: judge.kind, weight })),
      rubric: this.#rubric,
      onFlip: this.#options.onFlip ?? 'abstain',
      rule: this.#rule,
      ties: this.#options.ties ?? [],
      kinds: new Map(Array.from(this.#speakers, ([name, speaker]) => [name, speaker.kind])),
    }
    return reportOf(this.#plan, terms, this.#record, ended)
  }
}

function speechTerms(options: DebateOptions, plan: DebatePlan): SpeechTerms {
  const { motion, evidence, limits = {}, clock, random, signal, onPreview } = options
  if (typeof motion !== 'string' || motion.trim() === '') throw new DebateInvalid('a debate needs a motion in words')
  return {
    motion,
    options: options.options ?? plan.sides.map((side) => side.position),
    rounds: effectivePhases(plan).filter((phase) => phase.kind !== 'audience').length - 1,
    evidence: {
      finder: evidence && quoteFinder(evidence.documents),
      onFail: evidence?.onFail ?? 'strike',
      citationRequired: evidence?.citation === 'required',
    },
    textMaxLength: wholeNumber('limits.textMaxLength', limits.textMaxLength ?? 20_000, 1),
    quotesMax: wholeNumber('limits.quotesMax', limits.quotesMax ?? 50, 0, 1000),
    turnTimeoutMs: wholeNumber('turnTimeoutMs', options.turnTimeoutMs ?? 120_000, 1),
    clock,
    random,
    onPreview,
    signal,
  }
}

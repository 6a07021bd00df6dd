/**
 * A discussion as it runs: asks participants as the plan says, hands each item to the record before it counts, and lets those hear it who
 * may. Unlike a poll it decides nothing. A participant that throws, hangs or floods delays nobody past its deadline: it is recorded as
 * absent, with the reason.
 */
import type { Clock } from '../base/clock.ts'
import { Aborted, InvalidArgument, messageOf } from '../base/error.ts'
import { wholeNumber } from '../base/limit.ts'
import type { Random } from '../base/random.ts'
import { scoped } from '../base/scope.ts'
import { budgetOf, draftOf, exceed, heardBefore, nextStep } from './core/discussion.ts'
import type { DiscussionStep } from './core/discussion.ts'
import { labelsOf } from './core/label.ts'
import type { Labels } from './core/label.ts'
import { checkPlan } from './core/plan.ts'
import type { Budget, DiscussionEnd, DiscussionPlan } from './core/plan.ts'
import { flipsOf } from './core/position.ts'
import type { Flip } from './core/position.ts'
import { overshootOf, spentOf, totalUsage, usedUp, wouldPass } from './core/spending.ts'
import type { Overshoot } from './core/spending.ts'
import { hearing } from './core/topology.ts'
import { DiscussionInvalid, absent, ask } from './discussion-ask.ts'
import type { Asking, Offered, SpeechLimits } from './discussion-ask.ts'
import { choose } from './discussion-choose.ts'
import type { Selector } from './discussion-choose.ts'
import type { Act, Contribution, Estimate, Participant, Turn, Usage } from './participant.ts'
import { runPoll } from './poll.ts'
import { contributionsOf, isContribution } from './record.ts'
import type { DiscussionItem, Escalation, StrawPoll } from './record.ts'

export interface DiscussionOptions extends Partial<Omit<DiscussionPlan, 'participants'>> {
  readonly topic: string
  readonly options: readonly string[]
  /** In speaking order. A moderator is not among them. */
  readonly participants: readonly Participant[]
  /** Rounds after the sealed drafts. Default 2. */
  readonly rounds?: number
  /** For the floor `moderator`. */
  readonly moderator?: Participant
  /** For the floor `selector`. */
  readonly selector?: Selector
  /** Whether speakers know each other by labels only, of each viewer's own. Default false. */
  readonly anonymous?: boolean
  /** One turn, bid, choice or straw ballot. Default 120,000. */
  readonly turnTimeoutMs?: number
  readonly limits?: SpeechLimits
  readonly clock: Clock
  readonly random: Random
  /** What an earlier run recorded; the discussion goes on after it. */
  readonly recorded?: readonly DiscussionItem[]
  /** Calls that an earlier run's snapshot named as under way: when they are made again, the contribution says so. */
  readonly inFlight?: readonly CallInFlight[]
  /** Time that earlier runs spent, against the budget. Default 0. */
  readonly elapsedMs?: number
  /** Makes an item durable; it counts when this resolves. Called in order, one at a time. */
  readonly record: (item: DiscussionItem) => Promise<void>
  /** Text of a turn as it forms; `text` adds to what came before for the same participant and round. */
  readonly onPreview?: (participant: string, round: number, text: string) => void
  /** Asks a person when the budget is used up and the plan says `escalate`. */
  readonly escalate?: (reason: DiscussionEnd, signal: AbortSignal) => Promise<Omit<Escalation, 'item' | 'reason'>>
  /** Aborting it ends the talk as a stop condition does: synthesis and polls follow, and nothing is lost. */
  readonly stopSignal?: AbortSignal
  /** Aborting ends the discussion with `base.aborted`; what is recorded stays. */
  readonly signal?: AbortSignal
}

export interface CallInFlight {
  readonly participant: string
  readonly round: number
  readonly act: Act
}

/** All that is needed to go on elsewhere: hand both to the next run. Consistent at any moment. */
export interface DiscussionSnapshot {
  readonly recorded: readonly DiscussionItem[]
  /** Calls that were made and have not been answered and recorded: they may be made, and paid, again. */
  readonly inFlight: readonly CallInFlight[]
  readonly elapsedMs: number
}

export interface DiscussionResult {
  readonly transcript: readonly Contribution[]
  /** All items, the transcript included. */
  readonly record: readonly DiscussionItem[]
  readonly ended: DiscussionEnd
  /** Why, with figures, where a stop condition held. */
  readonly detail?: string
  readonly usage: Usage
  /** Who changed what it holds best, when, and after which contribution. */
  readonly flips: readonly Flip[]
  /** Calls that cost more than was kept for them. */
  readonly overshoots: readonly Overshoot[]
}

export interface Discussion {
  /** Rejects with `base.aborted`, or what `record` rejects with. */
  readonly result: Promise<DiscussionResult>
  snapshot(): DiscussionSnapshot
}

/** Runs a discussion to its end. Rejects with `base.aborted`, `deliberation.invalid`, or what `record` rejects with. */
export function runDiscussion(options: DiscussionOptions): Promise<DiscussionResult> {
  return startDiscussion(options).result
}

/** The same, with a handle on it while it runs. */
export function startDiscussion(options: DiscussionOptions): Discussion {
  let run: DiscussionRun | undefined
  // Whoever still speaks when the discussion fails is told to stop, as after an abort.
  const result = scoped(options.signal, (signal) => {
    run = new DiscussionRun(options, signal)
    return run.finish()
  })
  result.catch(() => {})
  return { result, snapshot: () => run?.snapshot() ?? { recorded: options.recorded ?? [], inFlight: [], elapsedMs: 0 } }
}

type Step<Kind extends DiscussionStep['kind']> = Extract<DiscussionStep, { readonly kind: Kind }>

/** One that is to be asked: the turn is made once, for a model's estimate counts the whole prompt. */
interface Asked {
  readonly name: string
  readonly turn: Turn
  readonly estimate: Estimate | undefined
}

class DiscussionRun {
  readonly #options: DiscussionOptions
  readonly #signal: AbortSignal
  readonly #speakers: ReadonlyMap<string, Participant>
  readonly #plan: DiscussionPlan
  readonly #hears: ReadonlyMap<string, ReadonlySet<string>>
  readonly #labels: ReadonlyMap<string, Labels>
  readonly #record: DiscussionItem[]
  readonly #inFlight = new Map<string, CallInFlight>()
  readonly #before: ReadonlySet<string>
  readonly #overshoots: Overshoot[] = []
  readonly #startedMs: number
  #contributions: number

  constructor(options: DiscussionOptions, signal: AbortSignal) {
    checkLimits(options)
    this.#options = options
    this.#signal = signal
    this.#speakers = indexByName(options)
    this.#plan = planOf(options, [...this.#speakers.keys()])
    const { participants, topology } = this.#plan
    this.#hears = hearing(topology ?? { kind: 'all' }, participants, options.random.split('topology'))
    this.#labels = new Map(
      options.anonymous === true
        ? participants.map((name) => [name, labelsOf(name, participants, options.random)] as const)
        : [],
    )
    this.#record = [...(options.recorded ?? [])]
    this.#contributions = contributionsOf(this.#record).length
    this.#before = new Set((options.inFlight ?? []).map(keyOf))
    this.#startedMs = options.clock.monotonicMs()
  }

  snapshot(): DiscussionSnapshot {
    return { recorded: [...this.#record], inFlight: [...this.#inFlight.values()], elapsedMs: this.#elapsedMs() }
  }

  async finish(): Promise<DiscussionResult> {
    for (const contribution of contributionsOf(this.#record)) this.#broadcast(contribution)
    for (;;) {
      if (this.#signal.aborted) throw new Aborted('the discussion', { cause: this.#signal.reason })
      const step = this.#next()
      if (step.kind === 'end') return this.#result(step)
      if (step.kind === 'over') await this.#add({ item: 'end', reason: step.reason })
      else if (step.kind === 'choose') await this.#choose(step)
      else if (step.kind === 'poll') await this.#poll(step)
      else if (step.kind === 'escalate') await this.#escalate(step)
      else await this.#askAll(step.asked)
    }
  }

  #elapsedMs(): number {
    return (this.#options.elapsedMs ?? 0) + this.#options.clock.monotonicMs() - this.#startedMs
  }

  #next(): Exclude<DiscussionStep, Step<'ask'>> | { readonly kind: 'ask'; readonly asked: readonly Asked[] } {
    const step = nextStep(this.#plan, this.#record, this.#elapsedMs())
    const talks = (step.kind === 'ask' || step.kind === 'choose') && !this.#isOver()
    if (talks && this.#options.stopSignal?.aborted) return { kind: 'over', reason: 'signal' }
    if (step.kind !== 'ask') return step
    const asked = step.participants.map((name) => {
      const turn = this.#turnOf(name, step)
      return { name, turn, estimate: estimateOf(this.#speaker(name), turn) }
    })
    // Kept for all who would be asked, before the first is: a call for which nothing is left is not made.
    const estimates = asked.map(({ estimate }) => estimate)
    const passed = talks && wouldPass(budgetOf(this.#plan, this.#record), spentOf(this.#record), estimates)
    return passed ? exceed(this.#plan, passed) : { kind: 'ask', asked }
  }

  #isOver(): boolean {
    return this.#record.some((item) => !isContribution(item) && item.item === 'end')
  }

  #result({ reason, detail }: Step<'end'>): DiscussionResult {
    const usages = this.#record.flatMap((item): readonly Usage[] => {
      if (isContribution(item) || item.item === 'choice') return [item.usage]
      return item.item === 'poll' ? item.votes.map(({ usage }) => usage) : []
    })
    return {
      transcript: contributionsOf(this.#record),
      record: [...this.#record],
      ended: reason,
      ...(detail !== undefined && { detail }),
      usage: totalUsage(usages),
      flips: flipsOf(this.#record),
      overshoots: [...this.#overshoots],
    }
  }

  async #add(item: DiscussionItem): Promise<void> {
    await this.#options.record(item)
    this.#record.push(item)
    if (isContribution(item)) this.#broadcast(item)
  }

  /** Everybody who may hear a contribution does, as soon as it counts. */
  #broadcast(contribution: Contribution): void {
    const { moderator } = this.#options
    for (const listener of [...this.#speakers.values(), ...(moderator ? [moderator] : [])]) {
      if (!this.#mayHear(listener.name, contribution)) continue
      try {
        listener.observe?.(this.#labels.get(listener.name)?.show(contribution) ?? contribution)
      } catch {
        // Hearing is the listener's own affair: a listener that fails must not undo what was recorded for all.
      }
    }
  }

  #mayHear(viewer: string, { participant }: Contribution): boolean {
    return this.#hears.get(viewer)?.has(participant) ?? true
  }

  async #askAll(asked: readonly Asked[]): Promise<void> {
    const budget = budgetOf(this.#plan, this.#record)
    const calls = asked.map((each) => ({ ...each, answer: this.#ask(each, budget) }))
    for (const { answer } of calls) answer.catch(() => {})
    // In speaking order whoever is fastest, so that the same run gives the same record.
    for (const { name, estimate, answer } of calls) {
      const offered = await answer
      const overshoot = overshootOf(name, estimate, offered.usage)
      if (overshoot) this.#overshoots.push(overshoot)
      const number = ++this.#contributions
      await this.#add({ id: `c${number}`, number, ...offered })
      this.#inFlight.delete(name)
    }
  }

  async #ask({ name, turn, estimate }: Asked, budget: Budget): Promise<Offered> {
    const used = usedUp(budget, spentOf(this.#record, name), estimate)
    const noUsage = { inputTokens: 0, outputTokens: 0 }
    if (used) return absent(name, turn, `its budget of ${used} is used up`, noUsage)
    const call = { participant: name, round: turn.round, act: turn.act ?? 'speech' }
    this.#inFlight.set(name, call)
    const { clock, turnTimeoutMs = 120_000, limits = {} } = this.#options
    const asking: Asking = {
      clock,
      turnTimeoutMs,
      remainingMs: this.#isOver() ? Infinity : (budget.timeMs ?? Infinity) - this.#elapsedMs(),
      limits,
      signal: this.#signal,
      notes: this.#before.has(keyOf(call))
        ? ['this turn may have been asked twice: a run ended while it was under way']
        : [],
      tell: (text) => this.#labels.get(name)?.tell(text) ?? text,
    }
    return await ask(this.#speaker(name), turn, asking)
  }

  #speaker(name: string): Participant {
    return this.#speakers.get(name) as Participant
  }

  #turnOf(name: string, { round, act, sealed }: Pick<Step<'ask'>, 'round' | 'act' | 'sealed'>): Turn {
    const { topic, options, random, onPreview } = this.#options
    const draft = round === 0 ? undefined : draftOf(this.#plan, this.#record)
    const task = tasks[act]
    return {
      topic,
      options,
      round,
      rounds: this.#plan.rounds,
      act,
      ...(task !== undefined && { task }),
      ...(draft && { draft: this.#labels.get(name)?.showDraft(draft) ?? draft }),
      transcript: this.#transcriptOf(name, heardBefore({ round, sealed }, this.#record)),
      random: random.split(`turn ${round} ${name}`),
      preview: (text) => onPreview?.(name, round, text),
    }
  }

  #transcriptOf(viewer: string, said: readonly Contribution[]): readonly Contribution[] {
    const heard = said.filter((each) => this.#mayHear(viewer, each) || each.act === 'synthesis')
    const labels = this.#labels.get(viewer)
    return labels ? heard.map((each) => labels.show(each)) : heard
  }

  async #choose({ round, by, candidates }: Step<'choose'>): Promise<void> {
    const { clock, turnTimeoutMs = 120_000, moderator, selector } = this.#options
    const turnOf = (name: string): Turn => this.#turnOf(name, { round, act: 'speech', sealed: false })
    const choosing = {
      clock,
      timeoutMs: turnTimeoutMs,
      signal: this.#signal,
      participants: this.#speakers,
      moderator,
      selector,
      turnOf,
    }
    await this.#add(await choose(by, { round, candidates, record: this.#record }, choosing))
  }

  async #poll({ round }: Step<'poll'>): Promise<void> {
    const { topic, options, clock, random, turnTimeoutMs } = this.#options
    const votes: StrawPoll['votes'][number][] = []
    const said = contributionsOf(this.#record)
    await runPoll({
      topic,
      options,
      participants: [...this.#speakers.values()],
      ballot: 'single',
      transcript: said,
      transcriptOf: (name) => this.#transcriptOf(name, said),
      ...(turnTimeoutMs !== undefined && { ballotTimeoutMs: turnTimeoutMs }),
      clock,
      random: random.split(`straw poll ${round}`),
      record: async (vote) => {
        votes.push(vote)
        return vote
      },
      signal: this.#signal,
    })
    await this.#add({ item: 'poll', round, votes })
  }

  async #escalate({ reason }: Step<'escalate'>): Promise<void> {
    const { escalate } = this.#options
    try {
      const answer = await escalate!(reason, this.#signal)
      if (answer.decision === 'more' && answer.budget) checkPlan({ ...this.#plan, budget: answer.budget })
      const isHeld = answer.decision === 'stop' || givesMore(budgetOf(this.#plan, this.#record), reason, answer)
      await this.#add({ ...answer, item: 'escalation', reason, ...(!isHeld && { decision: 'conclude' }) })
    } catch (error) {
      if (this.#signal.aborted) throw new Aborted('the discussion', { cause: this.#signal.reason })
      await this.#add({ item: 'escalation', reason, decision: 'conclude', by: `nobody: ${messageOf(error)}` })
    }
  }
}

/** What the acts ask for, in words. */
const tasks: Partial<Record<Act, string>> = {
  critique:
    'Say what is wrong, missing or unproven in the draft, or in what the others said. Do not repeat what is right.',
  revision: 'Write the text anew, whole, with what the critique rightly asks for. Say nothing beside it.',
  synthesis:
    'Write one text that says what the discussion came to, what it rests on, and where the speakers still differ.',
  dissent: 'Say in your own words what of the synthesis you do not share, and why. Pass if you share it.',
}

function planOf(options: DiscussionOptions, participants: readonly string[]): DiscussionPlan {
  const { rounds = 2, budget = {}, drafts, floor, topology, acts, editor, synthesis, polls, stop, detect } = options
  if (floor?.kind === 'moderator' && options.moderator?.name !== floor.moderator)
    throw new InvalidArgument(
      'moderator',
      `must be the participant ${JSON.stringify(floor.moderator)} that the floor names`,
    )
  if (floor?.kind === 'selector' && !options.selector)
    throw new InvalidArgument('selector', 'is missing; the floor needs one')
  if (budget.onExceed === 'escalate' && !options.escalate)
    throw new InvalidArgument('escalate', 'is missing; the budget needs somebody to ask')
  return checkPlan({
    participants,
    rounds,
    budget,
    ...(drafts !== undefined && { drafts }),
    ...(floor && { floor }),
    ...(topology && { topology }),
    ...(acts && { acts }),
    ...(editor !== undefined && { editor }),
    ...(synthesis && { synthesis }),
    ...(polls && { polls }),
    ...(stop && { stop }),
    ...(detect !== undefined && { detect }),
  })
}

function checkLimits({ turnTimeoutMs, limits: { textMaxLength, quotesMax } = {} }: DiscussionOptions): void {
  if (turnTimeoutMs !== undefined) wholeNumber('turnTimeoutMs', turnTimeoutMs, 1)
  if (textMaxLength !== undefined) wholeNumber('limits.textMaxLength', textMaxLength, 1)
  if (quotesMax !== undefined) wholeNumber('limits.quotesMax', quotesMax, 0)
}

function indexByName({ participants }: DiscussionOptions): Map<string, Participant> {
  const byName = new Map(participants.map((participant) => [participant.name, participant]))
  if (byName.size !== participants.length) throw new DiscussionInvalid('each participant needs a name of its own')
  if (byName.size < 2) throw new DiscussionInvalid('a discussion needs two participants or more')
  return byName
}

function estimateOf(participant: Participant, turn: Turn): Estimate | undefined {
  try {
    const estimate = participant.estimate?.(turn)
    return estimate && estimate.tokens >= 0 && (estimate.usd ?? 0) >= 0 ? estimate : undefined
  } catch {
    // Who cannot tell what it costs is asked all the same; what it costs is counted.
    return undefined
  }
}

/** Whether a person gave more of what is used up; else the same would be asked again for ever. */
function givesMore(
  now: Budget,
  reason: DiscussionEnd,
  { decision, budget }: Pick<Escalation, 'decision' | 'budget'>,
): boolean {
  const part = reason === 'time' ? 'timeMs' : reason
  if (decision !== 'more' || (part !== 'timeMs' && part !== 'turns' && part !== 'tokens' && part !== 'usd'))
    return false
  return (budget?.[part] ?? 0) > (now[part] ?? Infinity)
}

function keyOf({ participant, round, act }: CallInFlight): string {
  return JSON.stringify([participant, round, act])
}

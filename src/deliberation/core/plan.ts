/**
 * The plan of a discussion: who may speak when, who hears whom, when it ends, what it may cost. It is plain JSON, so that it can stand in
 * an agenda, in a record and in an identity; functions that build its parts check them. Unlike `nextStep`, which reads it, it decides
 * nothing. Pure.
 */
import { InvalidArgument } from '../../base/error.ts'
import { checkKeys, wholeNumber } from '../../base/limit.ts'
import type { Act } from '../participant.ts'

/**
 * Who speaks next.
 * - `round-robin`: each once a round, in order, and hears those before.
 * - `together`: each once a round, all at the same time, none hears another of the round before all are in.
 * - `mention`: whoever the last speaker named as `@name`, else whom it answered, else the next in order.
 * - `bids`: before each turn everybody says how much it wants to speak; ties go to who spoke least, then to the order.
 * - `moderator`: a participant who does not take turns names the next.
 * - `selector`: a function of the program does.
 *
 * The last four have as many turns a round as there are speakers. Nobody speaks more than `repeatsMax` times in a row, default 1.
 */
export type Floor =
  | { readonly kind: 'round-robin' }
  | { readonly kind: 'together' }
  | { readonly kind: 'mention' | 'bids' | 'selector'; readonly repeatsMax?: number }
  | { readonly kind: 'moderator'; readonly moderator: string; readonly repeatsMax?: number }

/**
 * Who hears whom; everybody hears itself. `ring`: `reach` neighbours on either side, in order. `star`: the hub hears all, the others the
 * hub. `regular`: a connected graph in which each hears `degree` others, drawn by the discussion's seed. `custom`: by name.
 */
export type Topology =
  | { readonly kind: 'all' }
  | { readonly kind: 'ring'; readonly reach: number }
  | { readonly kind: 'star'; readonly hub: string }
  | { readonly kind: 'regular'; readonly degree: number }
  | { readonly kind: 'custom'; readonly hears: Readonly<Record<string, readonly string[]>> }

/** When the talk ends; see `stop.ts` for how each is measured. */
export type Stop =
  | StopCondition
  | { readonly kind: 'any'; readonly of: readonly Stop[] }
  | { readonly kind: 'all'; readonly of: readonly Stop[] }

/** One condition. Rounds count from the drafts, round 0. */
export type StopCondition =
  | { readonly kind: 'turns'; readonly max: number }
  | { readonly kind: 'rounds'; readonly max: number }
  | { readonly kind: 'consensus'; readonly rounds: number }
  | {
      readonly kind: 'stable'
      readonly measure: 'options' | 'confidence'
      readonly rounds: number
      readonly threshold: number
    }
  | { readonly kind: 'no-new'; readonly rounds: number; readonly novelty: number }
  | { readonly kind: 'repetition'; readonly window: number; readonly similarity: number }
  | { readonly kind: 'confident'; readonly min: number }
  | { readonly kind: 'phrase'; readonly text: string; readonly by?: string }

/**
 * Why a discussion ended. `rounds`: all were held; `exhausted`: in one whole round nobody had anything new; `loop`: the last contributions
 * go in a circle; `turns`, `tokens`, `usd`, `time`: that part of the budget is used up; `stopped`: a person said so; `signal`: the program
 * did; else the stop condition that held.
 */
export type DiscussionEnd =
  | StopCondition['kind']
  | 'exhausted'
  | 'loop'
  | 'tokens'
  | 'usd'
  | 'time'
  | 'stopped'
  | 'signal'

export interface Spend {
  /** Input and output tokens. */
  readonly tokens?: number
  readonly usd?: number
  /** Contributions, absences included. */
  readonly turns?: number
}

export interface Budget extends Spend {
  /** Time spent talking. */
  readonly timeMs?: number
  /** Of each participant. Who has used it up is recorded as absent and not asked. */
  readonly perParticipant?: Spend
  /**
   * When a part of the meeting's budget is used up: `conclude`, default, ends the talk, and synthesis and polls follow; `stop` ends the
   * discussion there; `escalate` asks a person.
   */
  readonly onExceed?: 'conclude' | 'stop' | 'escalate'
}

export interface DiscussionPlan {
  /** Names in speaking order; a moderator is not among them. */
  readonly participants: readonly string[]
  /** Whether it begins with sealed drafts, round 0. Default true. */
  readonly drafts?: boolean
  /** Rounds after the drafts. */
  readonly rounds: number
  readonly budget: Budget
  /** Default `round-robin`. */
  readonly floor?: Floor
  /** Default `all`. */
  readonly topology?: Topology
  /** What the rounds ask for, in turn: `['critique', 'revision']`. Default `['speech']`. */
  readonly acts?: readonly Act[]
  /**
   * The discussion refines one text: the editor's draft is its first version, and each of its revisions the next. In rounds of `critique`
   * the others speak, in rounds of `revision` the editor does.
   */
  readonly editor?: string
  /** Writes one text of all when the talk is over; then the others may dissent, each in its own words. */
  readonly synthesis?: { readonly by: string; readonly dissent?: boolean }
  /** Straw polls: after every so many rounds, the drafts included, and when the talk is over. */
  readonly polls?: { readonly everyRounds?: number; readonly last?: boolean }
  /** Beside the rounds and the budget. */
  readonly stop?: Stop
  /** Ends a talk in which nothing new comes. Default: loops, repetition and silence are watched for; false: only silence is. */
  readonly detect?: boolean
}

/** True as soon as one of them is. */
export function any(...of: readonly Stop[]): Stop {
  return { kind: 'any', of }
}

/** True once all of them are. */
export function all(...of: readonly Stop[]): Stop {
  return { kind: 'all', of }
}

const acts: ReadonlySet<Act> = new Set(['speech', 'critique', 'revision'])

/** Throws `base.invalid_argument` for a plan that cannot be held. */
export function checkPlan(plan: DiscussionPlan): DiscussionPlan {
  const { participants, floor, topology, editor, synthesis, polls, stop } = plan
  wholeNumber('rounds', plan.rounds, 0, 1000)
  for (const act of plan.acts ?? [])
    if (!acts.has(act)) throw new InvalidArgument('acts', `takes ${[...acts].join(', ')}, and not ${act}`)
  if (plan.acts?.length === 0) throw new InvalidArgument('acts', 'must name what the rounds ask for')
  if (floor) checkFloor(floor, participants)
  if (topology) checkTopology(topology, participants)
  if (editor !== undefined) checkName('editor', editor, participants)
  if (synthesis) checkName('synthesis.by', synthesis.by, participants)
  if (polls?.everyRounds !== undefined) wholeNumber('polls.everyRounds', polls.everyRounds, 1)
  if (stop) checkStop(stop, participants, 0)
  checkBudget(plan.budget)
  return plan
}

const floors: readonly Floor['kind'][] = ['round-robin', 'together', 'mention', 'bids', 'selector', 'moderator']

function checkFloor(floor: Floor, participants: readonly string[]): void {
  checkOneOf('floor.kind', floor.kind, floors)
  if (floor.kind === 'moderator' && participants.includes(floor.moderator))
    throw new InvalidArgument('floor.moderator', `${floor.moderator} takes turns and cannot give them out`)
  if ('repeatsMax' in floor && floor.repeatsMax !== undefined) wholeNumber('floor.repeatsMax', floor.repeatsMax, 1)
}

function checkTopology(topology: Topology, participants: readonly string[]): void {
  const others = participants.length - 1
  switch (topology.kind) {
    case 'ring':
      wholeNumber('topology.reach', topology.reach, 1)
      return
    case 'star':
      return checkName('topology.hub', topology.hub, participants)
    case 'regular':
      wholeNumber('topology.degree', topology.degree, Math.min(2, others), others)
      if ((topology.degree * participants.length) % 2 === 1)
        throw new InvalidArgument(
          'topology.degree',
          `must be even, or the number of participants: ${participants.length} is odd`,
        )
      return
    case 'custom':
      for (const [name, hears] of Object.entries(topology.hears))
        for (const each of [name, ...hears]) checkName('topology.hears', each, participants)
      return
    case 'all':
    default:
      // With a slip in the kind everybody would hear everybody.
      checkOneOf('topology.kind', topology.kind, ['all', 'ring', 'star', 'regular', 'custom'])
  }
}

function checkStop(stop: Stop, participants: readonly string[], depth: number): void {
  if (depth > 8) throw new InvalidArgument('stop', 'must not be deeper than 8 levels')
  switch (stop.kind) {
    case 'any':
    case 'all':
      if (stop.of.length === 0) throw new InvalidArgument(`stop.${stop.kind}`, 'must hold a condition')
      for (const each of stop.of) checkStop(each, participants, depth + 1)
      return
    case 'turns':
    case 'rounds':
      wholeNumber(`stop.${stop.kind}`, stop.max, 0)
      return
    case 'consensus':
      wholeNumber('stop.consensus.rounds', stop.rounds, 1)
      return
    case 'stable':
      checkOneOf('stop.stable.measure', stop.measure, ['options', 'confidence'])
      wholeNumber('stop.stable.rounds', stop.rounds, 1)
      return checkShare('stop.stable.threshold', stop.threshold)
    case 'no-new':
      wholeNumber('stop.no-new.rounds', stop.rounds, 1)
      return checkShare('stop.no-new.novelty', stop.novelty)
    case 'repetition':
      wholeNumber('stop.repetition.window', stop.window, 2, 100)
      return checkShare('stop.repetition.similarity', stop.similarity)
    case 'confident':
      return checkShare('stop.confident.min', stop.min)
    case 'phrase':
      if (stop.text.trim() === '') throw new InvalidArgument('stop.phrase', 'must not be empty')
      if (stop.by !== undefined) checkName('stop.phrase.by', stop.by, participants)
      return
    default:
      throw new InvalidArgument('stop', `has no condition ${(stop as Stop).kind}`)
  }
}

function checkBudget(budget: Budget): void {
  checkKeys('budget', budget, ['turns', 'tokens', 'usd', 'timeMs', 'perParticipant', 'onExceed'])
  checkKeys('budget.perParticipant', budget.perParticipant ?? {}, ['turns', 'tokens', 'usd'])
  if (budget.timeMs !== undefined && !(typeof budget.timeMs === 'number' && budget.timeMs >= 0))
    throw new InvalidArgument('budget.timeMs', 'must be a number of milliseconds, 0 or more')
  checkOneOf('budget.onExceed', budget.onExceed ?? 'conclude', ['conclude', 'stop', 'escalate'])
  for (const [at, spend] of [
    ['budget', budget] as const,
    ['budget.perParticipant', budget.perParticipant ?? {}] as const,
  ]) {
    if (spend.turns !== undefined) wholeNumber(`${at}.turns`, spend.turns, 0)
    if (spend.tokens !== undefined) wholeNumber(`${at}.tokens`, spend.tokens, 0)
    if (spend.usd !== undefined && !(typeof spend.usd === 'number' && spend.usd >= 0))
      throw new InvalidArgument(`${at}.usd`, 'must be 0 or more')
  }
}

function checkOneOf(name: string, value: string, known: readonly string[]): void {
  if (!known.includes(value))
    throw new InvalidArgument(name, `must be one of ${known.join(', ')}; it is ${JSON.stringify(value)}`)
}

function checkShare(name: string, value: number): void {
  if (!(value >= 0 && value <= 1)) throw new InvalidArgument(name, 'must be a number from 0 to 1')
}

function checkName(at: string, name: string, participants: readonly string[]): void {
  if (!participants.includes(name)) throw new InvalidArgument(at, `${JSON.stringify(name)} is no participant`)
}

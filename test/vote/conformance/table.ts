/**
 * The names of FORMAT.md, each with the rule of the house that it means. Unlike the registry it knows the variants that a
 * name stands for, such as following ties every way; it counts nothing.
 */
import * as vote from '../../../src/vote/index.ts'
import type { Grading, Rule, TallyOptions } from '../../../src/vote/index.ts'

/** How the votes of one name are counted. */
export interface Meaning {
  readonly rule: Rule
  readonly options?: TallyOptions
}

const parallelUniverses: TallyOptions = { parallelUniverses: true }

/** By name in the file: the rule's name in the house, and whether ties inside are followed every way. */
const ranked: Readonly<Record<string, readonly [rule: string, options?: TallyOptions]>> = {
  condorcet_winner: ['condorcet-winner'],
  condorcet_loser: ['condorcet-loser'],
  smith_set: ['smith-set'],
  majority: ['majority'],
  plurality: ['plurality'],
  borda: ['borda'],
  bucklin: ['bucklin'],
  irv: ['instant-runoff'],
  irv_put: ['instant-runoff', parallelUniverses],
  top_two_runoff: ['two-round', parallelUniverses],
  coombs: ['coombs'],
  coombs_put: ['coombs', parallelUniverses],
  baldwin: ['baldwin'],
  nanson: ['nanson'],
  copeland: ['copeland'],
  minimax_winning: ['minimax-winning'],
  minimax_margins: ['minimax-margins'],
  minimax_opposition: ['minimax-opposition'],
  schulze_winning: ['schulze'],
  schulze_margins: ['schulze-margins'],
  schulze_ratio: ['schulze-ratio'],
  ranked_pairs_winning: ['ranked-pairs'],
  ranked_pairs_margins: ['ranked-pairs-margins'],
  ranked_pairs_put_winning: ['ranked-pairs', parallelUniverses],
  ranked_pairs_put_margins: ['ranked-pairs-margins', parallelUniverses],
  kemeny: ['kemeny'],
  dodgson_tideman: ['dodgson-tideman'],
}

/** The rules that a file can name for rankings; undefined for a name that is not one, throws where the rule is not built. */
export function rankedMeaning(name: string): Meaning | undefined {
  if (!Object.hasOwn(ranked, name)) return undefined
  const [rule = '', options] = ranked[name] ?? []
  return { rule: vote.ruleNamed(rule, [...vote.rules, vote.condorcetLoser]), ...(options && { options }) }
}

/** Of one name for grades: the rule on this scale, and the ballots that it takes. */
export interface GradesMeaning extends Meaning {
  readonly takes: 'grades' | 'approval'
}

export function gradesMeaning(name: string, scale: readonly number[]): GradesMeaning | undefined {
  const grading: Grading = { min: Math.min(...scale), max: Math.max(...scale) }
  const cumulative = /^cumulative_(\d{1,6})$/.exec(name)
  if (cumulative) return { rule: made('cumulative', { points: Number(cumulative[1]) }), takes: 'grades' }
  switch (name) {
    case 'approval':
      return { rule: vote.approval, takes: 'approval' }
    case 'score_sum':
      return { rule: made('score', { ...grading, by: 'sum' }), takes: 'grades' }
    case 'score_mean':
      return { rule: made('score', { ...grading, by: 'mean' }), takes: 'grades' }
    case 'score_median':
      return { rule: made('score', { ...grading, by: 'median' }), takes: 'grades' }
    case 'star':
      return { rule: made('star', grading), takes: 'grades' }
    case 'majority_judgement':
      return { rule: made('majorityJudgement', grading), takes: 'grades' }
    case 'dis_and_approval':
      return { rule: made('disAndApproval', {}), takes: 'grades' }
    default:
      return undefined
  }
}

/** A factory of the house by the name of its export. */
function made(name: string, options: object): Rule {
  const found = (vote as unknown as Record<string, ((options: object) => Rule) | Rule | undefined>)[name]
  if (found === undefined) throw new vote.UnknownRule(name, Object.keys(vote))
  return typeof found === 'function' ? found(options) : found
}

/** The names for several seats. */
export function committeeMeaning(name: string, seats: number): Meaning | undefined {
  if (name === 'pav') return { rule: made('pav', { seats }) }
  if (name === 'mes' || name === 'equal_shares') return { rule: made('equalShares', { seats, completion: 'none' }) }
  return undefined
}

export function stvMeaning(seats: number, quota: string): Meaning {
  return { rule: made('stv', { seats, quota }), options: parallelUniverses }
}

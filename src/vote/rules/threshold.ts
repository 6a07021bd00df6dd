/**
 * Majority, supermajority and unanimity: first preferences as in plurality, but nobody wins without the share that the rule
 * demands. Unlike plurality the answer may be that nobody has won. Abstentions are no part of the weight.
 */
import { InvalidArgument } from '../../base/error.ts'
import type { ExactInput } from '../election.ts'
import type { Profile } from '../profile.ts'
import { compare, multiply, one, parseRational, rational, toText } from '../rational.ts'
import type { Rational } from '../rational.ts'
import type { Count, CountHelp, Rule } from '../rule.ts'
import { plurality } from './plurality.ts'

const firstChoice =
  'Each ballot gives its weight to its first choice; candidates tied on the first level share it equally.'

export const majority: Rule = {
  name: 'majority',
  title: 'Majority',
  ballot: 'single',
  accepts: ['single', 'ranked'],
  unit: 'votes',
  method: [
    firstChoice,
    'Who has more than half of the weight of all ballots wins; without such a candidate nobody does.',
  ],
  count: (profile, help) => count(profile, help, (votes) => compare(votes, half(profile)) > 0),
}

export const unanimity: Rule = {
  name: 'unanimity',
  title: 'Unanimity',
  ballot: 'single',
  accepts: ['single', 'ranked'],
  unit: 'votes',
  method: [firstChoice, 'Who has the weight of all ballots wins; without such a candidate nobody does.'],
  count: (profile, help) => count(profile, help, (votes) => compare(votes, profile.weight) === 0),
}

/**
 * `share` of the weight or more is demanded: more than 1/2, at most 1; default '2/3'. Throws `base.invalid_argument` for any
 * other.
 */
export function supermajority(options: { readonly share?: ExactInput } = {}): Rule {
  const share = parseRational(options.share ?? '2/3')
  if (!share || compare(share, rational(1, 2)) <= 0 || compare(share, one) > 0)
    throw new InvalidArgument('share', "must be more than 1/2 and at most 1, such as '2/3' or 0.75")
  const text = toText(share)
  return {
    name: text === '2/3' ? 'supermajority' : `supermajority-${text}`,
    title: `Supermajority of ${text}`,
    ballot: 'single',
    accepts: ['single', 'ranked'],
    unit: 'votes',
    method: [
      firstChoice,
      `Who has ${text} or more of the weight of all ballots wins; without such a candidate nobody does.`,
    ],
    count: (profile, help) => count(profile, help, (votes) => compare(votes, multiply(share, profile.weight)) >= 0),
  }
}

function half({ weight }: Profile): Rational {
  return rational(weight.num, 2n * weight.den)
}

function count(profile: Profile, help: CountHelp, enough: (votes: Rational) => boolean): Count {
  const { ranking, scores = [] } = plurality.count(profile, help)
  const wins = enough(scores[ranking[0]?.[0] as number] as Rational)
  return { ranking, scores, ...(!wins && { nobody: true }) }
}

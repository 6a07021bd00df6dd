/**
 * The plan of a discussion that an agenda says. Unlike the agenda's section it knows who takes turns: a moderator does not. Pure.
 */
import { InvalidArgument } from '../base/error.ts'
import { checkPlan } from '../deliberation/core/plan.ts'
import type { DiscussionPlan } from '../deliberation/core/plan.ts'
import type { DiscussionFields } from './discussion-schema.ts'

/** The plan that the agenda says. Throws `base.invalid_argument` for one that cannot be held. */
export function planOf(agenda: {
  readonly participants: readonly { readonly name: string }[]
  readonly discussion: DiscussionFields
  readonly debate?: object | undefined
}): DiscussionPlan {
  const { anonymous: _anonymous, ...plan } = agenda.discussion
  const { floor } = plan
  const names = agenda.participants.map(({ name }) => name)
  if (floor?.kind === 'moderator' && !names.includes(floor.moderator))
    throw new InvalidArgument('floor.moderator', `${JSON.stringify(floor.moderator)} is no participant`)
  // Whether a debate is called for is measured by a straw poll when the talk is over.
  const polls = agenda.debate ? { ...plan.polls, last: true } : plan.polls
  return checkPlan({
    ...plan,
    participants: floor?.kind === 'moderator' ? names.filter((name) => name !== floor.moderator) : names,
    ...(polls && { polls }),
  })
}

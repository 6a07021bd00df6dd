import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { draftOf, heardBefore, nextStep, talkedMs } from '../../../src/deliberation/core/discussion.ts'
import type { Budget, DiscussionPlan } from '../../../src/deliberation/core/plan.ts'
import { totalUsage } from '../../../src/deliberation/core/spending.ts'
import type { Contribution } from '../../../src/deliberation/participant.ts'
import type { DiscussionItem } from '../../../src/deliberation/record.ts'

const plan: DiscussionPlan = { participants: ['ann', 'bob', 'cyd'], rounds: 2, budget: {} }

function said(participant: string, round: number, more: Partial<Contribution> = {}): Contribution {
  const usage = { inputTokens: 10, outputTokens: 5 }
  return {
    id: '',
    number: 0,
    participant,
    round,
    status: 'given',
    text: `${participant} says in round ${round} what ${participant} thinks`,
    quotes: [],
    answers: [],
    usage,
    ...more,
  }
}

describe('the plan of a discussion', () => {
  it('asks all for a sealed draft at once', () => {
    expect(nextStep(plan, [], 0)).toEqual({
      kind: 'ask',
      round: 0,
      act: 'draft',
      participants: ['ann', 'bob', 'cyd'],
      sealed: true,
    })
  })

  it('asks only those whose draft is missing after a crash', () => {
    expect(nextStep(plan, [said('ann', 0)], 0)).toEqual({
      kind: 'ask',
      round: 0,
      act: 'draft',
      participants: ['bob', 'cyd'],
      sealed: true,
    })
  })

  it('goes round robin, one speaker at a time', () => {
    const drafts = plan.participants.map((name) => said(name, 0))
    expect(nextStep(plan, drafts, 0)).toMatchObject({ kind: 'ask', round: 1, act: 'speech', participants: ['ann'] })
    expect(nextStep(plan, [...drafts, said('ann', 1)], 0)).toMatchObject({ round: 1, participants: ['bob'] })
  })

  it('ends when all rounds were held', () => {
    const all = [0, 1, 2].flatMap((round) => plan.participants.map((name) => said(name, round)))
    expect(nextStep(plan, all, 0)).toEqual({ kind: 'end', reason: 'rounds' })
  })

  it('ends when a whole round brought nothing new', () => {
    const drafts = plan.participants.map((name) => said(name, 0))
    const passes = plan.participants.map((name) => said(name, 1, { status: name === 'bob' ? 'absent' : 'passed' }))
    expect(nextStep(plan, [...drafts, ...passes], 0)).toMatchObject({ kind: 'end', reason: 'exhausted' })
    expect(nextStep(plan, [...drafts, ...passes.slice(0, 2)], 0).kind).toBe('ask')
  })

  it('asks no more of the drafts than the budget of turns allows', () => {
    const step = nextStep({ ...plan, budget: { turns: 2 } }, [], 0)
    expect(step).toEqual({ kind: 'ask', round: 0, act: 'draft', participants: ['ann', 'bob'], sealed: true })
  })

  it.each([
    ['turns', { turns: 2 }],
    ['tokens', { tokens: 30 }],
    ['time', { timeMs: 1000 }],
  ] as const)('ends when the budget of %s is used up', (reason, budget) => {
    const record = [said('ann', 0), said('bob', 0)]
    expect(nextStep({ ...plan, budget }, record, 1000)).toEqual({ kind: 'end', reason })
  })

  it('shows nothing of the others in the sealed round and everything later', () => {
    const record = [said('ann', 0)]
    expect(heardBefore({ round: 0, sealed: true }, record)).toEqual([])
    expect(heardBefore({ round: 1, sealed: false }, record)).toEqual(record)
  })

  it('always ends, asks nobody twice in a round, and never passes a budget of turns', () => {
    const plans = fc.record({
      names: fc.integer({ min: 2, max: 5 }),
      rounds: fc.integer({ min: 0, max: 4 }),
      turns: fc.option(fc.integer({ min: 1, max: 30 }), { nil: undefined }),
      statuses: fc.infiniteStream(fc.constantFrom('given', 'passed', 'absent' as const)),
    })
    fc.assert(
      fc.property(plans, ({ names, rounds, turns, statuses }) => {
        const participants = Array.from({ length: names }, (_, at) => `p${at}`)
        const generated: DiscussionPlan = { participants, rounds, budget: turns === undefined ? {} : { turns } }
        const record: Contribution[] = []
        for (;;) {
          const step = nextStep(generated, record, 0)
          if (step.kind !== 'ask') break
          for (const name of step.participants)
            record.push(said(name, step.round, { status: statuses.next().value ?? 'given' }))
        }
        const places = record.map((each) => `${each.round} ${each.participant}`)
        expect(new Set(places).size).toBe(places.length)
        expect(record.length).toBeLessThanOrEqual(Math.min(turns ?? Number.POSITIVE_INFINITY, names * (rounds + 1)))
      }),
    )
  })

  it('says the same next step whatever was in memory: every prefix of a run leads to the same run', () => {
    const full = [0, 1, 2].flatMap((round) => plan.participants.map((name) => said(name, round)))
    fc.assert(
      fc.property(fc.integer({ min: 0, max: full.length }), (kept) => {
        const record = full.slice(0, kept)
        for (let step = nextStep(plan, record, 0); step.kind === 'ask'; step = nextStep(plan, record, 0))
          for (const name of step.participants) record.push(said(name, step.round))
        expect(record).toEqual(full)
      }),
    )
  })
})

describe('the floor by mention', () => {
  it.each([
    ['as @anna said', 'cyd'],
    ['as @anna said, and @ann, too', 'ann'],
    ["that is @ANN's matter", 'ann'],
  ])('goes to a whole name alone: %s', (text, next) => {
    const mention: DiscussionPlan = {
      ...plan,
      participants: ['ann', 'anna', 'cyd'],
      drafts: false,
      floor: { kind: 'mention' },
    }
    expect(nextStep(mention, [said('anna', 1, { text })], 0)).toMatchObject({ kind: 'ask', participants: [next] })
  })
})

describe('what follows the talk', () => {
  const drafts = plan.participants.map((name) => said(name, 0))
  const whole: DiscussionPlan = { ...plan, rounds: 0, synthesis: { by: 'bob' }, polls: { last: true } }

  it('is recorded, then one synthesis, the dissent of the others at once, and a straw poll', () => {
    const record: DiscussionItem[] = [...drafts]
    expect(nextStep(whole, record, 0)).toEqual({ kind: 'over', reason: 'rounds' })
    record.push({ item: 'end', reason: 'rounds' })
    expect(nextStep(whole, record, 0)).toMatchObject({ kind: 'ask', act: 'synthesis', participants: ['bob'], round: 1 })
    record.push(said('bob', 1, { act: 'synthesis' }))
    const dissent = nextStep(whole, record, 0)
    expect(dissent).toMatchObject({ act: 'dissent', participants: ['ann', 'cyd'], sealed: true })
    expect(heardBefore({ round: 1, sealed: true }, record).at(-1)?.act).toBe('synthesis')
    record.push(said('ann', 1, { act: 'dissent' }), said('cyd', 1, { status: 'passed' }))
    expect(nextStep(whole, record, 0)).toEqual({ kind: 'poll', round: 1 })
    record.push({ item: 'poll', round: 1, votes: [] })
    expect(nextStep(whole, record, 0)).toEqual({ kind: 'end', reason: 'rounds' })
  })

  it('has no dissent from a synthesis that was not given', () => {
    const record: DiscussionItem[] = [
      ...drafts,
      { item: 'end', reason: 'time' },
      said('bob', 1, { status: 'absent', act: 'synthesis' }),
    ]
    expect(nextStep(whole, record, 0)).toEqual({ kind: 'poll', round: 1 })
  })
})

describe('a shared draft', () => {
  const edited: DiscussionPlan = { ...plan, editor: 'ann', acts: ['critique', 'revision'] }

  it('is criticised by the others and revised by its editor, version by version', () => {
    const record: DiscussionItem[] = plan.participants.map((name) => said(name, 0))
    expect(draftOf(edited, record)).toEqual({ version: 1, by: 'ann', text: said('ann', 0).text })
    expect(nextStep(edited, record, 0)).toMatchObject({ act: 'critique', participants: ['bob'] })
    record.push(said('bob', 1, { act: 'critique' }), said('cyd', 1, { act: 'critique' }))
    expect(nextStep(edited, record, 0)).toMatchObject({ act: 'revision', participants: ['ann'], round: 2 })
    record.push(said('ann', 2, { act: 'revision', text: 'better' }))
    expect(draftOf(edited, record)).toEqual({ version: 2, by: 'ann', text: 'better' })
    expect(nextStep(edited, record, 0)).toEqual({ kind: 'end', reason: 'rounds' })
  })
})

describe('what a person decides on a budget', () => {
  const poor: DiscussionPlan = { ...plan, budget: { turns: 1, onExceed: 'escalate' } }

  it('is asked for, and then holds', () => {
    const record: DiscussionItem[] = [said('ann', 0)]
    expect(nextStep(poor, record, 0)).toEqual({ kind: 'escalate', reason: 'turns' })
    const more: DiscussionItem = {
      item: 'escalation',
      reason: 'turns',
      decision: 'more',
      budget: { turns: 2 },
      by: 'sam',
    }
    expect(nextStep(poor, [...record, more], 0)).toMatchObject({ kind: 'ask', participants: ['bob'] })
    expect(nextStep(poor, [...record, more, said('bob', 0)], 0)).toEqual({ kind: 'escalate', reason: 'turns' })
    expect(nextStep(poor, [...record, { ...more, decision: 'stop' }], 0)).toEqual({ kind: 'end', reason: 'stopped' })
    expect(nextStep(poor, [...record, { ...more, decision: 'conclude' }], 0)).toEqual({ kind: 'end', reason: 'turns' })
  })

  it('adds to what was given before of another part', () => {
    const both: DiscussionPlan = { ...plan, budget: { turns: 1, tokens: 20, onExceed: 'escalate' } }
    const more = (reason: 'turns' | 'tokens', budget: Budget): DiscussionItem => {
      return { item: 'escalation', reason, decision: 'more', budget, by: 'sam' }
    }
    const record = [said('ann', 0), more('turns', { turns: 9 }), said('bob', 0), more('tokens', { tokens: 100 })]
    expect(nextStep(both, record, 0)).toMatchObject({ kind: 'ask', participants: ['cyd'] })
  })

  it('does not undo a choice of who speaks that was made before', () => {
    const chosen: DiscussionPlan = { ...plan, drafts: false, floor: { kind: 'selector' } }
    const usage = { inputTokens: 0, outputTokens: 0 }
    const record: DiscussionItem[] = [
      { item: 'choice', round: 1, by: 'selector', speaker: 'cyd', usage },
      { item: 'escalation', reason: 'tokens', decision: 'more', budget: { tokens: 99 }, by: 'sam' },
    ]
    expect(nextStep(chosen, record, 0)).toMatchObject({ kind: 'ask', participants: ['cyd'] })
  })

  it('is not asked where the plan says stop: then nothing follows', () => {
    const strict: DiscussionPlan = { ...plan, budget: { turns: 1, onExceed: 'stop' }, synthesis: { by: 'ann' } }
    expect(nextStep(strict, [said('ann', 0)], 0)).toEqual({ kind: 'end', reason: 'turns' })
  })
})

describe('detection', () => {
  const rounds = { ...plan, rounds: 9 }

  it('ends a talk in which everybody says what it said before', () => {
    const record = [0, 1].flatMap((round) =>
      plan.participants.map((name) => said(name, round, { text: `${name} thinks that it is so` })),
    )
    expect(nextStep(rounds, record, 0)).toMatchObject({ kind: 'end', reason: 'exhausted' })
    expect(nextStep({ ...rounds, detect: false }, record, 0).kind).toBe('ask')
  })

  it('ends a talk that goes in a circle, whoever says it', () => {
    const texts = ['I think that it is white and good', 'No it is black and bad for us']
    const floor = { kind: 'mention', repeatsMax: 9 } as const
    const names = ['ann', 'bob', 'cyd', 'ann']
    const record = [
      ...plan.participants.map((name) => said(name, 0)),
      ...names.map((name, at) => said(name, 1 + Math.floor(at / 3), { text: texts[at % 2] as string })),
    ]
    expect(nextStep({ ...rounds, floor }, record, 0)).toMatchObject({ kind: 'end', reason: 'loop' })
  })
})

describe('straw polls', () => {
  it('are held once after every so many rounds', () => {
    const polled: DiscussionPlan = { ...plan, polls: { everyRounds: 2 } }
    const record: DiscussionItem[] = plan.participants.map((name) => said(name, 0))
    expect(nextStep(polled, record, 0)).toEqual({ kind: 'poll', round: 0 })
    record.push({ item: 'poll', round: 0, votes: [] }, ...plan.participants.map((name) => said(name, 1)))
    expect(nextStep(polled, record, 0)).toMatchObject({ kind: 'ask', round: 2 })
  })
})

describe('usage and time', () => {
  it('adds up, and is estimated if any part is', () => {
    const parts = [
      { inputTokens: 1, outputTokens: 2 },
      { inputTokens: 3, outputTokens: 4, estimated: true },
    ]
    expect(totalUsage(parts)).toEqual({ inputTokens: 4, outputTokens: 6, estimated: true })
    expect(totalUsage([])).toEqual({ inputTokens: 0, outputTokens: 0 })
  })

  it('counts a gap between two runs as one turn at most', () => {
    expect(talkedMs([0, 1000, 3000], 5000)).toBe(3000)
    expect(talkedMs([0, 1000, 90_000_000], 5000)).toBe(6000)
    expect(talkedMs([5000, 1000], 5000)).toBe(0)
  })
})

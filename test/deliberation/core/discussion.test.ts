import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { nextStep, talkedMs, totalUsage, visibleTo } from '../../../src/deliberation/core/discussion.ts'
import type { DiscussionPlan } from '../../../src/deliberation/core/discussion.ts'
import type { Contribution } from '../../../src/deliberation/participant.ts'

const plan: DiscussionPlan = { participants: ['ann', 'bob', 'cyd'], rounds: 2, budget: {} }

function said(participant: string, round: number, more: Partial<Contribution> = {}): Contribution {
  const usage = { inputTokens: 10, outputTokens: 5 }
  return { id: '', number: 0, participant, round, status: 'given', text: 'x', quotes: [], answers: [], usage, ...more }
}

describe('the plan of a discussion', () => {
  it('asks all for a sealed draft at once', () => {
    expect(nextStep(plan, [], 0)).toEqual({ kind: 'ask', round: 0, participants: ['ann', 'bob', 'cyd'] })
  })

  it('asks only those whose draft is missing after a crash', () => {
    expect(nextStep(plan, [said('ann', 0)], 0)).toEqual({ kind: 'ask', round: 0, participants: ['bob', 'cyd'] })
  })

  it('goes round robin, one speaker at a time', () => {
    const drafts = plan.participants.map((name) => said(name, 0))
    expect(nextStep(plan, drafts, 0)).toEqual({ kind: 'ask', round: 1, participants: ['ann'] })
    expect(nextStep(plan, [...drafts, said('ann', 1)], 0)).toEqual({ kind: 'ask', round: 1, participants: ['bob'] })
  })

  it('ends when all rounds were held', () => {
    const all = [0, 1, 2].flatMap((round) => plan.participants.map((name) => said(name, round)))
    expect(nextStep(plan, all, 0)).toEqual({ kind: 'end', reason: 'rounds' })
  })

  it('ends when a whole round brought nothing new', () => {
    const drafts = plan.participants.map((name) => said(name, 0))
    const passes = plan.participants.map((name) => said(name, 1, { status: name === 'bob' ? 'absent' : 'passed' }))
    expect(nextStep(plan, [...drafts, ...passes], 0)).toEqual({ kind: 'end', reason: 'exhausted' })
    expect(nextStep(plan, [...drafts, ...passes.slice(0, 2)], 0).kind).toBe('ask')
  })

  it('asks no more of the drafts than the budget of turns allows', () => {
    const step = nextStep({ ...plan, budget: { turns: 2 } }, [], 0)
    expect(step).toEqual({ kind: 'ask', round: 0, participants: ['ann', 'bob'] })
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
    expect(visibleTo(0, record)).toEqual([])
    expect(visibleTo(1, record)).toEqual(record)
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
          if (step.kind === 'end') break
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
    expect(talkedMs(0, [1000, 3000], 5000)).toBe(3000)
    expect(talkedMs(0, [1000, 90_000_000], 5000)).toBe(6000)
    expect(talkedMs(5000, [1000], 5000)).toBe(0)
  })
})

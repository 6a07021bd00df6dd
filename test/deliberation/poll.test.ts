import { describe, expect, it } from 'vitest'
import { manualClock } from '../../src/base/manual-clock.ts'
import { seededRandom } from '../../src/base/random.ts'
import type { Participant } from '../../src/deliberation/participant.ts'
import { BallotRefused, runPoll } from '../../src/deliberation/poll.ts'
import type { PollOptions } from '../../src/deliberation/poll.ts'
import type { CastVote } from '../../src/deliberation/participant.ts'
import { panelist, vote } from './panelist.ts'

function poll(participants: Participant[], more: Partial<PollOptions> = {}) {
  const recorded: CastVote[] = []
  const clock = manualClock()
  const result = runPoll({
    topic: 'which',
    options: ['A', 'B'],
    participants,
    ballot: 'single',
    transcript: [],
    clock,
    random: seededRandom(1),
    record: async (cast) => {
      recorded.push(cast)
      return cast
    },
    ...more,
  })
  return { result, recorded, clock }
}

describe('a poll', () => {
  it('records one ballot of each, in their order', async () => {
    const slow = Promise.withResolvers<void>()
    const ann = panelist('ann', { cast: async () => (await slow.promise, vote('B')) })
    const bob = panelist('bob', { cast: () => (slow.resolve(), vote('A')) })
    const votes = await poll([ann, bob]).result
    expect(votes.map((each) => [each.participant, each.status])).toEqual([
      ['ann', 'cast'],
      ['bob', 'cast'],
    ])
  })

  it('asks once more when a ballot does not fit, with the reason', async () => {
    const ann = panelist('ann', { cast: ({ refused }) => vote(refused === undefined ? 'C' : 'A') })
    const [cast] = await poll([ann]).result
    expect(cast).toMatchObject({ status: 'cast', ballot: { choice: 'A' } })
    expect(ann.motions).toHaveLength(2)
    expect(ann.motions[1]?.refused).toContain('C')
  })

  it('counts two refused ballots as an abstention and keeps both reasons', async () => {
    const ann = panelist('ann', { cast: () => vote('C', { usage: { inputTokens: 2, outputTokens: 1 } }) })
    const [cast] = await poll([ann]).result
    expect(cast).toMatchObject({ status: 'abstained', ballot: { kind: 'abstain' } })
    expect(cast?.reason).toContain('two ballots were refused')
    expect(cast?.usage).toEqual({ inputTokens: 4, outputTokens: 2 })
  })

  it('counts a refused ballot and then a failure as an abstention, and pays for both', async () => {
    const first = vote('C', { usage: { inputTokens: 500, outputTokens: 5 } })
    const ann = panelist('ann', {
      cast: ({ refused }) => (refused === undefined ? first : Promise.reject(new Error('503'))),
    })
    const [cast] = await poll([ann]).result
    expect(cast).toMatchObject({ status: 'abstained', usage: { inputTokens: 500, outputTokens: 5 } })
    expect(cast?.reason).toContain('503')
  })

  it('records nothing of a ballot but what a ballot is made of', async () => {
    const extra = { kind: 'single', choice: 'A', secret: () => 1 } as never
    const ann = panelist('ann', { cast: () => vote('A', { ballot: extra, notes: [5] as never }) })
    const [cast] = await poll([ann]).result
    expect(cast).toMatchObject({ status: 'cast' })
    expect(cast?.ballot).toEqual({ kind: 'single', choice: 'A' })
    expect(cast?.notes).toBeUndefined()
  })

  it('counts one that knows it has no valid ballot as an abstention', async () => {
    const ann = panelist('ann', { cast: () => Promise.reject(new BallotRefused('prose instead of a ballot')) })
    const [cast] = await poll([ann]).result
    expect(cast).toMatchObject({ status: 'abstained', reason: 'prose instead of a ballot' })
  })

  it('records one who fails or never answers as absent', async () => {
    const broken = panelist('broken', { cast: () => Promise.reject(new Error('no line')) })
    const mute = panelist('mute', { cast: () => new Promise(() => {}) })
    const { result, clock } = poll([broken, mute], { ballotTimeoutMs: 3000 })
    await clock.advance(3000)
    const votes = await result
    expect(votes[0]).toMatchObject({ status: 'absent', reason: 'no line' })
    expect(votes[1]).toMatchObject({ status: 'absent' })
    expect(votes[1]?.reason).toContain('3000 ms')
  })

  it('keeps a chosen abstention with its reason', async () => {
    const ann = panelist('ann', { cast: () => vote('', { ballot: { kind: 'abstain' }, reason: 'no view' }) })
    expect((await poll([ann]).result)[0]).toMatchObject({ status: 'abstained', reason: 'no view' })
  })

  it('asks only those whose vote is not recorded yet', async () => {
    const ann = panelist('ann')
    const bob = panelist('bob')
    const first = (await poll([ann, bob]).result).slice(0, 1)
    const again = await poll([ann, bob], { recorded: first }).result
    expect(again.map((each) => each.participant)).toEqual(['ann', 'bob'])
    expect(ann.motions).toHaveLength(1)
    expect(bob.motions).toHaveLength(2)
  })

  it('ends with base.aborted when aborted', async () => {
    const interrupt = new AbortController()
    const mute = panelist('mute', { cast: () => new Promise(() => {}) })
    const { result } = poll([mute], { signal: interrupt.signal })
    interrupt.abort()
    await expect(result).rejects.toMatchObject({ code: 'base.aborted' })
  })
})

describe('a poll of grades', () => {
  it('tells the scale, and asks again for what is outside it', async () => {
    const scale = { min: 0, max: 5 }
    const grades = (A: number) => vote('', { ballot: { kind: 'grades', grades: { A } } })
    const ann = panelist('ann', { cast: ({ refused }) => grades(refused === undefined ? 6 : 5) })
    const [cast] = await poll([ann], { ballot: 'grades', scale }).result
    expect(cast).toMatchObject({ status: 'cast', ballot: { kind: 'grades', grades: { A: 5 } } })
    expect(ann.motions.map((each) => each.scale)).toEqual([scale, scale])
    expect(ann.motions[1]?.refused).toContain('outside the scale from 0 to 5')
  })
})

describe('a poll with delegation', () => {
  const to = (delegate: string) => vote('', { ballot: { kind: 'abstain' }, delegate })

  it('offers the others, and records who votes for whom', async () => {
    const ann = panelist('ann', { cast: () => to('bob') })
    const bob = panelist('bob', { cast: () => vote('A') })
    const votes = await poll([ann, bob], { delegation: true }).result
    expect(votes[0]).toMatchObject({ status: 'delegated', to: 'bob', ballot: { kind: 'abstain' } })
    expect(ann.motions[0]?.delegates).toEqual(['bob'])
  })

  it.each([
    ['to nobody who votes', 'eve', true],
    ['to itself', 'ann', true],
    ['where the poll takes none', 'bob', false],
  ])('refuses a delegation %s', async (_name, delegate, delegation) => {
    const ann = panelist('ann', { cast: () => to(delegate) })
    const votes = await poll([ann, panelist('bob')], { delegation }).result
    expect(votes[0]).toMatchObject({ status: 'abstained' })
    expect(votes[0]).not.toHaveProperty('to')
    expect(ann.motions).toHaveLength(2)
  })
})

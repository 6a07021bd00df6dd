import { describe, expect, it } from 'vitest'
import { checkBallot, plurality, schulze, approval, tally } from '../../src/vote/index.ts'
import type { Ballot, CastBallot, Election } from '../../src/vote/index.ts'
import { electionLimits } from '../../src/vote/election.ts'

const candidates = ['A', 'B', 'C']
const vote = (voter: string, choice: string, weight?: number | string): CastBallot => ({
  voter,
  ballot: { kind: 'single', choice },
  ...(weight !== undefined && { weight }),
})
const abstain = (voter: string, weight = 1): CastBallot => ({ voter, ballot: { kind: 'abstain' }, weight })
const count = (election: Partial<Election>) => tally(plurality, { candidates, ballots: [], ...election })

describe('the check of a ballot', () => {
  it.each<[unknown, string]>([
    [{ kind: 'single', choice: 'Z' }, '"Z" is not a candidate'],
    [{ kind: 'single' }, 'undefined is not a candidate'],
    [{ kind: 'ranked', ranking: [['A'], ['B', 'A']] }, '"A" is listed twice'],
    [{ kind: 'ranked', ranking: [] }, 'it ranks nobody; to be for nobody, abstain'],
    [{ kind: 'ranked', ranking: [['A'], []] }, 'level 2 is empty'],
    [{ kind: 'ranked', ranking: ['A'] }, 'level 1 is not a list of candidates'],
    [{ kind: 'ranked', ranking: 'A' }, 'ranking is not a list of levels'],
    [{ kind: 'approval', approves: [] }, 'it approves nobody; to be for nobody, abstain'],
    [{ kind: 'approval', approves: ['A', 'A'] }, '"A" is listed twice'],
    [{ kind: 'approval', approves: { length: 3 } }, 'approves is not a list of candidates'],
    [{ kind: 'grades' }, 'a ballot of kind "grades" is not counted here; cast ranked or approval or single'],
    [{}, 'a ballot of kind undefined is not counted here; cast ranked or approval or single'],
    [null, 'the ballot is not an object'],
    ['A', 'the ballot is not an object'],
  ])('says of %j why it cannot be counted', (ballot, reason) => {
    expect(checkBallot(ballot, candidates, ['ranked', 'approval', 'single'])).toBe(reason)
  })

  it('takes good ballots and abstentions', () => {
    const good: Ballot[] = [
      { kind: 'single', choice: 'A' },
      { kind: 'approval', approves: ['C', 'A'] },
      { kind: 'ranked', ranking: [['B', 'C'], ['A']] },
      { kind: 'abstain' },
    ]
    for (const ballot of good) expect(checkBallot(ballot, candidates, ['ranked', 'approval', 'single'])).toBeUndefined()
    expect(checkBallot({ kind: 'abstain' }, candidates, 'ranked')).toBeUndefined()
  })

  it('names the kind that the rule counts when it is another', () => {
    expect(checkBallot({ kind: 'approval', approves: ['A'] }, candidates, 'ranked')).toBe(
      'a ballot of kind "approval" is not counted here; cast ranked',
    )
  })

  it('shortens what a flood names', () => {
    expect(checkBallot({ kind: 'single', choice: 'x'.repeat(10_000) }, candidates, 'single')?.length).toBeLessThan(120)
  })
})

describe('refusals', () => {
  it('are listed with the reason and the others still count', () => {
    const bad = (voter: string, weight: unknown) => ({ ...vote(voter, 'A'), weight }) as CastBallot
    const outcome = count({
      ballots: [
        vote('ann', 'B'),
        vote('bob', 'Z'),
        bad('cid', Number.NaN),
        bad('dee', -1),
        bad('eve', Number.POSITIVE_INFINITY),
        bad('fay', 'much'),
        bad('gus', { toString: null }),
        { voter: 'hal', ballot: { kind: 'approval', approves: ['A'] } },
        vote('', 'A'),
        null as unknown as CastBallot,
        { voter: 'ida' } as CastBallot,
      ],
    })
    expect(outcome.winners).toEqual(['B'])
    expect(outcome.counted).toEqual({
      ballots: 1,
      weight: '1',
      abstained: 0,
      abstainedWeight: '0',
      refused: [
        { voter: 'bob', reason: '"Z" is not a candidate' },
        { voter: 'cid', reason: 'the weight NaN is not a finite number of 0 or more' },
        { voter: 'dee', reason: 'the weight -1 is not a finite number of 0 or more' },
        { voter: 'eve', reason: 'the weight Infinity is not a finite number of 0 or more' },
        { voter: 'fay', reason: 'the weight "much" is not a finite number of 0 or more' },
        { voter: 'gus', reason: 'the weight object is not a finite number of 0 or more' },
        { voter: 'hal', reason: 'a ballot of kind "approval" is not counted here; cast single or ranked' },
        { voter: '', reason: 'it names no voter' },
        { voter: '', reason: 'it names no voter' },
        { voter: 'ida', reason: 'the ballot is not an object' },
      ],
    })
  })

  it('take all ballots of a voter who cast two, in whatever order', () => {
    const ballots = [vote('ann', 'A'), vote('bob', 'B'), vote('ann', 'C')]
    for (const order of [ballots, ballots.toReversed()]) {
      const outcome = count({ ballots: order })
      expect(outcome.winners).toEqual(['B'])
      expect(outcome.counted.refused).toEqual([
        { voter: 'ann', reason: 'the voter cast 2 ballots; none of them counts' },
        { voter: 'ann', reason: 'the voter cast 2 ballots; none of them counts' },
      ])
    }
  })
})

describe('a broken election', () => {
  const code = (election: Partial<Election>) => {
    try {
      count(election)
    } catch (error) {
      return (error as { code: string; field?: string }).code
    }
    return 'none'
  }

  it('is refused with a typed error', () => {
    expect(code({ candidates: [] })).toBe('vote.invalid_election')
    expect(code({ candidates: ['A', 'A'] })).toBe('vote.invalid_election')
    expect(code({ candidates: ['A', ''] })).toBe('base.invalid_argument')
    expect(code({ candidates: 'AB' as unknown as string[] })).toBe('vote.invalid_election')
    expect(code({ ballots: {} as CastBallot[] })).toBe('vote.invalid_election')
    expect(code({ unranked: 'last' as 'tied-last' })).toBe('vote.invalid_election')
    expect(code({ quorum: { share: 1.1 } })).toBe('vote.invalid_election')
    expect(code({ quorum: { share: -0.1 } })).toBe('vote.invalid_election')
    expect(code({ quorum: { share: Number.NaN } })).toBe('vote.invalid_election')
    expect(code({ ballots: [vote('ann', 'A', 5)], quorum: { share: 1, eligible: 4 } })).toBe('vote.invalid_election')
    expect(code({ ballots: [vote('ann', 'A')], absent: [{ voter: 'ann' }] })).toBe('vote.invalid_election')
    expect(code({ absent: [{ voter: 'ann' }, { voter: 'ann' }] })).toBe('vote.invalid_election')
    expect(code({ absent: [{ voter: 'ann', weight: -1 }] })).toBe('vote.invalid_election')
  })

  it('is refused beyond its limits', () => {
    const many = (size: number) => Array.from({ length: size }, (_, at) => `candidate ${at}`)
    expect(code({ candidates: many(electionLimits.candidatesMax) })).toBe('none')
    expect(code({ candidates: many(electionLimits.candidatesMax + 1) })).toBe('base.limit_exceeded')
    const flood = Array.from({ length: electionLimits.ballotsMax + 1 }, () => vote('ann', 'A'))
    expect(code({ ballots: flood })).toBe('base.limit_exceeded')
    const unlike = Array.from({ length: 200 }, (_, at) => vote(`voter ${at}`, 'A', `1/${10n ** 60n + BigInt(at)}`))
    expect(code({ ballots: unlike })).toBe('base.limit_exceeded')
  })
})

describe('quorum', () => {
  it('counts abstentions as present and absent voters as not', () => {
    const ballots = [vote('ann', 'A'), abstain('bob')]
    const absent = [{ voter: 'cid' }, { voter: 'dee' }]
    const half = count({ ballots, absent, quorum: { share: 0.5 } })
    expect(half.status).toBe('decided')
    expect(half.quorum).toEqual({ share: '1/2', eligible: '4', needed: '2', present: '2', met: true })
    expect(half.counted).toMatchObject({ ballots: 1, weight: '1', abstained: 1, abstainedWeight: '1' })
    const more = count({ ballots, absent, quorum: { share: 0.51 } })
    expect(more).toMatchObject({ status: 'no-quorum', winners: [], quorum: { met: false } })
    expect(more.ranking).toEqual([['A'], ['B', 'C']])
  })

  it('meets two thirds exactly when written as a fraction', () => {
    const ballots = [vote('ann', 'A'), vote('bob', 'A')]
    expect(count({ ballots, absent: [{ voter: 'cid' }], quorum: { share: '2/3' } }).status).toBe('decided')
    expect(count({ ballots, quorum: { share: '2/3', eligible: '3.0000001' } }).status).toBe('no-quorum')
  })

  it('goes by weight', () => {
    const ballots = [vote('ann', 'A', 0.1), abstain('bob', 0.2)]
    const outcome = count({ ballots, absent: [{ voter: 'cid', weight: 0.7 }], quorum: { share: 0.3 } })
    expect(outcome.quorum).toEqual({ share: '3/10', eligible: '1', needed: '3/10', present: '3/10', met: true })
  })

  it('holds a refused voter eligible once, and not present', () => {
    const ballots = [vote('ann', 'A'), vote('bob', 'A', 2), vote('bob', 'B', 3), vote('', 'A')]
    const outcome = count({ ballots, quorum: { share: 0.5 } })
    expect(outcome.quorum).toMatchObject({ eligible: '4', present: '1', met: false })
  })
})

describe('weights', () => {
  it('add up exactly', () => {
    const ballots = [vote('ann', 'A', 0.1), vote('bob', 'A', 0.2), vote('cid', 'B', 0.3)]
    expect(count({ ballots })).toMatchObject({ status: 'tied', winners: ['A', 'B'], counted: { weight: '3/5' } })
    const thirds = [vote('ann', 'A', '1/3'), vote('bob', 'A', '1/3'), vote('cid', 'A', '1/3'), vote('dee', 'B', 1)]
    expect(count({ ballots: thirds })).toMatchObject({ status: 'tied', winners: ['A', 'B'] })
  })

  it.each([plurality, schulze()])('stay exact far beyond what a double holds: $name', (rule) => {
    const ballots = [
      vote('ann', 'A', '900719925474099267'),
      vote('bob', 'B', '900719925474099266'),
      vote('cid', 'B', 1),
      vote('dee', 'C', 1e15),
      vote('eve', 'A', '1e-30'),
    ]
    expect(tally(rule, { candidates, ballots })).toMatchObject({ status: 'decided', winners: ['A'] })
  })

  it('stay exact where many middling ones pass the doubles together', () => {
    const heavy = 2 ** 40
    const ballots = Array.from({ length: 20_001 }, (_, at): CastBallot => ({
      voter: `voter ${at}`,
      weight: at === 0 ? 1 : heavy,
      ballot: { kind: 'ranked', ranking: at % 2 === 0 ? [['A'], ['B', 'C']] : [['B'], ['A', 'C']] },
    }))
    const one = (10_000n * BigInt(heavy)).toString()
    const outcome = tally(schulze(), { candidates, ballots })
    expect(outcome.matrix?.[0]).toEqual([
      '',
      (10_000n * BigInt(heavy) + 1n).toString(),
      (10_000n * BigInt(heavy) + 1n).toString(),
    ])
    expect(outcome.matrix?.[1]).toEqual([one, '', one])
    expect(outcome.winners).toEqual(['A'])
    expect(tally(plurality, { candidates, ballots }).scores?.[0]?.score).toBe((10_000n * BigInt(heavy) + 1n).toString())
  })

  it('of 0 count as a ballot and weigh nothing', () => {
    const outcome = tally(approval, {
      candidates,
      ballots: [{ voter: 'ann', weight: 0, ballot: { kind: 'approval', approves: ['A'] } }],
    })
    expect(outcome).toMatchObject({ status: 'tied', winners: candidates, counted: { ballots: 1, weight: '0' } })
  })
})

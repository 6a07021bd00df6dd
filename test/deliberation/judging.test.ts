import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { DebateOptions } from '../../src/deliberation/debate.ts'
import { britishParliamentary } from '../../src/deliberation/debate-formats.ts'
import type { Hearing, Judgement } from '../../src/deliberation/judge.ts'
import { participantJudge } from '../../src/deliberation/participant-judge.ts'
import { debate, judgementsIn, never, scoring, sideOf, testJudge } from './debate-kit.ts'
import { noUsage, panelist, speech } from './panelist.ts'

const pro = 'the position of affirmative'
const con = 'the position of negative'
const forPro = scoring({ [pro]: 7, [con]: 4 })
const forCon = scoring({ [pro]: 3, [con]: 8 }, 'the record was misread')

/** Whoever is heard first wins. */
function firstWins(hearing: Hearing): Judgement {
  return scoring({ [hearing.sides[0]!.position]: 9, [hearing.sides[1]!.position]: 2 })(hearing)
}

function judged(...judges: NonNullable<DebateOptions['judges']>) {
  return (more: Partial<DebateOptions> = {}) => debate({ judges, ...more }).result
}

describe('judges of two sides', () => {
  it('hear both orders, the panel begun from different sides', async () => {
    const [one, two] = [testJudge('one', forPro), testJudge('two', forPro)]
    await judged(one, two)()
    const first = (judge: typeof one) => judge.hearings.map((hearing) => hearing.sides[0]!.position)
    expect(first(one)).toEqual([pro, con])
    expect(first(two)).toEqual([con, pro])
  })

  it('know sides by letters and speakers by none, in what is said too', async () => {
    const judge = testJudge('judge', forPro)
    const ann = panelist('ann-marie', {
      contribute: () => speech('I, ann-marie, answer bob. Bobsled and annals stay.'),
    })
    await debate({ sides: [sideOf('affirmative', ann), sideOf('negative', panelist('bob'))], judges: [judge] }).result
    const heard = JSON.stringify(judge.hearings.map(({ sides, speeches }) => ({ sides, speeches })))
    expect(heard).not.toContain('ann-marie')
    expect(heard).not.toMatch(/\bbob\b/)
    expect(judge.hearings[0]!.speeches[0]!.text).toBe('I, A1, answer B1. Bobsled and annals stay.')
    expect(judge.hearings[1]!.speeches.find((each) => each.id === 'c1')!.text).toContain('I, B1, answer A1')
  })

  it('hear the same speeches in either order, each question before its answer', async () => {
    const judge = testJudge('judge', forPro)
    await judged(judge)()
    const [one, other] = judge.hearings.map((hearing) => hearing.speeches.map((each) => each.id))
    expect(one).toEqual(['c1', 'c2', 'c5', 'c6', 'c3', 'c4', 'c8', 'c7'])
    expect(other).toEqual(['c2', 'c1', 'c3', 'c4', 'c5', 'c6', 'c7', 'c8'])
  })

  it('abstain when the order turned their verdict, and the result says who did', async () => {
    const { verdict, judges, orderFlips } = await judged(testJudge('fickle', firstWins), testJudge('firm', forCon))()
    expect(orderFlips).toEqual(['fickle'])
    expect(judges[0]).toMatchObject({
      status: 'abstained',
      flipped: true,
      why: 'its verdict turned with the order of hearing',
    })
    expect(verdict).toMatchObject({
      status: 'decided',
      winner: 'negative',
      votes: { affirmative: 0, negative: 1 },
      undecided: 1,
    })
  })

  it('count by the mean of both orders, or by the first, where the debate says so', async () => {
    const average = await judged(testJudge('fickle', firstWins))({ onFlip: 'average' })
    expect(average.verdict).toMatchObject({ status: 'tied', undecided: 1 })
    expect(average.judges[0]!.ranking).toEqual([['affirmative', 'negative']])
    const first = await judged(testJudge('fickle', firstWins))({ onFlip: 'keep-first' })
    expect(first.verdict).toMatchObject({ status: 'decided', winner: 'affirmative' })
  })

  it('have not flipped when one order is level and the other is not', async () => {
    const { judges, verdict } = await judged(
      testJudge('judge', (hearing) =>
        scoring({ [pro]: 5, [con]: hearing.sides[0]!.position === pro ? 5 : 4 })(hearing),
      ),
    )()
    expect(judges[0]).toMatchObject({ flipped: false, status: 'cast' })
    expect(verdict.winner).toBe('affirmative')
  })

  it('are joined by weight and by the rule that is named, and dissent stands in its own words', async () => {
    const { verdict, dissents } = await judged(
      { judge: testJudge('heavy', forCon), weight: 3 },
      testJudge('light', scoring({ [pro]: 6, [con]: 5 }, 'I hold that the tests decide.')),
    )()
    expect(verdict).toMatchObject({ winner: 'negative', votes: { affirmative: 1, negative: 3 } })
    expect(dissents).toEqual([{ judge: 'light', first: ['affirmative'], reason: 'I hold that the tests decide.' }])
  })

  it('that are divided leave it tied or open, never broken in silence', async () => {
    const { verdict } = await judged(testJudge('one', forPro), testJudge('two', forCon))()
    expect(verdict.status).not.toBe('decided')
    expect(verdict).not.toHaveProperty('winner')
  })
})

describe('the weighted sum', () => {
  it('is exact: three tenths are one tenth and two', async () => {
    const rubric = { one: '1/10', two: '1/5' }
    const judge = testJudge('judge', (hearing) => ({
      scores: Object.fromEntries(
        hearing.sides.map(({ label, position }) => [
          label,
          position === pro ? { one: 0.3, two: 0 } : { one: 0.1, two: 0.1 },
        ]),
      ),
      reason: '',
      usage: noUsage,
    }))
    const { judges } = await judged(judge)({ rubric })
    expect(judges[0]!.ranking).toEqual([['affirmative', 'negative']])
    expect(judges[0]!.findings[0]!.totals).toEqual({ affirmative: '1/10', negative: '1/10' })
  })

  it('orders two sides as a slow sum of fractions does, whatever the points and weights', async () => {
    const points = fc.integer({ min: 0, max: 1000 })
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.integer({ min: 1, max: 99 }), points, points), { minLength: 1, maxLength: 5 }),
        async (drawn) => {
          const rubric = Object.fromEntries(drawn.map(([weight], at) => [`c${at}`, weight / 10]))
          const judge = testJudge('judge', (hearing) => ({
            scores: Object.fromEntries(
              hearing.sides.map(({ label, position }) => [
                label,
                Object.fromEntries(drawn.map((row, at) => [`c${at}`, row[position === pro ? 1 : 2] / 100])),
              ]),
            ),
            reason: '',
            usage: noUsage,
          }))
          const { judges } = await judged(judge)({ rubric, budget: { turns: 1 } })
          // In tenths and hundredths, so that every part is whole.
          const [a, b] = [1, 2].map((column) => drawn.reduce((sum, row) => sum + row[0] * row[column]!, 0))
          const expected =
            a === b
              ? [['affirmative', 'negative']]
              : a! > b!
                ? [['affirmative'], ['negative']]
                : [['negative'], ['affirmative']]
          expect(judges[0]!.ranking).toEqual(expected)
        },
      ),
      { numRuns: 40 },
    )
  })
})

describe('a judge that fails', () => {
  const usage = { inputTokens: 10, outputTokens: 5 }
  const bad: readonly (readonly [string, (hearing: Hearing) => unknown, string])[] = [
    ['prose', () => ({ reason: 'Both were fine.', usage }), 'neither scores nor a ranking'],
    ['nothing', () => undefined, 'no judgement was returned'],
    ['NaN', (hearing) => scoring({ [pro]: Number.NaN })(hearing), 'is no number'],
    ['infinity', (hearing) => scoring({ [pro]: Number.POSITIVE_INFINITY })(hearing), 'is no number'],
    ['a score above the scale', (hearing) => scoring({ [pro]: 11 })(hearing), 'it goes from 0 to 10'],
    ['a score below the scale', (hearing) => scoring({ [pro]: -1 })(hearing), 'it goes from 0 to 10'],
    [
      'text for a score',
      () => ({ scores: { A: { evidence: '7', rebuttal: 1, coverage: 1 } }, reason: '', usage }),
      'is no number',
    ],
    [
      'one side only',
      () => ({ scores: { A: { evidence: 7, rebuttal: 1, coverage: 1 } }, reason: '', usage }),
      'the scores of B are missing',
    ],
    ['a criterion of its own', () => ({ scores: { A: { style: 7 }, B: {} }, reason: '', usage }), 'is no criterion'],
    ['a side of its own', () => ({ scores: { C: {} }, reason: '', usage }), 'is no side'],
    ['half a ranking', () => ({ ranking: [['A']], reason: '', usage }), 'not every side'],
    ['a side twice', () => ({ ranking: [['A'], ['A']], reason: '', usage }), 'twice in the ranking'],
    [
      'a prototype for a side',
      () => ({ scores: JSON.parse('{"__proto__":{},"A":{}}') as object, reason: '', usage }),
      'is no side',
    ],
  ]

  it.each(bad)('with %s is asked once more with the reason, then refused and abstains', async (_what, answer, why) => {
    const judge = testJudge('bad', answer as (hearing: Hearing) => Judgement)
    const { record, judges, verdict } = await judged(judge, testJudge('good', forPro))()
    const [item] = judgementsIn(record)
    expect(item).toMatchObject({ judge: 'bad', status: 'refused' })
    expect(item!.reason).toContain(why)
    expect(judge.hearings.map((hearing) => hearing.refused !== undefined)).toEqual([false, false, true, true])
    expect(judges[0]).toMatchObject({ status: 'abstained' })
    expect(verdict.winner).toBe('affirmative')
    expect(JSON.stringify(record)).not.toContain('null')
  })

  it('and mends it when asked again counts, and both answers are paid', async () => {
    const judge = testJudge('judge', (hearing) =>
      hearing.refused === undefined ? { reason: 'hm', usage } : { ...forPro(hearing), usage },
    )
    const { record, verdict } = await judged(judge)()
    expect(judgementsIn(record)[0]).toMatchObject({ status: 'given', usage: { inputTokens: 20, outputTokens: 10 } })
    expect(verdict.winner).toBe('affirmative')
  })

  it('by a throw or a hang is absent, and delays nobody past its deadline', async () => {
    const { result, clock } = debate({
      judges: [
        testJudge('hangs', () => never),
        testJudge('throws', () => Promise.reject(new Error('no bench'))),
        testJudge('good', forPro),
      ],
      turnTimeoutMs: 1000,
    })
    await clock.advance(1000)
    const { judges, verdict } = await result
    expect(judges.map((vote) => vote.status)).toEqual(['absent', 'absent', 'cast'])
    expect(judges[1]!.findings[0]!.reason).toBe('no bench')
    expect(verdict.winner).toBe('affirmative')
  })

  it('in one order alone abstains: it heard the other side first never', async () => {
    const judge = testJudge('half', (hearing) => {
      if (hearing.sides[0]!.position === con) throw new Error('gone')
      return forPro(hearing)
    })
    const { judges, verdict } = await judged(judge)()
    expect(judges[0]).toMatchObject({ status: 'abstained', why: 'absent as it heard negative, affirmative' })
    expect(verdict.status).toBe('open')
  })

  it('by a flood of words is cut', async () => {
    const { record } = await judged(testJudge('judge', scoring({ [pro]: 1 }, 'so '.repeat(1_000_000))))()
    expect(judgementsIn(record)[0]!.reason.length).toBeLessThanOrEqual(5000)
  })
})

describe('four teams', () => {
  it('are heard in four rotations and ranked from first to fourth', async () => {
    const format = britishParliamentary()
    const names = format.sides.map((side) => side.name)
    const sides = names.map((name) => sideOf(name, panelist(name)))
    const points = Object.fromEntries(names.map((name, at) => [`the position of ${name}`, [3, 9, 1, 6][at]!]))
    const judge = testJudge('judge', scoring(points))
    const { verdict, outcome } = await debate({ format, sides, judges: [judge] }).result
    expect(judge.hearings.map((hearing) => hearing.sides.map((side) => side.position.split(' ').at(-1)))).toEqual(
      [0, 1, 2, 3].map((from) => [...names.slice(from), ...names.slice(0, from)]),
    )
    expect(verdict.ranking.flat()).toEqual([names[1], names[3], names[0], names[2]])
    // The team points of the championships: three for the first, none for the fourth.
    expect(outcome!.scores!.map(({ score }) => score)).toEqual(['1', '3', '0', '2'])
  })
})

describe('a participant as a judge', () => {
  it('is asked for a ranking over the positions and its ballot is its vote', async () => {
    const voter = panelist('sam', {
      cast: (motion) => ({
        ballot: { kind: 'ranked', ranking: [[motion.options.find((option) => option.endsWith(con))!]] },
        reason: 'for con',
        usage: noUsage,
      }),
    })
    const { verdict, record } = await judged(participantJudge(voter))()
    expect(verdict).toMatchObject({ status: 'decided', winner: 'negative' })
    expect(judgementsIn(record)[0]).toMatchObject({ ranking: [['negative'], ['affirmative']] })
    expect(voter.motions[0]!.transcript.map((each) => each.participant)).toContain('A1')
  })

  it('with a ballot of another kind is refused', async () => {
    const { judges } = await judged(participantJudge(panelist('sam')))()
    expect(judges[0]).toMatchObject({ status: 'abstained' })
    expect(judges[0]!.findings[0]!.reason).toContain('neither scores nor a ranking')
  })
})

describe('the independent vote', () => {
  it('is asked before anybody speaks, and the result compares it with the verdict in plain words', async () => {
    const turning = testJudge('turns', (hearing) => (hearing.stage === 'before' ? forCon(hearing) : forPro(hearing)))
    const { baseline, flips, record } = await judged(
      turning,
      testJudge('stays', forPro),
    )({ baseline: 'independent-vote' })
    expect(record.slice(0, 4).map((item) => item.item)).toEqual(['judgement', 'judgement', 'judgement', 'judgement'])
    expect(turning.hearings[0]!.speeches).toEqual([])
    expect(baseline).toMatchObject({
      moved: 1,
      sameDecision: false,
      before: { votes: { affirmative: 1, negative: 1 } },
    })
    expect(baseline!.words[1]).toBe('1 of 2 judges moved, and the debate changed the decision.')
    expect(flips).toEqual([{ who: 'turns', role: 'judge', from: 'negative', to: 'affirmative', after: 'c8' }])
  })
})

describe('what judges have in common', () => {
  it('is told as agreement, as the pull of length, and as preference for the own kind', async () => {
    const long = panelist('ann', { contribute: () => speech('long '.repeat(100)) })
    const sides = [sideOf('affirmative', { ...long, kind: 'm' }), sideOf('negative', panelist('bob'))]
    const { agreement, lengthBias, selfPreference } = await debate({
      sides,
      judges: [testJudge('one', forPro, 'm'), testJudge('two', forPro, 'm')],
    }).result
    expect(agreement.nominal).toMatchObject({ units: 3, values: 6, alpha: undefined })
    expect(agreement.interval).toMatchObject({ alpha: 1, units: 6 })
    expect(lengthBias.n).toBe(4)
    expect(lengthBias.r).toBeCloseTo(1, 9)
    expect(selfPreference).toEqual({ difference: 3, n: 2 })
  })
})

import { describe, expect, it } from 'vitest'
import {
  britishParliamentary,
  crossExamination,
  lincolnDouglas,
  oxford,
  panel,
  policy,
} from '../../src/deliberation/debate-formats.ts'
import type { DebateFormat } from '../../src/deliberation/core/debate-format.ts'
import type { Participant } from '../../src/deliberation/participant.ts'
import { debate, evidenceQuote, logPaper, never, scoring, sideOf, spokenIn, testJudge } from './debate-kit.ts'
import { noUsage, panelist, speech, vote } from './panelist.ts'

const proWins = scoring({ 'the position of affirmative': 7, 'the position of negative': 4 })

function teams(format: DebateFormat) {
  return format.sides.map(({ name, seats }) =>
    sideOf(name, ...Array.from({ length: seats }, (_, at) => panelist(`${name} ${at + 1}`))),
  )
}

describe('the order of a debate', () => {
  it.each([
    [
      lincolnDouglas(),
      'affirmative 1 opening; negative 1 question, affirmative 1 answer (3); negative 1 speech; affirmative 1 question, negative 1 answer (3); affirmative 1 rebuttal; negative 1 rebuttal; affirmative 1 closing',
    ],
    [
      policy(),
      'affirmative 1 opening; negative 2 question, affirmative 1 answer (3); negative 1 speech; affirmative 1 question, negative 1 answer (3); affirmative 2 speech; negative 1 question, affirmative 2 answer (3); negative 2 speech; affirmative 2 question, negative 2 answer (3); negative 1 rebuttal; affirmative 1 rebuttal; negative 2 rebuttal; affirmative 2 rebuttal',
    ],
    [
      britishParliamentary(),
      'opening-government 1 opening; opening-opposition 1 speech; opening-government 2 speech; opening-opposition 2 speech; closing-government 1 speech; closing-opposition 1 speech; closing-government 2 closing; closing-opposition 2 closing',
    ],
    [
      crossExamination({ pairs: 2 }),
      'affirmative 1 opening; negative 1 opening; negative 1 question, affirmative 1 answer (2); affirmative 1 question, negative 1 answer (2); negative 1 closing; affirmative 1 closing',
    ],
    [
      panel({ sides: ['x', 'y', 'z'] }),
      'x 1 opening; y 1 opening; z 1 opening; x 1 rebuttal; y 1 rebuttal; z 1 rebuttal; x 1 closing; y 1 closing; z 1 closing',
    ],
  ])('of $name is that of its rules', async (format, order) => {
    const { record } = await debate({ format, sides: teams(format) }).result
    const told = order.split('; ').flatMap((part) => {
      const [, pair, times] = /^(.*) \((\d)\)$/.exec(part) ?? [undefined, part, '1']
      return Array.from({ length: Number(times) }, () => pair.split(', ')).flat()
    })
    expect(spokenIn(record).map((item) => `${item.side} ${item.seat} ${item.act}`)).toEqual(told)
    expect(spokenIn(record).map((item) => item.id)).toEqual(told.map((_, at) => `c${at + 1}`))
  })

  it('lets fewer speakers take the seats in turn', async () => {
    const format = policy()
    const { record } = await debate({
      format,
      sides: [sideOf('affirmative', panelist('a')), sideOf('negative', panelist('b'))],
    }).result
    expect(new Set(spokenIn(record).map((item) => item.participant))).toEqual(new Set(['a', 'b']))
  })

  it('gives a speaker its act, its side and the task in words', async () => {
    const ann = panelist('ann')
    await debate({ sides: [sideOf('affirmative', ann), sideOf('negative', panelist('bob'))] }).result
    expect(ann.turns.map((turn) => turn.act)).toEqual(['opening', 'answer', 'question', 'closing'])
    expect(ann.turns[0]!.side).toEqual({ name: 'affirmative', position: 'the position of affirmative' })
    expect(ann.turns[1]!.task).toContain('The question is #3.')
  })
})

describe('what a speaker sees', () => {
  it('is nothing in a sealed opening, and in a later phase only what the format says', async () => {
    const bob = panelist('bob')
    await debate({ sides: [sideOf('affirmative', panelist('ann')), sideOf('negative', bob)] }).result
    const seen = bob.turns.map((turn) => turn.transcript.map((each) => `${each.participant} ${each.act}`))
    expect(seen[0]).toEqual([])
    // The first cross-examination sees the openings; the second its own phase besides, and what bob himself asked.
    expect(seen[1]).toEqual(['ann opening', 'bob opening'])
    expect(seen[2]).toEqual(['ann opening', 'bob opening', 'bob question', 'ann question'])
    expect(seen[3]).toHaveLength(6)
  })

  it('of a phase that sees named phases leaves out the others', async () => {
    const format: DebateFormat = {
      name: 'custom',
      sides: [
        { name: 'affirmative', seats: 1 },
        { name: 'negative', seats: 1 },
      ],
      phases: [
        {
          kind: 'speeches',
          name: 'one',
          act: 'opening',
          speakers: [{ side: 'affirmative', seat: 1 }],
          sees: 'nothing',
        },
        { kind: 'speeches', name: 'two', act: 'speech', speakers: [{ side: 'affirmative', seat: 1 }], sees: 'all' },
        { kind: 'speeches', name: 'three', act: 'rebuttal', speakers: [{ side: 'negative', seat: 1 }], sees: ['two'] },
      ],
      decision: 'judges',
    }
    const bob = panelist('bob')
    await debate({ format, sides: [sideOf('affirmative', panelist('ann')), sideOf('negative', bob)] }).result
    expect(bob.turns[0]!.transcript.map((each) => each.id)).toEqual(['c2'])
  })
})

describe('a cross-examination', () => {
  it('ends when the questioner passes, and an absent questioner loses that pair alone', async () => {
    const bob = panelist('bob', {
      contribute: (turn) => {
        if (turn.act !== 'question') return speech(`bob ${turn.act}`)
        if (turn.task!.includes('pair 1')) throw new Error('lost the thread')
        return speech(turn.task!.includes('pair 3') ? 'none' : 'why?', { pass: turn.task!.includes('pair 3') })
      },
    })
    const { record } = await debate({
      format: crossExamination({ pairs: 5 }),
      sides: [sideOf('affirmative', panelist('ann')), sideOf('negative', bob)],
    }).result
    const asked = spokenIn(record).filter((item) => item.phase === 'negative questions')
    expect(asked.map((item) => `${item.pair} ${item.act} ${item.status}`)).toEqual([
      '1 question absent',
      '2 question given',
      '2 answer given',
      '3 question passed',
    ])
  })
})

function liar(): Participant {
  const text = 'See: "A log of our own is fast." and "Everybody loves\n> the log." So there.'
  return panelist('ann', {
    contribute: () =>
      speech(text, { quotes: [evidenceQuote('A log of our own is fast.'), evidenceQuote('Everybody loves the log.')] }),
  })
}

describe('evidence in a debate', () => {
  it('is looked up whatever a speaker says of it, and a quote that fails is struck from what others see', async () => {
    const bob = panelist('bob')
    const judge = testJudge('judge', proWins)
    const { record, cost } = await debate({
      sides: [sideOf('affirmative', liar()), sideOf('negative', bob)],
      judges: [judge],
      evidence: { documents: [logPaper] },
    }).result
    const [opening] = spokenIn(record)
    expect(opening!.quotes).toEqual([
      { text: 'A log of our own is fast.', source: 'docs/log.md', line: 1, verified: true },
    ])
    expect(opening!.struck).toMatchObject([{ text: 'Everybody loves the log.', verified: false }])
    expect(opening!.text).toContain('Everybody loves')
    expect(opening!.notes).toEqual(['1 of 2 quotes do not stand in their source and are struck'])
    const seen = bob.turns.at(-1)!.transcript[0]!
    expect(seen.text).toBe('See: "A log of our own is fast." and "[struck: not in its source]" So there.')
    expect('struck' in seen).toBe(false)
    const heard = JSON.stringify(judge.hearings)
    expect(heard).toContain('A log of our own is fast.')
    expect(heard).not.toContain('Everybody loves')
    expect(cost.sides[0]!.struck).toBe(4)
  })

  it('is shown as not verified where the debate flags', async () => {
    const judge = testJudge('judge', proWins)
    const { record } = await debate({
      sides: [sideOf('affirmative', liar()), sideOf('negative', panelist('bob'))],
      judges: [judge],
      evidence: { documents: [logPaper], onFail: 'flag' },
    }).result
    expect(spokenIn(record)[0]).not.toHaveProperty('struck')
    const heard = judge.hearings[0]!.speeches.flatMap((each) => each.quotes)
    expect(heard.some((each) => each.text === 'Everybody loves the log.' && !each.verified)).toBe(true)
  })

  it('keeps a speech without any from being heard where citation is required, questions aside', async () => {
    const judge = testJudge('judge', proWins)
    const { record } = await debate({
      sides: [sideOf('affirmative', liar()), sideOf('negative', panelist('bob'))],
      judges: [judge],
      evidence: { documents: [logPaper], citation: 'required' },
    }).result
    const bobs = spokenIn(record).filter((item) => item.participant === 'bob')
    expect(bobs.map((item) => `${item.act} ${item.uncited ?? false}`)).toEqual([
      'opening true',
      'question false',
      'answer true',
      'closing true',
    ])
    expect(
      judge.hearings[0]!.speeches.filter((each) => each.act !== 'question').map((each) => each.label),
    ).not.toContain('B')
  })
})

describe('speakers that fail', () => {
  it('are absent with the reason, and a side that is absent too often has forfeited', async () => {
    const bob = panelist('bob', { contribute: () => Promise.reject(new Error('no model today')) })
    const judge = testJudge('judge', proWins)
    const { record, verdict, ended, forfeited } = await debate({
      sides: [sideOf('affirmative', panelist('ann')), sideOf('negative', bob)],
      judges: [judge],
    }).result
    expect(spokenIn(record).map((item) => `${item.participant} ${item.status}`)).toEqual([
      'ann given',
      'bob absent',
      'bob absent',
    ])
    expect(spokenIn(record)[1]!.reason).toBe('no model today')
    expect({ ended, forfeited }).toEqual({ ended: 'forfeit', forfeited: ['negative'] })
    expect(verdict).toMatchObject({ status: 'decided', by: 'forfeit', winner: 'affirmative' })
    expect(judge.hearings).toEqual([])
  })

  it('that hang delay nobody past their deadline', async () => {
    const bob = panelist('bob', { contribute: () => never })
    const { result, recorded, clock } = debate({
      sides: [sideOf('affirmative', panelist('ann')), sideOf('negative', bob)],
      turnTimeoutMs: 1000,
    })
    await clock.advance(1000)
    await clock.advance(1000)
    const { verdict } = await result
    expect(verdict.by).toBe('forfeit')
    expect(spokenIn(recorded)[1]).toMatchObject({ participant: 'bob', status: 'absent' })
  })

  it('that flood are cut, with a note', async () => {
    const flood = Array.from({ length: 1000 }, () => evidenceQuote('A log of our own is fast.'))
    const bob = panelist('bob', { contribute: () => speech('word '.repeat(1_000_000), { quotes: flood }) })
    const { record } = await debate({ sides: [sideOf('affirmative', panelist('ann')), sideOf('negative', bob)] }).result
    const item = spokenIn(record)[1]!
    expect(item.text.length).toBeLessThanOrEqual(5400)
    expect(item.quotes).toHaveLength(50)
    expect(item.notes).toEqual(['cut at 5400 of 5000000 characters', '950 quotes beyond 50 left out'])
  })

  it('of four teams that leave come last, and the rest is judged', async () => {
    const format = britishParliamentary()
    const sides = teams(format).map((side) =>
      side.name !== 'opening-government'
        ? side
        : sideOf(side.name, panelist('gone', { contribute: () => Promise.reject(new Error('gone')) })),
    )
    const points = Object.fromEntries(sides.map((side, at) => [side.position, 9 - at]))
    const { verdict, ended } = await debate({ format, sides, judges: [testJudge('judge', scoring(points))] }).result
    expect(ended).toBe('held')
    expect(verdict.ranking).toEqual([
      ['opening-opposition'],
      ['closing-government'],
      ['closing-opposition'],
      ['opening-government'],
    ])
    expect(verdict.winner).toBe('opening-opposition')
  })
})

function oxfordSides() {
  return [sideOf('for', panelist('ann')), sideOf('against', panelist('bob'))]
}

/** Votes for the side of each poll in turn. */
function member(name: string, ...choices: string[]) {
  const left = [...choices]
  return panelist(name, {
    cast: () => {
      const choice = left.shift()!
      return choice === ''
        ? { ballot: { kind: 'abstain' }, reason: '', usage: noUsage }
        : vote(`the position of ${choice}`)
    },
  })
}

describe('an Oxford debate', () => {
  const format = oxford({ rebuttals: 1 })

  it('is won by the side that gained most, not by the one with most votes', async () => {
    const audience = [
      member('m1', 'for', 'for'),
      member('m2', 'for', 'for'),
      member('m3', 'for', 'against'),
      member('m4', '', 'against'),
      member('m5', 'for', 'for'),
    ]
    const {
      verdict,
      audience: shift,
      flips,
    } = await debate({ format, sides: oxfordSides(), audience, judges: [] }).result
    expect(shift).toMatchObject({
      before: { for: 4, against: 0 },
      after: { for: 3, against: 2 },
      gain: { for: -1, against: 2 },
    })
    expect(verdict).toMatchObject({
      status: 'decided',
      by: 'audience',
      winner: 'against',
      votes: { for: 3, against: 2 },
    })
    expect(flips).toEqual([
      { who: 'm3', role: 'audience', from: 'for', to: 'against', after: 'c6' },
      { who: 'm4', role: 'audience', from: 'undecided', to: 'against', after: 'c6' },
    ])
  })

  it('is tied when both gained the same', async () => {
    const audience = [member('m1', '', 'for'), member('m2', '', 'against')]
    const { verdict } = await debate({ format, sides: oxfordSides(), audience, judges: [] }).result
    expect(verdict).toMatchObject({ status: 'tied', ranking: [['for', 'against']] })
    expect(verdict).not.toHaveProperty('winner')
  })

  it('counts only who answered both polls', async () => {
    const audience = [member('m1', '', 'for'), panelist('m2', { cast: () => Promise.reject(new Error('left')) })]
    const { audience: shift } = await debate({ format, sides: oxfordSides(), audience, judges: [] }).result
    expect(shift).toMatchObject({ counted: 1, leftOut: 1 })
  })

  it('says after which phase a member moved when it is asked after each', async () => {
    const audience = [member('m1', 'for', 'for', 'against', 'against')]
    const { flips } = await debate({ format, sides: oxfordSides(), audience, judges: [], audiencePolls: 'every-phase' })
      .result
    // Openings are c1 and c2, rebuttals c3 and c4.
    expect(flips).toEqual([{ who: 'm1', role: 'audience', from: 'for', to: 'against', after: 'c4', since: 'c2' }])
  })

  it('leaves out further rebuttals once the audience has not moved for as many polls as are asked for', async () => {
    const audience = () => [member('m1', 'for', 'against', 'against', 'against', 'for', 'for')]
    const more = {
      format: oxford({ rebuttals: 5 }),
      sides: oxfordSides(),
      judges: [],
      audiencePolls: 'every-phase' as const,
    }
    const { record, ended, flips } = await debate({ ...more, audience: audience(), settledAfter: 2 }).result
    expect(ended).toBe('settled')
    expect([...new Set(record.flatMap((item) => ('phase' in item ? [item.phase] : [])))]).toEqual([
      'audience before',
      'openings',
      'audience after openings',
      'rebuttals 1',
      'audience after rebuttals 1',
      'rebuttals 2',
      'audience after rebuttals 2',
      'closings',
      'audience after',
    ])
    // The last poll moves again: that opens nothing that was settled.
    expect(flips.map((flip) => flip.to)).toEqual(['against', 'for'])
    for (let cut = 0; cut <= record.length; cut++) {
      const left = member(
        'm1',
        ...['for', 'against', 'against', 'against', 'for'].slice(
          record.slice(0, cut).filter((item) => item.item === 'audience').length,
        ),
      )
      const again = await debate({ ...more, audience: [left], settledAfter: 2, recorded: record.slice(0, cut) }).result
      expect(again.record).toEqual(record)
    }
    await expect(
      debate({ ...more, audience: audience(), settledAfter: 2, audiencePolls: 'ends' }).result,
    ).rejects.toMatchObject({
      code: 'deliberation.debate_invalid',
    })
  })

  it('without an audience is refused before anybody is asked', async () => {
    const ann = panelist('ann')
    await expect(
      debate({ format, sides: [sideOf('for', ann), sideOf('against', panelist('bob'))], judges: [] }).result,
    ).rejects.toMatchObject({ code: 'deliberation.debate_invalid' })
    expect(ann.turns).toEqual([])
  })
})

describe('a speaker that holds another option than before', () => {
  it('is told as a flip after that turn', async () => {
    const bob = panelist('bob', {
      contribute: (turn) =>
        speech('x', {
          position: { option: turn.act === 'closing' ? 'the position of affirmative' : 'the position of negative' },
        }),
    })
    const { flips } = await debate({ sides: [sideOf('affirmative', panelist('ann')), sideOf('negative', bob)] }).result
    expect(flips).toEqual([
      {
        who: 'bob',
        role: 'speaker',
        from: 'the position of negative',
        to: 'the position of affirmative',
        after: 'c7',
        since: 'c6',
      },
    ])
  })
})

describe('the budget of a debate', () => {
  it('in turns ends the talk, and the judges decide on what was said', async () => {
    const { record, ended, verdict } = await debate({ budget: { turns: 3 } }).result
    expect(spokenIn(record)).toHaveLength(3)
    expect(ended).toBe('turns')
    expect(verdict.winner).toBe('affirmative')
  })

  it('in tokens is checked before each turn', async () => {
    const dear = () => speech('x', { usage: { inputTokens: 60, outputTokens: 40 } })
    const sides = [
      sideOf('affirmative', panelist('ann', { contribute: dear })),
      sideOf('negative', panelist('bob', { contribute: dear })),
    ]
    const { ended, cost } = await debate({ sides, budget: { tokens: 250 } }).result
    expect(ended).toBe('tokens')
    expect(cost.sides.map(({ usage, turns }) => [usage.inputTokens + usage.outputTokens, turns])).toEqual([
      [100, 1],
      [200, 2],
    ])
  })

  it('in time is recorded when it ends the talk, so that a later run does not go on with it', async () => {
    const bob = panelist('bob', { contribute: (turn) => (turn.act === 'question' ? never : speech('b')) })
    const { result, recorded, clock } = debate({
      sides: [sideOf('affirmative', panelist('ann')), sideOf('negative', bob)],
      budget: { timeMs: 500 },
    })
    await clock.advance(500)
    const { ended } = await result
    expect(ended).toBe('time')
    expect(recorded.map((item) => item.item)).toEqual([
      'contribution',
      'contribution',
      'contribution',
      'stop',
      'judgement',
      'judgement',
    ])
    expect(spokenIn(recorded)[2]!.reason).toBe('the time budget ended its turn')
    const again = await debate({ recorded, budget: { timeMs: 500 } }).result
    expect(again.record).toEqual(recorded)
  })
})

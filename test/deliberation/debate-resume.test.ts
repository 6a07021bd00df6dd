import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { DebateOptions } from '../../src/deliberation/debate.ts'
import { crossExamination, oxford, panel } from '../../src/deliberation/debate-formats.ts'
import type { DebateFormat } from '../../src/deliberation/core/debate-format.ts'
import type { DebateItem } from '../../src/deliberation/core/debate-record.ts'
import { debate, evidenceQuote, logPaper, never, scoring, sideOf, spokenIn, testJudge } from './debate-kit.ts'
import { noUsage, panelist, speech, vote } from './panelist.ts'

const proWins = scoring({ 'the position of affirmative': 7, 'the position of negative': 4 })

/** Everything that can happen in a debate, each answer made from the turn alone. */
function eventful(): Partial<DebateOptions> {
  const talker = (name: string) =>
    panelist(name, {
      contribute: (turn) => {
        const drawn = turn.random.integer(6)
        if (drawn === 0) throw new Error(`${name} fails`)
        const said = `${name} ${turn.act} after ${turn.transcript.length}`
        if (drawn === 1) return speech(said, { pass: true })
        return speech(said, {
          quotes: [evidenceQuote(drawn === 2 ? 'A log of our own is fast.' : 'Nobody wrote this.')],
          answers: turn.transcript.slice(-1).map((each) => each.id),
          position: { option: turn.options[drawn % 2]! },
        })
      },
    })
  const judge = (name: string) =>
    testJudge(name, (hearing) => {
      const drawn = hearing.random.integer(5)
      if (drawn === 0 && hearing.refused === undefined) return { reason: 'prose', usage: noUsage }
      if (drawn === 1) throw new Error('no answer')
      return scoring({ [hearing.sides[drawn % 2]!.position]: drawn })(hearing)
    })
  return {
    format: oxford({ rebuttals: 2, crossExamination: 2, seats: 2 }),
    sides: [sideOf('for', talker('a1'), talker('a2')), sideOf('against', talker('b1'), talker('b2'))],
    audience: ['m1', 'm2', 'm3'].map((name) =>
      panelist(name, { cast: (motion) => vote(motion.options[motion.random.integer(2)]!) }),
    ),
    judges: [judge('j1'), judge('j2'), judge('j3')],
    baseline: 'independent-vote',
    audiencePolls: 'every-phase',
    evidence: { documents: [logPaper] },
    forfeitAfter: 4,
  }
}

describe('a debate that died', () => {
  it('goes on from any prefix of its record to the same bytes, and asks nobody twice', async () => {
    const whole = await debate(eventful()).result
    const text = JSON.stringify(whole)
    expect(whole.record.length).toBeGreaterThan(40)
    for (let cut = 0; cut <= whole.record.length; cut++) {
      const kept = whole.record.slice(0, cut)
      const added: DebateItem[] = []
      const again = await debate({
        ...eventful(),
        recorded: kept,
        record: async (item) => {
          added.push(item)
          return item
        },
      }).result
      expect(JSON.stringify(again)).toBe(text)
      expect(added).toEqual(whole.record.slice(cut))
    }
  })

  it('is the same on every run of the same seed, whoever is fastest', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(3), { minLength: 4, maxLength: 4 }), async (delays) => {
        const slow = (side: number) =>
          panelist(`s${side}`, {
            contribute: async (turn) => {
              for (let wait = 0; wait < delays[side]!; wait++) await Promise.resolve()
              return speech(`${side} ${turn.act} ${turn.transcript.length}`)
            },
          })
        const format = panel({ sides: ['w', 'x', 'y', 'z'] })
        const sides = ['w', 'x', 'y', 'z'].map((name, at) => sideOf(name, slow(at)))
        const { record } = await debate({ format, sides }).result
        expect(
          spokenIn(record)
            .slice(0, 4)
            .map((item) => item.side),
        ).toEqual(['w', 'x', 'y', 'z'])
      }),
      { numRuns: 20 },
    )
  })

  it('talks no more once a judge has judged, whatever more the budget of a later run allows', async () => {
    const { record, verdict } = await debate({ budget: { turns: 3 } }).result
    const again = await debate({ recorded: record }).result
    expect(again.record).toEqual(record)
    expect(again.verdict).toEqual(verdict)
  })

  it('counts an item only when the record has it', async () => {
    const failing = debate({ record: () => Promise.reject(new Error('disk full')) }).result
    await expect(failing).rejects.toThrow('disk full')
  })

  it('ends promptly when it is aborted, and those who still speak are told', async () => {
    const abort = new AbortController()
    let told = false
    const ann = panelist('ann', {
      contribute: (_turn, signal) => {
        signal.addEventListener('abort', () => (told = true))
        abort.abort()
        return never
      },
    })
    await expect(
      debate({ sides: [sideOf('affirmative', ann), sideOf('negative', panelist('bob'))], signal: abort.signal }).result,
    ).rejects.toMatchObject({ code: 'base.aborted' })
    expect(told).toBe(true)
  })
})

describe('a debate that cannot be held', () => {
  const ann = sideOf('affirmative', panelist('ann'))
  const bob = sideOf('negative', panelist('bob'))
  it.each<[string, Partial<DebateOptions>]>([
    ['without judges', { judges: [] }],
    ['with a side missing', { sides: [ann] }],
    ['with a side that its format does not know', { sides: [ann, { ...bob, name: 'con' }] }],
    ['with a speaker on both sides', { sides: [ann, { ...bob, speakers: ann.speakers }] }],
    ['with a judge that speaks', { judges: [testJudge('ann', proWins)] }],
    ['with two judges of one name', { judges: [testJudge('j', proWins), testJudge('j', proWins)] }],
    ['with one position for two sides', { sides: [ann, { ...bob, position: ann.position }] }],
    ['with a weight that is none', { judges: [{ judge: testJudge('j', proWins), weight: Number.NaN }] }],
    ['with a rubric of nothing', { rubric: {} }],
    ['with a criterion of weight zero', { rubric: { evidence: 0 } }],
    ['with a rule that counts grades', { combine: 'score' }],
    ['without a motion', { motion: ' ' }],
    ['with a speaker in the audience', { audience: [panelist('bob')] }],
  ])('%s is refused', async (_what, more) => {
    await expect(debate(more).result).rejects.toMatchObject({ code: 'deliberation.debate_invalid' })
  })

  it.each<[string, object]>([
    ['onFlip', { onFlip: 'toss' }],
    ['orders', { orders: 'both' }],
    ['baseline', { baseline: 'yes' }],
    ['audiencePolls', { audiencePolls: 'often' }],
    ['evidence.onFail', { evidence: { documents: [], onFail: 'ignore' } }],
    ['evidence.citation', { evidence: { documents: [], citation: 'please' } }],
  ])('with a word for %s that is none is refused', async (name, more) => {
    const failed = debate(more).result
    await expect(failed).rejects.toMatchObject({ code: 'base.invalid_argument' })
    await expect(failed).rejects.toThrow(name)
  })

  it('for an unknown rule says which there are', async () => {
    await expect(debate({ combine: 'applause' }).result).rejects.toMatchObject({ code: 'vote.unknown_rule' })
  })

  const phase = {
    kind: 'speeches' as const,
    name: 'p',
    act: 'opening' as const,
    speakers: [{ side: 'affirmative', seat: 1 }],
    sees: 'all' as const,
  }
  it.each<[string, readonly unknown[]]>([
    ['two phases of one name', [phase, phase]],
    ['a seat that no side has', [{ ...phase, speakers: [{ side: 'affirmative', seat: 2 }] }]],
    ['a seat that speaks twice', [{ ...phase, speakers: [...phase.speakers, ...phase.speakers] }]],
    [
      'a phase that sees a later one',
      [
        { ...phase, sees: ['q'] },
        { ...phase, name: 'q' },
      ],
    ],
    ['nobody who speaks', [{ kind: 'audience', name: 'a' }]],
    ['an act that is none', [{ ...phase, act: 'draft' }]],
    ['a kind that is none', [{ ...phase, kind: 'song' }]],
    [
      'a side that questions itself',
      [
        {
          kind: 'cross-examination',
          name: 'x',
          questioner: phase.speakers[0],
          answerer: phase.speakers[0],
          pairs: 1,
          sees: 'all',
        },
      ],
    ],
  ])('by a list of phases with %s is refused', async (_what, phases) => {
    const format = { ...crossExamination(), phases: phases as DebateFormat['phases'] }
    await expect(debate({ format }).result).rejects.toMatchObject({ code: 'deliberation.debate_invalid' })
  })
})

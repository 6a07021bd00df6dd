import { describe, expect, it } from 'vitest'
import { manualClock } from '../../src/base/manual-clock.ts'
import { seededRandom } from '../../src/base/random.ts'
import { runDiscussion, startDiscussion } from '../../src/deliberation/discussion.ts'
import type { DiscussionOptions } from '../../src/deliberation/discussion.ts'
import type { Participant, Turn } from '../../src/deliberation/participant.ts'
import { isContribution } from '../../src/deliberation/record.ts'
import type { DiscussionItem } from '../../src/deliberation/record.ts'
import { noUsage, panelist, speech, vote } from './panelist.ts'

function optionsOf(participants: readonly Participant[], more: Partial<DiscussionOptions> = {}) {
  const recorded: DiscussionItem[] = [...(more.recorded ?? [])]
  const options: DiscussionOptions = {
    topic: 'which',
    options: ['A', 'B'],
    participants,
    rounds: 1,
    clock: manualClock(),
    random: seededRandom(1),
    record: async (item) => void recorded.push(item),
    ...more,
  }
  return { options, recorded }
}

const talk = (participants: readonly Participant[], more: Partial<DiscussionOptions> = {}) =>
  runDiscussion(optionsOf(participants, more).options)

const order = (record: readonly DiscussionItem[], round = 1) =>
  record.flatMap((item) => (isContribution(item) && item.round === round ? [item.participant] : []))

function bidder(name: string, bid: (turn: Turn) => number | Promise<number>): Participant {
  return {
    ...panelist(name),
    bid: async (turn) => ({ urgency: await bid(turn), usage: { inputTokens: 1, outputTokens: 1 } }),
  }
}

describe('the floor', () => {
  it('together: nobody sees the others of the round, everybody those of the rounds before', async () => {
    const people = ['ann', 'bob', 'cyd'].map((name) => panelist(name))
    await talk(people, { floor: { kind: 'together' }, rounds: 2 })
    for (const each of people) expect(each.turns.map((turn) => turn.transcript.length)).toEqual([0, 3, 6])
  })

  it('mention: goes to whoever is named, then to whoever is answered, then on in order', async () => {
    const says: Record<string, (turn: Turn) => string> = {
      ann: () => 'what does @cyd think of it',
      bob: () => 'I think otherwise altogether',
      cyd: () => 'fine by me as it stands',
    }
    const people = Object.keys(says).map((name) =>
      panelist(name, {
        contribute: (turn) =>
          speech(
            turn.round === 0 ? `draft of ${name} itself` : `${says[name]!(turn)} in turn ${turn.transcript.length}`,
            {
              answers: name === 'cyd' && turn.round > 0 ? ['c2'] : [],
            },
          ),
      }),
    )
    const { record } = await talk(people, { floor: { kind: 'mention' }, rounds: 2 })
    expect([...order(record, 1), ...order(record, 2)]).toEqual(['ann', 'cyd', 'bob', 'cyd', 'bob', 'cyd'])
  })

  it('bids: goes to the highest, never twice in a row, and to who spoke least among equals; the bids are in the record', async () => {
    const people = [bidder('ann', () => 0.5), bidder('bob', () => 0.9), bidder('cyd', () => 0.5)]
    const { record, usage } = await talk(people, { floor: { kind: 'bids' }, rounds: 1 })
    expect(order(record)).toEqual(['bob', 'ann', 'bob'])
    const choices = record.filter((item) => !isContribution(item))
    expect(choices).toMatchObject([
      { item: 'choice', by: 'bids', speaker: 'bob', bids: [{ urgency: 0.5 }, { urgency: 0.9 }, { urgency: 0.5 }] },
      { speaker: 'ann', bids: [{ participant: 'ann' }, { participant: 'cyd' }] },
      { speaker: 'bob' },
    ])
    expect(usage).toEqual({ inputTokens: 7, outputTokens: 7 })
  })

  it('bids: one that throws, hangs or is no number counts as 0, and says so', async () => {
    const clock = manualClock()
    const people = [
      bidder('ann', () => Promise.reject(new Error('lost'))),
      bidder('bob', () => new Promise(() => {})),
      bidder('cyd', () => Number.NaN),
      bidder('dan', () => 0.1),
    ]
    const { options, recorded } = optionsOf(people, {
      floor: { kind: 'bids' },
      clock,
      turnTimeoutMs: 100,
      stop: { kind: 'turns', max: 5 },
    })
    const result = runDiscussion(options)
    await clock.advance(100)
    await result
    expect(recorded.find((item) => !isContribution(item))).toMatchObject({
      speaker: 'dan',
      notes: [expect.stringContaining('lost'), expect.stringContaining('bob'), expect.stringContaining('cyd')],
    })
  })

  it('moderator: goes where it says; to the next in order when it names nobody who may speak', async () => {
    const names = ['cyd', 'nobody', 'cyd']
    const chair: Participant = {
      ...panelist('chair'),
      choose: async () => ({ speaker: names.shift() ?? '', reason: 'it is time', usage: noUsage }),
    }
    const people = ['ann', 'bob', 'cyd'].map((name) => panelist(name))
    const { record } = await talk(people, { floor: { kind: 'moderator', moderator: 'chair' }, moderator: chair })
    expect(order(record)).toEqual(['cyd', 'ann', 'cyd'])
    const choices = record.filter((item) => !isContribution(item))
    expect(choices[0]).toMatchObject({ by: 'moderator', speaker: 'cyd', reason: 'it is time' })
    expect(choices[1]).toMatchObject({ speaker: 'ann', notes: [expect.stringContaining('"nobody"')] })
  })

  it('selector: a function says it from the record, and its failure holds up nobody', async () => {
    const people = ['ann', 'bob', 'cyd'].map((name) => panelist(name))
    const selector = ({ candidates, record }: { candidates: readonly string[]; record: readonly DiscussionItem[] }) => {
      if (record.length > 6) throw new Error('no idea')
      return candidates.at(-1)
    }
    const { record } = await talk(people, { floor: { kind: 'selector', repeatsMax: 2 }, selector })
    expect(order(record)).toEqual(['cyd', 'cyd', 'ann'])
  })

  it.each([
    ['moderator', { floor: { kind: 'moderator', moderator: 'chair' } as const }],
    ['selector', { floor: { kind: 'selector' } as const }],
    ['escalate', { budget: { onExceed: 'escalate' as const } }],
    ['turnTimeoutMs', { turnTimeoutMs: Number.NaN }],
    ['limits.textMaxLength', { limits: { textMaxLength: -1 } }],
    ['limits.quotesMax', { limits: { quotesMax: 0.5 } }],
  ])('is refused without what it needs: %s', async (argument, more) => {
    await expect(talk([panelist('ann'), panelist('bob')], more)).rejects.toMatchObject({
      code: 'base.invalid_argument',
      argument,
    })
  })
})

describe('who hears whom', () => {
  it('is the topology, for turns, for hearing at once and for straw ballots', async () => {
    const people = ['ann', 'bob', 'cyd', 'dan'].map((name) => panelist(name))
    await talk(people, { topology: { kind: 'ring', reach: 1 }, polls: { last: true } })
    const [ann] = people
    expect(new Set(ann!.turns[1]!.transcript.map((each) => each.participant))).toEqual(new Set(['ann', 'bob', 'dan']))
    expect(ann!.heard).toEqual(['c1', 'c2', 'c4', 'c5', 'c6', 'c8'])
    expect(ann!.motions[0]!.transcript.some((each) => each.participant === 'cyd')).toBe(false)
  })

  it('is by labels where the discussion is anonymous, and the record has the names', async () => {
    const people = ['ann', 'bob', 'cyd'].map((name) =>
      panelist(name, {
        contribute: (turn) => {
          const other = turn.transcript.find((each) => each.participant !== name)
          return speech(other ? `@${other.participant} is right in round ${turn.round}` : `this is what ${name} drafts`)
        },
      }),
    )
    const { transcript } = await talk(people, { anonymous: true })
    for (const each of people) {
      const seen = JSON.stringify(each.turns.map((turn) => turn.transcript))
      for (const other of people.filter((person) => person !== each)) expect(seen).not.toContain(other.name)
    }
    expect(transcript[3]!.text).toMatch(/^@(bob|cyd) is right/)
  })

  it('hides the name of the editor of a draft, and of whoever failed to speak, in all that is shown', async () => {
    const ann = panelist('ann', { contribute: () => speech('this is the text of ann') })
    const cyd = panelist('cyd', { contribute: () => Promise.reject(new Error('cyd is away')) })
    const bob = panelist('bob', { contribute: () => speech('this is of another', { notes: ['bob was asked twice'] }) })
    const people = [ann, bob, cyd]
    const { transcript } = await talk(people, { anonymous: true, editor: 'ann', acts: ['critique'], rounds: 1 })
    expect(bob.turns.at(-1)!.draft).toMatchObject({ version: 1, by: expect.stringMatching(/^speaker-/) })
    for (const each of people)
      for (const other of people.filter((person) => person !== each))
        expect(JSON.stringify(each.turns)).not.toContain(other.name)
    expect(transcript[2]!.reason).toBe('cyd is away')
  })
})

describe('what a discussion makes', () => {
  it('a draft that its editor revises by the critique of the others, and a synthesis with the dissent kept', async () => {
    const people = ['ann', 'bob'].map((name) =>
      panelist(name, {
        contribute: ({ act, draft, task }) =>
          speech(`${name} ${act} on ${draft?.text ?? 'nothing'} (${task === undefined ? 'free' : 'told'})`),
      }),
    )
    const { transcript, ended } = await talk(people, {
      editor: 'ann',
      acts: ['critique', 'revision'],
      rounds: 2,
      synthesis: { by: 'ann' },
    })
    expect(ended).toBe('rounds')
    expect(transcript.map(({ participant, act, round }) => [participant, act, round])).toEqual([
      ['ann', undefined, 0],
      ['bob', undefined, 0],
      ['bob', 'critique', 1],
      ['ann', 'revision', 2],
      ['ann', 'synthesis', 3],
      ['bob', 'dissent', 3],
    ])
    expect(transcript[2]!.text).toBe('bob critique on ann draft on nothing (free) (told)')
    expect(transcript[4]!.text).toContain('ann revision on')
  })

  it('flips: who changed what it holds, when, and after whom', async () => {
    const people = ['ann', 'bob', 'cyd'].map((name) =>
      panelist(name, {
        contribute: ({ round }) =>
          speech(`${name} says so in ${round}`, {
            position: { option: name === 'ann' && round === 0 ? 'A' : 'B', confidence: 0.7 },
          }),
      }),
    )
    const { flips, ended, detail } = await talk(people, { rounds: 5, stop: { kind: 'consensus', rounds: 1 } })
    expect(flips).toEqual([{ participant: 'ann', from: 'A', to: 'B', round: 1, after: 'c3', withMajority: true }])
    expect([ended, detail]).toEqual(['consensus', 'all hold "B", for 1 rounds'])
  })

  it('straw polls that tell positions, and are asked of all', async () => {
    const people = ['ann', 'bob'].map((name) => panelist(name, { cast: () => vote('B') }))
    const { record, ended } = await talk(people, {
      polls: { everyRounds: 1 },
      rounds: 4,
      stop: { kind: 'consensus', rounds: 1 },
    })
    expect(ended).toBe('consensus')
    expect(record.at(-1)).toMatchObject({
      item: 'poll',
      round: 0,
      votes: [{ ballot: { choice: 'B' } }, { ballot: { choice: 'B' } }],
    })
  })

  it('nothing of a position that is no option', async () => {
    const odd = panelist('odd', { contribute: () => speech('so it is', { position: { option: 'C', confidence: 7 } }) })
    const { transcript } = await talk([odd, panelist('bob')], { rounds: 0 })
    expect(transcript[0]).not.toHaveProperty('position')
  })
})

describe('budgets', () => {
  const priced = (name: string, tokens: number, actual = tokens): Participant => ({
    ...panelist(name, {
      contribute: ({ round }) =>
        speech(`${name} speaks in ${round}`, { usage: { inputTokens: actual, outputTokens: 0, usd: actual / 1000 } }),
    }),
    estimate: () => ({ tokens, usd: tokens / 1000 }),
  })

  it('a call for which nothing is left is not made; drafts are paid for together or not at all', async () => {
    const people = [priced('ann', 40), priced('bob', 40)]
    const short = await talk(people, { budget: { tokens: 79 } })
    expect([short.transcript.length, short.ended]).toEqual([0, 'tokens'])
    const enough = await talk(people, { budget: { tokens: 120 } })
    expect([enough.transcript.length, enough.ended, enough.usage.inputTokens]).toEqual([3, 'tokens', 120])
    const usd = await talk(people, { budget: { usd: 0.1 } })
    expect([usd.transcript.length, usd.ended]).toEqual([2, 'usd'])
  })

  it('what costs more than was kept for it is told', async () => {
    const { overshoots } = await talk([priced('ann', 10, 25), priced('bob', 10)], {
      rounds: 0,
      budget: { tokens: 1000 },
    })
    expect(overshoots).toEqual([{ participant: 'ann', tokens: 15, usd: expect.closeTo(0.015) }])
  })

  it('who has used up its own is recorded as absent, and costs nothing', async () => {
    const people = [priced('ann', 40), priced('bob', 10)]
    const { transcript } = await talk(people, { rounds: 2, budget: { perParticipant: { tokens: 50 } } })
    expect(transcript.filter(({ status }) => status === 'absent')).toMatchObject([
      { participant: 'ann', round: 1, reason: 'its budget of tokens is used up', usage: noUsage },
      { participant: 'ann', round: 2 },
    ])
  })

  it('a person may give more, or none, and a person who cannot be asked gives none', async () => {
    const people = [priced('ann', 10), priced('bob', 10)]
    const decisions = [
      { decision: 'more', budget: { tokens: 40 }, by: 'sam' } as const,
      { decision: 'stop', by: 'sam' } as const,
    ]
    const { record, ended } = await talk(people, {
      rounds: 9,
      budget: { tokens: 20, onExceed: 'escalate' },
      escalate: async () => decisions.shift()!,
      synthesis: { by: 'ann' },
    })
    expect(ended).toBe('stopped')
    expect(record.filter((item) => !isContribution(item))).toMatchObject([{ decision: 'more' }, { decision: 'stop' }])
    const unheard = await talk(people, {
      budget: { tokens: 20, onExceed: 'escalate' },
      escalate: () => Promise.reject(new Error('asleep')),
    })
    expect([unheard.ended, unheard.record.at(-1)]).toMatchObject([
      'tokens',
      { decision: 'conclude', by: 'nobody: asleep' },
    ])
  })

  it.each([{ tokens: 20 }, { usd: 9 }])('a person who gives no more of what is used up concludes: %j', async (more) => {
    let asked = 0
    const { record, ended } = await talk([priced('ann', 10), priced('bob', 10)], {
      budget: { tokens: 20, onExceed: 'escalate' },
      escalate: async () => {
        if (++asked > 3) throw new Error('asked again and again')
        return { decision: 'more', budget: more, by: 'sam' }
      },
    })
    expect([asked, ended]).toEqual([1, 'tokens'])
    expect(record.at(-1)).toMatchObject({ item: 'escalation', decision: 'conclude', by: 'sam' })
  })
})

describe('a discussion that is called off, or goes on elsewhere', () => {
  it('ends the talk at a signal, and synthesis follows', async () => {
    const off = new AbortController()
    const bob = panelist('bob', {
      contribute: ({ round }) => (round === 1 && off.abort(), speech(`bob in ${round} again`)),
    })
    const { ended, transcript } = await talk([panelist('ann'), bob], {
      rounds: 9,
      stopSignal: off.signal,
      synthesis: { by: 'ann', dissent: false },
    })
    expect(ended).toBe('signal')
    expect(transcript.at(-1)).toMatchObject({ act: 'synthesis', participant: 'ann' })
  })

  it('can be saved at any moment: what was recorded is not asked again, what was under way says so', async () => {
    const never = panelist('bob', { contribute: () => new Promise(() => {}) })
    const first = startDiscussion({ ...optionsOf([panelist('ann'), never]).options, signal: AbortSignal.abort() })
    await expect(first.result).rejects.toMatchObject({ code: 'base.aborted' })

    const stop = new AbortController()
    const clock = manualClock()
    const running = startDiscussion({ ...optionsOf([panelist('ann'), never], { clock }).options, signal: stop.signal })
    await clock.advance(5)
    const saved = running.snapshot()
    stop.abort()
    await expect(running.result).rejects.toMatchObject({ code: 'base.aborted' })
    expect(saved.recorded.map((item) => isContribution(item) && item.participant)).toEqual(['ann'])
    expect(saved.inFlight).toEqual([{ participant: 'bob', round: 0, act: 'draft' }])
    expect(saved.elapsedMs).toBe(5)

    const ann = panelist('ann')
    const { transcript } = await talk([ann, panelist('bob')], { ...saved, rounds: 0 })
    expect(ann.turns).toEqual([])
    expect(transcript[1]!.notes).toEqual([expect.stringContaining('may have been asked twice')])
  })

  it('is the same record, byte for byte, wherever a run is cut and taken up again', async () => {
    const people = () => [
      bidder('ann', ({ round, random }) => random.split(`bid ${round}`).float()),
      bidder('bob', ({ transcript }) => (transcript.length % 3) / 3),
      bidder('cyd', () => 0.4),
    ]
    const more: Partial<DiscussionOptions> = {
      floor: { kind: 'bids' },
      topology: { kind: 'regular', degree: 2 },
      anonymous: true,
      rounds: 2,
      polls: { everyRounds: 1, last: true },
      synthesis: { by: 'cyd' },
    }
    const whole = optionsOf(people(), more)
    const { record } = await runDiscussion(whole.options)
    expect(record.length).toBeGreaterThan(15)
    for (let kept = 0; kept <= record.length; kept++) {
      const again = optionsOf(people(), { ...more, recorded: record.slice(0, kept) })
      await runDiscussion(again.options)
      expect(JSON.stringify(again.recorded)).toBe(JSON.stringify(record))
    }
  })
})

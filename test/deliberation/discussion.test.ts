import { describe, expect, it } from 'vitest'
import { manualClock } from '../../src/base/manual-clock.ts'
import { seededRandom } from '../../src/base/random.ts'
import { runDiscussion } from '../../src/deliberation/discussion.ts'
import type { DiscussionOptions } from '../../src/deliberation/discussion.ts'
import type { Contribution, Participant } from '../../src/deliberation/participant.ts'
import { panelist, speech } from './panelist.ts'

const never = new Promise<never>(() => {})

function discuss(participants: Participant[], more: Partial<DiscussionOptions> = {}) {
  const recorded: Contribution[] = [...((more.recorded ?? []) as Contribution[])]
  const clock = manualClock()
  const options: DiscussionOptions = {
    topic: 'which',
    options: ['A', 'B'],
    participants,
    rounds: 1,
    clock,
    random: seededRandom(1),
    record: async (item) => void recorded.push(item as Contribution),
    ...more,
  }
  return { result: runDiscussion(options), recorded, clock: (more.clock as typeof clock | undefined) ?? clock }
}

describe('a discussion', () => {
  it('seals the drafts and then shows each speaker all contributions before it', async () => {
    const ann = panelist('ann')
    const bob = panelist('bob')
    const { transcript, ended } = await discuss([ann, bob]).result
    expect(ended).toBe('rounds')
    expect(transcript.map((each) => `${each.round} ${each.participant}`)).toEqual(['0 ann', '0 bob', '1 ann', '1 bob'])
    expect(ann.turns.map((turn) => turn.transcript.length)).toEqual([0, 2])
    expect(bob.turns.map((turn) => turn.transcript.length)).toEqual([0, 3])
  })

  it('records drafts in speaking order whoever is fastest', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const slow = panelist('slow', {
      contribute: async () => {
        await promise
        return speech('slow')
      },
    })
    const fast = panelist('fast', { contribute: () => (resolve(), speech('fast')) })
    const { transcript } = await discuss([slow, fast], { rounds: 0 }).result
    expect(transcript.map((each) => each.participant)).toEqual(['slow', 'fast'])
  })

  it('lets everybody hear a contribution only after it is recorded', async () => {
    const ann = panelist('ann')
    const bob = panelist('bob')
    const heardAtRecord: number[] = []
    await discuss([ann, bob], {
      record: async () => void heardAtRecord.push(ann.heard.length),
    }).result
    expect(heardAtRecord).toEqual([0, 1, 2, 3])
    expect(bob.heard).toEqual(['c1', 'c2', 'c3', 'c4'])
  })

  it('records one who throws as absent, with the reason, and goes on', async () => {
    const bad = panelist('bad', {
      contribute: () => {
        throw new Error('out of paper')
      },
    })
    const { transcript } = await discuss([bad, panelist('good')]).result
    expect(transcript[0]).toMatchObject({ participant: 'bad', status: 'absent', reason: 'out of paper', text: '' })
    expect(transcript[1]).toMatchObject({ participant: 'good', status: 'given' })
  })

  it('waits for one who hangs no longer than a turn, even if it ignores its signal', async () => {
    const mute = panelist('mute', { contribute: () => never })
    const { result, clock } = discuss([mute, panelist('good')], { rounds: 0, turnTimeoutMs: 5000 })
    await clock.advance(5000)
    const { transcript } = await result
    expect(transcript[0]).toMatchObject({ participant: 'mute', status: 'absent' })
    expect(transcript[0]?.reason).toContain('5000 ms')
    expect(clock.pending).toBe(0)
  })

  it('cuts a turn at the end of the time budget and says so', async () => {
    const mute = panelist('mute', { contribute: () => never })
    const { result, clock } = discuss([mute, panelist('good')], { budget: { timeMs: 1000 } })
    await clock.advance(1000)
    const { transcript, ended } = await result
    expect(ended).toBe('time')
    expect(transcript[0]?.reason).toBe('the time budget ended its turn')
  })

  it('keeps the reason of a failure that came before the time budget did, and what it cost', async () => {
    const failure = Object.assign(new Error('no line'), { usage: { inputTokens: 7, outputTokens: 1 } })
    const bad = panelist('bad', { contribute: () => Promise.reject(failure) })
    const { transcript } = await discuss([bad, panelist('good')], { budget: { timeMs: 1000 }, rounds: 0 }).result
    expect(transcript[0]).toMatchObject({ reason: 'no line', usage: { inputTokens: 7, outputTokens: 1 } })
  })

  it('records nothing of a speech but what a speech is made of', async () => {
    const odd = panelist('odd', {
      contribute: () =>
        ({
          ...speech('x', { notes: Array.from({ length: 5000 }, (_, at) => `note ${at}`) }),
          answers: [() => 1, 'c1', 'none'],
          usage: { inputTokens: Number.NaN, outputTokens: 'a' },
          quotes: [
            { text: 'q', source: 's', line: -1, verified: false, bearing: { option: Symbol('x'), direction: 'for' } },
          ],
        }) as never,
    })
    const { transcript } = await discuss([odd, panelist('good')], { rounds: 1 }).result
    const [first, , second] = transcript
    expect(first?.notes).toHaveLength(20)
    expect(first?.usage).toEqual({ inputTokens: 0, outputTokens: 0, estimated: true })
    expect(first?.quotes).toEqual([{ text: 'q', source: 's', line: 0, verified: false }])
    expect(first?.answers).toEqual([])
    expect(second?.answers).toEqual(['c1'])
  })

  it('tells those who still speak to stop when the record fails', async () => {
    const told = Promise.withResolvers<void>()
    const slow = panelist('slow', {
      contribute: (_turn, signal) => new Promise(() => signal.addEventListener('abort', () => told.resolve())),
    })
    const { result } = discuss([panelist('ann'), slow], { record: () => Promise.reject(new Error('disk full')) })
    await expect(result).rejects.toThrow('disk full')
    await told.promise
  })

  it('stops at once when aborted, recording nothing more', async () => {
    const interrupt = new AbortController()
    const mute = panelist('mute', { contribute: () => never })
    const { result, recorded } = discuss([mute, panelist('good')], { signal: interrupt.signal })
    interrupt.abort('enough')
    await expect(result).rejects.toMatchObject({ code: 'base.aborted' })
    expect(recorded).toEqual([])
  })

  it('takes what a participant returns as untrusted: control characters, floods, wrong shapes', async () => {
    const flood = panelist('flood', { contribute: () => speech(`\u001b[2Jx${'y'.repeat(50_000)}`) })
    const wrong = panelist('wrong', { contribute: () => ({ text: 7 }) as never })
    const empty = panelist('empty', { contribute: () => speech(' \n ') })
    const { transcript } = await discuss([flood, wrong, empty], { rounds: 0 }).result
    expect(transcript[0]?.text.startsWith('[2Jxyyy')).toBe(true)
    expect(transcript[0]?.text).toHaveLength(20_000)
    expect(transcript[0]?.notes?.[0]).toContain('cut at 20000')
    expect(transcript[1]).toMatchObject({ status: 'absent' })
    expect(transcript[2]).toMatchObject({ status: 'absent' })
  })

  it('survives a listener that throws', async () => {
    const grumpy: Participant = {
      ...panelist('grumpy'),
      observe: () => {
        throw new Error('no')
      },
    }
    expect((await discuss([grumpy, panelist('good')]).result).transcript).toHaveLength(4)
  })

  it('goes on after what was recorded and asks nobody again', async () => {
    const whole = (await discuss([panelist('ann'), panelist('bob')]).result).transcript
    for (let kept = 0; kept <= whole.length; kept++) {
      const ann = panelist('ann')
      const bob = panelist('bob')
      const { transcript } = await discuss([ann, bob], { recorded: whole.slice(0, kept) }).result
      expect(transcript).toEqual(whole)
      expect(ann.turns.length + bob.turns.length).toBe(whole.length - kept)
    }
  })

  it('gives each turn chance of its own that does not depend on what others drew', async () => {
    const drawn: number[] = []
    const draws = (name: string, more: number) =>
      panelist(name, {
        contribute: ({ random }) => {
          for (let count = 0; count < more; count++) random.float()
          if (name === 'bob') drawn.push(random.uint32())
          return speech('x')
        },
      })
    await discuss([draws('ann', 0), draws('bob', 0)]).result
    await discuss([draws('ann', 100), draws('bob', 0)]).result
    expect(drawn.slice(0, 2)).toEqual(drawn.slice(2))
  })

  it('refuses one participant and doubled names', async () => {
    await expect(discuss([panelist('ann')]).result).rejects.toMatchObject({ code: 'deliberation.invalid' })
    await expect(discuss([panelist('ann'), panelist('ann')]).result).rejects.toMatchObject({
      code: 'deliberation.invalid',
    })
  })

  it('ends with what the record rejects with, and asks nobody after that', async () => {
    const ann = panelist('ann')
    const record = () => Promise.reject(new Error('disk full'))
    await expect(discuss([ann, panelist('bob')], { record }).result).rejects.toThrow('disk full')
    expect(ann.turns).toHaveLength(1)
  })
})

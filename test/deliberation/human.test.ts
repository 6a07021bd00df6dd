import { PassThrough, Readable } from 'node:stream'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { manualClock } from '../../src/base/manual-clock.ts'
import { seededRandom } from '../../src/base/random.ts'
import { typedVote } from '../../src/deliberation/human-ballot.ts'
import { humanTerminal } from '../../src/deliberation/human-terminal.ts'
import { human, humanEscalation } from '../../src/deliberation/human.ts'
import type { HumanOptions } from '../../src/deliberation/human.ts'
import { runDiscussion } from '../../src/deliberation/index.ts'
import type { Contribution, Motion, Turn } from '../../src/deliberation/participant.ts'
import { checkBallot } from '../../src/vote/check.ts'
import { panelist } from './panelist.ts'

const options = ['tea', 'coffee', 'water']
const signal = new AbortController().signal

function seat(given: string | readonly string[] | Readable, more: Partial<HumanOptions> = {}) {
  const input = given instanceof Readable ? given : Readable.from(typeof given === 'string' ? [given] : given)
  let printed = ''
  const terminal = humanTerminal({ input, output: { write: (text) => void (printed += text) } })
  return { sam: human({ name: 'sam', terminal, ...more }), terminal, printed: () => printed }
}

function turn(transcript: readonly Contribution[] = []): Turn {
  return { topic: 'What to drink', options, round: 1, rounds: 1, transcript, random: seededRandom(1), preview() {} }
}

function motion(more: Partial<Motion> = {}): Motion {
  return { topic: 'What to drink', options, ballot: 'single', transcript: [], random: seededRandom(1), ...more }
}

function said(text: string): Contribution {
  return {
    id: 'c1',
    number: 1,
    participant: 'eve',
    round: 0,
    status: 'given',
    text,
    quotes: [],
    answers: [],
    usage: { inputTokens: 0, outputTokens: 0 },
  }
}

/** Resolves when the text has been printed. */
async function until(printed: () => string, text: string): Promise<void> {
  while (!printed().includes(text)) await new Promise((resolve) => setImmediate(resolve))
}

describe('a person at a terminal', () => {
  it('says several lines, up to the mark, however the bytes come', async () => {
    const bytes = [...Buffer.from('Tea, naïvely.\r\nIt is hot.\n.\nnot of this turn\n')].map((byte) =>
      Buffer.from([byte]),
    )
    const { sam } = seat(Readable.from(bytes))
    expect(await sam.contribute(turn(), signal)).toMatchObject({ text: 'Tea, naïvely.\nIt is hot.' })
  })

  it('passes by /pass, and by an empty contribution', async () => {
    const { sam } = seat('/pass\n.\n')
    expect(await sam.contribute(turn(), signal)).toMatchObject({ pass: true, text: '' })
    expect(await sam.contribute(turn(), signal)).toMatchObject({ pass: true, text: '' })
  })

  it('keeps what was said when a pipe ends without the mark, and is gone after that', async () => {
    const { sam } = seat('Tea')
    expect(await sam.contribute(turn(), signal)).toMatchObject({ text: 'Tea' })
    await expect(sam.cast(motion(), signal)).rejects.toMatchObject({ code: 'deliberation.human_gone' })
  })

  it('is asked again with the reason until the ballot can be counted', async () => {
    const { sam, printed } = seat('7\ntea\n2\nIt wakes.\n')
    const vote = await sam.cast(motion(), signal)
    expect(vote).toMatchObject({ ballot: { kind: 'single', choice: 'coffee' }, reason: 'It wakes.' })
    expect(printed()).toContain('"7" is not the number of an option, 1 to 3')
  })

  it('abstains after five lines that are no ballot', async () => {
    const { sam } = seat('x\nx\nx\nx\nx\n1\n')
    expect(await sam.cast(motion(), signal)).toMatchObject({ ballot: { kind: 'abstain' } })
  })

  it('abstains after its deadline, and the answer to the next question is not swallowed by the one given up', async () => {
    const clock = manualClock()
    const input = new PassThrough()
    const { sam, printed } = seat(input, { clock, deadlineMs: 1000 })
    const first = sam.cast(motion(), signal)
    await until(printed, 'ballot>')
    await clock.advance(1000)
    expect(await first).toMatchObject({ ballot: { kind: 'abstain' }, reason: 'did not answer within 1000 ms' })
    const second = sam.contribute(turn(), signal)
    await until(printed, 'your turn')
    input.write('Tea\n.\n')
    expect(await second).toMatchObject({ text: 'Tea' })
  })

  it('is absent after its deadline where that is asked for', async () => {
    const clock = manualClock()
    const { sam, printed } = seat(new PassThrough(), { clock, deadlineMs: 1000, onTimeout: 'absent' })
    const asked = sam.contribute(turn(), signal)
    asked.catch(() => {})
    await until(printed, 'your turn')
    await clock.advance(1000)
    await expect(asked).rejects.toMatchObject({ code: 'base.timeout' })
  })

  it('is cancelled at once by an interrupt', async () => {
    const interrupt = new AbortController()
    const { sam, printed } = seat(new PassThrough())
    const asked = sam.contribute(turn(), interrupt.signal)
    await until(printed, 'your turn')
    interrupt.abort()
    await expect(asked).rejects.toMatchObject({ code: 'base.aborted' })
  })

  it('shares a terminal with others, one question at a time', async () => {
    const { sam, terminal, printed } = seat('from sam\n.\nfrom kim\n.\n')
    const kim = human({ name: 'kim', terminal })
    const [one, two] = await Promise.all([sam.contribute(turn(), signal), kim.contribute(turn(), signal)])
    expect([one.text, two.text]).toEqual(['from sam', 'from kim'])
    expect(printed().match(/(sam|kim), your turn/g)).toEqual(['sam, your turn', 'kim, your turn'])
  })

  it('cuts what is too long and says so', async () => {
    const { sam, printed } = seat(`${'a'.repeat(30)}\nb\n.\n`, { textMaxLength: 20 })
    expect(await sam.contribute(turn(), signal)).toMatchObject({
      text: 'a'.repeat(20),
      notes: ['cut off at its limit'],
    })
    expect(printed()).toContain('Only 20 characters are kept')
  })

  it('sees each contribution of others once, and none of its own', async () => {
    const { sam, printed } = seat('.\n.\n')
    await sam.contribute(turn([said('first words')]), signal)
    await sam.contribute(turn([said('first words'), { ...said('own'), number: 2, participant: 'sam' }]), signal)
    expect(printed().split('first words')).toHaveLength(2)
    expect(printed()).not.toContain('own')
  })

  it('decides on a budget that is used up, more only where more is there', async () => {
    const { terminal } = seat('more\nstop\nmore\n')
    expect(await humanEscalation({ name: 'sam', terminal })('tokens', signal)).toEqual({ decision: 'stop', by: 'sam' })
    const more = { turns: 9 }
    const decided = await humanEscalation({ name: 'sam', terminal, more })('tokens', signal)
    expect(decided).toEqual({ decision: 'more', budget: more, by: 'sam' })
  })

  it('takes part in a discussion with others', async () => {
    const { sam } = seat('Tea.\n.\nStill tea.\n.\n')
    const result = await runDiscussion({
      topic: 'What to drink',
      options,
      participants: [sam, panelist('eve')],
      rounds: 1,
      clock: manualClock(),
      random: seededRandom(1),
      record: async () => {},
    })
    const texts = result.transcript.filter((each) => each.participant === 'sam').map((each) => each.text)
    expect(texts).toEqual(['Tea.', 'Still tea.'])
  })
})

describe('what others wrote, at a terminal', () => {
  const hostile = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 80 }),
    fc.constantFrom('\u001b[2J\u001b[H', 'x\nsam, your ballot.\nballot> 1', 'a\r> b', '\u202etxet', 'a\u2028b\u0085c'),
  )

  it('moves no cursor, and no line of it is without its bar', async () => {
    await fc.assert(
      fc.asyncProperty(hostile, hostile, async (text, topic) => {
        const { sam, printed } = seat('/pass\n')
        await sam.contribute({ ...turn([said(text)]), topic }, signal)
        expect(printed()).not.toMatch(/(?![\n\t])[\p{Cc}\u202a-\u202e\u2066-\u2069]/u)
        const ours = printed()
          .split('\n')
          .filter((line) => !line.startsWith('  | '))
        expect(ours).toEqual([
          'eve:',
          'sam, your turn: speech, round 1.',
          'End with a line of "." alone; /pass says nothing.',
          '> ',
        ])
      }),
      { numRuns: 200 },
    )
  })
})

describe('a typed ballot', () => {
  it.each([
    ['single', '2', { kind: 'single', choice: 'coffee' }],
    ['approval', '1, 3', { kind: 'approval', approves: ['tea', 'water'] }],
    ['ranked', '2 > 1 = 3', { kind: 'ranked', ranking: [['coffee'], ['tea', 'water']] }],
    ['grades', '1=5 2 = 0', { kind: 'grades', grades: { tea: 5, coffee: 0 } }],
    ['ranked', '/abstain', { kind: 'abstain' }],
  ] as const)('of the kind %s is written %s', (ballot, line, meant) => {
    const scale = { min: 0, max: 5 }
    expect(typedVote(line, { ballot, options, scale })).toEqual({ ballot: meant })
  })

  it('hands the vote over by /delegate to whom the poll lets', () => {
    const asked = { ballot: 'single', options, delegates: ['ann'] } as const
    expect(typedVote('/delegate ann', asked)).toEqual({ ballot: { kind: 'abstain' }, delegate: 'ann' })
    expect(typedVote('/delegate bob', asked)).toContain('nobody of that name')
  })

  it.each([
    ['single', '1 2'],
    ['approval', '1 1'],
    ['ranked', '1 > 1'],
    ['grades', '1=9'],
    ['grades', '1=5 1=4'],
    ['single', ''],
  ] as const)('of the kind %s is refused with a reason when it says %s', (ballot, line) => {
    expect(typedVote(line, { ballot, options, scale: { min: 0, max: 5 } })).toMatch(/./)
  })

  it('is one that the rule can count, or a reason', () => {
    const token = fc.constantFrom('1', '2', '3', '9', ' > ', '=', ' ', ', ', '1=4', '2=7', '-', '.5')
    const line = fc.oneof(
      fc.array(token, { maxLength: 6 }).map((tokens) => tokens.join('')),
      fc.string(),
    )
    const kinds = fc.constantFrom('single', 'approval', 'ranked', 'grades')
    fc.assert(
      fc.property(line, kinds, (text, ballot) => {
        const scale = { min: 0, max: 5 }
        const vote = typedVote(text, { ballot, options, scale })
        const refused = typeof vote === 'string' ? undefined : checkBallot(vote.ballot, options, ballot, scale)
        expect(vote).not.toBe('')
        expect(refused).toBeUndefined()
      }),
      { numRuns: 1000 },
    )
  })
})

import { describe, expect, it } from 'vitest'
import { manualClock } from '../../src/base/manual-clock.ts'
import { predictableEntropy } from '../../src/base/entropy.ts'
import { seededRandom } from '../../src/base/random.ts'
import { holdPoll } from '../../src/deliberation/hold-poll.ts'
import type { HoldPollOptions, PollItem } from '../../src/deliberation/hold-poll.ts'
import { sha256 } from '../../src/deliberation/poll-plan.ts'
import type { PollPlan } from '../../src/deliberation/poll-plan.ts'
import type { Vote } from '../../src/deliberation/participant.ts'
import { keySealer } from '../../src/deliberation/sealer.ts'
import { ruleFrom, tally, verifyAudit } from '../../src/vote/index.ts'
import { panelist, vote } from './panelist.ts'

const key = (seed: number) => predictableEntropy(seededRandom(seed)).bytes(32)
const rank = (text: string): Vote =>
  vote('', { ballot: { kind: 'ranked', ranking: text.split('').map((each) => [each]) }, reason: `because of ${text}` })
const ballots: Readonly<Record<string, Vote>> = { ann: rank('AB'), bob: rank('BA'), cyd: rank('AB') }

function hold(
  plan: PollPlan,
  more: Partial<HoldPollOptions> & { cast?: Readonly<Record<string, Vote>>; keySeed?: number } = {},
) {
  const { cast = ballots, keySeed = 1, ...rest } = more
  const items: PollItem[] = [...(more.recorded ?? [])]
  const participants = Object.entries(cast).map(([name, each]) => panelist(name, { cast: () => each }))
  const entropy = predictableEntropy(seededRandom(`entropy ${items.length}`))
  const result = holdPoll({
    poll: 'p1',
    topic: 'which',
    options: ['A', 'B'],
    participants,
    plan,
    seed: 1,
    clock: manualClock(),
    random: seededRandom(1),
    entropy,
    sealer: keySealer(key(keySeed), entropy),
    record: async (item) => void items.push(item),
    ...rest,
  })
  return { result, items, participants }
}

const secret: PollPlan = { rule: 'schulze', secrecy: 'secret', seenBy: ['the chair'] }
const plans: Readonly<Record<string, PollPlan>> = {
  public: { rule: 'schulze' },
  'public and sealed': { rule: 'schulze', sealed: true },
  secret,
  pseudonymous: { rule: 'schulze', secrecy: 'pseudonymous' },
}

describe.each(Object.entries(plans))('a %s poll', (name, plan) => {
  it('is counted by its rule', async () => {
    const { outcome, attendance } = await hold(plan).result
    expect(outcome).toMatchObject({ status: 'decided', winners: ['A'], counted: { ballots: 3 } })
    expect(attendance.map((each) => each.participant)).toEqual(['ann', 'bob', 'cyd'])
  })

  it('goes on from any beginning of its record, asks nobody twice and ends the same', async () => {
    const whole = hold(plan)
    const first = await whole.result
    for (let length = 0; length <= whole.items.length; length++) {
      const recorded = whole.items.slice(0, length)
      const again = hold(plan, { recorded })
      const second = await again.result
      const asked = recorded.filter((item) => item.item === 'vote' || item.item === 'sealed').length
      expect(again.participants.filter(({ motions }) => motions.length > 0)).toHaveLength(3 - asked)
      expect(again.items.slice(0, length)).toEqual(recorded)
      expect(again.items).toHaveLength(whole.items.length)
      expect(second.outcome).toEqual(first.outcome)
      if (length < 3) continue
      // Salts are drawn anew for who is asked; from then on every byte is the same.
      expect(again.items).toEqual(whole.items)
      expect(second).toEqual(first)
    }
  })

  it('has an audit that holds and is counted again, where it is sealed', async () => {
    const { audit } = await hold(plan).result
    expect(audit === undefined).toBe(name === 'public')
    if (!audit) return
    const recount = (election: Parameters<typeof tally>[1]) => tally(ruleFrom(plan.rule), election)
    const report = verifyAudit(audit, sha256, { head: audit.head, recount })
    expect(report.faults).toEqual([])
    expect(report.anchored).toBe(true)
    const voted = audit.reveals[0]!
    const changed = { ...audit, reveals: [{ ...voted, voter: 'eve' }, ...audit.reveals.slice(1)] }
    expect(verifyAudit(changed, sha256, { recount }).holds).toBe(false)
  })

  it('counts who is absent as not present, and an abstention as present', async () => {
    const cast = { ann: rank('AB'), bob: vote('', { ballot: { kind: 'abstain' } }) }
    const dead = panelist('dead', { cast: () => Promise.reject(new Error('gone')) })
    const participants = [...Object.entries(cast).map(([who, each]) => panelist(who, { cast: () => each })), dead]
    const { outcome, attendance } = await hold({ ...plan, quorum: { share: '2/3' } }, { participants }).result
    expect(outcome?.quorum).toMatchObject({ present: '2', eligible: '3', met: true })
    expect(outcome?.counted).toMatchObject({ ballots: 1, abstained: 1 })
    expect(attendance.at(-1)).toEqual({ participant: 'dead', status: 'absent' })
  })
})

describe('a secret poll', () => {
  it('records, shows and audits no ballot and no reason in the clear', async () => {
    const { result, items } = hold(secret)
    const text = JSON.stringify([items, await result])
    expect(text).not.toContain('because of')
    expect(text).not.toContain('"kind":"ranked"')
    expect((await result).votes).toEqual([])
  })

  it('seals in a length that does not tell what was voted', async () => {
    const { result, items } = hold(secret, {
      cast: { ann: rank('AB'), bob: vote('', { ballot: { kind: 'abstain' }, reason: 'x'.repeat(900) }) },
    })
    await result
    const lengths = items.flatMap((item) => (item.item === 'sealed' ? [item.sealed?.length] : []))
    expect(new Set(lengths).size).toBe(1)
  })
})

describe('a pseudonymous poll', () => {
  it('ties no ballot to a name, by order or by commitment', async () => {
    const { result, items } = hold(plans['pseudonymous']!)
    const { votes } = await result
    const before = JSON.stringify(items.filter((item) => item.item === 'sealed'))
    for (const item of items) {
      if (item.item !== 'commitment' && item.item !== 'reveal') continue
      expect(item.voter).toMatch(/^voter-[0-9a-f]{16}$/)
      expect(before).not.toContain(item.voter)
      expect(before).not.toContain(item.item === 'commitment' ? item.commitment : item.salt)
    }
    const shown = votes.map(({ participant }) => participant)
    expect(shown).toEqual(shown.toSorted())
  })
})

describe('a sealed poll whose key is lost before the reveals', () => {
  const interrupted = async (unrevealed: 'absent' | 'abstain' | 'void') => {
    const plan: PollPlan = { rule: 'schulze', sealed: true, unrevealed, quorum: { share: '1/2' } }
    const { items, result } = hold(plan)
    await result
    const { result: again, items: after } = hold(plan, { recorded: items.slice(0, 4), keySeed: 2 })
    return { ...(await again), items: after }
  }

  it('treats those not revealed by its policy, and says why', async () => {
    const absent = await interrupted('absent')
    expect(absent.outcome).toMatchObject({ status: 'no-quorum', quorum: { present: '1', eligible: '3' } })
    expect(absent.items.at(-1)).toMatchObject({
      voter: 'cyd',
      refused: 'the sealed ballot cannot be opened with this key',
    })
    const abstain = await interrupted('abstain')
    expect(abstain.outcome).toMatchObject({ status: 'decided', counted: { ballots: 1, abstained: 2 } })
    const none = await interrupted('void')
    expect(none.outcome).toBeUndefined()
    expect(none.notes.join()).toContain('void')
    expect(none.audit?.unrevealed).toEqual([
      { voter: 'bob', why: 'missing' },
      { voter: 'cyd', why: 'missing' },
    ])
  })

  it('takes no other ballot for a sealed one', async () => {
    const plan = plans['public and sealed']!
    const { items, result } = hold(plan)
    await result
    const swapped = items
      .slice(0, 3)
      .map((item, at) => ({ ...item, sealed: (items[(at + 1) % 3] as { sealed: string }).sealed }))
    const { result: again } = hold(plan, { recorded: swapped })
    expect((await again).audit?.unrevealed).toHaveLength(3)
  })
})

describe('weights and delegation', () => {
  it('give a ballot what it stands for', async () => {
    const cast = { ann: rank('AB'), bob: rank('BA'), cyd: vote('', { ballot: { kind: 'abstain' }, delegate: 'bob' }) }
    const { outcome } = await hold({ rule: 'schulze', delegation: true, weights: { ann: '3/2' } }, { cast }).result
    expect(outcome).toMatchObject({ winners: ['B'], counted: { weight: '7/2' } })
    expect(outcome?.delegation?.carried).toMatchObject([{ voter: 'cyd', by: 'bob' }])
  })

  it('in a circle carry nothing, and say so', async () => {
    const to = (delegate: string) => vote('', { ballot: { kind: 'abstain' }, delegate })
    const cast = { ann: rank('AB'), bob: to('cyd'), cyd: to('bob') }
    const { outcome } = await hold({ rule: 'schulze', delegation: true }, { cast }).result
    expect(outcome?.delegation?.idle.map(({ cause }) => cause)).toEqual(['circle', 'circle'])
  })
})

describe('a poll that cannot be held', () => {
  it.each<[string, PollPlan, string]>([
    ['an unknown rule', { rule: 'shulze' }, 'vote.unknown_rule'],
    ['more seats than options', { rule: { name: 'stv', seats: 3 } }, 'base.invalid_argument'],
    ['a tie-break that cannot read its ballots', { rule: 'schulze', ties: ['approval'] }, 'vote.tie_unfit'],
    ['secrecy without who may see', { rule: 'schulze', secrecy: 'secret' }, 'base.invalid_argument'],
    ['delegation where it is sealed', { rule: 'schulze', sealed: true, delegation: true }, 'base.invalid_argument'],
    [
      'weights that tell who is who',
      { rule: 'schulze', secrecy: 'pseudonymous', weights: { ann: 2 } },
      'base.invalid_argument',
    ],
  ])('for %s is refused before anybody is asked', async (_name, plan, code) => {
    const { result, participants } = hold(plan)
    await expect(result).rejects.toMatchObject({ code })
    expect(participants.flatMap(({ motions }) => motions)).toEqual([])
  })

  it('as declared ends with the reason, and the ballots stay recorded', async () => {
    const many = Array.from({ length: 3 }, (_, at) => `o${at}`)
    const cycle = [
      [0, 1, 2],
      [1, 2, 0],
      [2, 0, 1],
    ].map((order) => vote('', { ballot: { kind: 'ranked', ranking: order.map((at) => [many[at]!]) } }))
    const { outcome } = await hold(
      { rule: 'kemeny' },
      { options: many, cast: Object.fromEntries(cycle.map((each, at) => [`v${at}`, each])) },
    ).result
    expect(outcome).toMatchObject({ status: 'tied', winners: many })
  })
})

describe('a sealer', () => {
  const entropy = predictableEntropy(seededRandom(3))
  const sealer = keySealer(key(1), entropy)

  it('opens what it sealed, and nothing that is changed, of another label or of another key', () => {
    const sealed = sealer.seal('{"a":"ü"}', 'x')
    expect(sealer.open(sealed, 'x')).toBe('{"a":"ü"}')
    expect(sealer.open(sealed, 'y')).toBeUndefined()
    expect(keySealer(key(2), entropy).open(sealed, 'x')).toBeUndefined()
    expect(
      sealer.open(`${sealed.slice(0, 40)}${sealed[40] === 'A' ? 'B' : 'A'}${sealed.slice(41)}`, 'x'),
    ).toBeUndefined()
    expect(sealer.open('', 'x')).toBeUndefined()
    expect(() => keySealer(new Uint8Array(16), entropy)).toThrow(
      expect.objectContaining({ code: 'base.invalid_argument' }),
    )
  })
})

import { createHash } from 'node:crypto'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { auditRecord, commitmentTo, plurality, SealedPoll, tally, verifyAudit } from '../../src/vote/index.ts'
import type {
  AuditRecord,
  Ballot,
  Committed,
  Digest,
  Election,
  Outcome,
  Reveal,
  SealedClosing,
  SealedTerms,
} from '../../src/vote/index.ts'

const sha256: Digest = (bytes) => createHash('sha256').update(bytes).digest()
const saltOf = (voter: string): string => createHash('sha256').update(`salt of ${voter}`).digest('hex').slice(0, 32)
const choose = (choice: string): Ballot => ({ kind: 'single', choice })
const recount = (election: Election): Outcome => tally(plurality, election)

const terms = (change: Partial<SealedTerms> = {}): SealedTerms => ({
  poll: 'lunch',
  voters: [{ voter: 'ann' }, { voter: 'bob', weight: 2 }, { voter: 'cleo' }],
  secrecy: 'public',
  commitUntilMs: 100,
  revealUntilMs: 200,
  election: { candidates: ['x', 'y'] },
  ...change,
})
const commitmentOf = (voter: string, ballot: Ballot, poll = 'lunch'): string =>
  commitmentTo({ poll, voter, ballot, salt: saltOf(voter) }, sha256)

/** Commits for all of them, so that reveals can begin. */
function opened(choices: Record<string, string>, change: Partial<SealedTerms> = {}): SealedPoll {
  const poll = new SealedPoll(terms(change), sha256)
  for (const [voter, choice] of Object.entries(choices))
    expect(poll.commit(voter, commitmentOf(voter, choose(choice)), 10)).toBeUndefined()
  return poll
}

function closed(
  choices: Record<string, string>,
  change: Partial<SealedTerms> = {},
  silent: string[] = [],
): SealedClosing {
  const poll = opened(choices, change)
  const revealing = Object.entries(choices).filter(([voter]) => !silent.includes(voter))
  for (const [voter, choice] of revealing)
    expect(poll.reveal(voter, choose(choice), saltOf(voter), 150)).toBeUndefined()
  return poll.close(200)
}

function recorded(closing: SealedClosing): AuditRecord {
  return auditRecord(closing, sha256, closing.election && recount(closing.election))
}

describe('a commitment', () => {
  it('is the SHA-256 of the canonical list of format, poll, voter, ballot and salt', () => {
    const salt = '00112233445566778899aabbccddeeff'
    const text = `["colloquy.vote.commitment/1","lunch","ann",{"choice":"x","kind":"single"},"${salt}"]`
    expect(commitmentTo({ poll: 'lunch', voter: 'ann', ballot: choose('x'), salt }, sha256)).toBe(
      createHash('sha256').update(text).digest('hex'),
    )
  })

  it('differs where poll, voter, ballot or salt differ', () => {
    const name = fc.constantFrom('a', 'b', 'ab', '"', '","', 'a","b')
    const filling = fc.record<Committed>({
      poll: name,
      voter: name,
      ballot: name.map(choose),
      salt: fc.constantFrom(saltOf('1'), saltOf('2'), saltOf('1') + '00'),
    })
    fc.assert(
      fc.property(filling, filling, (one, other) => {
        const same = JSON.stringify(one) === JSON.stringify(other)
        expect(commitmentTo(one, sha256) === commitmentTo(other, sha256)).toBe(same)
      }),
    )
  })

  it.each<[string, Partial<Committed>]>([
    ['a salt of fewer than 128 bits', { salt: 'ab'.repeat(15) }],
    ['a salt that is too long', { salt: 'ab'.repeat(65) }],
    ['a salt that is not hex', { salt: 'xy'.repeat(16) }],
    ['a salt in capitals', { salt: 'AB'.repeat(16) }],
    ['a poll without a name', { poll: '' }],
    ['a voter without a name', { voter: '' }],
    ['no ballot', { ballot: undefined as never }],
    ['a ballot that is no plain data', { ballot: { kind: 'single', choice: Number.NaN } as never }],
  ])('refuses %s', (_what, change) => {
    const whole = { poll: 'lunch', voter: 'ann', ballot: choose('x'), salt: saltOf('ann'), ...change }
    expect(() => commitmentTo(whole, sha256)).toThrow(
      expect.objectContaining({ code: 'base.invalid_argument' }) as Error,
    )
  })

  it('refuses a flood and a digest that is too short', () => {
    const ballot = choose('x'.repeat(70_000))
    expect(() => commitmentOf('ann', ballot)).toThrow(expect.objectContaining({ code: 'base.limit_exceeded' }) as Error)
    const short: Digest = (bytes) => createHash('md5').update(bytes).digest()
    expect(() => commitmentTo({ poll: 'p', voter: 'v', ballot: choose('x'), salt: saltOf('v') }, short)).toThrow(
      '32 bytes',
    )
  })
})

describe('commit-reveal', () => {
  it('counts what was committed and revealed, by weight', () => {
    const { election, unrevealed, refusals } = closed({ ann: 'x', bob: 'y' })
    expect(recount(election as Election).winners).toEqual(['y'])
    expect({ unrevealed, refusals }).toEqual({ unrevealed: [], refusals: [] })
    expect(election?.absent).toEqual([{ voter: 'cleo' }])
  })

  it('closes early when all who committed have revealed, and not before', () => {
    const poll = opened({ ann: 'x' })
    expect(() => poll.close(150)).toThrow('some may still reveal')
    poll.reveal('ann', choose('x'), saltOf('ann'), 150)
    expect(poll.close(151).reveals).toHaveLength(1)
    expect(() => poll.reveal('ann', choose('x'), saltOf('ann'), 152)).toThrow('takes nothing more')
  })

  it.each([
    ['a stranger', 'zoe', commitmentOf('zoe', choose('x')), 10, 'not-eligible'],
    ['a late one', 'bob', commitmentOf('bob', choose('x')), 100, 'late'],
    ['no digest', 'bob', 'x', 10, 'malformed'],
    ['a second one', 'ann', commitmentOf('ann', choose('y')), 10, 'committed-before'],
    ["another's", 'bob', commitmentOf('ann', choose('x')), 10, 'copied'],
  ])('refuses and records %s as a commitment', (_what, voter, commitment, atMs, cause) => {
    const poll = opened({ ann: 'x' })
    expect(poll.commit(voter, commitment, atMs)).toMatchObject({ call: 'commit', voter, atMs, cause })
    expect(poll.close(200).refusals).toMatchObject([{ voter, cause }])
  })

  it.each<[string, string, Ballot, string, number, string]>([
    ['another ballot', 'ann', choose('y'), saltOf('ann'), 150, 'wrong'],
    ['another salt', 'ann', choose('x'), saltOf('bob'), 150, 'wrong'],
    ['a salt that is none', 'ann', choose('x'), '', 150, 'wrong'],
    ["another voter's", 'bob', choose('x'), saltOf('ann'), 150, 'wrong'],
    ['what was never committed', 'cleo', choose('x'), saltOf('cleo'), 150, 'not-committed'],
    ['a stranger', 'zoe', choose('x'), saltOf('zoe'), 150, 'not-eligible'],
    ['an early one', 'ann', choose('x'), saltOf('ann'), 99, 'early'],
    ['a late one', 'ann', choose('x'), saltOf('ann'), 200, 'late'],
  ])('refuses and records %s as a reveal', (_what, voter, ballot, salt, atMs, cause) => {
    const poll = opened({ ann: 'x', bob: 'y' })
    expect(poll.reveal(voter, ballot, salt, atMs)).toMatchObject({ call: 'reveal', voter, atMs, cause })
    const closing = poll.close(200)
    expect(closing.reveals).toEqual([])
    expect(closing.refusals).toMatchObject([{ voter, cause }])
  })

  it('refuses a reveal of what was committed in another poll', () => {
    const poll = new SealedPoll(terms(), sha256)
    poll.commit('ann', commitmentOf('ann', choose('x'), 'dinner'), 10)
    expect(poll.reveal('ann', choose('x'), saltOf('ann'), 150)?.cause).toBe('wrong')
  })

  it('lets a wrong reveal be mended, so many times', () => {
    const poll = opened({ ann: 'x' }, { revealsMax: 2 })
    expect(poll.reveal('ann', choose('y'), saltOf('ann'), 150)?.cause).toBe('wrong')
    expect(poll.reveal('ann', choose('x'), saltOf('ann'), 151)).toBeUndefined()
    expect(poll.reveal('ann', choose('x'), saltOf('ann'), 152)?.cause).toBe('revealed-before')
    const other = opened({ ann: 'x' }, { revealsMax: 1 })
    other.reveal('ann', choose('y'), saltOf('ann'), 150)
    expect(other.reveal('ann', choose('x'), saltOf('ann'), 151)?.cause).toBe('too-many')
  })

  it('says of each who did not reveal whether it was missing, wrong or late', () => {
    const poll = opened({ ann: 'x', bob: 'y', cleo: 'x' })
    poll.reveal('bob', choose('x'), saltOf('bob'), 150)
    poll.reveal('cleo', choose('x'), saltOf('cleo'), 200)
    expect(poll.close(201).unrevealed).toEqual([
      { voter: 'ann', why: 'missing' },
      { voter: 'bob', why: 'wrong' },
      { voter: 'cleo', why: 'late' },
    ])
  })

  it.each([
    ['absent', '1'],
    ['abstain', '3'],
  ] as const)('counts who did not reveal as %s where the terms say so', (unrevealed, present) => {
    const election = { candidates: ['x', 'y'], quorum: { share: '1/2' } }
    const closing = closed({ ann: 'x', bob: 'y' }, { unrevealed, election }, ['bob'])
    expect(recount(closing.election as Election).quorum).toMatchObject({ present, eligible: '4' })
  })

  it('is void where the terms say so and somebody did not reveal', () => {
    expect(closed({ ann: 'x', bob: 'y' }, { unrevealed: 'void' }, ['bob']).election).toBeUndefined()
    expect(closed({ ann: 'x', bob: 'y' }, { unrevealed: 'void' }).election).toBeDefined()
  })

  it('keeps what was revealed, whatever becomes of the object', () => {
    const poll = opened({ ann: 'x' })
    const ballot = { kind: 'single' as const, choice: 'x' }
    poll.reveal('ann', ballot, saltOf('ann'), 150)
    ballot.choice = 'y'
    expect(poll.close(200).reveals[0]?.ballot).toEqual(choose('x'))
  })

  it('counts a flood of refusals on where it no longer lists them', () => {
    const poll = opened({})
    for (let at = 0; at < 10_005; at++) poll.commit('zoe', 'x', 10)
    expect(poll.close(200)).toMatchObject({ refusalsUnlisted: 5, refusals: { length: 10_000 } })
  })

  it.each<[string, Partial<SealedTerms>]>([
    ['no voters', { voters: [] }],
    ['a doubled voter', { voters: [{ voter: 'ann' }, { voter: 'ann' }] }],
    ['a secrecy that it does not know', { secrecy: 'hidden' as never }],
    ['a secret poll that does not say who sees', { secrecy: 'secret' }],
    ['a public poll that says who sees', { seenBy: ['ann'] }],
    ['reveals that end before they begin', { revealUntilMs: 100 }],
    ['a policy that it does not know', { unrevealed: 'guess' as never }],
    ['ballots in the election', { election: { candidates: ['x'], ballots: [] } as never }],
    ['delegations', { election: { candidates: ['x'], delegations: [] } as never }],
    ['a slip in a name', { revealMax: 3 } as never],
  ])('refuses terms with %s', (_what, change) => {
    expect(() => new SealedPoll(terms(change), sha256)).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/invalid/) as string }) as Error,
    )
  })

  it('refuses a time that goes back', () => {
    const poll = opened({ ann: 'x' })
    expect(() => poll.commit('bob', commitmentOf('bob', choose('x')), 9)).toThrow('must not go back')
  })
})

describe('the audit record', () => {
  const choices = { ann: 'x', bob: 'y' }
  const secret = { secrecy: 'secret', seenBy: ['the clerk'] } as const

  it.each(['public', 'pseudonymous'] as const)('of a %s poll lets anybody check all of it', (secrecy) => {
    const record = recorded(closed(choices, { secrecy }))
    const sent = JSON.parse(JSON.stringify(record)) as AuditRecord
    expect(verifyAudit(sent, sha256, { head: record.head, recount })).toEqual({
      holds: true,
      anchored: true,
      faults: [],
      open: [],
    })
  })

  it('says what was not checked: the anchor, the count', () => {
    const { holds, anchored, open } = verifyAudit(recorded(closed(choices)), sha256)
    expect({ holds, anchored }).toEqual({ holds: true, anchored: false })
    expect(open).toEqual([
      'The outcome: hand in a recount by the rule of the poll.',
      'Unanchored: no head was given to compare with that of the record.',
    ])
  })

  it('of a secret poll shows no ballot and no salt, and says who can check them', () => {
    const closing = closed({ ann: 'never heard of', bob: 'y' }, secret)
    const record = recorded(closing)
    const text = JSON.stringify(record)
    for (const hidden of ['never heard of', saltOf('ann'), saltOf('bob')]) expect(text).not.toContain(hidden)
    expect(verifyAudit(record, sha256, { head: record.head, recount })).toMatchObject({
      holds: true,
      open: ['Whether the ballots are those committed to and were counted so: the clerk can check that.'],
    })
    const seen = verifyAudit(record, sha256, { head: record.head, recount, ballots: closing.reveals })
    expect(seen).toEqual({ holds: true, anchored: true, faults: [], open: [] })
  })

  it('of a secret poll finds other ballots than those it is sealed with', () => {
    const closing = closed(choices, secret)
    const record = recorded(closing)
    const changed = closing.reveals.map((each): Reveal => ({ ...each, ballot: choose('x') }))
    for (const ballots of [changed, closing.reveals.slice(1), []])
      expect(verifyAudit(record, sha256, { recount, ballots }).faults).toContain(
        'The ballots handed in are not those that the record is sealed with.',
      )
    const turned = [...closing.reveals].reverse()
    expect(verifyAudit(record, sha256, { recount, ballots: turned }).holds).toBe(true)
  })

  /** As a forger would: everything after the change is made to fit, the head too. */
  function forged(change: (record: AuditRecord) => object): AuditRecord {
    const record = recorded(closed(choices, {}, ['bob']))
    const { head: _head, ...body } = { ...record, ...change(record) }
    return auditRecordWithHead(body)
  }
  function auditRecordWithHead(body: Omit<AuditRecord, 'head'>): AuditRecord {
    const canonical = (value: unknown): unknown => {
      if (Array.isArray(value)) return value.map(canonical)
      if (typeof value !== 'object' || value === null) return value
      return Object.fromEntries(
        Object.entries(value)
          .sort(([a], [b]) => (a < b ? -1 : 1))
          .map(([key, each]) => [key, canonical(each)]),
      )
    }
    return {
      ...body,
      head: createHash('sha256')
        .update(JSON.stringify(canonical(body)))
        .digest('hex'),
    }
  }

  it('passes when nothing was forged, so that the forgeries below are what fails', () => {
    expect(
      verifyAudit(
        forged(() => ({})),
        sha256,
        { recount },
      ).faults,
    ).toEqual([])
  })

  it.each<[string, (record: AuditRecord) => object, string]>([
    [
      'another ballot',
      ({ reveals }) => ({ reveals: [{ ...reveals[0], ballot: choose('y') }] }),
      'do not give the voter',
    ],
    ['another outcome', ({ outcome }) => ({ outcome: { ...outcome, winners: ['y'] } }), 'counted again'],
    ['no outcome', () => ({ outcome: undefined }), 'counted again'],
    ['a reveal left out', () => ({ reveals: [] }), 'did not reveal'],
    ['a silent voter hidden', () => ({ unrevealed: [] }), 'did not reveal'],
    ['a commitment left out', ({ commitments }) => ({ commitments: commitments.slice(1) }), 'without a commitment'],
    ['a stranger', ({ commitments: [first] }) => ({ commitments: [{ ...first, voter: 'zoe' }] }), 'may not vote'],
    [
      'a late commitment',
      ({ commitments }) => ({ commitments: commitments.map((c) => ({ ...c, atMs: 100 })) }),
      'was late',
    ],
    ['a late reveal', ({ reveals }) => ({ reveals: reveals.map((each) => ({ ...each, atMs: 200 })) }), 'out of time'],
    [
      'another weight',
      (r) => ({ terms: { ...r.terms, voters: [{ voter: 'ann', weight: 9 }, { voter: 'bob' }] } }),
      'counted again',
    ],
    ['another poll', (r) => ({ terms: { ...r.terms, poll: 'dinner' } }), 'do not give the voter'],
    ['terms that are none', () => ({ terms: null }), 'cannot be read'],
    ['reveals that are none', () => ({ reveals: 7 }), 'cannot be read'],
  ])('finds %s even where the head was made to fit', (_what, change, fault) => {
    const { holds, faults } = verifyAudit(forged(change), sha256, { recount })
    expect(holds).toBe(false)
    expect(faults.join('\n')).toContain(fault)
  })

  it('finds every changed character by its head, and never throws', () => {
    const record = recorded(closed(choices))
    const text = JSON.stringify(record)
    fc.assert(
      fc.property(fc.nat(text.length - 1), fc.constantFrom('0', 'a', '7', 'Z'), (at, character) => {
        const changed = text.slice(0, at) + character + text.slice(at + 1)
        let read: AuditRecord
        try {
          read = JSON.parse(changed) as AuditRecord
        } catch {
          return
        }
        const { holds } = verifyAudit(read, sha256, { head: record.head, recount })
        expect(holds).toBe(JSON.stringify(read) === text)
      }),
      { numRuns: 400 },
    )
  })

  it('finds a record rewritten as a whole by the head that was noted', () => {
    const noted = recorded(closed(choices)).head
    const other = recorded(closed({ ann: 'x', bob: 'x' }))
    expect(verifyAudit(other, sha256, { recount }).holds).toBe(true)
    expect(verifyAudit(other, sha256, { head: noted, recount })).toMatchObject({ holds: false, anchored: false })
  })

  it('of a void poll has no outcome', () => {
    const record = recorded(closed(choices, { unrevealed: 'void' }, ['bob']))
    expect(record.outcome).toBeUndefined()
    expect(verifyAudit(record, sha256, { head: record.head, recount }).holds).toBe(true)
  })
})

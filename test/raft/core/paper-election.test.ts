/** The rules of leader election: the Raft paper (extended version), figure 2 and sections 5.1, 5.2 and 5.4.1. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../../src/base/random.ts'
import type { Message } from '../../../src/raft/core/message.ts'
import { Cluster, Member, brief, bytes, electionTick, entriesOf } from './cluster.ts'

const three = { confState: { voters: [1, 2, 3] } }
const member = (kept: ConstructorParameters<typeof Member>[1] = {}, options = {}): Member =>
  new Member(1, { ...three, ...kept }, options)

function candidate(): Member {
  const each = member({ term: 1 })
  each.node.campaign()
  each.work()
  return each
}

function leader(): Member {
  const each = candidate()
  each.hear({ type: 'MsgVoteResp', from: 2, term: 2 })
  return each
}

const roles: [string, () => Member][] = [
  ['follower', () => member({ term: 2 })],
  ['candidate', candidate],
  ['leader', leader],
]

describe('terms, section 5.1', () => {
  it.each(roles)('a %s that hears of a later term takes it over and is a follower', (_, make) => {
    const each = make()
    each.hear({ type: 'MsgAppResp', from: 2, term: 5 })
    expect([each.term, each.role, each.leader]).toEqual([5, 'StateFollower', 0])
  })

  it.each(roles)('a %s takes nothing from a leader of an earlier term', (_, make) => {
    const each = make()
    const { term, role } = each
    const before = each.storage.lastIndex()
    each.hear({ type: 'MsgApp', from: 3, term: 1, index: before, logTerm: 0, commit: 1, entries: [] })
    each.hear({ type: 'MsgApp', from: 3, term: 1, entries: entriesOf([1, 1, 1, 1]) })
    expect([each.term, each.role, each.storage.lastIndex()]).toEqual([term, role, before])
  })

  it.each(roles)('a %s grants no vote of an earlier term', (_, make) => {
    const each = make()
    const granted = each
      .hear({ type: 'MsgVote', from: 3, term: 1, index: 99, logTerm: 1 })
      .filter(({ type, reject }) => type === 'MsgVoteResp' && !reject)
    expect(granted).toEqual([])
  })

  it('the term survives a restart', () => {
    const each = member()
    each.hear({ type: 'MsgHeartbeat', from: 2, term: 7 })
    each.restart()
    expect(each.term).toBe(7)
  })
})

describe('elections, section 5.2', () => {
  it('a member begins as a follower', () => {
    expect(member().role).toBe('StateFollower')
    const voted = member({ term: 3, vote: 1 })
    expect(voted.role).toBe('StateFollower')
  })

  it('a follower stays one as long as it hears of a leader', () => {
    const each = member()
    for (let round = 0; round < 10; round++) {
      each.hear({ type: 'MsgHeartbeat', from: 2, term: 1 })
      each.tick(electionTick - 1)
    }
    for (let round = 0; round < 10; round++) {
      each.hear({ type: 'MsgApp', from: 2, term: 1 })
      each.tick(electionTick - 1)
    }
    expect([each.role, each.term]).toEqual(['StateFollower', 1])
  })

  it('silence for an election timeout begins an election: a new term, a vote for itself, a request to everybody else', () => {
    const each = member({ terms: [1, 2] })
    const sent = each.tick(2 * electionTick)
    expect([each.role, each.term]).toEqual(['StateCandidate', 3])
    expect(sent.map(brief)).toEqual(['MsgVote 2', 'MsgVote 3'])
    expect(sent[0]).toMatchObject({ term: 3, index: 2, logTerm: 2 })
    expect(each.storage.initialState().hardState).toMatchObject({ term: 3, vote: 1 })
  })

  it.each([
    [1, 0, 'StateLeader'],
    [2, 0, 'StateCandidate'],
    [2, 1, 'StateLeader'],
    [3, 0, 'StateCandidate'],
    [3, 1, 'StateLeader'],
    [4, 1, 'StateCandidate'],
    [4, 2, 'StateLeader'],
    [5, 1, 'StateCandidate'],
    [5, 2, 'StateLeader'],
  ])('of %i members, a candidate with %i votes beside its own is %s', (size, granted, role) => {
    const voters = Array.from({ length: size }, (_, at) => at + 1)
    const each = member({ confState: { voters } })
    each.node.campaign()
    each.work()
    for (const from of voters.slice(1, granted + 1)) each.hear({ type: 'MsgVoteResp', from, term: 1 })
    expect(each.role).toBe(role)
  })

  it('a vote that is said twice counts once', () => {
    const each = member({ confState: { voters: [1, 2, 3, 4, 5] } })
    each.node.campaign()
    each.work()
    each.hear({ type: 'MsgVoteResp', from: 2, term: 1 })
    each.hear({ type: 'MsgVoteResp', from: 2, term: 1 })
    expect(each.role).toBe('StateCandidate')
  })

  it('a vote of an earlier election does not count in a later one', () => {
    const each = candidate()
    each.node.campaign()
    each.work()
    each.hear({ type: 'MsgVoteResp', from: 2, term: 2 })
    expect([each.role, each.term]).toEqual(['StateCandidate', 3])
  })

  it('a candidate whom a majority refuses is a follower again', () => {
    const each = candidate()
    each.hear({ type: 'MsgVoteResp', from: 2, term: 2, reject: true })
    expect(each.role).toBe('StateCandidate')
    each.hear({ type: 'MsgVoteResp', from: 3, term: 2, reject: true })
    expect([each.role, each.term]).toEqual(['StateFollower', 2])
  })

  it('a member grants one vote a term, to whoever came first', () => {
    const each = member({ term: 1 })
    expect(each.hear({ type: 'MsgVote', from: 2, term: 2 }).map(brief)).toEqual(['MsgVoteResp 2'])
    expect(each.hear({ type: 'MsgVote', from: 3, term: 2 }).map(brief)).toEqual(['MsgVoteResp 3 reject'])
    expect(each.hear({ type: 'MsgVote', from: 3, term: 3 }).map(brief)).toEqual(['MsgVoteResp 3'])
  })

  it('a member says its vote again to whoever has it', () => {
    const each = member({ term: 1 })
    for (let time = 0; time < 2; time++)
      expect(each.hear({ type: 'MsgVote', from: 2, term: 2 }).map(brief)).toEqual(['MsgVoteResp 2'])
  })

  it('a vote survives a restart', () => {
    const each = member({ term: 1 })
    each.hear({ type: 'MsgVote', from: 2, term: 2 })
    each.restart()
    expect(each.hear({ type: 'MsgVote', from: 3, term: 2 }).map(brief)).toEqual(['MsgVoteResp 3 reject'])
    expect(each.hear({ type: 'MsgVote', from: 2, term: 2 }).map(brief)).toEqual(['MsgVoteResp 2'])
  })

  it('a candidate votes for nobody else in its term, before and after a restart', () => {
    const each = candidate()
    expect(each.hear({ type: 'MsgVote', from: 3, term: 2 }).map(brief)).toEqual(['MsgVoteResp 3 reject'])
    each.restart()
    expect(each.hear({ type: 'MsgVote', from: 3, term: 2 }).map(brief)).toEqual(['MsgVoteResp 3 reject'])
  })

  it('a leader votes for nobody in its term', () => {
    const each = leader()
    const answer = each.hear({ type: 'MsgVote', from: 3, term: 2, index: 99, logTerm: 2 })
    expect(answer.map(brief)).toEqual(['MsgVoteResp 3 reject'])
    expect(each.role).toBe('StateLeader')
  })

  it('a vote is stored before it is said, figure 2', () => {
    const each = member({ term: 1 }, { asyncStorageWrites: true })
    each.node.step({ ...emptyVote, from: 2, to: 1, term: 2 })
    const { messages } = each.node.ready()
    expect(messages.map(({ type }) => type)).toEqual(['MsgStorageAppend'])
    expect(messages[0]).toMatchObject({ term: 2, vote: 2 })
    expect(messages[0]?.responses.map(brief)).toEqual(['MsgVoteResp 2'])
  })

  it("a candidate's vote for itself counts once it is stored, figure 2", () => {
    const each = new Member(1, { confState: { voters: [1] } }, { asyncStorageWrites: true })
    each.node.campaign()
    const [append] = each.node.ready().messages
    expect(each.role).toBe('StateCandidate')
    for (const response of append?.responses ?? []) each.node.step(response)
    expect(each.role).toBe('StateLeader')
  })

  it('a new leader tells everybody at once', () => {
    const each = candidate()
    const sent = each.hear({ type: 'MsgVoteResp', from: 2, term: 2 })
    expect(sent.map(brief)).toEqual(['MsgApp 2', 'MsgApp 3'])
  })

  it('a leader sends heartbeats with every heartbeat timeout', () => {
    const each = leader()
    for (let round = 0; round < 5; round++) expect(each.tick().map(brief)).toEqual(['MsgHeartbeat 2', 'MsgHeartbeat 3'])
  })

  it.each(['MsgApp', 'MsgHeartbeat', 'MsgSnap'] as const)(
    'a candidate follows whoever leads its term, by %s',
    (type) => {
      const each = candidate()
      const snapshot = { metadata: { index: 5, term: 1, confState: { ...emptyState, voters: [1, 2, 3] } } }
      each.hear({ type, from: 3, term: 2, ...(type === 'MsgSnap' ? { snapshot } : {}) })
      expect([each.role, each.leader, each.term]).toEqual(['StateFollower', 3, 2])
    },
  )

  it('a candidate goes on when it hears of a leader of an earlier term', () => {
    const each = candidate()
    each.hear({ type: 'MsgApp', from: 3, term: 1 })
    expect([each.role, each.term]).toEqual(['StateCandidate', 2])
  })

  it('a candidate whom nobody elects begins a new election', () => {
    const each = candidate()
    const sent = each.tick(2 * electionTick)
    expect([each.role, each.term]).toEqual(['StateCandidate', 3])
    expect(sent.map(brief)).toEqual(['MsgVote 2', 'MsgVote 3'])
  })

  it('timeouts are drawn from [T, 2T), each of them, anew for each election', () => {
    const each = member({}, { random: seededRandom('timeouts') })
    const drawn = new Set<number>()
    for (let election = 0; election < 400; election++) {
      let ticks = 0
      const { term } = each
      while (each.term === term) {
        each.tick()
        ticks++
      }
      drawn.add(ticks)
    }
    const wanted = Array.from({ length: electionTick }, (_, at) => electionTick + at)
    expect([...drawn].toSorted((one, other) => one - other)).toEqual(wanted)
  })
})

const emptyState = { voters: [], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false }
const emptyVote: Message = {
  type: 'MsgVote',
  to: 0,
  from: 0,
  term: 0,
  logTerm: 0,
  index: 0,
  entries: [],
  commit: 0,
  vote: 0,
  reject: false,
  rejectHint: 0,
  responses: [],
}

describe('who may be elected, section 5.4.1', () => {
  it('a vote is granted to a log with a later last term, or with the same one and no shorter', () => {
    const log = fc
      .array(fc.integer({ min: 1, max: 4 }), { maxLength: 5 })
      .map((terms) => terms.toSorted((a, b) => a - b))
    fc.assert(
      fc.property(log, log, (own, other) => {
        const each = member({ terms: own, term: 5 })
        const logTerm = other.at(-1) ?? 0
        const [answer] = each.hear({ type: 'MsgVote', from: 2, term: 6, index: other.length, logTerm })
        const ownTerm = own.at(-1) ?? 0
        const better = logTerm > ownTerm || (logTerm === ownTerm && other.length >= own.length)
        expect(answer?.reject).toBe(!better)
      }),
      { numRuns: 300 },
    )
  })

  it('a longer log of an earlier term loses against a shorter one of a later term', () => {
    const each = member({ terms: [1, 2], term: 5 })
    const answer = each.hear({ type: 'MsgVote', from: 2, term: 6, index: 9, logTerm: 1 })
    expect(answer.map(brief)).toEqual(['MsgVoteResp 2 reject'])
  })

  it('a member without a committed entry is not elected while a majority has it', () => {
    const cluster = new Cluster(3)
    cluster.elect(1)
    cluster.isolate(3)
    cluster.propose(1, 'committed')
    cluster.heal()
    cluster.at(3).node.campaign()
    cluster.settle()
    expect(cluster.at(3).role).toBe('StateFollower')
    cluster.elect(2)
    expect(cluster.at(3).data).toEqual(['committed'])
  })

  it('a refused candidate costs the voter no vote', () => {
    const each = member({ terms: [1, 2], term: 2 })
    expect(each.hear({ type: 'MsgVote', from: 2, term: 3, index: 1, logTerm: 1 }).map(brief)).toEqual([
      'MsgVoteResp 2 reject',
    ])
    expect(each.hear({ type: 'MsgVote', from: 3, term: 3, index: 2, logTerm: 2 }).map(brief)).toEqual(['MsgVoteResp 3'])
  })

  it('what was proposed is not lost with the leader that had committed it', () => {
    const cluster = new Cluster(5)
    cluster.elect(1)
    cluster.at(1).node.propose(bytes('kept'))
    cluster.settle()
    cluster.isolate(1)
    cluster.elect(2)
    cluster.propose(2, 'next')
    expect(cluster.at(4).data).toEqual(['kept', 'next'])
  })
})

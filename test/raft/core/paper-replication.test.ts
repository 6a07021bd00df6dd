/** The rules of log replication and commitment: the Raft paper (extended version), figures 2, 6, 7 and 8, sections 5.3 to 5.5. */
import { describe, expect, it } from 'vitest'
import { type Entry, type Message, message } from '../../../src/raft/core/message.ts'
import { Cluster, Member, brief, bytes } from './cluster.ts'

const voters = [1, 2, 3]

function follower(terms: readonly number[], options = {}, commit = 0): Member {
  return new Member(1, { confState: { voters }, terms, commit }, options)
}

/** Leader of the term after the last one of its log, with an empty entry at the end. */
function leader(terms: readonly number[] = [], options = {}): { readonly each: Member; readonly sent: Message[] } {
  const each = follower(terms, options)
  each.node.campaign()
  each.work()
  const sent = each.hear({ type: 'MsgVoteResp', from: 2, term: each.term })
  return { each, sent }
}

const acknowledged = (each: Member, from: number, index: number): Message[] =>
  each.hear({ type: 'MsgAppResp', from, term: each.term, index })

const entry = (index: number, term: number): Entry => ({
  index,
  term,
  type: 'EntryNormal',
  data: bytes(`${index}@${term}`),
})

describe('replication, section 5.3', () => {
  it('a leader appends what is proposed to its own log and sends it to everybody else', () => {
    const { each } = leader()
    acknowledged(each, 2, 1)
    acknowledged(each, 3, 1)
    each.node.propose(bytes('x'))
    const sent = each.work()
    expect(each.terms).toEqual([1, 1])
    expect(sent.map(brief)).toEqual(['MsgApp 2', 'MsgApp 3'])
    for (const append of sent) {
      expect(append).toMatchObject({ index: 1, logTerm: 1, commit: 1, term: 1 })
      expect(append.entries).toMatchObject([{ index: 2, term: 1, data: bytes('x') }])
    }
  })

  it.each([
    [1, 0, true],
    [2, 0, false],
    [2, 1, true],
    [3, 0, false],
    [3, 1, true],
    [4, 1, false],
    [4, 2, true],
    [5, 1, false],
    [5, 2, true],
  ])('of %i members, an entry that %i followers have stored is committed: %s', (size, stored, committed) => {
    const cluster = new Cluster(size)
    cluster.elect(1)
    const { commit } = cluster.at(1)
    cluster.loses = ({ to, type }) => type === 'MsgApp' && to > stored + 1
    cluster.propose(1, 'x')
    expect(cluster.at(1).commit).toBe(committed ? commit + 1 : commit)
    expect(cluster.at(1).data).toEqual(committed ? ['x'] : [])
  })

  it('a leader that commits an entry commits all before it, those of earlier leaders too', () => {
    const { each } = leader([1, 1, 2])
    expect(each.commit).toBe(0)
    acknowledged(each, 2, 4)
    expect(each.commit).toBe(4)
    expect(each.applied.map(({ term }) => term)).toEqual([1, 1, 2, 3])
  })

  it('a follower hears what is committed with the next message of the leader, and applies it in order', () => {
    const each = follower([])
    each.hear({ type: 'MsgApp', from: 2, term: 1, entries: [entry(1, 1), entry(2, 1)] })
    expect(each.applied).toEqual([])
    each.hear({ type: 'MsgApp', from: 2, term: 1, index: 2, logTerm: 1, commit: 1 })
    expect(each.applied.map(({ index }) => index)).toEqual([1])
    each.hear({ type: 'MsgHeartbeat', from: 2, term: 1, commit: 2 })
    expect(each.applied.map(({ index }) => index)).toEqual([1, 2])
  })

  it('a leader never tells a follower in a heartbeat to commit what that may not have, figure 2', () => {
    const { each } = leader([1, 1])
    acknowledged(each, 2, 3)
    const heartbeats = each.tick()
    expect(heartbeats.map(({ to, commit }) => [to, commit])).toEqual([
      [2, 3],
      [3, 0],
    ])
  })

  it('a follower commits no more of an append than the append reaches, figure 2', () => {
    const each = follower([1, 1, 1])
    each.hear({ type: 'MsgApp', from: 2, term: 2, index: 1, logTerm: 1, entries: [entry(2, 1)], commit: 9 })
    expect(each.commit).toBe(2)
  })

  it.each([
    ['is missing', 3, 2],
    ['is of another term', 2, 2],
  ])('a follower refuses an append when the entry before it %s', (_, index, logTerm) => {
    const each = follower([1, 1])
    const answer = each.hear({ type: 'MsgApp', from: 2, term: 3, index, logTerm, entries: [entry(index + 1, 3)] })
    expect(answer.map(brief)).toEqual(['MsgAppResp 2 reject'])
    expect(each.terms).toEqual([1, 1])
  })

  it('entries that conflict with those of the leader give way, with all behind them', () => {
    const each = follower([1, 1, 2, 2, 2])
    const entries = [entry(3, 3), entry(4, 3)]
    const answer = each.hear({ type: 'MsgApp', from: 2, term: 3, index: 2, logTerm: 1, entries })
    expect(answer).toMatchObject([{ type: 'MsgAppResp', reject: false, index: 4 }])
    expect(each.terms).toEqual([1, 1, 3, 3])
  })

  it('entries that are there already change nothing, however old the append is', () => {
    const each = follower([1, 1, 1, 1])
    const entries = [entry(2, 1), entry(3, 1)]
    each.hear({ type: 'MsgApp', from: 2, term: 1, index: 1, logTerm: 1, entries })
    expect(each.terms).toEqual([1, 1, 1, 1])
    each.hear({ type: 'MsgApp', from: 2, term: 1, index: 2, logTerm: 1 })
    expect(each.terms).toEqual([1, 1, 1, 1])
  })

  it('a committed entry gives way to nothing: an append from before it is answered with what is committed', () => {
    const each = follower([1, 1, 1], {}, 2)
    const answer = each.hear({ type: 'MsgApp', from: 2, term: 2, entries: [entry(1, 1), entry(2, 2)] })
    expect(answer).toMatchObject([{ type: 'MsgAppResp', reject: false, index: 2 }])
    expect(each.terms).toEqual([1, 1, 1])
  })

  it('a follower stops when it is told to commit what it does not have: its log has lost something', () => {
    const each = follower([1, 1, 1])
    expect(() => each.hear({ type: 'MsgHeartbeat', from: 2, term: 2, commit: 4 })).toThrow(
      expect.objectContaining({ code: 'raft.broken_invariant' }),
    )
  })

  it('a new leader begins behind its own log and goes back to where the logs agree', () => {
    const { each, sent } = leader([1, 1, 2, 2])
    expect(sent[0]).toMatchObject({ to: 2, index: 4, logTerm: 2 })
    const [again] = each.hear({
      type: 'MsgAppResp',
      from: 2,
      term: 3,
      index: 4,
      reject: true,
      rejectHint: 2,
      logTerm: 1,
    })
    expect(again).toMatchObject({ type: 'MsgApp', to: 2, index: 2, logTerm: 1 })
    expect(again?.entries.map(({ index }) => index)).toEqual([3, 4, 5])
  })

  it('one refusal skips all entries of a term, at either side', () => {
    const ahead = follower([1, 1, 5, 5, 5])
    const [refusal] = ahead.hear({ type: 'MsgApp', from: 2, term: 9, index: 5, logTerm: 4 })
    expect(refusal).toMatchObject({ reject: true, rejectHint: 2, logTerm: 1 })
    const { each } = leader([1, 4, 4, 4, 4])
    const [again] = each.hear({
      type: 'MsgAppResp',
      from: 2,
      term: 5,
      index: 5,
      reject: true,
      rejectHint: 5,
      logTerm: 1,
    })
    expect(again).toMatchObject({ index: 1, logTerm: 1 })
  })

  // The follower's log before, by its terms, of the cases (a) to (f).
  it.each([
    ['a', [1, 1, 1, 4, 4, 5, 5, 6, 6]],
    ['b', [1, 1, 1, 4]],
    ['c', [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6]],
    ['d', [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7]],
    ['e', [1, 1, 1, 4, 4, 4, 4]],
    ['f', [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3]],
  ])("a follower's log becomes the leader's, figure 7 (%s)", (_, terms) => {
    const cluster = new Cluster(3, {}, (id) => ({
      confState: { voters },
      term: 7,
      terms: id === 1 ? [1, 1, 1, 4, 4, 5, 5, 6, 6, 6] : id === 2 ? terms : [],
    }))
    cluster.loses = ({ type, to }) => type === 'MsgVote' && to === 2
    cluster.elect(1)
    cluster.heal()
    cluster.tick(1)
    expect(cluster.at(1).terms).toEqual([1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 8])
    expect(cluster.at(2).terms).toEqual(cluster.at(1).terms)
    expect(cluster.at(2).applied).toEqual(cluster.at(1).applied)
  })

  it('a leader never overwrites or takes away entries of its own, figure 3', () => {
    const { each } = leader([1, 1])
    const before = each.terms
    acknowledged(each, 2, 3)
    each.hear({ type: 'MsgAppResp', from: 3, term: 2, index: 2, reject: true, rejectHint: 0 })
    each.node.propose(bytes('x'))
    each.work()
    expect(each.terms).toEqual([...before, 2])
  })

  it('what a follower that was away has missed is sent again, until it has it', () => {
    const cluster = new Cluster(3)
    cluster.elect(1)
    cluster.isolate(3)
    for (const each of ['a', 'b', 'c']) cluster.propose(1, each)
    cluster.tick(1, 5)
    cluster.heal()
    expect(cluster.at(3).data).toEqual([])
    cluster.tick(1, 2)
    expect(cluster.at(3).data).toEqual(['a', 'b', 'c'])
  })

  it('an acknowledgement that comes late takes nothing back', () => {
    const { each } = leader([1, 1])
    acknowledged(each, 2, 3)
    acknowledged(each, 2, 1)
    expect([each.commit, each.node.status().progress.get(2)?.match]).toEqual([3, 3])
    each.hear({ type: 'MsgHeartbeatResp', from: 2, term: 2 })
    expect(each.node.status().progress.get(2)?.match).toBe(3)
  })

  it('what is committed never goes back', () => {
    const each = follower([1, 1, 1], {}, 3)
    each.hear({ type: 'MsgHeartbeat', from: 2, term: 2, commit: 1 })
    each.hear({ type: 'MsgApp', from: 2, term: 2, index: 3, logTerm: 1, commit: 2 })
    expect(each.commit).toBe(3)
    each.restart()
    expect(each.commit).toBe(3)
  })

  it('entries are acknowledged once they are stored, figure 2', () => {
    const each = follower([], { asyncStorageWrites: true })
    each.node.step(message({ type: 'MsgApp', from: 2, to: 1, term: 1, entries: [entry(1, 1)] }))
    const { messages } = each.node.ready()
    expect(messages.map(({ type }) => type)).toEqual(['MsgStorageAppend'])
    expect(messages[0]?.entries.map(({ index }) => index)).toEqual([1])
    expect(messages[0]?.responses[0]).toMatchObject({ type: 'MsgAppResp', to: 2, index: 1 })
  })

  it('a leader sends entries before it has stored them, and counts them when it has, thesis 10.2.1', () => {
    const each = new Member(1, { confState: { voters: [1, 2] } }, { asyncStorageWrites: true })
    each.node.campaign()
    const [, vote] = each.node.ready().messages
    for (const response of vote?.responses ?? []) each.node.step(response)
    each.node.step(message({ type: 'MsgVoteResp', from: 2, to: 1, term: 1 }))
    const { messages } = each.node.ready()
    expect(messages.map(({ type, to }) => [type, to])).toEqual([
      ['MsgApp', 2],
      ['MsgStorageAppend', -1],
    ])
    each.node.step(message({ type: 'MsgAppResp', from: 2, to: 1, term: 1, index: 1 }))
    expect(each.commit).toBe(0)
    for (const response of messages[1]?.responses ?? []) each.node.step(response)
    expect(each.commit).toBe(1)
  })

  it('what others have stored is committed and not yet applied by a member that is still storing it, thesis 10.2.1', () => {
    const each = new Member(1, { confState: { voters } }, { asyncStorageWrites: true })
    each.node.step(message({ type: 'MsgApp', from: 2, to: 1, term: 1, entries: [entry(1, 1)], commit: 1 }))
    const { messages } = each.node.ready()
    expect([each.commit, messages.map(({ type }) => type)]).toEqual([1, ['MsgStorageAppend']])
    expect(each.node.hasReady()).toBe(false)
    each.storage.append(messages[0]?.entries ?? [])
    for (const response of messages[0]?.responses ?? []) if (response.to === 1) each.node.step(response)
    expect(each.node.ready().messages.map(({ type }) => type)).toEqual(['MsgStorageApply'])
  })

  it('a write that was overtaken tells nothing: the entry is back in the log and yet to be replaced on disk', () => {
    const each = new Member(1, { confState: { voters } }, { asyncStorageWrites: true })
    // The same entry comes, is replaced in term 2, and comes back in term 3, while no write has ended.
    const writes = [
      { from: 2, term: 1, entries: [entry(1, 1)] },
      { from: 3, term: 2, entries: [entry(1, 2)] },
      { from: 2, term: 3, entries: [entry(1, 1)] },
    ].map((fields) => {
      each.node.step(message({ type: 'MsgApp', to: 1, ...fields }))
      return each.node.ready().messages.find(({ type }) => type === 'MsgStorageAppend')
    })
    each.node.step(message({ type: 'MsgHeartbeat', from: 2, to: 1, term: 3, commit: 1 }))
    const applied = writes.map((write) => {
      each.storage.append(write?.entries ?? [])
      for (const response of write?.responses ?? []) if (response.to === 1) each.node.step(response)
      const { messages } = each.node.ready()
      return messages.filter(({ type }) => type === 'MsgStorageApply').flatMap(({ entries }) => entries)
    })
    expect(applied).toEqual([[], [], [entry(1, 1)]])
  })

  it('a voter that is alone gives out no entry as committed before it is stored', () => {
    const each = new Member(1, { confState: { voters: [1] } }, {})
    each.node.campaign()
    each.work()
    each.node.propose(bytes('x'))
    const first = each.node.ready()
    expect([first.entries.length, first.committedEntries.length]).toEqual([1, 0])
    each.storage.append(first.entries)
    each.node.advance()
    expect(each.node.ready().committedEntries.length).toBe(1)
  })
})

describe('entries of earlier terms, section 5.4.2', () => {
  it('are not committed by counting: only with an entry of the own term behind them, figure 8', () => {
    // As in (c) of the figure: the entry of term 2 is on a majority, and may still be replaced by that of term 3.
    const cluster = new Cluster(5, {}, (id) => ({
      confState: { voters: [1, 2, 3, 4, 5] },
      terms: id === 5 ? [1, 3] : id <= 2 ? [1, 2] : [1],
      term: 3,
      commit: 1,
    }))
    cluster.loses = ({ to }) => to >= 4
    cluster.at(1).node.campaign()
    // All but the last entry, which is of its own term, arrive.
    cluster.loses = ({ to, type, entries }) =>
      (type === 'MsgApp' && (to >= 4 || entries.some(({ term }) => term === 4))) || (to === 5 && type === 'MsgVote')
    cluster.settle()
    expect(cluster.at(1).role).toBe('StateLeader')
    const leader = cluster.at(1)
    for (const from of [2, 3]) leader.node.step(message({ type: 'MsgAppResp', from, to: 1, term: 4, index: 2 }))
    cluster.flying = []
    leader.work()
    expect(leader.commit).toBe(1)
    for (const from of [2, 3]) leader.node.step(message({ type: 'MsgAppResp', from, to: 1, term: 4, index: 3 }))
    expect(leader.commit).toBe(3)
  })

  it('keep their terms in the logs of those who get them from a later leader', () => {
    const cluster = new Cluster(3, {}, (id) => ({ confState: { voters }, terms: id === 1 ? [1, 1, 2] : [] }))
    cluster.elect(1)
    cluster.tick(1)
    expect(cluster.all.map(({ terms }) => terms)).toEqual([
      [1, 1, 2, 3],
      [1, 1, 2, 3],
      [1, 1, 2, 3],
    ])
  })
})

describe('messages that come twice, section 5.5', () => {
  it('change nothing the second time', () => {
    const each = follower([1])
    const append = {
      type: 'MsgApp',
      from: 2,
      term: 2,
      index: 1,
      logTerm: 1,
      entries: [entry(2, 2)],
      commit: 2,
    } as const
    const first = each.hear(append)
    const [applied, terms] = [each.applied.length, each.terms]
    const again = each.hear(append)
    expect(again.map(({ type, index, reject }) => [type, index, reject])).toEqual(
      first.map(({ type, index, reject }) => [type, index, reject]),
    )
    expect([each.applied.length, each.terms]).toEqual([applied, terms])
  })
})

describe('what a restart keeps, figure 2', () => {
  it('is the log and what is known to be committed; all of that is applied again', () => {
    const cluster = new Cluster(3)
    cluster.elect(1)
    for (const each of ['a', 'b']) cluster.propose(1, each)
    const before = cluster.at(2).applied
    cluster.at(2).restart()
    cluster.settle()
    expect(cluster.at(2).applied).toEqual(before)
  })
})

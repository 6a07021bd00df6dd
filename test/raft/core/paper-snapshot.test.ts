/** The rules of log compaction: the Raft paper (extended version), section 7 and figures 12 and 13. */
import { describe, expect, it } from 'vitest'
import type { RaftEvent } from '../../../src/raft/core/event.ts'
import { type ConfState, type Snapshot, emptyConfState } from '../../../src/raft/core/message.ts'
import { Cluster, Member, type Options, brief, bytes, electionTick } from './cluster.ts'

const voters = [1, 2, 3]

function snapshotOf(index: number, term: number, confState: Partial<ConfState> = { voters }): Snapshot {
  return { metadata: { index, term, confState: { ...emptyConfState, ...confState } }, data: bytes(`state at ${index}`) }
}

function follower(terms: readonly number[], commit = 0): Member {
  return new Member(1, { confState: { voters }, terms, commit }, {})
}

/** Member 3 was away while five entries were committed, and member 1 has compacted all but the last one. */
function compacted(options: Options = {}): Cluster {
  const cluster = new Cluster(3, options)
  cluster.elect(1)
  cluster.isolate(3)
  for (const each of ['a', 'b', 'c', 'd', 'e']) cluster.propose(1, each)
  const { storage } = cluster.at(1)
  storage.createSnapshot(5, undefined, bytes('state at 5'))
  storage.compact(5)
  return cluster
}

describe('snapshots of a leader, section 7', () => {
  it('go to a follower who needs entries that are compacted, and the entries behind them follow', () => {
    const cluster = compacted()
    cluster.heal()
    cluster.tick(1, 2)
    const away = cluster.at(3)
    expect(away.snapshots.map(({ metadata: { index, term } }) => [index, term])).toEqual([[5, 1]])
    expect(away.snapshots[0]?.data).toEqual(bytes('state at 5'))
    expect(away.applied.map(({ index }) => index)).toEqual([1, 6])
    expect([away.commit, away.storage.firstIndex(), away.storage.lastIndex()]).toEqual([6, 6, 6])
  })

  it('go to nobody who has what is compacted', () => {
    const cluster = compacted()
    cluster.tick(1, 3)
    cluster.propose(1, 'f')
    expect([cluster.at(2).snapshots, cluster.at(2).data]).toEqual([[], ['a', 'b', 'c', 'd', 'e', 'f']])
  })

  it('are followed by no entries until they have arrived or failed', () => {
    const cluster = compacted()
    cluster.heal()
    cluster.loses = ({ type }) => type === 'MsgSnap'
    cluster.tick(1, 2)
    const sent: string[] = []
    cluster.loses = (each) => {
      if (each.to === 3) sent.push(each.type)
      return false
    }
    cluster.propose(1, 'f')
    cluster.tick(1)
    expect(sent).toEqual(['MsgHeartbeat'])
    cluster.at(1).node.reportSnapshot(3, 'failed')
    cluster.tick(1, 2)
    expect(cluster.at(3).snapshots.length).toBe(1)
    expect(cluster.at(3).data.at(-1)).toBe('f')
  })

  it('are not sent to somebody who was not heard of for an election timeout', () => {
    const cluster = compacted({ checkQuorum: true })
    cluster.tick(1, 2 * electionTick)
    const sent: string[] = []
    cluster.loses = ({ from, to, type }) => {
      if (to === 3) sent.push(type)
      return from === 3 || to === 3
    }
    cluster.at(1).node.reportUnreachable(3)
    cluster.propose(1, 'f')
    cluster.tick(1)
    expect(sent).toEqual(['MsgHeartbeat'])
    cluster.heal()
    cluster.tick(1, 2)
    expect(cluster.at(3).snapshots.length).toBe(1)
  })

  it('from before a member came in are not sent to it, who would refuse them; its owner hears that a newer one is needed', () => {
    const wanted: number[] = []
    const observe = (event: RaftEvent) => event.type === 'snapshot_too_old' && wanted.push(event.to, event.index)
    const cluster = new Cluster(4, { observe }, (id) => ({ confState: { voters: id === 4 ? [] : voters } }))
    cluster.elect(1)
    for (const each of ['a', 'b', 'c', 'd', 'e']) cluster.propose(1, each)
    const leader = cluster.at(1)
    leader.compact()
    leader.node.proposeConfChange({ version: 1, type: 'ConfChangeAddNode', nodeId: 4 })
    cluster.settle()
    cluster.tick(1, 2)
    expect([wanted.slice(0, 2), cluster.at(4).snapshots, cluster.at(4).commit]).toEqual([[4, 6], [], 0])
    leader.compact()
    cluster.tick(1, 2)
    expect(cluster.at(4).snapshots.map(({ metadata }) => metadata.index)).toEqual([7])
    expect(cluster.at(4).commit).toBe(7)
  })

  it('that failed tell nothing of the log of the follower; those that arrived tell that it reaches so far', () => {
    for (const [outcome, next] of [
      ['failed', 2],
      ['finished', 6],
    ] as const) {
      const cluster = compacted()
      cluster.heal()
      cluster.loses = ({ type }) => type === 'MsgSnap'
      cluster.tick(1, 2)
      cluster.at(1).node.reportSnapshot(3, outcome)
      expect(cluster.at(1).node.status().progress.get(3)).toMatchObject({ state: 'StateProbe', match: 1, next })
    }
  })

  it('need not be waited for by the others: entries are committed meanwhile', () => {
    const cluster = compacted()
    cluster.loses = ({ type }) => type === 'MsgSnap'
    cluster.tick(1, 2)
    cluster.propose(1, 'f')
    expect(cluster.at(2).data.at(-1)).toBe('f')
  })
})

describe('snapshots at a follower, figure 13', () => {
  it('of an earlier term are not taken', () => {
    const each = new Member(1, { confState: { voters }, term: 5 }, {})
    each.hear({ type: 'MsgSnap', from: 2, term: 4, snapshot: snapshotOf(9, 4) })
    expect([each.term, each.snapshots, each.commit]).toEqual([5, [], 0])
  })

  it('make a follower of the sender, like every message of a leader', () => {
    const each = follower([])
    each.hear({ type: 'MsgSnap', from: 2, term: 4, snapshot: snapshotOf(9, 4) })
    expect([each.term, each.role, each.leader]).toEqual([4, 'StateFollower', 2])
  })

  it('take the place of a log that does not hold their last entry', () => {
    for (const terms of [[], [1, 1], [1, 1, 1, 1, 1, 1]]) {
      const each = follower(terms)
      const answer = each.hear({ type: 'MsgSnap', from: 2, term: 3, snapshot: snapshotOf(4, 2) })
      expect(answer).toMatchObject([{ type: 'MsgAppResp', index: 4, reject: false }])
      expect([each.terms, each.storage.lastIndex(), each.commit, each.snapshots.length]).toEqual([[], 4, 4, 1])
    }
  })

  it('that hold nothing new leave the entries behind them where they are', () => {
    const each = follower([1, 1, 2, 2])
    const answer = each.hear({ type: 'MsgSnap', from: 2, term: 3, snapshot: snapshotOf(3, 2) })
    expect([each.terms, each.snapshots, each.commit]).toEqual([[1, 1, 2, 2], [], 3])
    expect(answer).toMatchObject([{ type: 'MsgAppResp', index: 3, reject: false }])
  })

  it('from before what is committed are answered with that, and not taken', () => {
    const each = follower([1, 1, 1], 3)
    const answer = each.hear({ type: 'MsgSnap', from: 2, term: 1, snapshot: snapshotOf(2, 1) })
    expect(answer).toMatchObject([{ type: 'MsgAppResp', index: 3, reject: false }])
    expect([each.terms, each.snapshots]).toEqual([[1, 1, 1], []])
  })

  it('from before another snapshot are not taken either', () => {
    const each = follower([])
    each.hear({ type: 'MsgSnap', from: 2, term: 3, snapshot: snapshotOf(9, 2) })
    const answer = each.hear({ type: 'MsgSnap', from: 2, term: 3, snapshot: snapshotOf(4, 2) })
    expect(answer).toMatchObject([{ type: 'MsgAppResp', index: 9, reject: false }])
    expect([each.commit, each.snapshots.length]).toEqual([9, 1])
  })

  it('bring the configuration that counts at their last entry', () => {
    const each = follower([])
    const confState = { ...emptyConfState, voters: [1, 2, 4], learners: [5] }
    each.hear({ type: 'MsgSnap', from: 2, term: 3, snapshot: snapshotOf(9, 3, confState) })
    each.node.campaign()
    expect(each.work().map(brief)).toEqual(['MsgVote 2', 'MsgVote 4'])
    each.restart()
    each.node.campaign()
    expect(each.work().map(brief)).toEqual(['MsgVote 2', 'MsgVote 4'])
  })

  it('keep index and term of their last entry, for the check of the next append', () => {
    const each = follower([])
    each.hear({ type: 'MsgSnap', from: 2, term: 3, snapshot: snapshotOf(9, 2) })
    const entries = [{ type: 'EntryNormal', index: 10, term: 3, data: bytes('x') }] as const
    const wrong = each.hear({ type: 'MsgApp', from: 2, term: 3, index: 9, logTerm: 1, entries })
    expect(wrong.map(brief)).toEqual(['MsgAppResp 2 reject'])
    expect(each.storage.lastIndex()).toBe(9)
    const right = each.hear({ type: 'MsgApp', from: 2, term: 3, index: 9, logTerm: 2, entries })
    expect(right).toMatchObject([{ reject: false, index: 10 }])
  })

  it('count for the last log of an election as the entries did', () => {
    const each = follower([])
    each.hear({ type: 'MsgSnap', from: 2, term: 3, snapshot: snapshotOf(9, 2) })
    const vote = (index: number, logTerm: number, term: number) =>
      each.hear({ type: 'MsgVote', from: 3, term, index, logTerm })[0]?.reject
    expect([vote(8, 2, 4), vote(99, 1, 5), vote(9, 2, 6)]).toEqual([true, true, false])
  })

  it('are stored before they are acknowledged', () => {
    const each = new Member(1, { confState: { voters } }, { asyncStorageWrites: true })
    const snapshot = snapshotOf(9, 2)
    each.node.step({ ...snapMessage, snapshot })
    const { messages } = each.node.ready()
    expect(messages.map(({ type }) => type)).toEqual(['MsgStorageAppend'])
    expect(messages[0]?.snapshot).toEqual(snapshot)
    expect(messages[0]?.responses[0]).toMatchObject({ type: 'MsgAppResp', index: 9 })
  })

  it('that are still to be stored keep a member from being elected', () => {
    const each = new Member(1, { confState: { voters } }, { asyncStorageWrites: true })
    each.node.step({ ...snapMessage, snapshot: snapshotOf(9, 2) })
    each.node.ready()
    each.node.campaign()
    expect(each.role).toBe('StateFollower')
  })
})

const snapMessage = {
  type: 'MsgSnap',
  to: 1,
  from: 2,
  term: 3,
  logTerm: 0,
  index: 0,
  entries: [],
  commit: 0,
  vote: 0,
  reject: false,
  rejectHint: 0,
  responses: [],
} as const

/** The rules of reads and of handing over leadership: the Raft paper (extended version) section 8, Ongaro's thesis 3.10, 6.4 and 6.4.1. */
import { describe, expect, it } from 'vitest'
import type { Message } from '../../../src/raft/core/message.ts'
import { Cluster, Member, type Options, brief, bytes, electionTick, text } from './cluster.ts'

const safe: Options = {}
const lease: Options = { readOnlyOption: 'lease', checkQuorum: true }

const readsOf = (each: Member): [string, number][] => each.reads.map(({ index, context }) => [text(context), index])

function ask(cluster: Cluster, id: number, context: string): void {
  cluster.at(id).node.readIndex(bytes(context))
  cluster.settle()
}

/** Heartbeats do not come back. */
const mute = ({ type }: Message): boolean => type === 'MsgHeartbeatResp'

describe('a new leader, section 8', () => {
  it('appends an empty entry at once, so that it soon knows what is committed', () => {
    const each = new Member(1, { confState: { voters: [1, 2, 3] }, terms: [1, 1] }, {})
    each.node.campaign()
    each.work()
    const [append] = each.hear({ type: 'MsgVoteResp', from: 2, term: 2 })
    expect(append?.entries).toMatchObject([{ index: 3, term: 2, type: 'EntryNormal' }])
    expect(append?.entries[0]?.data).toBeUndefined()
  })

  it('answers no read before an entry of its term is committed, and then those that waited', () => {
    for (const options of [safe, lease]) {
      const cluster = new Cluster(3, options, () => ({ confState: { voters: [1, 2, 3] }, terms: [1, 1], commit: 1 }))
      // In lease mode a member that has restarted lets an election timeout pass before it votes.
      for (const { node } of cluster.all) {
        node.setRandomizedElectionTimeout(2 * electionTick)
        for (let ticks = 0; ticks < electionTick; ticks++) node.tick()
      }
      cluster.loses = ({ type }) => type === 'MsgAppResp'
      cluster.elect(1)
      ask(cluster, 1, 'early')
      cluster.tick(1, 2)
      expect([cluster.at(1).commit, readsOf(cluster.at(1))]).toEqual([1, []])
      cluster.heal()
      cluster.tick(1, 2)
      expect([cluster.at(1).commit, readsOf(cluster.at(1))]).toEqual([3, [['early', 3]]])
    }
  })
})

describe('reads by a round of heartbeats, thesis 6.4', () => {
  it('get what was committed when they came, once a majority has answered a round', () => {
    const cluster = new Cluster(3)
    cluster.elect(1)
    cluster.propose(1, 'x')
    cluster.loses = mute
    ask(cluster, 1, 'r')
    expect(readsOf(cluster.at(1))).toEqual([])
    cluster.loses = ({ type, from }) => type === 'MsgHeartbeatResp' && from === 3
    cluster.propose(1, 'y')
    cluster.tick(1)
    expect(readsOf(cluster.at(1))).toEqual([['r', 2]])
  })

  it('need a majority: of five members two answers beside the leader, not one', () => {
    const cluster = new Cluster(5)
    cluster.elect(1)
    cluster.loses = ({ type, from }) => type === 'MsgHeartbeatResp' && from > 2
    ask(cluster, 1, 'r')
    cluster.tick(1, 3)
    expect(readsOf(cluster.at(1))).toEqual([])
    cluster.loses = ({ type, from }) => type === 'MsgHeartbeatResp' && from > 3
    cluster.tick(1)
    expect(readsOf(cluster.at(1))).toEqual([['r', 1]])
  })

  it('take no answer of a learner for one of a voter', () => {
    const confState = { voters: [1, 2, 3], learners: [4, 5] }
    const cluster = new Cluster(5, {}, () => ({ confState }))
    cluster.elect(1)
    cluster.loses = ({ type, from }) => type === 'MsgHeartbeatResp' && from <= 3
    ask(cluster, 1, 'r')
    cluster.tick(1, 3)
    expect(readsOf(cluster.at(1))).toEqual([])
  })

  it('take no answer to a heartbeat from before they came', () => {
    const cluster = new Cluster(3)
    cluster.elect(1)
    cluster.at(1).node.tick()
    const late = cluster.at(2).hear({ type: 'MsgHeartbeat', from: 1, term: 1 })
    cluster.at(1).work()
    cluster.loses = mute
    ask(cluster, 1, 'r')
    for (const each of late) cluster.at(1).node.step(each)
    cluster.settle()
    expect(readsOf(cluster.at(1))).toEqual([])
  })

  it('that are asked again with the same context wait for a round of their own', () => {
    const cluster = new Cluster(3)
    cluster.elect(1)
    const late: Message[] = []
    cluster.loses = (sent) => {
      if (mute(sent)) late.push(sent)
      return mute(sent)
    }
    ask(cluster, 1, 'r')
    const ofTheFirst = late.splice(0)
    cluster.propose(1, 'x')
    ask(cluster, 1, 'r')
    for (const each of ofTheFirst) cluster.at(1).node.step(each)
    cluster.settle()
    expect(readsOf(cluster.at(1))).toEqual([['r', 1]])
    for (const each of late) cluster.at(1).node.step(each)
    cluster.settle()
    expect(readsOf(cluster.at(1))).toEqual([
      ['r', 1],
      ['r', 2],
    ])
  })

  it('are not served by answers to an earlier read of the same context when the leader was deposed since', () => {
    const cluster = new Cluster(3)
    cluster.elect(1)
    const late: Message[] = []
    cluster.loses = (sent) => {
      if (mute(sent)) late.push(sent)
      return mute(sent)
    }
    ask(cluster, 1, 'r')
    cluster.heal()
    ask(cluster, 1, 'other')
    const before = readsOf(cluster.at(1)).length
    cluster.isolate(1)
    cluster.elect(2)
    cluster.propose(2, 'new')
    ask(cluster, 1, 'r')
    for (const each of late) cluster.at(1).node.step(each)
    cluster.settle()
    expect(readsOf(cluster.at(1)).slice(before)).toEqual([])
  })

  it('are not served by a leader that was deposed without knowing it', () => {
    const cluster = new Cluster(3)
    cluster.elect(1)
    cluster.isolate(1)
    cluster.elect(2)
    cluster.propose(2, 'new')
    ask(cluster, 1, 'stale')
    cluster.tick(1, 3)
    expect([cluster.at(1).role, readsOf(cluster.at(1))]).toEqual(['StateLeader', []])
    cluster.heal()
    cluster.tick(2)
    cluster.tick(1, 3)
    expect(readsOf(cluster.at(1))).toEqual([])
  })

  it('may be asked of a follower, who asks the leader', () => {
    const cluster = new Cluster(3)
    cluster.elect(1)
    cluster.propose(1, 'x')
    ask(cluster, 3, 'r')
    expect([readsOf(cluster.at(1)), readsOf(cluster.at(3))]).toEqual([[], [['r', 2]]])
  })

  it('of a follower without a leader are refused at once', () => {
    const cluster = new Cluster(3)
    expect(() => ask(cluster, 3, 'r')).toThrow(
      expect.objectContaining({ code: 'raft.read_dropped', reason: 'no_leader' }),
    )
  })

  it('of a voter who is alone need nobody', () => {
    const cluster = new Cluster(1)
    cluster.elect(1)
    ask(cluster, 1, 'r')
    expect(readsOf(cluster.at(1))).toEqual([['r', 1]])
  })

  it('that came together are confirmed together, in their order', () => {
    const cluster = new Cluster(3)
    cluster.elect(1)
    for (const each of ['a', 'b', 'c']) cluster.at(1).node.readIndex(bytes(each))
    cluster.settle()
    expect(readsOf(cluster.at(1))).toEqual([
      ['a', 1],
      ['b', 1],
      ['c', 1],
    ])
  })
})

describe('reads by a lease, thesis 6.4.1', () => {
  it('need no round of their own while a majority has answered lately', () => {
    const cluster = new Cluster(3, lease)
    cluster.elect(1)
    cluster.tick(1, 2)
    const asked = cluster.at(1)
    asked.node.readIndex(bytes('r'))
    expect(asked.work().map(brief)).toEqual([])
    expect(readsOf(asked)).toEqual([['r', 1]])
  })

  it('wait for a round when nobody has answered for as long as an election may take', () => {
    const cluster = new Cluster(3, lease)
    cluster.elect(1)
    cluster.tick(1, 2)
    cluster.isolate(1)
    cluster.tick(1, electionTick - 1)
    expect(cluster.at(1).role).toBe('StateLeader')
    ask(cluster, 1, 'r')
    expect(readsOf(cluster.at(1))).toEqual([])
  })

  it('wait for a round once somebody was told to campaign at once', () => {
    const cluster = new Cluster(3, lease)
    cluster.elect(1)
    cluster.tick(1, 2)
    cluster.loses = () => true
    cluster.at(1).node.transferLeader(2)
    ask(cluster, 1, 'r')
    expect(readsOf(cluster.at(1))).toEqual([])
  })
})

describe('handing over leadership, thesis 3.10', () => {
  it('goes to a member that has the whole log, which campaigns at once and wins', () => {
    const cluster = new Cluster(3)
    cluster.elect(1)
    cluster.at(1).node.transferLeader(3)
    cluster.settle()
    expect(cluster.all.map(({ role, leader, term }) => [role, leader, term])).toEqual([
      ['StateFollower', 3, 2],
      ['StateFollower', 3, 2],
      ['StateLeader', 3, 2],
    ])
  })

  it('first brings a member that is behind up to date', () => {
    const cluster = new Cluster(3)
    cluster.elect(1)
    cluster.isolate(3)
    for (const each of ['a', 'b']) cluster.propose(1, each)
    cluster.heal()
    const told: string[] = []
    cluster.loses = ({ to, type }) => {
      if (to === 3) told.push(type)
      return false
    }
    cluster.at(1).node.transferLeader(3)
    cluster.tick(1)
    expect(told.indexOf('MsgApp')).toBeGreaterThanOrEqual(0)
    expect(told.indexOf('MsgTimeoutNow')).toBeGreaterThan(told.indexOf('MsgApp'))
    expect([cluster.at(3).role, cluster.at(3).data]).toEqual(['StateLeader', ['a', 'b']])
  })

  it('takes no proposals meanwhile', () => {
    const cluster = new Cluster(3)
    cluster.elect(1)
    cluster.loses = ({ to }) => to === 3
    cluster.at(1).node.transferLeader(3)
    expect(() => cluster.propose(1, 'x')).toThrow(
      expect.objectContaining({ code: 'raft.proposal_dropped', reason: 'transferring' }),
    )
  })

  it('is given up after an election timeout, and proposals are taken again', () => {
    const cluster = new Cluster(3)
    cluster.elect(1)
    cluster.loses = ({ to }) => to === 3
    cluster.at(1).node.transferLeader(3)
    cluster.tick(1, electionTick - 1)
    expect(cluster.at(1).node.basicStatus().leadTransferee).toBe(3)
    cluster.tick(1)
    cluster.propose(1, 'x')
    expect(cluster.at(1).data).toEqual(['x'])
  })

  it('is not held up by pre-votes nor by members in touch with the old leader', () => {
    const cluster = new Cluster(3, { preVote: true, checkQuorum: true })
    cluster.elect(1)
    cluster.tick(1, 2)
    cluster.at(1).node.transferLeader(2)
    cluster.settle()
    expect([cluster.at(2).role, cluster.at(1).role]).toEqual(['StateLeader', 'StateFollower'])
  })

  it('may be asked of a follower, and not to a learner', () => {
    const cluster = new Cluster(4, {}, () => ({ confState: { voters: [1, 2, 3], learners: [4] } }))
    cluster.elect(1)
    cluster.at(1).node.transferLeader(4)
    cluster.settle()
    expect([cluster.at(1).role, cluster.at(1).node.basicStatus().leadTransferee]).toEqual(['StateLeader', 0])
    cluster.at(3).node.transferLeader(2)
    cluster.settle()
    expect(cluster.at(2).role).toBe('StateLeader')
  })
})

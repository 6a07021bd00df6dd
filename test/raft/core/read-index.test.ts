import { describe, expect, it } from 'vitest'
import { codeOf } from '../../../src/base/error.ts'
import type { RaftEvent } from '../../../src/raft/core/event.ts'
import { type Message, emptyHardState } from '../../../src/raft/core/message.ts'
import { Cluster, type Member, type Options, bytes, text } from './cluster.ts'

const heartbeatsTo = (sent: readonly Message[], id: number): Message[] =>
  sent.filter(({ type, to }) => type === 'MsgHeartbeat' && to === id)
const readsOf = ({ reads }: Member): (readonly [string, number])[] =>
  reads.map(({ context, index }) => [text(context), index] as const)

function codeWhen(run: () => void): string {
  try {
    run()
  } catch (error) {
    return codeOf(error)
  }
  return 'none'
}

/** A leader of five with one committed entry, who now hears only what a test gives it. */
function leaderOf(options: Options = {}, size = 5): { readonly leader: Member; readonly cluster: Cluster } {
  const cluster = new Cluster(size, options)
  cluster.elect(1)
  cluster.propose(1, 'x')
  return { leader: cluster.at(1), cluster }
}

/** Asks, and gives the context that the heartbeats carry. */
function ask(leader: Member, context: string): Uint8Array {
  leader.node.readIndex(bytes(context))
  return heartbeatsTo(leader.work(), 2)[0]?.context ?? new Uint8Array()
}

function answer(leader: Member, from: number, context: Uint8Array): void {
  leader.hear({ type: 'MsgHeartbeatResp', from, term: leader.term, context })
}

describe('a read index', () => {
  it('is given when a majority has answered a heartbeat sent after the request, the leader counted', () => {
    const { leader } = leaderOf()
    const round = ask(leader, 'a')
    answer(leader, 2, round)
    expect(readsOf(leader)).toEqual([])
    answer(leader, 2, round)
    expect(readsOf(leader)).toEqual([])
    answer(leader, 3, round)
    expect(readsOf(leader)).toEqual([['a', 2]])
    answer(leader, 4, round)
    expect(readsOf(leader)).toEqual([['a', 2]])
  })

  it('is of what was committed when it was asked for', () => {
    const { leader, cluster } = leaderOf()
    const round = ask(leader, 'a')
    cluster.propose(1, 'y')
    answer(leader, 2, round)
    answer(leader, 3, round)
    expect(readsOf(leader)[0]).toEqual(['a', 2])
  })

  it('asked for again with the same context is not served by answers to the first round', () => {
    const { leader } = leaderOf()
    const first = ask(leader, 'same')
    answer(leader, 2, first)
    const again = ask(leader, 'same')
    answer(leader, 3, first)
    // The first one is served; the second one waits for a round of its own.
    expect(readsOf(leader)).toEqual([['same', 2]])
    answer(leader, 2, again)
    answer(leader, 4, first)
    answer(leader, 5, first)
    expect(readsOf(leader).length).toBe(1)
    answer(leader, 3, again)
    expect(readsOf(leader).length).toBe(2)
  })

  it('is given with all that waited before it', () => {
    const { leader } = leaderOf()
    ask(leader, 'a')
    ask(leader, 'b')
    const round = ask(leader, 'c')
    answer(leader, 2, round)
    answer(leader, 5, round)
    expect(readsOf(leader).map(([context]) => context)).toEqual(['a', 'b', 'c'])
  })

  it('is not given for answers that no heartbeat has asked for', () => {
    const { leader } = leaderOf()
    ask(leader, 'a')
    for (const context of [Uint8Array.of(1), new Uint8Array(8).fill(255), bytes('a'), new Uint8Array(16).fill(1)]) {
      answer(leader, 2, context)
      answer(leader, 3, context)
    }
    expect(readsOf(leader)).toEqual([])
  })

  it('is not given for answers of learners', () => {
    const voters = { confState: { voters: [1, 2, 3], learners: [4, 5] } }
    const cluster = new Cluster(5, {}, () => voters)
    cluster.elect(1)
    const leader = cluster.at(1)
    const round = ask(leader, 'a')
    answer(leader, 4, round)
    answer(leader, 5, round)
    expect(readsOf(leader)).toEqual([])
    answer(leader, 3, round)
    expect(readsOf(leader).length).toBe(1)
  })

  it('waits for the first commit of the term, and then for a round of its own', () => {
    const { cluster } = leaderOf()
    cluster.loses = ({ type, to, from }) => type === 'MsgAppResp' && to === 2 && from !== 2
    cluster.elect(2)
    const leader = cluster.at(2)
    leader.node.readIndex(bytes('a'))
    expect(heartbeatsTo(leader.work(), 3)).toEqual([])
    cluster.heal()
    cluster.tick(2)
    cluster.settle()
    expect(readsOf(leader)).toEqual([['a', 3]])
  })

  it('asked for at a follower is the leader’s, and comes to the follower', () => {
    const { cluster } = leaderOf()
    cluster.at(3).node.readIndex(bytes('a'))
    cluster.settle()
    expect(readsOf(cluster.at(3))).toEqual([['a', 2]])
    expect(readsOf(cluster.at(1))).toEqual([])
  })

  it('of a single voter needs nobody', () => {
    const cluster = new Cluster(1)
    cluster.elect(1)
    cluster.at(1).node.readIndex(bytes('a'))
    cluster.settle()
    expect(readsOf(cluster.at(1))).toEqual([['a', 1]])
  })

  it('of a single voter waits for the first commit of its term: what its last life answered for counts', () => {
    // Four entries are stored, and all of them may have been acknowledged; that they are committed was not stored.
    const cluster = new Cluster(1, {}, () => ({ terms: [1, 1, 1, 1], vote: 1, commit: 1, confState: { voters: [1] } }))
    const { node, storage } = cluster.at(1)
    node.campaign()
    storage.setHardState(node.ready().hardState ?? emptyHardState)
    node.advance()
    expect(cluster.at(1).role).toBe('StateLeader')
    node.readIndex(bytes('a'))
    cluster.settle()
    expect(readsOf(cluster.at(1))).toEqual([['a', 5]])
  })

  it('that waited for the first commit with others shares one round with them', () => {
    const { cluster } = leaderOf({}, 3)
    cluster.loses = ({ type, to, from }) => type === 'MsgAppResp' && to === 2 && from !== 2
    cluster.elect(2)
    const leader = cluster.at(2)
    for (const each of ['a', 'b', 'c']) leader.node.readIndex(bytes(each))
    cluster.heal()
    const { term } = leader
    const sent = leader.hear({ type: 'MsgAppResp', from: 3, term, index: 3 })
    expect(heartbeatsTo(sent, 3)).toHaveLength(1)
    answer(leader, 3, heartbeatsTo(sent, 3)[0]?.context ?? new Uint8Array())
    expect(readsOf(leader).map(([context]) => context)).toEqual(['a', 'b', 'c'])
  })

  it('is not given by a leader who was removed and thinks that one voter is left', () => {
    const { leader, cluster } = leaderOf({}, 2)
    leader.node.proposeConfChange({ version: 1, type: 'ConfChangeRemoveNode', nodeId: 1 })
    cluster.settle()
    cluster.isolate(1)
    cluster.elect(2)
    cluster.propose(2, 'y')
    leader.node.readIndex(bytes('a'))
    cluster.settle()
    expect(readsOf(leader)).toEqual([])
  })

  it('that waits for more members than are left is given when they leave', () => {
    const { leader, cluster } = leaderOf({}, 2)
    cluster.loses = ({ type }) => type === 'MsgHeartbeatResp'
    leader.node.readIndex(bytes('a'))
    cluster.settle()
    expect(readsOf(leader)).toEqual([])
    leader.node.proposeConfChange({ version: 1, type: 'ConfChangeRemoveNode', nodeId: 2 })
    cluster.settle()
    expect(readsOf(leader)).toEqual([['a', 2]])
  })

  it('is refused where no leader is known, and beyond the number that may wait', () => {
    const cluster = new Cluster(3)
    expect(codeWhen(() => cluster.at(1).node.readIndex(bytes('a')))).toBe('raft.read_dropped')
    const { leader } = leaderOf({ maxPendingReads: 2 })
    const codes = ['a', 'b', 'c'].map((each) => codeWhen(() => ask(leader, each)))
    expect(codes).toEqual(['none', 'none', 'raft.read_dropped'])
  })

  it('that waits when its leader steps down is told to be lost', () => {
    const events: RaftEvent[] = []
    const { leader } = leaderOf({ observe: (event) => events.push(event) })
    ask(leader, 'a')
    ask(leader, 'b')
    leader.hear({ type: 'MsgHeartbeat', from: 3, term: leader.term + 1 })
    expect(events.filter(({ type }) => type === 'read_dropped')).toEqual([
      { type: 'read_dropped', reason: 'leader_lost', count: 2 },
    ])
  })
})

describe('a read by lease', () => {
  const lease: Options = { readOnlyOption: 'lease', checkQuorum: true }

  it('needs no round while a quorum has lately answered a heartbeat', () => {
    const { leader, cluster } = leaderOf(lease)
    cluster.tick(1)
    cluster.isolate(1)
    leader.node.readIndex(bytes('a'))
    cluster.settle()
    expect(readsOf(leader)).toEqual([['a', 2]])
  })

  it('needs one again before anybody else can have become leader', () => {
    const { leader, cluster } = leaderOf(lease)
    cluster.tick(1)
    cluster.isolate(1)
    // The others wait a full election timeout from the heartbeat on; the leader stops a tick earlier.
    cluster.tick(1, 8)
    leader.node.readIndex(bytes('in'))
    cluster.tick(1)
    leader.node.readIndex(bytes('out'))
    cluster.settle()
    expect(readsOf(leader)).toEqual([['in', 2]])
  })

  it('needs one when somebody was told to campaign at once', () => {
    const { leader, cluster } = leaderOf(lease)
    cluster.tick(1)
    cluster.loses = ({ type }) => type === 'MsgTimeoutNow'
    leader.node.transferLeader(2)
    cluster.settle()
    cluster.isolate(1)
    leader.node.readIndex(bytes('a'))
    cluster.settle()
    expect(readsOf(leader)).toEqual([])
  })

  it('begins with an answer, not with the election', () => {
    const { leader, cluster } = leaderOf(lease)
    cluster.isolate(1)
    leader.node.readIndex(bytes('a'))
    cluster.settle()
    expect(readsOf(leader)).toEqual([])
    cluster.heal()
    cluster.tick(1)
    expect(readsOf(leader)).toEqual([['a', 2]])
  })

  it('is kept by a member who restarts within it, and no longer', () => {
    const { cluster } = leaderOf(lease)
    cluster.tick(1)
    const follower = cluster.at(2)
    follower.restart()
    const request = { type: 'MsgVote', from: 3, term: 9, index: 99, logTerm: 9 } as const
    expect(follower.hear(request)).toEqual([])
    expect(follower.term).toBe(1)
    for (let ticks = 0; ticks < 10; ticks++) follower.node.tick()
    expect(follower.hear(request)).toMatchObject([{ type: 'MsgVoteResp', reject: false }])
  })

  it('is kept by a member who hears of a later term within it, in that term and in those that follow', () => {
    const { cluster } = leaderOf(lease, 3)
    const [leader, candidate, member] = [cluster.at(1), cluster.at(2), cluster.at(3)]
    cluster.isolate(2)
    // Alone it begins one term after another.
    cluster.tick(2, 40)
    cluster.tick(1)
    const { term } = candidate
    expect(term).toBeGreaterThan(leader.term + 1)
    // An answer to something that the member had said long ago, as leader of an earlier term perhaps.
    member.hear({ type: 'MsgAppResp', from: 2, term })
    expect([member.term, member.leader]).toEqual([term, 0])
    expect(member.hear({ type: 'MsgVote', from: 2, term, index: 9, logTerm: 1 })).toMatchObject([{ reject: true }])
    cluster.isolate(1)
    candidate.node.setRandomizedElectionTimeout(1)
    cluster.tick(2)
    expect(candidate.role).not.toBe('StateLeader')
    // So nobody can have committed more than the leader knows of.
    leader.node.readIndex(bytes('a'))
    leader.work()
    expect(readsOf(leader)).toEqual([['a', 2]])
    for (let ticks = 0; ticks < 10; ticks++) member.node.tick()
    candidate.node.setRandomizedElectionTimeout(1)
    cluster.tick(2)
    expect(candidate.role).toBe('StateLeader')
  })

  it('makes a follower keep its leader, even if told to forget it', () => {
    const { cluster } = leaderOf(lease)
    cluster.at(2).node.forgetLeader()
    expect(cluster.at(2).leader).toBe(1)
  })
})

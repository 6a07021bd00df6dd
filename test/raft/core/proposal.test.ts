import { describe, expect, it } from 'vitest'
import { ProposalDropped } from '../../../src/raft/error.ts'
import type { RaftEvent } from '../../../src/raft/core/event.ts'
import type { ConfChangeV2, ConfChangeSingle } from '../../../src/raft/core/message.ts'
import { message } from '../../../src/raft/core/message.ts'
import { Cluster, bytes, text } from './cluster.ts'

function reasonOf(run: () => void): string {
  try {
    run()
  } catch (error) {
    return error instanceof ProposalDropped ? error.reason : String(error)
  }
  return 'taken'
}

const change = (changes: readonly ConfChangeSingle[]): ConfChangeV2 => ({
  version: 2,
  transition: 'ConfChangeTransitionAuto',
  changes,
})
const learner = (nodeId: number): ConfChangeV2 => change([{ type: 'ConfChangeAddLearnerNode', nodeId }])

describe('a proposal', () => {
  it('at a follower goes to the leader', () => {
    const cluster = new Cluster(3)
    cluster.elect(1)
    cluster.propose(2, 'x')
    expect(cluster.all.map(({ data }) => data)).toEqual([[], [], []].map(() => ['x']))
  })

  it('at a follower who must not pass it on is dropped', () => {
    const cluster = new Cluster(3, { disableProposalForwarding: true })
    cluster.elect(1)
    expect(reasonOf(() => cluster.propose(2, 'x'))).toBe('not_forwarded')
  })

  it('is dropped where no leader is known: at followers and at candidates', () => {
    const cluster = new Cluster(3)
    expect(reasonOf(() => cluster.propose(1, 'x'))).toBe('no_leader')
    cluster.at(1).node.campaign()
    expect(reasonOf(() => cluster.at(1).node.propose(bytes('x')))).toBe('no_leader')
  })

  it('is dropped while leadership is handed over', () => {
    const cluster = new Cluster(3)
    cluster.elect(1)
    cluster.isolate(2)
    cluster.at(1).node.transferLeader(2)
    expect(reasonOf(() => cluster.propose(1, 'x'))).toBe('transferring')
  })

  it('is dropped by a leader who is no longer a member', () => {
    const cluster = new Cluster(3)
    cluster.elect(1)
    cluster.at(1).node.proposeConfChange(change([{ type: 'ConfChangeRemoveNode', nodeId: 1 }]))
    cluster.settle()
    expect(cluster.at(1).role).toBe('StateLeader')
    expect(reasonOf(() => cluster.propose(1, 'x'))).toBe('removed')
  })

  it('is dropped when too many bytes are uncommitted, but never the first, and never an empty one', () => {
    const cluster = new Cluster(3, { maxUncommittedEntriesSize: 10 })
    cluster.elect(1)
    cluster.isolate(1)
    const { node } = cluster.at(1)
    expect(reasonOf(() => node.propose(new Uint8Array(20)))).toBe('taken')
    expect(reasonOf(() => node.propose(new Uint8Array(1)))).toBe('uncommitted_size')
    expect(reasonOf(() => node.propose(new Uint8Array(0)))).toBe('taken')
    cluster.heal()
    cluster.tick(1)
    expect(reasonOf(() => node.propose(new Uint8Array(4)))).toBe('taken')
    expect(reasonOf(() => node.propose(new Uint8Array(6)))).toBe('taken')
    expect(reasonOf(() => node.propose(new Uint8Array(1)))).toBe('uncommitted_size')
  })

  it('of several data becomes entries one behind the other, in one message to each member, also by way of a follower', () => {
    const cluster = new Cluster(3)
    cluster.elect(1)
    const { node } = cluster.at(1)
    node.proposeMany(['a', 'b', 'c'].map(bytes))
    const sent = cluster.at(1).work()
    expect(sent.map(({ type, to, entries }) => [type, to, entries.map(({ data }) => text(data))])).toEqual([
      ['MsgApp', 2, ['a', 'b', 'c']],
      ['MsgApp', 3, ['a', 'b', 'c']],
    ])
    cluster.flying.push(...sent)
    cluster.settle()
    cluster.at(2).node.proposeMany(['d', 'e'].map(bytes))
    cluster.settle()
    for (const { data } of cluster.all) expect(data).toEqual(['a', 'b', 'c', 'd', 'e'])
    node.proposeMany([])
    expect(node.hasReady()).toBe(false)
  })

  it('of several data is taken whole or not at all', () => {
    const cluster = new Cluster(3, { maxUncommittedEntriesSize: 3 })
    cluster.elect(1)
    cluster.isolate(1)
    const { node } = cluster.at(1)
    node.propose(bytes('x'))
    expect(reasonOf(() => node.proposeMany(['a', 'b', 'c'].map(bytes)))).toBe('uncommitted_size')
    expect(node.basicStatus().lastIndex).toBe(2)
    expect(reasonOf(() => node.proposeMany(['a', 'b'].map(bytes)))).toBe('taken')
    expect(node.basicStatus().lastIndex).toBe(4)
  })

  it('of a change that cannot be read is refused, and nothing is appended', () => {
    const cluster = new Cluster(3)
    cluster.elect(1)
    const { node } = cluster.at(1)
    const entries = [
      { term: 0, index: 0, type: 'EntryNormal' as const, data: bytes('x') },
      { term: 0, index: 0, type: 'EntryConfChangeV2' as const, data: Uint8Array.of(0xff) },
    ]
    expect(() => node.step(message({ type: 'MsgProp', from: 2, to: 1, entries }))).toThrow(
      expect.objectContaining({ code: 'raft.invalid_conf_change' }),
    )
    expect(node.basicStatus().lastIndex).toBe(1)
  })
})

describe('a change of the configuration', () => {
  function observed(options = {}): { readonly cluster: Cluster; readonly ignored: () => string[] } {
    const events: RaftEvent[] = []
    const cluster = new Cluster(3, { observe: (event) => events.push(event), ...options })
    cluster.elect(1)
    return {
      cluster,
      ignored: () => events.flatMap((event) => (event.type === 'conf_change_ignored' ? [event.why] : [])),
    }
  }

  it('is replaced by an empty entry while another one is not applied', () => {
    const { cluster, ignored } = observed()
    const { node } = cluster.at(1)
    node.proposeConfChange(learner(4))
    node.proposeConfChange(learner(5))
    cluster.settle()
    expect(ignored()).toEqual(['pending'])
    expect([...node.status().config.learners]).toEqual([4])
    node.proposeConfChange(learner(5))
    cluster.settle()
    expect([...node.status().config.learners]).toEqual([4, 5])
  })

  it('is not made by a new leader before all entries of its predecessors are applied', () => {
    const { cluster, ignored } = observed()
    // The followers have the entry and do not hear that it is committed.
    cluster.loses = ({ type, from, entries }) => from === 1 && type === 'MsgApp' && entries.length === 0
    cluster.propose(1, 'x')
    cluster.loses = ({ type, to }) => type === 'MsgAppResp' && to === 3
    cluster.elect(3)
    cluster.at(3).node.proposeConfChange(learner(5))
    expect(ignored()).toEqual(['pending'])
  })

  it('must leave a joint configuration before anything else, and may leave none else', () => {
    const { cluster, ignored } = observed()
    const { node } = cluster.at(1)
    node.proposeConfChange(undefined)
    cluster.settle()
    node.proposeConfChange({ ...learner(4), transition: 'ConfChangeTransitionJointExplicit' })
    cluster.settle()
    node.proposeConfChange(learner(5))
    cluster.settle()
    // It changes nothing, and yet asks for a joint configuration: nobody could apply it.
    node.proposeConfChange({ version: 2, transition: 'ConfChangeTransitionJointExplicit', changes: [] })
    cluster.settle()
    expect(ignored()).toEqual(['not_joint', 'joint', 'joint'])
    node.proposeConfChange(undefined)
    cluster.settle()
    expect(node.status().config.voters.outgoing.size).toBe(0)
  })

  it('that nobody could apply is replaced by an empty entry, also when it would remove the last voter', () => {
    const { cluster, ignored } = observed()
    const { node } = cluster.at(1)
    const removed = [1, 2, 3].map((nodeId) => ({ type: 'ConfChangeRemoveNode' as const, nodeId }))
    node.proposeConfChange(change(removed))
    cluster.settle()
    expect(ignored()).toEqual(['refused'])
    expect(cluster.all.map(({ confState }) => confState.voters)).toEqual([1, 2, 3].map(() => [1, 2, 3]))
    node.proposeConfChange(change(removed.slice(1)))
    cluster.settle()
    node.proposeConfChange({ version: 1, type: 'ConfChangeRemoveNode', nodeId: 1 })
    cluster.settle()
    expect(ignored()).toEqual(['refused', 'refused'])
    expect(cluster.at(1).confState.voters).toEqual([1])
    expect(cluster.at(1).applied.length).toBe(node.basicStatus().applied)
  })

  it('leaves a joint configuration by itself once it is applied', () => {
    const { cluster } = observed()
    const { node } = cluster.at(1)
    node.proposeConfChange({ ...learner(4), transition: 'ConfChangeTransitionJointImplicit' })
    cluster.settle()
    expect(node.status().config).toMatchObject({ autoLeave: false, learners: new Set([4]) })
    expect(cluster.at(2).applied.filter(({ type }) => type === 'EntryConfChangeV2').length).toBe(2)
  })

  it('whose place in the log was refused for its size does not hold up the next one', () => {
    const { cluster, ignored } = observed({ maxUncommittedEntriesSize: 1 })
    cluster.isolate(1)
    const { node } = cluster.at(1)
    node.propose(bytes('x'))
    expect(reasonOf(() => node.proposeConfChange(learner(4)))).toBe('uncommitted_size')
    cluster.heal()
    cluster.tick(1)
    node.proposeConfChange(learner(4))
    expect(ignored()).toEqual([])
  })

  it('that removes its leader makes it step down if it is told to', () => {
    const { cluster } = observed({ stepDownOnRemoval: true })
    cluster.at(1).node.proposeConfChange(change([{ type: 'ConfChangeRemoveNode', nodeId: 1 }]))
    cluster.settle()
    expect(cluster.at(1).role).toBe('StateFollower')
  })

  it('that is not applied yet keeps its member from campaigning', () => {
    const cluster = new Cluster(3, { maxCommittedSizePerReady: 1 })
    cluster.elect(1)
    const { node } = cluster.at(2)
    cluster.at(1).node.proposeConfChange(learner(4))
    cluster.loses = ({ to }) => to === 3
    // Let the follower know that it is committed, and take no Ready of it.
    for (const sent of cluster.at(1).work()) if (sent.to === 2) node.step(sent)
    for (const sent of cluster.at(2).work()) if (sent.to === 1) cluster.at(1).node.step(sent)
    for (const sent of cluster.at(1).work()) if (sent.to === 2) node.step(sent)
    expect(node.basicStatus().commit).toBeGreaterThan(node.basicStatus().applied)
    node.campaign()
    expect(node.basicStatus().role).toBe('StateFollower')
  })
})

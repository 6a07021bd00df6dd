/** The rules of changing the members: the Raft paper (extended version) section 6, Ongaro's thesis chapter 4, and 9.6 for pre-votes. */
import { describe, expect, it } from 'vitest'
import { marshalConfChange } from '../../../src/raft/core/conf-change-codec.ts'
import { parseConfChanges } from '../../../src/raft/core/conf-change.ts'
import { type ConfChangeTransition, type ConfState, emptyConfState, message } from '../../../src/raft/core/message.ts'
import { formatConfig } from '../../../src/raft/core/tracker.ts'
import { Cluster, Member, type Options, brief, bytes, electionTick } from './cluster.ts'

const explicit = 'ConfChangeTransitionJointExplicit'

function change(
  cluster: Cluster,
  id: number,
  text: string,
  transition: ConfChangeTransition = 'ConfChangeTransitionAuto',
): void {
  cluster.at(id).node.proposeConfChange({ version: 2, transition, changes: parseConfChanges(text) })
  cluster.settle()
}

/** Members from 1 to `size`, of whom these are in the configuration. */
function group(size: number, state: Partial<ConfState>, options: Options = {}): Cluster {
  const confState = { ...emptyConfState, ...state }
  return new Cluster(size, options, () => ({ confState }))
}

const configOf = (each: Member): string => formatConfig(each.node.status().config)

describe('changes of one member, thesis 4.1', () => {
  it('count when they are committed and applied, at everybody', () => {
    const cluster = group(4, { voters: [1, 2, 3] })
    cluster.elect(1)
    change(cluster, 1, 'v4')
    cluster.tick(1)
    expect(cluster.all.map(configOf)).toEqual(Array.from({ length: 4 }, () => 'voters=(1 2 3 4)'))
  })

  it('do not count before they are committed', () => {
    const cluster = group(4, { voters: [1, 2, 3] })
    cluster.elect(1)
    cluster.isolate(1)
    change(cluster, 1, 'v4')
    expect(configOf(cluster.at(1))).toBe('voters=(1 2 3)')
  })

  it('are made one after another: while one is not applied, another is an empty entry in the log', () => {
    const cluster = group(5, { voters: [1, 2, 3] })
    cluster.elect(1)
    cluster.isolate(1)
    change(cluster, 1, 'v4')
    change(cluster, 1, 'v5')
    cluster.heal()
    cluster.tick(1, 2)
    expect(configOf(cluster.at(1))).toBe('voters=(1 2 3 4)')
    change(cluster, 1, 'v5')
    expect(configOf(cluster.at(1))).toBe('voters=(1 2 3 4 5)')
  })

  it('are not made by a new leader before it has applied what may be one of its predecessor', () => {
    const { type, data } = marshalConfChange({
      version: 2,
      transition: 'ConfChangeTransitionAuto',
      changes: parseConfChanges('r2'),
    })
    const each = new Member(1, { confState: { voters: [1, 2, 3] }, terms: [1] }, {})
    each.hear({ type: 'MsgApp', from: 2, term: 1, index: 1, logTerm: 1, entries: [{ index: 2, term: 1, type, data }] })
    each.node.campaign()
    each.work()
    each.hear({ type: 'MsgVoteResp', from: 3, term: 2 })
    each.node.proposeConfChange({ version: 1, type: 'ConfChangeRemoveNode', nodeId: 3 })
    each.work()
    const entries = each.storage.entries(1, each.storage.lastIndex() + 1, Infinity)
    expect(entries).toMatchObject([
      { type: 'EntryNormal' },
      { type: 'EntryConfChangeV2' },
      { type: 'EntryNormal' },
      { type: 'EntryNormal' },
    ])
    each.hear({ type: 'MsgAppResp', from: 3, term: 2, index: 4 })
    expect(configOf(each)).toBe('voters=(1 3)')
  })

  it('count only behind an entry of the own term that is committed', () => {
    const cluster = group(4, { voters: [1, 2, 3] })
    cluster.elect(1)
    cluster.loses = ({ type, entries }) => type === 'MsgApp' && entries.length > 0
    cluster.elect(2)
    change(cluster, 2, 'v4')
    expect(configOf(cluster.at(2))).toBe('voters=(1 2 3)')
    cluster.heal()
    cluster.tick(2, 2)
    const { applied } = cluster.at(2)
    const at = applied.findIndex(({ type }) => type !== 'EntryNormal')
    expect(applied[at - 1]).toMatchObject({ type: 'EntryNormal', term: 2 })
    expect(configOf(cluster.at(2))).toBe('voters=(1 2 3 4)')
  })

  it('are not begun while one has to be applied: nobody campaigns with one in hand', () => {
    const { type, data } = marshalConfChange({ version: 1, type: 'ConfChangeRemoveNode', nodeId: 3 })
    const each = new Member(1, { confState: { voters: [1, 2, 3] } }, {})
    each.node.step(
      message({ type: 'MsgApp', to: 1, from: 2, term: 1, entries: [{ index: 1, term: 1, type, data }], commit: 1 }),
    )
    each.node.campaign()
    expect(each.role).toBe('StateFollower')
    each.work()
    each.node.campaign()
    expect([each.role, each.work().map(brief)]).toEqual(['StateCandidate', ['MsgVote 2']])
  })
})

describe('new members, thesis 4.2.1', () => {
  it('catch up as learners, and commit and elect nothing meanwhile', () => {
    const cluster = group(4, { voters: [1, 2, 3] })
    cluster.elect(1)
    cluster.propose(1, 'a')
    change(cluster, 1, 'l4')
    cluster.propose(1, 'b')
    cluster.tick(1)
    expect([cluster.at(4).data, configOf(cluster.at(4))]).toEqual([['a', 'b'], 'voters=(1 2 3) learners=(4)'])
    cluster.loses = ({ to, from }) => [2, 3].includes(to) || [2, 3].includes(from)
    cluster.propose(1, 'c')
    expect(cluster.at(1).data).toEqual(['a', 'b'])
    cluster.tick(4, 3 * electionTick)
    cluster.at(4).node.campaign()
    expect(cluster.at(4).role).toBe('StateFollower')
  })

  it('count when they are made voters', () => {
    const cluster = group(2, { voters: [1], learners: [2] })
    cluster.elect(1)
    change(cluster, 1, 'v2')
    cluster.loses = ({ to }) => to === 2
    cluster.propose(1, 'x')
    expect([configOf(cluster.at(1)), cluster.at(1).data]).toEqual(['voters=(1 2)', []])
  })

  it('that are learners vote all the same when they are asked: the candidate may know more of the configuration', () => {
    const each = new Member(1, { confState: { voters: [2, 3], learners: [1] } }, {})
    expect(each.hear({ type: 'MsgVote', from: 2, term: 1 }).map(brief)).toEqual(['MsgVoteResp 2'])
  })
})

describe('removing the leader, thesis 4.2.2', () => {
  it('lets it go on until the change is committed, and count itself no more afterwards', () => {
    const cluster = group(3, { voters: [1, 2, 3] })
    cluster.elect(1)
    cluster.at(1).node.proposeConfChange({ version: 1, type: 'ConfChangeRemoveNode', nodeId: 1 })
    cluster.settle()
    expect([cluster.at(1).role, configOf(cluster.at(1))]).toEqual(['StateLeader', 'voters=(2 3)'])
    cluster.elect(2)
    cluster.loses = ({ to }) => to === 3
    cluster.propose(2, 'x')
    expect(cluster.at(2).data).toEqual([])
  })

  it('takes no more proposals at it', () => {
    const cluster = group(3, { voters: [1, 2, 3] })
    cluster.elect(1)
    change(cluster, 1, 'r1')
    expect(() => cluster.propose(1, 'x')).toThrow(
      expect.objectContaining({ code: 'raft.proposal_dropped', reason: 'removed' }),
    )
  })

  it('makes it a follower at once if that is asked for', () => {
    for (const text of ['r1', 'l1']) {
      const cluster = group(3, { voters: [1, 2, 3] }, { stepDownOnRemoval: true })
      cluster.elect(1)
      change(cluster, 1, text)
      expect([cluster.at(1).role, cluster.at(2).commit]).toEqual(['StateFollower', 2])
    }
  })

  it('is never followed by an election of its own', () => {
    const cluster = group(3, { voters: [1, 2, 3] })
    cluster.elect(1)
    change(cluster, 1, 'r1')
    cluster.at(1).restart()
    cluster.at(1).tick(5 * electionTick)
    cluster.at(1).node.campaign()
    expect([cluster.at(1).role, cluster.at(1).term]).toEqual(['StateFollower', 1])
  })
})

describe('members who disturb, section 6 and thesis 4.2.3', () => {
  it('get no vote and start no term with those who heard of a leader lately', () => {
    const cluster = group(3, { voters: [1, 2, 3] }, { checkQuorum: true })
    cluster.elect(1)
    cluster.tick(1)
    cluster.at(3).node.campaign()
    cluster.loses = ({ to, from }) => to === 1 || from === 1
    cluster.settle()
    expect([cluster.at(3).role, cluster.at(3).term]).toEqual(['StateCandidate', 2])
    expect([cluster.at(2).term, cluster.at(2).leader]).toEqual([1, 1])
  })

  it('get a vote once an election timeout has passed in silence', () => {
    const cluster = group(3, { voters: [1, 2, 3] }, { checkQuorum: true })
    cluster.elect(1)
    cluster.isolate(1)
    cluster.at(2).node.setRandomizedElectionTimeout(2 * electionTick)
    cluster.tick(2, electionTick)
    cluster.elect(3)
    expect(cluster.at(2).leader).toBe(3)
  })

  it('do not depose a leader by the term they have alone: it is answered, and all go on in a later one', () => {
    const cluster = group(3, { voters: [1, 2, 3] }, { checkQuorum: true })
    cluster.elect(1)
    cluster.isolate(3)
    cluster.tick(3, 5 * electionTick)
    cluster.heal()
    const { term } = cluster.at(3)
    cluster.tick(1, 2)
    expect([cluster.at(1).role, cluster.at(1).term]).toEqual(['StateFollower', term])
    for (let ticks = 0; ticks < 6 * electionTick && cluster.leaders.length === 0; ticks++)
      for (const { id } of cluster.all) cluster.tick(id)
    expect(cluster.leaders.length).toBe(1)
    cluster.propose(cluster.leaders[0]?.id ?? 0, 'x')
    expect(cluster.all.filter(({ data }) => data.includes('x')).length).toBeGreaterThanOrEqual(2)
  })
})

describe('a leader that lost its followers, thesis 6.2', () => {
  it('steps down after an election timeout', () => {
    const cluster = group(3, { voters: [1, 2, 3], learners: [] }, { checkQuorum: true })
    cluster.elect(1)
    cluster.isolate(1)
    cluster.tick(1, 2 * electionTick)
    expect([cluster.at(1).role, cluster.at(1).leader]).toEqual(['StateFollower', 0])
  })

  it('stays as long as a majority answers, and learners are no part of it', () => {
    const cluster = group(5, { voters: [1, 2, 3], learners: [4, 5] }, { checkQuorum: true })
    cluster.elect(1)
    cluster.isolate(3)
    cluster.tick(1, 4 * electionTick)
    expect(cluster.at(1).role).toBe('StateLeader')
    cluster.isolate(2, 3)
    cluster.tick(1, 2 * electionTick)
    expect(cluster.at(1).role).toBe('StateFollower')
  })
})

describe('pre-votes, thesis 9.6', () => {
  it('spend no term: who is cut off comes back as it went', () => {
    const cluster = group(3, { voters: [1, 2, 3] }, { preVote: true })
    cluster.elect(1)
    cluster.isolate(3)
    cluster.tick(3, 10 * electionTick)
    expect([cluster.at(3).role, cluster.at(3).term]).toEqual(['StatePreCandidate', 1])
    cluster.heal()
    cluster.tick(1)
    expect([cluster.at(1).role, cluster.at(3).leader, cluster.at(1).term]).toEqual(['StateLeader', 1, 1])
  })

  it('change neither term nor vote of who grants them', () => {
    const each = new Member(1, { confState: { voters: [1, 2, 3] }, term: 1, vote: 3 }, { preVote: true })
    const [answer] = each.hear({ type: 'MsgPreVote', from: 2, term: 2 })
    expect(answer).toMatchObject({ type: 'MsgPreVoteResp', reject: false, term: 2 })
    expect(each.storage.initialState().hardState).toMatchObject({ term: 1, vote: 3 })
    expect(each.hear({ type: 'MsgVote', from: 3, term: 2 }).map(brief)).toEqual(['MsgVoteResp 3'])
  })

  it('are refused to a log that is behind', () => {
    const each = new Member(1, { confState: { voters: [1, 2, 3] }, terms: [1, 1] }, { preVote: true })
    expect(each.hear({ type: 'MsgPreVote', from: 2, term: 2, index: 1, logTerm: 1 }).map(brief)).toEqual([
      'MsgPreVoteResp 2 reject',
    ])
  })

  it('of a majority are followed by the election', () => {
    const cluster = group(3, { voters: [1, 2, 3] }, { preVote: true })
    cluster.loses = ({ to }) => to === 3
    cluster.elect(1)
    expect(cluster.at(1).term).toBe(1)
  })
})

describe('joint configurations, section 6 and thesis 4.3', () => {
  const joint = (): Cluster => group(5, { voters: [1, 4, 5], votersOutgoing: [1, 2, 3] })

  it('elect with a majority of both halves', () => {
    for (const [silent, role] of [
      [[4, 5], 'StateCandidate'],
      [[2, 3], 'StateCandidate'],
      [[3, 5], 'StateLeader'],
    ] as const) {
      const cluster = joint()
      cluster.loses = ({ to, from }) => silent.some((id) => id === to || id === from)
      cluster.at(1).node.campaign()
      cluster.settle()
      expect(cluster.at(1).role).toBe(role)
    }
  })

  it('commit with a majority of both halves', () => {
    for (const [silent, data] of [
      [[4, 5], []],
      [[2, 3], []],
      [[3, 5], ['x']],
    ] as const) {
      const cluster = joint()
      cluster.elect(1)
      cluster.loses = ({ to, from }) => silent.some((id) => id === to || id === from)
      cluster.propose(1, 'x')
      expect(cluster.at(1).data).toEqual(data)
    }
  })

  it('confirm a read with a majority of both halves', () => {
    const cluster = joint()
    cluster.elect(1)
    cluster.loses = ({ to, from }) => [4, 5].some((id) => id === to || id === from)
    cluster.at(1).node.readIndex(bytes('r'))
    cluster.settle()
    expect(cluster.at(1).reads).toEqual([])
    cluster.heal()
    cluster.tick(1)
    expect(cluster.at(1).reads.length).toBe(1)
  })

  it('are entered by a change of several members, and left by the leader itself once they are applied', () => {
    const cluster = group(5, { voters: [1, 2, 3] })
    cluster.elect(1)
    const seen = new Set<string>()
    cluster.loses = () => {
      seen.add(configOf(cluster.at(1)))
      return false
    }
    change(cluster, 1, 'v4 v5 r2 r3')
    cluster.tick(1)
    expect([...seen, configOf(cluster.at(1))].at(-1)).toBe('voters=(1 4 5)')
    expect(seen.has('voters=(1 4 5)&&(1 2 3) autoleave')).toBe(true)
  })

  it('are left by a later leader when the one that entered them is gone', () => {
    const cluster = group(5, { voters: [1, 4, 5], votersOutgoing: [1, 2, 3], autoLeave: true })
    cluster.at(4).node.campaign()
    cluster.settle()
    cluster.tick(4)
    expect(configOf(cluster.at(4))).toBe('voters=(1 4 5)')
  })

  it('are left by the leader itself also when leadership was being handed over meanwhile, in vain', () => {
    const cluster = group(4, { voters: [1, 2, 3] })
    cluster.elect(1)
    cluster.loses = ({ type }) => type === 'MsgTimeoutNow'
    cluster.at(1).node.proposeConfChange({
      version: 2,
      transition: 'ConfChangeTransitionJointImplicit',
      changes: parseConfChanges('v4'),
    })
    cluster.at(1).node.transferLeader(2)
    cluster.settle()
    expect(configOf(cluster.at(1))).toBe('voters=(1 2 3 4)&&(1 2 3) autoleave')
    // Nothing is proposed meanwhile; the timeout of the transfer is all that happens.
    cluster.tick(1, electionTick)
    expect(configOf(cluster.at(1))).toBe('voters=(1 2 3 4)')
  })

  it('that are to be left explicitly stay until that is asked for', () => {
    const cluster = group(4, { voters: [1, 2, 3] })
    cluster.elect(1)
    change(cluster, 1, 'v4 r3', explicit)
    cluster.tick(1, 3)
    expect(configOf(cluster.at(1))).toBe('voters=(1 2 4)&&(1 2 3)')
    change(cluster, 1, '')
    expect(configOf(cluster.at(1))).toBe('voters=(1 2 4)')
  })

  it('take no other change than to be left', () => {
    const cluster = group(4, { voters: [1, 2, 3] })
    cluster.elect(1)
    change(cluster, 1, 'v4 r3', explicit)
    change(cluster, 1, 'v3')
    expect(configOf(cluster.at(1))).toBe('voters=(1 2 4)&&(1 2 3)')
  })

  it('are not left when they are not there', () => {
    const cluster = group(3, { voters: [1, 2, 3] })
    cluster.elect(1)
    change(cluster, 1, '')
    expect([configOf(cluster.at(1)), cluster.at(1).applied.at(-1)?.type]).toEqual(['voters=(1 2 3)', 'EntryNormal'])
  })

  it('keep a voter who is to be a learner a voter until they are left', () => {
    const cluster = group(4, { voters: [1, 2, 3] })
    cluster.elect(1)
    change(cluster, 1, 'v4 l2', explicit)
    expect(configOf(cluster.at(1))).toBe('voters=(1 3 4)&&(1 2 3) learners_next=(2)')
    change(cluster, 1, '')
    expect(configOf(cluster.at(1))).toBe('voters=(1 3 4) learners=(2)')
  })

  it('may replace the leader, who leads until they are left', () => {
    const cluster = group(4, { voters: [1, 2, 3] }, { stepDownOnRemoval: true })
    cluster.elect(1)
    change(cluster, 1, 'v4 r1', explicit)
    expect([cluster.at(1).role, configOf(cluster.at(1))]).toEqual(['StateLeader', 'voters=(2 3 4)&&(1 2 3)'])
    cluster.propose(1, 'x')
    change(cluster, 1, '')
    expect([cluster.at(1).role, cluster.at(2).data]).toEqual(['StateFollower', ['x']])
    cluster.elect(4)
    expect(configOf(cluster.at(4))).toBe('voters=(2 3 4)')
  })

  it('survive a restart', () => {
    const cluster = group(4, { voters: [1, 2, 3] })
    cluster.elect(1)
    change(cluster, 1, 'v4 r3', explicit)
    const config = configOf(cluster.at(2))
    cluster.at(2).restart()
    cluster.settle()
    expect([config, configOf(cluster.at(2))]).toEqual(['voters=(1 2 4)&&(1 2 3)', 'voters=(1 2 4)&&(1 2 3)'])
  })
})

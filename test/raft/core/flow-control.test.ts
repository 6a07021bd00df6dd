import { describe, expect, it } from 'vitest'
import { type Message, message } from '../../../src/raft/core/message.ts'
import { Cluster, type Member, type Options, bytes } from './cluster.ts'

/** A leader of three whose followers have everything, and who hears only what a test lets it hear. */
function leaderWith(options: Options): { readonly leader: Member; readonly cluster: Cluster } {
  const cluster = new Cluster(3, options)
  cluster.elect(1)
  return { leader: cluster.at(1), cluster }
}

function propose({ node }: Member, count: number, size = 10): void {
  for (let made = 0; made < count; made++) node.propose(new Uint8Array(size))
}

const appendsTo = (sent: readonly Message[], id: number): Message[] =>
  sent.filter(({ type, to }) => type === 'MsgApp' && to === id)
const countOf = (sent: readonly Message[]): number[] => sent.map(({ entries }) => entries.length)

describe('what a leader has under way to a follower', () => {
  it('follows each other without waiting for answers', () => {
    const { leader } = leaderWith({})
    propose(leader, 5)
    expect(countOf(appendsTo(leader.work(), 2))).toEqual([1, 1, 1, 1, 1])
  })

  it('is at most as many messages as allowed, and goes on with the first answer', () => {
    const { leader } = leaderWith({ maxInflightMsgs: 2 })
    propose(leader, 5)
    expect(countOf(appendsTo(leader.work(), 2))).toEqual([1, 1])
    const { term } = leader
    const acknowledged = leader.hear({ type: 'MsgAppResp', from: 2, term, index: 3 })
    // What is free in the window is used at once, by one message with all that waits.
    expect(countOf(appendsTo(acknowledged, 2)).filter((count) => count > 0)).toEqual([3])
  })

  it('is at most as many bytes as allowed, but for the message that passes the bound', () => {
    const { leader } = leaderWith({ maxInflightBytes: 25, maxSizePerMsg: 20 })
    propose(leader, 5)
    expect(countOf(appendsTo(leader.work(), 2))).toEqual([1, 1, 1])
  })

  it('goes on after all of a full window was lost: an answered heartbeat brings an empty append', () => {
    const { leader, cluster } = leaderWith({ maxInflightMsgs: 1 })
    cluster.isolate(2)
    propose(leader, 3)
    cluster.settle()
    expect(leader.node.status().progress.get(2)?.isPaused).toBe(true)
    cluster.heal()
    cluster.tick(1)
    expect(leader.node.status().progress.get(2)).toMatchObject({ match: 4, state: 'StateReplicate' })
  })

  it('is no larger a message than allowed, with one entry at least', () => {
    const { leader } = leaderWith({ maxSizePerMsg: 0 })
    leader.node.reportUnreachable(2)
    propose(leader, 3)
    const probe = appendsTo(leader.work(), 2)
    expect(countOf(probe)).toEqual([1])
    const answered = leader.hear({ type: 'MsgAppResp', from: 2, term: leader.term, index: 2 })
    expect(countOf(appendsTo(answered, 2)).filter((count) => count > 0)).toEqual([1, 1])
  })
})

describe('a follower of whom the leader is not sure', () => {
  it('gets one append, and the next after an answer or an answered heartbeat', () => {
    const { leader } = leaderWith({})
    leader.node.reportUnreachable(2)
    propose(leader, 3)
    expect(appendsTo(leader.work(), 2).length).toBe(1)
    expect(leader.node.status().progress.get(2)?.state).toBe('StateProbe')
    propose(leader, 1)
    expect(appendsTo(leader.work(), 2).length).toBe(0)
    const again = leader.hear({ type: 'MsgHeartbeatResp', from: 2, term: leader.term })
    expect(countOf(appendsTo(again, 2))).toEqual([4])
  })

  it('is probed once for each term of the leader, not for each entry', () => {
    // The follower has a long tail of a term that nobody else has (section 5.3, the last paragraphs).
    const cluster = new Cluster(3, {}, (id) =>
      id === 2 ? { terms: [1, 2, 2, 2, 2, 2, 2, 2, 2] } : { terms: [1, 3, 3, 3, 4, 4, 4, 4, 4], term: 4 },
    )
    let refused = 0
    cluster.loses = ({ type, from, reject }) => {
      if (type === 'MsgAppResp' && from === 2 && reject) refused++
      return false
    }
    cluster.elect(1)
    expect(cluster.at(2).terms).toEqual([1, 3, 3, 3, 4, 4, 4, 4, 4, 5])
    expect(refused).toBeLessThanOrEqual(2)
  })
})

describe('a snapshot', () => {
  function behindCompaction(): { readonly leader: Member; readonly cluster: Cluster } {
    const found = leaderWith({})
    found.cluster.isolate(3)
    for (let made = 0; made < 3; made++) found.cluster.propose(1, 'x')
    const { storage, node } = found.leader
    storage.createSnapshot(node.status().applied, { ...storage.initialState().confState }, bytes('state'))
    storage.compact(node.status().applied)
    return found
  }

  it('goes to whoever needs what is compacted, once, and the log goes on behind it', () => {
    const { leader, cluster } = behindCompaction()
    cluster.heal()
    const snapshots: Message[] = []
    cluster.loses = (sent) => {
      if (sent.type === 'MsgSnap') snapshots.push(sent)
      return false
    }
    cluster.tick(1, 2)
    cluster.propose(1, 'y')
    expect(snapshots.length).toBe(1)
    expect(cluster.at(3).snapshots.length).toBe(1)
    expect(cluster.at(3).data).toEqual(['y'])
    expect(leader.node.status().progress.get(3)).toMatchObject({ state: 'StateReplicate' })
  })

  it('that failed is sent again after a report and a heartbeat', () => {
    const { leader, cluster } = behindCompaction()
    cluster.loses = ({ type, to }) => type === 'MsgSnap' && to === 3
    cluster.tick(1, 3)
    expect(leader.node.status().progress.get(3)?.state).toBe('StateSnapshot')
    cluster.heal()
    cluster.tick(1, 3)
    expect(cluster.at(3).snapshots.length).toBe(0)
    leader.node.reportSnapshot(3, 'failed')
    expect(leader.node.status().progress.get(3)).toMatchObject({ state: 'StateProbe', isPaused: true })
    cluster.tick(1)
    expect(cluster.at(3).snapshots.length).toBe(1)
  })

  it('is not sent to somebody who has not been heard of', () => {
    const { leader, cluster } = behindCompaction()
    for (let beats = 0; beats < 20; beats++) leader.node.tick()
    expect(leader.work().some(({ type }) => type === 'MsgSnap')).toBe(false)
    cluster.settle()
  })

  it('tells nothing new to a member whose log has it all, and only moves what is committed', () => {
    const cluster = new Cluster(2, {}, () => ({ terms: [1, 1, 1], term: 1 }))
    const follower = cluster.at(2)
    const { confState } = follower.storage.initialState()
    const [answer] = follower.hear({
      type: 'MsgSnap',
      from: 1,
      term: 1,
      snapshot: { metadata: { index: 2, term: 1, confState } },
    })
    expect(answer).toMatchObject({ type: 'MsgAppResp', index: 2, reject: false })
    expect([follower.commit, follower.snapshots.length, follower.terms]).toEqual([2, 0, [1, 1, 1]])
  })

  it('for others than the member is not taken', () => {
    const cluster = new Cluster(2)
    const confState = { ...cluster.at(2).storage.initialState().confState, voters: [1, 3] }
    const snapshot = { metadata: { index: 9, term: 1, confState } }
    const [answer] = cluster.at(2).hear({ type: 'MsgSnap', from: 1, term: 1, snapshot })
    expect(answer).toMatchObject({ type: 'MsgAppResp', index: 0 })
  })

  it('in progress keeps its member from being elected', () => {
    const cluster = new Cluster(2)
    const { node, storage } = cluster.at(2)
    const { confState } = storage.initialState()
    node.step(
      message({ type: 'MsgSnap', from: 1, to: 2, term: 1, snapshot: { metadata: { index: 9, term: 1, confState } } }),
    )
    node.campaign()
    expect(node.basicStatus()).toMatchObject({ role: 'StateFollower', term: 1 })
  })
})

/** Every call of a member comes to an end: under a burst, before it takes part, and after it is closed. */
import { describe, expect, it } from 'vitest'
import { codeOf } from '../../src/base/error.ts'
import { group, three } from './replica-kit.ts'

describe('a burst of proposals before the first session', () => {
  it('fills the backlog and is answered all the same; what is beyond it is refused', async () => {
    await using ops = await three(1, { backlogMax: 8 })
    const leader = await ops.leader()
    const asked = Array.from({ length: 12 }, (_, at) => leader.propose(`task ${at}`).then(() => 'done', codeOf))
    const outcomes = await ops.settled(Promise.all(asked))
    expect(outcomes).toEqual([
      ...Array.from({ length: 8 }, () => 'done'),
      ...Array.from({ length: 4 }, () => 'raft.backlog_full'),
    ])
  })
})

describe('a member that is closed, or does not take part yet', () => {
  it('refuses changes and a transfer after close', async () => {
    await using ops = await three(1)
    const a = ops.members.get('a')!
    await a.close()
    const calls = [a.addMember('d'), a.promote('b'), a.demote('b'), a.removeMember('b'), a.transferLeadership()]
    const codes = await ops.settled(Promise.all(calls.map((call) => call.then(() => 'done', codeOf))))
    expect(codes).toEqual(Array.from({ length: 5 }, () => 'base.closed'))
  })

  it('ends a change at its deadline while it looks for the others', async () => {
    await using ops = group(['a', 'b', 'c'], 1)
    const a = await ops.start('a')
    const code = await ops.settled(a.removeMember('b', { timeoutMs: 1000 }).then(() => 'done', codeOf))
    expect(code).toBe('raft.change_refused')
  })
})

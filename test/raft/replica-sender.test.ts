/** How many frames a commit takes between members that propose one after the other. */
import { describe, expect, it } from 'vitest'
import type { Message } from '../../src/raft/core/message.ts'
import { decodeMessage, frameKind } from '../../src/raft/wire.ts'
import { three } from './replica-kit.ts'

/** Lets everything run that needs no time. */
async function still(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
}

describe('the frames of a commit', () => {
  it('a commit index goes with the next append where the next proposal is there in the same turn', async () => {
    await using ops = await three()
    const leader = await ops.leader()
    await ops.settled(leader.propose('first'))
    await still()
    const sent: Message[] = []
    ops.net.filter = (_from, _to, frame) => {
      if (frameKind(frame) === 'message') sent.push(decodeMessage(frame))
      return true
    }
    for (let at = 0; at < 10; at++) await leader.propose(`command ${at}`)
    const appends = sent.filter(({ type }) => type === 'MsgApp')
    expect(appends).toHaveLength(20)
    expect(appends.every(({ entries }) => entries.length === 1)).toBe(true)
    await still()
    expect(sent.filter(({ type }) => type === 'MsgApp')).toHaveLength(22)
  })

  it('the last commit index goes at the end of the turn, without a heartbeat', async () => {
    await using ops = await three()
    const leader = await ops.leader()
    const { index } = await ops.settled(leader.propose('one'))
    await still()
    for (let at = 0; at < 3; at++) {
      const { index: next } = await leader.propose('another')
      await still()
      expect(next).toBe(index + at + 1)
      expect([...ops.members.values()].map((each) => each.status().appliedIndex)).toEqual([next, next, next])
    }
  })
})

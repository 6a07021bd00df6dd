/** Snapshots of a group while it goes on, and what is told of the log before them. */
import { describe, expect, it } from 'vitest'
import type { Decision } from '../../src/raft/raft.ts'
import { frameKind } from '../../src/raft/wire.ts'
import { three } from './replica-kit.ts'

const often = { snapshotEveryEntries: 10, keepEntries: 3 }

describe('snapshots of a group', () => {
  it('bring a member up to date whose entries are gone, sessions and answers included', async () => {
    await using ops = await three(1, often)
    const leader = await ops.leader()
    const session = await ops.settled(leader.session())
    const first = await ops.settled(leader.with({ session }).propose('first'))
    const late = [...ops.members.keys()].find((name) => name !== leader.member)!
    await ops.kill(late)
    for (let at = 0; at < 60; at++) await ops.settled(leader.propose(`${at}`))
    expect(leader.status().snapshotIndex).toBeGreaterThan(40)
    const back = await ops.start(late)
    await ops.until(() => back.status().appliedIndex === leader.status().appliedIndex)
    expect(back.status().snapshotIndex).toBeGreaterThan(40)
    expect(await ops.settled(back.read(({ total }) => total))).toBe(61)
    const key = { session: session.id, sequence: 1 }
    expect(await ops.settled(back.with({ retry: key }).propose('first'))).toEqual(first)
    expect(await ops.settled(back.read(({ total }) => total))).toBe(61)
  })

  it('are where a member begins that is started again', async () => {
    await using ops = await three(2, often)
    const leader = await ops.leader()
    for (let at = 0; at < 35; at++) await ops.settled(leader.propose(`${at}`))
    for (const name of ['a', 'b', 'c']) await ops.kill(name)
    for (const name of ['a', 'b', 'c']) await ops.start(name)
    const next = await ops.leader()
    expect(await ops.settled(next.read(({ total }) => total))).toBe(35)
    const index = await ops.settled(next.snapshot())
    expect(index).toBe(next.status().appliedIndex)
    const backup = await ops.settled(next.backup())
    expect(backup.metadata.index).toBe(index)
  })

  it('count as committed though the word of it was lost with the last life', async () => {
    await using ops = await three(4, often)
    const leader = await ops.leader()
    for (let at = 0; at < 5; at++) await ops.settled(leader.propose(`${at}`))
    await ops.settled(leader.snapshot())
    await ops.kill(leader.member)
    const log = ops.logs.get(leader.member)!
    const { hardState } = log.storage.initialState()
    await log.save({ hardState: { ...hardState, commit: hardState.commit - 2 }, sync: true })
    const back = await ops.start(leader.member)
    expect(back.status().phase).toBe('running')
    expect(await ops.settled(back.read(({ total }) => total))).toBe(5)
  })

  it('are refused, typed, by a member that has nothing yet', async () => {
    await using ops = await three(5)
    const leader = await ops.leader()
    ops.net.filter = (_from, to, frame) => to !== 'd' || frameKind(frame) !== 'message'
    const fresh = await ops.start('d', { join: true })
    await ops.settled(leader.addMember('d', { learner: true }))
    await ops.until(() => fresh.status().phase === 'running')
    expect(fresh.status().appliedIndex).toBe(0)
    await expect(fresh.snapshot()).rejects.toMatchObject({ code: 'raft.no_leader' })
  })

  it('answer a proposal whose entry they have swallowed', async () => {
    await using ops = await three(3, often)
    const leader = await ops.leader()
    const follower = [...ops.members.values()].find((each) => each !== leader)!
    await ops.settled(follower.propose('warm'))
    const third = [...ops.members.keys()].find((name) => name !== leader.member && name !== follower.member)!
    // What it asks arrives, what it is told does not.
    const waiting = follower.with({ timeoutMs: 50_000 }).propose('mine')
    ops.net.filter = (_from, to) => to !== follower.member
    for (let at = 0; at < 40; at++) await ops.settled(leader.propose(`${at}`))
    ops.net.filter = undefined
    await ops.until(() => follower.status().snapshotIndex > 30)
    const { result } = await ops.settled(waiting)
    expect(result).toBeGreaterThan(1)
    expect(await ops.settled(ops.members.get(third)!.read(({ total }) => total))).toBe(42)
  })
})

describe('decisions of a group', () => {
  it('are told once each, in order, from where they are asked for and as they come', async () => {
    await using ops = await three()
    const leader = await ops.leader()
    const session = await ops.settled(leader.session())
    await ops.settled(leader.with({ session }).propose('one'))
    await ops.settled(leader.with({ retry: { session: session.id, sequence: 1 } }).propose('one'))
    const follower = [...ops.members.values()].find((each) => each !== leader)!
    const seen: Decision<string>[] = []
    const ending = new AbortController()
    const reading = (async () => {
      for await (const each of follower.decisions({ from: 1, signal: ending.signal })) seen.push(each)
    })()
    await ops.settled(leader.propose('two'))
    await ops.until(() => seen.length === 2)
    await ops.settled(leader.propose('three'))
    await ops.until(() => seen.length === 3)
    expect(seen.map(({ command }) => command)).toEqual(['one', 'two', 'three'])
    ending.abort()
    await expect(reading).rejects.toMatchObject({ code: 'base.aborted' })
  })

  it('below the compaction are refused, typed, with the first index that is there', async () => {
    await using ops = await three(1, often)
    const leader = await ops.leader()
    for (let at = 0; at < 30; at++) await ops.settled(leader.propose(`${at}`))
    await ops.clock.advance(100)
    const error = await ops
      .settled(leader.decisions({ from: 1 })[Symbol.asyncIterator]().next())
      .catch((thrown: unknown) => thrown as { code: string; firstIndex: number })
    expect(error).toMatchObject({ code: 'raft.compacted' })
    const { firstIndex } = error as { firstIndex: number }
    const next = await ops.settled(leader.decisions({ from: firstIndex })[Symbol.asyncIterator]().next())
    expect((next.value as Decision<string>).index).toBeGreaterThanOrEqual(firstIndex)
  })
})

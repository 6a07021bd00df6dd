/** Who belongs to a group: founding, joining, leaving, and stores that were lost. */
import { describe, expect, it } from 'vitest'
import { InvalidArgument } from '../../src/base/error.ts'
import type { Transport } from '../../src/raft/transport.ts'
import { group, three } from './replica-kit.ts'

describe('members of a group', () => {
  it('found one group, though each is started at another time and again in the midst of it', async () => {
    for (let seed = 1; seed <= 8; seed++) {
      await using ops = group(['a', 'b', 'c'], seed)
      await ops.start('a')
      await ops.clock.advance(100 * seed)
      await ops.start('b')
      await ops.clock.advance(130 * seed)
      await ops.kill('a')
      await ops.start('c')
      await ops.clock.advance(70 * seed)
      await ops.start('a')
      const leader = await ops.leader()
      await ops.until(() => [...ops.members.values()].every((each) => each.leader()?.name === leader.member))
      expect(new Set([...ops.members.values()].map((each) => each.status().groupId)).size).toBe(1)
    }
  })

  it('found no second group when a store is lost in the midst of the founding', async () => {
    for (let seed = 1; seed <= 12; seed++) {
      await using ops = group(['a', 'b', 'c'], seed)
      for (const name of ['a', 'b', 'c']) await ops.start(name)
      for (let steps = 0; steps < seed; steps++) await Promise.resolve()
      await ops.kill('b')
      ops.logs.delete('b')
      await ops.start('b')
      await ops.leader()
      await ops.until(() => [...ops.members.values()].every((each) => each.leader() !== undefined))
      expect(new Set([...ops.members.values()].map((each) => each.status().groupId)).size).toBe(1)
    }
  })

  it('found no group that others might not know: two tokens of one name never make two groups', async () => {
    await using ops = group(['a', 'b', 'c'])
    ops.net.cut(['b'], ['c'])
    // Nobody is told that a group exists, if one does: that is what hello answers are for.
    ops.net.filter = (_from, _to, frame) => frame[0] !== 3
    for (const name of ['a', 'c', 'b']) await ops.start(name)
    await ops.clock.advance(3000)
    // All that a knows would make a group with the first store of b, all that c will know one with the second.
    await ops.kill('b')
    ops.logs.delete('b')
    ops.net.heal()
    ops.net.cut(['a'], ['b', 'c'])
    await ops.start('b')
    await ops.clock.advance(3000)
    ops.net.heal()
    ops.net.filter = undefined
    await ops.leader()
    await ops.until(() => [...ops.members.values()].every((each) => each.leader() !== undefined))
    expect(new Set([...ops.members.values()].map((each) => each.status().groupId)).size).toBe(1)
  })

  it('add one that joins: as a learner, and as a voter once it has caught up', async () => {
    await using ops = await three()
    const leader = await ops.leader()
    for (let at = 0; at < 10; at++) await ops.settled(leader.propose(`${at}`))
    const d = await ops.start('d', { join: true })
    await ops.clock.advance(3000)
    expect(d.diagnose()).toMatchObject([{ code: 'waiting_to_join' }])
    await ops.settled(leader.addMember('d', { learner: true }))
    await ops.until(() => d.status().role === 'learner' && d.status().appliedIndex === leader.status().appliedIndex)
    expect(d.diagnose()).toMatchObject([{ code: 'learner' }])
    const follower = [...ops.members.values()].find((each) => each !== leader && each !== d)!
    await ops.settled(follower.promote('d'))
    expect(leader.members().map(({ name, role }) => `${name} ${role}`)).toContain('d voter')
    expect((await ops.settled(d.propose('by d'))).result).toBe(11)
    await ops.kill('d')
    const again = await ops.start('d', { join: true })
    expect(await ops.settled(again.read(({ total }) => total))).toBe(11)
  })

  it('refuse for certain to add one that does not say who it is', async () => {
    await using ops = await three()
    const leader = await ops.leader()
    await expect(ops.settled(leader.addMember('nobody', { timeoutMs: 3000 }))).rejects.toMatchObject({
      code: 'raft.change_refused',
      member: 'nobody',
    })
    await expect(ops.settled(leader.removeMember('nobody'))).rejects.toMatchObject({ code: 'raft.change_refused' })
  })

  it('remove their own leader, and another one leads on', async () => {
    await using ops = await three()
    const leader = await ops.leader()
    await ops.settled(leader.propose('one'))
    const other = [...ops.members.values()].find((each) => each !== leader)!
    await ops.settled(other.removeMember(leader.member))
    await ops.until(() => other.leader() !== undefined && other.leader()!.name !== leader.member)
    expect((await ops.settled(other.propose('two'))).result).toBe(2)
    expect(other.members()).toHaveLength(2)
    await expect(ops.settled(other.removeMember('nobody'))).rejects.toMatchObject({ code: 'raft.change_refused' })
  })

  it('never let one whose store was lost vote as before: it comes back as a learner with another id', async () => {
    await using ops = await three()
    const leader = await ops.leader()
    await ops.settled(leader.propose('one'))
    const lost = [...ops.members.keys()].find((name) => name !== leader.member)!
    const before = ops.members.get(lost)!.status().id
    await ops.kill(lost)
    ops.logs.delete(lost)
    const back = await ops.start(lost)
    await ops.clock.advance(200)
    expect(back.status()).toMatchObject({ phase: 'discovering', role: 'none' })
    expect(back.diagnose()).toMatchObject([{ code: 'rejoining' }])
    await ops.until(() => back.status().role === 'learner')
    expect(back.status().id).toBeGreaterThan(before)
    expect(await ops.settled(back.read(({ done }) => done))).toEqual(['one'])
    await ops.settled(leader.promote(lost))
    expect(leader.members().map(({ role }) => role)).toEqual(['voter', 'voter', 'voter'])
    // The two that never lost anything are not needed both.
    await ops.kill(leader.member)
    expect((await ops.settled(back.propose('two'))).result).toBe(2)
  })

  it('count and drop frames of another group and of somebody else in the name of a member', async () => {
    await using ops = await three()
    const leader = await ops.leader()
    const follower = [...ops.members.values()].find((each) => each !== leader)!
    const third = [...ops.members.values()].find((each) => each !== leader && each !== follower)!
    const frames: Uint8Array[] = []
    ops.net.filter = (from, to, frame) => {
      if (from === leader.member && to === follower.member && frame[0] === 1) frames.push(frame.slice())
      return true
    }
    await ops.until(() => frames.length > 0)
    ops.net.filter = undefined
    const [genuine] = frames
    const before = follower.status().refusedFrames
    // In the name of the leader, but for the id of the group.
    ops.net.filter = (from, to, frame) => {
      if (from === leader.member && to === follower.member && frame[0] === 1) frame[5] = frame[5]! ^ 1
      return true
    }
    await ops.until(() => follower.status().refusedFrames > before)
    ops.net.filter = undefined
    const inject = ops.net.transport().join('ops', 'stranger', {
      frame: () => {},
      unreachable: () => {},
      stream: async () => {},
    })
    const foreign = follower.status().refusedFrames
    inject.send(follower.member, genuine!)
    inject.send(follower.member, new Uint8Array([1, 2, 3]))
    await ops.clock.advance(0)
    expect(follower.status().refusedFrames).toBe(foreign + 2)
    expect((await ops.settled(third.propose('goes on'))).result).toBe(1)
  })

  it('whose address no transport can use harms nobody; one that is given so is refused where it is given', async () => {
    const ops = group(['a', 'b', 'c'], 31)
    const strict = (address: string): Transport => {
      const inner = ops.net.transport()
      const setAddress = (_name: string, given: string) => {
        if (given === 'nowhere') throw new InvalidArgument('address', 'must be one of this transport')
      }
      return { ...inner, address, join: (...args) => ({ ...inner.join(...args), setAddress }) }
    }
    for (const name of ['a', 'b', 'c']) await ops.start(name, { transport: strict('') })
    const leader = await ops.leader()
    await expect(leader.addMember('e', { address: 'nowhere' })).rejects.toMatchObject({ code: 'base.invalid_argument' })
    // It says so itself, and so it gets into the log.
    await ops.start('d', { join: true, transport: strict('nowhere') })
    await ops.settled(leader.addMember('d'))
    expect(leader.members().find(({ name }) => name === 'd')).toMatchObject({ address: 'nowhere', role: 'voter' })
    expect((await ops.settled(leader.propose('one'))).result).toBe(1)
    for (const each of ops.members.values()) expect(each.status().phase).toBe('running')
    await ops[Symbol.asyncDispose]()
  })
})

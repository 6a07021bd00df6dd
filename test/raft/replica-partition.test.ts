/** What a partition does to leadership, and what it must not do: no storm of elections, and no leader without a quorum. */
import { describe, expect, it } from 'vitest'
import { three } from './replica-kit.ts'

const electionTimeoutMs = 1000

describe('a partition', () => {
  it('of one member alone costs no election: not while it lasts, and not when it is over', async () => {
    for (let seed = 1; seed <= 4; seed++) {
      await using ops = await three(seed)
      const leader = await ops.leader()
      await ops.settled(leader.propose('before'))
      const names = [...ops.members.keys()]
      const alone = ops.members.get(names.find((name) => name !== leader.member)!)!
      const { term } = leader.status()
      ops.net.cut(
        [alone.member],
        names.filter((name) => name !== alone.member),
      )
      await ops.clock.advance(electionTimeoutMs * 20)
      expect(alone.leader()).toBeUndefined()
      expect(alone.status().term).toBe(term)
      await ops.settled(leader.propose('meanwhile'))
      ops.net.heal()
      await ops.clock.advance(electionTimeoutMs * 5)
      expect([...ops.members.values()].map((each) => each.leader())).toMatchObject(
        names.map(() => ({ name: leader.member, term })),
      )
    }
  })

  it('of one link alone leaves a leader that all can live with', async () => {
    await using ops = await three(5)
    const leader = await ops.leader()
    const [one, other] = [...ops.members.keys()].filter((name) => name !== leader.member)
    ops.net.cut([one!], [leader.member])
    // The one that is cut off from the leader is let be by the other, which hears the leader: no term is lost on it.
    await ops.clock.advance(electionTimeoutMs * 20)
    expect(leader.leader()).toMatchObject({ self: true, term: leader.status().term })
    expect(ops.members.get(other!)!.leader()?.name).toBe(leader.member)
    expect(ops.members.get(one!)!.status().term).toBe(leader.status().term)
    await ops.settled(leader.propose('all the while'))
  })

  it('that leaves a leader without a quorum ends its leadership', async () => {
    await using ops = await three(6)
    const leader = await ops.leader()
    const { term } = leader.status()
    const others = [...ops.members.keys()].filter((name) => name !== leader.member)
    ops.net.cut([leader.member], others)
    await ops.clock.advance(electionTimeoutMs * 3)
    expect(leader.leader()).toBeUndefined()
    await ops.until(() => others.some((name) => ops.members.get(name)!.leader()?.self === true))
    ops.net.heal()
    await ops.until(() => leader.leader() !== undefined)
    expect(leader.leader()!.term).toBeGreaterThan(term)
    expect(leader.leader()!.self).toBe(false)
  })
})

/** A group as its users hold it: proposals and their outcomes, reads, leaders, on a manual clock. */
import { describe, expect, it } from 'vitest'
import { codeOf } from '../../src/base/error.ts'
import { group, three } from './replica-kit.ts'

describe('a group of three', () => {
  it('founds itself, elects a leader and says the same everywhere', async () => {
    await using ops = await three()
    const leader = await ops.leader()
    await ops.until(() => [...ops.members.values()].every((each) => each.leader()?.name === leader.member))
    const ids = new Set([...ops.members.values()].map((each) => each.status().groupId))
    expect(ids.size).toBe(1)
    expect(leader.members().map(({ id, name, role }) => [id, name, role])).toEqual([
      [1, 'a', 'voter'],
      [2, 'b', 'voter'],
      [3, 'c', 'voter'],
    ])
    expect(leader.diagnose()).toMatchObject([{ code: 'ok' }])
  })

  it('gives the result of a command at the leader and at followers, in one order for all', async () => {
    await using ops = await three()
    const proposals = ['a', 'b', 'c'].map((name) => ops.members.get(name)!.propose(`by ${name}`))
    const outcomes = await ops.settled(Promise.all(proposals))
    expect(outcomes.map(({ result }) => result).toSorted((one, other) => one - other)).toEqual([1, 2, 3])
    const states = await ops.settled(
      Promise.all([...ops.members.values()].map((each) => each.read(({ done }) => done))),
    )
    expect(new Set(states.map((done) => done.join())).size).toBe(1)
    expect(states[0]).toHaveLength(3)
  })

  it('gives what apply threw as a typed result, and nothing changes', async () => {
    await using ops = await three()
    const follower = [...ops.members.values()].find((each) => each.leader()?.self !== true)!
    await expect(ops.settled(follower.propose('refuse'))).rejects.toMatchObject({
      code: 'raft.command_failed',
      cause: { name: 'RangeError' },
    })
    expect(await ops.settled(follower.read(({ total }) => total))).toBe(0)
  })

  it('refuses for certain, typed, what was never given away while there is no quorum', async () => {
    await using ops = await three()
    const leader = await ops.leader()
    const others = [...ops.members.keys()].filter((name) => name !== leader.member)
    await ops.settled(leader.propose('one'))
    ops.net.cut([leader.member], others)
    await ops.until(() => leader.leader() === undefined)
    const refused = leader.propose('never')
    await expect(ops.settled(refused)).rejects.toMatchObject({ code: 'raft.no_quorum', silent: others })
    expect(leader.diagnose()).toMatchObject([{ code: 'no_quorum', members: others }])
    await expect(ops.settled(leader.read(() => 1))).rejects.toMatchObject({ code: 'raft.no_quorum' })
    expect(await leader.read(({ done }) => done, { level: 'stale' })).toEqual(['one'])
    ops.net.heal()
    await ops.until(() => leader.leader() !== undefined)
    expect(await ops.settled(leader.read(({ done }) => done))).toEqual(['one'])
  })

  it('says that an outcome is unknown, and gives the original one for its key', async () => {
    await using ops = await three()
    const leader = await ops.leader()
    await ops.settled(leader.propose('one'))
    // Appends leave, answers do not come: the others have the entry, and this leader cannot know.
    ops.net.filter = (_from, to) => to !== leader.member
    const lost = leader.with({ timeoutMs: 500 }).propose('two')
    const error = await ops.settled(lost).then(
      () => undefined,
      (thrown: unknown) => thrown as { code: string; key: { session: number; sequence: number } },
    )
    expect(error).toMatchObject({ code: 'raft.outcome_unknown' })
    const next = [...ops.members.values()].find((each) => each !== leader)!
    await ops.until(() => next.leader() !== undefined && next.leader()!.name !== leader.member)
    ops.net.filter = undefined
    const again = await ops.settled(next.with({ retry: error!.key }).propose('two'))
    expect(again.result).toBe(2)
    const once = await ops.settled(next.with({ retry: error!.key }).propose('two'))
    expect(once).toEqual(again)
    expect(await ops.settled(leader.read(({ done }) => done))).toEqual(['one', 'two'])
  })

  it('applies a proposal once though its leader is lost in the midst of it', async () => {
    for (let seed = 1; seed <= 12; seed++) {
      await using ops = await three(seed)
      const leader = await ops.leader()
      const follower = [...ops.members.values()].find((each) => each !== leader)!
      const work = Promise.all(['one', 'two', 'three', 'four'].map((each) => follower.propose(each)))
      for (let steps = 0; steps < seed; steps++) await Promise.resolve()
      await ops.kill(leader.member)
      const outcomes = await ops.settled(work)
      expect(outcomes.map(({ result }) => result).toSorted((one, other) => one - other)).toEqual([1, 2, 3, 4])
      expect(await ops.settled(follower.read(({ total }) => total))).toBe(4)
    }
  })

  it('keeps all that was answered when all are started again from their logs', async () => {
    await using ops = await three()
    const leader = await ops.leader()
    for (let at = 0; at < 20; at++) await ops.settled(leader.propose(`${at}`))
    for (const name of ['a', 'b', 'c']) await ops.kill(name)
    for (const name of ['a', 'b', 'c']) await ops.start(name)
    const next = await ops.leader()
    expect(await ops.settled(next.read(({ total }) => total))).toBe(20)
    expect((await ops.settled(next.propose('more'))).result).toBe(21)
  })

  it('hands leadership over, tells watchers, and the fencing token grows', async () => {
    await using ops = await three()
    const leader = await ops.leader()
    const to = [...ops.members.keys()].find((name) => name !== leader.member)!
    const follower = ops.members.get(to)!
    const before = leader.leader()!.fencing
    const seen: (string | undefined)[] = []
    void (async () => {
      for await (const change of follower.watchLeader()) seen.push(change?.name)
    })()
    await ops.settled(follower.transferLeadership(to))
    expect(follower.leader()).toMatchObject({ name: to, self: true })
    expect(follower.leader()!.fencing).toBeGreaterThan(before)
    await ops.until(() => seen.at(-1) === to)
    expect(seen[0]).toBe(leader.member)
  })

  it('refuses more than the backlog, at once and typed', async () => {
    await using ops = group(['a', 'b', 'c'], 1, { backlogMax: 4 })
    const alone = await ops.start('a')
    const waiting = [1, 2, 3, 4].map((each) => alone.propose(`${each}`))
    for (const each of waiting) each.catch(() => {})
    await expect(alone.propose('5')).rejects.toMatchObject({ code: 'raft.backlog_full', max: 4 })
    expect(alone.diagnose()).toMatchObject([{ code: 'waiting_for_members', members: ['b', 'c'] }])
    await expect(ops.settled(waiting[0]!)).rejects.toMatchObject({ code: 'raft.no_leader' })
  })

  it('of a group with leases takes its round all the same unless it asks for less, at the leader and from a follower', async () => {
    await using ops = await three(11, { lease: true })
    const leader = await ops.leader()
    const follower = [...ops.members.values()].find((each) => each !== leader)!
    await ops.settled(leader.propose('one'))
    const rounds: string[] = []
    ops.net.filter = (from) => {
      if (from === leader.member) rounds.push(from)
      return true
    }
    const count = async (member: typeof leader, level: 'lease' | 'linearizable'): Promise<number> => {
      // Heartbeats are answered, and so there is a lease.
      await ops.clock.advance(500)
      rounds.length = 0
      expect(await member.read(({ total }) => total, { level })).toBe(1)
      return rounds.length
    }
    // No time passes: whatever is sent belongs to the read.
    expect(await count(leader, 'lease')).toBe(0)
    expect(await count(leader, 'linearizable')).toBeGreaterThanOrEqual(2)
    expect(await count(follower, 'lease')).toBe(1)
    expect(await count(follower, 'linearizable')).toBeGreaterThanOrEqual(3)
    ops.net.filter = undefined
    const others = [...ops.members.keys()].filter((name) => name !== leader.member)
    ops.net.cut([leader.member], others)
    expect(await leader.read(({ total }) => total, { level: 'lease' })).toBe(1)
    const strict = leader.with({ timeoutMs: 300 }).read(({ total }) => total)
    expect(codeOf(await ops.settled(strict.catch((error: unknown) => error)))).toMatch(/^raft\.no_/)
  })
})

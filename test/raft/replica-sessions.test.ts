/** Sessions of clients of a group: their end, their answers, and what is said when neither is known. */
import { describe, expect, it } from 'vitest'
import { group, three } from './replica-kit.ts'

const short = { sessionTimeoutMs: 5000 }

describe('a session', () => {
  it('that was idle for longer than its timeout is over, by the time in the log, and nothing was applied', async () => {
    await using ops = await three(1, short)
    const leader = await ops.leader()
    const session = await ops.settled(leader.session({ idleTimeoutMs: 2000 }))
    await ops.settled(leader.with({ session }).propose('one'))
    await ops.clock.advance(3000)
    await expect(ops.settled(leader.with({ session }).propose('two'))).rejects.toMatchObject({
      code: 'raft.session_expired',
      session: session.id,
      earlier: false,
    })
    const key = { session: session.id, sequence: 1 }
    await expect(ops.settled(leader.with({ retry: key }).propose('one'))).rejects.toMatchObject({
      code: 'raft.session_expired',
      earlier: true,
    })
    expect(await ops.settled(leader.read(({ done }) => done))).toEqual(['one'])
  })

  it('of the replica itself that is over gives way to a new one, and its user sees nothing of it', async () => {
    await using ops = await three(2, short)
    const leader = await ops.leader()
    await ops.settled(leader.propose('one'))
    const before = leader.status().sessions
    // Its clock stands for the leader's: the log jumps ahead, while the replica thinks that it has just used its session.
    ops.clock.setNow(ops.clock.now() + 60_000)
    expect((await ops.settled(leader.propose('two'))).result).toBe(2)
    expect(leader.status().sessions).toBe(before)
    expect(await ops.settled(leader.read(({ done }) => done))).toEqual(['one', 'two'])
  })

  it('that waits for an election is registered once, at the next leader and from the others', async () => {
    await using ops = group(['a', 'b', 'c'], 9)
    const members = await Promise.all(['a', 'b', 'c'].map((name) => ops.start(name)))
    const sessions = await Promise.all(members.map((each) => ops.settled(each.session())))
    expect(new Set(sessions.map(({ id }) => id)).size).toBe(3)
    await ops.until(() => members.every((each) => each.status().appliedIndex === members[0]!.status().appliedIndex))
    expect(members.map((each) => each.status().sessions)).toEqual([3, 3, 3])
  })

  it('that is closed is over for everybody', async () => {
    await using ops = await three(3)
    const leader = await ops.leader()
    const session = await ops.settled(leader.session())
    await ops.settled(leader.with({ session }).propose('one'))
    await ops.settled(session.close())
    await expect(leader.with({ session }).propose('two')).rejects.toMatchObject({ code: 'base.invalid_argument' })
    const other = [...ops.members.values()].find((each) => each !== leader)!
    const key = { session: session.id, sequence: 1 }
    await expect(ops.settled(other.with({ retry: key }).propose('one'))).rejects.toMatchObject({
      code: 'raft.session_expired',
    })
  })

  it('forgets an answer once a later proposal says that it came, and says so', async () => {
    await using ops = await three(4)
    const leader = await ops.leader()
    const session = await ops.settled(leader.session())
    await ops.settled(leader.with({ session }).propose('one'))
    await ops.settled(leader.with({ session }).propose('two'))
    const key = { session: session.id, sequence: 1 }
    await expect(ops.settled(leader.with({ retry: key }).propose('one'))).rejects.toMatchObject({
      code: 'raft.answer_forgotten',
      key,
    })
  })
})

describe('a call', () => {
  it('that is aborted before it was given away was certainly not applied', async () => {
    await using ops = await three(5)
    const leader = await ops.leader()
    const ending = new AbortController()
    ending.abort()
    await expect(leader.with({ signal: ending.signal }).propose('one')).rejects.toMatchObject({ code: 'base.aborted' })
    await expect(leader.with({ signal: ending.signal }).read(() => 1)).rejects.toMatchObject({ code: 'base.aborted' })
    expect(await ops.settled(leader.read(({ total }) => total))).toBe(0)
  })

  it('with an option, a level or a command that cannot be is refused by name', async () => {
    await using ops = await three(6, { commandMaxBytes: 100 })
    const leader = await ops.leader()
    expect(() => leader.with({ timeoutMs: 0 })).toThrow(/timeoutMs/)
    expect(() => leader.with({ retries: 3 } as never)).toThrow(/retries/)
    await expect(leader.read(() => 1, { level: 'strong' as never })).rejects.toMatchObject({
      code: 'base.invalid_argument',
    })
    await expect(leader.propose('x'.repeat(200))).rejects.toMatchObject({ code: 'base.limit_exceeded' })
  })
})

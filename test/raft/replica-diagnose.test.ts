/** What a leader says of members that are silent or behind, and of a full backlog. */
import { describe, expect, it } from 'vitest'
import { three } from './replica-kit.ts'

const codes = (findings: readonly { readonly code: string }[]) => findings.map(({ code }) => code)

describe('a leader', () => {
  it('tells how far each of the others is, and which of them is not heard of', async () => {
    await using ops = await three(4)
    const leader = await ops.leader()
    await ops.settled(leader.propose('one'))
    await ops.until(() => leader.status().followers.every(({ lagEntries }) => lagEntries === 0))
    const { lastIndex, term, fencing, followers, logBytes } = leader.status()
    expect(fencing).toBe(term)
    expect(logBytes).toBeGreaterThan(0)
    const others = [...ops.members.keys()].filter((name) => name !== leader.member)
    expect(followers.map(({ name, matchIndex, heard }) => ({ name, matchIndex, heard }))).toEqual(
      others.map((name) => ({ name, matchIndex: lastIndex, heard: true })),
    )
    const [silent = ''] = others
    expect(ops.members.get(silent)!.status()).toMatchObject({ followers: [], fencing })
    await ops.kill(silent)
    await ops.until(() => codes(leader.diagnose()).includes('member_silent'))
    expect(leader.diagnose()).toMatchObject([{ code: 'member_silent', members: [silent] }])
    expect((await ops.settled(leader.propose('two'))).result).toBe(2)
  })

  it('tells which member is behind though it is heard of, and that proposals pile up', async () => {
    await using ops = await three(6, { backlogMax: 4 })
    const leader = await ops.leader()
    const [slow = '', other = ''] = [...ops.members.keys()].filter((name) => name !== leader.member)
    // Heartbeats reach it, and nothing of any size does.
    ops.net.filter = (_from, to, frame) => to !== slow || frame.length < 400
    const much = 'x'.repeat(500)
    for (let at = 0; at < 1010; at++) await ops.settled(leader.propose(much))
    expect(leader.diagnose()).toMatchObject([{ code: 'lagging', members: [slow] }])
    ops.net.filter = undefined
    await ops.until(() => codes(leader.diagnose()).join('') === 'ok')
    ops.net.cut([leader.member], [slow, other])
    const waiting = [1, 2, 3].map((at) =>
      leader
        .with({ timeoutMs: 1 })
        .propose(`late ${at}`)
        .catch(() => {}),
    )
    expect(codes(leader.diagnose())).toContain('backlog')
    await ops.settled(Promise.all(waiting))
  })
})

/** A group whose disks stall or fail. */
import { describe, expect, it } from 'vitest'
import type { LogStore, SaveRequest } from '../../src/raft/log-store.ts'
import { logMemory } from '../../src/raft/log-memory.ts'
import { group } from './replica-kit.ts'

interface Stalling {
  readonly log: LogStore
  stall(): void
  resume(): void
  fail(): void
  /** Of the next save with entries the hard state alone is kept, and it never resolves, nor does any behind it. */
  tear(): void
  readonly torn: boolean
  /** As for a member that is started again. */
  reopen(): void
}

/** A log in memory whose saves can be held back, in their order, or fail. */
function stalling(member: string): Stalling {
  const log = logMemory({ group: 'ops', member })
  let gate: Promise<void> | undefined
  let open = () => {}
  let failing = false
  let tearing: 'no' | 'next' | 'done' = 'no'
  const save = log.save.bind(log)
  let last: Promise<void> = Promise.resolve()
  const after = async (before: Promise<void>, request: SaveRequest): Promise<void> => {
    await before
    await gate
    if (failing) throw new Error('the disk is gone')
    if (tearing === 'next' && (request.entries?.length ?? 0) > 0) {
      tearing = 'done'
      await save({ hardState: request.hardState, sync: true })
      await new Promise(() => {})
    }
    await save(request)
  }
  log.save = (request: SaveRequest) => {
    last = after(last, request)
    return last
  }
  return {
    log,
    stall: () => {
      gate = new Promise((resolve) => (open = resolve))
    },
    resume: () => {
      open()
      gate = undefined
    },
    fail: () => {
      failing = true
    },
    tear: () => {
      tearing = 'next'
    },
    get torn() {
      return tearing === 'done'
    },
    reopen: () => {
      last = Promise.resolve()
    },
  }
}

async function threeDisks(seed: number) {
  const ops = group(['a', 'b', 'c'], seed)
  const disks = new Map<string, Stalling>()
  for (const name of ['a', 'b', 'c']) {
    disks.set(name, stalling(name))
    ops.logs.set(name, disks.get(name)!.log)
    await ops.start(name)
  }
  const leader = await ops.leader()
  await ops.settled(leader.propose('one'))
  return { ops, disks, leader }
}

describe('a stalled disk', () => {
  it('of a leader: its heartbeats go on, it says so and hands leadership over', async () => {
    const { ops, disks, leader } = await threeDisks(1)
    await using _closed = ops
    const others = [...ops.members.values()].filter((each) => each !== leader)
    disks.get(leader.member)!.stall()
    const waiting = others[0]!.with({ timeoutMs: 30_000 }).propose('two')
    await ops.clock.advance(700)
    expect(others[0]!.leader()?.name).toBe(leader.member)
    await ops.until(() => others.every((each) => each.leader() !== undefined && each.leader()!.name !== leader.member))
    expect(leader.diagnose().map(({ code }) => code)).toContain('log_stalled')
    expect((await ops.settled(waiting)).result).toBe(2)
    disks.get(leader.member)!.resume()
    await ops.until(() => leader.status().appliedIndex === others[0]!.status().appliedIndex)
    expect(leader.diagnose()).toMatchObject([{ code: 'ok' }])
  })

  it('of a follower: nothing is acknowledged for it, and the others decide without it', async () => {
    const { ops, disks, leader } = await threeDisks(2)
    await using _closed = ops
    const slow = [...ops.members.values()].find((each) => each !== leader)!
    disks.get(slow.member)!.stall()
    expect((await ops.settled(leader.propose('two'))).result).toBe(2)
    const third = [...ops.members.values()].find((each) => each !== leader && each !== slow)!
    ops.net.cut([third.member], [leader.member, slow.member])
    const lost = leader.with({ timeoutMs: 400 }).propose('three')
    await expect(ops.settled(lost)).rejects.toMatchObject({ code: 'raft.outcome_unknown' })
  })

  it('that fails stops the member for good, and every call says so', async () => {
    const { ops, disks, leader } = await threeDisks(3)
    await using _closed = ops
    disks.get(leader.member)!.fail()
    const lost = leader.propose('two')
    await expect(ops.settled(lost)).rejects.toMatchObject({ code: 'raft.outcome_unknown' })
    await expect(leader.propose('three')).rejects.toMatchObject({ code: 'raft.replica_failed' })
    await expect(leader.read(() => 1)).rejects.toMatchObject({ code: 'raft.replica_failed' })
    expect(leader.diagnose()).toMatchObject([{ code: 'failed' }])
    const other = [...ops.members.values()].find((each) => each !== leader)!
    await ops.until(() => other.leader() !== undefined && other.leader()!.name !== leader.member)
    const { result } = await ops.settled(other.propose('three'))
    expect([2, 3]).toContain(result)
  })

  it('that keeps the word of a commit and not what it commits, of a save that power tore, does no harm', async () => {
    const { ops, disks, leader } = await threeDisks(4)
    await using _closed = ops
    const names = [...ops.members.keys()]
    const late = names.find((name) => name !== leader.member)!
    ops.net.cut(
      [late],
      names.filter((name) => name !== late),
    )
    for (const command of ['two', 'three', 'four']) await ops.settled(leader.propose(command))
    disks.get(late)!.tear()
    ops.net.heal()
    await ops.until(() => disks.get(late)!.torn)
    await ops.clock.advance(200)
    await ops.kill(late)
    disks.get(late)!.reopen()
    const back = await ops.start(late)
    await ops.until(() => back.status().appliedIndex === leader.status().appliedIndex)
    expect(back.status().phase).toBe('running')
    expect(await ops.settled(back.read(({ total }) => total))).toBe(4)
  })
})

/** Reads by lease when a leader was stopped for a while, as by SIGSTOP: what came meanwhile may be seen before any timer. */
import { describe, expect, it } from 'vitest'
import type { Clock, Timer } from '../../src/base/clock.ts'
import type { ManualClock } from '../../src/base/manual-clock.ts'
import { group } from './replica-kit.ts'

const names = ['a', 'b', 'c', 'd', 'e']

/** A member's clock: while it is stopped time passes and no timer calls back. */
function stoppable(clock: ManualClock): { readonly clock: Clock; stop(): void; go(): void } {
  let stopped = false
  const kept: (() => void)[] = []
  return {
    clock: {
      now: () => clock.now(),
      monotonicMs: () => clock.monotonicMs(),
      timer: (delayMs, callback): Timer => {
        let cancelled = false
        const call = () => {
          if (!cancelled) callback()
        }
        const timer = clock.timer(delayMs, () => (stopped ? void kept.push(call) : call()))
        return {
          cancel: () => {
            cancelled = true
            timer.cancel()
          },
        }
      },
    },
    stop: () => {
      stopped = true
    },
    go: () => {
      stopped = false
      for (const call of kept.splice(0)) call()
    },
  }
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

/** Undefined when chance did not come to the case. */
async function readAtStoppedLeader(seed: number): Promise<number | undefined> {
  await using ops = group(names, seed, { lease: true })
  const clocks = new Map(names.map((name) => [name, stoppable(ops.clock)]))
  for (const name of names) await ops.start(name, { clock: clocks.get(name)!.clock })
  const leader = await ops.leader()
  await ops.settled(leader.propose('old'))
  await ops.settled(leader.read(({ total }) => total, { level: 'lease' }))
  const [near, ...far] = names.filter((name) => name !== leader.member)
  ops.net.cut([leader.member, near!], far)
  const toLeader: (() => void)[] = []
  let to = ''
  ops.net.filter = (_from, each) => {
    to = each
    return true
  }
  ops.net.carry = (deliver) => void (to === leader.member ? toLeader.push(deliver) : queueMicrotask(deliver))
  clocks.get(leader.member)!.stop()
  const reader = ops.members.get(near!)!
  const next = () => far.map((name) => ops.members.get(name)!).find((each) => each.leader()?.self === true)
  for (let passed = 0; next() === undefined && passed < 5000; passed += 10) await ops.clock.advance(10)
  const newLeader = next()!
  const proposing = newLeader.propose('new')
  for (let passed = 0; newLeader.status().waiting > 0 && passed < 300; passed += 10) await ops.clock.advance(10)
  if (reader.leader()?.name !== leader.member || newLeader.status().waiting > 0) {
    proposing.catch(() => {})
    return undefined
  }
  await proposing
  const reading = reader.with({ timeoutMs: 60_000 }).read(({ total }) => total, { level: 'lease' })
  await turn()
  for (const deliver of toLeader.splice(0)) deliver()
  await turn()
  ops.net.carry = undefined
  clocks.get(leader.member)!.go()
  await turn()
  ops.net.heal()
  return await ops.settled(reading)
}

describe('a lease of a leader that was stopped', () => {
  it('serves no read of a follower that comes before the first tick', async () => {
    const seen: (number | undefined)[] = []
    for (let seed = 1; seed <= 12; seed++) seen.push(await readAtStoppedLeader(seed))
    const read = seen.filter((total) => total !== undefined)
    expect(read.length).toBeGreaterThan(0)
    expect(read).toEqual(read.map(() => 2))
  })
})

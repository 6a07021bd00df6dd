/** An election for those who want only a leader: one at a time, with a token that grows. */
import { describe, expect, it } from 'vitest'
import { manualClock } from '../../src/base/manual-clock.ts'
import { seededRandom } from '../../src/base/random.ts'
import { type Election, electionMachine, electionOf } from '../../src/raft/election.ts'
import { logMemory } from '../../src/raft/log-memory.ts'
import { createRaft } from '../../src/raft/replica.ts'
import { loopback } from './loopback.ts'

async function candidates() {
  const net = loopback()
  const clock = manualClock()
  const names = ['a', 'b', 'c']
  const elections = new Map<string, Election>()
  for (const name of names) {
    const raft = await createRaft({
      group: 'coordinator',
      member: name,
      members: names,
      machine: electionMachine,
      log: logMemory({ group: 'coordinator', member: name }),
      transport: net.transport(),
      clock,
      random: seededRandom(name),
    })
    elections.set(name, electionOf(raft))
  }
  const settled = async <T>(work: Promise<T>): Promise<T> => {
    const state = { over: false }
    const end = () => void (state.over = true)
    work.then(end, end)
    for (let steps = 0; !state.over && steps < 2000; steps++) await clock.advance(20)
    return work
  }
  return { net, clock, elections, settled }
}

describe('an election', () => {
  it('has one leader at a time, whose token is higher than all before, and who is told when it is over', async () => {
    const { net, clock, elections, settled } = await candidates()
    const first = await settled(
      Promise.any(Array.from(elections, async ([name, each]) => ({ name, leadership: await each.lead() }))),
    )
    expect(elections.get(first.name)!.leader()).toMatchObject({ name: first.name, self: true })
    const others = [...elections.keys()].filter((name) => name !== first.name)
    net.cut([first.name], others)
    const second = await settled(
      Promise.any(
        others.map(async (name) => ({ name, leadership: await elections.get(name)!.lead({ timeoutMs: 30_000 }) })),
      ),
    )
    expect(second.leadership.fencing).toBeGreaterThan(first.leadership.fencing)
    for (let steps = 0; steps < 200; steps++) await clock.advance(20)
    expect(first.leadership.signal.aborted).toBe(true)
    expect(second.leadership.signal.aborted).toBe(false)
    for (const each of elections.values()) await each.close()
    await clock.advance(0)
    expect(second.leadership.signal.aborted).toBe(true)
  })

  it('gives leadership to who campaigns, and to another when its leader resigns', async () => {
    const { elections, settled } = await candidates()
    const wanted = elections.get('b')!
    const leadership = await settled(wanted.lead({ timeoutMs: 30_000 })).catch(() => undefined)
    const mine = leadership ?? (await settled(wanted.lead({ campaign: true })))
    expect(wanted.leader()?.name).toBe('b')
    await settled(wanted.resign())
    expect(wanted.leader()?.name).not.toBe('b')
    expect(mine.signal.aborted).toBe(true)
    for (const each of elections.values()) await each.close()
  })
})

/** `colloquy raft demo` over members that lose, double or keep what they acknowledge: what it says of them, and what it refuses. */
import { describe, expect, it } from 'vitest'
import { systemEntropy } from '../../src/base/entropy.ts'
import { systemClock } from '../../src/base/system-clock.ts'
import type { DemoAnswer, DemoCluster, DemoMember } from '../../src/cli/raft-demo-cluster.ts'
import { demoCommand } from '../../src/cli/raft-demo.ts'
import { held } from './bus-kit.ts'

const nextTurn = () => new Promise((resolve) => setImmediate(resolve))

interface Faults {
  readonly loses?: number
  readonly doubles?: number
  /** Answers each proposal first with an unknown outcome and a key, and applies it. */
  readonly unknownFirst?: boolean
  /** Those that are asked end before they answer, from this proposal on until a member was killed. */
  readonly mute?: number
  readonly trouble?: string
}

/** Members of one state, which is what it is by their faults. */
class FakeCluster implements DemoCluster {
  readonly folder = '/nowhere'
  readonly names = ['a', 'b', 'c']
  readonly counts = new Map<number, number>()
  readonly trouble: string | undefined
  readonly killed: string[] = []
  disposed = false
  #down: string | undefined
  #term = 1
  readonly #faults: Faults

  constructor(faults: Faults) {
    this.#faults = faults
    this.trouble = faults.trouble
  }

  running(): readonly DemoMember[] {
    return this.names.filter((name) => name !== this.#down).map((name) => this.#member(name))
  }

  member(name: string): DemoMember | undefined {
    return name === this.#down ? undefined : this.#member(name)
  }

  start(name: string): Promise<DemoMember> {
    this.#down = undefined
    return Promise.resolve(this.#member(name))
  }

  kill(name: string): Promise<void> {
    this.#down = name
    this.#term++
    this.killed.push(name)
    return Promise.resolve()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.disposed = true
  }

  #member(name: string): DemoMember {
    const leader = this.names.find((each) => each !== this.#down)!
    const propose = this.#propose.bind(this)
    const role = name === leader ? 'leader' : 'follower'
    return {
      name,
      pid: 1,
      status: { role, leader, term: this.#term, commitIndex: this.counts.size },
      async propose(proposal, retry) {
        await nextTurn()
        return propose(proposal, retry !== undefined)
      },
      count: async () => ({ call: 0, counts: [...this.counts] }),
    }
  }

  #propose(proposal: number, again: boolean): DemoAnswer | undefined {
    const { loses, doubles, unknownFirst, mute } = this.#faults
    if (proposal === mute) return undefined
    if (proposal !== loses) this.counts.set(proposal, proposal === doubles ? 2 : 1)
    if (unknownFirst && !again)
      return { call: 0, code: 'raft.outcome_unknown', retry: { session: 1, sequence: proposal + 1 } }
    return { call: 0, term: this.#term }
  }
}

async function demo(faults: Faults, ...args: string[]) {
  const cluster = new FakeCluster(faults)
  const stdout = held()
  const world = { clock: systemClock, entropy: systemEntropy }
  const command = demoCommand(world, () => Promise.resolve(cluster))
  const context = { stdout, stderr: stdout, signal: new AbortController().signal }
  const code = await command.run(args, context).catch((error: unknown) => (error as { code: string }).code)
  return { code, out: stdout.text, cluster }
}

const few = ['--proposals', '40', '--kills', '0'] as const

describe('colloquy raft demo over members of a test', () => {
  it('says that all was kept, with exit code 0', async () => {
    const { code, out, cluster } = await demo({}, ...few)
    expect(code).toBe(0)
    expect(out).toMatch(/present +40, on each of the 3 members\nlost +0\ndoubled +0\n/)
    expect(cluster.disposed).toBe(true)
  })

  it('says what was lost, with exit code 1', async () => {
    const { code, out } = await demo({ loses: 7 }, ...few)
    expect(code).toBe(1)
    expect(out).toMatch(/present +39, .*\nlost +1\ndoubled +0\n/)
  })

  it('says what was doubled, with exit code 1', async () => {
    const { code, out } = await demo({ doubles: 7 }, ...few, '--json')
    expect(code).toBe(1)
    expect(JSON.parse(out.trim().split('\n').at(-1)!)).toMatchObject({ event: 'summary', lost: 0, doubled: 1 })
  })

  it('asks again by its key where the outcome is unknown', async () => {
    const { code, out } = await demo({ unknownFirst: true }, ...few)
    expect(code).toBe(0)
    expect(out).toMatch(/asked again +40, by their key\n/)
  })

  it('tells what a killed member never answered from what was acknowledged', async () => {
    const { code, out } = await demo({ mute: 3 }, ...few)
    expect(code).toBe(0)
    expect(out).toMatch(/acknowledged +39 .*\npresent +39/)
    expect(out).toMatch(/unanswered +1 at a killed member, 0 of them applied/)
  })

  it('kills the leader as often as it is told', async () => {
    const { code, cluster } = await demo({}, '--proposals', '300', '--kills', '2')
    expect(code).toBe(0)
    expect(cluster.killed).toEqual(['a', 'a'])
  })

  it('fails, with the reason, when a member ended by itself', async () => {
    const { code, cluster } = await demo({ trouble: 'the member b ended by itself' }, ...few)
    expect(code).toBe('cli.raft_demo_failed')
    expect(cluster.disposed).toBe(true)
  })

  it.each([
    [['--members', '2']],
    [['--members', '8']],
    [['--kills', '101']],
    [['--seconds', '0']],
    [['--proposals', '100001']],
    [['--proposals', '199']],
    [['--proposals', '200', '--seconds', '5']],
    [['--kill', '1']],
    [['extra']],
  ])('refuses %j as wrong use', async (args) => {
    expect((await demo({}, ...args)).code).toBe('cli.usage')
  })
})

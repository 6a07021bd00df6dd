/**
 * Leases in a small world of ticks: leaders are cut off, messages are late or lost, members restart, leadership is handed
 * over. No read may give an index below what was committed anywhere when it was asked for (thesis 6.4). The linearizability of
 * whole groups, disks and all, is test/raft/simulation/.
 */
import { describe, expect, it } from 'vitest'
import { codeOf } from '../../../src/base/error.ts'
import { type Random, seededRandom } from '../../../src/base/random.ts'
import type { ReadOnlyOption } from '../../../src/raft/core/config.ts'
import type { Message } from '../../../src/raft/core/message.ts'
import { Cluster, bytes, text } from './cluster.ts'

interface Run {
  readonly reads: number
  /** Of each read that was given too low an index, what it was. */
  readonly stale: readonly string[]
  /** How often somebody still thought to be leader when another one had committed more. */
  readonly outdatedLeaders: number
}

class LeaseWorld {
  readonly #random: Random
  readonly #cluster: Cluster
  readonly #ids: readonly number[]
  /** With the tick at which each arrives. */
  #late: { readonly at: number; readonly message: Message }[] = []
  #cutOff: ReadonlySet<number> = new Set()
  /** What was committed anywhere when the read of this number was asked for. */
  readonly #committed: number[] = []
  #highest = 0
  #reads = 0
  readonly #stale: string[] = []
  #outdated = 0

  constructor(seed: number, readOnlyOption: ReadOnlyOption) {
    this.#random = seededRandom(`lease ${seed}`)
    const preVote = this.#chance(2)
    const electionTick = this.#chance(2) ? 5 : 10
    this.#cluster = new Cluster(this.#chance(2) ? 3 : 5, { readOnlyOption, checkQuorum: true, preVote, electionTick })
    this.#ids = [...this.#cluster.members.keys()]
  }

  run(ticks: number): Run {
    for (let now = 0; now < ticks; now++) {
      if (this.#chance(30)) this.#cut()
      if (this.#chance(40)) this.#cutOff = new Set()
      for (const id of this.#random.shuffle(this.#ids)) this.#turn(id, now)
    }
    return { reads: this.#reads, stale: this.#stale, outdatedLeaders: this.#outdated }
  }

  #chance(oneIn: number): boolean {
    return this.#random.integer(oneIn) === 0
  }

  /** Most often a leader: only they can be outdated. */
  #cut(): void {
    const [leader] = this.#cluster.leaders
    const some = this.#ids.filter(() => this.#chance(3))
    this.#cutOff = new Set(leader !== undefined && !this.#chance(3) ? [leader.id] : some)
  }

  #turn(id: number, now: number): void {
    const member = this.#cluster.at(id)
    member.node.tick()
    for (let round = 0; round < 3; round++) {
      for (const message of member.work()) this.#carry(message, now)
      const due = ({ at, message }: { readonly at: number; readonly message: Message }) =>
        at <= now && message.to === id
      const arrived = this.#late.filter(due)
      this.#late = this.#late.filter((each) => !due(each))
      for (const { message } of arrived) ignoringRefusals(() => member.node.step(message))
    }
    this.#check(id)
    this.#ask(id)
  }

  #carry(message: Message, now: number): void {
    if (this.#cutOff.has(message.from) !== this.#cutOff.has(message.to) || this.#chance(20)) return
    this.#late.push({ at: now + this.#random.pick([0, 0, 0, 0, 0, 0, 1, 2, 12]), message })
  }

  #check(id: number): void {
    const { reads } = this.#cluster.at(id)
    for (const { context, index } of reads.splice(0)) {
      this.#reads++
      const least = this.#committed[Number(text(context))] ?? Infinity
      if (index < least) this.#stale.push(`member ${id} read at ${index}, and ${least} was committed`)
    }
    const statuses = this.#cluster.all.map(({ node }) => node.basicStatus())
    for (const { commit } of statuses) this.#highest = Math.max(this.#highest, commit)
    const leaders = statuses.filter(({ role }) => role === 'StateLeader')
    if (leaders.length > 1 && leaders.some(({ commit }) => commit < this.#highest)) this.#outdated++
  }

  #ask(id: number): void {
    const member = this.#cluster.at(id)
    const { node } = member
    if (this.#chance(3)) ignoringRefusals(() => node.propose(bytes('x')))
    if (this.#chance(2)) {
      const number = this.#committed.push(this.#highest) - 1
      ignoringRefusals(() => node.readIndex(bytes(String(number))))
    }
    if (this.#chance(300)) node.transferLeader(this.#random.pick(this.#ids))
    if (this.#chance(400)) member.restart()
  }
}

function ignoringRefusals(run: () => void): void {
  try {
    run()
  } catch (error) {
    if (!['raft.proposal_dropped', 'raft.read_dropped'].includes(codeOf(error))) throw error
  }
}

describe('reads in a world of late messages and leaders cut off', () => {
  it.each([
    ['lease', 16],
    ['safe', 16],
  ] as const)('are never outdated, option %s, over %d seeds', (option, seeds) => {
    const runs = Array.from({ length: seeds }, (_, seed) => ({ seed, ...new LeaseWorld(seed, option).run(300) }))
    expect(runs.flatMap(({ seed, stale }) => stale.map((each) => `seed ${seed}: ${each}`))).toEqual([])
    // Without these nothing would be shown.
    expect(runs.reduce((sum, { reads }) => sum + reads, 0)).toBeGreaterThan(1000)
    expect(runs.reduce((sum, { outdatedLeaders }) => sum + outdatedLeaders, 0)).toBeGreaterThan(20)
  })
})

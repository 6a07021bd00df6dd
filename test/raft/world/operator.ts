/**
 * The operator of a world: adds, promotes, demotes and removes members, hands leadership over, takes snapshots, loses stores, cuts the
 * power of all, and starts again what its disk has stopped. Unlike faults, which look at nothing, it keeps to what an operator must:
 * one store at a time is lost, and nothing else changes before its member votes again.
 */
import { codeOf, messageOf } from '../../../src/base/error.ts'
import type { Random } from '../../../src/base/random.ts'
import type { MemberInfo } from '../../../src/raft/raft.ts'
import type { World } from '../../../src/sim/world.ts'
import { Violation } from '../simulation/violation.ts'
import type { Plan } from './plan.ts'
import type { Outcome, Seat } from './seat.ts'
import type { Member } from './witness.ts'

const giveUpMs = 4000
const waitMs = 2500

export class Operator {
  readonly #world: World
  readonly #plan: Plan
  readonly #seats: readonly Seat[]
  readonly #random: Random
  /** Whose store was lost and who does not vote again yet. */
  #losing: Seat | undefined
  /** Until when a change that was given up may still be made. */
  #unsureUntilMs = 0
  #stopped = false
  #idle = true

  /** Nodes on whose disk a bit was turned. */
  readonly #flipped = new Set<Seat>()

  constructor(world: World, plan: Plan, seats: readonly Seat[], random: Random) {
    this.#world = world
    this.#plan = plan
    this.#seats = seats
    this.#random = random
  }

  /** Nothing is under way, and every member that should vote does. */
  get idle(): boolean {
    return this.#idle && this.#losing === undefined
  }

  text(): string {
    return `${this.#losing?.name ?? 'nobody'} lost its store${this.#idle ? '' : ', a change is under way'}`
  }

  stop(): void {
    this.#stopped = true
  }

  async run(): Promise<void> {
    void this.#mend()
    const { actMinMs, actMaxMs } = this.#plan
    while (!this.#stopped) {
      await this.#world.sleep(actMinMs + this.#random.integer(actMaxMs - actMinMs))
      if (this.#stopped) return
      this.#idle = false
      await this.#act()
      this.#idle = true
    }
  }

  /** Starts what its disk has stopped; what lost its store is helped to vote again. */
  async #mend(): Promise<void> {
    for (;;) {
      await this.#world.sleep(100)
      // An opening reads all of a store: the bit was where nothing is kept.
      for (const seat of this.#flipped) if (seat.up) this.#flipped.delete(seat)
      for (const seat of this.#seats) {
        const node = this.#world.nodes.find(({ name }) => name === seat.name)
        if (!seat.dead || node?.up !== true) continue
        if (seat.corrupt) {
          // Crashes and errors of a disk leave no damage that a log does not mend: only flipped bits do.
          if (!this.#flipped.has(seat))
            throw new Violation('a store is whole after crashes', `${seat.name}: ${messageOf(seat.failure)}`)
          // A damaged store while another one is lost would be two: it waits.
          if (this.#losing !== undefined && this.#losing !== seat) continue
          this.#losing = seat
          this.#newStore(seat)
        }
        seat.dead = false
        this.#world.inject({ kind: 'crash', node: seat.name, forMs: 200 })
      }
      await this.#recover()
    }
  }

  #newStore(seat: Seat): void {
    this.#flipped.delete(seat)
    seat.store++
    seat.life = undefined
    seat.joins = seat.isSpare
    this.#world.count('stores lost')
  }

  async #recover(): Promise<void> {
    const seat = this.#losing
    const leader = this.leader()
    if (seat === undefined || leader === undefined) return
    const own = seat.life?.raft.status().id
    const row = leader.life!.raft.members().find(({ name }) => name === seat.name)
    if (row === undefined || own === undefined || own !== row.id) return
    if (row.role === 'voter') {
      this.#losing = undefined
      this.#world.count('stores replaced')
      return
    }
    await leader.call((raft) => raft.promote(seat.name, { timeoutMs: waitMs }), giveUpMs)
  }

  leader(): Seat | undefined {
    return this.#seats
      .filter((each) => each.up && each.life!.raft.leader()?.self === true)
      .sort((one, other) => other.life!.raft.status().term - one.life!.raft.status().term)[0]
  }

  async #act(): Promise<void> {
    const { changes, losses, outages } = this.#plan
    const roll = this.#random.integer(100)
    if (roll < 15) await this.#transfer()
    else if (roll < 25) await this.#call((raft) => raft.snapshot(), 'snapshots asked for')
    else if (roll < 38 && outages) await this.#outage()
    else if (roll < 58 && losses) this.#lose(this.#random.integer(2) === 0)
    else if (changes && this.#losing === undefined) await this.#change()
  }

  async #call(work: (raft: Member) => Promise<unknown>, counter: string): Promise<Outcome<unknown> | undefined> {
    const up = this.#seats.filter((each) => each.up)
    if (up.length === 0) return undefined
    const outcome = await this.#random.pick(up).call(work, giveUpMs)
    if (outcome.kind === 'ok') this.#world.count(counter)
    else if (outcome.kind === 'error' && !refusals.has(codeOf(outcome.error))) throw outcome.error
    return outcome
  }

  async #transfer(): Promise<void> {
    const to = this.#random.pick([undefined, ...this.#seats.map(({ name }) => name)])
    await this.#call((raft) => raft.transferLeadership(to, { timeoutMs: waitMs }), 'leadership handed over')
  }

  /** Often while syncs take long, so that there is something that power can take. */
  async #outage(): Promise<void> {
    this.#world.count('outages')
    const torn = this.#random.integer(2) === 0
    if (this.#random.integer(4) > 0) {
      for (const { name } of this.#seats) {
        this.#world.inject({ kind: 'disk', node: name, fault: 'slow', forMs: 400 })
        if (torn) this.#world.inject({ kind: 'disk', node: name, fault: 'torn', forMs: 400 })
      }
      await this.#world.sleep(50 + this.#random.integer(300))
    }
    for (const { name } of this.#seats) this.#world.inject({ kind: 'crash', node: name, forMs: 300 })
  }

  #sees(name: string, voters: readonly MemberInfo[]): boolean {
    const seen = this.#seats.find((each) => each.name === name)?.life?.raft.members() ?? []
    return voters.every(({ id }) => seen.some((each) => each.id === id && each.role === 'voter'))
  }

  /** Only where all others vote, no change is under way, and no damage may be there that nobody has seen. */
  #lose(damaged: boolean): void {
    const leader = this.leader()
    if (leader === undefined || this.#losing !== undefined || this.#world.clock.monotonicMs() < this.#unsureUntilMs)
      return
    const members = leader.life!.raft.members()
    const voters = members.filter(({ role }) => role === 'voter')
    const up = voters.every(({ name }) => this.#seats.find((each) => each.name === name)?.up === true)
    if (voters.length < 3 || voters.length < members.length || !up || this.#flipped.size > 0) return
    // A member acts by the configuration that it has applied: until all have the same, fewer may be lost than the newest one allows.
    if (!voters.every(({ name }) => this.#sees(name, voters))) return
    const { name: lost } = this.#random.pick(voters)
    const seat = this.#seats.find(({ name }) => name === lost)!
    if (damaged) {
      this.#flipped.add(seat)
      seat.life = undefined
      this.#world.inject({ kind: 'disk', node: seat.name, fault: 'flip' })
    } else {
      this.#losing = seat
      this.#newStore(seat)
    }
    this.#world.inject({ kind: 'crash', node: seat.name, forMs: 200 })
  }

  async #change(): Promise<void> {
    const leader = this.leader()
    if (leader === undefined) return
    const members = leader.life!.raft.members()
    const voters = members.filter(({ role }) => role === 'voter')
    const outside = this.#seats.filter(({ name }) => !members.some((each) => each.name === name))
    const learner = members.find(({ role }) => role === 'learner')
    const roll = this.#random.integer(4)
    let outcome: Outcome<unknown> | undefined
    if (roll === 0 && outside.length > 0) {
      const seat = this.#random.pick(outside)
      const asLearner = this.#random.integer(2) === 0
      // Who was removed comes back with an empty store, and under another id.
      if (seat.life?.raft.status().phase === 'running') this.#rejoin(seat)
      outcome = await this.#call(
        (raft) => raft.addMember(seat.name, { learner: asLearner, timeoutMs: waitMs }),
        'members added',
      )
    } else if (roll === 1 && learner !== undefined)
      outcome = await this.#call((raft) => raft.promote(learner.name, { timeoutMs: waitMs }), 'members promoted')
    else if (roll === 2 && voters.length > 3) {
      const { name } = this.#random.pick(voters)
      outcome = await this.#call((raft) => raft.demote(name, { timeoutMs: waitMs }), 'members demoted')
    } else if (roll === 3 && (voters.length > 3 || learner !== undefined)) {
      const name = voters.length > 3 ? this.#random.pick(voters).name : learner!.name
      outcome = await this.#call((raft) => raft.removeMember(name, { timeoutMs: waitMs }), 'members removed')
    }
    if (outcome !== undefined && outcome.kind !== 'ok') this.#unsureUntilMs = this.#world.clock.monotonicMs() + 8000
  }

  #rejoin(seat: Seat): void {
    seat.store++
    seat.life = undefined
    seat.joins = true
    this.#world.inject({ kind: 'crash', node: seat.name, forMs: 100 })
  }
}

/** What an operator has to live with. */
const refusals: ReadonlySet<string> = new Set([
  'base.timeout',
  'raft.change_refused',
  'raft.transfer_failed',
  'raft.replica_failed',
  'raft.no_leader',
  'raft.no_quorum',
  'raft.log_failed',
  'raft.snapshot_replaced',
  'store.disk_error',
  'store.disk_full',
])

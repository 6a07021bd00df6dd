/**
 * raftWorld: one seed of a group of whole replicas in a simulated world: faults, operators and clients at once, then calm, then the
 * verdict. Unlike test/raft/simulation, which breaks cores on a loop of its own, all that a user runs is here: log segments on a disk
 * that loses what is not synced, the transport's streams, sessions, snapshots, feeds.
 */
import { seededRandom } from '../../../src/base/random.ts'
import { checkLinearizable } from '../../../src/sim/linearizable.ts'
import { counterModel, mapModel } from '../../../src/sim/linearizable-models.ts'
import type { Fault } from '../../../src/sim/fault.ts'
import { type SimReport, simulate } from '../../../src/sim/simulate.ts'
import type { World } from '../../../src/sim/world.ts'
import { Violation } from '../simulation/violation.ts'
import { type Book, Client, newBook } from './client.ts'
import { Operator } from './operator.ts'
import { type Plan, busyPlan, drawPlan } from './plan.ts'
import { Seat } from './seat.ts'
import { WorldWitness } from './witness.ts'

export interface RaftWorldOptions {
  /** See `busyPlan`. */
  readonly busy?: boolean
  readonly faults?: readonly Fault[]
  readonly trace?: (line: string) => void
  readonly reduceRunsMax?: number
}

const calmMaxMs = 60_000

/** Rejects with what `simulate` does: the error says what did not hold, and what to run again. */
export function raftWorld(seed: number, { busy = false, ...options }: RaftWorldOptions = {}): Promise<SimReport> {
  const plan: Plan = { ...drawPlan(seededRandom(seed).split('plan')), ...(busy && busyPlan) }
  return simulate(
    {
      seed,
      weather: { latencyMinMs: 1, latencyMaxMs: 6 },
      atLeast: { acknowledged: 15, reads: 5, elections: 1, 'decisions followed': 15 },
      replay: `node test/raft/world/main.ts --seed ${seed}${busy ? ' --busy' : ''}`,
      ...options,
    },
    (world) => new RaftWorld(world, plan).run(),
  )
}

class RaftWorld {
  readonly #world: World
  readonly #plan: Plan
  readonly #witness = new WorldWitness()
  readonly #book: Book = newBook()
  readonly #seats: readonly Seat[]
  readonly #operator: Operator

  constructor(world: World, plan: Plan) {
    this.#world = world
    this.#plan = plan
    const names = [...plan.founders, ...plan.spares]
    this.#seats = names.map((name) => new Seat(world, plan, this.#witness, name, plan.spares.includes(name)))
    this.#operator = new Operator(world, plan, this.#seats, world.random.split('operator'))
  }

  async run(): Promise<void> {
    const world = this.#world
    for (const seat of this.#seats) world.node(seat.name, (ports) => seat.run(ports))
    world.invariant('the promises of the group', () => this.#look())
    await world.until('a first leader', () => this.#operator.leader() !== undefined, { withinMs: 20_000 })
    const clients = Array.from({ length: this.#plan.clients }, (_, at) =>
      new Client(world, this.#witness, this.#book, this.#seats, `c${at + 1}`, world.random.split(`client ${at}`)).run(),
    )
    const operating = this.#operator.run()
    await world.chaos({
      forMs: this.#plan.chaosMs,
      faults: Math.ceil(this.#plan.chaosMs / 350),
      kinds: { crash: 3, pause: 1, partition: 2, cut: 2, weather: 2, skew: 1, jump: 0.5, disk: 3 },
      disk: ['slow', 'slow', 'slow', 'stall', 'error', 'full', 'torn'],
      lastsMaxMs: 2500,
    })
    this.#operator.stop()
    await operating
    await this.#calm()
    this.#book.stopped = true
    await Promise.all(clients)
    await world.until('one state everywhere', () => this.#converged(), { withinMs: calmMaxMs, everyMs: 50 })
    world.count('elections', this.#witness.elections)
    await this.#judge()
  }

  /** All is well: now the group must serve, and everybody come to the same. */
  async #calm(): Promise<void> {
    const before = { acknowledged: this.#witness.acknowledged.size, reads: this.#book.reads }
    await this.#world.calm(
      () => {
        const acknowledged = this.#witness.acknowledged.size - before.acknowledged
        const reads = this.#book.reads - before.reads
        if (acknowledged >= 20 && reads >= 5 && this.#operator.idle && this.#near(50)) return true
        throw new Error(`${acknowledged} acknowledged, ${reads} read; ${this.#operator.text()}; ${this.#text()}`)
      },
      { withinMs: calmMaxMs, everyMs: 50, what: 'a group that serves, and members that have all of it' },
    )
  }

  #look(): void {
    this.#witness.check()
    for (const seat of this.#seats) if (seat.life !== undefined && seat.up) this.#witness.look(seat.life)
  }

  /** All members of the leader's configuration have applied nearly what it has. */
  #near(entries: number): boolean {
    const leader = this.#operator.leader()?.life?.raft.status()
    if (leader === undefined) return false
    return this.#lives().every(
      (life) => life !== undefined && life.raft.status().appliedIndex >= leader.appliedIndex - entries,
    )
  }

  /** How it stands, for an error. */
  #text(): string {
    return this.#seats
      .map(({ name, up, dead, store, life }) => {
        if (life === undefined) return `${name} without a member${dead ? ', stopped' : ''}`
        const { id, role, term, commitIndex, appliedIndex, lastIndex, phase } = life.raft.status()
        const found = life.raft.diagnose().map(({ code }) => code)
        const members = life.raft.members().map((each) => `${each.name}${each.id} ${each.role}`)
        return (
          `${name}${id} ${up ? role : 'down'} ${phase}, store ${store}, term ${term}, applied ${appliedIndex} of ${commitIndex}` +
          ` of ${lastIndex}, ${found.join('+')}, [${members.join()}]`
        )
      })
      .join('; ')
  }

  #lives(): (Seat['life'] | undefined)[] {
    const members = this.#operator.leader()?.life?.raft.members() ?? []
    return members.map(({ name, id }) => {
      const seat = this.#seats.find((each) => each.name === name)
      return seat?.up === true && seat.life?.raft.status().id === id ? seat.life : undefined
    })
  }

  #converged(): boolean {
    const leader = this.#operator.leader()?.life?.raft.status()
    return leader !== undefined && leader.appliedIndex === leader.lastIndex && this.#near(0)
  }

  async #judge(): Promise<void> {
    const states = new Set<string>()
    for (const life of this.#lives()) {
      const state = await life!.raft.read((each) => each, { level: 'stale' })
      this.#witness.end(life!.name, state)
      states.add(JSON.stringify(state))
    }
    if (states.size !== 1) throw new Violation('states agree', `${states.size} different ones in the end`)
    for (const id of this.#book.refused)
      if (this.#witness.indexOf(id) !== undefined)
        throw new Violation('never a false no', `${id} was refused, and was applied at ${this.#witness.indexOf(id)}`)
    // It is known now which commands took effect; those that did not make the histories far dearer to check.
    for (const [id, failed] of this.#book.open) if (!this.#witness.tookEffect(id)) failed()
    for (const result of [
      checkLinearizable(mapModel(), this.#book.registers.operations(), { stepsMax: 500_000 }),
      checkLinearizable(counterModel(), this.#book.counter.operations(), { stepsMax: 500_000 }),
    ]) {
      if (result.kind === 'not') throw new Violation('linearizability', result.counterExample.text)
      this.#world.count(`histories ${result.kind}`)
    }
  }
}

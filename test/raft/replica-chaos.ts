/**
 * A group of replicas under seeded faults, on a manual clock: cuts, loss, delay, doubling, crashes that lose what was not saved,
 * snapshots, transfers, stores that are lost. Clients write down what they are told; the history must be linearizable, and every
 * command that was answered is there once.
 */
import { predictableEntropy } from '../../src/base/entropy.ts'
import { codeOf } from '../../src/base/error.ts'
import { type ManualClock, manualClock } from '../../src/base/manual-clock.ts'
import { type Random, seededRandom } from '../../src/base/random.ts'
import { logMemory } from '../../src/raft/log-memory.ts'
import type { LogStore } from '../../src/raft/log-store.ts'
import { OutcomeUnknown, type ProposalKey } from '../../src/raft/replica-error.ts'
import { createRaft } from '../../src/raft/replica.ts'
import { createHistory } from '../../src/sim/history.ts'
import { type LinearizableResult, checkLinearizable } from '../../src/sim/linearizable.ts'
import { type LinearizableModel, unanswered } from '../../src/sim/linearizable-model.ts'
import { type Loopback, loopback } from './loopback.ts'
import { type Member, tasks } from './replica-kit.ts'
import { type SlowLog, slowLog } from './slow-log.ts'

type Input = { readonly kind: 'add'; readonly command: string } | { readonly kind: 'read' }

/** A counter that answers with its new value: an addition too many or too few shows in every later answer. */
const model: LinearizableModel<number, Input, number> = {
  name: 'fetch and add',
  initial: 0,
  step: (state, input, output) => {
    const next = input.kind === 'add' ? state + 1 : state
    return output === unanswered || output === next ? { state: next } : undefined
  },
}

export interface ChaosOptions {
  readonly seed: number
  readonly steps: number
  readonly lease?: boolean
  /** Stores are lost too, one at a time, and their members promoted again. */
  readonly loseStores?: boolean
}

export interface ChaosResult {
  readonly verdict: LinearizableResult<Input, number>
  readonly answered: number
  /** What went wrong besides the history. */
  readonly problems: readonly string[]
}

const names = ['a', 'b', 'c']

export async function chaos(options: ChaosOptions): Promise<ChaosResult> {
  return new Chaos(options).run()
}

class Chaos {
  readonly #options: ChaosOptions
  readonly #random: Random
  readonly #clock: ManualClock = manualClock()
  readonly #net: Loopback = loopback()
  readonly #disks = new Map<string, LogStore>()
  readonly #slow = new Map<string, SlowLog>()
  readonly #members = new Map<string, Member>()
  readonly #history = createHistory<Input, number>()
  readonly #answeredCommands = new Set<string>()
  readonly #problems: string[] = []
  readonly #recovering = new Set<string>()
  #lives = 0
  #stopping = false

  constructor(options: ChaosOptions) {
    this.#options = options
    this.#random = seededRandom(options.seed)
    const weather = this.#random.split('weather')
    this.#net.carry = (deliver) => {
      const drawn = weather.integer(100)
      if (drawn < 4 && !this.#stopping) return
      this.#clock.timer(drawn < 80 ? 0 : weather.integer(40), deliver)
      if (drawn > 95) this.#clock.timer(weather.integer(200), deliver)
    }
  }

  async #start(name: string): Promise<void> {
    this.#lives++
    const random = this.#random.split(`${name} ${this.#lives}`)
    const entropy = predictableEntropy(random.split('entropy'))
    const disk = this.#disks.get(name) ?? logMemory({ group: 'ops', member: name, entropy })
    this.#disks.set(name, disk)
    const slow = slowLog(disk, this.#clock, random.split('disk'), random.pick([2, 15, 150]))
    this.#slow.set(name, slow)
    const opening = createRaft({
      group: 'ops',
      member: name,
      members: names,
      machine: tasks,
      log: slow.log,
      transport: this.#net.transport(),
      clock: this.#clock,
      random: random.split('election'),
      entropy,
      snapshotEveryEntries: 25,
      keepEntries: 5,
      timeoutMs: 3000,
      ...(this.#options.lease && { lease: true }),
    })
    let open = false
    opening.then(
      () => (open = true),
      () => (open = true),
    )
    await this.#until('the opening of a log', () => open)
    this.#members.set(name, await opening)
  }

  async #kill(name: string): Promise<void> {
    await this.#slow.get(name)!.crash()
    await this.#members.get(name)!.close()
    this.#members.delete(name)
  }

  async run(): Promise<ChaosResult> {
    for (const name of names) await this.#start(name)
    await this.#until('a first leader', () => this.#leader() !== undefined)
    const clients = [0, 1, 2, 3].map((at) => this.#client(`client ${at}`, this.#random.split(`client ${at}`)))
    const faults = this.#random.split('faults')
    for (let step = 0; step < this.#options.steps; step++) {
      await this.#fault(faults)
      await this.#pass(50 + faults.integer(500))
    }
    this.#stopping = true
    this.#net.heal()
    for (const name of names) if (!this.#members.has(name)) await this.#start(name)
    let over = false
    const ending = Promise.all(clients).then(() => (over = true))
    await this.#until('the end of all clients', () => over)
    await ending
    await this.#compare()
    const verdict = checkLinearizable(model, this.#history.operations())
    for (const each of this.#members.values()) await each.close()
    return { verdict, answered: this.#history.answered, problems: this.#problems }
  }

  #leader(): Member | undefined {
    return [...this.#members.values()].find((each) => each.leader()?.self === true)
  }

  async #pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 10) await this.#clock.advance(10)
  }

  async #until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
    for (let passed = 0; !(await holds()); passed += 10) {
      if (passed > 120_000) {
        const state = JSON.stringify(Array.from(this.#members.values(), (each) => [each.status(), each.diagnose()]))
        throw new Error(`seed ${this.#options.seed}: ${what} did not come: ${state}`)
      }
      await this.#clock.advance(10)
    }
  }

  async #fault(random: Random): Promise<void> {
    const drawn = random.integer(12)
    const up = [...this.#members.keys()]
    const [first, ...rest] = random.shuffle(names)
    if (drawn < 3) this.#net.cut([first!], rest)
    else if (drawn < 4) this.#net.cut([first!], [rest[0]!])
    else if (drawn < 7) this.#net.heal()
    else if (drawn < 9) {
      // Two may be down at one time.
      if (up.length > 1) await this.#kill(random.pick(up))
    } else if (drawn < 11) {
      const down = names.find((name) => !this.#members.has(name))
      if (down !== undefined) await this.#start(down)
    } else if (this.#options.loseStores && this.#recovering.size === 0 && up.length === 3 && this.#allVote())
      await this.#lose(random.pick(up))
    else
      void this.#leader()
        ?.transferLeadership()
        .catch(() => {})
  }

  #allVote(): boolean {
    return (
      this.#leader()
        ?.members()
        .every(({ role }) => role === 'voter') === true
    )
  }

  async #lose(name: string): Promise<void> {
    await this.#kill(name)
    this.#disks.delete(name)
    this.#recovering.add(name)
    await this.#start(name)
    void this.#promote(name)
  }

  async #promote(name: string): Promise<void> {
    for (let tries = 0; tries < 200; tries++) {
      const member = this.#leader()
      const role = member?.members().find((each) => each.name === name)?.role
      if (member !== undefined && role === 'learner') {
        const done = await member.promote(name).then(
          () => true,
          () => false,
        )
        if (done) break
      }
      await new Promise<void>((resolve) => this.#clock.timer(300, resolve))
    }
    this.#recovering.delete(name)
  }

  async #client(client: string, random: Random): Promise<void> {
    for (let count = 0; !this.#stopping; count++) {
      const member = this.#members.get(random.pick(names))
      await new Promise<void>((resolve) => this.#clock.timer(random.integer(60), resolve))
      if (member === undefined) continue
      if (random.integer(3) === 0) await this.#read(client, member)
      else await this.#add(client, member, `${client} ${count}`, random)
    }
  }

  async #read(client: string, member: Member): Promise<void> {
    const open = this.#history.call(client, { kind: 'read' })
    const level = this.#options.lease ? 'lease' : 'linearizable'
    await member
      .read(({ total }) => total, { level })
      .then(
        (total) => open.answered(total),
        () => open.failed(),
      )
  }

  async #add(client: string, first: Member, command: string, random: Random): Promise<void> {
    const open = this.#history.call(client, { kind: 'add', command })
    let member: Member | undefined = first
    let key: ProposalKey | undefined
    for (let tries = 0; tries < 30; tries++) {
      if (member !== undefined) {
        try {
          const { result } = await (key ? member.with({ retry: key }) : member).propose(command)
          this.#answeredCommands.add(command)
          return open.answered(result)
        } catch (error) {
          if (error instanceof OutcomeUnknown) ({ key } = error)
          else if (key === undefined) return open.failed()
          else if (!transient.has(codeOf(error))) this.#problems.push(`${command}: ${codeOf(error)}`)
        }
      }
      await new Promise<void>((resolve) => this.#clock.timer(100, resolve))
      member = this.#members.get(random.pick(names))
    }
  }

  /** All members have the same in the end, each command once, and all that was answered. */
  async #compare(): Promise<void> {
    await this.#until('the same state everywhere', () => {
      const applied = Array.from(this.#members.values(), (each) => each.status().appliedIndex)
      return applied.every((each) => each === applied[0] && each > 0) && this.#leader() !== undefined
    })
    const states = await Promise.all(
      Array.from(this.#members.values(), (each) => each.read(({ done }) => done, { level: 'stale' })),
    )
    for (const done of states) {
      if (done.join() !== states[0]!.join()) this.#problems.push('members differ')
      if (new Set(done).size !== done.length) this.#problems.push('a command was applied twice')
      for (const command of this.#answeredCommands)
        if (!done.includes(command)) this.#problems.push(`${command} was answered and is lost`)
    }
  }
}

/** Of a retry: nothing new is known. */
const transient: ReadonlySet<string> = new Set([
  'raft.no_leader',
  'raft.no_quorum',
  'raft.backlog_full',
  'raft.replica_failed',
  'base.closed',
])

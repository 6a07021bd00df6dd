/**
 * Seat: what runs on one node of a world: a member on a segment log of the node's disk, and those who watch it there. Unlike a member it
 * outlives crashes: each life opens what the disk has kept. It makes no fault; a member that stopped because of its disk is told to
 * the operator, who crashes the node.
 */
import { sleep } from '../../../src/base/clock.ts'
import { codeOf } from '../../../src/base/error.ts'
import { electionOf } from '../../../src/raft/election.ts'
import { openLogSegments } from '../../../src/raft/log-segments.ts'
import type { LeaderInfo, Raft } from '../../../src/raft/raft.ts'
import { createRaft } from '../../../src/raft/replica.ts'
import { DecisionsCompacted, ReplicaFailed } from '../../../src/raft/replica-error.ts'
import { simTransport } from '../../../src/sim/transport.ts'
import type { Ports, World } from '../../../src/sim/world.ts'
import { worldMachine } from './machine.ts'
import { type Plan, electionTimeoutMs, heartbeatMs } from './plan.ts'
import type { Life, Member, WorldWitness } from './witness.ts'

const group = 'world'

export type Outcome<T> =
  | { readonly kind: 'ok'; readonly value: T }
  | { readonly kind: 'error'; readonly error: unknown }
  /** No answer: the node has crashed, or takes too long. */
  | { readonly kind: 'gone' }

/** What of a disk makes a member stop: all else is a defect. */
const harm: ReadonlySet<string> = new Set(['raft.log_failed', 'store.disk_error', 'store.disk_full', 'sim.revoked'])

export class Seat {
  readonly name: string
  readonly #world: World
  readonly #plan: Plan
  readonly #witness: WorldWitness
  /** It is none of the founders. */
  readonly isSpare: boolean
  /** One more with each store that was lost. */
  store = 0
  ports: Ports | undefined
  life: Life | undefined
  /** It stopped, and waits for a crash. */
  dead = false
  /** Its store was found damaged. */
  corrupt = false
  /** Why it stopped. */
  failure: unknown
  /** The last decision that whoever follows here has got. */
  #followed = 0
  #snapshotSeen = 0
  /** It waits to be added: it is no founder, or was removed. */
  joins: boolean

  constructor(world: World, plan: Plan, witness: WorldWitness, name: string, isSpare: boolean) {
    this.#world = world
    this.#plan = plan
    this.#witness = witness
    this.name = name
    this.isSpare = isSpare
    this.joins = isSpare
  }

  get up(): boolean {
    const node = this.#world.nodes.find(({ name }) => name === this.name)
    return node?.up === true && !node.paused && this.life !== undefined && !this.dead
  }

  /** The function of the node. */
  async run(ports: Ports): Promise<void> {
    this.ports = ports
    this.life = undefined
    this.dead = false
    this.corrupt = false
    try {
      await this.#open(ports)
    } catch (error) {
      if (this.ports !== ports) return
      this.dead = true
      this.failure = error
      this.corrupt = codeOf(error) === 'raft.log_corrupt'
      ports.count(this.corrupt ? 'stores found damaged' : 'openings that failed')
      if (!this.corrupt && !harm.has(codeOf(error))) throw error
    }
  }

  async #open(ports: Ports): Promise<void> {
    const { name } = this
    const { founders, kind, lease, snapshotEveryEntries, keepEntries, sessionTimeoutMs } = this.#plan
    const log = await openLogSegments({
      disk: ports.disk,
      folder: `store${this.store}`,
      group,
      member: name,
      entropy: ports.entropy,
      segmentBytes: 32 * 1024,
    })
    const raft = await createRaft({
      group,
      member: name,
      members: founders,
      join: this.joins,
      machine: worldMachine((command, { index, term }, before, after) => {
        if (this.ports === ports) this.#witness.told(name, command, index, term, before, after)
      }),
      log,
      transport: simTransport(ports, { kind, streamChunkBytes: 1024, resendMs: 200, idleTimeoutMs: 2000 }),
      heartbeatMs,
      electionTimeoutMs,
      timeoutMs: 1500,
      sessionTimeoutMs,
      snapshotEveryEntries,
      keepEntries,
      lease,
      clock: ports.clock,
      random: ports.random.split('raft'),
      entropy: ports.entropy,
    })
    if (this.ports !== ports) return
    const life: Life = { name, raft, log, term: 0, commit: 0, applied: 0, staleDone: 0 }
    this.life = life
    void this.#watchPhase(ports, life)
    void this.#watchLeaders(raft)
    void this.#watchLeadership(ports, raft)
    void this.#confirm(ports, raft)
    void this.#follow(ports, raft)
  }

  async #watchPhase(ports: Ports, life: Life): Promise<void> {
    for (;;) {
      await sleep(ports.clock, 50)
      await life.raft.read((state) => this.#witness.stale(life, state), { level: 'stale' })
      const { snapshotIndex, phase } = life.raft.status()
      if (snapshotIndex > this.#snapshotSeen) ports.count('snapshots seen')
      this.#snapshotSeen = snapshotIndex
      if (phase !== 'failed') continue
      this.dead = true
      ports.count('members stopped by their disk')
      const why = await life.raft.propose({ id: '', kind: 'refuse', key: '', value: 0, expected: 0, pad: '' }).then(
        () => undefined,
        (error: unknown) => error,
      )
      const cause = why instanceof ReplicaFailed ? why.cause : why
      if (!harm.has(codeOf(cause))) throw cause
      return
    }
  }

  async #watchLeaders(raft: Member): Promise<void> {
    let last: LeaderInfo | undefined
    for await (const now of raft.watchLeader()) {
      this.#witness.led(this.name, last, now)
      last = now ?? last
    }
  }

  /** Whoever wants to lead asks again and again; what it does meanwhile shows its token. */
  async #watchLeadership(ports: Ports, raft: Member): Promise<void> {
    const election = electionOf(raft as unknown as Raft<null, null, null>)
    for (;;) {
      await sleep(ports.clock, 100)
      if (raft.status().phase === 'failed') return
      const before = this.#witness.confirmedFencing
      try {
        const campaign = ports.random.integer(12) === 0
        const { fencing, signal } = await election.lead({ timeoutMs: 2000, campaign })
        this.#witness.confirmed(this.name, before, fencing)
        ports.count('leaderships confirmed')
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
        if (raft.leader()?.self === true && raft.leader()?.fencing === fencing)
          this.#witness.violate('leadership ends when it ends', `${this.name} still leads with ${fencing}`)
      } catch (error) {
        if (!waits.has(codeOf(error))) throw error
      }
    }
  }

  /** Whoever thinks that it leads has it confirmed, as it would before each thing that it does. */
  async #confirm(ports: Ports, raft: Member): Promise<void> {
    for (;;) {
      await sleep(ports.clock, 40)
      if (raft.status().phase === 'failed') return
      if (raft.leader()?.self !== true) continue
      const before = this.#witness.confirmedFencing
      try {
        const { fencing } = await raft.leadership({ timeoutMs: 1000 })
        this.#witness.confirmed(this.name, before, fencing)
        ports.count('leaderships confirmed again')
      } catch (error) {
        if (!waits.has(codeOf(error))) throw error
      }
    }
  }

  async #follow(ports: Ports, raft: Member): Promise<void> {
    let from = this.#followed + 1
    for (;;) {
      try {
        for await (const decision of raft.decisions({ from })) {
          if (this.ports !== ports) return
          this.#witness.followed(this.name, this.#followed < from ? from - 1 : this.#followed, decision)
          this.#followed = decision.index
          ports.count('decisions followed')
        }
        return
      } catch (error) {
        if (error instanceof DecisionsCompacted) {
          ports.count('decisions compacted')
          from = error.firstIndex
          continue
        }
        if (codeOf(error) === 'raft.replica_failed') return
        throw error
      }
    }
  }

  /** Runs a call at this node, as its program would. */
  call<T>(work: (raft: Member) => Promise<T>, giveUpMs: number): Promise<Outcome<T>> {
    const { ports, life } = this
    if (ports === undefined || life === undefined) return Promise.resolve({ kind: 'gone' })
    return new Promise((resolve) => {
      const timer = this.#world.clock.timer(giveUpMs, () => resolve({ kind: 'gone' }))
      const end = (outcome: Outcome<T>): void => {
        timer.cancel()
        resolve(outcome)
      }
      ports.clock.timer(0, () => {
        work(life.raft).then(
          (value) => end({ kind: 'ok', value }),
          (error: unknown) => end({ kind: 'error', error }),
        )
      })
    })
  }
}

const waits: ReadonlySet<string> = new Set([
  'base.timeout',
  'raft.no_leader',
  'raft.no_quorum',
  'raft.backlog_full',
  'raft.replica_failed',
  'raft.transfer_failed',
])

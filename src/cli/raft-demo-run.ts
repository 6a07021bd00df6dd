/**
 * The course of `colloquy raft demo`: clients that propose, kills of the leader meanwhile, and at the end the count of what is there. It
 * knows members and no processes, so that a test can hand in members that lose something.
 */
import { type Clock, sleep, within } from '../base/clock.ts'
import type { Random } from '../base/random.ts'
import type { ProposalKey } from '../raft/replica-error.ts'
import { DemoFailed } from './raft-demo-cluster.ts'
import type { DemoCluster, DemoMember } from './raft-demo-cluster.ts'

export const proposalsMax: number = 100_000
/** For each kill and once more: half of them must outlast what a killed leader takes with it, one of each client. */
export const proposalsPerKillMin: number = 100

export interface DemoPlan {
  /** How many proposals; or undefined, and it goes on for so long. */
  readonly proposals: number | undefined
  readonly seconds: number
  readonly kills: number
}

/** What happens, in order; `atMs` since the members were started. */
export type DemoEvent = { readonly atMs: number } & (
  | {
      readonly event: 'started'
      readonly members: readonly { readonly name: string; readonly pid: number }[]
      readonly folder: string
    }
  | { readonly event: 'leader'; readonly member: string; readonly term: number }
  | { readonly event: 'killed'; readonly member: string; readonly pid: number; readonly acknowledged: number }
  | { readonly event: 'answered'; readonly term: number; readonly failoverMs: number }
  | { readonly event: 'restarted'; readonly member: string; readonly pid: number; readonly acknowledged: number }
)

export interface DemoSummary {
  readonly acknowledged: number
  /** Of those, on the member that has the fewest. */
  readonly present: number
  readonly lost: number
  /** Proposals that some member applied more than once. */
  readonly doubled: number
  /** Sent again by their key, since their outcome was not known. */
  readonly retried: number
  /** Never answered, since the member that was asked was killed; `unansweredPresent` of them were applied. */
  readonly unanswered: number
  readonly unansweredPresent: number
  readonly members: number
  readonly kills: number
  /** From each kill to the first answer of a later term. */
  readonly failoverMs: readonly number[]
  readonly seconds: number
  readonly perSecond: number
}

export interface DemoWatch {
  /** Aborted by an interrupt. */
  readonly signal: AbortSignal
  onEvent(event: DemoEvent): void
  /** Some times a second. */
  onTick(acknowledged: number, atMs: number): void
}

const clientCount = 16
const tickMs = 50
/** For so long nothing that was awaited has come: it does not come. */
const stallMs = 60_000
const refusedPauseMs = 20
/** Refused by these, nothing was appended and nothing will be. */
const certainlyNot: ReadonlySet<string> = new Set(['raft.no_leader', 'raft.no_quorum', 'raft.backlog_full'])

export class DemoRun {
  readonly #cluster: DemoCluster
  readonly #plan: DemoPlan
  readonly #clock: Clock
  readonly #random: Random
  readonly #watch: DemoWatch
  readonly #acknowledged: number[] = []
  readonly #unanswered: number[] = []
  readonly #failoverMs: number[] = []
  readonly #beganMs: number
  #retried = 0
  #taken = 0
  #takeMax = 0
  /** Who was killed last. */
  #down = ''
  #stopped = false
  /** The newest term of which something was answered, and when that was first so. */
  #answered = { term: 0, atMs: 0 }

  constructor(
    cluster: DemoCluster,
    plan: DemoPlan,
    { clock, random, watch }: { readonly clock: Clock; readonly random: Random; readonly watch: DemoWatch },
  ) {
    this.#cluster = cluster
    this.#plan = plan
    this.#clock = clock
    this.#random = random
    this.#watch = watch
    this.#beganMs = clock.monotonicMs()
  }

  /** Rejects with `cli.raft_demo_failed`, `base.timeout` and `base.aborted`. */
  async run(): Promise<DemoSummary> {
    const members = this.#cluster.running().map(({ name, pid }) => ({ name, pid }))
    this.#watch.onEvent({ event: 'started', atMs: this.#atMs, members, folder: this.#cluster.folder })
    const { name, term } = await this.#leader()
    this.#watch.onEvent({ event: 'leader', atMs: this.#atMs, member: name, term })
    const beganMs = this.#atMs
    const clients = Promise.all(Array.from({ length: clientCount }, () => this.#client()))
    // It is awaited at the end; until then the course itself says what went wrong.
    clients.catch(() => {})
    try {
      const { kills } = this.#plan
      const done = (share: number) => () => this.#progress(beganMs) >= share
      for (let kill = 1; kill <= kills; kill++) {
        this.#openTo((kill + 0.25) / (kills + 1))
        await this.#until('proposals', done(kill / (kills + 1)))
        await this.#killLeader(kill)
        await this.#until('proposals', done((kill + 0.5) / (kills + 1)))
        await this.#restart()
      }
      this.#openTo(1)
      await this.#until('proposals', done(1))
    } finally {
      this.#stopped = true
    }
    await within(this.#clock, 'the last answers', stallMs, this.#watch.signal, () => clients)
    return this.#count((this.#atMs - beganMs) / 1000)
  }

  get #atMs(): number {
    return this.#clock.monotonicMs() - this.#beganMs
  }

  /** From 0 to 1. */
  #progress(beganMs: number): number {
    const { proposals, seconds } = this.#plan
    const settled = this.#acknowledged.length + this.#unanswered.length
    if (proposals !== undefined) return settled / proposals
    return Math.max((this.#atMs - beganMs) / (seconds * 1000), settled / proposalsMax)
  }

  async #killLeader(kill: number): Promise<void> {
    const leader = await this.#leader()
    const atMs = this.#atMs
    await this.#cluster.kill(leader.name)
    const { name: member, pid } = leader
    this.#down = member
    this.#watch.onEvent({ event: 'killed', atMs, member, pid, acknowledged: this.#acknowledged.length })
    this.#openTo((kill + 0.75) / (this.#plan.kills + 1))
    await this.#until('an answer of a new leader', () => this.#answered.term > leader.term)
    const failoverMs = Math.round(this.#answered.atMs - atMs)
    this.#failoverMs.push(failoverMs)
    this.#watch.onEvent({ event: 'answered', atMs: this.#answered.atMs, term: this.#answered.term, failoverMs })
  }

  async #restart(): Promise<void> {
    const { name: member, pid } = await this.#cluster.start(this.#down)
    this.#watch.onEvent({ event: 'restarted', atMs: this.#atMs, member, pid, acknowledged: this.#acknowledged.length })
  }

  /** Lets clients take proposals up to this share: some are always left for the leader to come. */
  #openTo(share: number): void {
    this.#takeMax = Math.ceil((this.#plan.proposals ?? proposalsMax) * share)
  }

  /** Who says of itself that it leads, in the newest term. */
  async #leader(): Promise<{ readonly name: string; readonly pid: number; readonly term: number }> {
    let found: DemoMember | undefined
    await this.#until('a leader', () => {
      const leaders = this.#cluster.running().filter(({ status }) => status?.role === 'leader')
      found = leaders.toSorted((one, other) => (other.status?.term ?? 0) - (one.status?.term ?? 0))[0]
      return found !== undefined
    })
    return { name: found?.name ?? '', pid: found?.pid ?? 0, term: found?.status?.term ?? 0 }
  }

  /** Looks again and again; what was answered meanwhile is progress, and puts the end off. */
  async #until(what: string, so: () => boolean): Promise<void> {
    let settled = -1
    let sinceMs = this.#atMs
    while (!so()) {
      if (this.#cluster.trouble !== undefined) throw new DemoFailed(this.#cluster.trouble)
      if (this.#acknowledged.length !== settled) {
        settled = this.#acknowledged.length
        sinceMs = this.#atMs
      } else if (this.#atMs - sinceMs > stallMs) throw new DemoFailed(`${what} did not come for ${stallMs / 1000} s`)
      await sleep(this.#clock, tickMs, this.#watch.signal)
      this.#watch.onTick(this.#acknowledged.length, this.#atMs)
    }
  }

  async #client(): Promise<void> {
    while (!this.#stopped)
      if (this.#taken < this.#takeMax) await this.#propose(this.#taken++)
      else await sleep(this.#clock, refusedPauseMs)
  }

  async #propose(proposal: number): Promise<void> {
    let retry: ProposalKey | undefined
    for (;;) {
      const running = this.#cluster.running()
      const answer = running.length === 0 ? undefined : await this.#random.pick(running).propose(proposal, retry)
      if (answer?.term !== undefined) {
        this.#acknowledged.push(proposal)
        if (answer.term > this.#answered.term) this.#answered = { term: answer.term, atMs: this.#atMs }
        return
      }
      if (answer?.retry) {
        retry = answer.retry
        this.#retried++
      } else if (retry === undefined && running.length > 0 && !certainlyNot.has(answer?.code ?? '')) {
        // The key went with the member: nobody can ask again, and either outcome is right.
        this.#unanswered.push(proposal)
        return
      }
      if (this.#stopped) {
        this.#unanswered.push(proposal)
        return
      }
      await sleep(this.#clock, refusedPauseMs)
    }
  }

  async #count(seconds: number): Promise<DemoSummary> {
    const { names } = this.#cluster
    const counts = await within(this.#clock, 'the count', stallMs, this.#watch.signal, () =>
      Promise.all(names.map((name) => this.#countsOf(name))),
    )
    const lost = new Set(counts.flatMap((has) => this.#acknowledged.filter((proposal) => !has.has(proposal))))
    const doubled = new Set(
      counts.flatMap((has) => [...has].flatMap(([proposal, times]) => (times > 1 ? [proposal] : []))),
    )
    const acknowledged = this.#acknowledged.length
    return {
      acknowledged,
      present: acknowledged - lost.size,
      lost: lost.size,
      doubled: doubled.size,
      retried: this.#retried,
      unanswered: this.#unanswered.length,
      unansweredPresent: this.#unanswered.filter((proposal) => counts.some((has) => has.has(proposal))).length,
      members: names.length,
      kills: this.#plan.kills,
      failoverMs: this.#failoverMs,
      seconds: Math.round(seconds * 100) / 100,
      perSecond: Math.round(acknowledged / Math.max(seconds, 0.001)),
    }
  }

  async #countsOf(name: string): Promise<ReadonlyMap<number, number>> {
    for (;;) {
      const answer = await this.#cluster.member(name)?.count()
      if (answer?.counts) return new Map(answer.counts)
      if (this.#cluster.trouble !== undefined) throw new DemoFailed(this.#cluster.trouble)
      await sleep(this.#clock, tickMs, this.#watch.signal)
    }
  }
}

/**
 * WorldRun: one world from its start to its verdict. It joins loop, places, nodes, network, faults, trace and counters.
 * Unlike `simulate` it runs once and knows nothing of other runs, of the machine's signal or of reduction.
 */
import { sleep } from '../base/clock.ts'
import type { Clock } from '../base/clock.ts'
import type { Entropy } from '../base/entropy.ts'
import { InvalidArgument, LimitExceeded, TimedOut, messageOf } from '../base/error.ts'
import { checkKeys, plainName, wholeNumber } from '../base/limit.ts'
import { seededRandom } from '../base/random.ts'
import type { Random } from '../base/random.ts'
import { checkProfile, drawFaults } from './chaos.ts'
import type { ChaosProfile } from './chaos.ts'
import { checkFaults } from './fault.ts'
import type { Fault } from './fault.ts'
import { LocalTime } from './local-time.ts'
import { Loop } from './loop.ts'
import type { LoopBounds } from './loop.ts'
import { createSimNetwork } from './network.ts'
import type { LinkKind, SimNetwork } from './network.ts'
import type { Weather } from './network-weather.ts'
import { Place } from './place.ts'
import type { PlaceEvents } from './place.ts'
import { Trace } from './trace.ts'
import type { CalmOptions, Condition, NodeOptions, Ports, SimNode, World } from './world.ts'
import { FaultDriver, chaosStream } from './world-fault.ts'
import { Fitter } from './world-fitter.ts'
import { WorldNode } from './world-node.ts'
import { networkWitness } from './world-witness.ts'
import type { Verdict } from './world-verdict.ts'

export interface WorldSetting {
  readonly seed: number | string
  readonly startMs: number
  readonly bounds: LoopBounds
  readonly weather: Partial<Weather>
  readonly busKind: LinkKind
  /** In place of those that chaos would draw. */
  readonly faults: readonly Fault[] | undefined
  readonly atLeast: Readonly<Record<string, number>>
  readonly trace: ((line: string) => void) | undefined
}

const nodesMax = 1024
const countersMax = 10_000
const invariantsMax = 1000

interface Invariant {
  readonly name: string
  readonly every: number
  readonly check: () => unknown
}

export class WorldRun implements World {
  readonly seed: number | string
  readonly clock: Clock
  readonly random: Random
  readonly entropy: Entropy
  readonly network: SimNetwork
  readonly counters: Map<string, number> = new Map()
  /** All that were scheduled. */
  faults: readonly Fault[]
  verdict: Verdict | undefined
  readonly loop: Loop
  readonly trace: Trace
  readonly #setting: WorldSetting
  readonly #seeded: Random
  readonly #root: Place
  readonly #nodes = new Map<string, WorldNode>()
  readonly #driver: FaultDriver
  readonly #fitter: Fitter
  readonly #invariants: Invariant[] = []
  #chaosCalls = 0

  constructor(setting: WorldSetting) {
    this.#setting = setting
    this.seed = setting.seed
    this.trace = new Trace(setting.trace && ((line) => this.#told(line)))
    this.loop = new Loop(setting.bounds, {
      step: ({ dueMs, owner, what }) => this.trace.add(`${dueMs} ${owner.label} ${what}`),
      settled: () => this.#settled(),
      limit: (limit) => this.end({ kind: 'limit', limit, max: setting.bounds[limit] }),
      idle: () => this.end({ kind: 'stuck' }),
    })
    this.#seeded = seededRandom(setting.seed)
    const time = new LocalTime(this.loop, setting.startMs)
    const events: PlaceEvents = {
      uncaught: (_place, error) => this.end({ kind: 'failed', node: undefined, error }),
      escaped: this.#escaped,
    }
    this.#root = new Place({ label: 'world', loop: this.loop, time, random: this.#seeded.split('world'), events })
    this.clock = this.#root.clock
    this.random = this.#seeded.split('scenario')
    this.entropy = this.#root.entropy
    this.network = createSimNetwork({
      clock: this.clock,
      random: this.#seeded.split('network'),
      weather: setting.weather,
      observe: networkWitness(this.log, this.#tally),
    })
    const shared = { loop: this.loop, root: this.#root, network: this.network, count: this.#tally, log: this.log }
    this.#driver = new FaultDriver({ ...shared, nodes: this.#nodes })
    this.#fitter = new Fitter({ ...shared, busKind: setting.busKind, random: this.#seeded.split('fittings') })
    this.faults = setting.faults ?? []
    this.#driver.schedule(this.faults)
  }

  /** Runs the scenario to the end of the world; never rejects: the verdict says how it went. */
  async run(scenario: (world: World) => unknown): Promise<Verdict> {
    const body = this.#root.enter(async () => scenario(this))
    body.then(
      () => this.end({ kind: 'done' }),
      (error: unknown) => this.end({ kind: 'failed', node: undefined, error }),
    )
    await this.loop.run()
    for (const node of this.#nodes.values()) node.over()
    this.#root.revoke()
    const verdict = this.verdict ?? { kind: 'stuck' }
    return verdict.kind === 'done' ? this.#enough() : verdict
  }

  /** The first failure is the verdict, also one that the last step shows. */
  end(verdict: Verdict): void {
    if (this.verdict && (this.verdict.kind !== 'done' || verdict.kind === 'done')) return
    this.verdict = verdict
    this.trace.add(`${this.loop.nowMs} end ${verdict.kind}`)
    this.loop.stop()
  }

  /** A listener that throws fails the world, and not whoever runs in it. */
  #told(line: string): void {
    try {
      this.#setting.trace?.(line)
    } catch (error) {
      this.end({ kind: 'failed', node: undefined, error })
    }
  }

  #enough(): Verdict {
    const below = Object.entries(this.#setting.atLeast).flatMap(([counter, atLeast]) => {
      const counted = this.counters.get(counter) ?? 0
      return counted < atLeast ? [{ counter, counted, atLeast }] : []
    })
    return below.length === 0 ? { kind: 'done' } : { kind: 'too-little', below }
  }

  readonly #escaped: PlaceEvents['escaped'] = (place, resource, where) => {
    this.end({ kind: 'escaped', resource, where, node: place === this.#root ? undefined : place.label })
  }

  /** After each step, when all that it made ready has run. */
  #settled(): void {
    if (this.verdict && this.verdict.kind !== 'done') return
    for (const { name, every, check } of this.#invariants) {
      if (this.loop.steps % every !== 0) continue
      const fault = this.#root.enter(() => brokenBy(check))
      if (fault !== undefined) this.end({ kind: 'invariant', name, error: fault.error })
    }
  }

  get nodes(): readonly SimNode[] {
    return [...this.#nodes.values()]
  }

  node(name: string, run: (ports: Ports) => unknown, options: NodeOptions = {}): SimNode {
    plainName('name', name, 64)
    checkKeys('node', options, ['onError', 'restartMs'])
    if (this.#nodes.has(name)) throw new InvalidArgument('name', `${JSON.stringify(name)} is taken by another node`)
    if (this.#nodes.size >= nodesMax) throw new LimitExceeded('nodes', nodesMax, nodesMax + 1)
    const host = {
      loop: this.loop,
      root: this.#root,
      startMs: this.#setting.startMs,
      random: this.#seeded.split('nodes'),
      network: this.network,
      fit: (node: string) => this.#fitter.fit(node),
      count: this.count,
      log: this.log,
      failed: (label: string, error: unknown) => this.end({ kind: 'failed', node: label, error }),
      escaped: this.#escaped,
    }
    const node = new WorldNode(host, name, run, options)
    this.#nodes.set(name, node)
    node.restart()
    return node
  }

  sleep(ms: number): Promise<void> {
    return sleep(this.clock, ms)
  }

  async until(
    what: string,
    condition: Condition,
    options: { withinMs?: number; everyMs?: number } = {},
  ): Promise<void> {
    checkKeys('until', options, ['withinMs', 'everyMs'])
    const { holds, withinMs, cause } = await this.#holds(condition, options)
    if (!holds) throw new TimedOut(what, withinMs, cause === undefined ? undefined : { cause })
  }

  async #holds(
    condition: Condition,
    options: { withinMs?: number; everyMs?: number },
  ): Promise<{ holds: boolean; withinMs: number; cause: unknown }> {
    const withinMs = wholeNumber('withinMs', options.withinMs ?? 60_000, 0)
    const everyMs = wholeNumber('everyMs', options.everyMs ?? 10, 1)
    const endMs = this.loop.nowMs + withinMs
    for (;;) {
      let cause: unknown
      try {
        if (await condition()) return { holds: true, withinMs, cause }
      } catch (error) {
        cause = error
      }
      if (this.loop.nowMs >= endMs) return { holds: false, withinMs, cause }
      await this.sleep(Math.min(everyMs, endMs - this.loop.nowMs))
    }
  }

  async chaos(profile: ChaosProfile = {}): Promise<void> {
    const checked = checkProfile(profile, [...this.#nodes.keys()])
    const stream = chaosStream(this.#seeded, this.#chaosCalls++)
    this.#driver.rouse()
    if (this.#setting.faults === undefined) {
      const drawn = drawFaults(stream, checked, this.loop.nowMs)
      this.faults = [...this.faults, ...drawn]
      this.#driver.schedule(drawn)
    }
    await this.sleep(checked.forMs)
  }

  inject(fault: Omit<Fault, 'atMs'> | Fault): void {
    const [checked] = checkFaults([{ ...fault, atMs: this.loop.nowMs } as Fault])
    if (checked) this.#driver.apply(checked)
  }

  async calm(condition: Condition, options: CalmOptions = {}): Promise<void> {
    checkKeys('calm', options, ['withinMs', 'everyMs', 'what', 'restart'])
    const { what = 'the condition', restart = 'all', withinMs, everyMs } = options
    if (restart !== 'all' && restart !== 'majority') throw new InvalidArgument('restart', 'must be all or majority')
    this.log('calm')
    this.#driver.calm()
    this.#restart(restart)
    const result = await this.#holds(condition, {
      ...(withinMs !== undefined && { withinMs }),
      ...(everyMs !== undefined && { everyMs }),
    })
    if (result.holds) return undefined
    this.end({ kind: 'not-live', what, withinMs: result.withinMs, error: result.cause })
    // The scenario goes no further: the world is over.
    return new Promise(() => {})
  }

  #restart(which: 'all' | 'majority'): void {
    const nodes = [...this.#nodes.values()].toSorted((one, other) => (one.name < other.name ? -1 : 1))
    const wanted = which === 'all' ? nodes.length : Math.floor(nodes.length / 2) + 1
    let missing = wanted - nodes.filter(({ up }) => up).length
    for (const node of nodes) if (!node.up && missing-- > 0) node.restart()
  }

  invariant(name: string, check: () => unknown, options: { readonly every?: number } = {}): void {
    plainName('name', name, 200)
    checkKeys('invariant', options, ['every'])
    if (typeof check !== 'function') throw new InvalidArgument('check', 'must be a function')
    if (this.#invariants.length >= invariantsMax)
      throw new LimitExceeded('invariants', invariantsMax, invariantsMax + 1)
    this.#invariants.push({ name, check, every: wholeNumber('every', options.every ?? 1, 1) })
  }

  readonly count = (counter: string, times = 1): void => {
    if (!this.counters.has(counter)) plainName('counter', counter, 200)
    this.#tally(counter, wholeNumber('times', times, 0))
    this.trace.add(`${this.loop.nowMs} count ${counter} ${times}`)
  }

  /** For what has a line of its own. */
  readonly #tally = (counter: string, times: number): void => {
    const counted = this.counters.get(counter)
    if (counted === undefined && this.counters.size >= countersMax)
      throw new LimitExceeded('counters', countersMax, countersMax + 1)
    this.counters.set(counter, (counted ?? 0) + times)
  }

  readonly log = (text: string): void => {
    this.trace.add(`${this.loop.nowMs} ${text}`)
  }
}

/** What is wrong, or undefined. */
function brokenBy(check: () => unknown): { readonly error: unknown } | undefined {
  try {
    const result = check()
    if (result === false) return { error: new Error('its check gave false') }
    if (typeof result === 'string') return { error: new Error(result) }
    if (result instanceof Promise)
      return { error: new Error('its check gave a promise; an invariant looks at what is there and waits for nothing') }
    return undefined
  } catch (error) {
    return { error: error ?? new Error(messageOf(error)) }
  }
}

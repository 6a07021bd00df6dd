/**
 * simulate: runs a scenario in a seeded world: virtual time, seeded chance, a network and disks that fail. Unlike a test
 * with fakes it takes over what the platform itself gives, so that code with promises and timers runs as it is. Same seed,
 * same run. It stops no loop that never gives way, and sees no synchronous input or output: docs/guide/simulation.md.
 */
import { InvalidArgument } from '../base/error.ts'
import { checkKeys, wholeNumber } from '../base/limit.ts'
import { SimEscaped } from './error.ts'
import type { FailedRun } from './error.ts'
import { checkFaults } from './fault.ts'
import type { Fault } from './fault.ts'
import type { LinkKind } from './network.ts'
import { perfectWeather, weatherWith } from './network-weather.ts'
import type { Weather } from './network-weather.ts'
import { here } from './place.ts'
import { machineMs } from './platform.ts'
import { reduce } from './reduce.ts'
import { takeOver } from './takeover.ts'
import type { World } from './world.ts'
import { WorldRun } from './world-run.ts'
import type { WorldSetting } from './world-run.ts'
import { failureError, failureKey } from './world-verdict.ts'
import type { Verdict } from './world-verdict.ts'

export interface SimulateOptions {
  /** All chance of the world. A number, or a text of 1 to 200 characters. */
  readonly seed: number | string
  /** The wall time at which the world begins. Default 2026-01-01T00:00:00Z. */
  readonly startMs?: number
  /** The weather of all links. Default: all arrives, once, in order, after 1 ms. */
  readonly weather?: Partial<Weather>
  /** How the bus of the world travels: see `createSimBus`. Default `stream`. */
  readonly busKind?: LinkKind
  /** In place of the faults that `World.chaos` would draw: those of an earlier run, or some of them. */
  readonly faults?: readonly Fault[]
  /** Counters that must reach a number, else `sim.too_little`. */
  readonly atLeast?: Readonly<Record<string, number>>
  /** Gets each line of the trace. */
  readonly trace?: (line: string) => void
  /** Then `sim.interrupted`. */
  readonly signal?: AbortSignal
  /** Runs that may be used to find which faults a failure needs. Default 0: the scenario runs once. */
  readonly reduceRunsMax?: number
  /** Said in an error as what to run again. Default: this call with the seed. */
  readonly replay?: string
  /** Steps of a run, else `sim.limit`. Default 10 million. */
  readonly stepsMax?: number
  /** Virtual time of a run. Default 24 hours. */
  readonly simulatedMsMax?: number
  /** The machine's time for a run. Default 60,000. */
  readonly machineMsMax?: number
  /** Steps without the time moving. Default 100,000: more is a loop that waits for a time that cannot come. */
  readonly stepsPerInstantMax?: number
  /** Timers and messages that wait. Default 1 million. */
  readonly pendingMax?: number
}

export interface SimReport {
  readonly seed: number | string
  /** SHA-256 of the trace: the same for two runs that did the same. */
  readonly digest: string
  readonly simulatedMs: number
  readonly steps: number
  /** Lines of the trace. */
  readonly lines: number
  /** What was counted, sorted by name: the scenario's own and those of network, disks and faults. */
  readonly counters: Readonly<Record<string, number>>
  readonly faults: readonly Fault[]
}

/** What happens in a world: starts nodes, lets faults happen, checks. */
export type ScenarioBody = (world: World) => unknown

const optionNames = [
  'seed',
  'startMs',
  'weather',
  'busKind',
  'faults',
  'atLeast',
  'trace',
  'signal',
  'reduceRunsMax',
  'replay',
  'stepsMax',
  'simulatedMsMax',
  'machineMsMax',
  'stepsPerInstantMax',
  'pendingMax',
] as const

/**
 * Resolves with the report when the scenario has ended well. Rejects with `sim.failed` when it or a node threw,
 * `sim.invariant_broken`, `sim.escaped`, `sim.not_live`, `sim.too_little`, `sim.stuck`, `sim.limit`, `sim.interrupted`: each
 * holds the run. `base.invalid_argument` for options, and for a world inside a world.
 */
export async function simulate(options: SimulateOptions, scenario: ScenarioBody): Promise<SimReport> {
  const setting = settingOf(options)
  if (typeof scenario !== 'function') throw new InvalidArgument('scenario', 'must be a function of the world')
  if (here.getStore()) throw new InvalidArgument('simulate', 'cannot begin a world inside a world; begin it outside')
  const reduceRunsMax = wholeNumber('reduceRunsMax', options.reduceRunsMax ?? 0, 0, 100_000)
  const taken = takeOver()
  try {
    return await judged(setting, scenario, options, reduceRunsMax)
  } catch (error) {
    // What is real comes back to a world that is over: its timers would be the machine's then, and its errors the process's.
    if (error instanceof SimEscaped) takeOver()
    throw error
  } finally {
    taken[Symbol.dispose]()
  }
}

async function judged(
  setting: WorldSetting,
  scenario: ScenarioBody,
  options: SimulateOptions,
  reduceRunsMax: number,
): Promise<SimReport> {
  const first = await once(setting, scenario, options.signal)
  if (first.verdict.kind === 'done') return reportOf(first.world)
  const reduced =
    reduceRunsMax > 0 && first.world.faults.length > 0 && !faultless.has(first.verdict.kind)
      ? await reducedFaults(setting, scenario, first, reduceRunsMax, options.signal)
      : undefined
  const replay = options.replay ?? `simulate({ seed: ${JSON.stringify(options.seed)} }, ...)`
  const run: FailedRun = { ...reportOf(first.world), replay, ...(reduced !== undefined && { reduced }) }
  throw failureError(first.verdict, run)
}

/** Ends that no part of the faults explains: with fewer of them still less happens. */
const faultless: ReadonlySet<Verdict['kind']> = new Set(['interrupted', 'too-little'])

interface Ran {
  readonly world: WorldRun
  readonly verdict: Verdict
}

async function once(setting: WorldSetting, scenario: ScenarioBody, signal: AbortSignal | undefined): Promise<Ran> {
  const world = new WorldRun(setting)
  const interrupt = () => world.end({ kind: 'interrupted', reason: signal?.reason })
  if (signal?.aborted) interrupt()
  signal?.addEventListener('abort', interrupt, { once: true })
  try {
    return { world, verdict: await world.run(scenario) }
  } finally {
    signal?.removeEventListener('abort', interrupt)
  }
}

/** The fewest that still fail in the same way; undefined when the list as a whole does not, which would be a world not of its seed. */
async function reducedFaults(
  setting: WorldSetting,
  scenario: ScenarioBody,
  first: Ran,
  runsMax: number,
  signal: AbortSignal | undefined,
): Promise<readonly Fault[] | undefined> {
  const key = failureKey(first.verdict)
  const endMs = machineMs() + setting.bounds.machineMsMax
  const fails = async (faults: readonly Fault[]): Promise<boolean> => {
    if (machineMs() > endMs || signal?.aborted) return false
    const { verdict } = await once({ ...setting, faults, trace: undefined }, scenario, signal)
    return failureKey(verdict) === key
  }
  const { items, reproduced } = await reduce(first.world.faults, fails, { runsMax })
  return reproduced ? items : undefined
}

function reportOf(world: WorldRun): SimReport {
  const counters = [...world.counters].toSorted(([one], [other]) => (one < other ? -1 : 1))
  return {
    seed: world.seed,
    digest: world.trace.digest(),
    simulatedMs: world.loop.nowMs,
    steps: world.loop.steps,
    lines: world.trace.lines,
    counters: Object.fromEntries(counters),
    faults: world.faults,
  }
}

function settingOf(options: SimulateOptions): WorldSetting {
  checkKeys('options', options, optionNames)
  const { seed, faults, atLeast = {}, trace } = options
  if (
    !(typeof seed === 'number'
      ? Number.isSafeInteger(seed)
      : typeof seed === 'string' && seed !== '' && seed.length <= 200)
  )
    throw new InvalidArgument('seed', 'must be a whole number or a text of 1 to 200 characters')
  for (const [counter, least] of Object.entries(atLeast)) wholeNumber(`atLeast.${counter}`, least, 0)
  weatherWith(perfectWeather, options.weather ?? {})
  return {
    seed,
    startMs: wholeNumber('startMs', options.startMs ?? 1_767_225_600_000, 0, 8_000_000_000_000),
    weather: options.weather ?? {},
    busKind: options.busKind ?? 'stream',
    faults: faults === undefined ? undefined : checkFaults(faults),
    atLeast,
    trace,
    bounds: {
      stepsMax: wholeNumber('stepsMax', options.stepsMax ?? 10_000_000, 1),
      simulatedMsMax: wholeNumber('simulatedMsMax', options.simulatedMsMax ?? 86_400_000, 1, 8_640_000_000),
      machineMsMax: wholeNumber('machineMsMax', options.machineMsMax ?? 60_000, 1),
      stepsPerInstantMax: wholeNumber('stepsPerInstantMax', options.stepsPerInstantMax ?? 100_000, 1),
      pendingMax: wholeNumber('pendingMax', options.pendingMax ?? 1_000_000, 1),
    },
  }
}

/**
 * The bench: each case sets our code beside a peer or a raw baseline in one run, in interleaved rounds after a warm-up, and
 * reports medians and their ratio. It counts completed operations, never started ones. A figure is a fact about one run on
 * one machine; the ratio is what travels. No test reads it.
 */
import { measure } from 'mitata'

/** One side, ready to run. A `batch` does some work and says how much; a `micro` is one synchronous operation. */
export type Side =
  | {
      /** Runs one round; resolves with the operations completed. */
      readonly batch: () => Promise<number> | number
      /** Microseconds of CPU used so far, where others than this process do the work. */
      readonly cpuUs?: () => number
      /** Of the round before, in ms. */
      readonly latency?: () => Latency
      readonly dispose?: () => Promise<void> | void
    }
  | { readonly micro: () => unknown; readonly dispose?: () => Promise<void> | void }
  | {
      /** Runs one round; resolves with a figure in the case's unit that is measured, not counted (a size, a duration). */
      readonly value: () => Promise<number> | number
      readonly dispose?: () => Promise<void> | void
    }

export interface Latency {
  readonly p50Ms: number
  readonly p99Ms: number
}

export interface BenchCase {
  readonly name: string
  /** For rates `<operations>/s`; else what `value` returns, such as `ms` or `MiB`. */
  readonly unit: string
  readonly peerName: string
  readonly ours: () => Promise<Side> | Side
  readonly peer: () => Promise<Side> | Side
  /** Interleaved rounds after the warm-up. Default 7. */
  readonly rounds?: number
  /** For `value` sides: which is better. Default `higher` for rates; must be said for values. */
  readonly better?: 'higher' | 'lower'
}

export interface BenchResult {
  readonly room: string
  readonly case: string
  readonly unit: string
  readonly ours: number
  readonly peer: number
  readonly peerName: string
  /** Above 1 where ours is better. */
  readonly ratio: number
  /** CPU microseconds per operation of ours, all threads of all processes that take part. */
  readonly cpuUs?: number
  readonly peerCpuUs?: number
  /** Medians over the rounds; for values that are measured, the highest but one in a hundred of all of them. */
  readonly p50Ms?: number
  readonly p99Ms?: number
  readonly p99?: number
  readonly peerP50Ms?: number
  readonly peerP99Ms?: number
  readonly peerP99?: number
}

interface Sample {
  readonly figure: number
  readonly cpuUs?: number
  readonly latency?: Latency
}

export async function runCase(room: string, bench: BenchCase): Promise<BenchResult> {
  const ours = await bench.ours()
  const peer = await bench.peer()
  try {
    await sample(ours)
    await sample(peer)
    const samples: { ours: Sample; peer: Sample }[] = []
    for (let round = 0; round < (bench.rounds ?? 7); round++) {
      // Who goes first alternates, so that neither always runs on the warmer machine.
      const first = await sample(round % 2 === 0 ? ours : peer)
      const second = await sample(round % 2 === 0 ? peer : ours)
      samples.push(round % 2 === 0 ? { ours: first, peer: second } : { ours: second, peer: first })
    }
    return summary(room, bench, samples, 'value' in ours)
  } finally {
    await ours.dispose?.()
    await peer.dispose?.()
  }
}

function summary(
  room: string,
  bench: BenchCase,
  samples: { ours: Sample; peer: Sample }[],
  isValue: boolean,
): BenchResult {
  const ourSamples = samples.map((each) => each.ours)
  const peerSamples = samples.map((each) => each.peer)
  const ours = median(ourSamples.map(({ figure }) => figure))
  const peer = median(peerSamples.map(({ figure }) => figure))
  const own = detailOf(ourSamples, isValue)
  const other = detailOf(peerSamples, isValue)
  return {
    room,
    case: bench.name,
    unit: bench.unit,
    ours: round(ours),
    peer: round(peer),
    peerName: bench.peerName,
    ratio: round(bench.better === 'lower' ? peer / ours : ours / peer),
    ...own,
    ...(other.cpuUs !== undefined && { peerCpuUs: other.cpuUs }),
    ...(other.p50Ms !== undefined && { peerP50Ms: other.p50Ms }),
    ...(other.p99Ms !== undefined && { peerP99Ms: other.p99Ms }),
    ...(other.p99 !== undefined && { peerP99: other.p99 }),
  }
}

function detailOf(
  samples: readonly Sample[],
  isValue: boolean,
): Pick<BenchResult, 'cpuUs' | 'p50Ms' | 'p99Ms' | 'p99'> {
  const cpu = samples.flatMap((each) => each.cpuUs ?? [])
  const latencies = samples.flatMap((each) => each.latency ?? [])
  const figures = samples.map(({ figure }) => figure).sort((one, other) => one - other)
  return {
    ...(cpu.length > 0 && { cpuUs: round(median(cpu)) }),
    ...(latencies.length > 0 && {
      p50Ms: round(median(latencies.map(({ p50Ms }) => p50Ms))),
      p99Ms: round(median(latencies.map(({ p99Ms }) => p99Ms))),
    }),
    ...(isValue && figures.length >= 20 && { p99: round(figures[Math.ceil(figures.length * 0.99) - 1] as number) }),
  }
}

async function sample(side: Side): Promise<Sample> {
  globalThis.gc?.()
  if ('value' in side) return { figure: await side.value() }
  if ('micro' in side) {
    const stats = await measure(side.micro, { min_cpu_time: 100e6 })
    return { figure: 1e9 / stats.p50, cpuUs: stats.p50 / 1000 }
  }
  const cpuBefore = process.cpuUsage()
  const othersBeforeUs = side.cpuUs?.()
  const startedMs = performance.now()
  const operations = await side.batch()
  const elapsedMs = performance.now() - startedMs
  const cpu = process.cpuUsage(cpuBefore)
  const othersUs = othersBeforeUs === undefined ? 0 : (side.cpuUs?.() ?? 0) - othersBeforeUs
  return {
    figure: (operations / elapsedMs) * 1000,
    cpuUs: (cpu.user + cpu.system + othersUs) / operations,
    ...(side.latency && { latency: side.latency() }),
  }
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2
}

/** Four significant digits: more would pretend. */
function round(value: number): number {
  return Number(value.toPrecision(4))
}

/**
 * `npm run sim:replica -- --seeds COUNT [--from N]` or `--seed N [--trace]`: worlds of whole replicas by hand, for as long as wanted;
 * with `--busy` those in which members come, go and lose their stores all the time.
 * It prints each seed that failed and what to run again, and in the end how often what happened. With `--stop` it ends at the first
 * seed that fails and only says what did not hold.
 */
import { parseArgs } from 'node:util'
import { messageOf } from '../../../src/base/error.ts'
import { wholeNumber } from '../../../src/base/limit.ts'
import { raftWorld } from './raft-world.ts'

const progressMs = 20_000

const { values } = parseArgs({
  options: {
    seeds: { type: 'string' },
    from: { type: 'string' },
    seed: { type: 'string' },
    stop: { type: 'boolean' },
    trace: { type: 'boolean' },
    busy: { type: 'boolean' },
  },
})
const from = wholeNumber('--from', Number(values.seed ?? values.from ?? 1), 0)
const seeds = wholeNumber('--seeds', values.seed === undefined ? Number(values.seeds ?? 100) : 1, 1)

const began = performance.now()
const totals = new Map<string, number>()
let failed = 0
let simulatedMs = 0
let steps = 0
let toldMs = began
for (let seed = from; seed < from + seeds; seed++) {
  try {
    const report = await raftWorld(seed, {
      ...(values.trace && { trace: (line: string) => console.log(line) }),
      ...(values.busy && { busy: true }),
    })
    simulatedMs += report.simulatedMs
    steps += report.steps
    for (const [name, count] of Object.entries(report.counters)) totals.set(name, (totals.get(name) ?? 0) + count)
  } catch (error) {
    failed++
    console.log(`seed ${seed}: ${oneLine(error, values.stop === true)}`)
    if (values.stop) break
  }
  if (values.stop || performance.now() - toldMs < progressMs) continue
  toldMs = performance.now()
  console.log(rates(seed + 1 - from))
}
if (!values.stop) {
  for (const [name, count] of [...totals].sort(([a], [b]) => (a < b ? -1 : 1)))
    console.log(`${name}: ${count}, ${(count / seeds).toFixed(2)} a seed`)
  console.log(rates(seeds))
}
if (failed > 0) process.exitCode = 1

function rates(done: number): string {
  const seconds = (performance.now() - began) / 1000
  return (
    `${done} of ${seeds} seeds from ${from}, ${failed} failed; ${Math.round((done / seconds) * 60)} seeds/min, ` +
    `${Math.round(simulatedMs / 1000 / seconds)} simulated s/s, ${Math.round(steps / seconds)} steps/s`
  )
}

function oneLine(error: unknown, short: boolean): string {
  const cause = error instanceof Error ? error.cause : undefined
  const text = `${messageOf(error)}${cause === undefined ? '' : `\n${cause instanceof Error ? cause.stack : messageOf(cause)}`}`
  return short ? (cause === undefined ? text : messageOf(cause)).split('\n')[0]! : text
}

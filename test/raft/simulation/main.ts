/**
 * `npm run sim -- --seeds COUNT [--from N]` or `--seed N`: runs the simulated group by hand, for as long as wanted. It prints
 * each seed that failed with the faults that it needs, how fast it goes, and in the end how often what happened. With `--stop`
 * it ends at the first seed that fails and only says what did not hold.
 */
import { parseArgs } from 'node:util'
import { wholeNumber } from '../../../src/base/limit.ts'
import { explainFailure } from './failing-seed.ts'
import { runSeed } from './run-seed.ts'

const progressMs = 10_000

const { values } = parseArgs({
  options: { seeds: { type: 'string' }, from: { type: 'string' }, seed: { type: 'string' }, stop: { type: 'boolean' } },
})
const from = wholeNumber('--from', Number(values.seed ?? values.from ?? 1), 0)
const seeds = wholeNumber('--seeds', values.seed === undefined ? Number(values.seeds ?? 1000) : 1, 1)

const began = performance.now()
const totals = new Map<string, number>()
let simulatedMs = 0
let steps = 0
let failed = 0
let toldMs = began
for (let seed = from; seed < from + seeds; seed++) {
  const report = runSeed(seed)
  simulatedMs += report.simulatedMs
  steps += report.steps
  for (const [name, count] of report.counters) totals.set(name, (totals.get(name) ?? 0) + count)
  if (report.failure) {
    failed++
    if (values.stop) {
      console.log(`seed ${seed}: ${report.failure.message.split('\n')[0]}`)
      break
    }
    console.log(await explainFailure(report))
  }
  if (performance.now() - toldMs < progressMs) continue
  toldMs = performance.now()
  console.log(rates(seed + 1 - from))
}
if (!values.stop)
  for (const [name, count] of [...totals].sort(([a], [b]) => (a < b ? -1 : 1)))
    console.log(`${name}: ${count}, ${(count / seeds).toFixed(2)} a seed`)
console.log(rates(seeds))
if (failed > 0) process.exitCode = 1

function rates(done: number): string {
  const seconds = (performance.now() - began) / 1000
  return (
    `${done} of ${seeds} seeds from ${from}, ${failed} failed; ${Math.round((done / seconds) * 60)} seeds/min, ` +
    `${Math.round(simulatedMs / 1000 / seconds)} simulated s/s, ${Math.round(steps / seconds)} steps/s`
  )
}

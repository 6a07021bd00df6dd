/**
 * `npm run bench -- <room> [--json]`: runs the cases of `bench/<room>.ts`; without a room, all of them but those that take
 * minutes, whose names end in `-large`.
 */
import { readdirSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { runCase } from './harness.ts'
import type { BenchCase, BenchResult } from './harness.ts'

const { values, positionals } = parseArgs({ allowPositionals: true, options: { json: { type: 'boolean' } } })

const known = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith('.ts') && file !== 'main.ts' && file !== 'harness.ts')
  .map((file) => file.slice(0, -3))
const unknown = positionals.filter((room) => !known.includes(room))
if (unknown.length > 0) {
  console.error(`no bench for ${unknown.join(', ')}; there is: ${known.join(', ')}`)
  process.exit(2)
}

for (const room of positionals.length > 0 ? positionals : known.filter((each) => !each.endsWith('-large'))) {
  const { cases } = (await import(`./${room}.ts`)) as { cases: readonly BenchCase[] }
  if (!values.json) console.log(`\n${room}`)
  for (const bench of cases) {
    if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${room}: ${bench.name} ...`)
    const result = await runCase(room, bench)
    if (process.stderr.isTTY) process.stderr.write('\r\u001b[K')
    console.log(values.json ? JSON.stringify(result) : line(result))
  }
}

function line(result: BenchResult): string {
  const figure = (value: number) => value.toLocaleString('en').padStart(14)
  const cpu = result.cpuUs === undefined ? '' : `  ${result.cpuUs} us CPU${of(result.peerCpuUs)}`
  const latency =
    result.p50Ms === undefined
      ? ''
      : `  p50 ${result.p50Ms}${of(result.peerP50Ms)} p99 ${result.p99Ms}${of(result.peerP99Ms)} ms`
  const tail = result.p99 === undefined ? '' : `  p99 ${result.p99}${of(result.peerP99)}`
  return `  ${result.case.padEnd(52)}${figure(result.ours)} ${result.unit}  ${result.ratio}x of ${result.peerName} (${figure(result.peer).trim()})${cpu}${latency}${tail}`
}

/** The same of the peer, where it was measured too. */
function of(peer: number | undefined): string {
  return peer === undefined ? '' : ` (${peer})`
}

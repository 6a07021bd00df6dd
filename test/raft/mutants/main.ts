/**
 * `npm run mutants`: each known bug put back into a copy, and all that goes red: of a core the first seed of the simulation, tests of
 * the core, scenarios of etcd; of a replica the first world and tests of replicas. It takes some minutes. `-- <part of a name>` runs
 * some of them.
 */
import { mutants } from './mutant.ts'
import { mutate } from './mutate.ts'
import { replicaMutants } from './replica-mutant.ts'

const seeds = 200
const only = process.argv[2] ?? ''
let survivors = 0
for (const { name, source, changes } of mutants.filter((each) => each.name.includes(only))) {
  await using copy = await mutate(changes)
  const seed = await copy.firstRedSeed(seeds)
  const tests = await copy.redTests()
  const scenarios = await copy.redScenarios()
  if (seed === undefined && tests.length === 0 && scenarios.length === 0) survivors++
  console.log(`${name} (${source})`)
  console.log(`  simulation: ${seed ?? `green for ${seeds} seeds`}`)
  console.log(
    `  tests: ${tests.length} red${tests
      .slice(0, 3)
      .map((test) => `\n    ${test}`)
      .join('')}`,
  )
  console.log(
    `  scenarios: ${scenarios.length} red${scenarios
      .slice(0, 3)
      .map((line) => `\n    ${line.trim()}`)
      .join('')}`,
  )
}
const worlds = 60
for (const { name, source, changes } of replicaMutants.filter((each) => each.name.includes(only))) {
  await using copy = await mutate(changes, 'src/raft')
  const seed = await copy.firstRedWorld(worlds)
  const tests = await copy.redTests('test/raft/re')
  const logs = await copy.redTests('test/raft/log-')
  const red = [...tests, ...logs]
  if (seed === undefined && red.length === 0) survivors++
  console.log(`${name} (${source})`)
  console.log(`  worlds: ${seed ?? `green for ${worlds} seeds`}`)
  console.log(
    `  tests: ${red.length} red${red
      .slice(0, 3)
      .map((test) => `\n    ${test}`)
      .join('')}`,
  )
}
console.log(survivors === 0 ? 'every mutant was caught' : `${survivors} mutants survive`)
if (survivors > 0) process.exitCode = 1

/**
 * `ETCD_TESTDATA=<folder> npm run conformance:etcd [folder]`: runs etcd's scenario files against the core and prints the result
 * of each file. The last line is `N passed, M failed`, counted in cases; the exit code is 1 when one failed. The files are no
 * part of the repository: without a folder of them it says that it was skipped.
 */
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { confChangeSuite } from './confchange-suite.ts'
import { runFolder } from './datadriven.ts'
import { interactionSuite } from './interaction-suite.ts'
import { quorumSuite } from './quorum-suite.ts'

const given = process.argv[2] ?? process.env['ETCD_TESTDATA']
const folder = resolve(given ?? resolve(import.meta.dirname, '../../../../shared/data/etcd-raft'))

if (existsSync(folder)) runAll()
else if (given === undefined)
  console.log(`skipped: there is no ${folder}; set ETCD_TESTDATA=<folder of scenario files>`)
else {
  console.log(`there is no folder ${folder}`)
  process.exitCode = 1
}

function runAll(): void {
  let passed = 0
  let failed = 0
  for (const { path, suite, cases } of runFolder(folder, [interactionSuite, confChangeSuite, quorumSuite])) {
    const wrong = cases.filter((each) => !each.passed)
    const right = cases.length - wrong.length
    passed += right
    failed += wrong.length
    console.log(`${wrong.length === 0 ? 'pass' : 'FAIL'} ${path} (${suite ?? 'no suite'}): ${right} of ${cases.length}`)
    for (const { line, command, expected, actual } of wrong)
      console.log(`  line ${line}: ${command}\n  wanted:\n${indented(expected)}  got:\n${indented(actual)}`)
  }
  console.log(`${passed} passed, ${failed} failed`)
  if (failed > 0 || passed === 0) process.exitCode = 1
}

function indented(text: string): string {
  return text.replaceAll(/^(?=.)/gm, '    ')
}

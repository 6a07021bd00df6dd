/**
 * `ELECTIONS=<file> npm run conformance:elections [file]`: counts every election of a file of the format of FORMAT.md with
 * every rule that it names, and prints each difference. The last line is `N passed, M failed`; the exit code is 1 when one
 * failed. The file is no part of the repository: without one it says that it was skipped.
 */
import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { messageOf } from '../../../src/base/index.ts'
import { checkFile } from './check.ts'
import { parseElectionFile } from './format.ts'

const given = process.argv[2] ?? (process.env['ELECTIONS'] || undefined)
const file = resolve(given ?? resolve(import.meta.dirname, '../../../../shared/data/elections/elections.json'))

if (existsSync(file)) runFile()
else if (given === undefined) console.log(`skipped: there is no ${file}; set ELECTIONS=<file of elections>`)
else {
  console.log(`there is no file ${file}`)
  process.exitCode = 1
}

function runFile(): void {
  const counts = { passed: 0, failed: 0, skipped: 0 }
  try {
    for (const { name, status, detail } of checkFile(parseElectionFile(readFileSync(file, 'utf8')))) {
      counts[status]++
      if (status === 'failed') console.log(`FAIL ${name}: ${detail}`)
      if (status === 'skipped') console.log(`skip ${name}: ${detail}`)
    }
  } catch (error) {
    counts.failed++
    console.log(`FAIL ${messageOf(error)}`)
  }
  console.log(`${counts.skipped} skipped`)
  console.log(`${counts.passed} passed, ${counts.failed} failed`)
  if (counts.failed > 0 || counts.passed === 0) process.exitCode = 1
}

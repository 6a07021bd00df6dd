/**
 * A copy of the core and its tests in a temporary folder, with one bug put back, and what goes red there. The copy runs in
 * processes of its own, so that nothing of it is ever loaded here.
 */
import { execFile } from 'node:child_process'
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Change } from './mutant.ts'

const root = fileURLToPath(new URL('../../../', import.meta.url))

/** What of the house the core and its tests need. */
const copied = [
  'package.json',
  'src/base',
  'src/raft',
  'src/sim',
  'src/store',
  'src/bus',
  'test/raft',
  'test/base/outcome.ts',
  'test/sim/turning.ts',
  'test/store/segment-log-kit.ts',
]

export interface Copy extends AsyncDisposable {
  readonly folder: string
  /** The first of the seeds from 1 on that fails, with what did not hold; undefined when none does. */
  firstRedSeed(seeds: number): Promise<string | undefined>
  /** The same of the worlds of whole replicas. */
  firstRedWorld(seeds: number): Promise<string | undefined>
  /** Tests of files whose name holds the filter that fail; by default those below test/raft/core. */
  redTests(filter?: string): Promise<readonly string[]>
  /** Scenario files of etcd that come out different; none where there are no such files. */
  redScenarios(): Promise<readonly string[]>
}

/** Copies, and changes files below a folder; throws when a change does not match exactly once. */
export async function mutate(changes: readonly Change[], below: string = 'src/raft/core'): Promise<Copy> {
  const folder = await mkdtemp(join(tmpdir(), 'colloquy-mutant-'))
  for (const path of copied) await cp(join(root, path), join(folder, path), { recursive: true })
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'))
  for (const { file, from, to } of changes) {
    const path = join(folder, below, file)
    const text = await readFile(path, 'utf8')
    const matches = text.split(from).length - 1
    if (matches !== 1) throw new Error(`${file} holds ${matches} times, not once: ${from}`)
    await writeFile(
      path,
      text.replace(from, () => to),
    )
  }
  return {
    folder,
    async firstRedSeed(seeds) {
      const { failed, output } = await run(folder, ['test/raft/simulation/main.ts', '--stop', '--seeds', `${seeds}`])
      return failed ? lineWith(output, /^seed \d+:/) : undefined
    },
    async firstRedWorld(seeds) {
      const { failed, output } = await run(folder, ['test/raft/world/main.ts', '--stop', '--seeds', `${seeds}`])
      return failed ? lineWith(output, /^seed \d+:/) : undefined
    },
    async redTests(filter = 'test/raft/core') {
      const vitest = join(root, 'node_modules/vitest/vitest.mjs')
      const results = join(folder, 'results.json')
      await run(folder, [vitest, 'run', '--root', folder, '--reporter=json', `--outputFile=${results}`, filter])
      const { testResults = [] } = JSON.parse(await readFile(results, 'utf8')) as VitestResults
      return testResults.flatMap(({ name, status, assertionResults }) => {
        const red = assertionResults.filter((each) => each.status === 'failed').map(({ fullName }) => fullName)
        return red.length > 0 || status === 'passed' ? red : [`${name} as a whole`]
      })
    },
    async redScenarios() {
      const { output } = await run(folder, ['test/raft/etcd/main.ts'])
      return output.split('\n').filter((line) => line.startsWith('FAIL '))
    },
    async [Symbol.asyncDispose]() {
      await rm(folder, { recursive: true, force: true })
    },
  }
}

interface VitestResults {
  readonly testResults?: readonly {
    readonly name: string
    readonly status: string
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[]
  }[]
}

/** A mutant may run for ever, which is red as well. */
const timeoutMs = 300_000

function run(folder: string, args: readonly string[]): Promise<{ readonly failed: boolean; readonly output: string }> {
  const env = { ...process.env, ETCD_TESTDATA: process.env['ETCD_TESTDATA'] ?? join(root, '../shared/data/etcd-raft') }
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      args,
      { cwd: folder, env, timeout: timeoutMs, maxBuffer: 64 * 1024 * 1024 },
      (error, output, errors) => resolve({ failed: error !== null, output: output || errors }),
    )
  })
}

function lineWith(output: string, pattern: RegExp): string {
  return output.split('\n').find((line) => pattern.test(line)) ?? output.slice(-300)
}

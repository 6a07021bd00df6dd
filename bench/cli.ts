/** What a command costs before it does anything, beside Node.js itself. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import type { BenchCase, Side } from './harness.ts'

const main = join(import.meta.dirname, '../src/cli/main.ts')

function command(args: readonly string[]): Side {
  const value = () => {
    const startedMs = performance.now()
    const { status } = spawnSync(process.execPath, args, { stdio: 'ignore' })
    if (status !== 0) throw new Error(`${args.join(' ')} ended with ${status}`)
    return performance.now() - startedMs
  }
  return { value }
}

const bare = (): Side => command(['-e', '0'])

export const cases: readonly BenchCase[] = [
  {
    name: 'colloquy --version',
    unit: 'ms',
    better: 'lower',
    peerName: 'node -e 0',
    ours: () => command([main, '--version']),
    peer: bare,
  },
  {
    name: 'colloquy convene --help, its imports included',
    unit: 'ms',
    better: 'lower',
    peerName: 'node -e 0',
    ours: () => command([main, 'convene', '--help']),
    peer: bare,
  },
]

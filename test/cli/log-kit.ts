/** Runs a command of the log with streams in memory and a clock that stands still. */
import { Readable } from 'node:stream'
import { manualClock } from '../../src/base/manual-clock.ts'
import { codeOf } from '../../src/base/error.ts'
import { logCommand } from '../../src/cli/log.ts'
import type { LogWorld } from '../../src/cli/log-world.ts'
import { held } from './bus-kit.ts'

export interface Ran {
  readonly code: number | string
  readonly out: string
  readonly err: string
  readonly lines: readonly string[]
  readonly json: readonly Record<string, unknown>[]
}

export async function log(
  args: readonly string[],
  given: { stdin?: Buffer; isTTY?: boolean; signal?: AbortSignal } = {},
): Promise<Ran> {
  const world: LogWorld = { clock: manualClock(), stdin: () => Readable.from([given.stdin ?? Buffer.alloc(0)]) }
  const [stdout, stderr] = [held({ isTTY: given.isTTY ?? false }), held({ isTTY: given.isTTY ?? false })]
  const signal = given.signal ?? new AbortController().signal
  let code: number | string
  try {
    const command = await logCommand(args, world)
    code = await command.run(args, { stdout, stderr, signal })
  } catch (error) {
    code = codeOf(error)
    stderr.write(String(error))
  }
  const lines = stdout.text.split('\n').filter((line) => line !== '')
  return {
    code,
    out: stdout.text,
    err: stderr.text,
    lines,
    get json() {
      return lines.map((line) => JSON.parse(line) as Record<string, unknown>)
    },
  }
}

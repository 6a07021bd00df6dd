/** What the tests that kill a process share: how often, by which seed, and what it said before it was killed. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'

/** `COLLOQUY_CRASH_KILLS` sets it for all; CI kills more often than a run at a desk. */
export function killsOf(few: number, many: number = few): number {
  const given = process.env['COLLOQUY_CRASH_KILLS']
  if (given !== undefined) return Number(given)
  return process.env['CI'] === 'true' ? many : few
}

/** `COLLOQUY_CRASH_SEED` sets it for all: a failing run names its own. */
export function crashSeed(usual: string): string {
  return process.env['COLLOQUY_CRASH_SEED'] ?? usual
}

export interface Life<Line> {
  /** Each is one line of JSON on its stdout. */
  readonly said: readonly Line[]
  /** False when it ended by itself. */
  readonly killed: boolean
}

/**
 * Runs a script of the tests until it has said so many lines; then it is killed with -9, and a few more
 * may be under way. It must end by a kill, this one or its own, or in order; and complain of nothing.
 */
export async function runUntilKilled<Line>(script: URL, args: readonly string[], lines: number): Promise<Life<Line>> {
  const child = spawn(process.execPath, [fileURLToPath(script), ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  const closed = once(child, 'close')
  let complaint = ''
  child.stderr.on('data', (chunk: Buffer) => {
    complaint += chunk.toString()
  })
  const said: Line[] = []
  for await (const line of createInterface({ input: child.stdout })) {
    // Only the last line can be cut off by the kill, and a cut line was not said.
    if (!line.endsWith('}')) continue
    said.push(JSON.parse(line) as Line)
    if (said.length === lines) child.kill('SIGKILL')
  }
  const [code, signal] = (await closed) as [number | null, string | null]
  expect({ complaint, ended: signal ?? code }).toEqual({ complaint: '', ended: signal === null ? 0 : 'SIGKILL' })
  return { said, killed: signal !== null }
}

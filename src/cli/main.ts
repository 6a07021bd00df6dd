#!/usr/bin/env node
/**
 * The command `colloquy`. This file only checks the runtime and loads the rest: on an old Node.js the rest would fail at
 * an import, with no word of what to do.
 */
import { checkRuntime } from '../node/runtime.ts'

try {
  checkRuntime()
  const { main } = await import('./run.ts')
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  process.stderr.write(`colloquy: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}

import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it, onTestFinished } from 'vitest'

const program = fileURLToPath(new URL('../store/main-program.ts', import.meta.url))

it('a procedure in the main module of a program is refused, and the program runs once', () => {
  const root = mkdtempSync(join(tmpdir(), 'colloquy-main-'))
  onTestFinished(() => rmSync(root, { recursive: true }))
  const { stdout, stderr, status } = spawnSync(process.execPath, [program, join(root, 'data')], { encoding: 'utf8' })
  expect({ stderr, status }).toEqual({ stderr: '', status: 0 })
  const refused = 'base.invalid_argument'
  // What only reads runs on the caller's thread.
  expect(stdout.trim().split('\n')).toEqual(['runs', refused, refused, 'null', refused, refused, 'null'])
})

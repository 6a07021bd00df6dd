/** The command line as a real process: run to its end, or held to be watched, interrupted and killed. */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root: string = fileURLToPath(new URL('../..', import.meta.url))
const main = join(root, 'src/cli/main.ts')

export interface Finished {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export interface Running {
  readonly child: ChildProcess
  readonly finished: Promise<Finished>
  /** Resolves when stdout holds `count` whole lines; rejects if the process ends first. */
  lines(count: number): Promise<void>
}

export interface RunOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  readonly uid?: number
  readonly gid?: number
}

/** Alive now. A test that timed out never comes to its own end of them, so the end of this process is theirs too. */
const alive = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of alive) child.kill('SIGKILL')
})

/** Kills the child when this process ends before it, whatever became of its test. */
export function endsWithUs(child: ChildProcess): void {
  alive.add(child)
  child.once('exit', () => alive.delete(child)).once('error', () => alive.delete(child))
}

export function start(args: readonly string[], options: RunOptions = {}): Running {
  const env = { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '', ...options.env }
  const child = spawn(process.execPath, [main, ...args], {
    ...(options.uid !== undefined && { uid: options.uid }),
    ...(options.gid !== undefined && { gid: options.gid }),
    cwd: options.cwd ?? root,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  endsWithUs(child)
  let stdout = ''
  let stderr = ''
  const waiting: { count: number; resolve: () => void; reject: (error: Error) => void }[] = []
  const count = () => stdout.split('\n').length - 1
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
    for (const waiter of waiting) if (count() >= waiter.count) waiter.resolve()
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const finished = new Promise<Finished>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => {
      resolve({ code, signal, stdout, stderr })
      for (const waiter of waiting) waiter.reject(new Error(`ended with ${count()} lines: ${stderr}`))
    })
  })
  return {
    child,
    finished,
    lines: (wanted) =>
      new Promise((resolve, reject) => {
        if (count() >= wanted) resolve()
        else waiting.push({ count: wanted, resolve, reject })
      }),
  }
}

export function run(args: readonly string[], options: RunOptions = {}): Promise<Finished> {
  return start(args, options).finished
}

export async function temporaryFolder(): Promise<{ path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'colloquy-cli-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}

export interface Line {
  readonly id: string
  readonly type: string
  readonly source: string
  readonly data: Record<string, unknown>
}

/** NDJSON, every line of it. */
export function events(stdout: string): Line[] {
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line)
}

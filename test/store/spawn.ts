/** Starts `child.ts` and follows its lines. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

export interface Child {
  readonly process: ChildProcess
  /** Every line so far. */
  readonly lines: readonly string[]
  /** Resolves when there are that many lines, or none will follow. */
  line(count: number): Promise<void>
  /** Resolves when the process has ended and its last line is here; with its exit code, null after a signal. */
  readonly ended: Promise<number | null>
  /** SIGKILL, and waits for the end. */
  kill(): Promise<void>
}

const running = new Set<Child>()

/** Kills what a test that failed has left running. */
export async function killChildren(): Promise<void> {
  await Promise.all([...running].map((child) => child.kill()))
}

/** The child in `mode`, under `wrapper` (a command and its arguments) if there is one. */
export function startChild(mode: string, folder: string, seed: string = '0', wrapper: readonly string[] = []): Child {
  const script = fileURLToPath(new URL('./child.ts', import.meta.url))
  const command = [...wrapper, process.execPath, script, mode, folder, seed]
  const child = spawn(command[0] ?? '', command.slice(1), { stdio: ['ignore', 'pipe', 'inherit'] })
  const lines: string[] = []
  const waiting = new Set<() => void>()
  const wake = () => {
    for (const check of waiting) check()
  }
  const reader = createInterface({ input: child.stdout })
  let over = false
  reader.on('line', (text) => {
    lines.push(text)
    wake()
  })
  const ended = Promise.all([once(child, 'exit'), once(reader, 'close')]).then(([[code]]) => {
    over = true
    wake()
    return code as number | null
  })
  const started: Child = {
    process: child,
    lines,
    ended,
    line: (count) =>
      new Promise((resolve) => {
        const check = () => {
          if (lines.length < count && !over) return
          waiting.delete(check)
          resolve()
        }
        waiting.add(check)
        check()
      }),
    async kill() {
      child.kill('SIGKILL')
      await ended
    },
  }
  running.add(started)
  void ended.then(() => running.delete(started))
  return started
}

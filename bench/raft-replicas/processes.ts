/** Processes that a bench starts, asks and ends, and the CPU time that they have used. */
import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** A program of this folder, which answers each order with one word. */
export class Program<Order extends object, Word> {
  readonly child: ChildProcess

  constructor(file: string, args: readonly string[]) {
    this.child = fork(fileURLToPath(new URL(file, import.meta.url)), args, {
      execArgv: (process.env['COLLOQUY_BENCH_MEMBER_FLAGS'] ?? '').split(' ').filter((flag) => flag !== ''),
    })
  }

  /** Its next word; rejects when it ends before. */
  async word(): Promise<Word> {
    const ended = new AbortController()
    const { signal } = ended
    try {
      const [word] = (await Promise.race([
        once(this.child, 'message', { signal }),
        once(this.child, 'exit', { signal }).then(([code]) => {
          throw new Error(`a process of the bench ended with ${String(code)}`)
        }),
      ])) as [Word]
      return word
    } finally {
      ended.abort()
    }
  }

  ask(order: Order): Promise<Word> {
    const word = this.word()
    this.child.send(order)
    return word
  }

  tell(order: Order): void {
    this.child.send(order)
  }
}

/** Ends it at once and waits until it is gone. */
export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGKILL')
  await exited
}

/** A program of the machine, silent. */
export function start(command: string, args: readonly string[]): ChildProcess {
  return spawn(command, args, { stdio: 'ignore' })
}

/** Microseconds of CPU, all threads, from /proc: in steps of 10 ms, which rounds of seconds do not notice. */
export function cpuUs(children: readonly ChildProcess[]): number {
  let ticks = 0
  for (const { pid } of children) {
    // The name of the program, in parentheses, may hold spaces.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
    ticks += Number(fields[11]) + Number(fields[12])
  }
  return ticks * 10_000
}

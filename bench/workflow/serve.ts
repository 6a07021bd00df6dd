/**
 * What the programs of both peers have in common: a temporary folder, servers that are started and ended, orders that are obeyed.
 * A program ends all it started when the channel to the bench closes, so that no server outlives a bench that was killed.
 */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { end } from '../raft-replicas/processes.ts'
import { type Ending, type Load, type PeerOrder, type PeerWord, runSagas } from './protocol.ts'

/** Time for a server to close its files before it is killed. */
const stopTimeoutMs = 10_000

/** A process that has just started compiles more than it works. */
const warmUps: readonly Load[] = [false, true].map((failing) => ({ steps: 5, inFlight: 50, count: 200, failing }))

/** What an opened peer can do: one saga from its call to its end. */
export type RunSaga = (load: Load) => Promise<Ending>

/** Not the system's usual temporary folder, which may be memory: this one is kept over a restart, and so it is on a disk. */
export function temporaryFolder(): string {
  return mkdtempSync('/var/tmp/colloquy-bench-workflow-')
}

export class Servers {
  readonly folder: string = temporaryFolder()
  readonly #children: { readonly child: ChildProcess; readonly signal: NodeJS.Signals }[] = []
  #closing = false

  /** What it prints goes to `<name>.log` in the folder. The signal is the one on which it stops in order. */
  start(
    name: string,
    command: string,
    args: readonly string[],
    options: SpawnOptions,
    signal: NodeJS.Signals,
  ): ChildProcess {
    if (this.#closing) throw new Error(`${name} is not started; the bench is gone`)
    const log = openSync(join(this.folder, `${name}.log`), 'a')
    const child = spawn(command, args, { ...options, stdio: ['ignore', log, log] })
    child.on('error', (error) => console.error(`${name}: ${error.message}`))
    this.#children.push({ child, signal })
    return child
  }

  /** A program that ends by itself; on a failure its log tells why. */
  async run(name: string, command: string, args: readonly string[], options: SpawnOptions): Promise<void> {
    const [code] = (await once(this.start(name, command, args, options, 'SIGTERM'), 'exit')) as [number | null]
    if (code !== 0) throw new Error(`${name} failed: ${this.#log(name)}`)
  }

  /** Calls until it no longer rejects. A server that has ended will never answer; then its log tells why. */
  async ready<T>(name: string, child: ChildProcess, call: () => Promise<T>, limitMs: number): Promise<T> {
    for (const endMs = performance.now() + limitMs; ;) {
      try {
        return await call()
      } catch (error) {
        const ended = child.exitCode !== null || child.signalCode !== null
        if (ended || performance.now() > endMs)
          throw new Error(`${name} ${ended ? 'has ended' : 'does not answer'}: ${this.#log(name)}`, { cause: error })
        await delay(100)
      }
    }
  }

  #log(name: string): string {
    return readFileSync(join(this.folder, `${name}.log`), 'utf8').slice(-1000)
  }

  async close(): Promise<void> {
    this.#closing = true
    await Promise.all(this.#children.map(({ child, signal }) => stop(child, signal)))
    rmSync(this.folder, { recursive: true, force: true })
  }
}

async function stop(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill(signal)
  await Promise.race([exited, delay(stopTimeoutMs)])
  await end(child)
}

/** The life of a peer's program: open, run what is ordered, close when the bench is gone. */
export function obey(open: (servers: Servers) => Promise<RunSaga>): void {
  const servers = new Servers()
  // A channel whose other end was killed refuses; its closing is told apart, and all that follows is done there.
  const tell = (word: PeerWord): void => void process.send?.(word, undefined, undefined, () => {})
  const fail = (error: unknown): void =>
    tell({ type: 'failed', reason: error instanceof Error ? error.message : String(error) })
  // An interrupt at the terminal goes to all processes at once; the bench's end is what ends this one, so that it can clean up.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => {})
  const quit = (code: number): void => {
    servers.close().then(
      () => process.exit(code),
      () => process.exit(1),
    )
  }
  process.on('disconnect', () => quit(0))
  process.on('uncaughtException', (error) => {
    console.error(error)
    quit(1)
  })
  const begin = async (): Promise<void> => {
    const saga = await open(servers)
    for (const load of warmUps) await runSagas(() => saga(load), load)
    process.on('message', ({ load }: PeerOrder) => {
      runSagas(() => saga(load), load).then((ran) => tell({ type: 'ran', ...ran }), fail)
    })
    tell({ type: 'ready' })
  }
  begin().catch(fail)
}

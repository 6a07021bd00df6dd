/**
 * The members of `colloquy raft demo` as child processes of this one, in a temporary folder. It starts them, speaks with them and kills
 * them with -9, and leaves neither a process nor the folder, however this process ends, but by a kill: then the members end by themselves.
 * What is proposed, and what to make of it, is raft-demo-run.ts's.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { within } from '../base/clock.ts'
import { ColloquyError } from '../base/error.ts'
import type { DemoAnswer, DemoOrder, DemoStatus, DemoWord } from '../node/raft-demo-member.ts'
import type { ProposalKey } from '../raft/replica-error.ts'
import type { DoorWorld } from './door-world.ts'

export type { DemoAnswer, DemoStatus } from '../node/raft-demo-member.ts'

/** The demonstration did not come to its end. Exit code 1. */
export class DemoFailed extends ColloquyError {
  override readonly code = 'cli.raft_demo_failed'
}

/** One life of a member. */
export interface DemoMember {
  readonly name: string
  readonly pid: number
  /** As it last said; undefined before. */
  readonly status: DemoStatus | undefined
  /** Undefined when the member ended before it answered. */
  propose(proposal: number, retry?: ProposalKey): Promise<DemoAnswer | undefined>
  /** How often each proposal was applied, once it has all that was committed before the call. */
  count(): Promise<DemoAnswer | undefined>
}

export interface DemoCluster extends AsyncDisposable {
  readonly folder: string
  readonly names: readonly string[]
  /** Those whose process runs and takes calls. */
  running(): readonly DemoMember[]
  member(name: string): DemoMember | undefined
  /** Why a member ended that nobody killed. */
  readonly trouble: string | undefined
  start(name: string): Promise<DemoMember>
  /** With -9; resolves once the process is gone. */
  kill(name: string): Promise<void>
}

export interface DemoClusterOptions extends DoorWorld {
  readonly members: number
  /** The folder stays. */
  readonly keep: boolean
  readonly signal: AbortSignal
}

const startTimeoutMs = 30_000
const stderrMax = 4096
const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
const program = fileURLToPath(new URL(`../node/raft-demo-member.${extension}`, import.meta.url))

/** Starts all members, which found a group. Rejects with `cli.raft_demo_failed`, `base.timeout`, `base.aborted`. */
export async function openDemoCluster(options: DemoClusterOptions): Promise<DemoCluster> {
  const folder = await mkdtemp(join(tmpdir(), 'colloquy-raft-demo-'))
  const cluster = new ProcessCluster(folder, options)
  try {
    await cluster.found()
    return cluster
  } catch (error) {
    await cluster[Symbol.asyncDispose]()
    throw error
  }
}

class ProcessCluster implements DemoCluster {
  readonly folder: string
  readonly names: readonly string[]
  readonly #options: DemoClusterOptions
  readonly #secret: string
  readonly #lives = new Map<string, Life>()
  readonly #places = new Map<string, { readonly address: string; readonly port: number }>()
  trouble: string | undefined
  #left = false

  constructor(folder: string, options: DemoClusterOptions) {
    this.folder = folder
    this.#options = options
    this.names = Array.from({ length: options.members }, (_, at) => String.fromCodePoint(97 + at))
    this.#secret = Buffer.from(options.entropy.bytes(32)).toString('hex')
    // A second interrupt ends this process at once.
    process.once('exit', this.#leave)
  }

  async found(): Promise<void> {
    const lives = this.names.map((name) => this.#spawn(name))
    await this.#inTime('the start of the members', () => Promise.all(lives.map((life) => this.#listening(life))))
    await this.#inTime('the founding of the group', () => Promise.all(lives.map((life) => this.#begin(life))))
  }

  running(): readonly DemoMember[] {
    return [...this.#lives.values()].filter((life) => life.isReady)
  }

  member(name: string): DemoMember | undefined {
    const life = this.#lives.get(name)
    return life?.isReady === true ? life : undefined
  }

  async start(name: string): Promise<DemoMember> {
    const life = this.#spawn(name)
    await this.#inTime(`the start of ${name}`, async () => {
      await this.#listening(life)
      await this.#begin(life)
    })
    return life
  }

  async kill(name: string): Promise<void> {
    const life = this.#lives.get(name)
    this.#lives.delete(name)
    await life?.kill()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.names.map((name) => this.kill(name)))
    process.off('exit', this.#leave)
    this.#leave()
  }

  readonly #leave = (): void => {
    if (this.#left) return
    this.#left = true
    for (const life of this.#lives.values()) life.child.kill('SIGKILL')
    // A process that was just killed may still make a file.
    if (!this.#options.keep) rmSync(this.folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 })
  }

  #spawn(name: string): Life {
    const stdio = ['ignore', 'ignore', 'pipe', 'ipc'] as const
    const life = new Life(name, fork(program, [], { stdio: [...stdio] }), (why) => {
      if (this.#lives.get(name) !== life) return
      this.#lives.delete(name)
      this.trouble = why
    })
    this.#lives.set(name, life)
    return life
  }

  async #listening(life: Life): Promise<void> {
    const { name } = life
    const port = this.#places.get(name)?.port ?? 0
    life.order({ kind: 'listen', name, data: join(this.folder, name), port, secret: this.#secret })
    this.#places.set(name, await life.listening)
  }

  async #begin(life: Life): Promise<void> {
    const members = Object.fromEntries([...this.#places].map(([name, { address }]) => [name, address]))
    life.order({ kind: 'begin', members })
    await life.ready
  }

  #inTime<T>(what: string, work: () => Promise<T>): Promise<T> {
    const { clock, signal } = this.#options
    return within(clock, what, startTimeoutMs, signal, work)
  }
}

class Life implements DemoMember {
  readonly name: string
  readonly child: ChildProcess
  readonly #listening = Promise.withResolvers<{ readonly address: string; readonly port: number }>()
  readonly #ready = Promise.withResolvers<void>()
  readonly #exited = Promise.withResolvers<void>()
  readonly #waiting = new Map<number, (answer: DemoAnswer | undefined) => void>()
  status: DemoStatus | undefined
  isReady = false
  #ended = false
  #calls = 0
  #stderr = ''

  constructor(name: string, child: ChildProcess, onEnd: (why: string) => void) {
    this.name = name
    this.child = child
    for (const { promise } of [this.#listening, this.#ready]) promise.catch(() => {})
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-stderrMax)
    })
    child.on('message', (word) => this.#hear(word as DemoWord))
    child.once('error', (error) => this.#end(`the member ${name} cannot be run: ${error.message}`, onEnd))
    child.once('exit', () => this.#end(`the member ${name} ended by itself: ${this.#stderr.trim()}`, onEnd))
  }

  get pid(): number {
    return this.child.pid ?? 0
  }

  get listening(): Promise<{ readonly address: string; readonly port: number }> {
    return this.#listening.promise
  }

  get ready(): Promise<void> {
    return this.#ready.promise
  }

  propose(proposal: number, retry?: ProposalKey): Promise<DemoAnswer | undefined> {
    return this.#call((call) => ({ kind: 'propose', call, proposal, ...(retry && { retry }) }))
  }

  count(): Promise<DemoAnswer | undefined> {
    return this.#call((call) => ({ kind: 'count', call }))
  }

  order(order: DemoOrder): void {
    // That it cannot be sent is told by the end of the process.
    this.child.send(order, () => {})
  }

  async kill(): Promise<void> {
    this.isReady = false
    this.child.kill('SIGKILL')
    await this.#exited.promise
  }

  #call(make: (call: number) => DemoOrder): Promise<DemoAnswer | undefined> {
    if (this.#ended) return Promise.resolve(undefined)
    return new Promise((resolve) => {
      const call = this.#calls++
      this.#waiting.set(call, resolve)
      this.order(make(call))
    })
  }

  #hear(word: DemoWord): void {
    if (word.kind === 'listening') this.#listening.resolve(word)
    else if (word.kind === 'status') this.status = word
    else if (word.kind === 'ready') {
      this.isReady = true
      this.#ready.resolve()
    } else {
      this.#waiting.get(word.call)?.(word)
      this.#waiting.delete(word.call)
    }
  }

  #end(why: string, onEnd: (why: string) => void): void {
    if (this.#ended) return
    this.#ended = true
    this.isReady = false
    for (const resolve of this.#waiting.values()) resolve(undefined)
    this.#waiting.clear()
    const error = new DemoFailed(why)
    this.#listening.reject(error)
    this.#ready.reject(error)
    this.#exited.resolve()
    onEnd(why)
  }
}

/** Members of a raft group as processes that are killed, stopped and started again, and clients that write down what they saw. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Random } from '../../src/base/random.ts'
import type { ProposalKey } from '../../src/raft/replica-error.ts'
import { createHistory } from '../../src/sim/history.ts'
import type { HistoryValue, MapInput } from '../../src/sim/linearizable-models.ts'
import { endsWithUs } from './cli.ts'
import type { Answer, Call, Change, CrashState } from './raft-crash-member.ts'

const program = fileURLToPath(new URL('raft-crash-member.ts', import.meta.url))

export type Name = 'a' | 'b' | 'c'
export const names: readonly Name[] = ['a', 'b', 'c']

type Answered = Extract<Answer, { readonly said: 'answer' }>

/** One process of a member, from its start to its end. */
export interface Member {
  readonly name: Name
  readonly child: ChildProcess
  /** Resolves once it takes calls; rejects when it ends before. */
  readonly ready: Promise<void>
  /** Who leads, as it last said. */
  leader: string
  /** Undefined when it ended before it answered. */
  call(asked: Omit<Call, 'call'>): Promise<Answered | undefined>
  kill(): Promise<void>
  /** SIGSTOP: it holds still. Who waits for it gives up, and what becomes of the call is not known. */
  stop(): void
  /** SIGCONT. */
  resume(): void
  readonly stopped: boolean
}

export class Cluster {
  readonly #folder: string
  readonly #addresses: Readonly<Record<string, string>>
  readonly #ports: readonly number[]
  readonly #command: (name: Name) => readonly string[]
  readonly members = new Map<Name, Member>()

  /** `command` is put before the program of a member: what traces it, for one. */
  constructor(folder: string, ports: readonly number[], command: (name: Name) => readonly string[] = () => []) {
    this.#folder = folder
    this.#ports = ports
    this.#command = command
    this.#addresses = Object.fromEntries(names.map((name, at) => [name, `tcp://127.0.0.1:${ports[at]}`]))
  }

  start(name: Name): Member {
    const port = String(this.#ports[names.indexOf(name)])
    const own = [program, name, join(this.#folder, name), port, JSON.stringify(this.#addresses)]
    const [command = process.execPath, ...args] = [...this.#command(name), process.execPath, ...own]
    const member = memberOf(name, spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] }))
    this.members.set(name, member)
    return member
  }

  async startAll(): Promise<void> {
    const started = names.filter((name) => !this.members.has(name)).map((name) => this.start(name))
    await Promise.all(started.map(({ ready }) => ready))
  }

  async kill(name: Name): Promise<void> {
    const member = this.members.get(name)
    this.members.delete(name)
    await member?.kill()
  }

  /** Whom the members that say so hold for the leader; undefined while they say nobody. */
  get leader(): Name | undefined {
    const said = new Set(Array.from(this.members.values(), ({ leader }) => leader))
    return names.find((name) => said.has(name) && this.members.has(name))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(names.map((name) => this.kill(name)))
  }
}

function memberOf(name: Name, child: ChildProcess): Member {
  endsWithUs(child)
  const waiting = new Map<number, (answer: Answered | undefined) => void>()
  const ready = Promise.withResolvers<void>()
  ready.promise.catch(() => {})
  let calls = 0
  let stderr = ''
  let ended = false
  let stopped = false
  const giveUp = (): void => {
    for (const resolve of waiting.values()) resolve(undefined)
    waiting.clear()
  }
  const exit = once(child, 'exit')
  child.once('exit', () => {
    ended = true
    giveUp()
    ready.reject(new Error(`the member ${name} ended: ${stderr}`))
  })
  child.stdin!.on('error', () => {})
  child.stderr!.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const member: Member = {
    name,
    child,
    ready: ready.promise,
    leader: '',
    call(asked) {
      if (ended) return Promise.resolve(undefined)
      return new Promise((resolve) => {
        const call = calls++
        waiting.set(call, resolve)
        child.stdin!.write(`${JSON.stringify({ call, ...asked })}\n`)
      })
    },
    async kill() {
      child.kill('SIGKILL')
      await exit
    },
    stop() {
      stopped = true
      child.kill('SIGSTOP')
      giveUp()
    },
    resume() {
      stopped = false
      child.kill('SIGCONT')
    },
    get stopped() {
      return stopped
    },
  }
  createInterface({ input: child.stdout! }).on('line', (line) => {
    if (!line.endsWith('}')) return
    const said = JSON.parse(line) as Answer
    if (said.said === 'ready') ready.resolve()
    else if (said.said === 'leader') member.leader = said.name
    else {
      waiting.get(said.call)?.(said)
      waiting.delete(said.call)
    }
  })
  return member
}

export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer().listen(0, '127.0.0.1')
      await once(server, 'listening')
      return server
    }),
  )
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  for (const server of servers) server.close()
  return ports
}

/** Errors after which it is known that nothing was done, now or ever. */
const certainlyNot = new Set(['raft.no_leader', 'raft.no_quorum', 'raft.backlog_full', 'base.aborted', 'base.closed'])

/** Clients that call whichever member there is, try again with the key of an unknown outcome, and write down what they saw. */
export class Clients {
  readonly history = createHistory<MapInput, HistoryValue | void>()
  /** Ids of the changes that were answered. */
  readonly acknowledged: string[] = []
  readonly counts = { answered: 0, refused: 0, retried: 0, unknown: 0 }
  readonly #cluster: Cluster
  readonly #random: Random
  readonly #waits = new Set<() => void>()
  #stopped = false
  #id = 0

  constructor(cluster: Cluster, random: Random) {
    this.#cluster = cluster
    this.#random = random
  }

  /** Runs until `stop`; resolves when the last call has come to its end. */
  async run(count: number): Promise<void> {
    await Promise.all(Array.from({ length: count }, (_, at) => this.#client(`client ${at}`)))
  }

  stop(): void {
    this.#stopped = true
  }

  /** Resolves once so many more calls were answered. */
  async answeredMore(count: number): Promise<void> {
    const wanted = this.counts.answered + count
    while (this.counts.answered < wanted) await new Promise<void>((resolve) => this.#waits.add(resolve))
  }

  async #client(client: string): Promise<void> {
    while (!this.#stopped) {
      const member = this.#pick()
      // Everybody is down: somebody comes up before any call can be made.
      if (!member) await new Promise((resolve) => setImmediate(resolve))
      else if (this.#random.integer(3) === 0) await this.#read(client, member)
      else await this.#change(client, member)
    }
  }

  #pick(): Member | undefined {
    const members = [...this.#cluster.members.values()].filter(({ stopped }) => !stopped)
    return members.length === 0 ? undefined : this.#random.pick(members)
  }

  async #read(client: string, member: Member): Promise<void> {
    const key = `k${this.#random.integer(5)}`
    const open = this.history.call(client, { kind: 'read', key })
    const answer = await member.call({ read: key })
    if (answer && answer.code === undefined) {
      open.answered((answer.result as string | null) ?? undefined)
      this.#answered()
    } else open.failed()
  }

  async #change(client: string, first: Member): Promise<void> {
    const change = this.#draw()
    const { kind, key, value } = change
    const input: MapInput =
      kind === 'write' ? { kind, key, value } : { kind, key, value, expected: change.expected ?? undefined }
    const open = this.history.call(client, input)
    let member: Member | undefined = first
    let retry: ProposalKey | undefined
    for (;;) {
      const answer = await member?.call({ change, ...(retry && { retry }) })
      if (answer && answer.code === undefined) {
        open.answered(kind === 'cas' ? (answer.result as boolean) : undefined)
        this.acknowledged.push(change.id)
        return this.#answered()
      }
      if (answer?.retry && answer.code === 'raft.outcome_unknown') {
        retry = answer.retry
        this.counts.retried++
      } else if (retry === undefined) {
        // Without its key nobody can ask again; that it was refused is known only where the error says so.
        if (answer && certainlyNot.has(answer.code ?? '')) {
          open.failed()
          this.counts.refused++
        } else this.counts.unknown++
        return
      } else if (answer && !certainlyNot.has(answer.code ?? '')) {
        this.counts.unknown++
        return
      }
      member = this.#pick()
      if (this.#stopped && !member) return
      if (!member) await new Promise((resolve) => setImmediate(resolve))
    }
  }

  #draw(): Change {
    const id = `c${this.#id++}`
    const key = `k${this.#random.integer(5)}`
    if (this.#random.integer(3) > 0) return { id, key, kind: 'write', value: id }
    const guess = this.acknowledged.at(-1 - this.#random.integer(5))
    return { id, key, kind: 'cas', value: id, expected: guess ?? null }
  }

  #answered(): void {
    this.counts.answered++
    for (const resolve of this.#waits) resolve()
    this.#waits.clear()
  }
}

/** The state of a member, once it has all that was committed before the call. */
export async function dumpOf(member: Member): Promise<CrashState> {
  for (;;) {
    const answer = await member.call({ dump: true })
    if (!answer) throw new Error(`the member ${member.name} ended`)
    if (answer.code === undefined) return answer.result as CrashState
  }
}

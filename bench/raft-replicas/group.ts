/** Three members in three processes over TCP with a group secret, each with a folder of its own on one disk. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Program, cpuUs, end } from './processes.ts'
import { type MemberOrder, type MemberStart, type MemberWord, type Ran, command } from './protocol.ts'

type Member = Program<MemberOrder, MemberWord>

export const names = ['a', 'b', 'c'] as const

/** Below the working folder, for the temporary one may be memory. */
export function benchFolder(): string {
  return mkdtempSync(join(process.cwd(), '.bench-raft-replicas-'))
}

export class Group {
  readonly #folder = benchFolder()
  readonly #members = new Map<string, Member>()
  readonly #addresses: Record<string, string> = {}
  readonly #timing: { readonly heartbeatMs: number; readonly electionTimeoutMs: number }
  leader = ''

  private constructor(heartbeatMs: number) {
    this.#timing = { heartbeatMs, electionTimeoutMs: heartbeatMs * 10 }
  }

  static async open(heartbeatMs = 100): Promise<Group> {
    const group = new Group(heartbeatMs)
    for (const name of names) await group.#begin(name)
    for (const name of names) group.#join(name)
    await group.settle()
    // Sessions are registered and connections made before anything is measured.
    await group.run(1, 200)
    return group
  }

  async #begin(name: string): Promise<void> {
    const folder = join(this.#folder, name)
    mkdirSync(folder, { recursive: true })
    const port = Number(this.#addresses[name]?.split(':').at(-1) ?? 0)
    const start: MemberStart = { group: 'bench', member: name, folder, port, ...this.#timing }
    const member: Member = new Program('./member.ts', [JSON.stringify(start)])
    const ready = await member.word()
    if (ready.type !== 'ready') throw new Error(`${name} said ${ready.type}`)
    this.#addresses[name] = ready.address
    this.#members.set(name, member)
  }

  #join(name: string): void {
    this.#of(name).tell({ type: 'join', members: this.#addresses })
  }

  #of(name: string): Member {
    return this.#members.get(name) as Member
  }

  /** Waits until all members say the same leader. */
  async settle(): Promise<void> {
    for (;;) {
      await delay(50)
      const said = await Promise.all(names.map((name) => this.#of(name).ask({ type: 'leader' })))
      const [first, ...rest] = said.map((word) => (word.type === 'leader' ? word.name : ''))
      if (first && rest.every((each) => each === first)) {
        this.leader = first
        return
      }
    }
  }

  /** Clients in the leader's process. */
  async run(clients: number, forMs: number): Promise<Ran> {
    const word = await this.#of(this.leader).ask({ type: 'run', clients, forMs, command })
    if (word.type !== 'ran') throw new Error(`the leader said ${word.type}`)
    return word
  }

  /** Of all members, and so of the clients. */
  get cpuUs(): number {
    return cpuUs([...this.#members.values()].map(({ child }) => child))
  }

  /** From the kill of the leader to the first answer to a proposal that one of the others has made since, in ms. */
  async failover(): Promise<number> {
    const killed = this.leader
    const other = names.find((name) => name !== killed) as string
    await end(this.#of(killed).child)
    const word = await this.#of(other).ask({ type: 'recover', command })
    if (word.type !== 'recovered') throw new Error(`${other} said ${word.type}`)
    await this.#begin(killed)
    this.#join(killed)
    await this.settle()
    await this.run(1, 200)
    return word.endedMs - word.startedMs
  }

  async close(): Promise<void> {
    await Promise.all([...this.#members.values()].map(({ child }) => end(child)))
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

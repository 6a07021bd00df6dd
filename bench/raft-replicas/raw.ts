/** Three processes that keep commands on three disks with the least there is to do: what replicas are measured by. */
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { benchFolder, names } from './group.ts'
import { Program, cpuUs, end } from './processes.ts'
import type { Ran, RawOrder, RawWord } from './protocol.ts'

export class Raw {
  readonly #folder = benchFolder()
  readonly #members: Program<RawOrder, RawWord>[] = []

  static async open(): Promise<Raw> {
    const raw = new Raw()
    const ports: number[] = []
    for (const name of names) {
      const folder = join(raw.#folder, name)
      mkdirSync(folder)
      const member = new Program<RawOrder, RawWord>('./raw-member.ts', [folder])
      const ready = await member.word()
      if (ready.type === 'ready') ports.push(ready.port)
      raw.#members.push(member)
    }
    raw.#first.tell({ type: 'join', ports: ports.slice(1) })
    await raw.run('run', 200)
    return raw
  }

  get #first(): Program<RawOrder, RawWord> {
    return this.#members[0] as Program<RawOrder, RawWord>
  }

  /** `run`: rounds of the first with the others. `write`: all three write by themselves, and their writes count together. */
  async run(type: 'run' | 'write', forMs: number): Promise<Ran> {
    const asked = type === 'run' ? [this.#first] : this.#members
    const words = await Promise.all(asked.map((each) => each.ask({ type, forMs })))
    const all = words.map((word) => {
      if (word.type !== 'ran') throw new Error(`a process said ${word.type}`)
      return word
    })
    return { ...(all[0] as Ran), done: all.reduce((sum, { done }) => sum + done, 0) }
  }

  get cpuUs(): number {
    return cpuUs(this.#members.map(({ child }) => child))
  }

  async close(): Promise<void> {
    await Promise.all(this.#members.map(({ child }) => end(child)))
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

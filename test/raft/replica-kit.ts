/** Groups of replicas in one process, on a manual clock, a loopback transport and logs in memory, for tests. */
import { predictableEntropy } from '../../src/base/entropy.ts'
import { type ManualClock, manualClock } from '../../src/base/manual-clock.ts'
import { seededRandom } from '../../src/base/random.ts'
import { logMemory } from '../../src/raft/log-memory.ts'
import type { LogStore } from '../../src/raft/log-store.ts'
import type { Raft, RaftOptions } from '../../src/raft/raft.ts'
import { createRaft } from '../../src/raft/replica.ts'
import { stateMachine } from '../../src/raft/state-machine.ts'
import { type Loopback, loopback } from './loopback.ts'

export interface Tasks {
  readonly total: number
  readonly done: readonly string[]
}

export const tasks = stateMachine<Tasks, string, number>({
  initial: { total: 0, done: [] },
  apply: (state, command) => {
    if (command === 'refuse') throw new RangeError('refused by the machine')
    return { state: { total: state.total + 1, done: [...state.done, command] }, result: state.total + 1 }
  },
})

export type Member = Raft<Tasks, string, number>
export type Extra = Partial<RaftOptions<Tasks, string, number>>

export interface Group extends AsyncDisposable {
  readonly net: Loopback
  readonly clock: ManualClock
  readonly logs: Map<string, LogStore>
  readonly members: Map<string, Member>
  /** Starts a member, on its log if it has one already. */
  start(name: string, extra?: Extra): Promise<Member>
  /** As kill -9 does: it leaves, and what it has not kept is gone. */
  kill(name: string): Promise<void>
  /** Lets time pass in small steps until it holds, at most `limitMs`; throws when it never does. */
  until(holds: () => boolean, limitMs?: number): Promise<void>
  /** The same until the promise has settled, and then its outcome. */
  settled<T>(work: Promise<T>, limitMs?: number): Promise<T>
  leader(): Promise<Member>
}

export function group(names: readonly string[], seed: string | number = 1, common: Extra = {}): Group {
  const net = loopback()
  const clock = manualClock()
  const random = seededRandom(seed)
  const logs = new Map<string, LogStore>()
  const members = new Map<string, Member>()
  let lives = 0
  const made: Group = {
    net,
    clock,
    logs,
    members,
    async start(name, extra = {}) {
      lives++
      const entropy = predictableEntropy(random.split(`entropy ${name} ${lives}`))
      const log = logs.get(name) ?? logMemory({ group: 'ops', member: name, entropy })
      logs.set(name, log)
      const member = await createRaft({
        group: 'ops',
        member: name,
        members: names,
        machine: tasks,
        log,
        transport: net.transport(),
        clock,
        random: random.split(`chance ${name} ${lives}`),
        entropy,
        ...common,
        ...extra,
      })
      members.set(name, member)
      return member
    },
    async kill(name) {
      await members.get(name)?.close()
      members.delete(name)
    },
    async until(holds, limitMs = 60_000) {
      for (let passedMs = 0; !holds(); passedMs += 20) {
        if (passedMs > limitMs) throw new Error(`it did not hold in ${limitMs} ms: ${describeAll(members)}`)
        await clock.advance(20)
      }
    },
    async settled(work, limitMs) {
      let over = false
      const end = () => void (over = true)
      work.then(end, end)
      await made.until(() => over, limitMs)
      return work
    },
    async leader() {
      const find = () => [...members.values()].find((each) => each.leader()?.self === true)
      await made.until(() => find() !== undefined)
      return find()!
    },
    async [Symbol.asyncDispose]() {
      for (const each of members.values()) await each.close()
    },
  }
  return made
}

function describeAll(members: ReadonlyMap<string, Member>): string {
  return JSON.stringify(Array.from(members.values(), (each) => [each.status(), each.diagnose()]))
}

/** A group of three that runs. */
export async function three(seed: string | number = 1, common: Extra = {}): Promise<Group> {
  const made = group(['a', 'b', 'c'], seed, common)
  for (const name of ['a', 'b', 'c']) await made.start(name)
  await made.leader()
  return made
}

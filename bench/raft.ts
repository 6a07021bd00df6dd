/**
 * The raft core alone: three members in one process, every Ready done at once, storage in memory, no network. The peer is
 * the least that could keep the same promise in this setting: three arrays that each entry is put into, and a count of
 * who has it, with no terms, no checks and no failures. What it leaves out is what the core is for.
 */
import { seededRandom } from '../src/base/random.ts'
import { MemoryStorage } from '../src/raft/core/memory-storage.ts'
import { message } from '../src/raft/core/message.ts'
import type { Message, Snapshot } from '../src/raft/core/message.ts'
import { RawNode } from '../src/raft/core/raw-node.ts'
import type { BenchCase, Side } from './harness.ts'

const ids = [1, 2, 3]
const confState = { voters: ids, learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false }
const start: Snapshot = { metadata: { index: 1, term: 1, confState } }
const data = new Uint8Array(256)

/** Members with their storages, and the messages between them, taken in order. */
class Trio {
  readonly members: { readonly raw: RawNode; readonly storage: MemoryStorage }[]
  steps = 0
  applied = 0
  #messages: Message[] = []

  constructor() {
    this.members = ids.map((id) => {
      const storage = new MemoryStorage()
      storage.applySnapshot(start)
      const random = seededRandom(id)
      const limits = { maxSizePerMsg: 1 << 20, maxInflightMsgs: 256, maxUncommittedEntriesSize: 1 << 30 }
      return { storage, raw: new RawNode({ id, storage, random, electionTick: 10, heartbeatTick: 1, ...limits }) }
    })
    this.leader.raw.campaign()
    this.settle()
  }

  get leader(): { readonly raw: RawNode; readonly storage: MemoryStorage } {
    return this.members[0] as { readonly raw: RawNode; readonly storage: MemoryStorage }
  }

  /** Until nobody has anything left to do. */
  settle(): void {
    for (;;) {
      for (const member of this.members) this.#work(member)
      if (this.#messages.length === 0) return
      const messages = this.#messages
      this.#messages = []
      this.steps += messages.length
      for (const each of messages) this.members[each.to - 1]?.raw.step(each)
    }
  }

  #work({ raw, storage }: { readonly raw: RawNode; readonly storage: MemoryStorage }): void {
    while (raw.hasReady()) {
      const { hardState, entries, committedEntries, messages } = raw.ready()
      if (hardState !== undefined) storage.setHardState(hardState)
      storage.append(entries)
      for (const each of messages) this.#messages.push(each)
      if (raw.id === 1) this.applied += committedEntries.length
      raw.advance()
    }
  }

  /** What a snapshot would allow to forget, so that a long run does not measure memory. */
  compact(): void {
    for (const { raw, storage } of this.members) storage.compact(raw.basicStatus().applied)
  }
}

function proposing(atOnce: number, turns: number, asOne: boolean): Side {
  const all = Array.from({ length: atOnce }, () => data)
  const trio = new Trio()
  return {
    batch: () => {
      const before = trio.applied
      for (let turn = 0; turn < turns; turn++) {
        if (asOne) trio.leader.raw.proposeMany(all)
        else for (const each of all) trio.leader.raw.propose(each)
        trio.settle()
      }
      trio.compact()
      return trio.applied - before
    },
  }
}

/** The same entries into three arrays, acknowledged one by one. */
function arrays(atOnce: number, turns: number): Side {
  const logs: { index: number; data: Uint8Array }[][] = [[], [], []]
  let index = 0
  return {
    batch: () => {
      let committed = 0
      for (let turn = 0; turn < turns; turn++) {
        const first = index + 1
        for (let each = 0; each < atOnce; each++) logs[0]?.push({ index: ++index, data })
        const batch = logs[0]?.slice(-atOnce) ?? []
        let acks = 1
        for (const log of logs.slice(1)) {
          for (const entry of batch) log.push(entry)
          if (log.at(-1)?.index === first + atOnce - 1) acks++
        }
        if (acks >= 2) committed += atOnce
      }
      for (const log of logs) log.length = 0
      return committed
    },
  }
}

function proposalCase(atOnce: number, turns: number, asOne = false): BenchCase {
  return {
    name: `core, three members, ${atOnce} proposals at a time${asOne ? ', as one' : ''}`,
    unit: 'commits/s',
    peerName: 'three arrays and a count',
    ours: () => proposing(atOnce, turns, asOne),
    peer: () => arrays(atOnce, turns),
  }
}

const steps: BenchCase = {
  name: 'core, three members, messages of ticks and single proposals',
  unit: 'steps/s',
  peerName: 'the messages copied',
  ours: () => {
    const trio = new Trio()
    return {
      batch: () => {
        const before = trio.steps
        for (let turn = 0; turn < 20_000; turn++) {
          trio.leader.raw.tick()
          trio.leader.raw.propose(data)
          trio.settle()
        }
        trio.compact()
        return trio.steps - before
      },
    }
  },
  peer: () => {
    const queue: Message[] = []
    const sample = message({ type: 'MsgApp' })
    return {
      batch: () => {
        for (let turn = 0; turn < 200_000; turn++) {
          queue.push({ ...sample, index: turn })
          queue.pop()
        }
        return 200_000
      },
    }
  },
}

export const cases: readonly BenchCase[] = [
  proposalCase(1, 20_000),
  proposalCase(16, 4000),
  proposalCase(128, 1000),
  proposalCase(16, 4000, true),
  proposalCase(128, 1000, true),
  steps,
]

/**
 * The world of etcd's interaction files: members with their storages, the messages between them, and what is printed. It is
 * etcd's rafttest.InteractionEnv on our core: what a step does, in which order, and what it prints. Which command asks for
 * which step is interaction-suite.ts.
 */
import { codeOf } from '../../../src/base/error.ts'
import { seededRandom } from '../../../src/base/random.ts'
import { unmarshalConfChange } from '../../../src/raft/core/conf-change-codec.ts'
import type { RaftConfig } from '../../../src/raft/core/config.ts'
import { describeEntries, describeMessage, describeReady } from '../../../src/raft/core/describe.ts'
import { MemoryStorage } from '../../../src/raft/core/memory-storage.ts'
import {
  type AnyConfChange,
  type Entry,
  type HardState,
  type Message,
  type MessageType,
  type Snapshot,
  appendThread,
  applyThread,
  emptyConfState,
  emptyHardState,
  message,
} from '../../../src/raft/core/message.ts'
import { RawNode } from '../../../src/raft/core/raw-node.ts'
import { formatProgress } from '../../../src/raft/core/tracker.ts'

/** A refusal that is printed and ends the command, not the run. */
export class Told extends Error {}

export type NodeConfig = Omit<RaftConfig, 'id' | 'storage' | 'random'>

/** What the harness of etcd begins with: no limits. */
export const nodeConfigDefaults: NodeConfig = {
  electionTick: 3,
  heartbeatTick: 1,
  maxSizePerMsg: Infinity,
  maxInflightMsgs: 2 ** 31 - 1,
}

export const emptySnapshot: Snapshot = { metadata: { index: 0, term: 0, confState: emptyConfState } }

interface Node {
  readonly raw: RawNode
  readonly storage: MemoryStorage
  readonly config: NodeConfig
  readonly appendWork: Message[]
  readonly applyWork: Message[]
  /** A snapshot for each applied entry: the state is all data, one behind the other. */
  readonly history: Snapshot[]
}

export interface Recipient {
  readonly id: number
  readonly drop: boolean
}

const ticksPer = { election: 'electionTick', heartbeat: 'heartbeatTick' } as const

/** The words of etcd for what our errors and words say at greater length. */
const etcdTexts: ReadonlyMap<string, string> = new Map([
  ['raft.proposal_dropped', 'raft proposal dropped'],
  ['raft.step_local', 'raft: cannot step raft local message'],
  ['raft.peer_not_found', 'raft: cannot step as peer not found'],
])
const compactedText = 'requested index is unavailable due to compaction'
const outOfDateText = 'requested index is older than the existing snapshot'

export class InteractionEnvironment {
  readonly nodes: Node[] = []
  messages: Message[] = []
  output = ''
  quiet = false

  write(text: string): void {
    if (!this.quiet) this.output += text
  }

  /** Runs and moves what it prints to the right. */
  indent(run: () => void): void {
    const before = this.output
    this.output = ''
    try {
      run()
    } finally {
      const lines = this.output.split('\n')
      if (lines.at(-1) === '') lines.pop()
      this.output = before + lines.map((line) => `  ${line}\n`).join('')
    }
  }

  node(id: number): Node {
    const node = this.nodes[id - 1]
    if (node === undefined) throw new Error(`there is no node ${id}`)
    return node
  }

  /** Runs what a member may refuse, as an error of the command. */
  tell(run: () => void): void {
    try {
      run()
    } catch (error) {
      const text = etcdTexts.get(codeOf(error))
      throw text === undefined ? error : new Told(text)
    }
  }

  addNodes(count: number, config: NodeConfig, snapshot: Snapshot): void {
    const { index, confState } = snapshot.metadata
    const bootstrap =
      index > 0 || snapshot.data !== undefined || confState.voters.length + confState.learners.length > 0
    if (bootstrap && index <= 1) throw new Told('index must be specified as > 1 due to bootstrap')
    const first = bootstrap ? { ...snapshot, metadata: { ...snapshot.metadata, term: 1 } } : snapshot
    for (let made = 0; made < count; made++) {
      const id = this.nodes.length + 1
      const history = [first]
      const storage = new HistoryStorage(history)
      if (bootstrap) storage.applySnapshot(first)
      const raw = new RawNode({ ...config, id, storage, random: seededRandom(`interaction ${id}`) })
      this.nodes.push({ raw, storage, config, appendWork: [], applyWork: [], history })
    }
  }

  tick(id: number, kind: 'election' | 'heartbeat'): void {
    const { raw, config } = this.node(id)
    for (let ticks = 0; ticks < config[ticksPer[kind]]; ticks++) raw.tick()
  }

  compact(id: number, index: number): void {
    if (this.node(id).storage.compact(index) === 'compacted') throw new Told(compactedText)
    this.printLog(id)
  }

  printLog(id: number): void {
    const { storage } = this.node(id)
    const first = storage.firstIndex()
    const last = storage.lastIndex()
    if (last < first) {
      this.write(`log is empty: first index=${first}, last index=${last}`)
      return
    }
    const entries = storage.entries(first, last + 1, Infinity)
    if (typeof entries === 'string') throw new Told(entries)
    this.write(describeEntries(entries))
  }

  printStatus(id: number): void {
    this.write(formatProgress(this.node(id).raw.status().progress))
  }

  printStates(): void {
    for (const { raw } of this.nodes) {
      const { id, role, term, leader, config } = raw.status()
      const isVoter = config.voters.incoming.has(id) || config.voters.outgoing.has(id)
      this.write(`${id}: ${role} (${isVoter ? 'Voter' : 'Non-Voter'}) Term:${term} Lead:${leader}\n`)
    }
  }

  processReady(id: number): void {
    const node = this.node(id)
    const ready = node.raw.ready()
    this.write(describeReady(ready))
    const { asyncStorageWrites = false } = node.config
    if (!asyncStorageWrites) {
      append(node, ready.hardState ?? emptyHardState, ready.entries, ready.snapshot)
      apply(node, ready.committedEntries)
    }
    for (const each of ready.messages) {
      if (each.to === appendThread) node.appendWork.push(each)
      else if (each.to === applyThread) node.applyWork.push(each)
      else this.messages.push(each)
    }
    if (!asyncStorageWrites) node.raw.advance()
  }

  processAppendThread(id: number): void {
    const node = this.node(id)
    this.#processThread(node.appendWork, 'append', ({ term, vote, commit, entries, snapshot }) => {
      append(node, { term, vote, commit }, entries, snapshot)
    })
  }

  processApplyThread(id: number): void {
    const node = this.node(id)
    this.#processThread(node.applyWork, 'apply', ({ entries }) => {
      apply(node, entries)
    })
  }

  #processThread(queue: Message[], name: string, work: (each: Message) => void): void {
    const each = queue.shift()
    if (each === undefined) {
      this.write(`no ${name} work to perform`)
      return
    }
    this.write(`Processing:\n${describeMessage({ ...each, responses: [] })}\n`)
    work(each)
    this.write('Responses:\n')
    for (const response of each.responses) this.write(`${describeMessage(response)}\n`)
    this.messages.push(...each.responses)
  }

  /** Returns how many messages were delivered or dropped. */
  deliver(type: MessageType | undefined, recipients: readonly Recipient[]): number {
    let count = 0
    for (const { id, drop } of recipients) {
      const { chosen, rest } = split(this.messages, id, type, drop)
      this.messages = rest
      count += chosen.length
      for (const each of chosen) {
        this.write(`${drop ? 'dropped: ' : ''}${describeMessage(each)}\n`)
        if (drop) continue
        try {
          this.tell(() => this.node(id).raw.step(each))
        } catch (error) {
          if (!(error instanceof Told)) throw error
          this.write(`${error.message}\n`)
        }
      }
    }
    return count
  }

  /** Until nobody of these has anything left to do. */
  stabilize(ids: readonly number[]): void {
    while (this.#stabilizeRound(ids));
  }

  #stabilizeRound(ids: readonly number[]): boolean {
    let busy = false
    const each = (what: string, due: (id: number) => boolean, run: (id: number) => void) => {
      for (const id of ids) {
        if (!due(id)) continue
        busy = true
        this.write(`> ${id} ${what}\n`)
        do this.indent(() => run(id))
        while (what.startsWith('processing') && due(id))
      }
    }
    each(
      'handling Ready',
      (id) => this.node(id).raw.hasReady(),
      (id) => this.processReady(id),
    )
    each(
      'receiving messages',
      (id) => split(this.messages, id, undefined, false).chosen.length > 0,
      (id) => this.deliver(undefined, [{ id, drop: false }]),
    )
    each(
      'processing append thread',
      (id) => this.node(id).appendWork.length > 0,
      (id) => this.processAppendThread(id),
    )
    each(
      'processing apply thread',
      (id) => this.node(id).applyWork.length > 0,
      (id) => this.processApplyThread(id),
    )
    return busy
  }

  sendSnapshot(from: number, to: number): void {
    const node = this.node(from)
    const { term } = node.raw.basicStatus()
    const sent = message({ type: 'MsgSnap', term, from, to, snapshot: node.storage.snapshot() })
    this.messages.push(sent)
    this.write(describeMessage(sent))
  }

  proposeConfChange(id: number, change: AnyConfChange): void {
    this.tell(() => this.node(id).raw.proposeConfChange(change))
  }
}

/** Whoever asks for a snapshot gets the newest state, however far the log is compacted. */
class HistoryStorage extends MemoryStorage {
  readonly #history: readonly Snapshot[]
  constructor(history: readonly Snapshot[]) {
    super()
    this.#history = history
  }
  override snapshot(): Snapshot {
    return this.#history.at(-1) ?? emptySnapshot
  }
}

function append(
  { storage }: Node,
  hardState: HardState,
  entries: readonly Entry[],
  snapshot: Snapshot | undefined,
): void {
  const { term, vote, commit } = hardState
  if (term !== 0 || vote !== 0 || commit !== 0) storage.setHardState(hardState)
  if (snapshot === undefined) {
    storage.append(entries)
    return
  }
  if (entries.length > 0) throw new Told("can't apply snapshot and entries at the same time")
  if (storage.applySnapshot(snapshot) !== undefined) throw new Told(outOfDateText)
}

function apply({ raw, history }: Node, entries: readonly Entry[]): void {
  for (const entry of entries) {
    const last = history.at(-1) ?? emptySnapshot
    let { confState } = last.metadata
    let update = entry.data
    if (entry.type !== 'EntryNormal') {
      const change = unmarshalConfChange(entry.type, entry.data)
      update = change.context
      confState = raw.applyConfChange(change)
    }
    const data = Buffer.concat([last.data ?? new Uint8Array(), update ?? new Uint8Array()])
    history.push({ metadata: { index: entry.index, term: entry.term, confState }, data })
  }
}

/** Messages for one recipient, in order, and the others. What a member says to itself or its storage cannot be dropped. */
function split(
  messages: readonly Message[],
  to: number,
  type: MessageType | undefined,
  drop: boolean,
): { readonly chosen: Message[]; readonly rest: Message[] } {
  const chosen: Message[] = []
  const rest: Message[] = []
  for (const each of messages) {
    const local = each.from === each.to || each.from < 0 || each.to < 0
    const fits = each.to === to && !(drop && local) && (type === undefined || each.type === type)
    ;(fits ? chosen : rest).push(each)
  }
  return { chosen, rest }
}

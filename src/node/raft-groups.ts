/**
 * RaftGroups: the groups that a node takes part in, and elections. Unlike the raft room it chooses drivers: the log in segments below the
 * node's data folder, or in memory where it has none; the node's bus as transport, unless the node was given another. It ends what it
 * began, and decides nothing that the room does not.
 */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../base/clock.ts'
import type { Entropy } from '../base/entropy.ts'
import type { Logger } from '../base/logger.ts'
import type { Random } from '../base/random.ts'
import type { Bus } from '../bus/bus.ts'
import { type Election, type ElectionOptions, electionMachine, electionOf } from '../raft/election.ts'
import { logMemory } from '../raft/log-memory.ts'
import { openLogSegments } from '../raft/log-segments.ts'
import type { LogStore } from '../raft/log-store.ts'
import type { Raft, RaftOptions } from '../raft/raft.ts'
import { createRaft } from '../raft/replica.ts'
import { busTransport } from '../raft/transport-bus.ts'
import type { Transport } from '../raft/transport.ts'
import { filesDisk } from '../store/disk-files.ts'
import { NodeStopped } from './error.ts'
import type { Desk, NodeDoor } from './door.ts'
import { type AnyRaft, raftDesk } from './raft-door.ts'
import { checkRecovered, checkedGroup } from './raft-folder.ts'

/** What the node knows by itself when it takes part in a group. */
type OfNode = 'group' | 'member' | 'log' | 'transport' | 'clock' | 'random' | 'entropy' | 'logger'

/** The options of `createRaft` that are not the node's own to say. */
export type NodeRaftOptions<State, Command, Result> = Omit<RaftOptions<State, Command, Result>, OfNode> & {
  /** The name of this member. Default that of the node. */
  readonly member?: string
}

export type NodeElectionOptions = Omit<ElectionOptions, OfNode> & { readonly member?: string }

export interface RaftGroupsParts {
  readonly node: string
  readonly realm: string
  /** Undefined where nothing is kept. */
  readonly data: string | undefined
  readonly bus: Bus
  /** Its owner closes it. Default: the bus. */
  readonly transport: Transport | undefined
  /** Where operators reach the groups; undefined: nowhere. */
  readonly door: NodeDoor | undefined
  readonly clock: Clock
  readonly random: Random
  readonly entropy: Entropy
  readonly logger: Logger
}

interface Running {
  readonly raft: AnyRaft
  close(): Promise<void>
}

export class RaftGroups {
  readonly #parts: RaftGroupsParts
  readonly #running = new Set<Running>()
  #transport: Transport | undefined
  readonly #desk: Desk
  #stopped = false

  constructor(parts: RaftGroupsParts) {
    this.#parts = parts
    this.#desk = raftDesk(() => this.#members(), parts.clock)
  }

  async raft<State, Command, Result>(
    group: string,
    options: NodeRaftOptions<State, Command, Result>,
  ): Promise<Raft<State, Command, Result>> {
    const { node, clock, random, entropy, logger } = this.#parts
    if (this.#stopped) throw new NodeStopped(node)
    checkedGroup(group)
    const member = options.member ?? node
    const log = await this.#open(group, member)
    try {
      const raft = await createRaft({
        ...options,
        group,
        member,
        log,
        transport: this.#transportOf(),
        clock,
        random: random.split(`raft ${group}`),
        entropy,
        logger,
      })
      const owned = this.#own(raft, log)
      await this.#parts.door?.add(this.#desk)
      return owned
    } catch (error) {
      await log.close()
      throw error
    }
  }

  /** The member of a group that this node is now; undefined when it is none. */
  find(group: string): AnyRaft | undefined {
    return this.#members().find((each) => each.group === group)
  }

  #members(): AnyRaft[] {
    return Array.from(this.#running, ({ raft }) => raft)
  }

  async election(name: string, options: NodeElectionOptions): Promise<Election> {
    return electionOf(await this.raft(name, { ...options, machine: electionMachine }))
  }

  /** The log is closed with the member that was opened on it. */
  #own<State, Command, Result>(raft: Raft<State, Command, Result>, log: LogStore): Raft<State, Command, Result> {
    const close = raft.close.bind(raft)
    let closing: Promise<void> | undefined
    const closeAll = (): Promise<void> => {
      closing ??= (async () => {
        this.#running.delete(running)
        await close()
        await log.close()
      })()
      return closing
    }
    const running: Running = { raft, close: closeAll }
    this.#running.add(running)
    raft.close = closeAll
    return raft
  }

  async #open(group: string, member: string): Promise<LogStore> {
    const { data, entropy } = this.#parts
    if (data === undefined) return logMemory({ group, member, entropy })
    const disk = filesDisk({ folder: data })
    await checkRecovered(data, group)
    // For its owner alone, whatever the umask.
    await mkdir(join(data, 'raft'), { recursive: true, mode: 0o700 })
    await disk.syncFolder('')
    // The store's lock on the data folder keeps other processes away from it.
    return openLogSegments({ disk, folder: `raft/${group}`, group, member, entropy })
  }

  #transportOf(): Transport {
    const { transport, bus, realm, clock, entropy, logger } = this.#parts
    this.#transport ??= transport ?? busTransport(bus, { realm, clock, entropy, logger })
    return this.#transport
  }

  /** Leaves all groups; nothing is lost by it that was answered. */
  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all(Array.from(this.#running, (each) => each.close()))
    if (this.#transport !== this.#parts.transport) await this.#transport?.close()
  }
}

/**
 * ReplicaLeader: what others pass on to this member while it leads: it waits here until it is appended, or goes back refused. Unlike the
 * proposals of this member nobody here waits for an answer: whoever asked applies the log itself.
 */
import { codeOf } from '../base/error.ts'
import type { Forwarded, Operation, Refusal } from './control-frame.ts'
import type { Entry, MemberId } from './core/message.ts'
import type { Status } from './core/status.ts'
import { entryOf } from './pending.ts'
import type { ChangeOperation } from './replica-members.ts'

export interface LeaderSettings {
  readonly backlogMax: number
  readonly backlogMaxBytes: number
}

export interface LeaderHost {
  /** Throws `raft.proposal_dropped`: none was appended. */
  append(entries: readonly Entry[]): void
  refuse(to: string, frame: Pick<Forwarded, 'reason' | 'commands' | 'nonces'>): void
  /** Makes a change of the members, or says why not. */
  change(operation: ChangeOperation): Refusal | undefined
  transfer(name: string): void
}

type Logged = Exclude<Operation, { readonly op: 'change' | 'transfer' }>

interface Held {
  readonly from: string
  readonly operation: Logged
}

/** Entries and bytes that are appended at a time. */
const batchMax = 4096
const batchMaxBytes = 4 * 1024 * 1024

export class ReplicaLeader {
  readonly #settings: LeaderSettings
  readonly #host: LeaderHost
  #held: Held[] = []
  #bytes = 0

  constructor(settings: LeaderSettings, host: LeaderHost) {
    this.#settings = settings
    this.#host = host
  }

  take(from: string, operations: readonly Operation[], leading: boolean): void {
    if (!leading) return this.#refuse(from, operations, 'not_leader')
    const full: Operation[] = []
    for (const operation of operations) {
      if (operation.op === 'change') {
        const refusal = this.#host.change(operation)
        if (refusal !== undefined) this.#refuse(from, [operation], refusal)
      } else if (operation.op === 'transfer') this.#host.transfer(operation.name)
      else if (this.#held.length >= this.#settings.backlogMax || this.#bytes >= this.#settings.backlogMaxBytes)
        full.push(operation)
      else {
        this.#held.push({ from, operation })
        this.#bytes += bytesOf(operation)
      }
    }
    this.#refuse(from, full, 'backlog_full')
  }

  /** Appends what waits. */
  flush(nowMs: number): void {
    if (this.#held.length === 0) return
    let bytes = 0
    let count = 0
    while (count < Math.min(this.#held.length, batchMax) && bytes < batchMaxBytes)
      bytes += bytesOf(this.#held[count++]!.operation)
    const batch = this.#held.slice(0, count)
    this.#held = this.#held.slice(count)
    this.#bytes -= bytes
    try {
      this.#host.append(
        batch.map(({ operation }) =>
          entryOf(operation, nowMs, operation.op === 'command' ? operation.acknowledged : 0),
        ),
      )
    } catch (error) {
      if (codeOf(error) !== 'raft.proposal_dropped') throw error
      this.#refuseHeld(batch)
    }
  }

  /** It leads no more, or in another term: what waits goes back. */
  changed(): void {
    const held = this.#held
    this.#held = []
    this.#bytes = 0
    this.#refuseHeld(held)
  }

  #refuseHeld(held: readonly Held[]): void {
    const byMember = Map.groupBy(held, ({ from }) => from)
    for (const [from, each] of byMember)
      this.#refuse(
        from,
        each.map(({ operation }) => operation),
        'not_leader',
      )
  }

  #refuse(to: string, operations: readonly Operation[], reason: Refusal): void {
    const commands: { session: number; sequence: number }[] = []
    const nonces: string[] = []
    for (const operation of operations) {
      if (operation.op === 'command') commands.push({ session: operation.session, sequence: operation.sequence })
      else if (operation.op === 'register' || operation.op === 'change') nonces.push(operation.nonce)
    }
    if (commands.length + nonces.length > 0) this.#host.refuse(to, { reason, commands, nonces })
  }
}

function bytesOf(operation: Logged): number {
  return 40 + (operation.op === 'command' ? operation.command.length : 0)
}

/** The voter that was heard of lately and has the most of the log; 0 for none. */
export function furthestVoter({ id: own, progress }: Status): MemberId {
  let furthest = -1
  let to = 0
  for (const [id, { match, isLearner, recentActive }] of progress) {
    if (id === own || isLearner || !recentActive || match <= furthest) continue
    furthest = match
    to = id
  }
  return to
}

/** How far behind a learner may be that becomes a voter, in entries: what a leader sends in some messages. */
const behindMax = 1024

/** Whether a member takes what is appended and lacks little of it: as a voter it would not hold up the others. */
export function hasCaughtUp({ progress, lastIndex }: Status, id: MemberId): boolean {
  const known = progress.get(id)
  return known !== undefined && known.state === 'StateReplicate' && lastIndex - known.match <= behindMax
}

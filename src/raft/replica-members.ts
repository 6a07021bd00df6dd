/**
 * ReplicaMembers: changes of who belongs to the group, from the side of whoever asks and of the leader that decides. Unlike the core,
 * which checks that a change fits, it knows names, and makes sure that a new member's store is known before it gets an id.
 *
 * Changes can be asked for again and again: one that is done already is done. So the asker asks with each election timeout, until the
 * change is seen in the log or the leader says that it will never be.
 */
import type { Clock } from '../base/clock.ts'
import { Aborted, TimedOut } from '../base/error.ts'
import type { MemberRow } from './command-envelope.ts'
import type { Hello, Operation, Refusal } from './control-frame.ts'
import { marshalConfChange } from './core/conf-change-codec.ts'
import type { ConfChangeSingle, ConfState, Entry } from './core/message.ts'
import { type MemberBook, type MemberChange, encodeMemberChange } from './member-book.ts'
import { ChangeRefused } from './replica-error.ts'

export type ChangeOperation = Operation & { readonly op: 'change' }

interface Asked {
  readonly operation: ChangeOperation
  /** When it was last asked for; undefined: at the next chance. */
  askedMs: number | undefined
  /** Times that it was given to a leader, less the refusals: above 0 it may be in the log, whatever a later answer says. */
  attempts: number
  reason: Refusal
  readonly resolve: () => void
  readonly reject: (error: Error) => void
  readonly release: () => void
}

export interface MembersHost {
  readonly clock: Clock
  readonly electionTimeoutMs: number
  nonce(): string
  wake(): void
  book(): MemberBook
  confState(): ConfState
  /** Proposes a change at this leader; says why the core did not take it. */
  propose(entry: Entry): 'pending' | 'joint' | 'not_joint' | 'refused' | 'dropped' | undefined
  /** Asks somebody who does not take part to say who it is. */
  announce(name: string, address: string): void
  /** Whether a member has nearly all of the log. */
  caughtUp(id: number): boolean
  /** Whether a member took part lately. */
  heard(name: string): boolean
}

const strangersMax = 1024
/** Answers after which it will never be. */
const final: ReadonlySet<Refusal> = new Set<Refusal>(['unknown', 'refused', 'taken'])
const reasons: Readonly<Record<Refusal, string>> = {
  not_leader: 'there was no leader to make it',
  backlog_full: 'the leader has too much to do',
  busy: 'another change is under way',
  unheard: 'the new member does not say who it is',
  behind: 'it has not caught up with the log',
  unknown: 'there is no such member',
  refused: 'it does not fit the members there are',
  taken: 'the name belongs to another store, and its member is there',
  done: 'it is done',
}
const mends: Readonly<Partial<Record<Refusal, string>>> = {
  unheard: 'start it with join, and let it reach this group',
  behind: 'wait until it has, and raise timeoutMs',
  unknown: 'look at members()',
  refused: 'a group keeps at least one voter; look at members()',
}

export class ReplicaMembers {
  readonly #host: MembersHost
  readonly #asked = new Map<string, Asked>()
  /** Who has said hello and is no member: what is known of its store. */
  readonly #strangers = new Map<string, { readonly token: string; readonly address: string }>()
  #closed: (() => Error) | undefined

  constructor(host: MembersHost) {
    this.#host = host
  }

  ask(
    kind: ChangeOperation['kind'],
    name: string,
    address: string,
    timeoutMs: number,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    if (this.#closed) return Promise.reject(this.#closed())
    return new Promise((resolve, reject) => {
      const { clock } = this.#host
      const nonce = this.#host.nonce()
      const onAbort = () => this.#end(nonce)?.reject(new Aborted(`a change of ${name}`, { cause: signal?.reason }))
      if (signal?.aborted) return reject(new Aborted(`a change of ${name}`, { cause: signal.reason }))
      signal?.addEventListener('abort', onAbort, { once: true })
      // Of its own: a member that does not take part has no ticks.
      const timer = clock.timer(timeoutMs, () => this.#expire(nonce, timeoutMs))
      this.#asked.set(nonce, {
        operation: { op: 'change', nonce, kind, name, address },
        askedMs: undefined,
        attempts: 0,
        reason: 'not_leader',
        resolve,
        reject,
        release: () => {
          timer.cancel()
          signal?.removeEventListener('abort', onAbort)
        },
      })
      this.#host.wake()
    })
  }

  /** What is to be asked of the leader now; `give` says whether it was. */
  flush(give: (operation: ChangeOperation) => boolean): void {
    if (this.#asked.size === 0) return
    const nowMs = this.#host.clock.monotonicMs()
    for (const asked of this.#asked.values()) {
      if (asked.askedMs !== undefined && nowMs - asked.askedMs < this.#host.electionTimeoutMs) continue
      if (!give(asked.operation)) continue
      asked.askedMs = nowMs
      asked.attempts++
    }
  }

  answered(nonce: string, reason: Refusal): void {
    const asked = this.#asked.get(nonce)
    if (asked === undefined) return
    if (reason === 'done') return this.#end(nonce)?.resolve()
    asked.reason = reason
    asked.attempts = Math.max(0, asked.attempts - 1)
    if (final.has(reason) && asked.attempts === 0) this.#end(nonce)?.reject(this.#refusal(asked))
  }

  #refusal({ operation, reason }: Asked): Error {
    return new ChangeRefused(operation.name, reasons[reason], mends[reason] ?? 'look at diagnose(), and try again')
  }

  applied(change: MemberChange | undefined): void {
    if (change !== undefined) this.#end(change.nonce)?.resolve()
  }

  #expire(nonce: string, timeoutMs: number): void {
    const asked = this.#end(nonce)
    asked?.reject(
      asked.attempts > 0 ? new TimedOut(`the change of ${asked.operation.name}`, timeoutMs) : this.#refusal(asked),
    )
  }

  leaderChanged(): void {
    for (const asked of this.#asked.values()) asked.askedMs = undefined
  }

  close(error: () => Error): void {
    this.#closed ??= error
    for (const nonce of this.#asked.keys()) this.#end(nonce)?.reject(error())
  }

  #end(nonce: string): Asked | undefined {
    const asked = this.#asked.get(nonce)
    this.#asked.delete(nonce)
    asked?.release()
    return asked
  }

  /** Somebody who does not take part has said who it is. */
  stranger(name: string, { token, address }: Hello): void {
    this.#strangers.delete(name)
    if (this.#strangers.size >= strangersMax) {
      const [oldest] = this.#strangers.keys()
      if (oldest !== undefined) this.#strangers.delete(oldest)
    }
    this.#strangers.set(name, { token, address })
  }

  /** At the leader: makes the change, or says why not. */
  decide(operation: ChangeOperation): Refusal | undefined {
    const { kind, name } = operation
    const row = this.#host.book().byName(name)
    if (kind === 'add') return row === undefined ? this.#add(operation) : 'done'
    if (row === undefined) return 'unknown'
    const { id } = row
    const isVoter = this.#host.confState().voters.includes(id)
    if (kind === 'promote') {
      if (isVoter) return 'done'
      return this.#host.caughtUp(id)
        ? this.#make(operation.nonce, [{ type: 'ConfChangeAddNode', nodeId: id }])
        : 'behind'
    }
    if (kind === 'demote')
      return isVoter ? this.#make(operation.nonce, [{ type: 'ConfChangeAddLearnerNode', nodeId: id }]) : 'done'
    return this.#make(operation.nonce, [{ type: 'ConfChangeRemoveNode', nodeId: id }])
  }

  #add({ nonce, name, address }: ChangeOperation): Refusal | undefined {
    const stranger = this.#strangers.get(name)
    if (stranger === undefined) {
      this.#host.announce(name, address)
      return 'unheard'
    }
    const id = this.#host.book().nextId
    const added = { id, name, token: stranger.token, address: address === '' ? stranger.address : address }
    return this.#make(nonce, [{ type: 'ConfChangeAddLearnerNode', nodeId: id }], added)
  }

  /**
   * At the leader: a member's name with another store. The old identity can never vote again, and leaves; the new one comes as a
   * learner. Not while the old one is heard of: then somebody else uses its name.
   */
  rejoin(name: string, { token, address }: Hello): void {
    const book = this.#host.book()
    const row = book.byName(name)
    if (row === undefined || row.token === token || this.#host.heard(name)) return
    const id = book.nextId
    this.#make(
      this.#host.nonce(),
      [
        { type: 'ConfChangeRemoveNode', nodeId: row.id },
        { type: 'ConfChangeAddLearnerNode', nodeId: id },
      ],
      { id, name, token, address: address === '' ? row.address : address },
    )
  }

  #make(nonce: string, changes: readonly ConfChangeSingle[], added?: MemberRow): Refusal | undefined {
    const context = encodeMemberChange({ nonce, added })
    const { type, data } = marshalConfChange({ version: 2, transition: 'ConfChangeTransitionAuto', changes, context })
    const why = this.#host.propose({ term: 0, index: 0, type, data })
    if (why === undefined) return undefined
    if (why === 'refused') return 'refused'
    return why === 'dropped' ? 'not_leader' : 'busy'
  }
}

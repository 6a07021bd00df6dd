/**
 * ReplicaProposals: from a call to its outcome. It gives proposals a session and a sequence, appends them at the leader or passes them
 * on to it, gives them again when leaders change, and answers when this member applies them. Unlike the session table it may lose all
 * it knows; what it must never do is say yes or no where it does not know.
 *
 * The life of a proposal:
 * 1. It waits in the queue. Nothing of it is anywhere else: ended here, it was certainly not applied.
 * 2. It is given away: appended, or sent to the leader. From now on its outcome is what the log says, or unknown.
 * 3. It is given again with the same session and sequence whenever the leader changes, and when one that was sent is not seen in the
 *    log for an election timeout. The session table applies it once.
 * 4. It is refused by the leader, which appended nothing: back to 1, if that was the only time it was given.
 * 5. This member applies its entry, or finds the answer in a snapshot, and the call is answered.
 */
import type { Clock, Timer } from '../base/clock.ts'
import { DeadlineHeap } from '../base/deadlines.ts'
import { Aborted, Closed, LimitExceeded, codeOf } from '../base/error.ts'
import { ClientSession } from './client-session.ts'
import { type Forwarded, type Operation, type Refusal, forwardedMax } from './control-frame.ts'
import type { Entry } from './core/message.ts'
import { type Pending, entryOf, operationOf } from './pending.ts'
import type { Proposed } from './raft.ts'
import type { Effect } from './replicated.ts'
import {
  AnswerForgotten,
  BacklogFull,
  CommandFailed,
  OutcomeUnknown,
  type ProposalKey,
  SessionExpired,
} from './replica-error.ts'
import type { Answer, SessionTable } from './session-table.ts'

export interface ProposalSettings {
  readonly clock: Clock
  readonly backlogMax: number
  readonly backlogMaxBytes: number
  readonly commandMaxBytes: number
  readonly sessionTimeoutMs: number
  readonly electionTimeoutMs: number
  /** Bytes of one frame, and of what is appended at a time. */
  readonly frameMaxBytes: number
}

export interface ProposalHost {
  /** 16 hex digits. */
  nonce(): string
  /** Effects are taken soon. */
  wake(): void
  /** Appends at this leader; throws `raft.proposal_dropped`, and then none was. */
  append(entries: readonly Entry[]): void
  /** Sends to the leader; false: nothing was sent. */
  forward(operations: readonly Operation[]): boolean
  /** Says why nothing was appended until the deadline. */
  whyNot(): Error
}

export interface CommandCall {
  readonly command: Uint8Array
  readonly session: ClientSession | undefined
  readonly retry: ProposalKey | undefined
  readonly timeoutMs: number
  readonly signal: AbortSignal | undefined
}

/** A session of the replica's own with so many answers to keep gives way to a new one. */
const spreadMax = 8192
const noCommand = new Uint8Array()

export class ReplicaProposals {
  readonly #settings: ProposalSettings
  readonly #host: ProposalHost
  /** In the order in which they are given away. */
  #queue: Pending[] = []
  readonly #sessions = new Map<number, ClientSession>()
  readonly #byNonce = new Map<string, Pending>()
  readonly #closing = new Map<number, Pending>()
  readonly #deadlines = new DeadlineHeap<Pending>()
  #timer: Timer | undefined
  #timerMs = Infinity
  #own: ClientSession | undefined
  #ownUsedMs = 0
  #registering = false
  #count = 0
  #bytes = 0
  #closed: (() => Error) | undefined

  constructor(settings: ProposalSettings, host: ProposalHost) {
    this.#settings = settings
    this.#host = host
  }

  /** Calls without an answer. */
  get count(): number {
    return this.#count
  }

  /** Resolves or rejects as `RaftCalls.propose` says. */
  propose(call: CommandCall): Promise<Proposed<unknown>> {
    const { command, session, retry } = call
    const { commandMaxBytes } = this.#settings
    if (command.length > commandMaxBytes)
      return Promise.reject(new LimitExceeded('commandMaxBytes', commandMaxBytes, command.length))
    const joined = retry && this.#sessions.get(retry.session)?.waiting.get(retry.sequence)
    if (joined) return Promise.reject(new BacklogFull('attempts of one key at a time', 1))
    return this.#add(call.timeoutMs, call.signal, (ends) => ({
      ...ends,
      kind: 'command',
      session: retry?.session ?? session?.id ?? 0,
      sequence: retry?.sequence ?? session?.take() ?? 0,
      own: retry === undefined && session === undefined,
      repeated: retry !== undefined,
      command,
    })) as Promise<Proposed<unknown>>
  }

  /** Resolves with the id of a new session. */
  register(idleTimeoutMs: number, timeoutMs: number, signal?: AbortSignal, own = false): Promise<number> {
    return this.#add(
      timeoutMs,
      signal,
      (ends) => ({ kind: 'register', ...ends, timeoutMs: idleTimeoutMs, own }),
      own,
    ) as Promise<number>
  }

  /** The bookkeeping of a session whose id is known. */
  sessionOf(id: number): ClientSession {
    let session = this.#sessions.get(id)
    if (session === undefined) this.#sessions.set(id, (session = new ClientSession(id, true)))
    session.held = true
    return session
  }

  /** Nobody proposes in it any more. */
  release(id: number): void {
    const session = this.#sessions.get(id)
    if (session === undefined) return
    session.held = false
    if (session.idle) this.#sessions.delete(id)
  }

  closeSession(id: number, timeoutMs: number): Promise<void> {
    return this.#add(timeoutMs, undefined, (ends) => ({ kind: 'close', ...ends, session: id })) as Promise<void>
  }

  #add(
    timeoutMs: number,
    signal: AbortSignal | undefined,
    make: (ends: Omit<Pending, 'kind'>) => Pending,
    beyondBacklog = false,
  ): Promise<unknown> {
    const { clock, backlogMax, backlogMaxBytes } = this.#settings
    if (this.#closed) return Promise.reject(this.#closed())
    if (signal?.aborted) return Promise.reject(new Aborted('a proposal', { cause: signal.reason }))
    if (this.#count >= backlogMax && !beyondBacklog) return Promise.reject(new BacklogFull('backlogMax', backlogMax))
    if (this.#bytes >= backlogMaxBytes && !beyondBacklog)
      return Promise.reject(new BacklogFull('backlogMaxBytes', backlogMaxBytes))
    return new Promise((resolve, reject) => {
      const onAbort = signal && (() => this.#giveUp(pending, () => new Aborted('a proposal', { cause: signal.reason })))
      const pending = make({
        session: 0,
        own: false,
        repeated: false,
        sequence: 0,
        command: noCommand,
        nonce: '',
        timeoutMs: 0,
        attempts: 0,
        queued: false,
        done: false,
        sentMs: 0,
        dueMs: clock.monotonicMs() + timeoutMs,
        slot: -1,
        resolve,
        reject,
        release: onAbort && (() => signal.removeEventListener('abort', onAbort)),
      })
      if (onAbort) signal.addEventListener('abort', onAbort, { once: true })
      this.#count++
      this.#bytes += pending.command.length
      this.#deadlines.add(pending)
      this.#enter(pending)
      this.#enqueue(pending)
      this.#arm()
      this.#host.wake()
    })
  }

  /** Puts it where its outcome will look for it. */
  #enter(pending: Pending): void {
    if (pending.kind === 'close') this.#closing.set(pending.session, pending)
    else if (pending.kind === 'command' && pending.session !== 0) {
      let session = this.#sessions.get(pending.session)
      // Of somebody else's session nothing is known but this key.
      if (session === undefined)
        this.#sessions.set(pending.session, (session = new ClientSession(pending.session, false)))
      session.waiting.set(pending.sequence, pending)
      session.unknown.delete(pending.sequence)
    }
  }

  #enqueue(pending: Pending): void {
    if (pending.queued) return
    pending.queued = true
    this.#queue.push(pending)
  }

  /** Gives away what waits: to the log of this leader when `leading`, else to the leader. */
  flush(leading: boolean, nowMs: number): void {
    if (this.#queue.length === 0) return
    const given = this.#take()
    if (given.length === 0) return
    const kept = leading ? this.#append(given, nowMs) : this.#forward(given)
    // What could not be given stays in front, in its order.
    if (kept.length > 0) this.#queue = kept.concat(this.#queue)
  }

  /** As many from the front of the queue as one frame holds, each with its session. */
  #take(): Pending[] {
    const taken: Pending[] = []
    const held: Pending[] = []
    let bytes = 0
    let at = 0
    for (; at < this.#queue.length && taken.length < forwardedMax; at++) {
      const pending = this.#queue[at]!
      if (pending.done) continue
      if (!this.#prepare(pending)) {
        held.push(pending)
        continue
      }
      bytes += pending.command.length + 40
      if (bytes > this.#settings.frameMaxBytes && taken.length > 0) break
      taken.push(pending)
    }
    this.#queue = held.length === 0 ? this.#queue.slice(at) : held.concat(this.#queue.slice(at))
    return taken
  }

  /** False: its session is not there yet. */
  #prepare(pending: Pending): boolean {
    if (pending.kind === 'register') {
      if (pending.nonce === '') {
        Object.assign(pending, { nonce: this.#host.nonce() })
        this.#byNonce.set(pending.nonce, pending)
      }
      return true
    }
    if (pending.session !== 0) return true
    const own = this.#ownSession()
    if (own === undefined) return false
    pending.session = own.id
    pending.sequence = own.take()
    own.waiting.set(pending.sequence, pending)
    return true
  }

  #ownSession(): ClientSession | undefined {
    const nowMs = this.#settings.clock.monotonicMs()
    const own = this.#own
    if (own !== undefined && own.spread < spreadMax && nowMs - this.#ownUsedMs < this.#settings.sessionTimeoutMs / 2) {
      this.#ownUsedMs = nowMs
      return own
    }
    if (own !== undefined) this.#retire(own)
    if (this.#registering) return undefined
    this.#registering = true
    const { sessionTimeoutMs } = this.#settings
    void this.#begin(sessionTimeoutMs)
    return undefined
  }

  async #begin(sessionTimeoutMs: number): Promise<void> {
    try {
      // A full backlog waits for this session: it must not be refused for that backlog.
      const id = await this.register(sessionTimeoutMs, sessionTimeoutMs, undefined, true)
      this.#ownUsedMs = this.#settings.clock.monotonicMs()
      this.#own = this.sessionOf(id)
      this.#registering = false
      if (!this.#closed) this.#host.wake()
    } catch {
      // Whoever waits has a deadline of its own; a session is asked for again with the next tick, never at once.
      this.#registering = false
    }
  }

  #retire(own: ClientSession): void {
    if (this.#own === own) this.#own = undefined
    this.release(own.id)
  }

  #append(given: readonly Pending[], nowMs: number): Pending[] {
    const entries = given.map((each) => entryOf(each, nowMs, this.#acknowledgedOf(each)))
    try {
      this.#host.append(entries)
    } catch (error) {
      if (codeOf(error) !== 'raft.proposal_dropped') throw error
      return [...given]
    }
    for (const each of given) {
      each.queued = false
      each.attempts++
      each.sentMs = 0
    }
    return []
  }

  #acknowledgedOf(pending: Pending): number {
    return Math.min(pending.sequence, this.#sessions.get(pending.session)?.acknowledged() ?? 0)
  }

  #forward(given: readonly Pending[]): Pending[] {
    const operations = given.map((each) => operationOf(each, this.#acknowledgedOf(each)))
    if (!this.#host.forward(operations)) return [...given]
    const nowMs = this.#settings.clock.monotonicMs()
    for (const each of given) {
      each.queued = false
      each.attempts++
      each.sentMs = nowMs
    }
    return []
  }

  /** The leader is another one, or in another term: what was given away may be lost. */
  leaderChanged(): void {
    for (const pending of this.#all()) this.#enqueue(pending)
    if (this.#queue.length > 0) this.#host.wake()
  }

  /** What was sent long ago and is not in the log may be lost. */
  ticked(nowMs: number): void {
    if (this.#count === 0) return
    const { electionTimeoutMs } = this.#settings
    for (const pending of this.#all())
      if (pending.sentMs > 0 && nowMs - pending.sentMs >= electionTimeoutMs) this.#enqueue(pending)
    if (this.#queue.length > 0) this.#host.wake()
  }

  *#all(): Iterable<Pending> {
    yield* this.#byNonce.values()
    yield* this.#closing.values()
    for (const { waiting } of this.#sessions.values()) yield* waiting.values()
  }

  /** The leader did not append these. */
  refused({ reason, commands, nonces }: Pick<Forwarded, 'reason' | 'commands' | 'nonces'>): void {
    for (const { session, sequence } of commands)
      this.#refuse(this.#sessions.get(session)?.waiting.get(sequence), reason)
    for (const nonce of nonces) this.#refuse(this.#byNonce.get(nonce), reason)
  }

  #refuse(pending: Pending | undefined, reason: Refusal): void {
    if (pending === undefined || pending.attempts === 0) return
    pending.attempts--
    if (reason === 'backlog_full' && pending.attempts === 0 && !pending.repeated)
      return this.#reject(pending, new BacklogFull('backlogMax of the leader', this.#settings.backlogMax))
    // Given again with the next heartbeat, or to the next leader.
    pending.sentMs = Math.max(1, pending.sentMs - this.#settings.electionTimeoutMs)
  }

  /** What an entry did that this member has applied. */
  applied(effect: Effect): void {
    switch (effect.type) {
      case 'answered': {
        const pending = this.#sessions.get(effect.session)?.waiting.get(effect.sequence)
        if (pending !== undefined) this.#answer(pending, effect.answer)
        return
      }
      case 'refused': {
        const pending = this.#sessions.get(effect.session)?.waiting.get(effect.sequence)
        if (pending !== undefined) this.#refusedInLog(pending, effect.reason)
        return
      }
      case 'registered': {
        const pending = this.#byNonce.get(effect.nonce)
        if (pending === undefined) return
        if (effect.session === 0) this.#reject(pending, new BacklogFull('sessions of the group', 65_536))
        else this.#resolve(pending, effect.session)
        return
      }
      case 'closed': {
        const pending = this.#closing.get(effect.session)
        if (pending !== undefined) this.#resolve(pending, undefined)
        return
      }
      case 'founded':
      case 'nothing':
    }
  }

  #answer(pending: Pending, { index, term, ok, value }: Answer): void {
    if (ok) this.#resolve(pending, { result: value, index, term })
    else this.#reject(pending, new CommandFailed(index, term, value as Error))
  }

  /** This attempt was not applied, now or ever; others of the same proposal may have been. */
  #refusedInLog(pending: Pending, reason: 'expired' | 'forgotten' | 'full'): void {
    const key = { session: pending.session, sequence: pending.sequence }
    const earlier = pending.repeated || pending.attempts > 1
    if (reason === 'forgotten') return this.#reject(pending, new AnswerForgotten(key))
    if (reason === 'full')
      return this.#reject(
        pending,
        earlier ? new OutcomeUnknown(key) : new BacklogFull('answers of a session', spreadMax),
      )
    if (!pending.own) return this.#reject(pending, new SessionExpired(key.session, earlier))
    if (this.#own?.id === key.session) this.#retire(this.#own)
    if (earlier) return this.#reject(pending, new OutcomeUnknown(key))
    // Certainly not applied: once more, in a session that lives.
    this.#sessions.get(key.session)?.waiting.delete(key.sequence)
    pending.session = 0
    pending.sequence = 0
    pending.attempts = 0
    this.#enqueue(pending)
    this.#host.wake()
  }

  /** A snapshot has taken the place of entries: answers are in its sessions. */
  restored(sessions: SessionTable): void {
    for (const { id, waiting } of this.#sessions.values())
      for (const pending of waiting.values()) {
        const found = sessions.find(id, pending.sequence)
        if (found === 'forgotten')
          this.#reject(pending, new AnswerForgotten({ session: id, sequence: pending.sequence }))
        else if (typeof found === 'object') this.#answer(pending, found)
      }
  }

  /** Refuses what waits and was never given away. */
  refuseQueued(error: () => Error): void {
    const queued = this.#queue.filter((each) => !each.done && each.attempts === 0 && !each.repeated)
    for (const pending of queued) this.#reject(pending, error())
  }

  #giveUp(pending: Pending, why: () => Error): void {
    if (pending.done) return
    if (pending.attempts === 0 && !pending.repeated) return this.#reject(pending, why())
    if (pending.kind !== 'command') return this.#reject(pending, why())
    const { session, sequence } = pending
    const kept = this.#sessions.get(session)
    this.#reject(pending, new OutcomeUnknown({ session, sequence }, { cause: why() }))
    if (kept !== undefined && this.#sessions.get(session) === kept) kept.unknown.add(sequence)
  }

  #resolve(pending: Pending, value: unknown): void {
    if (this.#end(pending)) pending.resolve(value)
  }

  #reject(pending: Pending, error: Error): void {
    if (this.#end(pending)) pending.reject(error)
  }

  #end(pending: Pending): boolean {
    if (pending.done) return false
    pending.done = true
    this.#count--
    this.#bytes -= pending.command.length
    this.#deadlines.remove(pending)
    pending.release?.()
    if (pending.kind === 'register') this.#byNonce.delete(pending.nonce)
    else if (pending.kind === 'close') this.#closing.delete(pending.session)
    else this.#leave(pending)
    return true
  }

  #leave(pending: Pending): void {
    const session = this.#sessions.get(pending.session)
    session?.waiting.delete(pending.sequence)
    if (session?.held === false && session.idle) this.#sessions.delete(session.id)
  }

  #arm(): void {
    const { first } = this.#deadlines
    if (first === undefined || first.dueMs >= this.#timerMs) return
    this.#timer?.cancel()
    this.#timerMs = first.dueMs
    const { clock } = this.#settings
    this.#timer = clock.timer(Math.max(0, first.dueMs - clock.monotonicMs()), () => {
      this.#timer = undefined
      this.#timerMs = Infinity
      const nowMs = clock.monotonicMs()
      for (let due = this.#deadlines.first; due !== undefined && due.dueMs <= nowMs; due = this.#deadlines.first)
        this.#giveUp(due, () => this.#host.whyNot())
      this.#arm()
    })
  }

  /** Nothing is known any more: what was given away has an unknown outcome, the rest ends with this error. */
  close(error: () => Error): void {
    if (this.#closed) return
    this.#closed = error
    this.#timer?.cancel()
    for (const pending of [...this.#queue, ...this.#all()]) this.#giveUp(pending, error)
    this.#queue = []
  }
}

/** The error of a replica that was closed. */
export function closedError(group: string): Error {
  return new Closed(`the raft group ${group}`)
}

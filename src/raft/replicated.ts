/**
 * Replicated: all that the log of a group makes: the user's state, the sessions, names, time. One entry after another goes in,
 * what it did comes out as data. Unlike the state machine it knows of retries and members; unlike the replica it knows of nobody
 * who waits. It reads no clock: time is the highest that a leader has written into an entry.
 */
import { codeOf, toError } from '../base/error.ts'
import { jsonCodec } from '../base/codec.ts'
import { type Envelope, decodeEnvelope } from './command-envelope.ts'
import type { AnyConfChange, Entry } from './core/message.ts'
import { BrokenInvariant } from './error.ts'
import { freezePlain } from './freeze-plain.ts'
import { MemberBook, type MemberChange } from './member-book.ts'
import { InvalidResult } from './replica-error.ts'
import { type Answer, type SessionRefusal, SessionTable } from './session-table.ts'
import type { StateMachine } from './state-machine.ts'

/** What an entry did. */
export type Effect =
  /** `fresh`: it was applied now; else it is the answer of when it was. */
  | {
      readonly type: 'answered'
      readonly session: number
      readonly sequence: number
      readonly answer: Answer
      readonly fresh: boolean
    }
  | {
      readonly type: 'refused'
      readonly session: number
      readonly sequence: number
      readonly reason: SessionRefusal
    }
  /** Session 0: there are as many as may be. */
  | { readonly type: 'registered'; readonly session: number; readonly nonce: string }
  | { readonly type: 'closed'; readonly session: number }
  | { readonly type: 'founded' | 'nothing' }

const nothing: Effect = Object.freeze({ type: 'nothing' })

export class Replicated<State, Command, Result> {
  readonly #machine: StateMachine<State, Command, Result>
  #state: State
  #index = 0
  #term = 0
  #timeMs = 0
  #groupId: string | undefined
  #sessions = new SessionTable()
  #members = new MemberBook()

  constructor(machine: StateMachine<State, Command, Result>) {
    this.#machine = machine
    this.#state = machine.initial
  }

  get state(): State {
    return this.#state
  }
  /** Of the last entry that was applied. */
  get index(): number {
    return this.#index
  }
  get term(): number {
    return this.#term
  }
  /** The time of the log, ms since the epoch. */
  get timeMs(): number {
    return this.#timeMs
  }
  /** 32 hex digits; undefined before the founding is applied. */
  get groupId(): string | undefined {
    return this.#groupId
  }
  get sessions(): SessionTable {
    return this.#sessions
  }
  get members(): MemberBook {
    return this.#members
  }

  /** Applies a normal entry. Throws `raft.invalid_frame` where the log holds what this version cannot read, `raft.broken_invariant` at a gap: it must not go on. */
  apply(entry: Entry): Effect {
    this.#enter(entry)
    if (entry.data === undefined || entry.data.length === 0) return nothing
    const envelope = decodeEnvelope(entry.data)
    if (envelope.timeMs > this.#timeMs) this.#timeMs = envelope.timeMs
    switch (envelope.kind) {
      case 'command':
        return this.#command(envelope)
      case 'register': {
        const registered = this.#sessions.register(entry.index, this.#timeMs, envelope.timeoutMs)
        return { type: 'registered', session: registered ? entry.index : 0, nonce: envelope.nonce }
      }
      case 'close':
        this.#sessions.close(envelope.session)
        return { type: 'closed', session: envelope.session }
      case 'founding':
    }
    // A second one would change nothing: a group is founded once.
    if (this.#groupId === undefined) {
      this.#groupId = envelope.groupId
      for (const row of envelope.members) this.#members.add(row)
    }
    return { type: 'founded' }
  }

  /** Applies a change of the configuration, once the core has taken it; undefined for one that the core refused. */
  applyChange(entry: Entry, change: AnyConfChange | undefined): MemberChange | undefined {
    this.#enter(entry)
    return change && this.#members.apply(change)
  }

  /** Entries come one behind the other: a state with a gap would be another one than that of the other members. */
  #enter({ index, term }: Entry): void {
    if (index !== this.#index + 1) throw new BrokenInvariant(`entry ${index} was to be applied after ${this.#index}`)
    this.#index = index
    this.#term = term
  }

  #command({ session, sequence, acknowledged, command }: Envelope & { readonly kind: 'command' }): Effect {
    const admitted = this.#sessions.admit(session, sequence, acknowledged, this.#timeMs)
    if (typeof admitted !== 'string') return { type: 'answered', session, sequence, answer: admitted, fresh: false }
    if (admitted !== 'new') return { type: 'refused', session, sequence, reason: admitted }
    const answer = this.#decide(command)
    this.#sessions.keep(session, sequence, answer)
    return { type: 'answered', session, sequence, answer, fresh: true }
  }

  /** The state changes with the answer, or not at all. */
  #decide(bytes: Uint8Array): Answer {
    const machine = this.#machine
    const [index, term] = [this.#index, this.#term]
    try {
      const command = machine.codec.decode(bytes) as Command
      const applied: unknown = machine.apply(this.#state, command, { index, term, timeMs: this.#timeMs })
      const { state, result } = resultOf(applied)
      freezePlain(state, machine.plain)
      const value = freezePlain(result, true)
      this.#state = state as State
      return { index, term, ok: true, value }
    } catch (error) {
      return { index, term, ok: false, value: plainError(error) }
    }
  }

  /** A copy of all that is to go into a snapshot; the state in it is a value. */
  capture(): Captured<State> {
    const { sweptMs, sessions } = this.#sessions.rows()
    return {
      index: this.#index,
      term: this.#term,
      timeMs: this.#timeMs,
      groupId: this.#groupId,
      members: this.#members.rows(),
      nextId: this.#members.nextId,
      sweptMs,
      sessions,
      state: this.#state,
    }
  }

  /** Takes what a snapshot holds in place of all there is. */
  restore(captured: Captured<State>): void {
    this.#index = captured.index
    this.#term = captured.term
    this.#timeMs = captured.timeMs
    this.#groupId = captured.groupId
    this.#members = MemberBook.of(captured.members, captured.nextId)
    this.#sessions = SessionTable.of(captured)
    this.#state = captured.state
  }
}

/** All that a snapshot holds. */
export interface Captured<State> {
  readonly index: number
  readonly term: number
  readonly timeMs: number
  readonly groupId: string | undefined
  readonly members: ReturnType<MemberBook['rows']>
  readonly nextId: number
  readonly sweptMs: number
  readonly sessions: ReturnType<SessionTable['rows']>['sessions']
  readonly state: State
}

function resultOf(applied: unknown): { readonly state: unknown; readonly result: unknown } {
  if (typeof applied !== 'object' || applied === null) throw new InvalidResult(`gave ${typeof applied}`)
  if (applied instanceof Promise) {
    applied.catch(() => {})
    throw new InvalidResult('gave a promise')
  }
  if (!('state' in applied)) throw new InvalidResult('gave an object without state')
  return { state: applied.state, result: 'result' in applied ? applied.result : undefined }
}

const errorCodec = jsonCodec({ sizeMaxBytes: 64 * 1024, depthMax: 32 })

/**
 * What every member keeps of an error, and whoever asks again gets: its form after the codec, without a stack. What no codec takes
 * is cut down to its message, the same everywhere.
 */
function plainError(thrown: unknown): Error {
  const error = toError(thrown)
  try {
    return errorCodec.decode(errorCodec.encode(error)) as Error
  } catch {
    return errorCodec.decode(
      errorCodec.encode(new Error(`${error.message.slice(0, 1000)} (${codeOf(error)})`)),
    ) as Error
  }
}

/**
 * SessionTable: which proposals of which client were applied, and what the answers were, so that a proposal that comes again is
 * not applied again. It is part of what the log makes: the same on all members, and in every snapshot. Unlike the state machine it
 * is not the user's, and unlike the proposals of a replica it knows of nobody who waits. Pure; time is that of the log.
 *
 * After Ongaro's thesis, section 6.3: sessions are registered through the log and expire by its time; a client says with each
 * proposal which answers it has. Differently from there, proposals of one session may be applied in any order, so that a client
 * can have many under way; each keeps its own answer until it is acknowledged.
 */

/** What became of a command. */
export interface Answer {
  readonly index: number
  readonly term: number
  /** False: `value` is the Error that it ended with. */
  readonly ok: boolean
  readonly value: unknown
}

export type SessionRefusal = 'expired' | 'forgotten' | 'full'

interface Session {
  readonly timeoutMs: number
  activeMs: number
  /** Answers below it are acknowledged and gone. */
  floor: number
  readonly answers: Map<number, Answer>
}

/** One session as data: id, timeout, last activity, floor, answers by sequence. */
export interface SessionRow {
  readonly id: number
  readonly timeoutMs: number
  readonly activeMs: number
  readonly floor: number
  readonly answers: readonly (readonly [sequence: number, answer: Answer])[]
}

/** Sessions that live at one time. These bounds are what members agree on: they are no options. */
export const sessionsMax = 65_536
/** Answers of one session that are not acknowledged. */
const answersMax = 16_384
/** How far a sequence may be beyond the last that is acknowledged. */
export const sequenceWindow: number = answersMax
/** Sessions that are over are cleared away when the log's time enters another stretch of this length. */
const sweepEveryMs = 10_000

export class SessionTable {
  readonly #sessions = new Map<number, Session>()
  #sweptMs = 0

  get size(): number {
    return this.#sessions.size
  }

  /** Begins a session under the index of its entry; false when there are as many as may be. */
  register(id: number, timeMs: number, timeoutMs: number): boolean {
    this.#sweep(timeMs)
    if (this.#sessions.size >= sessionsMax) return false
    this.#sessions.set(id, { timeoutMs, activeMs: timeMs, floor: 1, answers: new Map() })
    return true
  }

  close(id: number): void {
    this.#sessions.delete(id)
  }

  /** Whether a proposal is new and is to be applied, its answer if it was, or why neither. Only a new one is activity. */
  admit(id: number, sequence: number, acknowledged: number, timeMs: number): 'new' | SessionRefusal | Answer {
    this.#sweep(timeMs)
    const session = this.#sessions.get(id)
    if (session === undefined || isOver(session, timeMs)) return 'expired'
    session.activeMs = timeMs
    // What is acknowledged is behind this proposal; a client that says otherwise loses its own answer at most.
    const floor = Math.min(acknowledged, sequence)
    const answered = session.answers.get(sequence)
    if (answered === undefined && sequence < session.floor) return 'forgotten'
    forget(session, floor)
    if (answered !== undefined) return answered
    return session.answers.size >= answersMax || sequence - session.floor >= sequenceWindow ? 'full' : 'new'
  }

  /** The answer to a proposal that was `new`. */
  keep(id: number, sequence: number, answer: Answer): void {
    this.#sessions.get(id)?.answers.set(sequence, answer)
  }

  /** The answer that is kept, without any change; `expired` when the session is not there. */
  find(id: number, sequence: number): Answer | 'expired' | 'forgotten' | undefined {
    const session = this.#sessions.get(id)
    if (session === undefined) return 'expired'
    return session.answers.get(sequence) ?? (sequence < session.floor ? 'forgotten' : undefined)
  }

  #sweep(timeMs: number): void {
    const due = timeMs - (timeMs % sweepEveryMs)
    if (due <= this.#sweptMs) return
    this.#sweptMs = due
    for (const [id, session] of this.#sessions) if (isOver(session, timeMs)) this.#sessions.delete(id)
  }

  /** All of it as data. Answers are values and may be shared; the rows do not change afterwards. */
  rows(): { readonly sweptMs: number; readonly sessions: readonly SessionRow[] } {
    const sessions = Array.from(this.#sessions, ([id, { timeoutMs, activeMs, floor, answers }]) => ({
      id,
      timeoutMs,
      activeMs,
      floor,
      answers: [...answers],
    }))
    return { sweptMs: this.#sweptMs, sessions }
  }

  static of({
    sweptMs,
    sessions,
  }: {
    readonly sweptMs: number
    readonly sessions: readonly SessionRow[]
  }): SessionTable {
    const table = new SessionTable()
    table.#sweptMs = sweptMs
    for (const { id, timeoutMs, activeMs, floor, answers } of sessions)
      table.#sessions.set(id, { timeoutMs, activeMs, floor, answers: new Map(answers) })
    return table
  }
}

/** A session is over when it was idle for longer than its timeout; the log's time decides, not anybody's clock. */
function isOver({ activeMs, timeoutMs }: Session, timeMs: number): boolean {
  return timeMs - activeMs > timeoutMs
}

function forget(session: Session, floor: number): void {
  // A jump of the floor beyond all answers must not cost its length.
  if (floor - session.floor > session.answers.size) {
    for (const sequence of session.answers.keys()) if (sequence < floor) session.answers.delete(sequence)
    session.floor = floor
  }
  while (session.floor < floor) session.answers.delete(session.floor++)
}

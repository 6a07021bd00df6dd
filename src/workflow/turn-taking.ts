/**
 * When a run may begin: its turn among those of its key, then its locks. Unlike the driver, which only waits, it knows the others. What it
 * gives is given back when the run ends.
 */
import type { Clock, Timer } from '../base/clock.ts'
import { Aborted, codeOf, toError } from '../base/error.ts'
import { Admission } from './core/admission.ts'
import type { Ticket } from './core/admission.ts'
import type { Definition } from './core/definition.ts'
import type { LockTable } from './lock-table.ts'

/** Who waits. */
export interface TurnTaker {
  readonly id: string
  readonly root: string
  readonly definition: Definition
  readonly data: { readonly input?: unknown }
  readonly priority: number
  readonly needs: readonly { readonly name: string }[]
  begin(locks: readonly string[]): void
  /** It was granted these when it waited no more. */
  giveBack(locks: readonly string[]): void
  fail(thrown: unknown): void
}

const againMs = 1000

export class TurnTaking {
  readonly #clock: Clock
  readonly #locks: LockTable
  readonly #admission = new Admission()
  readonly #tickets = new Map<string, Ticket[]>()
  readonly #waiting = new Map<string, AbortController>()
  readonly #timers = new Map<string, Timer>()
  readonly #held = new Map<string, TurnTaker>()
  #holds = 0

  constructor(clock: Clock, locks: LockTable) {
    this.#clock = clock
    this.#locks = locks
  }

  get waiting(): number {
    return this.#waiting.size
  }

  /**
   * Nobody's turn comes until this is disposed: while runs are taken over, one that runs already may be counted later than one is found that
   * waits for it.
   */
  hold(): Disposable {
    this.#holds++
    return {
      [Symbol.dispose]: () => {
        if (--this.#holds > 0) return
        const held = [...this.#held.values()]
        this.#held.clear()
        for (const run of held) this.wait(run)
      },
    }
  }

  /** Has it begin when its turn has come and it has its locks. */
  wait(run: TurnTaker): void {
    if (this.#holds > 0) return void this.#held.set(run.id, run)
    // It may have had its turn and could not use it.
    this.leave(run.id)
    const stop = new AbortController()
    this.#waiting.set(run.id, stop)
    const tickets = this.#ticketsOf(run)
    this.#tickets.set(run.id, [])
    const next = (): void => {
      const ticket = tickets.shift()
      if (!ticket) return void this.#lock(run, stop.signal)
      this.#tickets.get(run.id)?.push(ticket)
      ticket.grant = next
      this.#admission.request(ticket)
      this.#grant(ticket.key)
    }
    next()
  }

  /** It runs already: it counts for the others. */
  count(run: TurnTaker): void {
    const tickets = this.#ticketsOf(run)
    if (tickets.length === 0) return
    this.#tickets.set(run.id, tickets)
    for (const ticket of tickets) this.#admission.force(ticket)
  }

  /** It has ended, or waits no more. */
  leave(id: string): void {
    const tickets = this.#tickets.get(id)
    const waiting = this.#waiting.get(id)
    this.#tickets.delete(id)
    this.#waiting.delete(id)
    this.#held.delete(id)
    waiting?.abort(new Aborted(`the wait of the run ${id}`))
    for (const ticket of tickets ?? []) {
      if (ticket.granted) this.#admission.release(ticket)
      else ticket.gone = true
      this.#grant(ticket.key)
    }
  }

  close(): void {
    this.#held.clear()
    for (const timer of this.#timers.values()) timer.cancel()
    for (const id of this.#waiting.keys()) this.leave(id)
  }

  #ticketsOf({ definition, data, priority }: TurnTaker): Ticket[] {
    const { concurrency, rate, name } = definition
    const common = { priority, grant: () => undefined, gone: false, granted: false }
    const tickets: Ticket[] = []
    if (concurrency) {
      const key = `${name} at once ${concurrency.key(data.input)}`
      tickets.push({ ...common, key, max: concurrency.max, rate: undefined })
    }
    if (rate) tickets.push({ ...common, key: `${name} in time ${rate.key(data.input)}`, max: undefined, rate })
    return tickets
  }

  #grant(key: string): void {
    const againAtMs = this.#admission.next(key, this.#clock.monotonicMs())
    this.#timers.get(key)?.cancel()
    this.#timers.delete(key)
    if (againAtMs === undefined) return
    const timer = this.#clock.timer(againAtMs - this.#clock.monotonicMs(), () => this.#grant(key))
    this.#timers.set(key, timer)
  }

  async #lock(run: TurnTaker, signal: AbortSignal): Promise<void> {
    const names = [...new Set(run.needs.map(({ name }) => name))].sort()
    try {
      if (names.length > 0) await this.#locks.acquire(run.root, names, signal)
      if (signal.aborted) return run.giveBack(names)
      this.#waiting.delete(run.id)
      run.begin(names)
    } catch (thrown) {
      if (signal.aborted) return
      if (!isForGood(thrown)) return this.#lockAgain(run, signal)
      this.#waiting.delete(run.id)
      run.fail(toError(thrown))
    }
  }

  /** The journal could not be read: nothing is wrong with the run. */
  #lockAgain(run: TurnTaker, signal: AbortSignal): void {
    const timer = this.#clock.timer(againMs, () => void this.#lock(run, signal))
    signal.addEventListener('abort', () => timer.cancel(), { once: true })
  }
}

/** No later look would say anything else. */
function isForGood(thrown: unknown): boolean {
  const code = codeOf(thrown)
  return code.startsWith('journal.') || code.startsWith('workflow.') || code === 'base.invalid_argument'
}

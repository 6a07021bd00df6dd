/**
 * Cell: one actor at work. It takes letters from its mailbox one at a time and runs their handlers. Unlike the mailbox it
 * decides when to run; how it starts and ends is its life, what a handler may do is the context's, who exists is the
 * system's.
 */
import type { CallOptions, Receipt, SendOptions, Signal, Undelivered } from './actor.ts'
import { CellContext } from './context.ts'
import { HandlerTimeout, NotRunning } from './error.ts'
import { isForwarded, isLater } from './later.ts'
import { plainExtra } from './letter.ts'
import type { Extra, Letter, PendingCall } from './letter.ts'
import { Life, isThenable, outlives } from './life.ts'
import type { CellOptions, LifeSystem } from './life.ts'
import { LocalRef } from './ref.ts'
import { refuseLetter } from './refusal.ts'
import type { RefTarget } from './ref.ts'

export type { CellOptions, Keeper } from './life.ts'

/** What the system is to its cells. */
export interface CellSystem extends LifeSystem {
  tell(cell: Cell, name: string, message: unknown): void
  tellWith(cell: Cell, name: string, message: unknown, options: SendOptions): Promise<Receipt>
  ask(cell: Cell, name: string, message: unknown, options: CallOptions | undefined): Promise<unknown>
  deadLetter(cell: Cell, letter: Letter, why: Undelivered): void
}

/** Messages handled before the next actor has its turn. */
const turnMax = 256

export class Cell extends Life implements RefTarget {
  declare readonly system: CellSystem
  declare children: Set<Cell> | undefined
  declare links: Set<Cell> | undefined
  override readonly ref: LocalRef

  constructor(system: CellSystem, options: CellOptions) {
    super(system, options)
    this.ref = new LocalRef(this)
  }

  // Letters.

  tell(name: string, message: unknown): void {
    this.system.tell(this, name, message)
  }
  tellWith(name: string, message: unknown, options: SendOptions): Promise<Receipt> {
    return this.system.tellWith(this, name, message, options)
  }
  ask(name: string, message: unknown, options: CallOptions | undefined): Promise<unknown> {
    return this.system.ask(this, name, message, options)
  }

  /** Takes a letter, or tells why not. */
  override accept(letter: Letter): void {
    if (this.phase === 'ended') return this.undelivered(letter, 'not_running')
    const offered = this.mailbox.offer(letter)
    if (offered === 'parked') return
    if (offered !== 'taken') {
      this.undelivered(offered.dropped, offered.why)
      if (offered.dropped === letter) return
    }
    if (letter.extra !== undefined) tellEnqueued(letter)
    if (!this.woken) this.wake()
  }

  override signal(signal: Signal): void {
    if (this.phase === 'ended' || (this.phase === 'stopping' && !outlives(signal))) return
    this.mailbox.signal(signal)
    // It is for the next incarnation, if there is one.
    if (this.phase === 'stopping') return
    // An exit does not wait for a handler that may never settle.
    if (signal.type === 'exit' && !this.trapsExit && (this.busy || this.phase === 'starting')) this.#urge()
    else this.wake()
  }

  /** `cause`: see `refuseLetter`. */
  override undelivered(letter: Letter, why: Undelivered, cause?: unknown): void {
    const reminder = letter.extra?.reminder
    if (reminder?.waiting) {
      reminder.waiting = false
      // A timer that is cancelled, or of an incarnation that is over, is no loss.
      if (reminder.cancelled || reminder.incarnation !== this.incarnation) return
    }
    refuseLetter(this, letter, why, cause)
    this.system.deadLetter(this, letter, why)
  }

  override wake(): void {
    if (this.phase === 'running' && !this.busy) this.#urge()
  }

  #urge(): void {
    if (this.woken) return
    this.woken = true
    this.system.pace.wake(this)
  }

  /** For the pace: handles what waits, up to a share. */
  override pump(): void {
    this.woken = false
    const { pace } = this.system
    if (this.startDue) {
      this.startDue = false
      pace.spend()
      return this.start()
    }
    if (this.busy || this.phase === 'starting') return this.#heedExit()
    const { mailbox } = this
    for (let left = turnMax; left > 0 && this.phase === 'running' && !this.busy && !pace.resting; left--) {
      const signal = mailbox.nextSignal()
      if (signal !== undefined) {
        this.#onSignal(signal)
        continue
      }
      const letter = mailbox.next()
      if (letter === undefined) return
      if (mailbox.parked > 0) this.#unpark()
      pace.spend()
      this.#handle(letter)
    }
    if (!mailbox.empty) this.wake()
  }

  #unpark(): void {
    const letter = this.mailbox.unpark()
    if (letter) tellEnqueued(letter)
  }

  #handle(letter: Letter): void {
    const handler = this.behaviour[letter.name]
    if (handler === undefined) return this.undelivered(letter, 'unknown_message')
    if (letter.extra !== undefined && !this.#wanted(letter, letter.extra)) return
    this.handled++
    const context = this.#contextFor(letter)
    context.begin(letter)
    const { system } = this
    const before = system.current
    system.current = context
    let result: unknown
    let waits = false
    try {
      result = handler(context, letter.message)
      waits = typeof result === 'object' && result !== null && isThenable(result)
    } catch (error) {
      system.current = before
      return this.#failed(context, letter, error)
    }
    system.current = before
    if (waits) this.#await(context, letter, result)
    else this.#finished(context, letter, result)
  }

  /** False for what nobody waits for any more; who did was told. */
  #wanted(letter: Letter, extra: Extra): boolean {
    if (extra.call?.settled || extra.receipt?.expired) {
      this.undelivered(letter, 'expired')
      return false
    }
    const { reminder } = extra
    if (!reminder) return true
    reminder.waiting = false
    return !reminder.cancelled && reminder.incarnation === this.incarnation
  }

  /**
   * One serves all plain sends while no handler waits. A context that answers somebody, or is kept over an await, is of one
   * message only: whoever held on to it must not act for another.
   */
  #contextFor(letter: Letter): CellContext {
    if (letter.extra !== undefined || this.goesAsync) return new CellContext(this)
    return (this.inHand ??= new CellContext(this))
  }

  #finished(context: CellContext, letter: Letter, result: unknown): void {
    const { setAside } = context
    context.end()
    if (setAside) (this.stashed ??= []).push(letter)
    else if (letter.extra !== undefined) this.#answer(letter, result)
    if (this.asked !== undefined) this.heed()
  }

  #answer(letter: Letter, result: unknown): void {
    // Whoever has the message now answers for it.
    if (isForwarded(result)) return
    const { call, receipt } = letter.extra ?? plainExtra
    if (call && isLater(result)) this.#owe(call)
    else if (call && !call.resolve(result) && call.abandoned) this.system.deadLetter(this, letter, 'late_reply')
    if (receipt?.delivery === 'processed') receipt.tell({ ok: true, delivery: 'processed' })
  }

  /** Whoever holds the answer may end with this incarnation; the caller is told then. */
  #owe(call: PendingCall): void {
    if (call.settled) return
    const { text } = this
    call.onSettled = this.atEnd((reason) => void call.reject(new NotRunning(text, { cause: reason })))
  }

  #await(context: CellContext, letter: Letter, result: unknown): void {
    this.fly(context)
    this.#limit(context, letter.name, (error) => this.#failed(context, letter, error))
    // A thenable of another kind may throw, or settle twice.
    Promise.resolve(result).then(
      (value) => {
        if (!this.landed(context)) return undefined
        this.#finished(context, letter, value)
        return this.settled()
      },
      (error: unknown) => {
        if (this.landed(context)) this.#failed(context, letter, error)
      },
    )
    if (this.asked?.now) this.heed()
  }

  /** Of `handlerTimeoutMs`: what has not settled by then has failed. */
  #limit(context: CellContext, name: string, failed: (error: Error) => void): void {
    const { handlerTimeoutMs } = this.options.spec
    if (handlerTimeoutMs === undefined) return
    context.limit = this.system.clock.timer(handlerTimeoutMs, () => {
      if (this.landed(context)) failed(new HandlerTimeout(this.text, name, handlerTimeoutMs))
    })
  }

  #onSignal(signal: Signal): void {
    const { onSignal } = this.options.spec
    if (signal.type === 'exit' && !this.trapsExit) {
      if (signal.reason !== 'normal') this.halt(signal.reason)
      return
    }
    if (!onSignal) return
    const context = new CellContext(this)
    context.begin(undefined)
    try {
      const settled = this.runAs(context, () => onSignal(context, signal))
      if (settled !== undefined && isThenable(settled)) return this.#awaitSignal(context, settled)
    } catch (error) {
      return this.broke(context, error)
    }
    context.end()
    if (this.asked) this.heed()
  }

  #awaitSignal(context: CellContext, settled: PromiseLike<void>): void {
    this.fly(context)
    this.#limit(context, 'onSignal', (error) => this.broke(context, error))
    Promise.resolve(settled).then(
      () => {
        if (!this.landed(context)) return undefined
        context.end()
        if (this.asked) this.heed()
        return this.settled()
      },
      (error: unknown) => {
        if (this.landed(context)) this.broke(context, error)
      },
    )
    if (this.asked?.now) this.heed()
  }

  /** Ends for an exit that came while a handler or `init` has not settled. */
  #heedExit(): void {
    if (this.trapsExit) return
    const exit = this.mailbox.takeSignals((signal) => signal.type === 'exit' && signal.reason !== 'normal')
    if (exit?.type === 'exit') this.halt(exit.reason)
  }

  /** The message in hand failed: so does this incarnation. */
  #failed(context: CellContext, letter: Letter, error: unknown): void {
    // Whoever has the message now answers for it.
    if (!context.passedOn) this.undelivered(letter, 'handler_failed', error)
    this.broke(context, error)
  }
}

function tellEnqueued(letter: Letter): void {
  const receipt = letter.extra?.receipt
  if (receipt?.delivery === 'enqueued') receipt.tell({ ok: true, delivery: 'enqueued' })
}

/**
 * Mailbox: the bounded queues in front of one actor. Unlike a subscription, each message is taken once, in order per sender
 * and priority. It decides order and overflow only; the cell decides when to run. Signals have a queue of their own that
 * no message can fill: there are never more of them than links, monitors, subscriptions and children.
 */
import { InvalidArgument } from '../base/error.ts'
import { wholeNumber } from '../base/limit.ts'
import type { MailboxOptions, Signal } from './actor.ts'
import { Ring } from './core/ring.ts'
import type { Letter } from './letter.ts'

/** `dropped` is the letter that had to go: the new one, or the oldest. */
export type Offered =
  | 'taken'
  | 'parked'
  | { readonly dropped: Letter; readonly why: 'mailbox_full' | 'mailbox_dropped' }

export interface MailboxLimits {
  readonly limit: number
  readonly overflow: 'reject' | 'drop-oldest' | 'park'
  readonly parkMax: number
}

export const mailboxDefaults: MailboxLimits = { limit: 65_536, overflow: 'reject', parkMax: 65_536 }

export function mailboxLimits(options: MailboxOptions | undefined): MailboxLimits {
  if (!options) return mailboxDefaults
  const limit = wholeNumber('mailbox.limit', options.limit ?? mailboxDefaults.limit, 1)
  const overflow = options.overflow ?? 'reject'
  if (overflow !== 'reject' && overflow !== 'drop-oldest' && overflow !== 'park')
    throw new InvalidArgument('mailbox.overflow', 'must be reject, drop-oldest or park')
  return { limit, overflow, parkMax: wholeNumber('mailbox.parkMax', options.parkMax ?? limit, 0) }
}

export class Mailbox {
  readonly #limits: MailboxLimits
  #signals: Ring<Signal> | undefined
  #high: Ring<Letter> | undefined
  readonly #normal = new Ring<Letter>()
  #low: Ring<Letter> | undefined
  #parked: Ring<Letter> | undefined
  #size = 0

  constructor(limits: MailboxLimits) {
    this.#limits = limits
  }

  /** Messages that wait, without those parked. */
  get size(): number {
    return this.#size
  }
  get parked(): number {
    return this.#parked?.size ?? 0
  }
  get empty(): boolean {
    return this.#size === 0 && (this.#signals?.size ?? 0) === 0
  }

  signal(signal: Signal): void {
    this.#signals ??= new Ring()
    this.#signals.push(signal)
  }

  nextSignal(): Signal | undefined {
    return this.#signals?.shift()
  }

  /** Takes out the signals that fit, and gives the first of them. */
  takeSignals(fits: (signal: Signal) => boolean): Signal | undefined {
    let first: Signal | undefined
    for (let left = this.#signals?.size ?? 0; left > 0; left--) {
      const signal = this.#signals?.shift()
      if (!signal) break
      if (!fits(signal)) this.#signals?.push(signal)
      else first ??= signal
    }
    return first
  }

  offer(letter: Letter): Offered {
    if (this.#size < this.#limits.limit && (this.#parked === undefined || this.#parked.size === 0)) {
      this.#put(letter)
      return 'taken'
    }
    if (this.#limits.overflow === 'park' && (this.#parked?.size ?? 0) < this.#limits.parkMax) {
      this.#parked ??= new Ring()
      this.#parked.push(letter)
      return 'parked'
    }
    if (this.#limits.overflow !== 'drop-oldest') return { dropped: letter, why: 'mailbox_full' }
    const oldest = this.#oldestFor(letter)
    if (!oldest) return { dropped: letter, why: 'mailbox_full' }
    this.#size--
    this.#put(letter)
    return { dropped: oldest, why: 'mailbox_dropped' }
  }

  /** The letter that makes room for this one: the oldest of the lowest priority, unless the new one is lower still. */
  #oldestFor(letter: Letter): Letter | undefined {
    const priority = letter.extra?.priority
    const low = this.#low?.shift()
    if (low || priority === 'low') return low
    return this.#normal.shift() ?? (priority === 'high' ? this.#high?.shift() : undefined)
  }

  next(): Letter | undefined {
    const letter = this.#high?.shift() ?? this.#normal.shift() ?? this.#low?.shift()
    if (letter !== undefined) this.#size--
    return letter
  }

  /** A parked letter that has its place now; to be asked for after `next`. */
  unpark(): Letter | undefined {
    if (this.#parked === undefined || this.#size >= this.#limits.limit) return undefined
    const letter = this.#parked.shift()
    if (letter) this.#put(letter)
    return letter
  }

  /** Puts a letter that was taken before all of its priority that wait. Never refused: it had its place before. */
  putBack(letter: Letter): void {
    this.#size++
    this.#ringOf(letter).unshift(letter)
  }

  /** All that waits, parked ones too, taken out. */
  *drain(): Generator<Letter, void> {
    for (let letter = this.next(); letter; letter = this.next()) yield letter
    for (let letter = this.#parked?.shift(); letter; letter = this.#parked?.shift()) yield letter
  }

  #put(letter: Letter): void {
    this.#size++
    if (letter.extra === undefined) this.#normal.push(letter)
    else this.#ringOf(letter).push(letter)
  }

  #ringOf(letter: Letter): Ring<Letter> {
    const priority = letter.extra?.priority
    if (priority === undefined || priority === 'normal') return this.#normal
    return priority === 'high' ? (this.#high ??= new Ring()) : (this.#low ??= new Ring())
  }
}

/**
 * Which runs may begin: so many of a key at a time, and so many in a time, the highest priority first. Unlike locks it promises nothing of who
 * works on what: it only paces. Pure; whoever asks says what time it is, and is told when to ask again.
 */
import type { Rate } from './definition.ts'
import { PriorityQueue } from './priority-queue.ts'

export interface Ticket {
  /** Of saga and key: those of one share a limit. */
  readonly key: string
  /** At a time; undefined: any number. */
  readonly max: number | undefined
  readonly rate: Rate | undefined
  readonly priority: number
  /** Called once, when it may begin. */
  grant: () => void
  /** It need not be granted any more. */
  gone: boolean
  granted: boolean
}

interface Lane {
  readonly waiting: PriorityQueue<Ticket>
  running: number
  /** When the last of `rate.max` were granted, the oldest first. */
  readonly grants: number[]
  /** When none of them limits anybody any more. */
  idleFromMs: number
}

const sweptAtOnce = 4

export class Admission {
  readonly #lanes = new Map<string, Lane>()

  /** Keys that limit somebody, or did until lately. */
  get size(): number {
    return this.#lanes.size
  }

  /** Waits; `next` grants. */
  request(ticket: Ticket): void {
    this.#lane(ticket.key).waiting.push(ticket, ticket.priority)
  }

  /** It runs already, as after a restart. */
  force(ticket: Ticket): void {
    ticket.granted = true
    this.#lane(ticket.key).running++
  }

  /** One that was granted has ended. */
  release(ticket: Ticket): void {
    this.#lane(ticket.key).running--
  }

  /** Grants what may begin in this lane; gives when to ask again, on the clock of `nowMs`, if time alone holds back. */
  next(key: string, nowMs: number): number | undefined {
    this.#sweep(nowMs)
    const lane = this.#lanes.get(key)
    if (!lane) return undefined
    for (;;) {
      const ticket = lane.waiting.first()
      if (!ticket) break
      if (!ticket.gone) {
        if (ticket.max !== undefined && lane.running >= ticket.max) return undefined
        const freeAtMs = freeAt(lane, ticket.rate, nowMs)
        if (freeAtMs > nowMs) return freeAtMs
        lane.running++
        if (ticket.rate) {
          lane.grants.push(nowMs)
          lane.idleFromMs = nowMs + ticket.rate.perMs
        }
      }
      lane.waiting.shift()
      if (ticket.gone) continue
      ticket.granted = true
      ticket.grant()
    }
    return undefined
  }

  #lane(key: string): Lane {
    let lane = this.#lanes.get(key)
    if (!lane) this.#lanes.set(key, (lane = { waiting: new PriorityQueue(), running: 0, grants: [], idleFromMs: 0 }))
    return lane
  }

  /**
   * Keys are made of inputs, so a lane that limits nothing any more is forgotten. A few are looked at each time, the longest not looked at
   * first: that is more than can be added meanwhile.
   */
  #sweep(nowMs: number): void {
    let looks = sweptAtOnce
    for (const [key, lane] of this.#lanes) {
      if (looks-- === 0) return
      this.#lanes.delete(key)
      if (lane.waiting.size > 0 || lane.running > 0 || lane.idleFromMs > nowMs) this.#lanes.set(key, lane)
    }
  }
}

/** When the next may begin: `max` grants in each `perMs`, counted from the grant that falls out of the time first. */
function freeAt(lane: Lane, rate: Rate | undefined, nowMs: number): number {
  if (!rate) return nowMs
  const { grants } = lane
  while (grants.length > 0 && (grants[0] as number) + rate.perMs <= nowMs) grants.shift()
  return grants.length < rate.max ? nowMs : (grants[grants.length - rate.max] as number) + rate.perMs
}

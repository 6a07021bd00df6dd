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
}

export class Admission {
  readonly #lanes = new Map<string, Lane>()

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
    const lane = this.#lane(ticket.key)
    lane.running--
    this.#sweep(ticket.key, lane)
  }

  /** Grants what may begin in this lane; gives when to ask again, on the clock of `nowMs`, if time alone holds back. */
  next(key: string, nowMs: number): number | undefined {
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
        if (ticket.rate) lane.grants.push(nowMs)
      }
      lane.waiting.shift()
      if (ticket.gone) continue
      ticket.granted = true
      ticket.grant()
    }
    this.#sweep(key, lane)
    return undefined
  }

  #lane(key: string): Lane {
    let lane = this.#lanes.get(key)
    if (!lane) this.#lanes.set(key, (lane = { waiting: new PriorityQueue(), running: 0, grants: [] }))
    return lane
  }

  /** A lane that limits nothing any more is forgotten: keys are made of inputs. */
  #sweep(key: string, lane: Lane): void {
    if (lane.waiting.size === 0 && lane.running === 0 && lane.grants.length === 0) this.#lanes.delete(key)
  }
}

/** When the next may begin: `max` grants in each `perMs`, counted from the grant that falls out of the time first. */
function freeAt(lane: Lane, rate: Rate | undefined, nowMs: number): number {
  if (!rate) return nowMs
  const { grants } = lane
  while (grants.length > 0 && (grants[0] as number) + rate.perMs <= nowMs) grants.shift()
  return grants.length < rate.max ? nowMs : (grants[grants.length - rate.max] as number) + rate.perMs
}

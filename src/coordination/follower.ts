/**
 * Follower: reads the journal and sees to it that each event of a domain is decided and each case begins, whoever recorded them. Unlike the
 * hooks of a choreography it leaves nothing out: its place moves on only past what is done, and what is looked at twice is the same.
 *
 * | in the journal | what it does |
 * | --- | --- |
 * | an event of a domain | has it decided |
 * | a decision for a saga or upwards, an escalation, a hand-over | begins its case |
 * | a decision to withhold, an action that was fenced | tells the saga that has the conversation |
 * | the end of a saga of a case | settles the case, or has it go up |
 * | `agent.reply.absent` | escalates it |
 */
import { deferred } from '../base/deferred.ts'
import type { Deferred } from '../base/deferred.ts'
import type { Batch, Position, Recorded } from '../journal/journal.ts'
import { isPast } from '../journal/position-order.ts'
import type { RunStatus } from '../workflow/workflow.ts'
import { laterOf } from './cases.ts'
import type { Cases } from './cases.ts'
import type { Decisions } from './decisions.ts'
import { absentType, decidedType, decisionStream, handedOverType, openingOf } from './event.ts'
import type { DecidedData } from './event.ts'
import { actionOf } from './evidence.ts'
import type { HandOvers } from './hand-overs.ts'
import { recordedAt } from './parts.ts'
import type { Parts } from './parts.ts'
import type { Troubles } from './troubles.ts'

/** Events that are asked of the journal at once. */
const batchSize = 256
/** Events that a start may have to look at again. */
const keepEvery = 1024
const ends: ReadonlyMap<string, RunStatus> = new Map([
  ['saga.completed', 'completed'],
  ['saga.compensated', 'compensated'],
  ['saga.needs_attention', 'needs-attention'],
])

export interface FollowerRooms {
  readonly decisions: Decisions
  readonly cases: Cases
  readonly troubles: Troubles
  readonly handOvers: HandOvers
}

export class Follower {
  readonly #parts: Parts
  readonly #rooms: FollowerRooms
  /** What is in hand, the oldest first, with a place that lies before it. */
  readonly #inHand = new Map<object, Position>()
  readonly #work = new Set<Promise<void>>()
  #position: Position
  #kept: Position
  #unkept = 0
  #changed: Deferred<void> = deferred()
  #keeping: Promise<void> = Promise.resolve()
  #running: Promise<void> = Promise.resolve()

  constructor(parts: Parts, rooms: FollowerRooms, position: Position) {
    this.#parts = parts
    this.#rooms = rooms
    this.#position = position
    this.#kept = position
    parts.stop.addEventListener('abort', () => this.#change(), { once: true })
  }

  start(): void {
    this.#running = this.#follow().catch(this.#parts.fail)
  }

  get cases(): number {
    return this.#inHand.size
  }

  /** All before it is done. */
  get place(): Position {
    for (const position of this.#inHand.values()) return position
    return this.#position
  }

  #change(): void {
    this.#changed.resolve()
    this.#changed = deferred()
  }

  async #follow(): Promise<void> {
    const { journal, stop } = this.#parts
    for await (const batch of journal.subscribe({ from: this.#position, batch: batchSize, signal: stop })) {
      await this.#take(batch)
      if (stop.aborted) return
      this.#position = batch.position
      this.#unkept += batch.events.length
      if (this.#unkept >= keepEvery) this.#keep()
      this.#change()
    }
  }

  /** Decisions of a batch are appended side by side, so that they share a sync. */
  async #take({ events }: Batch): Promise<void> {
    const { decisions, troubles } = this.#rooms
    await Promise.all(events.map((recorded) => decisions.decide(recorded)))
    for (const recorded of events) {
      if (this.#parts.stop.aborted) return
      if (recorded.event.type === absentType) await troubles.absent(recorded)
      const work = this.#workOf(recorded)
      if (!work) continue
      await this.#room()
      this.#begin(work)
    }
  }

  #workOf(recorded: Recorded): (() => Promise<void>) | undefined {
    const { cases, handOvers } = this.#rooms
    const { event, stream, version } = recorded
    const { type, subject = '' } = event
    const ended = ends.get(type)
    if (ended) return stream === `saga/${subject}` ? () => cases.ended(subject, ended) : undefined
    if (type === 'agent.action.fenced') return () => this.#fenced(recorded)
    if (!stream.startsWith(`coordination/${this.#parts.name}/`)) return undefined
    if (type === handedOverType) handOvers.forgetStream(stream)
    if (type === decidedType && (event.data as DecidedData).route === 'withheld') return () => this.#withheld(recorded)
    const opening = openingOf(event)
    return opening && (() => cases.open(opening.case, { stream, version }))
  }

  async #withheld({ event }: Recorded): Promise<void> {
    const { ref, case: caseId } = event.data as DecidedData
    if (caseId === undefined) return
    const found = await recordedAt(this.#parts.journal, ref)
    if (!found) return
    const { id, data } = laterOf(found)
    await this.#rooms.cases.later(caseId, id, data)
  }

  async #fenced({ event }: Recorded): Promise<void> {
    const held = await this.#rooms.handOvers.of(event)
    if (held) await this.#rooms.cases.later(held.case, `fenced ${event.id}`.slice(0, 256), { action: actionOf(event) })
  }

  #begin(work: () => Promise<void>): void {
    const mark = {}
    this.#inHand.set(mark, this.#position)
    const running = this.#finish(work, mark)
    this.#work.add(running)
    void running.then(() => this.#work.delete(running))
  }

  async #finish(work: () => Promise<void>, mark: object): Promise<void> {
    try {
      await work()
      this.#inHand.delete(mark)
      this.#change()
    } catch (error) {
      // It stays in hand: the place does not move past what is not done.
      this.#parts.fail(error)
    }
  }

  async #room(): Promise<void> {
    const { casesMax, stop } = this.#parts
    while (this.#inHand.size >= casesMax && !stop.aborted) await this.#changed.promise
  }

  /** Not waited for: a place that is not kept only costs a second look. */
  #keep(): void {
    this.#unkept = 0
    this.#keeping = this.#keeping
      .then(() => this.#keepPlace())
      .catch((error: unknown) => this.#parts.logger.debug({ err: error }, 'the place in the journal could not be kept'))
  }

  async #keepPlace(): Promise<void> {
    const { place } = this
    if (place === this.#kept) return
    await keepPlace(this.#parts, place)
    this.#kept = place
  }

  /** Resolves when the place has come to a position; also when it ends, and at the next change after nobody waits any more. */
  async passed(position: Position, signal: AbortSignal): Promise<void> {
    const { journal, stop } = this.#parts
    while (!stop.aborted && !signal.aborted) {
      const changed = this.#changed.promise
      if (await isPast(journal, this.place, position)) return
      await changed
    }
  }

  async close(): Promise<void> {
    await this.#running
    while (this.#work.size > 0) await Promise.all(this.#work)
    this.#keep()
    await this.#keeping
  }
}

export async function keepPlace({ journal, name }: Pick<Parts, 'journal' | 'name'>, place: Position): Promise<void> {
  await journal.setMetadata(decisionStream(name), { custom: { place } })
}

/** Undefined for a coordinator that never was. */
export async function keptPlace({ journal, name }: Pick<Parts, 'journal' | 'name'>): Promise<Position | undefined> {
  const { custom } = (await journal.stream(decisionStream(name))).metadata
  const place = typeof custom === 'object' && custom !== null && 'place' in custom ? custom.place : undefined
  return typeof place === 'string' ? place : undefined
}

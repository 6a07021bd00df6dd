/**
 * Hand-overs: which conversations somebody has taken from the rules. The record is one event in a stream of the conversation, or of what of it
 * has one subject; whoever appends it to the empty stream has won. Unlike a lock it is never given back, and what a rule records is refused
 * by the journal itself, so that nobody has to be quick.
 *
 * What comes through the saga that took over is free: rules may act on what it says. It is known by its path, unless the same saga had been in
 * the conversation before; then nothing is free.
 */
import type { CloudEvent } from '../base/envelope.ts'
import type { AppendCondition, AppendManyOptions, Position, StreamAppend } from '../journal/journal.ts'
import { isPast } from '../journal/position-order.ts'
import { sagaName } from './config.ts'
import type { HandOverScope } from './coordination.ts'
import { correlationOf, handedOverType, handOverStream } from './event.ts'
import type { HandedOverData, Opening } from './event.ts'
import { eventOf, Remembered } from './parts.ts'
import type { Parts } from './parts.ts'

/** Events of a conversation that are looked through for a saga that takes it over; where there are more, nothing of it is free. */
const lookedMax = 10_000

export interface Held {
  readonly case: string
  readonly through: readonly string[]
  readonly position: Position
}

export interface HandOverAppend {
  readonly append: StreamAppend
  readonly options: Pick<AppendManyOptions, 'unless'>
}

export class HandOvers {
  readonly #parts: Parts
  /** By stream; `null`: nobody has it. Whoever else appends in this process is heard of by the follower. */
  readonly #known: Remembered<Held | null>

  constructor(parts: Parts) {
    this.#parts = parts
    this.#known = new Remembered(parts.rememberedMax)
  }

  /** Who has the conversation of an event; of two the one that came later. */
  async of(event: CloudEvent): Promise<Held | undefined> {
    let latest: Held | undefined
    for (const stream of this.#streams(event)) {
      const held = await this.#look(stream)
      if (!held) continue
      if (!latest || (await isPast(this.#parts.journal, held.position, latest.position))) latest = held
    }
    return latest
  }

  async #look(stream: string): Promise<Held | null> {
    const known = this.#known.get(stream)
    if (known !== undefined) return known
    let held: Held | null = null
    for await (const { event, position } of this.#parts.journal.read(stream, { limit: 1 })) {
      const { case: caseId, through } = event.data as HandedOverData
      held = { case: caseId, through, position }
    }
    this.#known.set(stream, held)
    return held
  }

  #streams(event: CloudEvent): string[] {
    const { name } = this.#parts
    const correlation = correlationOf(event)
    const whole = handOverStream(name, correlation)
    return event.subject === undefined ? [whole] : [whole, handOverStream(name, correlation, event.subject)]
  }

  /** What was known of the conversation may have changed. */
  forget(event: CloudEvent): void {
    for (const stream of this.#streams(event)) this.#known.delete(stream)
  }

  forgetStream(stream: string): void {
    this.#known.delete(stream)
  }

  isFree({ path = '' }: CloudEvent, { through }: Held): boolean {
    const steps = path.split(' ')
    return through.some((saga) => steps.includes(`saga:${saga}`))
  }

  /** Rules may act on it. */
  async mayAct(event: CloudEvent): Promise<boolean> {
    const held = await this.of(event)
    return held === undefined || this.isFree(event, held)
  }

  /** Nobody has taken the conversation over, or nobody since the one through whom the event came. */
  async condition(event: CloudEvent): Promise<AppendCondition> {
    const held = await this.of(event)
    const filter = { streams: this.#streams(event) }
    return held && this.isFree(event, held) ? { filter, after: held.position } : { filter }
  }

  /** The stream of a hand-over of this scope; an event without a subject stands for its whole conversation. */
  streamOf(event: CloudEvent, scope: HandOverScope): string {
    const subject = scope === 'subject' ? event.subject : undefined
    return handOverStream(this.#parts.name, correlationOf(event), subject)
  }

  /** What records it, if it is the first. It opens the case itself where `opening` is given. */
  async appendOf(
    event: CloudEvent,
    scope: HandOverScope,
    about: Pick<HandedOverData, 'case' | 'reason' | 'by'> & { readonly level: string; readonly opening?: Opening },
  ): Promise<HandOverAppend> {
    const { level, ...rest } = about
    const stream = this.streamOf(event, scope)
    const data: HandedOverData = { ...rest, scope, through: await this.#through(event, level) }
    const append: StreamAppend = {
      stream,
      events: [eventOf(this.#parts, handedOverType, data, event)],
      expectedVersion: 'none',
    }
    const whole = this.streamOf(event, 'correlation')
    return { append, options: stream === whole ? {} : { unless: { filter: { streams: [whole] } } } }
  }

  /** Sagas of the levels that may come to answer, if none of them has been in the conversation before. */
  async #through(event: CloudEvent, level: string): Promise<string[]> {
    const { journal, routing, answering } = this.#parts
    const sagas = routing.levels.chain(level).flatMap((each) => sagaName(answering.byLevel.get(each) ?? {}) ?? [])
    const free = new Set(sagas)
    let looked = 0
    const filter = { correlationid: correlationOf(event) }
    for await (const { event: before } of journal.readAll({ filter, limit: lookedMax })) {
      looked++
      for (const step of before.path?.split(' ') ?? []) if (step.startsWith('saga:')) free.delete(step.slice(5))
      if (free.size === 0) break
    }
    return looked === lookedMax ? [] : [...free]
  }
}

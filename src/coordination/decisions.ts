/**
 * Decisions: which way each event goes, recorded before it takes effect. Unlike the pure decision (`core/decide.ts`) it knows what was decided
 * before and who has taken a conversation over. Whoever asks first has it recorded, the follower or the choreography; the others learn what
 * is recorded, whatever the rules say by then.
 */
import type { CloudEvent } from '../base/envelope.ts'
import { AssertionFailed, codeOf } from '../base/error.ts'
import type { AppendManyOptions, Recorded, StreamAppend } from '../journal/journal.ts'
import { decide } from './core/decide.ts'
import type { Decision } from './core/decide.ts'
import { decidedType, decisionKey, decisionStream, eventKey, isOwn, refOf, routeCase } from './event.ts'
import type { DecidedData } from './event.ts'
import type { HandOvers } from './hand-overs.ts'
import { eventOf, recordedAt, Remembered } from './parts.ts'
import type { Parts } from './parts.ts'

/** Between what was looked up and what is appended somebody may take over; the second look sees it. */
const triesMax = 16

export class Decisions {
  readonly #parts: Parts
  readonly #handOvers: HandOvers
  readonly #known: Remembered<Promise<DecidedData>>

  constructor(parts: Parts, handOvers: HandOvers) {
    this.#parts = parts
    this.#handOvers = handOvers
    this.#known = new Remembered(parts.rememberedMax)
  }

  /** Recorded when this resolves; undefined when the event is nobody's to route. */
  async decide(recorded: Recorded): Promise<DecidedData | undefined> {
    const { event } = recorded
    const decision = this.explain(event)
    if (!decision) return undefined
    const key = eventKey(event)
    const known = this.#known.get(key)
    if (known) return known
    const deciding = this.#record(recorded, decision, key)
    this.#known.set(key, deciding)
    deciding.catch(() => this.#known.delete(key))
    return deciding
  }

  explain(event: CloudEvent): Decision | undefined {
    return isOwn(event.type) ? undefined : decide(event, this.#parts.routing.levels)
  }

  /** What was decided before. */
  async recorded(event: Pick<CloudEvent, 'source' | 'id'>): Promise<DecidedData | undefined> {
    const { journal, name } = this.#parts
    const [first] = (await journal.appended(decisionKey(name, eventKey(event)))) ?? []
    if (!first) return undefined
    const recorded = await recordedAt(journal, { stream: decisionStream(name), version: first.version })
    return recorded?.event.data as DecidedData | undefined
  }

  async #record(recorded: Recorded, decision: Decision, key: string): Promise<DecidedData> {
    const { journal, name, telemetry } = this.#parts
    const { event } = recorded
    for (let tries = 0; tries < triesMax; tries++) {
      const data = await this.#dataOf(recorded, decision, key)
      const { appends, options } = await this.#appends(event, data)
      try {
        const [first] = await journal.appendMany(appends, { ...options, idempotencyKey: decisionKey(name, key) })
        if (!first?.duplicate) {
          if (data.handOver) this.#handOvers.forget(event)
          telemetry.count('colloquy.coordination.decided', 1, { route: data.route })
          return data
        }
      } catch (thrown) {
        const code = codeOf(thrown)
        if (code !== 'journal.condition_failed' && code !== 'journal.wrong_version' && code !== 'journal.key_reused')
          throw thrown
      }
      const before = await this.recorded(event)
      if (before) return before
      this.#handOvers.forget(event)
    }
    throw new AssertionFailed('a hand-over is recorded once, so that a decision meets it once')
  }

  async #dataOf(recorded: Recorded, decision: Decision, key: string): Promise<DecidedData> {
    const { event } = recorded
    const ref = refOf(recorded)
    const { hash: rules } = this.#parts.routing
    const { handOver, ...rest } = decision
    const held = await this.#handOvers.of(event)
    if (decision.route === 'choreography') {
      if (!held || this.#handOvers.isFree(event, held)) return { ...rest, ref, rules }
      const reason = `its conversation was taken over by the case ${held.case}`
      return { ...rest, route: 'withheld', rule: 'default/hand-over', reason, ref, rules, case: held.case }
    }
    // Whoever has it keeps it; a second saga for what is critical may begin all the same.
    return { ...rest, ref, rules, case: routeCase(key), ...(handOver && !held && { handOver }) }
  }

  async #appends(
    event: CloudEvent,
    data: DecidedData,
  ): Promise<{ readonly appends: StreamAppend[]; readonly options: Pick<AppendManyOptions, 'unless'> }> {
    const { name } = this.#parts
    const decided = { stream: decisionStream(name), events: [eventOf(this.#parts, decidedType, data, event)] }
    if (data.route === 'choreography')
      return { appends: [decided], options: { unless: await this.#handOvers.condition(event) } }
    const { handOver, case: caseId, level, reason } = data
    if (handOver === undefined || caseId === undefined) return { appends: [decided], options: {} }
    const { append, options } = await this.#handOvers.appendOf(event, handOver, { case: caseId, level, reason })
    return { appends: [decided, append], options }
  }
}

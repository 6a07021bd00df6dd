/**
 * Convene: the main road from a question to a recorded decision: evidence is indexed, a panel drafts and discusses, a poll
 * by a named rule decides, and the journal holds all that led to it. Unlike a discussion it owns the record: an event is
 * appended before it counts, and a run that died goes on after the last event. It never prints.
 *
 * Steps: 1. identity and stream, 2. `started`, 3. the discussion, 4. where the agenda asks for one, a debate, 5. the poll, 6. where the agenda names a raft group, `proposed`, and the
 * group takes the outcome, 7. `concluded`, 8. where the outcome starts an action, `acting`, its saga, and `acted`. Each step first takes what the
 * stream already holds.
 */
import { eventSubject, publishEvent } from '../bus/event.ts'
import { Aborted, assert, codeOf } from '../base/error.ts'
import { totalUsage } from '../deliberation/core/spending.ts'
import type { Recorded } from '../journal/journal.ts'
import type { Node } from '../node/node.ts'
import { ruleFrom } from '../vote/rule-from.ts'
import { tieChain, unfitTie } from '../vote/tie.ts'
import type { Agenda } from './agenda.ts'
import type { PollResult } from '../deliberation/hold-poll.ts'
import { actionSaga } from './action-module.ts'
import { takeAction } from './action-stage.ts'
import { bounded, boundedAudit } from './bounded-outcome.ts'
import { commitOutcome, outcomeCommand } from './commit.ts'
import { commitGroupOf } from './commit-group.ts'
import type { ConveneOptions } from './convene-options.ts'
import { debateBetween } from './debate-stage.ts'
import type { Debated } from './debate-stage.ts'
import { holdDiscussion } from './discussion-stage.ts'
import type { Talk } from './discussion-stage.ts'
import { takePoll } from './poll-stage.ts'
import type { Stage } from './stage.ts'
import { CommitUnknown, NoCommitGroup } from './error.ts'
import { conveneTypes, startsAction } from './event.ts'
import type { Acted, Concluded, ConveneData, ConveneEvent, ConveneType, Started } from './event.ts'
import { conveningIdentity, conveningStream } from './identity.ts'
import { checkModels, openPanel, seatsOf } from './panel.ts'
import type { Panel, Seat } from './panel.ts'
import { isSettled, latestRun, readRecord } from './record.ts'
import type { ConveneRecord } from './record.ts'

export type { ConveneOptions } from './convene-options.ts'

/** The conclusion, and how the action stands that it started. */
export interface ConveneResult extends Concluded {
  /** Absent where none was to be started. */
  readonly action?: Acted
}

export interface Convening extends AsyncIterable<ConveneEvent> {
  /** Resolves when nothing more is done, an action included; rejects with what made going on impossible (the store's errors, for one). */
  readonly result: Promise<ConveneResult>
  /** How the run began. */
  readonly origin: Promise<ConveningOrigin>
}

export interface ConveningOrigin {
  readonly stream: string
  /**
   * `new`, `resumed` after the events an earlier run recorded, `acting` when it was concluded before and its action goes on, or `finished`
   * before.
   */
  readonly kind: 'new' | 'resumed' | 'acting' | 'finished'
  /** Events recorded by earlier runs. */
  readonly recorded: number
}

/**
 * Runs an agenda to its conclusion, and its action to the end. Iterating gives the whole record, what earlier runs recorded first, and
 * ends with its last event; it throws what `result` rejects with. Errors by code: `node.not_durable`, `node.unknown_model`,
 * `vote.unknown_rule`, `convene.no_group`, `convene.commit_unknown`, `convene.commit_refused`, those of a proposal to the group,
 * `convene.action_unknown`, those of a workflow, and those of the store and the journal.
 */
export function convene(node: Node, agenda: Agenda, options: ConveneOptions): Convening {
  const run = new Run(node, agenda, options)
  const origin = run.begin()
  const result = origin.then(() => run.finish())
  origin.catch(() => {})
  result.catch(() => {})
  const ended = async () => {
    await result
    return run.version
  }
  return { origin, result, [Symbol.asyncIterator]: () => follow(node, origin, ended) }
}

/** The journal itself is the stream: whoever iterates reads what was appended, from the first event on. */
async function* follow(
  node: Node,
  origin: Promise<ConveningOrigin>,
  ended: () => Promise<number>,
): AsyncGenerator<ConveneEvent, void> {
  const { stream } = await origin
  const over = new AbortController()
  let failure: unknown
  let seen = 0
  let last = Number.POSITIVE_INFINITY
  const ending = async () => {
    last = await ended()
    // There may be no event any more to end at.
    if (seen >= last) over.abort()
  }
  ending().catch((error: unknown) => {
    failure = error
    over.abort()
  })
  for await (const each of node.journal.subscribe({ filter: { streams: [stream] }, signal: over.signal })) {
    seen = each.version
    yield each.event as ConveneEvent
    if (seen >= last) break
  }
  if (failure !== undefined) throw failure
}

class Run {
  readonly #node: Node
  readonly #agenda: Agenda
  readonly #options: ConveneOptions
  #seats: ReadonlyMap<string, Seat> = new Map()
  #panel: Panel | undefined
  #record: ConveneRecord | undefined
  #stream = ''
  #version = 0
  #last: ConveneEvent | undefined
  #traceparent: string | undefined

  constructor(node: Node, agenda: Agenda, options: ConveneOptions) {
    this.#node = node
    this.#agenda = agenda
    this.#options = options
  }

  /** Of the last event of the record. */
  get version(): number {
    return this.#version
  }

  async begin(): Promise<ConveningOrigin> {
    if (this.#options.durable) this.#node.durableStore('this convening')
    // What cannot work is refused before anything is recorded.
    const { poll, seed } = this.#agenda
    const unfit = unfitTie(ruleFrom(poll.rule), tieChain(poll.ties, seed))
    if (unfit) throw unfit
    const { evidence, participants } = this.#options
    const own = participants ?? []
    const seats = seatsOf(this.#node, this.#agenda, own)
    this.#seats = new Map(seats.map((seat) => [seat.name, seat]))
    const kinds = seats.map((seat) => seat.kind)
    const identity = conveningIdentity(this.#agenda, evidence.documents, kinds)
    const { run, exists } = await latestRun(this.#node.journal, identity)
    this.#stream = conveningStream(identity, exists && this.#options.fresh ? run + 1 : run)
    this.#record = await readRecord(this.#node.journal, this.#stream)
    this.#version = this.#record?.version ?? 0
    this.#last = this.#record?.events.at(-1)
    const recorded = this.#version
    const kind = kindOf(this.#record)
    if (kind !== 'finished' && this.#agenda.action) actionSaga(this.#agenda.action, this.#options.sagas ?? [])
    // A finished convening is only shown, and needs no model for that.
    if (!this.#record?.concluded) {
      checkModels(this.#node, this.#agenda, own)
      const group = commitGroupOf(this.#agenda)
      if (group !== undefined && !this.#node.raftGroup(group)) throw new NoCommitGroup(group)
    }
    if (!this.#record) await this.#append(conveneTypes.started, this.#started(identity), 'chair')
    return { stream: this.#stream, kind, recorded }
  }

  async finish(): Promise<ConveneResult> {
    const { concluded, acted } = this.#record ?? {}
    if (concluded && isSettled(this.#record!)) return { ...concluded, ...(acted && { action: acted }) }
    const attributes = { 'colloquy.stream': this.#stream }
    return this.#node.telemetry.span('convene', { attributes }, async (span) => {
      this.#traceparent = span.traceparent
      return this.#act(concluded ?? (await this.#convene()))
    })
  }

  async #convene(): Promise<Concluded> {
    this.#panel = openPanel(this.#node, this.#agenda, this.#options.evidence, this.#options.participants ?? [])
    try {
      return await this.#deliberate()
    } finally {
      this.#panel.close()
    }
  }

  /** The outcome starts what the agenda asks for, once it is in the journal. */
  async #act(concluded: Concluded): Promise<ConveneResult> {
    const { action } = this.#agenda
    if (!action || !startsAction(this.#agenda, concluded)) return concluded
    const record = await readRecord(this.#node.journal, this.#stream)
    assert(record?.concluded, 'what was concluded is in the journal')
    const { sagas = [], actionTimeoutMs, signal } = this.#options
    const acted = await takeAction({
      node: this.#node,
      action,
      sagas,
      record,
      append: (type, data) => this.#append(type, data, 'chair'),
      ...(actionTimeoutMs !== undefined && { timeoutMs: actionTimeoutMs }),
      ...(signal && { signal }),
    })
    return { ...concluded, action: acted }
  }

  async #deliberate(): Promise<Concluded> {
    try {
      const stage = this.#stage()
      const talk = await holdDiscussion(stage)
      const debated = await debateBetween(stage, talk)
      const poll = await takePoll(stage, [...talk.transcript, ...debated.transcript])
      return await this.#commit(this.#decide(talk, debated, poll))
    } catch (error) {
      const unknown = error instanceof CommitUnknown
      if (!(error instanceof Aborted || unknown) || !this.#options.signal?.aborted) throw error
      return await this.#conclude(await this.#stopped(unknown ? [error.message] : []))
    }
  }

  #stage(): Stage {
    return {
      node: this.#node,
      agenda: this.#agenda,
      options: this.#options,
      stream: this.#stream,
      participants: this.#panel!.participants,
      record: this.#record,
      seat: (name) => this.#seat(name),
      append: (type, data, agent) => this.#append(type, data, agent),
    }
  }

  #seat(name: string): Seat {
    const seat = this.#seats.get(name)
    assert(seat, `${name} has no seat`)
    return seat
  }

  #decide(talk: Talk, debated: Debated, poll: PollResult): Concluded {
    const { outcome, audit, notes } = poll
    const maxBytes = this.#node.journal.limits.eventMaxBytes / 4
    const kept = outcome && bounded(outcome, maxBytes)
    return {
      status: outcome?.status ?? 'no-winner',
      winners: outcome?.winners ?? [],
      ranking: outcome?.ranking ?? [],
      rule: ruleFrom(this.#agenda.poll.rule).name,
      tieSteps: outcome?.tieSteps ?? [],
      usage: {
        ...totalUsage([talk.usage, debated.usage, poll.usage]),
        turns: talk.transcript.length + debated.transcript.length,
      },
      ended: talk.ended,
      ...(kept && { outcome: kept.outcome }),
      explanation: [...debated.notes, ...notes, ...(kept?.explanation ?? [])],
      ...(audit && { audit: boundedAudit(audit, maxBytes) }),
    }
  }

  /** Nobody hears of the outcome before the group has taken it: what acts on a conclusion acts after the commit. */
  async #commit(concluded: Concluded): Promise<Concluded> {
    const name = commitGroupOf(this.#agenda)
    if (name === undefined) return this.#conclude(concluded)
    const group = this.#node.raftGroup(name)
    if (!group) throw new NoCommitGroup(name)
    const { commitTimeoutMs, signal } = this.#options
    const { forget, ...commit } = await commitOutcome({
      group,
      command: outcomeCommand(this.#stream, this.#agenda.topic, concluded),
      proposed: this.#record?.proposed,
      record: (proposed) => this.#append(conveneTypes.proposed, proposed, 'chair'),
      ...(commitTimeoutMs !== undefined && { timeoutMs: commitTimeoutMs }),
      ...(signal && { signal }),
    })
    const committed = await this.#conclude({ ...concluded, commit })
    await forget()
    return committed
  }

  async #stopped(more: readonly string[]): Promise<Concluded> {
    const record = await readRecord(this.#node.journal, this.#stream)
    const sealed = (record?.sealed ?? []).flatMap((item) => (item.item === 'sealed' ? [item] : []))
    const debated = (record?.debated ?? []).flatMap((item) => (item.item === 'stop' ? [] : [item]))
    const said = [...(record?.contributions ?? []), ...debated, ...(record?.ballots ?? []), ...sealed]
    return {
      status: 'stopped',
      winners: [],
      ranking: [],
      rule: ruleFrom(this.#agenda.poll.rule).name,
      tieSteps: [],
      usage: { ...totalUsage(said.map((each) => each.usage)), turns: record?.contributions.length ?? 0 },
      explanation: ['It was stopped before its end; running it again on the same record goes on from here.', ...more],
    }
  }

  async #conclude(concluded: Concluded): Promise<Concluded> {
    await this.#append(conveneTypes.concluded, concluded, 'chair')
    return concluded
  }

  async #append<Type extends ConveneType>(type: Type, data: ConveneData[Type], agent: string): Promise<void> {
    const cause = this.#last
    const traceparent = this.#traceparent
    const event = this.#node.event(agent, {
      type,
      data,
      subject: this.#stream,
      ...(cause && { cause }),
      ...(traceparent !== undefined && { traceparent }),
    })
    await this.#node.journal.append(this.#stream, [event], { expectedVersion: this.#version })
    this.#version++
    this.#last = event as ConveneEvent
    this.#announce(type, event)
  }

  /** Who watches the bus hears it live; who must not miss it reads the journal. */
  #announce(type: ConveneType, event: Recorded['event']): void {
    try {
      publishEvent(this.#node.bus, eventSubject(this.#node.realm, type), event)
    } catch (error) {
      this.#node.logger.warn({ code: codeOf(error), type }, 'an event was journalled and not announced on the bus')
    }
  }

  #started(identity: string): Started {
    const { topic, options, participants, discussion, debate, poll, seed, commit, action } = this.#agenda
    const { documents, bytes } = this.#options.evidence
    return {
      convening: identity,
      topic,
      options,
      participants: participants.map(({ name, persona, stance, weight }) => ({
        name,
        kind: this.#seat(name).kind,
        ...(persona !== undefined && { persona }),
        ...(stance !== undefined && { stance }),
        weight,
      })),
      evidence: {
        documents: documents.length,
        bytes,
        sources: documents.slice(0, 2000).map(({ source, hash }) => ({ source, hash })),
      },
      discussion,
      ...(debate && { debate }),
      poll,
      seed,
      ...(commit !== undefined && { commit }),
      ...(action && { action }),
    }
  }
}

function kindOf(record: ConveneRecord | undefined): ConveningOrigin['kind'] {
  if (!record) return 'new'
  if (!record.concluded) return 'resumed'
  return isSettled(record) ? 'finished' : 'acting'
}

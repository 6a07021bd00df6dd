/**
 * Convene: the main road from a question to a recorded decision: evidence is indexed, a panel drafts and discusses, a poll
 * by a named rule decides, and the journal holds all that led to it. Unlike a discussion it owns the record: an event is
 * appended before it counts, and a run that died goes on after the last event. It never prints.
 *
 * Steps: 1. identity and stream, 2. `started`, 3. the discussion, 4. where the agenda asks for one, a debate, 5. the poll, 6. where the agenda names a raft group, `proposed`, and the
 * group takes the outcome, 7. `concluded`. Each step first takes what the stream already holds.
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
import { conveneTypes, isFinal } from './event.ts'
import type { Concluded, ConveneData, ConveneEvent, ConveneType, Started } from './event.ts'
import { conveningIdentity, conveningStream } from './identity.ts'
import { checkModels, openPanel, seatsOf } from './panel.ts'
import type { Panel, Seat } from './panel.ts'
import { latestRun, readRecord } from './record.ts'
import type { ConveneRecord } from './record.ts'

export type { ConveneOptions } from './convene-options.ts'

export interface Convening extends AsyncIterable<ConveneEvent> {
  /** Resolves with the conclusion; rejects with what made going on impossible (the store's errors, for one). */
  readonly result: Promise<Concluded>
  /** How the run began. */
  readonly origin: Promise<ConveningOrigin>
}

export interface ConveningOrigin {
  readonly stream: string
  /** `new`, `resumed` after the events an earlier run recorded, or `finished` before. */
  readonly kind: 'new' | 'resumed' | 'finished'
  /** Events recorded by earlier runs. */
  readonly recorded: number
}

/**
 * Runs an agenda to its conclusion. Iterating gives the whole record, what earlier runs recorded first, and ends after the
 * conclusion; it throws what `result` rejects with. Errors by code: `node.not_durable`, `node.unknown_model`,
 * `vote.unknown_rule`, `convene.no_group`, `convene.commit_unknown`, `convene.commit_refused`, those of a proposal to the group, and those
 * of the store and the journal.
 */
export function convene(node: Node, agenda: Agenda, options: ConveneOptions): Convening {
  const run = new Run(node, agenda, options)
  const origin = run.begin()
  const result = origin.then(() => run.finish())
  origin.catch(() => {})
  result.catch(() => {})
  return { origin, result, [Symbol.asyncIterator]: () => follow(node, origin, result) }
}

/** The journal itself is the stream: whoever iterates reads what was appended, from the first event on. */
async function* follow(
  node: Node,
  origin: Promise<ConveningOrigin>,
  result: Promise<Concluded>,
): AsyncGenerator<ConveneEvent, void> {
  const { stream, recorded, kind } = await origin
  const failed = new AbortController()
  let failure: unknown
  result.catch((error: unknown) => {
    failure = error
    failed.abort()
  })
  const lastKnown = kind === 'finished' ? recorded : Number.POSITIVE_INFINITY
  for await (const each of node.journal.subscribe({ filter: { streams: [stream] }, signal: failed.signal })) {
    const event = each.event as ConveneEvent
    yield event
    // A `stopped` of an earlier run is followed by more; one of this run is its end.
    const ended = isFinal(event) || (event.type === conveneTypes.concluded && each.version > recorded)
    if (ended || each.version >= lastKnown) break
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
    // A finished convening is only shown, and needs no model for that.
    if (!this.#record?.concluded) {
      checkModels(this.#node, this.#agenda, own)
      const group = commitGroupOf(this.#agenda)
      if (group !== undefined && !this.#node.raftGroup(group)) throw new NoCommitGroup(group)
    }
    if (!this.#record) await this.#append(conveneTypes.started, this.#started(identity), 'chair')
    const kind = !this.#record ? 'new' : this.#record.concluded ? 'finished' : 'resumed'
    return { stream: this.#stream, kind, recorded }
  }

  async finish(): Promise<Concluded> {
    if (this.#record?.concluded) return this.#record.concluded
    this.#panel = openPanel(this.#node, this.#agenda, this.#options.evidence, this.#options.participants ?? [])
    try {
      const attributes = { 'colloquy.stream': this.#stream }
      return await this.#node.telemetry.span('convene', { attributes }, (span) => {
        this.#traceparent = span.traceparent
        return this.#deliberate()
      })
    } finally {
      this.#panel.close()
    }
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
    const { topic, options, participants, discussion, debate, poll, seed, commit } = this.#agenda
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
    }
  }
}

/**
 * Convene: the main road from a question to a recorded decision: evidence is indexed, a panel drafts and discusses, a poll
 * by a named rule decides, and the journal holds all that led to it. Unlike a discussion it owns the record: an event is
 * appended before it counts, and a run that died goes on after the last event. It never prints.
 *
 * Steps: 1. identity and stream, 2. `started`, 3. contributions, 4. ballots, 5. where the agenda names a raft group, `proposed`, and the
 * group takes the outcome, 6. `concluded`. Each step first takes what the stream already holds.
 */
import { eventSubject, publishEvent } from '../bus/event.ts'
import { Aborted, assert, codeOf } from '../base/error.ts'
import { seededRandom } from '../base/random.ts'
import { runDiscussion } from '../deliberation/discussion.ts'
import type { DiscussionResult } from '../deliberation/discussion.ts'
import { endOf, talkedMs, totalUsage } from '../deliberation/core/discussion.ts'
import type { Contribution, Participant } from '../deliberation/participant.ts'
import { runPoll } from '../deliberation/poll.ts'
import { isContribution } from '../deliberation/record.ts'
import type { DiscussionItem } from '../deliberation/record.ts'
import type { CastVote } from '../deliberation/participant.ts'
import type { Recorded } from '../journal/journal.ts'
import type { Node } from '../node/node.ts'
import type { Outcome } from '../vote/outcome.ts'
import { ruleNamed } from '../vote/registry.ts'
import type { AskedKind } from '../vote/ballot.ts'
import type { Rule } from '../vote/rule.ts'
import { tally } from '../vote/tally.ts'
import { TooManyUniverses } from '../vote/error.ts'
import { seeded, tieChain, unfitTie } from '../vote/tie.ts'
import type { Agenda } from './agenda.ts'
import { bounded } from './bounded-outcome.ts'
import { commitOutcome, outcomeCommand } from './commit.ts'
import { commitGroupOf } from './commit-group.ts'
import { CommitUnknown, NoCommitGroup } from './error.ts'
import { conveneTypes, isFinal } from './event.ts'
import type { Balloted, Concluded, Contributed, ConveneData, ConveneEvent, ConveneType, Started } from './event.ts'
import type { Evidence } from './evidence.ts'
import { conveningIdentity, conveningStream } from './identity.ts'
import { checkModels, openPanel, seatsOf } from './panel.ts'
import type { Panel, Seat } from './panel.ts'
import { latestRun, readRecord } from './record.ts'
import type { ConveneRecord } from './record.ts'

export interface ConveneOptions {
  /** What is discussed; see `loadEvidence`. */
  readonly evidence: Evidence
  /** Participants of your own in place of those the agenda names, by name. */
  readonly participants?: readonly Participant[]
  /** Starts anew even if this convening is recorded already. Default false. */
  readonly fresh?: boolean
  /** Refuses (`node.not_durable`) a node without a data folder. Default false: the record then lives as long as the node. */
  readonly durable?: boolean
  /** One turn or one ballot. Default 120,000. */
  readonly turnTimeoutMs?: number
  /** How long the raft group of the agenda may take. Default 30,000. */
  readonly commitTimeoutMs?: number
  /** Text as it forms: a preview, not the record. */
  readonly onPreview?: (participant: string, round: number, text: string) => void
  /** Aborting records the convening as stopped; it can be run again to go on. */
  readonly signal?: AbortSignal
}

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

/** What the poll and the conclusion need of a discussion. */
type Talk = Pick<DiscussionResult, 'transcript' | 'ended' | 'usage'>

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
    const unfit = unfitTie(ruleNamed(poll.rule), tieChain(poll.ties, seed))
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
      const discussion = await this.#discuss()
      const votes = await this.#poll(discussion.transcript)
      return await this.#commit(this.#decide(discussion, votes))
    } catch (error) {
      const unknown = error instanceof CommitUnknown
      if (!(error instanceof Aborted || unknown) || !this.#options.signal?.aborted) throw error
      return await this.#conclude(await this.#stopped(unknown ? [error.message] : []))
    }
  }

  async #discuss(): Promise<Talk> {
    const { discussion, topic, options, seed } = this.#agenda
    const { turnTimeoutMs = 120_000, onPreview, signal } = this.#options
    const transcript = this.#record?.contributions ?? []
    // Whoever has cast a ballot has done so on this transcript: it grows no more.
    if (this.#record && this.#record.ballots.length > 0) {
      const plan = { participants: [...this.#seats.keys()], ...discussion }
      return { transcript, ended: endOf(plan, transcript), usage: totalUsage(transcript.map((each) => each.usage)) }
    }
    return runDiscussion({
      topic,
      options,
      participants: this.#panel!.participants,
      rounds: discussion.rounds,
      budget: discussion.budget,
      turnTimeoutMs,
      clock: this.#node.clock,
      random: seededRandom(seed).split('discussion'),
      recorded: transcript,
      elapsedMs: this.#talkedMs(turnTimeoutMs),
      record: (item) => this.#contributed(item),
      ...(onPreview && { onPreview }),
      ...(signal && { signal }),
    })
  }

  async #contributed(item: DiscussionItem): Promise<void> {
    assert(isContribution(item), 'an agenda plans nothing but contributions')
    const { id, number, ...said } = item
    const contribution: Contributed = { id, number, kind: this.#seat(said.participant).kind, ...said }
    await this.#append(conveneTypes.contribution, contribution, said.participant)
    const { inputTokens, outputTokens } = said.usage
    this.#node.telemetry.count('colloquy.tokens', inputTokens + outputTokens, { participant: said.participant })
  }

  /** What earlier runs spent of the time budget; what lay between a stop and the next run is nobody's talk. */
  #talkedMs(turnTimeoutMs: number): number {
    const runs: number[][] = [[]]
    for (const event of this.#record?.events ?? []) {
      if (event.time) runs.at(-1)?.push(Date.parse(event.time))
      if (event.type === conveneTypes.concluded) runs.push([])
    }
    return runs.reduce((sum, times) => sum + talkedMs(times[0] ?? 0, times.slice(1), turnTimeoutMs), 0)
  }

  #seat(name: string): Seat {
    const seat = this.#seats.get(name)
    assert(seat, `${name} has no seat`)
    return seat
  }

  #poll(transcript: readonly Contribution[]): Promise<readonly CastVote[]> {
    const { topic, options, poll, seed } = this.#agenda
    const { turnTimeoutMs, signal } = this.#options
    return runPoll({
      topic,
      options,
      participants: this.#panel!.participants,
      ballot: askedKind(ruleNamed(poll.rule)),
      transcript,
      ...(turnTimeoutMs !== undefined && { ballotTimeoutMs: turnTimeoutMs }),
      clock: this.#node.clock,
      random: seededRandom(seed).split('poll'),
      recorded: this.#record?.ballots ?? [],
      record: async (vote) => {
        const { kind, weight } = this.#seat(vote.participant)
        const balloted: Balloted = { kind, weight, ...vote }
        await this.#append(conveneTypes.ballot, balloted, vote.participant)
        return vote
      },
      ...(signal && { signal }),
    })
  }

  #decide(discussion: Talk, votes: readonly CastVote[]): Concluded {
    const { outcome, notes } = this.#tally(votes)
    const { outcome: kept, explanation } = bounded(outcome, this.#node.journal.limits.eventMaxBytes / 4)
    return {
      status: outcome.status,
      winners: outcome.winners,
      ranking: outcome.ranking,
      rule: outcome.rule,
      tieSteps: outcome.tieSteps,
      usage: {
        ...totalUsage([discussion.usage, ...votes.map((vote) => vote.usage)]),
        turns: discussion.transcript.length,
      },
      ended: discussion.ended,
      outcome: kept,
      explanation: [...notes, ...explanation],
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

  #tally(votes: readonly CastVote[]): { outcome: Outcome; notes: readonly string[] } {
    const { options, poll, seed } = this.#agenda
    const weighted = (vote: CastVote) => ({ voter: vote.participant, weight: this.#seat(vote.participant).weight })
    // Who never answered is absent: eligible and not present, where an abstention is both.
    const ballots = votes
      .filter((vote) => vote.status !== 'absent')
      .map((vote) => ({ ...weighted(vote), ballot: vote.ballot }))
    const absent = votes.filter((vote) => vote.status === 'absent').map(weighted)
    const election = { candidates: options, ballots, absent, quorum: { share: poll.quorum } }
    const rule = ruleNamed(poll.rule)
    const ties = tieChain(poll.ties, seed)
    try {
      return { outcome: tally(rule, election, { ties }), notes: [] }
    } catch (error) {
      if (!(error instanceof TooManyUniverses)) throw error
      // The ballots are cast and paid: a lot that is told, and that anybody can draw again, beats no outcome at all.
      const note = `The ties inside the count could be followed in too many ways, so a lot by the agenda's seed broke them.`
      return { outcome: tally(rule, election, { ties: [...ties, seeded(seed)] }), notes: [note] }
    }
  }

  async #stopped(more: readonly string[]): Promise<Concluded> {
    const record = await readRecord(this.#node.journal, this.#stream)
    const said = [...(record?.contributions ?? []), ...(record?.ballots ?? [])]
    return {
      status: 'stopped',
      winners: [],
      ranking: [],
      rule: ruleNamed(this.#agenda.poll.rule).name,
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
    const { topic, options, participants, discussion, poll, seed, commit } = this.#agenda
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
      poll,
      seed,
      ...(commit !== undefined && { commit }),
    }
  }
}

/** The check of the agenda has refused rules that count grades. */
function askedKind({ ballot, name }: Rule): AskedKind {
  assert(ballot !== 'grades', `the rule ${name} counts grades, which no participant is asked for`)
  return ballot
}

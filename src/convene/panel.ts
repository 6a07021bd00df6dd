/**
 * The panel of an agenda: each named participant as one that can speak, all on one passage index. It decides who answers
 * for whom (code of the caller's, a model, or the extractive default); it asks nobody.
 */
import { extractive } from '../deliberation/extractive.ts'
import { llm } from '../deliberation/llm.ts'
import type { Span, SpanOptions, Telemetry } from '../base/telemetry.ts'
import type { Participant, Usage } from '../deliberation/participant.ts'
import { passageIndex } from '../deliberation/passage-index.ts'
import type { Model } from '../model/model.ts'
import type { Node } from '../node/node.ts'
import type { Agenda, AgendaParticipant } from './agenda.ts'
import { NobodyThere } from './error.ts'
import type { Evidence } from './evidence.ts'

export interface Panel {
  /** In the agenda's order. */
  readonly participants: readonly Participant[]
  /** Frees the index. */
  close(): void
}

/** What answers under a name: `extractive`, a model's name, or what the caller's participant says of itself. */
export interface Seat {
  readonly name: string
  readonly kind: string
  readonly weight: number
}

/** Throws what a model's `preflight` throws: a panel that cannot speak is refused before anything is recorded. */
export function checkModels(node: Node, agenda: Agenda, own: readonly Participant[]): void {
  const members = byName(own)
  for (const seat of agenda.participants) if (!members.has(seat.name)) modelOf(node, seat)?.preflight?.()
}

/** The seats of an agenda, without opening anything but the models. Throws `node.unknown_model`. */
export function seatsOf(node: Node, agenda: Agenda, own: readonly Participant[]): readonly Seat[] {
  const members = byName(own)
  return agenda.participants.map((seat) => {
    const member = members.get(seat.name)
    const model = member ? undefined : modelOf(node, seat)
    const kind = member?.kind ?? model?.name ?? 'extractive'
    return { name: seat.name, kind, weight: seat.weight }
  })
}

/** Indexes the evidence and seats the participants. */
export function openPanel(node: Node, agenda: Agenda, evidence: Evidence, own: readonly Participant[]): Panel {
  const members = byName(own)
  const { documents } = evidence
  const index = passageIndex(documents)
  const participants = agenda.participants.map((seat) => {
    const { name, persona, stance } = seat
    const voice = { name, ...(persona !== undefined && { persona }), ...(stance !== undefined && { stance }), index }
    const own = members.get(name)
    const model = own ? undefined : modelOf(node, seat)
    const member = own ?? (model ? llm(model, { ...voice, documents }) : extractive(voice))
    return traced(member, node.telemetry)
  })
  return { participants, close: () => index.close() }
}

/** The participant with a span around each turn and ballot, in the words of OpenTelemetry's conventions for agents. */
function traced(participant: Participant, telemetry: Telemetry): Participant {
  const options = (part: string): SpanOptions => ({
    attributes: {
      'gen_ai.operation.name': 'invoke_agent',
      'gen_ai.agent.name': participant.name,
      'colloquy.participant.kind': participant.kind,
      'colloquy.part': part,
    },
  })
  const spanName = `invoke_agent ${participant.name}`
  const spoken = (span: Span, usage: Usage) =>
    span.set({ 'gen_ai.usage.input_tokens': usage.inputTokens, 'gen_ai.usage.output_tokens': usage.outputTokens })
  return {
    name: participant.name,
    kind: participant.kind,
    contribute: (turn, signal) =>
      telemetry.span(spanName, options(`turn ${turn.round}`), async (span) => {
        const speech = await participant.contribute(turn, signal)
        if (speech?.usage) spoken(span, speech.usage)
        return speech
      }),
    cast: (motion, signal) =>
      telemetry.span(spanName, options('ballot'), async (span) => {
        const vote = await participant.cast(motion, signal)
        if (vote?.usage) spoken(span, vote.usage)
        return vote
      }),
    observe: (contribution) => participant.observe?.(contribution),
    ...(participant.estimate && { estimate: (turn) => participant.estimate!(turn) }),
    ...(participant.bid && { bid: (turn, signal) => participant.bid!(turn, signal) }),
    ...(participant.choose && { choose: (turn, candidates, signal) => participant.choose!(turn, candidates, signal) }),
  }
}

function byName(own: readonly Participant[]): ReadonlyMap<string, Participant> {
  return new Map(own.map((participant) => [participant.name, participant]))
}

function modelOf(node: Node, seat: AgendaParticipant): Model | undefined {
  if (seat.model === 'person') throw new NobodyThere(seat.name)
  return seat.model === undefined || seat.model === 'extractive' ? undefined : node.model(seat.model)
}

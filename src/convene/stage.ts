/**
 * What every stage of a convening is given: the agenda, who sits, the record so far and the way to add to it. Interfaces only; the
 * stages are `discussion-stage.ts`, `debate-stage.ts` and `poll-stage.ts`, and `convene.ts` runs them in order.
 */
import type { Participant } from '../deliberation/participant.ts'
import type { Node } from '../node/node.ts'
import type { Agenda } from './agenda.ts'
import type { ConveneOptions } from './convene-options.ts'
import type { ConveneData, ConveneType } from './event.ts'
import type { Seat } from './panel.ts'
import type { ConveneRecord } from './record.ts'

export interface Stage {
  readonly node: Node
  readonly agenda: Agenda
  readonly options: ConveneOptions
  /** Name of the convening's stream: what its commitments bind. */
  readonly stream: string
  /** In the agenda's order. */
  readonly participants: readonly Participant[]
  /** What an earlier run recorded. */
  readonly record: ConveneRecord | undefined
  seat(name: string): Seat
  /** Makes an event durable; it counts when this resolves. */
  append<Type extends ConveneType>(type: Type, data: ConveneData[Type], agent: string): Promise<void>
}

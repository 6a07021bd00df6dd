/**
 * What whoever convenes may say beside the agenda: the evidence, participants of its own, bounds of time. Unlike the agenda none of it
 * but the evidence and the kinds of participants is part of a convening's identity. Interfaces only.
 */
import type { Participant } from '../deliberation/participant.ts'
import type { AnySaga } from '../workflow/saga.ts'
import type { Evidence } from './evidence.ts'

export interface ConveneOptions {
  /** What is discussed; see `loadEvidence`. */
  readonly evidence: Evidence
  /** Participants of your own in place of those the agenda names, by name. */
  readonly participants?: readonly Participant[]
  /** Where the agenda has an action: its saga, in all versions that may be under way. See `loadSagas`. */
  readonly sagas?: readonly AnySaga[]
  /** Starts anew even if this convening is recorded already. Default false. */
  readonly fresh?: boolean
  /** Refuses (`node.not_durable`) a node without a data folder. Default false: the record then lives as long as the node. */
  readonly durable?: boolean
  /** One turn or one ballot. Default 120,000. */
  readonly turnTimeoutMs?: number
  /** How long the raft group of the agenda may take. Default 30,000. */
  readonly commitTimeoutMs?: number
  /** How long the end of the agenda's action is waited for; then it goes on when it is convened again. Default 600,000. */
  readonly actionTimeoutMs?: number
  /** Text as it forms: a preview, not the record. */
  readonly onPreview?: (participant: string, round: number, text: string) => void
  /** Aborting records the convening as stopped; it can be run again to go on. */
  readonly signal?: AbortSignal
}

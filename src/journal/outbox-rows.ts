/**
 * The procedures of the outbox: messages are written with the checkpoint of the reactor that made them, read in that order,
 * and deleted when they have been sent. Unlike `outbox.ts` they send nothing.
 */
import { procedure } from '../store/procedure.ts'
import type { Procedure } from '../store/store.ts'
import { advance, refusal } from './projection-generation.ts'
import type { CommitOutcome, Step } from './projection-generation.ts'

export interface OutboxMessage {
  readonly kind: 'publish' | 'append'
  /** A subject or a stream. */
  readonly target: string
  /** The idempotency key of an append; empty for a message. */
  readonly key: string
  /** The expected version of an append as JSON; empty for a message. */
  readonly expected: string
  /** A list of events as the codec writes it; of a message one. */
  readonly events: string
}

export interface OutboxRow extends OutboxMessage {
  readonly id: number
}

/** Why a message stays behind. */
export interface OutboxReason {
  readonly code: string
  readonly reason: string
}

/** Messages and checkpoint in one transaction. */
export const commitOutbox: Procedure<{ step: Step; messages: readonly OutboxMessage[] }, CommitOutcome> = procedure(
  import.meta.url,
  'commitOutbox',
  (tx, { step, messages }) => {
    const refused = refusal(tx, step)
    if (refused) return refused
    const insert = tx.sql(
      'INSERT INTO projection_outbox (generation, kind, target, key, expected, events) VALUES (?, ?, ?, ?, ?, ?)',
    )
    for (const { kind, target, key, expected, events } of messages)
      insert.run(step.generation, kind, target, key, expected, events)
    advance(tx, step)
    return 'kept'
  },
)

/** What the messages of a page may take together; one that is larger comes alone. */
const pageMaxBytes = 8 * 1024 * 1024

/** The first that wait. */
export const outboxPage: Procedure<{ generation: number; limit: number }, readonly OutboxRow[]> = procedure(
  import.meta.url,
  'outboxPage',
  (tx, { generation, limit }) =>
    tx
      .sql(
        `WITH sized AS (
           SELECT id, octet_length(events) AS bytes FROM projection_outbox
           WHERE generation = ? AND parked = 0 ORDER BY id LIMIT ?),
         summed AS (SELECT id, sum(bytes) OVER (ORDER BY id) - bytes AS before, bytes FROM sized)
         SELECT o.id, kind, target, key, expected, events FROM summed s JOIN projection_outbox o ON o.id = s.id
         WHERE s.before = 0 OR s.before + s.bytes <= ? ORDER BY o.id`,
      )
      .all(generation, limit, pageMaxBytes)
      .map((row) => ({
        id: Number(row['id']),
        kind: row['kind'] === 'append' ? 'append' : 'publish',
        target: String(row['target']),
        key: String(row['key']),
        expected: String(row['expected']),
        events: String(row['events']),
      })),
)

export interface OutboxCounts {
  readonly waiting: number
  readonly parked: number
}

export const outboxCounts: Procedure<number, OutboxCounts> = procedure(import.meta.url, 'outboxCounts', (tx, id) => {
  const count = (parked: number) =>
    Number(
      tx.sql('SELECT count(*) AS n FROM projection_outbox WHERE generation = ? AND parked = ?').get(id, parked)?.['n'],
    )
  return { waiting: count(0), parked: count(1) }
})

/** Forgets messages that have been sent; returns how many were still there. */
export const deleteSent: Procedure<readonly number[], number> = procedure(import.meta.url, 'deleteSent', (tx, ids) => {
  const remove = tx.sql('DELETE FROM projection_outbox WHERE id = ?')
  return ids.reduce((deleted, id) => deleted + remove.run(id).changes, 0)
})

/** Puts a message aside; false when so many have been put aside already. */
export const parkMessage: Procedure<{ generation: number; id: number; max: number } & OutboxReason, boolean> =
  procedure(import.meta.url, 'parkMessage', (tx, { generation, id, max, code, reason }) => {
    const parked = tx
      .sql('SELECT count(*) AS n FROM projection_outbox WHERE generation = ? AND parked = 1')
      .get(generation)?.['n']
    if (Number(parked) >= max) return false
    tx.sql('UPDATE projection_outbox SET parked = 1, code = ?, reason = ? WHERE id = ?').run(code, reason, id)
    return true
  })

/** Lets the messages that were put aside wait again, before all others; returns how many. */
export const unparkMessages: Procedure<number, number> = procedure(
  import.meta.url,
  'unparkMessages',
  (tx, generation) =>
    tx.sql('UPDATE projection_outbox SET parked = 0 WHERE generation = ? AND parked = 1').run(generation).changes,
)

/** Forgets messages that were put aside, some of them or with null all; returns how many. */
export const discardMessages: Procedure<{ generation: number; ids: readonly number[] | null }, number> = procedure(
  import.meta.url,
  'discardMessages',
  (tx, { generation, ids }) => {
    if (ids === null)
      return tx.sql('DELETE FROM projection_outbox WHERE generation = ? AND parked = 1').run(generation).changes
    const discard = tx.sql('DELETE FROM projection_outbox WHERE generation = ? AND parked = 1 AND id = ?')
    return ids.reduce((count, id) => count + discard.run(generation, id).changes, 0)
  },
)

export interface ParkedRowQuery {
  readonly generation: number
  readonly after: number
  readonly limit: number
}

export const parkedMessagePage: Procedure<ParkedRowQuery, readonly (OutboxRow & OutboxReason)[]> = procedure(
  import.meta.url,
  'parkedMessagePage',
  (tx, { generation, after, limit }) =>
    tx
      .sql(`SELECT * FROM projection_outbox WHERE generation = ? AND parked = 1 AND id > ? ORDER BY id LIMIT ?`)
      .all(generation, after, limit)
      .map((row) => ({
        id: Number(row['id']),
        kind: row['kind'] === 'append' ? 'append' : 'publish',
        target: String(row['target']),
        key: String(row['key']),
        expected: String(row['expected']),
        events: String(row['events']),
        code: String(row['code']),
        reason: String(row['reason']),
      })),
)

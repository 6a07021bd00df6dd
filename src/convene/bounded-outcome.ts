/**
 * An outcome that fits into an event, with its explanation. Small ones are kept as they are; of a large one only what can be
 * counted again from the ballots is left out, and a sentence says so. It decides nothing.
 */
import { utf8Bytes } from '../base/limit.ts'
import { explain } from '../vote/explain.ts'
import type { AuditRecord } from '../vote/commit-reveal-audit.ts'
import type { Outcome } from '../vote/outcome.ts'

const sentencesMax = 200

/** The outcome in at most `maxBytes` as JSON where leaving out tables, rounds and matrix is enough for that. */
export function bounded(outcome: Outcome, maxBytes: number): { outcome: Outcome; explanation: readonly string[] } {
  const sentences = explain(outcome)
  const shown = fitting(sentences, maxBytes)
  const { rounds: _rounds, matrix: _matrix, ...rest } = outcome
  const withoutTables = { ...outcome, proof: { ...outcome.proof, tables: [] } }
  const least = { ...rest, proof: { ...rest.proof, tables: [], notes: [] }, tieSteps: rest.tieSteps.slice(0, 100) }
  const kept = [outcome, withoutTables, least].find((each) => sizeOf(each) <= maxBytes) ?? least
  if (kept === outcome && shown.length === sentences.length) return { outcome, explanation: shown }
  const note = 'Parts of the count are left out here for their size; the recorded ballots give them again.'
  return { outcome: kept, explanation: [...shown, note] }
}

/** The audit record where it fits, and its head in any case. */
export function boundedAudit(record: AuditRecord, maxBytes: number): { head: string; record?: AuditRecord } {
  return { head: record.head, ...(sizeOf(record) <= maxBytes && { record }) }
}

/** The first sentences that fit, in count and size, and always the last, which names the result. */
function fitting(sentences: readonly string[], maxBytes: number): readonly string[] {
  const last = sentences.at(-1)
  let left = maxBytes - (last === undefined ? 0 : sizeOf(last))
  const kept: string[] = []
  for (const sentence of sentences.slice(0, Math.min(sentences.length, sentencesMax) - 1)) {
    left -= sizeOf(sentence)
    if (left < 0) break
    kept.push(sentence)
  }
  return last === undefined ? kept : [...kept, last]
}

function sizeOf(value: unknown): number {
  return utf8Bytes(JSON.stringify(value)).length
}

/**
 * What is read back: decisions as other rules would have made them, and cases that nobody settled. Unlike the follower it changes nothing.
 */
import type { Journal } from '../journal/journal.ts'
import { isPast } from '../journal/position-order.ts'
import { CaseLog } from './case-log.ts'
import type { CompiledRouting } from './config.ts'
import type { Difference, ReplayOptions, Unescalated } from './coordination.ts'
import { decide } from './core/decide.ts'
import type { Decision } from './core/decide.ts'
import { correlationOf, decidedType, decisionStream, unescalatedType } from './event.ts'
import type { DecidedData, RestedData } from './event.ts'
import { recordedAt } from './parts.ts'
import type { Parts } from './parts.ts'

/** Decisions to withhold are left out: a hand-over made them, no rule. So are those whose events were erased. */
export async function* differences(
  journal: Journal,
  name: string,
  { levels }: CompiledRouting,
  { from, to, signal }: Pick<ReplayOptions, 'from' | 'to' | 'signal'>,
): AsyncGenerator<Difference, void> {
  const filter = { streams: [decisionStream(name)], types: [decidedType] }
  const options = { filter, ...(from !== undefined && { from }), ...(signal && { signal }) }
  for await (const { event, position } of journal.readAll(options)) {
    if (to !== undefined && position !== to && (await isPast(journal, position, to))) return
    const was = event.data as DecidedData
    if (was.route === 'withheld') continue
    const recorded = await recordedAt(journal, was.ref)
    if (!recorded) continue
    const would = decide(recorded.event, levels)
    if (would?.route === was.route && would.level === was.level) continue
    yield { ref: was.ref, was: told(was), would: would ? told(would) : nobody }
  }
}

const nobody: Difference['would'] = {
  route: 'choreography',
  level: 'root',
  rule: 'default/no-domain',
  reason: 'it belongs to no domain, so that nobody routes it',
}

function told({ route, level, rule, reason }: Decision): Difference['would'] {
  return { route, level, rule, reason }
}

export async function* restingCases(parts: Parts, signal: AbortSignal | undefined): AsyncGenerator<Unescalated, void> {
  const { journal, name } = parts
  const prefix = `coordination/${name}/case/`
  const filter = { streams: [`${prefix}*`], types: [unescalatedType] }
  for await (const { event, stream, version } of journal.readAll({ filter, ...(signal && { signal }) })) {
    const log = await CaseLog.read(parts, stream.slice(prefix.length))
    // It was reopened since, and perhaps rests again further on.
    if (log.state.phase !== 'rested' || log.version !== version) continue
    const { case: caseId, kind, ref, why } = event.data as RestedData
    const restedAtMs = event.time === undefined ? 0 : Date.parse(event.time)
    yield { case: caseId, kind, ref, correlationid: correlationOf(event), why, restedAtMs }
  }
}

/**
 * Which cases the saga harness plays, made of what a play without faults did: its steps, its signals, its records. Unlike `saga-harness-case.ts`, which
 * says what a case is, it says which are worth trying. The number grows with the steps, and with their square once workers die at
 * every record; combinations of faults beyond these are for properties with a generator.
 */
import { everyNode } from '../workflow/core/definition.ts'
import type { Definition } from '../workflow/core/definition.ts'
import { givenFor, pathOf } from './saga-harness-calls.ts'
import type { SagaCall } from './saga-harness-calls.ts'
import type { SagaCase, SagaFault, SagaFaultKind } from './saga-harness-case.ts'
import type { Played, PlayOptions } from './saga-harness-play.ts'

const ways: readonly SagaFaultKind[] = ['error', 'final', 'hang', 'lost', 'lost-final']

/** Each step that was called fails in each way; each wait is left alone or refused. */
export function faultCases({ calls, runs }: Played, { signals }: Pick<PlayOptions, 'signals'>): SagaCase[] {
  const steps = placesOf(calls, 'do').flatMap((step) => ways.map((is) => ({ faults: [{ step, is }] })))
  const hangs = placesOf(calls, 'do').map((step) => ({ faults: [{ step, is: 'hang' as const, times: Infinity }] }))
  // By path: runs of one saga wait for the same.
  const waits = new Map<string, SagaCase[]>()
  for (const { run, definition } of runs)
    for (const node of everyNode(definition.nodes)) {
      if (node.kind !== 'wait') continue
      const step = pathOf(run, node.name)
      const comes = node.approval || givenFor(signals, run, node.name, node.signal) !== undefined
      const silent = comes && node.timeoutMs !== undefined ? [{ silent: [step] }] : []
      waits.set(step, node.approval ? [...silent, { refused: [step] }] : silent)
    }
  return [...steps, ...hangs, ...[...waits.values()].flat()]
}

/** On the way back of this case each undo fails in each way, and all of them for good. */
export function undoCases({ faults = [], ...given }: SagaCase, { calls }: Played): SagaCase[] {
  const places = placesOf(calls, 'undo')
  const one = places.flatMap((step) =>
    ways.map((is) => ({ ...given, faults: [...faults, { is, step, of: 'undo' as const }] })),
  )
  const all = places.map((step): SagaFault => ({ step, of: 'undo', is: 'final' }))
  return places.length > 1 ? [...one, { ...given, faults: [...faults, ...all] }] : one
}

/** It is cancelled at each record of its way, and while it is undone. */
export function cancelCases(
  { records }: Played,
  back: { readonly given: SagaCase; readonly played: Played } | undefined,
): SagaCase[] {
  const both = [true, false]
  const along = both.flatMap((undo) => numbers(records).map((at): SagaCase => ({ cancel: { at, undo } })))
  const undoing = both.map((undo): SagaCase => ({ ...back?.given, cancel: { at: 'undo', undo } }))
  return [...along, ...(back ? undoing : [])]
}

/** The worker dies before and after each record. */
export function killCases(given: SagaCase, records: number): SagaCase[] {
  return numbers(records).flatMap((record) =>
    (['before', 'after'] as const).map((when) => ({ ...given, kills: [{ record, when }] })),
  )
}

/** The worker stalls at each record. Where it is cancelled too, only deaths are tried. */
export function stallCases(given: SagaCase, records: number): SagaCase[] {
  if (given.cancel) return []
  return numbers(records).flatMap((record) =>
    (['taken', 'ended'] as const).flatMap((back) =>
      (['journal', 'process'] as const).map((share) => ({
        ...given,
        stall: { record, when: record % 2 === 0 ? ('before' as const) : ('after' as const), back, share },
      })),
    ),
  )
}

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, at) => at + 1)
}

const leaseMs = { min: 10_000, max: 3_600_000 }

/**
 * The lease of workers in a play: long where nobody stalls, so that their words take no time; else so short that a stall makes little late,
 * but not so short that the beats in a long wait come by the ten thousands.
 */
export function leaseOf({ stall }: SagaCase, longestMs: number): number {
  return stall ? Math.min(leaseMs.max, Math.max(leaseMs.min, Math.ceil(longestMs / 200))) : leaseMs.max
}

/** The longest time that a run of it may wait for one thing, as far as its definition says it. */
export function longestWaitOf({ nodes, deadlineMs = 0 }: Definition): number {
  const waits = Array.from(everyNode(nodes), (node) => {
    if (node.kind === 'child') return longestWaitOf(node.definition)
    if (node.kind === 'sleep') return typeof node.forMs === 'number' ? node.forMs : 0
    if (node.kind === 'wait') return node.timeoutMs ?? 0
    return node.kind === 'step' ? Math.max(node.pacing.timeoutMs, node.undoPacing.timeoutMs) : 0
  })
  return Math.max(deadlineMs, ...waits)
}

/** Steps by the names that faults have, each once. */
function placesOf(calls: readonly SagaCall[], kind: 'do' | 'undo'): string[] {
  return [...new Set(calls.filter((call) => call.kind === kind).map(({ run, step }) => pathOf(run, step)))]
}

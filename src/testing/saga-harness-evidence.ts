/**
 * What is known of one run of a play, put together for the judge: its definition, its records, its calls, what was told of it. Unlike the judge it
 * looks for nothing.
 */
import { everyNode } from '../workflow/core/definition.ts'
import type { Definition, StepNode } from '../workflow/core/definition.ts'
import { partOf } from '../workflow/core/entry.ts'
import type { RunRecord } from '../workflow/core/record.ts'
import { runStream } from '../workflow/event.ts'
import type { RunResult } from '../workflow/workflow.ts'
import type { SagaCall } from './saga-harness-calls.ts'
import type { RunFound, SagaLine } from './saga-harness-log.ts'
import type { Played } from './saga-harness-play.ts'

export interface SagaViolation {
  /** From 1 to 9; 0 is the user's own. */
  readonly property: number
  readonly what: string
}

/** One record of a run with its place. */
export interface Placed {
  readonly at: number
  readonly record: RunRecord
}

/** A run, and all that is known of it. */
export interface Evidence {
  readonly found: RunFound
  /** What was written of it. */
  readonly lines: readonly SagaLine[]
  readonly records: readonly Placed[]
  /** Those that were carried out, and were not too late to count. */
  readonly calls: readonly SagaCall[]
  readonly steps: ReadonlyMap<string, StepNode>
  readonly result: RunResult | undefined
}

export function evidenceOf(found: RunFound, { lines, calls, end }: Played): Evidence {
  const own = lines.filter(({ run, stream }) => run === found.run && stream === runStream(run))
  return {
    found,
    lines: own,
    records: own.flatMap(({ at, records }) => records.map((record) => ({ at, record }))),
    calls: calls.filter(({ run, end: how, late }) => run === found.run && how !== 'fenced' && !late),
    steps: stepsOf(found.definition),
    result: end.results.get(found.run),
  }
}

function stepsOf({ nodes }: Definition): Map<string, StepNode> {
  const steps = new Map<string, StepNode>()
  for (const node of everyNode(nodes)) if (node.kind === 'step') steps.set(node.name, node)
  return steps
}

export function nodeOf({ steps }: Evidence, step: string): StepNode | undefined {
  return steps.get(partOf(step))
}

export function recordsFor<Is extends RunRecord['is']>(
  { records }: Evidence,
  is: Is,
): { readonly at: number; readonly record: Extract<RunRecord, { is: Is }> }[] {
  return records.filter((each): each is { at: number; record: Extract<RunRecord, { is: Is }> } => each.record.is === is)
}

export function violation(property: number, { found }: Evidence, what: string): SagaViolation {
  return { property, what: `${found.run} (${found.definition.name}): ${what}` }
}

/**
 * The third property of a saga: in which order it is undone. Unlike the machine, which decides the order from its state, this looks at when undos were
 * called and when they ended; a child's undo is all that its own run calls.
 */
import { everyNode } from '../workflow/core/definition.ts'
import { partOf } from '../workflow/core/entry.ts'
import { recordsFor } from './saga-harness-evidence.ts'
import type { Evidence, SagaViolation } from './saga-harness-evidence.ts'

interface Undoing {
  readonly step: string
  /** What is undone together. */
  readonly unit: string
  /** When the last of its unit was done; 0: it never finished. */
  readonly order: number
  readonly from: number
  readonly until: number
}

export function orderViolations(evidence: Evidence, all: ReadonlyMap<string, Evidence>): SagaViolation[] {
  const undoings = undoingsOf(evidence, all)
  return undoings.flatMap((one) =>
    undoings.flatMap((other) => {
      if (one === other || !isBefore(one, other) || one.until <= other.from) return []
      const { run, definition } = evidence.found
      const why = one.order === 0 ? `${one.step} had never finished` : `${one.step} was done after it`
      return [
        {
          property: 3,
          what: `${run} (${definition.name}): ${other.step} is undone before ${one.step} is settled, but ${why}`,
        },
      ]
    }),
  )
}

/** True when the first has to be settled before the other begins. */
function isBefore(one: Undoing, other: Undoing): boolean {
  if (one.order === 0 || other.order === 0) return one.order === 0 && other.order !== 0
  return one.unit !== other.unit && one.order > other.order
}

function undoingsOf(evidence: Evidence, all: ReadonlyMap<string, Evidence>): Undoing[] {
  const units = unitsOf(evidence)
  const steps = new Set(recordsFor(evidence, 'undoing').flatMap(({ record }) => record.steps))
  const done = new Map<string, number>()
  for (const [at, { record }] of evidence.records.entries()) if (record.is === 'done') done.set(record.step, at + 1)
  const orders = new Map<string, number>()
  for (const [step, order] of done) {
    const unit = unitOf(units, step)
    if (steps.has(step)) orders.set(unit, Math.max(orders.get(unit) ?? 0, order))
  }
  return [...steps].flatMap((step) => {
    const span = spanOf(evidence, step, all)
    const unit = unitOf(units, step)
    return span ? [{ step, unit, order: done.has(step) ? (orders.get(unit) ?? 0) : 0, ...span }] : []
  })
}

/** From the first call to the end of the last; undefined when nothing was called. */
function spanOf(
  { calls, found }: Evidence,
  step: string,
  all: ReadonlyMap<string, Evidence>,
): { readonly from: number; readonly until: number } | undefined {
  const child = `${found.run}/${step}`
  const below = [...all].flatMap(([run, each]) => (run === child || run.startsWith(`${child}/`) ? each.calls : []))
  const undos = [...calls.filter((call) => call.step === step), ...below].filter(({ kind }) => kind === 'undo')
  if (undos.length === 0) return undefined
  return { from: Math.min(...undos.map(({ from }) => from)), until: Math.max(...undos.map(({ until }) => until)) }
}

function unitsOf({ found }: Evidence): Map<string, string> {
  const units = new Map<string, string>()
  for (const node of everyNode(found.definition.nodes))
    if (node.kind === 'parallel') for (const member of node.members) units.set(member.name, node.name)
  return units
}

function unitOf(units: ReadonlyMap<string, string>, step: string): string {
  const name = partOf(step)
  return units.get(name) ?? name
}

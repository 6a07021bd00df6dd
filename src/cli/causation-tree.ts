/**
 * Causation tree: events below what caused them, drawn with lines. Unlike the journal's order it shows why. Whatever the
 * events say is drawn: causes that are not there, events that cause themselves, chains of any length. Pure.
 */
import { cut } from './columns.ts'

export interface TreeEvent {
  readonly id: string
  readonly causationid?: string | undefined
  /** What stands in its line. */
  readonly label: string
}

export interface TreeOptions {
  readonly columns: number
  /** Says of a root that its cause is not among the events. */
  readonly missing: (causationid: string) => string
  /** Says of a line that it was drawn above already. */
  readonly again: string
}

/** Levels that are drawn with lines; deeper ones say how deep they are instead. */
const depthShownMax = 30

interface Step {
  readonly event: TreeEvent
  readonly depth: number
  /** The lines that run down beside it. */
  readonly before: string
  readonly last: boolean
}

/** The lines, in the order of the events where causes leave it open. Every event has at least one. */
export function* causationTree(events: readonly TreeEvent[], options: TreeOptions): Generator<string, void> {
  const byId = new Map<string, TreeEvent>()
  for (const event of events) if (!byId.has(event.id)) byId.set(event.id, event)
  const effects = new Map<string, TreeEvent[]>()
  for (const event of events) {
    const { causationid } = event
    if (causationid === undefined || !byId.has(causationid)) continue
    const siblings = effects.get(causationid)
    if (siblings) siblings.push(event)
    else effects.set(causationid, [event])
  }
  const drawn = new Set<TreeEvent>()
  const caused = ({ causationid }: TreeEvent) => causationid !== undefined && byId.has(causationid)
  for (const event of events) {
    const { causationid } = event
    if (caused(event)) continue
    const note = causationid === undefined ? '' : ` ${options.missing(causationid)}`
    yield* drawFrom(event, note, effects, drawn, options)
  }
  // What no root leads to is in a circle; its first event stands for its beginning.
  for (const event of events) if (!drawn.has(event)) yield* drawFrom(event, '', effects, drawn, options)
}

/** Without recursion: a chain may be longer than any stack. */
function* drawFrom(
  root: TreeEvent,
  note: string,
  effects: ReadonlyMap<string, readonly TreeEvent[]>,
  drawn: Set<TreeEvent>,
  { columns, again }: TreeOptions,
): Generator<string, void> {
  const steps: Step[] = [{ event: root, depth: 0, before: '', last: true }]
  for (let step = steps.pop(); step; step = steps.pop()) {
    const { event, depth, before, last } = step
    const branch = depth === 0 ? '' : `${before}${last ? '└─ ' : '├─ '}`
    const lead = depth > depthShownMax ? `… ${depth} deep: ` : branch
    const repeated = drawn.has(event)
    const told = depth === 0 ? note : ''
    yield cut(`${lead}${event.label}${repeated ? ` ${again}` : told}`, columns)
    if (repeated) continue
    drawn.add(event)
    const below = effects.get(event.id) ?? []
    const beside = depth === 0 ? '' : `${before}${last ? '   ' : '│  '}`
    const shown = depth >= depthShownMax ? '' : beside
    for (const [at, effect] of [...below.entries()].reverse())
      steps.push({ event: effect, depth: depth + 1, before: shown, last: at === below.length - 1 })
  }
}

/** How a run stands, for whoever asks: its result and its view, made of the machine's state. Unlike the state it is plain data, and a copy. */
import type { CloudEvent } from '../base/envelope.ts'
import { isFinished, isLive } from './core/entry.ts'
import type { Entry } from './core/entry.ts'
import type { RunRecord } from './core/record.ts'
import { isUnresolved } from './core/run.ts'
import type { RunState } from './core/run-state.ts'
import type { Left, RunResult, RunStatus, RunView, StepView } from './workflow.ts'

export interface RunFacts {
  readonly run: string
  readonly started: CloudEvent
  readonly parent: string | undefined
  /** What operators said, for those that stay. */
  readonly resolved: ReadonlyMap<string, Extract<RunRecord, { is: 'resolved' }>>
}

/** When a run began, by its first event. */
export function startedAtMs({ time }: CloudEvent): number {
  return time === undefined ? 0 : Date.parse(time)
}

/** The status that a result tells; undefined while it goes on. */
export function statusOf({ phase }: RunState): RunStatus | undefined {
  if (phase === 'completed' || phase === 'compensated') return phase
  return phase === 'attention' ? 'needs-attention' : undefined
}

export function resultOf(facts: RunFacts, state: RunState, status: RunStatus): RunResult {
  const entries = [...state.entries.values()]
  const error = state.verdict?.fault ?? entries.find((entry) => isUnresolved(entry, state))?.fault ?? state.outputFault
  return {
    run: facts.run,
    status,
    ...(status === 'completed' && { output: state.output }),
    ...(error && { error }),
    undoErrors: entries.flatMap(({ key, status: is, undoFault }) =>
      is === 'undoFailed' && undoFault ? [{ step: key, error: undoFault }] : [],
    ),
    unresolved: entries.filter((entry) => isUnresolved(entry, state)).map(({ key }) => key),
    leaves: status === 'completed' ? [] : entries.flatMap((entry) => leftBy(entry, facts)),
    trace: facts.started.correlationid ?? facts.started.id,
  }
}

/** What stays although the saga was undone. An irreversible step that never finished may have left it. */
function leftBy(entry: Entry, { resolved }: RunFacts): Left[] {
  const { key, node, status } = entry
  if (status === 'left' || status === 'skipped') {
    const said = resolved.get(key)
    return [
      { step: key, why: `left by ${said?.by ?? 'an operator'}${said?.note === undefined ? '' : `: ${said.note}`}` },
    ]
  }
  if (node.kind !== 'step' || !entry.standing) return []
  const unfinished = status === 'failed' || status === 'stopped'
  if (node.declaration === 'pivot' && !node.undo && unfinished)
    return [{ step: key, why: 'perhaps: a pivot that never finished, and has no undo' }]
  if (node.leaves === undefined) return []
  return [{ step: key, why: isFinished(entry) ? node.leaves : `perhaps: ${node.leaves}` }]
}

export function viewOf(facts: RunFacts, state: RunState, waiting: boolean): RunView {
  const { definition, verdict } = state
  return {
    run: facts.run,
    saga: definition.name,
    version: definition.version,
    phase: state.phase,
    waiting,
    ...(facts.parent !== undefined && { parent: facts.parent }),
    steps: Array.from(state.entries.values(), stepView),
    locks: state.held,
    ...(verdict && { error: verdict.fault }),
    startedAtMs: startedAtMs(facts.started),
  }
}

function stepView(entry: Entry): StepView {
  const { key, node, status, attempts, fault, undoFault, untilMs, retryAtMs } = entry
  const until = untilMs ?? (retryAtMs > 0 && isLive(entry) ? retryAtMs : undefined)
  return {
    step: key,
    kind: node.kind,
    status,
    attempts,
    ...(fault && { error: fault }),
    ...(undoFault && { undoError: undoFault }),
    ...(until !== undefined && { untilMs: until }),
  }
}

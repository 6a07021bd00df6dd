/**
 * What can be told of a run from the journal alone, for whoever looks after it: how it stands, step by step, and what may be said to it next.
 * Unlike `Run.view()` it needs no workflow, and where the definition is not at hand it says as much as the records do. It changes nothing.
 */
import type { Journal } from '../journal/journal.ts'
import type { Definition, Declaration } from './core/definition.ts'
import type { Entry } from './core/entry.ts'
import type { Fault } from './core/record.ts'
import { isUnresolved } from './core/run.ts'
import type { RunState } from './core/run-state.ts'
import { faultOf } from './core/fault.ts'
import { runStream } from './event.ts'
import { readHistory } from './history.ts'
import type { History } from './history.ts'
import { checkPinned } from './registry.ts'
import { replayed } from './run-handle.ts'
import { resultOf, statusOf, viewOf } from './run-view.ts'
import { skeletonOf } from './skeleton.ts'
import type { RunResult, RunView, StepView } from './workflow.ts'

export interface StepAccount extends StepView {
  /** The run rests for it. */
  readonly unresolved: boolean
  /** Of a step, where the definition is known. */
  readonly declaration?: Declaration
  /** Of a wait, where the definition is known. */
  readonly signal?: string
  readonly by?: string
  readonly approval?: boolean
  /** The run of a child: the last that was begun. */
  readonly child?: string
}

export interface RunAccount extends Omit<RunView, 'steps' | 'held'> {
  readonly status: 'open' | RunResult['status']
  readonly steps: readonly StepAccount[]
  /** Of a run that has ended, or rests. */
  readonly result?: RunResult
  /** Whoever works on it, or did. */
  readonly worker: string
  /** Why the definition is not known; then kinds of steps, and which can be undone, are guessed from the records. */
  readonly guessed?: Fault
}

/** The definition of that name and version, where it is known. */
export type FindDefinition = (saga: string, version: number) => Definition | undefined

/** Undefined when there is no such run. Throws `workflow.history_unreadable`. */
export async function accountOf(
  journal: Journal,
  run: string,
  find: FindDefinition = () => undefined,
): Promise<RunAccount | undefined> {
  const history = await readHistory(journal, run)
  if (!history) return undefined
  const children = await childrenOf(journal, run)
  const found = find(history.data.saga, history.pinned.version)
  let definition: Definition
  try {
    definition = checkPinned(history, found)
  } catch (thrown) {
    return told(history, skeletonOf(history), children, faultOf(thrown))
  }
  return told(history, definition, children, undefined)
}

function told(
  history: History,
  definition: Definition,
  children: ReadonlyMap<string, string>,
  guessed: Fault | undefined,
): RunAccount {
  const { facts, machine } = replayed(history, definition)
  const { state } = machine
  const waiting = state.entries.size === 0 && state.phase === 'running' && !state.verdict && definition.nodes.length > 0
  const { steps, held: _held, ...view } = viewOf(facts, state, waiting)
  const status = statusOf(state)
  return {
    ...view,
    status: status ?? 'open',
    steps: steps.map((step) => stepAccount(step, state, children, guessed === undefined)),
    ...(status && { result: resultOf(facts, state, status) }),
    worker: history.worker,
    ...(guessed && { guessed }),
  }
}

function stepAccount(
  view: StepView,
  state: RunState,
  children: ReadonlyMap<string, string>,
  known: boolean,
): StepAccount {
  const entry = state.entries.get(view.step) as Entry
  const { node } = entry
  const child = children.get(view.step)
  return {
    ...view,
    // A child has a run of its own, whatever the records of its parent say.
    kind: child === undefined ? view.kind : 'child',
    unresolved: isUnresolved(entry, state),
    ...(known && node.kind === 'step' && { declaration: node.declaration }),
    ...(known &&
      node.kind === 'wait' && {
        signal: node.signal,
        approval: node.approval,
        ...(node.by !== undefined && { by: node.by }),
      }),
    ...(child !== undefined && { child }),
  }
}

/** By the step that began it. A child that was begun anew has a number behind the name of the step; the last counts. */
async function childrenOf(journal: Journal, run: string): Promise<Map<string, string>> {
  const prefix = `${runStream(run)}/`
  const last = new Map<string, { readonly run: string; readonly epoch: number }>()
  for await (const { stream } of journal.streams({ prefix })) {
    const rest = stream.slice(prefix.length)
    if (rest.includes('/')) continue
    const [step = '', epoch = '1'] = rest.split(':')
    const before = last.get(step)
    if (!before || before.epoch < Number(epoch)) last.set(step, { run: `${run}/${rest}`, epoch: Number(epoch) })
  }
  return new Map([...last].map(([step, { run: child }]) => [step, child]))
}

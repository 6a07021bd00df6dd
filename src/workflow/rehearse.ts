/**
 * rehearse(): what would be undone, and in which order, if a saga failed at a step. It drives the machine with outputs that are given instead of
 * steps that run: nothing is called but the functions that derive inputs and choose branches. Pure but for them.
 */
import { InvalidArgument } from '../base/error.ts'
import { checkKeys } from '../base/limit.ts'
import { SagaRun } from './core/run.ts'
import type { Entry } from './core/entry.ts'
import type { AnySaga } from './saga.ts'

export interface RehearseOptions {
  readonly input?: unknown
  /** What steps, children and signals give, by name. Default: undefined each. */
  readonly outputs?: Readonly<Record<string, unknown>>
  /** The step that fails, or `name[index]` for an item of a list. Default: none does. */
  readonly failAt?: string
}

export interface Rehearsal {
  readonly status: 'completed' | 'compensated' | 'needs-attention'
  /** The steps in the order in which they began. */
  readonly begun: readonly string[]
  /** The steps that are undone, in order; those of one list at once. */
  readonly undone: readonly (readonly string[])[]
  /** Of irreversible steps, what stays behind. */
  readonly leaves: readonly { readonly step: string; readonly why: string }[]
  readonly error?: string
}

/** Throws `base.invalid_argument` when the step that is to fail is never begun. */
export function rehearse({ definition }: AnySaga, options: RehearseOptions = {}): Rehearsal {
  checkKeys('rehearse', options, ['input', 'outputs', 'failAt'])
  const { input, outputs = {}, failAt } = options
  const run = new SagaRun(definition, definition.check ? definition.check(input) : input)
  const undone: string[][] = []
  let failed = false
  run.begin(0)
  for (;;) {
    for (const record of run.take()) if (record.is === 'undoing') undone.push([...record.steps])
    const [entry] = run.state.live.values()
    if (!entry) break
    if (entry.status === 'undoing') undo(run, entry)
    else if (entry.key === failAt && !failed) {
      failed = true
      run.errored(entry.key, { thrown: new Error(`${entry.key} was to fail`), final: true }, { nowMs: 0, chance: 0 })
    } else go(run, entry, outputs[entry.key])
  }
  if (failAt !== undefined && !failed)
    throw new InvalidArgument(
      'failAt',
      `must be a step that begins; these do: ${[...run.state.entries.keys()].join(', ')}`,
    )
  const { phase, entries, verdict } = run.state
  const leaves = [...entries.values()].flatMap(({ key, node, order }) =>
    node.kind === 'step' && node.leaves !== undefined && verdict && order > 0 ? [{ step: key, why: node.leaves }] : [],
  )
  return {
    status: phase === 'completed' || phase === 'compensated' ? phase : 'needs-attention',
    begun: [...entries.keys()],
    undone,
    leaves,
    ...(verdict && { error: verdict.fault.message }),
  }
}

function undo(run: SagaRun, { key, node }: Entry): void {
  if (node.kind === 'child') run.childSettled(key, { status: 'compensated' }, 0)
  else run.undone(key, 0)
}

function go(run: SagaRun, { key, node }: Entry, output: unknown): void {
  if (node.kind === 'sleep') run.expired(key, 0)
  else if (node.kind === 'wait')
    run.signal(node.signal, key, output ?? (node.approval ? { approved: true } : undefined), 0)
  else if (node.kind === 'child') run.childSettled(key, { status: 'completed', output }, 0)
  else run.succeeded(key, output, 0)
}

/**
 * What a run's history tells of its definition where that is not at hand: the parts that it has come to, as far as the records say what
 * they are. With it the state can be folded and shown; it runs nothing, and what no record tells is a guess: a part is taken for a step,
 * and for one that can be undone when it was, or when an operator is to decide on all that stands. Pure.
 */
import type {
  BranchNode,
  ChildNode,
  Definition,
  EachNode,
  Node,
  Pacing,
  SleepNode,
  StepNode,
  WaitNode,
} from './core/definition.ts'
import { partOf } from './core/entry.ts'
import type { RunRecord } from './core/record.ts'
import type { History } from './history.ts'

export function skeletonOf({ data, pinned, records }: History): Definition {
  return {
    ...bare(data.saga),
    version: pinned.version,
    nodes: [...gather(records).entries()].map(([name, hints]) => nodeOf(name, hints)),
    hash: pinned.hash,
    // The output is in the last record, where there is one.
    output: outputIsKept(records) ? () => undefined : undefined,
  }
}

interface Hints {
  kind: 'step' | 'child' | 'wait' | 'sleep' | 'branch' | 'each'
  signal?: string
  undo?: boolean
  pivot?: boolean
}

function gather(records: readonly RunRecord[]): Map<string, Hints> {
  const parts = new Map<string, Hints>()
  const part = (key: string): Hints => {
    const name = partOf(key)
    let hints = parts.get(name)
    if (!hints) parts.set(name, (hints = { kind: 'step' }))
    if (name !== key) hints.kind = 'each'
    return hints
  }
  const signals = new Map<string, string>()
  let undecided = false
  /** Done after the saga was given up: if it goes on all the same, that was its pivot. */
  let doneSince: Hints | undefined
  let givenUp = false
  const live = new Set<string>()
  for (const record of records) {
    hint(record, part, signals)
    if (record.is === 'begun') live.add(record.step)
    else if (endsWork(record)) live.delete(record.step)
    // Work is brought to an end before anything is undone; what has none only waited.
    else if (givenUp && settles(record)) {
      for (const key of live) if (part(key).kind === 'step') part(key).kind = 'wait'
      live.clear()
    }
    if (record.is === 'verdict') [givenUp, doneSince, undecided] = [true, undefined, !record.undo]
    else if (record.is === 'undoing' || record.is === 'resolved') givenUp = false
    else if (record.is === 'done' && givenUp) doneSince = part(record.step)
    else if (goesOn(record) && givenUp && doneSince) {
      doneSince.pivot = true
      givenUp = false
    }
  }
  if (undecided)
    for (const hints of parts.values()) if (hints.kind === 'step' || hints.kind === 'each') hints.undo = true
  return parts
}

function endsWork(record: RunRecord): record is RunRecord & { readonly step: string } {
  return record.is === 'done' || record.is === 'failed' || record.is === 'stopped' || record.is === 'held'
}

function settles({ is }: RunRecord): boolean {
  return is === 'undoing' || is === 'attention' || is === 'compensated'
}

function goesOn({ is }: RunRecord): boolean {
  return is === 'begun' || is === 'chosen' || is === 'spread' || is === 'completed'
}

function hint(record: RunRecord, part: (key: string) => Hints, signals: Map<string, string>): void {
  switch (record.is) {
    case 'begun': {
      const hints = part(record.step)
      // Only waits and sleeps have an end of their own from the beginning; which of them it is the end tells.
      if (record.untilMs !== undefined) hints.kind = 'sleep'
      return
    }
    case 'done':
      if (record.signal !== undefined) {
        const hints = part(record.step)
        hints.kind = 'wait'
        hints.signal = signals.get(record.signal) ?? record.step
      } else if (record.locks || record.pivoted) part(record.step).kind = 'child'
      else part(record.step)
      return
    case 'held':
      part(record.step).kind = 'child'
      return
    case 'chosen':
      part(record.step).kind = 'branch'
      return
    case 'spread':
      part(record.step).kind = 'each'
      return
    case 'failed':
      if (record.fault.code === 'workflow.signal_timeout') part(record.step).kind = 'wait'
      else part(record.step)
      return
    case 'undoing':
      for (const step of record.steps) part(step).undo = true
      return
    case 'signalled':
      signals.set(record.id, record.signal)
      return
    case 'tried':
    case 'stopped':
    case 'undone':
    case 'undoTried':
    case 'undoFailed':
    case 'resolved':
      part(record.step)
      return
    case 'verdict':
    case 'locked':
    case 'freed':
    case 'lost':
    case 'attention':
    case 'completed':
    case 'compensated':
      return
    default:
      return record satisfies never
  }
}

function outputIsKept(records: readonly RunRecord[]): boolean {
  const last = records.at(-1)
  return last?.is === 'completed' && 'output' in last
}

const pacing: Pacing = {
  retry: { max: 1, backoffMs: 0, factor: 1, backoffMaxMs: 0, jitter: 0, unless: undefined },
  timeoutMs: 1,
}
const nothing = (): undefined => undefined

function nodeOf(name: string, hints: Hints): Node {
  switch (hints.kind) {
    case 'wait':
      return {
        kind: 'wait',
        name,
        signal: hints.signal ?? name,
        timeoutMs: undefined,
        onTimeout: 'fail',
        approval: false,
        by: undefined,
        check: undefined,
      } satisfies WaitNode
    case 'sleep':
      return { kind: 'sleep', name, forMs: 0 } satisfies SleepNode
    case 'branch':
      return { kind: 'branch', name, choose: () => '', cases: new Map() } satisfies BranchNode
    case 'each': {
      const step = stepOf(name, hints)
      return { kind: 'each', name, items: () => [], itemsMax: 1, concurrency: 1, step } satisfies EachNode
    }
    case 'child':
      return { kind: 'child', name, definition: bare(name), derive: nothing } satisfies ChildNode
    case 'step':
    default:
      return stepOf(name, hints)
  }
}

function stepOf(name: string, { undo = false, pivot = false }: Hints): StepNode {
  return {
    kind: 'step',
    name,
    declaration: pivot ? 'pivot' : undo ? 'undo' : 'retriable',
    leaves: undefined,
    derive: undefined,
    do: nothing,
    pacing,
    heartbeatMs: undefined,
    undo: undo ? nothing : undefined,
    undoPacing: pacing,
    label: { kind: 'function' },
  }
}

/** A saga of which only the name is known. */
function bare(name: string): Definition {
  return {
    name,
    version: 1,
    nodes: [],
    hash: '',
    check: undefined,
    deadlineMs: undefined,
    locks: undefined,
    priority: undefined,
    concurrency: undefined,
    rate: undefined,
    output: undefined,
  }
}

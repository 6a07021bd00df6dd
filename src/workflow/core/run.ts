/**
 * The machine of one run: what came about goes in, records come out. Unlike its state (`run-state.ts`), which is the fold of records, it
 * decides: what begins next, when to go back, when it is over. It runs nothing: whoever drives it makes the records durable first and
 * then looks at `state.live`, which says what is to be worked on. Pure; the functions of the definition that it calls derive
 * inputs and choose branches, and what they give is in a record before it is used.
 *
 * The rules, in order: 1. While it runs, whatever can begin has begun. 2. A step that failed for good is the verdict, unless the pivot is
 * done: then the run rests. 3. After a verdict nothing begins; what is in flight settles, and a pivot that gets done voids the verdict.
 * 4. What stands is undone, stage after stage (`undo.ts`); an undo that fails for good stops no other. 5. With nothing left to do it is
 * compensated, or rests for an operator.
 */
import { LimitExceeded } from '../../base/error.ts'
import { surelyPivots } from './definition.ts'
import type { Before, BranchNode, ChildNode, Definition, EachNode, Node, WaitNode } from './definition.ts'
import { chosenCase, isApproved, itemsOf, sleepMs, underivable } from './derive.ts'
import { isPassed, isResting, isUndoable, itemKey } from './entry.ts'
import type { Entry, EntryNode } from './entry.ts'
import { fault as newFault, faultOf } from './fault.ts'
import type { Fault, Resolution, RunRecord, Why } from './record.ts'
import { waitAfterFailure } from './retry.ts'
import type { Failure } from './retry.ts'
import { RunState } from './run-state.ts'
import type { Spread } from './run-state.ts'
import { nextUndo } from './undo.ts'

/** Why an operator's word, or a signal, was not taken. Nothing was changed. */
export type Refusal =
  | 'ended'
  | 'past_pivot'
  | 'unknown_step'
  | 'not_unresolved'
  | 'not_backward'
  | 'unknown_signal'
  | 'signals_full'

export interface Chance {
  readonly nowMs: number
  /** In [0, 1), for the jitter. */
  readonly chance: number
}

/** How a child stands that does nothing by itself any more. */
export interface ChildEnd {
  readonly status: 'completed' | 'compensated' | 'needs-attention'
  readonly output?: unknown
  readonly fault?: Fault
  /** Those that it holds and leaves to its parent. */
  readonly locks?: readonly string[]
  /** It is past its pivot. Default: what its definition says of every run that completes. */
  readonly pivoted?: boolean
}

/** Signals of one name that wait for a step to take them. */
const signalsMax = 100

export class SagaRun {
  readonly state: RunState
  /** What could not be kept, by the step that it was for: such a step fails, once, instead of being begun. `''`: the output. */
  readonly refused: Map<string, Fault> = new Map()
  /** True while it must not begin: it waits for its turn, or for locks. What is said to it is kept. */
  waiting = false
  #records: RunRecord[] = []
  /** The first node that the saga is not past; those before it need not be looked at again. */
  #from = 0

  constructor(definition: Definition, input: unknown) {
    this.state = new RunState(definition, input)
  }

  /** What was written of it before. */
  replay(records: Iterable<RunRecord>): void {
    for (const record of records) this.state.apply(record)
  }

  /** What has been decided since the last time, in order. */
  take(): RunRecord[] {
    const records = this.#records
    this.#records = []
    return records
  }

  /** True when something has been decided since. */
  get pending(): boolean {
    return this.#records.length > 0
  }

  /** It holds these locks from here on. */
  locked(names: readonly string[]): void {
    this.#record({ is: 'locked', names })
  }

  freed(names: readonly string[]): void {
    this.#record({ is: 'freed', names })
  }

  /** It cannot even begin. */
  stillborn(thrown: unknown, nowMs: number): void {
    if (this.state.verdict || this.state.ended) return
    this.#judge('failed', faultOf(thrown), true)
    this.#settle(nowMs)
  }

  /** Begins what can begin: after it was made, and after a replay. */
  begin(nowMs: number): void {
    this.#settle(nowMs)
  }

  succeeded(key: string, output: unknown, nowMs: number): void {
    const entry = this.#live(key, 'begun')
    if (!entry) return
    this.#record(output === undefined ? { is: 'done', step: key } : { is: 'done', step: key, output })
    this.#settle(nowMs)
  }

  /** An attempt of a step failed. */
  errored(key: string, failure: Failure, at: Chance): void {
    const entry = this.#live(key, 'begun')
    if (!entry) return
    const { state } = this
    if (state.phase === 'failing') this.#record({ is: 'stopped', step: key, fault: faultOf(failure.thrown) })
    else if (!this.#tryAgain('tried', entry, failure, at)) this.#fail(key, faultOf(failure.thrown))
    this.#settle(at.nowMs)
  }

  /** False when no attempt is left. */
  #tryAgain(is: 'tried' | 'undoTried', entry: Entry, failure: Failure, { nowMs, chance }: Chance): boolean {
    const { key: step, node } = entry
    const attempt = entry.attempts + 1
    const pacing = node.kind === 'step' ? (is === 'tried' ? node.pacing : node.undoPacing) : undefined
    const wait = waitAfterFailure(pacing?.retry, failure, attempt, chance)
    if (wait === undefined) return false
    this.#record({ is, step, attempt, fault: faultOf(failure.thrown), atMs: nowMs + wait })
    return true
  }

  undone(key: string, nowMs: number): void {
    if (!this.#live(key, 'undoing')) return
    this.#record({ is: 'undone', step: key })
    this.#settle(nowMs)
  }

  undoErrored(key: string, failure: Failure, at: Chance): void {
    const entry = this.#live(key, 'undoing')
    if (!entry) return
    if (!this.#tryAgain('undoTried', entry, failure, at))
      this.#record({ is: 'undoFailed', step: key, fault: faultOf(failure.thrown) })
    this.#settle(at.nowMs)
  }

  /** A child ended, or rests. `clean`: nothing of it stands. */
  childSettled(key: string, end: ChildEnd, nowMs: number): void {
    const entry = this.state.entries.get(key)
    if (!entry || entry.node.kind !== 'child') return
    const fault =
      end.fault ?? newFault('workflow.child_failed', 'ChildFailed', `the child of the step ${key} was undone`)
    const forward = entry.status === 'begun' || entry.status === 'held'
    const backward = entry.status === 'undoing' || entry.status === 'undoFailed'
    if (!forward && !backward) return
    const pivoted = forward && isPast(end, entry.node) && { pivoted: true as const }
    if (end.status === 'needs-attention') {
      if (entry.status === 'begun') this.#record({ is: 'held', step: key, fault, ...pivoted })
      if (entry.status === 'undoing') this.#record({ is: 'undoFailed', step: key, fault })
    } else if (end.status === 'completed') {
      // A child that cannot be undone, or that an operator turned around, stays done.
      if (entry.status === 'undoing') this.#record({ is: 'undoFailed', step: key, fault })
      if (forward) this.#record({ ...childDone(key, end), ...pivoted })
    } else if (backward) this.#record({ is: 'undone', step: key })
    else this.#fail(key, fault, true)
    this.#settle(nowMs)
  }

  /** A sleep is over, or a wait has lasted too long. */
  expired(key: string, nowMs: number): void {
    const entry = this.#live(key, 'begun')
    if (!entry) return
    const { node } = entry
    if (node.kind === 'sleep' || (node.kind === 'wait' && node.onTimeout === 'continue'))
      this.#record({ is: 'done', step: key })
    else if (node.kind === 'wait') {
      const message = `nobody sent the signal ${node.signal} in ${node.timeoutMs ?? 0} ms; send it in time or raise timeoutMs of ${key}`
      this.#fail(key, newFault('workflow.signal_timeout', 'SignalTimeout', message))
    }
    this.#settle(nowMs)
  }

  /** Takes a signal, once an id. */
  signal(name: string, id: string, data: unknown, nowMs: number): Refusal | undefined {
    const { state } = this
    if (state.ended) return 'ended'
    if (!waitsFor(state.definition.nodes, name)) return 'unknown_signal'
    if (state.signalIds.has(id)) return undefined
    if ((state.signals.get(name)?.length ?? 0) >= signalsMax) return 'signals_full'
    this.#record({ is: 'signalled', signal: name, id, ...(data !== undefined && { data }) })
    for (const entry of state.live.values())
      if (entry.node.kind === 'wait' && entry.node.signal === name && this.#received(entry, entry.node)) break
    this.#settle(nowMs)
    return undefined
  }

  /** Gives up going forward. With `undo` what stands is undone, else an operator decides. */
  cancel(undo: boolean, fault: Fault, nowMs: number): Refusal | undefined {
    const { state } = this
    if (state.ended) return 'ended'
    if (state.pivoted) return 'past_pivot'
    // Nothing stops an undo that is under way.
    if (state.verdict && (state.verdict.undo || !undo)) return undefined
    this.#judge('cancelled', fault, undo)
    this.#settle(nowMs)
    return undefined
  }

  /** The time that it had until the pivot is over. */
  overdue(fault: Fault, nowMs: number): void {
    const { state } = this
    if (state.ended || state.verdict || state.pivoted) return
    this.#judge('deadline', fault, true)
    this.#settle(nowMs)
  }

  /** The parent is undone: so is what it did, also when it had completed. */
  unwind(fault: Fault, nowMs: number): Refusal | undefined {
    const { state } = this
    if (state.pivoted) return 'past_pivot'
    if (state.phase === 'compensated' || state.verdict?.undo) return undefined
    this.#judge('parent', fault, true)
    this.#settle(nowMs)
    return undefined
  }

  /** Whoever worked on it is gone. What was lost too often fails. */
  lost(lostMax: number, at: Chance): void {
    const { state } = this
    if (state.live.size === 0) return
    this.#record({ is: 'lost' })
    for (const entry of Array.from(state.live.values())) {
      if (entry.node.kind !== 'step' || entry.lost < lostMax) continue
      const message = `whoever worked on ${entry.key} was lost ${entry.lost} times; it may end the process`
      const thrown = Object.assign(new LimitExceeded('lostMax', lostMax, entry.lost), { message })
      if (entry.status === 'begun') this.errored(entry.key, { thrown, final: true }, at)
      else this.undoErrored(entry.key, { thrown, final: true }, at)
    }
    this.#settle(at.nowMs)
  }

  /** What an operator says of a step that the run rests for. */
  resolve(
    key: string,
    how: Resolution,
    detail: { readonly output?: unknown; readonly by?: string; readonly note?: string },
    nowMs: number,
  ): Refusal | undefined {
    const { state } = this
    if (state.ended) return 'ended'
    const entry = state.entries.get(key)
    if (!entry) return 'unknown_step'
    if (!isUnresolved(entry, state)) return 'not_unresolved'
    if (how === 'forward' && !state.verdict) return 'not_backward'
    this.#record({ is: 'resolved', step: key, how, ...detail })
    if (how === 'forward') this.#from = 0
    this.#settle(nowMs)
    return undefined
  }

  #live(key: string, status: Entry['status']): Entry | undefined {
    const entry = this.state.live.get(key)
    return entry?.status === status ? entry : undefined
  }

  #record(record: RunRecord): void {
    this.#records.push(record)
    this.state.apply(record)
  }

  get #before(): Before {
    return { input: this.state.input, out: this.state.out }
  }

  #refusedOnce(key: string): Fault | undefined {
    const refused = this.refused.get(key)
    this.refused.delete(key)
    return refused
  }

  /** A step failed for good. Past the pivot that is no reason to go back. */
  #fail(step: string, fault: Fault, clean = false): void {
    const { state } = this
    this.#record({ is: 'failed', step, fault, ...(clean && { clean: true as const }) })
    if (!state.pivoted && !state.verdict) this.#judge('failed', fault, true)
  }

  #judge(why: Why, fault: Fault, undo: boolean): void {
    this.#record({ is: 'verdict', why, fault, undo })
  }

  /** Goes as far as it can without anybody's work. */
  #settle(nowMs: number): void {
    const { state } = this
    if (state.phase === 'running') this.#forward(nowMs)
    if (state.phase === 'failing' || state.phase === 'undoing') this.#backward()
  }

  #forward(nowMs: number): void {
    const { state } = this
    if (this.waiting) return
    const { nodes } = state.definition
    while (this.#from < nodes.length) {
      if (!this.#pass(nodes[this.#from] as Node, nowMs)) break
      this.#from++
    }
    if (state.phase !== 'running') return
    if (this.#from === nodes.length) return this.#complete()
    if (state.live.size === 0) this.#record({ is: 'attention' })
  }

  #complete(): void {
    const { state } = this
    const { output } = state.definition
    const refused = this.#refusedOnce('')
    if (refused) return this.#record({ is: 'completed', fault: refused })
    if (!output) return this.#record({ is: 'completed' })
    try {
      this.#record({ is: 'completed', output: output(this.#before) })
    } catch (thrown) {
      // What is done counts more than a summary of it that cannot be made.
      this.#record({ is: 'completed', fault: faultOf(thrown) })
    }
  }

  #backward(): void {
    const { state } = this
    if (state.live.size > 0) return
    const entries = [...state.entries.values()]
    const steps = state.verdict?.undo === false ? [] : nextUndo(entries)
    if (steps.length > 0) return this.#record({ is: 'undoing', steps })
    const unresolved = state.verdict?.undo === false ? isUndoable : isResting
    this.#record({ is: entries.some(unresolved) ? 'attention' : 'compensated' })
  }

  /** True when the saga is past the node; begins it when it can. */
  #pass(node: Node, nowMs: number): boolean {
    if (node.kind === 'branch' || node.kind === 'each') {
      const entry = this.state.entries.get(node.name)
      // It could not be decided, and an operator may have said to go on without.
      if (entry && entry.status !== 'undone') return isPassed(entry)
    }
    switch (node.kind) {
      case 'step':
      case 'child':
      case 'wait':
      case 'sleep':
        return this.#passEntry(node, node.name, nowMs)
      case 'parallel': {
        let passed = true
        for (const member of node.members) if (!this.#passEntry(member, member.name, nowMs)) passed = false
        return passed
      }
      case 'branch':
        return this.#passBranch(node, nowMs)
      case 'each':
        return this.#passEach(node, nowMs)
      default:
        return node satisfies never
    }
  }

  #passEntry(node: EntryNode, key: string, nowMs: number, item?: unknown): boolean {
    const { state } = this
    const entry = state.entries.get(key)
    if (entry && isPassed(entry)) return true
    // What was undone and is asked for again is done anew.
    if (state.phase !== 'running' || (entry && entry.status !== 'undone')) return false
    this.#beginEntry(node, key, nowMs, item)
    const begun = state.entries.get(key)
    return begun !== undefined && isPassed(begun)
  }

  #beginEntry(node: EntryNode, key: string, nowMs: number, item: unknown): void {
    const { state } = this
    const before = this.#before
    const refused = this.#refusedOnce(key)
    if (refused) return this.#fail(key, refused)
    try {
      if (node.kind === 'sleep') this.#record({ is: 'begun', step: key, untilMs: nowMs + sleepMs(node, before) })
      else if (node.kind === 'wait') {
        const { timeoutMs } = node
        this.#record({ is: 'begun', step: key, ...(timeoutMs !== undefined && { untilMs: nowMs + timeoutMs }) })
        this.#received(state.entries.get(key) as Entry, node)
      } else if (item !== undefined) this.#record({ is: 'begun', step: key, input: item })
      else if ('derive' in node && node.derive) this.#record({ is: 'begun', step: key, input: node.derive(before) })
      else this.#record({ is: 'begun', step: key })
    } catch (thrown) {
      this.#fail(key, underivable(`the input of ${key} could not be derived`, thrown))
    }
  }

  /** Takes the oldest signal that came before its time; false when there is none. */
  #received({ key }: Entry, node: WaitNode): boolean {
    const signal = this.state.signals.get(node.signal)?.[0]
    if (!signal) return false
    const { id, data } = signal
    this.#record({ is: 'done', step: key, signal: id, ...(data !== undefined && { output: data }) })
    if (node.approval && !isApproved(data)) {
      const message = `${key} was not approved`
      this.#fail(key, newFault('workflow.not_approved', 'NotApproved', message))
    }
    return true
  }

  #passBranch(node: BranchNode, nowMs: number): boolean {
    const { state } = this
    let chosen = state.chosen.get(node.name)
    if (chosen === undefined) {
      try {
        chosen = chosenCase(node, this.#before)
      } catch (thrown) {
        this.#fail(node.name, underivable(`${node.name} could not be decided`, thrown))
        return false
      }
      this.#record({ is: 'chosen', step: node.name, case: chosen })
    }
    for (const inner of node.cases.get(chosen) as readonly Node[]) if (!this.#pass(inner, nowMs)) return false
    return true
  }

  #passEach(node: EachNode, nowMs: number): boolean {
    const { state } = this
    if (!state.spreads.has(node.name) && !this.#spread(node)) return false
    const spread = state.spreads.get(node.name)
    if (!spread) return false
    const { items } = spread
    if (spread.passed < items.length) this.#beginItems(node, spread, nowMs)
    return state.phase === 'running' && spread.passed === items.length
  }

  #beginItems(node: EachNode, { items, next: from }: Spread, nowMs: number): void {
    const { state } = this
    let running = 0
    for (const entry of state.live.values()) if (entry.unit === node.name) running++
    for (let at = from; at < items.length && running < node.concurrency; at++) {
      if (state.phase !== 'running') return
      const key = itemKey(node.name, at)
      if (state.live.has(key)) continue
      this.#passEntry(node.step, key, nowMs, items[at])
      if (state.live.has(key)) running++
    }
  }

  #spread(node: EachNode): boolean {
    const refused = this.#refusedOnce(node.name)
    if (refused) {
      this.#fail(node.name, refused)
      return false
    }
    try {
      this.#record({ is: 'spread', step: node.name, items: itemsOf(node, this.#before) })
      return true
    } catch (thrown) {
      this.#fail(node.name, underivable(`${node.name} could not be decided`, thrown))
      return false
    }
  }
}

function childDone(step: string, { output, locks = [] }: ChildEnd): RunRecord {
  return { is: 'done', step, ...(output !== undefined && { output }), ...(locks.length > 0 && { locks }) }
}

function isPast({ status, pivoted }: ChildEnd, { definition }: ChildNode): boolean {
  return pivoted ?? (status === 'completed' && surelyPivots(definition.nodes))
}

/** True for a step that the run rests for. */
export function isUnresolved(entry: Entry, { phase, verdict }: RunState): boolean {
  if (phase !== 'attention') return false
  return isResting(entry) || (entry.status === 'failed' && verdict === undefined)
}

function waitsFor(nodes: readonly Node[], signal: string): boolean {
  return nodes.some((node) => {
    if (node.kind === 'wait') return node.signal === signal
    return node.kind === 'branch' && [...node.cases.values()].some((inner) => waitsFor(inner, signal))
  })
}

/** How a run that does nothing by itself stands for its parent. */
export function childEnd({ state }: SagaRun): ChildEnd {
  const failed = [...state.entries.values()].find(({ fault, undoFault }) => fault ?? undoFault)
  const fault = state.verdict?.fault ?? failed?.undoFault ?? failed?.fault
  const { phase, pivoted, output, held: locks } = state
  if (phase === 'completed') return { status: phase, output, locks, pivoted, ...(fault && { fault }) }
  return { status: phase === 'compensated' ? phase : 'needs-attention', pivoted, ...(fault && { fault }) }
}

/**
 * The state of one run: the fold of its records. It decides nothing and asks the definition for nothing but the nodes behind the names; the
 * machine (`run.ts`) decides and writes what it decided through `apply`, so that a replay of the records gives the same state.
 * Pure; it changes itself.
 */
import { assert } from '../../base/error.ts'
import { everyNode } from './definition.ts'
import type { Definition, Node } from './definition.ts'
import { isFinished, isLive, isPassed, isRepeatable, isResting, isUndoable, itemOf, partOf } from './entry.ts'
import type { Entry, EntryNode } from './entry.ts'
import type { Fault, Resolution, RunRecord } from './record.ts'

/**
 * `running` forward; `failing`: the verdict is there and what is in flight settles; `undoing`; `attention`: it rests and an operator
 * decides. `completed`, `compensated`: the end.
 */
export type Phase = 'running' | 'failing' | 'undoing' | 'attention' | 'completed' | 'compensated'

export interface Verdict {
  readonly why: Extract<RunRecord, { is: 'verdict' }>['why']
  readonly fault: Fault
  readonly undo: boolean
}

/** How far a list has come. */
export interface Spread {
  readonly items: readonly unknown[]
  /** Items before it need not be looked at: they have begun, or failed before that. */
  next: number
  passed: number
}

export interface Signal {
  readonly id: string
  readonly data: unknown
}

/** Ids of signals that are remembered, so that one that comes again is known. */
const signalIdsMax = 1000

export class RunState {
  readonly definition: Definition
  readonly input: unknown
  phase: Phase = 'running'
  verdict: Verdict | undefined
  pivoted = false
  output: unknown
  /** The output could not be made of what the steps gave; the saga is complete all the same. */
  outputFault: Fault | undefined
  readonly entries: Map<string, Entry> = new Map()
  /** Those that somebody has to work or wait for. */
  readonly live: Map<string, Entry> = new Map()
  readonly chosen: Map<string, string> = new Map()
  readonly spreads: Map<string, Spread> = new Map()
  readonly signals: Map<string, Signal[]> = new Map()
  readonly signalIds: Set<string> = new Set()
  /** Locks of its own. */
  readonly locks: Set<string> = new Set()
  /** Those that children left, by step. */
  readonly childLocks: Map<string, readonly string[]> = new Map()
  readonly #out: Record<string, unknown> = Object.create(null) as Record<string, unknown>
  readonly #nodes: ReadonlyMap<string, { readonly node: EntryNode; readonly unit: string }>
  #order = 0

  constructor(definition: Definition, input: unknown) {
    this.definition = definition
    this.input = input
    this.#nodes = nodesOf(definition)
  }

  /** What derived inputs and branches are made from. */
  get out(): Readonly<Record<string, unknown>> {
    return this.#out
  }

  get ended(): boolean {
    return this.phase === 'completed' || this.phase === 'compensated'
  }

  /** All that it holds. */
  get held(): string[] {
    return [...new Set([...this.locks, ...[...this.childLocks.values()].flat()])]
  }

  /** Throws `base.assertion_failed` for a record that cannot come in this state: the history is not one of this definition. */
  apply(record: RunRecord): void {
    switch (record.is) {
      case 'begun':
        return this.#begun(record)
      case 'done':
        if (record.locks) this.childLocks.set(record.step, record.locks)
        this.#done(record.step, record.output, record.signal)
        return this.#pivoted(record.pivoted)
      case 'tried':
      case 'undoTried': {
        const entry = this.#entry(record.step)
        entry.attempts = record.attempt
        entry.retryAtMs = record.atMs
        if (record.is === 'tried') entry.fault = record.fault
        else entry.undoFault = record.fault
        return
      }
      case 'failed':
        return this.#failed(record)
      case 'stopped':
      case 'held': {
        const entry = this.#entry(record.step)
        entry.fault = record.fault
        this.#set(entry, record.is)
        return this.#pivoted(record.is === 'held' && record.pivoted)
      }
      case 'chosen':
        this.chosen.set(record.step, record.case)
        return
      case 'spread':
        this.spreads.set(record.step, { items: record.items, next: 0, passed: 0 })
        this.#out[record.step] = []
        return
      case 'undoing':
        this.phase = 'undoing'
        for (const step of record.steps) this.#work(this.#entry(step), 'undoing')
        return
      case 'undone':
        return this.#undone(this.#entry(record.step))
      case 'undoFailed': {
        const entry = this.#entry(record.step)
        entry.undoFault = record.fault
        return this.#set(entry, 'undoFailed')
      }
      case 'signalled':
        return this.#signalled(record.signal, record.id, record.data)
      case 'resolved':
        return this.#resolved(record.step, record.how, record.output)
      case 'locked':
        for (const name of record.names) this.locks.add(name)
        return
      case 'freed':
        return this.#freed(new Set(record.names))
      case 'lost':
        for (const entry of this.live.values()) entry.lost++
        return
      case 'verdict':
      case 'attention':
      case 'completed':
      case 'compensated':
        return this.#turned(record)
      default:
        return record satisfies never
    }
  }

  #turned(record: Extract<RunRecord, { is: 'verdict' | 'attention' | 'completed' | 'compensated' }>): void {
    switch (record.is) {
      case 'verdict':
        this.#judged(record)
        return
      case 'attention':
        if (this.verdict && !this.verdict.undo) this.#leaveAll(this.verdict.fault)
        this.phase = 'attention'
        return
      case 'completed':
        this.phase = 'completed'
        this.output = this.definition.output ? record.output : { ...this.#out }
        this.outputFault = record.fault
        return
      case 'compensated':
        this.phase = 'compensated'
        return
      default:
        return record satisfies never
    }
  }

  #entry(key: string): Entry {
    const entry = this.entries.get(key)
    assert(entry, `the history speaks of the step ${key} before it began`)
    return entry
  }

  #made(key: string): Entry {
    const part = partOf(key)
    const known = this.#nodes.get(part === key ? key : `${part}[]`)
    assert(known, `the history speaks of the step ${key}, which the definition does not have`)
    const entry: Entry = {
      key,
      node: known.node,
      unit: known.unit,
      status: 'begun',
      input: this.input,
      output: undefined,
      attempts: 0,
      lost: 0,
      fault: undefined,
      undoFault: undefined,
      retryAtMs: 0,
      untilMs: undefined,
      order: 0,
      epoch: 0,
      round: 0,
      standing: true,
    }
    this.entries.set(key, entry)
    return entry
  }

  #begun(record: Extract<RunRecord, { is: 'begun' }>): void {
    const entry = this.entries.get(record.step) ?? this.#made(record.step)
    // Whoever knows the key or the token of what was undone must not take it for the same.
    entry.epoch++
    entry.order = 0
    entry.output = undefined
    entry.fault = undefined
    entry.undoFault = undefined
    entry.standing = true
    // An input of undefined is not in the record once that was written and read.
    if ('input' in record || ('derive' in entry.node && entry.node.derive)) entry.input = record.input
    entry.untilMs = record.untilMs
    const spread = this.spreads.get(entry.unit)
    if (spread) spread.next = Math.max(spread.next, itemOf(record.step) + 1)
    this.#work(entry, 'begun')
  }

  #done(key: string, output: unknown, signal: string | undefined): void {
    const entry = this.#entry(key)
    entry.output = output
    // A child that was looked at once more was done when it was done first.
    if (!isFinished(entry)) entry.order = ++this.#order
    entry.fault = undefined
    if (signal !== undefined) this.#useUp(entry, signal)
    this.#set(entry, 'done')
    this.#passed(entry)
    this.#pivoted(entry.node.kind === 'step' && entry.node.declaration === 'pivot')
  }

  /** Also a saga that was given up while its pivot was in flight only goes forward from here on: nothing is undone yet. */
  #pivoted(pivoted: boolean | undefined): void {
    if (!pivoted) return
    this.pivoted = true
    if (this.phase !== 'failing') return
    this.phase = 'running'
    this.verdict = undefined
  }

  /** Its output is there for those after it. */
  #passed(entry: Entry): void {
    const spread = entry.node.kind === 'each' ? undefined : this.spreads.get(entry.unit)
    if (!spread) {
      this.#out[entry.key] = entry.output
      return
    }
    spread.passed++
    const list = this.#out[entry.unit] as unknown[]
    list[itemOf(entry.key)] = entry.output
  }

  #useUp(entry: Entry, id: string): void {
    const { node } = entry
    assert(node.kind === 'wait', 'a signal was used up by what waits for none')
    const waiting = this.signals.get(node.signal) ?? []
    const at = waiting.findIndex((signal) => signal.id === id)
    if (at !== -1) waiting.splice(at, 1)
  }

  #failed(record: Extract<RunRecord, { is: 'failed' }>): void {
    const known = this.entries.get(record.step)
    const entry = known ?? this.#made(record.step)
    if (known?.status !== 'begun' || record.clean) entry.standing = false
    entry.fault = record.fault
    entry.order = 0
    this.#set(entry, 'failed')
  }

  #judged({ why, fault, undo }: Extract<RunRecord, { is: 'verdict' }>): void {
    // What was first the matter is told, also when only a later word has it undone.
    this.verdict = { why, fault, ...this.verdict, undo }
    this.phase = 'failing'
    for (const entry of this.entries.values()) {
      // What only waits has no effect that could come late.
      if (entry.status === 'begun' && (entry.node.kind === 'wait' || entry.node.kind === 'sleep'))
        this.#set(entry, 'stopped')
      if (entry.status === 'undoFailed' && undo) this.#set(entry, entry.order > 0 ? 'done' : 'stopped')
    }
  }

  /** A verdict without undo: each of them waits for an operator. */
  #leaveAll(fault: Fault): void {
    for (const entry of this.entries.values()) {
      if (!isUndoable(entry) || entry.status === 'undoFailed' || entry.status === 'held') continue
      entry.undoFault = fault
      this.#set(entry, 'undoFailed')
    }
  }

  #freed(names: ReadonlySet<string>): void {
    for (const name of names) this.locks.delete(name)
    for (const [step, left] of this.childLocks)
      this.childLocks.set(
        step,
        left.filter((name) => !names.has(name)),
      )
  }

  #undone(entry: Entry): void {
    // A child that was undone has freed what it left.
    this.childLocks.delete(entry.key)
    entry.undoFault = undefined
    this.#set(entry, 'undone')
  }

  #signalled(name: string, id: string, data: unknown): void {
    let waiting = this.signals.get(name)
    if (!waiting) this.signals.set(name, (waiting = []))
    waiting.push({ id, data })
    this.signalIds.add(id)
    for (const oldest of this.signalIds) {
      if (this.signalIds.size <= signalIdsMax) break
      this.signalIds.delete(oldest)
    }
  }

  #resolved(key: string, how: Resolution, output: unknown): void {
    const entry = this.#entry(key)
    this.phase = this.verdict ? 'undoing' : 'running'
    if (how === 'forward') return this.#forward()
    if (!this.verdict) return this.#resolvedForward(entry, how, output)
    if (how === 'retry') return this.#work(entry, 'undoing')
    if (how === 'done') return this.#undone(entry)
    this.#set(entry, 'left')
  }

  #resolvedForward(entry: Entry, how: Exclude<Resolution, 'forward'>, output: unknown): void {
    if (how === 'done') return this.#done(entry.key, output, undefined)
    if (how === 'retry') return isRepeatable(entry) ? this.#work(entry, 'begun') : this.#anew(entry)
    entry.output = output
    this.#set(entry, 'skipped')
    this.#passed(entry)
  }

  /** It is decided or derived anew, with a time of its own, as if it had never been asked for. */
  #anew(entry: Entry): void {
    if (entry.node.kind === 'branch' || entry.node.kind === 'each') this.entries.delete(entry.key)
    else this.#set(entry, 'undone')
    const spread = this.spreads.get(entry.unit)
    if (spread) spread.next = Math.min(spread.next, itemOf(entry.key))
  }

  /** The saga goes on instead of back: what stands counts, what was undone is done anew. */
  #forward(): void {
    this.phase = 'running'
    this.verdict = undefined
    for (const entry of this.entries.values()) {
      if (isPassed(entry)) continue
      // How far a child was undone, or has come, only the child knows.
      if (entry.node.kind === 'child' && (isResting(entry) || entry.status === 'left')) this.#work(entry, 'begun')
      else if (!isFinished(entry) || entry.status === 'undone') this.#anew(entry)
      else {
        entry.undoFault = undefined
        this.#set(entry, 'done')
      }
    }
    for (const [name, spread] of this.spreads)
      spread.passed = [...this.entries.values()].filter((entry) => entry.unit === name && isPassed(entry)).length
  }

  /** From its first attempt on. */
  #work(entry: Entry, status: 'begun' | 'undoing'): void {
    entry.round++
    entry.attempts = 0
    entry.lost = 0
    entry.retryAtMs = 0
    this.#set(entry, status)
  }

  #set(entry: Entry, status: Entry['status']): void {
    entry.status = status
    if (isLive(entry)) this.live.set(entry.key, entry)
    else this.live.delete(entry.key)
    // Whatever changes while it rests has to be looked at anew.
    if (this.phase === 'attention') this.phase = this.verdict ? 'undoing' : 'running'
  }
}

const known = new WeakMap<Definition, ReadonlyMap<string, { readonly node: EntryNode; readonly unit: string }>>()

/** What can have an entry, by name; a definition is read once. */
function nodesOf(definition: Definition): ReadonlyMap<string, { readonly node: EntryNode; readonly unit: string }> {
  let nodes = known.get(definition)
  if (!nodes) known.set(definition, (nodes = collected(definition.nodes)))
  return nodes
}

function collected(nodes: readonly Node[]): Map<string, { readonly node: EntryNode; readonly unit: string }> {
  const found = new Map<string, { readonly node: EntryNode; readonly unit: string }>()
  for (const node of everyNode(nodes)) {
    if (node.kind === 'parallel')
      for (const member of node.members) found.set(member.name, { node: member, unit: node.name })
    else if (!found.has(node.name)) found.set(node.name, { node, unit: node.name })
    if (node.kind === 'each') found.set(`${node.name}[]`, { node: node.step, unit: node.name })
  }
  return found
}

/**
 * The state of one run: the fold of its records. It decides nothing and asks the definition for nothing but the nodes behind the names; the
 * machine (`run.ts`) decides and writes what it decided through `apply`, so that a replay of the records gives the same state.
 * Pure; it changes itself.
 */
import { assert } from '../../base/error.ts'
import { everyNode } from './definition.ts'
import type { Definition, Node } from './definition.ts'
import { isLive, isPassed, isUndoable } from './entry.ts'
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
  begun: number
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
  readonly entries = new Map<string, Entry>()
  /** Those that somebody has to work or wait for. */
  readonly live = new Map<string, Entry>()
  readonly chosen = new Map<string, string>()
  readonly spreads = new Map<string, Spread>()
  readonly signals = new Map<string, Signal[]>()
  readonly signalIds = new Set<string>()
  /** Locks of its own. */
  readonly locks = new Set<string>()
  /** Those that children left, by step. */
  readonly childLocks = new Map<string, readonly string[]>()
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
        return this.#done(record.step, record.output, record.signal)
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
        return this.#set(this.#entry(record.step), 'stopped')
      case 'held': {
        const entry = this.#entry(record.step)
        entry.fault = record.fault
        return this.#set(entry, 'held')
      }
      case 'chosen':
        this.chosen.set(record.step, record.case)
        return
      case 'spread':
        this.spreads.set(record.step, { items: record.items, begun: 0, passed: 0 })
        this.#out[record.step] = []
        return
      case 'undoing':
        this.phase = 'undoing'
        for (const step of record.steps) this.#undoing(this.#entry(step))
        return
      case 'undone':
        // A child that was undone has freed what it left.
        this.childLocks.delete(record.step)
        return this.#set(this.#entry(record.step), 'undone')
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
        for (const name of record.names) this.locks.delete(name)
        return
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
        this.output = 'output' in record ? record.output : { ...this.#out }
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
    const place = key.endsWith(']') ? `${key.slice(0, key.lastIndexOf('['))}[]` : key
    const known = this.#nodes.get(place)
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
      epoch: 1,
      standing: true,
    }
    this.entries.set(key, entry)
    return entry
  }

  #begun(record: Extract<RunRecord, { is: 'begun' }>): void {
    const before = this.entries.get(record.step)
    const entry = before ?? this.#made(record.step)
    if (before) this.#afresh(entry)
    if ('input' in record) entry.input = record.input
    entry.untilMs = record.untilMs
    const spread = this.spreads.get(entry.unit)
    if (spread && !before) spread.begun++
    this.#set(entry, 'begun')
  }

  /** It is done anew: whoever knows its old key or token must not take it for the same. */
  #afresh(entry: Entry): void {
    entry.epoch++
    entry.attempts = 0
    entry.lost = 0
    entry.retryAtMs = 0
    entry.order = 0
    entry.output = undefined
    entry.fault = undefined
    entry.undoFault = undefined
    entry.standing = true
  }

  #done(key: string, output: unknown, signal: string | undefined): void {
    const entry = this.#entry(key)
    entry.output = output
    entry.order = ++this.#order
    if (signal !== undefined) this.#useUp(entry, signal)
    this.#set(entry, 'done')
    this.#passed(entry)
    const { node } = entry
    if (node.kind === 'step' && node.declaration === 'pivot') this.pivoted = true
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
    if (!known || record.clean) entry.standing = false
    entry.fault = record.fault
    this.#set(entry, 'failed')
  }

  #judged({ why, fault, undo }: Extract<RunRecord, { is: 'verdict' }>): void {
    this.verdict = { why, fault, undo }
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
      if (!isUndoable(entry) || entry.status === 'undoFailed') continue
      entry.undoFault = fault
      this.#set(entry, 'undoFailed')
    }
  }

  #undoing(entry: Entry): void {
    entry.attempts = 0
    entry.lost = 0
    entry.retryAtMs = 0
    this.#set(entry, 'undoing')
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
    const forward = entry.status === 'failed' || entry.status === 'held'
    this.phase = this.verdict ? 'undoing' : 'running'
    if (how === 'forward') return this.#forward()
    if (how === 'retry' && (entry.node.kind === 'branch' || entry.node.kind === 'each')) return this.#forget(entry)
    if (how === 'retry') return forward ? this.#again(entry) : this.#undoing(entry)
    if (!forward) return this.#set(entry, how === 'done' ? 'undone' : 'left')
    entry.output = output
    if (how === 'done') return this.#done(key, output, undefined)
    this.#set(entry, 'skipped')
    this.#passed(entry)
  }

  /** It is decided anew. */
  #forget({ key }: Entry): void {
    this.entries.delete(key)
    this.spreads.delete(key)
  }

  #again(entry: Entry): void {
    entry.attempts = 0
    entry.lost = 0
    entry.retryAtMs = 0
    this.#set(entry, 'begun')
  }

  /** The saga goes on instead of back: what stands counts, what was undone is done anew. */
  #forward(): void {
    this.phase = 'running'
    this.verdict = undefined
    for (const entry of this.entries.values()) {
      if (isPassed(entry)) continue
      const stands = entry.order > 0 && entry.status !== 'undone'
      if (stands) entry.undoFault = undefined
      this.#set(entry, stands ? 'done' : 'undone')
    }
    for (const [name, spread] of this.spreads)
      spread.passed = [...this.entries.values()].filter((entry) => entry.unit === name && isPassed(entry)).length
  }

  #set(entry: Entry, status: Entry['status']): void {
    entry.status = status
    if (isLive(entry)) this.live.set(entry.key, entry)
    else this.live.delete(entry.key)
    // Whatever changes while it rests has to be looked at anew.
    if (this.phase === 'attention') this.phase = this.verdict ? 'undoing' : 'running'
  }
}

/** The place of an item in its list. */
export function itemOf(key: string): number {
  return Number(key.slice(key.lastIndexOf('[') + 1, -1))
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

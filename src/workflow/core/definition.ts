/**
 * What a saga is once it is built: a tree of nodes, plain data but for the functions that the user gave. Unlike the builder
 * (`saga.ts`) it knows nothing of types along the chain; unlike the machine (`run.ts`) it does nothing. Pure.
 */
import type { RetryPolicy } from './retry.ts'
import type { StepContext } from './step-context.ts'

/** What came before a step: the input of the saga, and the outputs of the steps that are done, by name. */
export interface Before {
  readonly input: unknown
  readonly out: Readonly<Record<string, unknown>>
}

/**
 * What a step says of itself. `undo`: it can be undone. `readOnly`: it changes nothing. `pivot`: once it is done the saga only
 * goes forward. `irreversible`: it cannot be undone, and what it leaves is listed. `retriable`: it stands behind the pivot, where
 * nothing is undone any more.
 */
export type Declaration = 'undo' | 'readOnly' | 'pivot' | 'irreversible' | 'retriable'

/** How a step is shown to people. */
export interface Label {
  readonly kind: 'function' | 'command' | 'propose'
  /** Whom it commands or which group it proposes to. */
  readonly to?: string
  /** The message it sends. */
  readonly message?: string
}

export type Do = (input: unknown, context: StepContext) => unknown
export type Undo = (input: unknown, output: unknown, context: StepContext) => unknown

export interface Pacing {
  readonly retry: RetryPolicy
  /** Of one attempt. */
  readonly timeoutMs: number
}

export interface StepNode {
  readonly kind: 'step'
  readonly name: string
  readonly declaration: Declaration
  /** What an irreversible step leaves behind. */
  readonly leaves: string | undefined
  readonly derive: ((before: Before) => unknown) | undefined
  readonly do: Do
  readonly pacing: Pacing
  /** Longest silence between two heartbeats; undefined: none are asked for. */
  readonly heartbeatMs: number | undefined
  readonly undo: Undo | undefined
  readonly undoPacing: Pacing
  readonly label: Label
}

export interface ChildNode {
  readonly kind: 'child'
  readonly name: string
  readonly definition: Definition
  readonly derive: (before: Before) => unknown
}

/** Steps that run at once. */
export interface ParallelNode {
  readonly kind: 'parallel'
  /** Names of the members joined by `+`. */
  readonly name: string
  readonly members: readonly StepNode[]
}

export interface WaitNode {
  readonly kind: 'wait'
  readonly name: string
  readonly signal: string
  readonly timeoutMs: number | undefined
  /** What the end of the time means: the step fails, or the saga goes on without data. */
  readonly onTimeout: 'fail' | 'continue'
  /** The data say `approved`, and the step fails unless that is true. */
  readonly approval: boolean
  /** Who is asked, for people. */
  readonly by: string | undefined
  /** Throws what is wrong with the data of a signal, or gives them. */
  readonly check: ((data: unknown) => unknown) | undefined
}

export interface SleepNode {
  readonly kind: 'sleep'
  readonly name: string
  readonly forMs: number | ((before: Before) => number)
}

export interface BranchNode {
  readonly kind: 'branch'
  readonly name: string
  readonly choose: (before: Before) => string
  readonly cases: ReadonlyMap<string, readonly Node[]>
}

/** One step for each of several items. */
export interface EachNode {
  readonly kind: 'each'
  readonly name: string
  readonly items: (before: Before) => readonly unknown[]
  readonly itemsMax: number
  readonly concurrency: number
  readonly step: StepNode
}

export type Node = StepNode | ChildNode | ParallelNode | WaitNode | SleepNode | BranchNode | EachNode

export interface Rate {
  readonly max: number
  readonly perMs: number
}

/** A lock by name, and the steps that need it; none: all of them. */
export interface LockNeed {
  readonly name: string
  readonly for: readonly string[]
}

export interface Definition {
  readonly name: string
  readonly version: number
  readonly nodes: readonly Node[]
  /** SHA-256 over the structure, in hexadecimal digits: what a run is pinned to. */
  readonly hash: string
  /** Throws what is wrong with an input, or gives it. */
  readonly check: ((input: unknown) => unknown) | undefined
  /** From the start until the pivot; undefined: none. */
  readonly deadlineMs: number | undefined
  readonly locks: ((input: unknown) => readonly LockNeed[]) | undefined
  readonly priority: ((input: unknown) => number) | undefined
  readonly concurrency: { readonly key: (input: unknown) => string; readonly max: number } | undefined
  readonly rate: (Rate & { readonly key: (input: unknown) => string }) | undefined
  /** Whether the result of the saga is derived; undefined: the outputs of its steps. */
  readonly output: ((before: Before) => unknown) | undefined
}

/** All nodes below and with these, in order. */
export function* everyNode(nodes: readonly Node[]): Generator<Node, void> {
  for (const node of nodes) {
    yield node
    if (node.kind === 'parallel') yield* node.members
    if (node.kind === 'each') yield node.step
    if (node.kind === 'branch') for (const inner of node.cases.values()) yield* everyNode(inner)
  }
}

/** True when a run of it may come past a step after which it only goes forward. */
export function mayPivot(nodes: readonly Node[]): boolean {
  for (const node of everyNode(nodes)) {
    if (node.kind === 'step' && node.declaration === 'pivot') return true
    if (node.kind === 'child' && mayPivot(node.definition.nodes)) return true
  }
  return false
}

/** True when every run of it that comes to its end has come past such a step, whatever its branches chose. */
export function surelyPivots(nodes: readonly Node[]): boolean {
  return nodes.some((node) => {
    if (node.kind === 'step') return node.declaration === 'pivot'
    if (node.kind === 'child') return surelyPivots(node.definition.nodes)
    return node.kind === 'branch' && node.cases.size > 0 && [...node.cases.values()].every(surelyPivots)
  })
}

/** What a run is pinned to: names, kinds and declarations in their order; no code, no times. */
export function structureOf(nodes: readonly Node[]): unknown {
  return nodes.map((node) => {
    const { kind, name } = node
    switch (kind) {
      case 'step':
        return { kind, name, declaration: node.declaration, undo: node.undo !== undefined }
      case 'child':
        return { kind, name, saga: node.definition.name, version: node.definition.version }
      case 'parallel':
        return { kind, members: structureOf(node.members) }
      case 'wait':
        return { kind, name, signal: node.signal, approval: node.approval }
      case 'sleep':
        return { kind, name }
      case 'branch':
        return { kind, name, cases: [...node.cases].map(([key, inner]) => [key, structureOf(inner)]) }
      case 'each':
        return { kind, name, step: structureOf([node.step]) }
      default:
        return node satisfies never
    }
  })
}

/**
 * Asks nodes over a bus what they do: one by its name, or all of a realm, gathered. Unlike `wire.ts` it talks to the bus; it
 * keeps nothing between two looks. An answer that is malformed is left out and counted: one strange program on the bus must
 * not blind whoever looks at the others.
 */
import type { Bus, Message } from '../bus/bus.ts'
import { NoResponders } from '../bus/error.ts'
import { inspectSubject } from '../node/control.ts'
import { MalformedInspection } from './error.ts'
import { readNode } from './wire.ts'
import type { NodeView } from './wire.ts'

export interface AskOptions {
  /** Default `local`. */
  readonly realm?: string
  /** Default: all nodes of the realm. */
  readonly node?: string
  /** How long to wait in all. Default 2000. */
  readonly timeoutMs?: number
  /** Of all nodes: how long to wait for one more after the last that answered. Default 250. */
  readonly stallMs?: number
  /** Of all nodes: answers taken. Default 256. */
  readonly nodesMax?: number
  readonly signal?: AbortSignal
}

export interface Looked {
  /** By name. */
  readonly nodes: readonly NodeView[]
  /** Answers that were no inspection. */
  readonly malformed: number
}

const nothing = new Uint8Array(0)

/**
 * Who does not answer is left out; nobody at all is an empty list. Rejects with `base.aborted`, `base.invalid_argument`,
 * `bus.permission_denied`, `bus.closed`.
 */
export async function inspectNodes(bus: Bus, options: AskOptions = {}): Promise<Looked> {
  const { realm = 'local', node, timeoutMs = 2000, stallMs = 250, nodesMax = 256, signal } = options
  const subject = inspectSubject(realm, node)
  const found = new Map<string, NodeView>()
  let malformed = 0
  const bounds = node === undefined ? { stallMs, max: nodesMax } : { max: 1 }
  try {
    for await (const message of bus.requestMany(subject, nothing, {
      timeoutMs,
      ...bounds,
      ...(signal && { signal }),
    })) {
      const view = viewOf(message)
      // A bus that another program is on too may carry anything.
      if (!view || view.realm !== realm || (node !== undefined && view.node !== node)) malformed++
      else found.set(`${view.node}/${view.incarnation}/${view.process.pid}`, view)
    }
  } catch (error) {
    if (!(error instanceof NoResponders)) throw error
  }
  const nodes = [...found.values()].sort((a, b) => (a.node < b.node ? -1 : Number(a.node > b.node)))
  return { nodes, malformed }
}

function viewOf(message: Message): NodeView | undefined {
  try {
    return readNode(message.data)
  } catch (error) {
    if (error instanceof MalformedInspection) return undefined
    throw error
  }
}

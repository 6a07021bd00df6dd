/**
 * Watch: nodes over many looks: who is there, what happened since the look before, who is gone. Unlike `rates.ts`, which
 * compares two looks, it keeps the last one of each node. It asks nobody: whoever looks hands in what was seen, and when.
 */
import { isSameLife, ratesBetween } from './rates.ts'
import type { Rates } from './rates.ts'
import type { NodeView } from './wire.ts'

/** A node as it was seen last. */
export interface WatchedNode {
  readonly view: NodeView
  /** None at the first look. */
  readonly rates: Rates | undefined
  /** How long it has not answered; 0: it did at the last look. */
  readonly awayMs: number
}

export interface WatchOptions {
  /** A node that has not answered for so long is forgotten. Default 60,000. */
  readonly awayMaxMs?: number
  /** Nodes kept; beyond it those that are gone the longest go first. Default 512. */
  readonly nodesMax?: number
}

interface Seen {
  readonly view: NodeView
  readonly rates: Rates | undefined
  readonly seenMs: number
}

export class Watch {
  readonly #awayMaxMs: number
  readonly #nodesMax: number
  #seen: readonly Seen[] = []
  #nowMs = 0

  constructor(options: WatchOptions = {}) {
    this.#awayMaxMs = options.awayMaxMs ?? 60_000
    this.#nodesMax = options.nodesMax ?? 512
  }

  /** What one look has seen; `nowMs` never goes back. */
  take(views: readonly NodeView[], nowMs: number): void {
    this.#nowMs = nowMs
    const before = this.#seen
    const now = views.map((view): Seen => {
      const last = before.find((each) => isSameLife(each.view, view))
      // The answer that another look got a moment ago.
      if (last && last.view.upMs === view.upMs) return { ...last, seenMs: nowMs }
      return { view, rates: last && ratesBetween(last.view, view), seenMs: nowMs }
    })
    const names = new Set(views.map(({ node }) => node))
    const away = before.filter(
      ({ view, seenMs }) => !names.has(view.node) && nowMs - seenMs <= this.#awayMaxMs && seenMs < nowMs,
    )
    this.#seen = [...now, ...away.sort((a, b) => b.seenMs - a.seenMs)].slice(0, this.#nodesMax)
  }

  /** By name. */
  get nodes(): readonly WatchedNode[] {
    return this.#seen
      .map(({ view, rates, seenMs }) => ({ view, rates, awayMs: this.#nowMs - seenMs }))
      .sort((a, b) => (a.view.node < b.view.node ? -1 : Number(a.view.node > b.view.node)))
  }
}

/**
 * What the workflows over one journal of this process share: who works on which run, and the locks. The journal is the truth of both; this is
 * how they hear of each other without asking it. Unlike the bus it reaches no other process.
 */
import type { Entropy } from '../base/entropy.ts'
import type { Journal } from '../journal/journal.ts'
import { LockTable } from './lock-table.ts'
import type { ChildEnd, Refusal, SagaRun } from './core/run.ts'

/** Whoever works on a run in this process. */
export interface LocalDriver {
  readonly id: string
  readonly worker: string
  /**
   * Has the machine decide on something, and resolves when what it decided is in the journal; at once with its refusal. Rejects when
   * that is not known.
   */
  say(input: (machine: SagaRun, nowMs: number) => Refusal | undefined): Promise<Refusal | undefined>
  readonly machine: SagaRun
  /** How it stands for its parent: undefined while it goes on. */
  end(): ChildEnd | undefined
}

export class Hub {
  /** The life of this journal in this process: workers of an earlier one are gone. */
  readonly incarnation: string
  readonly locks: LockTable
  readonly drivers: Map<string, LocalDriver> = new Map()
  readonly #watchers = new Map<string, Set<() => void>>()

  constructor(journal: Journal, entropy: Entropy) {
    this.incarnation = Buffer.from(entropy.bytes(8)).toString('hex')
    this.locks = new LockTable(journal)
  }

  /** Calls back whenever something may have changed for a run, until what is returned is called. */
  watch(id: string, told: () => void): () => void {
    let watchers = this.#watchers.get(id)
    if (!watchers) this.#watchers.set(id, (watchers = new Set()))
    watchers.add(told)
    return () => {
      watchers.delete(told)
      if (watchers.size === 0 && this.#watchers.get(id) === watchers) this.#watchers.delete(id)
    }
  }

  tell(id: string): void {
    const watchers = this.#watchers.get(id)
    if (watchers) for (const told of watchers) told()
  }

  tellAll(): void {
    for (const id of this.#watchers.keys()) this.tell(id)
  }
}

const hubs = new WeakMap<Journal, Hub>()

export function hubOf(journal: Journal, entropy: Entropy): Hub {
  let hub = hubs.get(journal)
  if (!hub) hubs.set(journal, (hub = new Hub(journal, entropy)))
  return hub
}

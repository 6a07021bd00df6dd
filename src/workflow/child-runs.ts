/**
 * The children of runs: each is a run of its own, begun by its parent and undone by it. It tells the parent whenever the child has ended or rests,
 * and has it go back when the parent does. Unlike the parent's driver it knows other runs; it decides nothing of either.
 */
import { Closed, codeOf } from '../base/error.ts'
import type { ChildOrder, ChildWorld } from './activities.ts'
import type { Journal } from '../journal/journal.ts'
import { fault, faultOf } from './core/fault.ts'
import { childEnd, SagaRun } from './core/run.ts'
import type { ChildEnd, Refusal } from './core/run.ts'
import { runStream } from './event.ts'
import { readHistory } from './history.ts'
import type { Hub, LocalDriver } from './hub.ts'
import type { Registry } from './registry.ts'

export interface ChildPorts {
  readonly hub: Hub
  readonly journal: Journal
  readonly registry: Registry
  /** Starts it, if there is none of that id. */
  readonly begin: (child: ChildOrder) => Promise<unknown>
  /** Of one that may have been begun although that failed: resolves when it is known. */
  readonly known: (id: string) => Promise<void> | undefined
  /** Works on one that nobody works on. */
  readonly take: (id: string) => Promise<LocalDriver | undefined>
}

/** A parent that has its child go back. */
interface Asking {
  /** The child knows of it. */
  readonly asked: () => void
  /** Nobody wants to know any more. */
  readonly stopped: () => boolean
}

const triesMax = 5

export class ChildRuns implements ChildWorld {
  readonly #ports: ChildPorts

  constructor(ports: ChildPorts) {
    this.#ports = ports
  }

  watch(child: ChildOrder, back: boolean, told: (end: ChildEnd) => void): { stop(): void } {
    const { hub } = this.#ports
    let stopped = false
    // One that is to go back may be completed, or rest, until it has been told so: that is no answer.
    let asked = !back
    const tell = (end: ChildEnd | undefined): void => {
      if (end && !stopped) told(end)
    }
    const unwatch = hub.watch(child.id, () => {
      if (asked) tell(hub.drivers.get(child.id)?.end())
    })
    const going = back
      ? this.#undo(child, { asked: () => (asked = true), stopped: () => stopped })
      : this.#go(child, () => stopped)
    going.then(tell, (thrown: unknown) => {
      // Whoever stops leaves it to the next life; else an operator has to look.
      if (codeOf(thrown) !== 'base.closed') tell({ status: 'needs-attention', fault: faultOf(thrown) })
    })
    return {
      stop() {
        stopped = true
        unwatch()
      },
    }
  }

  follow(child: ChildOrder, told: (end: ChildEnd) => void): { stop(): void } {
    const { hub } = this.#ports
    let stopped = false
    const tell = (end: ChildEnd | undefined): void => {
      if (end && end.status !== 'needs-attention' && !stopped) told(end)
    }
    const unwatch = hub.watch(child.id, () => tell(hub.drivers.get(child.id)?.end()))
    this.#stands(child).then(tell, () => undefined)
    return {
      stop() {
        stopped = true
        unwatch()
      },
    }
  }

  /** How it stands by its journal, where nobody works on it. */
  async #stands({ id, definition }: ChildOrder): Promise<ChildEnd | undefined> {
    const { hub, journal } = this.#ports
    const driver = hub.drivers.get(id)
    if (driver) return driver.end()
    const history = await readHistory(journal, id)
    if (!history) return undefined
    const machine = new SagaRun(definition, history.data.input)
    machine.replay(history.records)
    return machine.state.ended ? childEnd(machine) : undefined
  }

  /** Begins it; gives how it stands, if it stands still. */
  async #go(child: ChildOrder, stopped: () => boolean): Promise<ChildEnd | undefined> {
    const { hub, registry, begin, known } = this.#ports
    registry.add(child.definition)
    let driver = hub.drivers.get(child.id)
    if (!driver) {
      try {
        await begin(child)
      } catch (thrown) {
        if (codeOf(thrown) === 'base.closed') throw thrown
        const doubt = known(child.id)
        if (doubt) {
          await doubt
          return stopped() ? undefined : this.#go(child, stopped)
        }
        // It never was: nothing of it stands.
        return { status: 'compensated', fault: faultOf(thrown) }
      }
      driver = await this.#driverOf(child)
    }
    return driver?.end()
  }

  /**
   * Whoever works on it in this process from here on. A worker that has lost the parent and does not know it yet may be quicker to take the
   * child, but not again and again. Rejects with `base.closed` when this is that worker.
   */
  async #driverOf({ id, parent }: ChildOrder): Promise<LocalDriver | undefined> {
    const { hub, journal, take } = this.#ports
    for (let tries = 0; tries < triesMax; tries++) {
      const known = hub.drivers.get(id)
      if (known) return known
      const above = await readHistory(journal, parent.run)
      if (above?.worker !== hub.drivers.get(parent.run)?.worker)
        throw new Closed(`this worker's hold of the run ${parent.run}, which another has taken,`)
      const driver = await take(id)
      if (driver || (await journal.version(runStream(id))) === 0) return driver
    }
    return undefined
  }

  /** Has it go back, also when it had completed. */
  async #undo(child: ChildOrder, asking: Asking, tries = 1): Promise<ChildEnd | undefined> {
    const { journal } = this.#ports
    const { id, parent } = child
    const driver = await this.#driverOf(child)
    if (!driver) {
      // It was never begun, so there is nothing to undo; or nobody can work on it.
      if ((await journal.version(runStream(id))) === 0) return { status: 'compensated' }
      const held = fault(
        'workflow.child_held',
        'ChildHeld',
        `nobody can work on the child ${id}; look why with: colloquy saga show ${id}`,
      )
      return { status: 'needs-attention', fault: held }
    }
    const reason = fault('workflow.parent_undone', 'ParentUndone', `the saga ${parent.run} is undone`)
    let refusal: Refusal | undefined
    try {
      refusal = await driver.say((machine, nowMs) => machine.unwind(reason, nowMs))
    } catch (thrown) {
      // It was taken from who worked on it, or only about to be started: whoever has it then is told.
      if (codeOf(thrown) !== 'base.closed' || asking.stopped() || tries === triesMax) throw thrown
      return this.#undo(child, asking, tries + 1)
    }
    asking.asked()
    const end = driver.end()
    if (refusal !== 'past_pivot' || end?.status !== 'completed') return end
    const why = fault('workflow.past_pivot', 'PastPivot', `the child ${id} is past its pivot and cannot be undone`)
    return { ...end, fault: why }
  }
}

/**
 * The children of runs: each is a run of its own, begun by its parent and undone by it. It tells the parent whenever the child has ended or rests,
 * and has it go back when the parent does. Unlike the parent's driver it knows other runs; it decides nothing of either.
 */
import { codeOf } from '../base/error.ts'
import type { ChildOrder, ChildWorld } from './activities.ts'
import { fault, faultOf } from './core/fault.ts'
import type { ChildEnd } from './core/run.ts'
import type { Hub, LocalDriver } from './hub.ts'
import type { Registry } from './registry.ts'

export interface ChildPorts {
  readonly hub: Hub
  readonly registry: Registry
  /** Starts it, if there is none of that id. */
  readonly begin: (child: ChildOrder) => Promise<void>
  /** Works on one that nobody works on. */
  readonly take: (id: string) => Promise<LocalDriver | undefined>
}

export class ChildRuns implements ChildWorld {
  readonly #ports: ChildPorts

  constructor(ports: ChildPorts) {
    this.#ports = ports
  }

  watch(child: ChildOrder, back: boolean, told: (end: ChildEnd) => void): { stop(): void } {
    const { hub } = this.#ports
    let stopped = false
    const tell = (end: ChildEnd | undefined): void => {
      if (end && !stopped) told(end)
    }
    const unwatch = hub.watch(child.id, () => tell(hub.drivers.get(child.id)?.end()))
    const going = back ? this.#undo(child) : this.#go(child)
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

  /** Begins it; gives how it stands, if it stands still. */
  async #go(child: ChildOrder): Promise<ChildEnd | undefined> {
    const { hub, registry, begin, take } = this.#ports
    registry.add(child.definition)
    let driver = hub.drivers.get(child.id)
    if (!driver) {
      try {
        await begin(child)
      } catch (thrown) {
        if (codeOf(thrown) === 'base.closed') throw thrown
        // It never was: nothing of it stands.
        return { status: 'compensated', fault: faultOf(thrown) }
      }
      driver = hub.drivers.get(child.id) ?? (await take(child.id))
    }
    return driver?.end()
  }

  /** Has it go back, also when it had completed. */
  async #undo({ id, parent }: ChildOrder): Promise<ChildEnd | undefined> {
    const { hub, take } = this.#ports
    const driver = hub.drivers.get(id) ?? (await take(id))
    // It was never begun, so there is nothing to undo.
    if (!driver) return { status: 'compensated' }
    const reason = fault('workflow.parent_undone', 'ParentUndone', `the saga ${parent.run} is undone`)
    const refusal = await driver.say((machine, nowMs) => machine.unwind(reason, nowMs))
    const end = driver.end()
    if (refusal !== 'past_pivot' || end?.status !== 'completed') return end
    const why = fault('workflow.past_pivot', 'PastPivot', `the child ${id} is past its pivot and cannot be undone`)
    return { ...end, fault: why }
  }
}

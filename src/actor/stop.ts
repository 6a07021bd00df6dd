/**
 * How several actors are stopped one after the other, for the system: those at the top, and the children of a plain actor.
 * Unlike the supervision machine it restarts nobody and knows no order but the reverse; unlike a life it ends none itself.
 */
import type { Clock } from '../base/clock.ts'
import type { Pace } from '../base/pace.ts'
import type { StopActorOptions } from './actor.ts'
import { fairShareMs } from './core/supervision-child.ts'

interface Stoppable {
  readonly options: { readonly shutdownMs: number }
}

/**
 * The last first, all by the deadline. One that hangs leaves time to the others and, with `kept` 1, a share to whoever ends
 * after all of them. Thousands let the event loop turn now and then.
 */
export async function stopInTurn<Cell extends Stoppable>(
  { clock, pace }: { readonly clock: Clock; readonly pace: Pace },
  cells: readonly Cell[],
  by: { readonly deadlineMs: number; readonly kept: 0 | 1 },
  stop: (cell: Cell, options: StopActorOptions) => Promise<void>,
): Promise<void> {
  const endMs = clock.monotonicMs() + by.deadlineMs
  let count = cells.length + by.kept
  for (const cell of cells.toReversed()) {
    const leftMs = endMs - clock.monotonicMs()
    const deadlineMs = Math.min(cell.options.shutdownMs, fairShareMs(leftMs, count--))
    await stop(cell, leftMs > 0 ? { deadlineMs } : { reason: 'kill' })
    pace.spend()
    if (pace.resting) await pace.rest()
  }
}

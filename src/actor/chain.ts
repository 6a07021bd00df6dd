/**
 * Chain: who waits for whom, from the call in hand back to where it began. A call to an actor of the chain would wait for
 * itself. The chain ends where somebody does not wait any more: his handler is over, or the call has ended.
 */
import type { CallFrame, Sender } from './letter.ts'

/** Whether an actor of the chain is the one that would be asked, and so cannot answer. */
export function waitsFor(frame: CallFrame | undefined, callee: Sender): boolean {
  for (let at = frame; at?.active; at = above(at)) if (at.caller === callee) return true
  return false
}

/** The actors of the cycle that a call would close, the callee first and last. */
export function cycleOf(frame: CallFrame, callee: Sender): string[] {
  const callers = [callee.text]
  for (let at: CallFrame | undefined = frame; at?.active; at = above(at)) {
    callers.push(at.caller.text)
    if (at.caller === callee) break
  }
  return callers.toReversed()
}

function above(frame: CallFrame): CallFrame | undefined {
  return frame.up && !frame.up.settled ? frame.up.frame : undefined
}

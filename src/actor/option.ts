/** The options of sends, spawns and stops, checked as they come in: TypeScript does not guard a caller in JavaScript. */
import { InvalidArgument } from '../base/error.ts'
import type { Delivery, Restart, SendOptions } from './actor.ts'
import type { Extra } from './letter.ts'

export function extraOf(options: SendOptions): Extra {
  return {
    priority: priorityOf(options.priority),
    correlation: options.correlation,
    call: undefined,
    receipt: undefined,
  }
}

export function deliveryOf(delivery: Delivery | undefined): Delivery {
  if (delivery === undefined || delivery === 'at-most-once') return 'at-most-once'
  if (delivery === 'enqueued' || delivery === 'processed') return delivery
  throw new InvalidArgument('delivery', 'must be at-most-once, enqueued or processed')
}

export function priorityOf(priority: SendOptions['priority']): 'high' | 'normal' | 'low' {
  if (priority === undefined || priority === 'normal') return 'normal'
  if (priority === 'high' || priority === 'low') return priority
  throw new InvalidArgument('priority', 'must be high, normal or low')
}

export function restartOf(restart: Restart | undefined): Restart {
  if (restart === undefined) return 'transient'
  if (restart === 'permanent' || restart === 'transient' || restart === 'temporary') return restart
  throw new InvalidArgument('restart', 'must be permanent, transient or temporary')
}

export function delayOf(name: string, delayMs: number | undefined, usual: number): number {
  if (delayMs === undefined) return usual
  if (typeof delayMs === 'number' && delayMs >= 0) return delayMs
  throw new InvalidArgument(name, 'must be a number of milliseconds, 0 or more')
}

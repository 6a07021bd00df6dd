/**
 * Reactor: what happens because of an event: a message to others, an event in another stream, a call to the world. Unlike a
 * projection it has no state and its handlers may wait; unlike a plain subscriber it publishes through an outbox, so that
 * what a handler publishes leaves if and only if its checkpoint is stored. This file only makes and checks the definition.
 *
 * ```ts
 * const welcome = reactor({
 *   name: 'welcome',
 *   on: {
 *     'account.opened': async (event: CloudEvent<{ owner: string }>, context) => {
 *       context.publish('mail.welcome', { type: 'mail.asked', data: { to: event.data.owner } })
 *       context.append('greeted', [{ type: 'account.greeted', data: { owner: event.data.owner } }])
 *     },
 *   },
 * })
 * ```
 *
 * A handler may be called again for the same event: after a crash, after it threw, or when the reactor is taken back. What it
 * does to the world by itself it has to hold back when `context.replaying` is true, and to make harmless when done twice.
 */
import type { CloudEvent, EventInput } from '../base/envelope.ts'
import { checkKeys } from '../base/limit.ts'
import { checkFilter } from './filter.ts'
import type { ExpectedVersion, Filter, Position } from './journal.ts'
import { checkHandlers, checkName } from './projection.ts'

/** An event in the making: id, time, correlation and cause are added. Default source: that of the reactor. */
export type ReactorEvent<Data = unknown> = Omit<EventInput<Data>, 'cause' | 'source'> & { readonly source?: string }

export interface ReactorContext {
  /** True when this position had been handled by this reactor before; what is published then is dropped, unless asked for. */
  readonly replaying: boolean
  readonly stream: string
  readonly version: number
  readonly position: Position
  /** Aborted when the reactor stops or the handler takes too long. */
  readonly signal: AbortSignal
  /**
   * Puts a message into the outbox. It is caused by the event that is handled, unless it says what caused it. Throws
   * `bus.invalid_subject`, `base.envelope_invalid`, the codec's errors, `base.limit_exceeded`, and `base.invalid_argument`
   * without a bus or after the handler has ended.
   */
  readonly publish: (subject: string, event: ReactorEvent | CloudEvent) => void
  /** Puts an append into the outbox; its idempotency key is made of reactor, position and place, so it happens once. */
  readonly append: (
    stream: string,
    events: readonly (ReactorEvent | CloudEvent)[],
    options?: { readonly expectedVersion?: ExpectedVersion },
  ) => void
}

export type ReactorHandler<Data> = (event: CloudEvent<Data>, context: ReactorContext) => Promise<void> | void

export interface ReactorOptions<Events> {
  /** 1 to 100 characters; the checkpoint and the outbox are kept under it. */
  readonly name: string
  /** Which events, besides that there is a handler for their type. */
  readonly filter?: Omit<Filter, 'types'>
  /** A handler for each type of event, 1 to 1,000. */
  readonly on: { readonly [Type in keyof Events]: ReactorHandler<Events[Type]> }
}

/** A definition that passed its checks. */
export interface Reactor {
  readonly name: string
  readonly owner: string
  readonly filter: Filter
  readonly handlers: ReadonlyMap<string, ReactorHandler<never>>
}

/** Checks a definition. Throws `base.invalid_argument`, `base.limit_exceeded`. */
export function reactor<Events>(given: ReactorOptions<Events>): Reactor {
  checkKeys('reactor', given, ['name', 'filter', 'on'])
  const name = checkName(given.name)
  const handlers = checkHandlers(given.on as Readonly<Record<string, ReactorHandler<never>>>)
  const filter: Filter = { ...given.filter, types: [...handlers.keys()] }
  checkFilter(filter)
  return Object.freeze({ name, owner: `reactor/${name}`, filter, handlers })
}

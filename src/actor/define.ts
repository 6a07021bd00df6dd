/** `actor()`: checks a definition once, so that spawning need not, and keeps its handlers where no inherited name is found. */
import { InvalidArgument } from '../base/error.ts'
import { plainName, wholeNumber } from '../base/limit.ts'
import { delayOf } from './option.ts'
import type { ActorDefinition, ActorSpec, Context, Handlers, ProtocolOf } from './actor.ts'

/** Any spec, as the runtime sees it. */
export type AnySpec = ActorSpec<unknown, unknown, Handlers<unknown>>
export type Handler = (ctx: Context<unknown>, message: unknown) => unknown
/** Without a prototype. */
export type Behaviour = Readonly<Record<string, Handler>>

class Definition implements ActorDefinition {
  readonly type: string
  readonly version: number
  readonly spec: AnySpec
  readonly handlers: Behaviour

  constructor(spec: AnySpec) {
    this.type = plainName('type', spec.type, 64)
    this.version = wholeNumber('version', spec.version, 1)
    if (typeof spec.state !== 'function') throw new InvalidArgument('state', 'must be a function that makes the state')
    this.spec = spec
    this.handlers = behaviourOf(spec.on)
    if (spec.inFlightMax !== undefined) wholeNumber('inFlightMax', spec.inFlightMax, 1)
    delayOf('shutdownMs', spec.shutdownMs, 0)
    if (spec.stashMax !== undefined) wholeNumber('stashMax', spec.stashMax, 1)
    if (spec.handlerTimeoutMs !== undefined) wholeNumber('handlerTimeoutMs', spec.handlerTimeoutMs, 1)
    if (spec.startTimeoutMs !== undefined) wholeNumber('startTimeoutMs', spec.startTimeoutMs, 1)
  }
}

/** Handlers as they are looked up; `over` stands in for others of the same names. */
export function behaviourOf(handlers: Handlers<never>, under?: Behaviour): Behaviour {
  const behaviour = Object.create(null) as Record<string, Handler>
  Object.assign(behaviour, under)
  for (const [name, handler] of Object.entries(handlers)) {
    if (typeof handler !== 'function') throw new InvalidArgument(`on.${name}`, 'must be a function')
    behaviour[name] = handler as Handler
  }
  return behaviour
}

/**
 * Defines a kind of actor. The types of messages and results are those of the handlers. Throws `base.invalid_argument`.
 *
 *     const tally = actor({
 *       type: 'tally',
 *       version: 1,
 *       state: (start: number) => ({ n: start }),
 *       on: {
 *         add(ctx, by: number) { ctx.state.n += by },
 *         total(ctx) { return ctx.state.n },
 *       },
 *     })
 */
export function actor<Input = void, State = unknown, const On extends Handlers<State> = Handlers<State>>(
  spec: ActorSpec<Input, State, On>,
): ActorDefinition<Input, ProtocolOf<On>> {
  return new Definition(spec as unknown as AnySpec)
}

/** What `actor()` made; for the runtime. Throws `base.invalid_argument` for anything else. */
export function definitionOf(definition: ActorDefinition<never, never>): {
  readonly spec: AnySpec
  readonly handlers: Behaviour
} {
  if (definition instanceof Definition) return definition
  throw new InvalidArgument('definition', 'must come from actor(), supervisor() or persistentActor()')
}

/** A kind of actor with a handler for every name, for those that only watch what they are sent. */
export function actorOfAll(
  type: string,
  handle: (ctx: Context<undefined>, name: string, message: unknown) => unknown,
): ActorDefinition<void, Record<string, (message: unknown) => unknown>> {
  const spec = { type, version: 1, state: () => undefined, on: {} }
  const made = new Definition(spec)
  const handlers = new Proxy(made.handlers, {
    has: () => true,
    get: (_none, name) => (ctx: Context<undefined>, message: unknown) => handle(ctx, String(name), message),
  })
  return Object.assign(made, { handlers })
}

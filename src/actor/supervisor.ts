/**
 * `supervisor()`: a kind of actor that starts other actors, keeps them running, and ends them with itself. Unlike a plain
 * actor that spawns children it decides what a failure of one means for all, and how often is too often; it has no state
 * or handlers of its own making. What it decides is `core/supervision.ts`, with its differences from OTP and Ergo.
 *
 * A restart keeps a child's reference, name and mailbox. A child that was disabled, removed or has ended loses them: what
 * waits becomes dead letters, and when it is enabled it is another actor of the same id. When the supervisor itself is
 * restarted all its children are made anew from the definition; what was added at run time is not there any more.
 * `node.stopActor` on a child ends it for good, whatever its `restart`. A child whose `init` never settles holds up its
 * group and the boot; the supervisor can still be stopped.
 */
import { ColloquyError, InvalidArgument, LimitExceeded } from '../base/error.ts'
import { plainName, wholeNumber } from '../base/limit.ts'
import type { ActorDefinition, ActorRef, Context, Later, MailboxOptions, Restart } from './actor.ts'
import type { AutoShutdown, Backoff, Strategy } from './core/supervision.ts'
import { actor, definitionOf } from './define.ts'
import { mailboxLimits } from './mailbox.ts'
import { delayOf } from './option.ts'
import { Supervising } from './supervisor-shell.ts'
import type { ChildInfo, ChildOfType, ChildSettings, SupervisorSettings } from './supervisor-shell.ts'

export interface ChildOptions {
  /** Registers the child under this name while it is not ended. */
  readonly name?: string
  /** Default `transient`. */
  readonly restart?: Restart
  /** How long it may take to end before it is killed. Default that of its definition: 5000, none for a supervisor. */
  readonly shutdownMs?: number
  /** Its end for good counts for `autoShutdown`, which must be set. Never of a permanent one. Default false. */
  readonly significant?: boolean
  readonly mailbox?: MailboxOptions
}

declare const checked: unique symbol

/** A child whose input fits its definition; made by `child()`. */
export interface ChildSpec extends ChildOptions {
  readonly [checked]: true
  readonly id: string
  readonly actor: ActorDefinition<never, unknown>
  readonly input: unknown
}

/** The input may be left out where the actor takes none, or an optional one. */
export type ChildArguments<Input> = undefined extends Input
  ? [input?: Input, options?: ChildOptions]
  : [input: Input, options?: ChildOptions]

interface SupervisorCommon {
  /** Names the kind, as an actor's. Default `supervisor`. */
  readonly type?: string
  /** Failures borne within `periodMs`; one more and it ends with `actor.restart_intensity`. Default 5. */
  readonly intensity?: number
  /** Default 5000. With a backoff that spreads failures over more than that it never gives up. */
  readonly periodMs?: number
  /** The wait before a restart. Default: none. */
  readonly backoff?: Partial<Backoff>
  /** Ends it with `shutdown` when a significant child, or the last of them, has ended for good. Default `never`. */
  readonly autoShutdown?: AutoShutdown
  /** Children at a time. Default 65,536. */
  readonly childrenMax?: number
}

export interface SupervisorSpec extends SupervisorCommon {
  readonly strategy: Exclude<Strategy, 'simple-one-for-one'>
  /** Started in this order, each when the one before has started; stopped in the reverse order. */
  readonly children: readonly ChildSpec[]
}

export interface DynamicSupervisorSpec<Input, P> extends SupervisorCommon {
  readonly strategy: 'simple-one-for-one'
  /** What every child is; its input comes with `start`. */
  readonly child: { readonly actor: ActorDefinition<Input, P> } & Omit<ChildOptions, 'name'>
}

/** Asks are refused with `actor.unknown_child`, `actor.child_busy`, `actor.start_failed`, `actor.not_running`. */
export type ChildrenProtocol = {
  readonly children: () => readonly ChildInfo[]
  /** `childRef` gives it its type. */
  readonly child: (id: string | ChildOfType) => ActorRef
  /** Stops it and forgets it. */
  readonly remove: (id: string) => void
  /** Stops it; it stays down, whatever happens to the others, until it is enabled. */
  readonly disable: (id: string) => void
  /** Answered when it has started. A start that fails leaves it disabled. */
  readonly enable: (id: string) => ActorRef
  /** Stops and starts this child alone; not counted as a failure. Also `actor.child_disabled`. */
  readonly restart: (id: string) => ActorRef
}

export type SupervisorProtocol = ChildrenProtocol & {
  /** As the last child. A start that fails leaves no trace. Also `actor.child_exists`, `base.limit_exceeded`. */
  readonly add: (child: ChildSpec) => ActorRef
}

export type DynamicSupervisorProtocol<Input, P> = ChildrenProtocol & {
  /** A child more, of this input; its id is the type with a number. Also `base.limit_exceeded`. */
  readonly start: (...input: undefined extends Input ? [input?: Input] : [input: Input]) => ActorRef<P>
}

const childrenMaxDefault = 65_536
const shutdownMsDefault = 5000

/** A child of a supervisor, checked now. Throws `base.invalid_argument`. */
export function child<Input, P>(
  id: string,
  definition: ActorDefinition<Input, P>,
  ...given: ChildArguments<Input>
): ChildSpec {
  const [input, options] = given as [unknown, ChildOptions | undefined]
  const spec = { ...options, id: plainName('id', id, 128), actor: definition, input } as unknown as ChildSpec
  settingsOf(spec)
  return spec
}

/** Defines a supervisor; it is spawned as any actor is. Throws `base.invalid_argument`. */
export function supervisor(spec: SupervisorSpec): ActorDefinition<void, SupervisorProtocol>
export function supervisor<Input, P>(
  spec: DynamicSupervisorSpec<Input, P>,
): ActorDefinition<void, DynamicSupervisorProtocol<Input, P>>
export function supervisor(
  spec: SupervisorSpec | DynamicSupervisorSpec<never, unknown>,
): ActorDefinition<void, SupervisorProtocol> | ActorDefinition<void, DynamicSupervisorProtocol<never, unknown>> {
  const settings = supervisorSettings(spec)
  const { autoShutdown } = settings.supervision
  const common = {
    type: spec.type ?? 'supervisor',
    version: 1,
    // Its children have theirs, and a stop from above its own.
    shutdownMs: Number.POSITIVE_INFINITY,
    state: () => new Supervising(settings),
    init: (ctx: Ctx): Promise<void> | undefined => ctx.state.boot(ctx),
  }
  const { dynamic } = settings
  const definition = dynamic
    ? actor({
        ...common,
        on: { ...handlers, start: (ctx: Ctx, input: unknown) => ctx.state.begin(ctx, dynamic, input) },
      })
    : actor({ ...common, on: { ...handlers, add: (ctx: Ctx, given: ChildSpec) => addTo(ctx, given, autoShutdown) } })
  // The handlers of both are the protocol's; only the overloads know which.
  return definition as unknown as ActorDefinition<void, SupervisorProtocol>
}

/** The reference to a child, with the type of its definition. Also rejects with `actor.child_type`. */
export async function childRef<P>(
  ref: ActorRef<ChildrenProtocol>,
  id: string,
  definition: ActorDefinition<never, P>,
): Promise<ActorRef<P>> {
  return (await ref.call('child', { id, type: definition.type })) as unknown as ActorRef<P>
}

type Ctx = Context<Supervising>

const handlers = {
  children: (ctx: Ctx): readonly ChildInfo[] => ctx.state.list(),
  child: (ctx: Ctx, which: string | ChildOfType): ActorRef | Later<never> => ctx.state.find(ctx, which),
  remove: (ctx: Ctx, id: string): Later<void> => ctx.state.ask<void>(ctx, 'remove', id),
  disable: (ctx: Ctx, id: string): Later<void> => ctx.state.ask<void>(ctx, 'disable', id),
  enable: (ctx: Ctx, id: string): Later<ActorRef> => ctx.state.ask<ActorRef>(ctx, 'enable', id),
  restart: (ctx: Ctx, id: string): Later<ActorRef> => ctx.state.ask<ActorRef>(ctx, 'restart', id),
}

/** What is wrong with it is the caller's, and must not end the supervisor. */
function addTo(ctx: Ctx, spec: ChildSpec, autoShutdown: AutoShutdown): Later<ActorRef> {
  if (typeof spec !== 'object' || spec === null)
    return ctx.refuse(new InvalidArgument('child', 'must come from child()'))
  try {
    return ctx.state.add(ctx, settingsOf(spec, autoShutdown))
  } catch (error) {
    if (error instanceof ColloquyError) return ctx.refuse(error)
    throw error
  }
}

function supervisorSettings(spec: SupervisorSpec | DynamicSupervisorSpec<never, unknown>): SupervisorSettings {
  const { strategy, intensity = 5, periodMs = 5000, autoShutdown = 'never', childrenMax = childrenMaxDefault } = spec
  oneOf('strategy', strategy, ['one-for-one', 'all-for-one', 'rest-for-one', 'simple-one-for-one'])
  oneOf('autoShutdown', autoShutdown, ['never', 'any-significant', 'all-significant'])
  if ((strategy === 'simple-one-for-one') === 'children' in spec)
    throw new InvalidArgument('children', 'must be given, or child with simple-one-for-one')
  wholeNumber('childrenMax', childrenMax, 1)
  const children = 'children' in spec ? spec.children.map((each) => settingsOf(each, autoShutdown)) : []
  const ids = new Set(children.map(({ plan }) => plan.id))
  if (ids.size < children.length) throw new InvalidArgument('children', 'must each have an id of its own')
  if (children.length > childrenMax) throw new LimitExceeded('childrenMax', childrenMax, children.length)
  return {
    supervision: {
      strategy,
      intensity: wholeNumber('intensity', intensity, 0, 1_000_000),
      periodMs: wholeNumber('periodMs', periodMs, 1),
      autoShutdown,
      backoff: spec.backoff && backoffOf(spec.backoff),
    },
    children,
    dynamic: 'child' in spec ? dynamicSettings(spec, autoShutdown) : undefined,
    childrenMax,
  }
}

function dynamicSettings(
  { child }: DynamicSupervisorSpec<never, unknown>,
  autoShutdown: AutoShutdown,
): (id: string, input: unknown) => ChildSettings {
  const settings = settingsOf(
    { ...child, id: child.actor.type, input: undefined } as unknown as ChildSpec,
    autoShutdown,
  )
  return (id, input) => ({ ...settings, plan: { ...settings.plan, id }, input })
}

function settingsOf(spec: ChildSpec, autoShutdown?: AutoShutdown): ChildSettings {
  const kind = definitionOf(spec.actor as ActorDefinition<never, never>).spec
  const {
    name,
    restart = 'transient',
    shutdownMs = kind.shutdownMs ?? shutdownMsDefault,
    significant = false,
    mailbox,
  } = spec
  mailboxLimits(mailbox)
  oneOf('restart', restart, ['permanent', 'transient', 'temporary'])
  if (significant && restart === 'permanent')
    throw new InvalidArgument('significant', 'must not be set for a permanent child: it never ends for good')
  if (significant && autoShutdown === 'never')
    throw new InvalidArgument('significant', 'counts only with autoShutdown; set that too')
  return {
    plan: {
      id: plainName('id', spec.id, 128),
      restart,
      shutdownMs: delayOf('shutdownMs', shutdownMs, shutdownMsDefault),
      significant,
    },
    definition: spec.actor as unknown as ActorDefinition,
    input: spec.input,
    options: {
      restart,
      shutdownMs,
      ...(name !== undefined && { name: plainName('name', name, 128) }),
      ...(mailbox && { mailbox }),
    },
  }
}

function backoffOf(given: Partial<Backoff>): Backoff {
  const { minMs = 100, maxMs = 30_000, factor = 2, jitter = 0.5 } = given
  wholeNumber('backoff.minMs', minMs, 0)
  wholeNumber('backoff.maxMs', maxMs, minMs)
  if (!(factor >= 1 && factor <= 1000)) throw new InvalidArgument('backoff.factor', 'must be a number from 1 to 1000')
  if (!(jitter >= 0 && jitter <= 1)) throw new InvalidArgument('backoff.jitter', 'must be a number from 0 to 1')
  return { minMs, maxMs, factor, jitter }
}

function oneOf<T extends string>(name: string, value: T, allowed: readonly T[]): void {
  if (!allowed.includes(value)) throw new InvalidArgument(name, `must be one of ${allowed.join(', ')}`)
}

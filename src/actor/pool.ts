/**
 * Pool: several workers of one kind behind one reference, with the messages of that kind. Unlike a group it keeps its
 * workers: it starts them, ends them, and replaces one that ended. It does no work itself: each message is handed on with
 * whoever waits for it, so that the worker answers. A receipt of `enqueued` says that the pool has it, `processed` that the
 * worker is done.
 *
 * A worker that fails is started again by its own keeper and goes on with what waited for it; the others do not notice. One
 * that ended for good gives its place to a new one. More than `intensity` such losses within `periodMs` end the pool with
 * `actor.restart_intensity`; one that ended normally after work is no loss.
 */
import { InvalidArgument, ColloquyError } from '../base/error.ts'
import { wholeNumber } from '../base/limit.ts'
import type {
  ActorDefinition,
  ActorRef,
  Context,
  ExitReason,
  Later,
  MailboxOptions,
  MessageOf,
  Restart,
  Signal,
} from './actor.ts'
import type { Cell } from './cell.ts'
import { HashRing } from './core/hash-ring.ts'
import { Intensity } from './core/intensity.ts'
import { actor, definitionOf } from './define.ts'
import { CallFailed, NotRunning, RestartIntensity } from './error.ts'
import { cellOf, inTurn } from './group.ts'
import { inHand, refuseInHand } from './in-hand.ts'

/** A message with its name, as a union over the names: testing the name tells the type of the message. */
export type Sent<P> = { [Name in keyof P & string]: [name: Name, message: MessageOf<P, Name>[0]] }[keyof P & string]

export interface PoolOptions<Input, P> {
  readonly actor: ActorDefinition<Input, P>
  /** Workers, from 1 to 10,000. */
  readonly size: number
  /**
   * Messages of one key go to one worker, in their order, also over a resize. Default: each goes to the next worker in turn,
   * or to the one after it where fewer messages wait. A throw refuses the message with `actor.call_failed`.
   */
  readonly key?: (...sent: Sent<NoInfer<P>>) => string
  /** Of each worker. */
  readonly mailbox?: MailboxOptions
  /** Of each worker. `temporary`: what waited for one that fails becomes dead letters. Default `transient`. */
  readonly restart?: Exclude<Restart, 'permanent'>
  /** Of each worker, as of any actor. */
  readonly shutdownMs?: number
  /** Workers lost within `periodMs` that are borne. Default 5 in 5000. */
  readonly intensity?: number
  readonly periodMs?: number
}

/** What a pool takes beside the messages of its workers. */
export interface PoolProtocol {
  /**
   * Another number of workers; gives it back. One that goes first handles what waits for it. By key, the pool waits for all
   * workers to have handled theirs: refused with `actor.call_timeout` when that takes more than 5 seconds.
   */
  readonly 'pool:resize': (size: number) => number
  readonly 'pool:size': () => number
}

const sizeMax = 10_000
const idleTimeoutMs = 5000
const retryMs = 50
/** Messages of the pool to its workers. */
const idle = 'pool:idle'
const retire = 'pool:retire'
/** And to itself. */
const retireAgain = 'pool:retire-again'

interface Plan {
  readonly worker: ActorDefinition
  readonly size: number
  readonly key: ((name: string, message: unknown) => string) | undefined
  readonly spawn: { readonly restart: Restart; readonly mailbox?: MailboxOptions; readonly shutdownMs?: number }
  readonly intensity: number
  readonly periodMs: number
}

interface PoolState {
  readonly input: unknown
  readonly cells: Cell[]
  /** Of places, not of workers: a worker that is replaced leaves its keys to the new one. */
  readonly places: HashRing<number>
  readonly losses: Intensity
  turn: number
}

type PoolContext = Context<PoolState>

/**
 * A pool is a kind of actor: it is spawned with the input of its workers, which all get the same. Throws
 * `base.invalid_argument`.
 *
 *     const resizers = node.spawn(pool({ actor: resizer, size: 4 }), './images')
 *     await resizers.call('resize', 'cat.png')
 */
export function pool<Input, P>(options: PoolOptions<Input, P>): ActorDefinition<Input, P & PoolProtocol> {
  const { spec, handlers } = definitionOf(options.actor as unknown as ActorDefinition<never, never>)
  const plan = planOf(options)
  const on: Record<string, (ctx: PoolContext, message: never) => unknown> = {
    'pool:resize': (ctx, size: number) => resize(plan, ctx, size),
    'pool:size': (ctx) => ctx.state.cells.length,
    [retireAgain]: (ctx, worker: Cell) => retireWorker(ctx, worker),
  }
  for (const name of Object.keys(handlers)) {
    if (name.startsWith('pool:')) throw new InvalidArgument(`on.${name}`, 'must not begin with pool: in a pool')
    on[name] = (ctx, message) => dispatch(plan, ctx, name, message)
  }
  const definition = actor({
    type: `${spec.type.slice(0, 59)}/pool`,
    version: spec.version,
    state: (input: unknown): PoolState => ({
      input,
      cells: [],
      places: new HashRing(),
      losses: new Intensity(plan),
      turn: 0,
    }),
    on,
    async init(ctx) {
      for (let at = 0; at < plan.size; at++) addWorker(plan, ctx)
      await Promise.all(ctx.state.cells.map(({ ready }) => ready))
    },
    onSignal: (ctx, signal) => onSignal(plan, ctx, signal),
  })
  return definition as unknown as ActorDefinition<Input, P & PoolProtocol>
}

function planOf<Input, P>(options: PoolOptions<Input, P>): Plan {
  const { spec } = definitionOf(options.actor as unknown as ActorDefinition<never, never>)
  const { key, mailbox, shutdownMs, restart = 'transient' } = options
  if (restart !== 'transient' && restart !== 'temporary')
    throw new InvalidArgument('restart', 'must be transient or temporary: the pool itself replaces a worker')
  const worker = actor({
    ...spec,
    on: { ...spec.on, [idle]: () => true, [retire]: (ctx: Context<unknown>) => ctx.stop() },
  })
  return {
    worker: worker,
    size: wholeNumber('size', options.size, 1, sizeMax),
    key: key as Plan['key'],
    spawn: { restart, ...(mailbox && { mailbox }), ...(shutdownMs !== undefined && { shutdownMs }) },
    intensity: wholeNumber('intensity', options.intensity ?? 5, 0),
    periodMs: wholeNumber('periodMs', options.periodMs ?? 5000, 1),
  }
}

function newWorker(plan: Plan, ctx: PoolContext): Cell {
  return cellOf(ctx.spawn(plan.worker, ctx.state.input as never, plan.spawn))
}

function addWorker(plan: Plan, ctx: PoolContext): void {
  const { cells, places } = ctx.state
  if (plan.key) places.add(`worker ${cells.length}`, cells.length)
  cells.push(newWorker(plan, ctx))
}

function dispatch(plan: Plan, ctx: PoolContext, name: string, message: unknown): Later<unknown> {
  const { state } = ctx
  let at: number
  if (plan.key) {
    try {
      at = state.places.of(keyText(plan.key(name, message))) ?? 0
    } catch (cause) {
      return refuseInHand(ctx, new CallFailed(inHand(ctx).cell.text, name, { cause }))
    }
  } else {
    at = inTurn(state.cells, state.turn)
    state.turn = at + 1
  }
  const worker = (state.cells[at] as Cell).ref as unknown as ActorRef<Record<string, (message: unknown) => unknown>>
  return ctx.forward(worker, name, message)
}

function keyText(key: unknown): string {
  if (typeof key === 'string') return key
  throw new InvalidArgument('key', 'must give text for every message')
}

function onSignal(plan: Plan, ctx: PoolContext, signal: Signal): void {
  if (signal.type !== 'child-ended') return
  const at = ctx.state.cells.findIndex(({ options }) => options.id === signal.child.id)
  // A worker that was retired has no place any more.
  if (at >= 0) replace(plan, ctx, at, signal.reason)
}

/** A new worker in the place of one that has ended. */
function replace(plan: Plan, ctx: PoolContext, at: number, reason: ExitReason): void {
  const { cells, losses } = ctx.state
  const { cell } = inHand(ctx)
  const gone = cells[at] as Cell
  const didWork = (reason === 'normal' || reason === 'shutdown') && gone.handled > 0
  if (!didWork && !losses.bear(cell.system.clock.monotonicMs())) {
    ctx.stop(new RestartIntensity(cell.text, plan.intensity, plan.periodMs, { cause: reason }))
    return
  }
  cells[at] = newWorker(plan, ctx)
}

async function resize(plan: Plan, ctx: PoolContext, size: number): Promise<number | Later<never>> {
  const { state } = ctx
  try {
    wholeNumber('size', size, 1, sizeMax)
    if (plan.key && size !== state.cells.length)
      await Promise.all(state.cells.map((worker) => idleOf(worker, ctx.signal)))
  } catch (error) {
    if (error instanceof ColloquyError) return refuseInHand(ctx, error)
    throw error
  }
  while (state.cells.length < size) addWorker(plan, ctx)
  for (const worker of state.cells.splice(size).toReversed()) void retireWorker(ctx, worker)
  for (let at = size; plan.key && state.places.remove(`worker ${at}`); at++);
  return size
}

/** Resolves when the worker has handled all that waited for it. */
async function idleOf(worker: Cell, signal: AbortSignal): Promise<void> {
  try {
    await worker.ask(idle, undefined, { priority: 'low', timeoutMs: idleTimeoutMs, signal })
  } catch (error) {
    // Nothing waits for one that has ended.
    if (!(error instanceof NotRunning)) throw error
  }
}

/** Ends a worker after all that waits for it. */
async function retireWorker(ctx: PoolContext, worker: Cell): Promise<void> {
  const { cell } = inHand(ctx)
  const { incarnation } = cell
  const receipt = await worker.tellWith(retire, undefined, { priority: 'low', delivery: 'enqueued' })
  // A mailbox that is full now has room later; the workers of a pool that has ended ended with it.
  if (!receipt.ok && receipt.reason === 'mailbox_full' && cell.incarnation === incarnation)
    ctx.sendAfter(retryMs, retireAgain, worker)
}

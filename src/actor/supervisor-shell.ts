/**
 * Supervising: one incarnation of a supervisor at work. It holds the cells of its children, tells the machine in
 * core/supervision.ts what they do and does what that says, one input after another. Unlike the machine it decides nothing;
 * unlike the system as keeper it gives no child up by itself.
 */
import type { Timer } from '../base/clock.ts'
import { LimitExceeded, toError } from '../base/error.ts'
import type { ColloquyError } from '../base/error.ts'
import type { ActorDefinition, ActorRef, Address, Context, ExitReason, Later, SpawnOptions } from './actor.ts'
import { CellContext } from './context.ts'
import { Supervision } from './core/supervision.ts'
import type {
  Outcome,
  Refusal,
  Strategy,
  SupervisionAction,
  SupervisionInput,
  SupervisionOptions,
} from './core/supervision.ts'
import type { ChildPlan, ChildState } from './core/supervision-child.ts'
import { Life } from './life.ts'
import type { Keeper } from './life.ts'
import { NotRunning, RestartIntensity, StartFailed } from './error.ts'
import { ChildBusy, ChildDisabled, ChildExists, ChildType, UnknownChild } from './supervisor-error.ts'

export interface ChildSettings {
  readonly plan: ChildPlan
  readonly definition: ActorDefinition
  readonly input: unknown
  readonly options: SpawnOptions
}

export interface SupervisorSettings {
  readonly supervision: Omit<SupervisionOptions, 'random'>
  readonly children: readonly ChildSettings[]
  /** Makes the settings of one more child, where all are of one kind. */
  readonly dynamic: ((id: string, input: unknown) => ChildSettings) | undefined
  readonly childrenMax: number
}

export interface ChildInfo {
  readonly id: string
  /** Of its definition. */
  readonly type: string
  readonly state: ChildState
  /** Times it was started again. */
  readonly restarts: number
  /** None while it is disabled or ended, or has not begun. */
  readonly address: Address | undefined
}

/** A child that must be of this type. */
export interface ChildOfType {
  readonly id: string
  readonly type: string
}

type Ctx = Context<Supervising>

interface Wish {
  readonly id: string
  readonly later: Later<unknown>
}

export class Supervising implements Keeper {
  readonly #settings: SupervisorSettings
  readonly #children = new Map<string, ChildSettings>()
  readonly #cells = new Map<string, Life>()
  readonly #ids = new Map<Life, string>()
  readonly #inputs: SupervisionInput[] = []
  readonly #wishes = new Map<number, Wish>()
  readonly #ended = Promise.withResolvers<void>()
  #cell: Life | undefined
  #machine: Supervision | undefined
  #boot: { readonly resolve: () => void; readonly reject: (error: Error) => void } | undefined
  #booted = false
  #stepping = false
  /** This incarnation is over: its children end, whatever they do. */
  #closed = false
  #timer: Timer | undefined
  #requests = 0
  #dynamic = 0

  constructor(settings: SupervisorSettings) {
    this.#settings = settings
    for (const child of settings.children) this.#children.set(child.plan.id, child)
  }

  get strategy(): Strategy {
    return this.#settings.supervision.strategy
  }

  /** Starts all, for `init`; resolves when they have started. */
  boot(ctx: Ctx): Promise<void> | undefined {
    const cell = cellOf(ctx)
    this.#cell = cell
    this.#machine = new Supervision({ ...this.#settings.supervision, random: cell.system.random })
    cell.stopsChildren = (reason, deadlineMs) => {
      this.#put({ type: 'shutdown', reason, deadlineMs })
      return this.#ended.promise
    }
    cell.atEnd(() => this.#close())
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#boot = { resolve, reject }
    this.#put({ type: 'boot', children: this.#settings.children.map(({ plan }) => plan) })
    return this.#booted ? undefined : promise
  }

  // What its handlers do.

  list(): readonly ChildInfo[] {
    return Array.from(this.#machine?.children() ?? [], ({ id, state, restarts }) => ({
      id,
      type: this.#children.get(id)?.definition.type ?? '',
      state,
      restarts,
      address: this.#cells.get(id)?.address,
    }))
  }

  find(ctx: Ctx, which: string | ChildOfType): ActorRef | Later<never> {
    const asked: Partial<ChildOfType> = typeof which === 'string' ? { id: which } : { ...which }
    const id = textOf(asked.id)
    const settings = this.#children.get(id)
    if (!settings) return ctx.refuse(new UnknownChild(this.#text, id))
    const is = settings.definition.type
    const type = typeof which === 'string' ? is : textOf(asked.type)
    if (type !== is) return ctx.refuse(new ChildType(this.#text, id, is, type))
    const cell = this.#cells.get(id)
    return cell ? cell.ref : ctx.refuse(new NotRunning(`the child ${id} of ${this.#text}`))
  }

  ask<Result>(ctx: Ctx, type: 'remove' | 'disable' | 'enable' | 'restart', which: string): Later<Result> {
    const id = textOf(which)
    const { later, request } = this.#wish<Result>(ctx, id)
    this.#put({ type, request, id })
    return later
  }

  add(ctx: Ctx, child: ChildSettings): Later<ActorRef> {
    const { size = 0 } = this.#machine ?? {}
    const { id } = child.plan
    const max = this.#settings.childrenMax
    if (size >= max) return ctx.refuse(new LimitExceeded('childrenMax', max, size + 1))
    const { later, request } = this.#wish<ActorRef>(ctx, id)
    if (!this.#machine?.has(id)) this.#children.set(id, child)
    this.#put({ type: 'add', request, child: child.plan })
    return later
  }

  /** One more of the one kind. */
  begin(ctx: Ctx, make: (id: string, input: unknown) => ChildSettings, input: unknown): Later<ActorRef> {
    const child = make('', input)
    const id = `${child.definition.type}-${++this.#dynamic}`
    return this.add(ctx, { ...child, plan: { ...child.plan, id } })
  }

  #wish<Result>(ctx: Ctx, id: string): { later: Later<Result>; request: number } {
    const later = ctx.later<Result>()
    const request = ++this.#requests
    this.#wishes.set(request, { id, later })
    return { later, request }
  }

  // What its children do.

  started(cell: Life): void {
    const id = this.#ids.get(cell)
    if (id !== undefined && !this.#closed) this.#put({ type: 'started', id })
  }

  exited(cell: Life, reason: ExitReason): void {
    const id = this.#ids.get(cell)
    if (this.#closed || id === undefined) return cell.retire(reason)
    if (reason !== 'normal' && reason !== 'shutdown')
      cell.system.logger.warn({ actor: cell.text, supervisor: this.#text, child: id, reason }, 'a child has failed')
    this.#put({ type: 'exited', id, reason, final: cell.leaving })
  }

  // What the machine says.

  get #text(): string {
    return this.#cell?.text ?? 'a supervisor'
  }

  /** What an action brings about comes after the actions that are left. */
  #put(input: SupervisionInput): void {
    this.#inputs.push(input)
    const [cell, machine] = [this.#cell, this.#machine]
    if (this.#stepping || !cell || !machine) return
    this.#stepping = true
    try {
      for (let next = this.#inputs.shift(); next && !this.#closed; next = this.#inputs.shift())
        for (const action of machine.step(next, cell.system.clock.monotonicMs())) this.#act(cell, action)
    } finally {
      this.#stepping = false
    }
  }

  #act(cell: Life, action: SupervisionAction): void {
    switch (action.type) {
      case 'start':
        return this.#start(cell, action.id)
      case 'stop':
        return this.#stop(action.id, action.reason, action.deadlineMs)
      case 'kill':
        return this.#cells.get(action.id)?.kill()
      case 'retire':
        return this.#retire(action.id, action.reason)
      case 'wait':
        return this.#wait(cell, action.untilMs)
      case 'ready':
        this.#booted = true
        return this.#boot?.resolve()
      case 'answer':
        return this.#answer(action.request, action.refusal)
      case 'end':
        return this.#end(cell, action.outcome)
    }
  }

  #start(supervisor: Life, id: string): void {
    const known = this.#cells.get(id)
    if (known) {
      known.restarts++
      return known.startSoon()
    }
    const child = this.#children.get(id)
    if (!child) return
    try {
      const cell = supervisor.system.adopt(supervisor, child.definition, child.input, child.options, this)
      this.#cells.set(id, cell)
      this.#ids.set(cell, id)
    } catch (error) {
      this.#put({ type: 'exited', id, reason: toError(error) })
    }
  }

  /** The machine kills it; its own children must be down by then. */
  #stop(id: string, reason: ExitReason, childrenMs: number): void {
    const cell = this.#cells.get(id)
    if (cell && cell.phase !== 'resting') return cell.halt(reason, { deadlineMs: Number.POSITIVE_INFINITY, childrenMs })
    cell?.holdStart()
    this.#put({ type: 'exited', id, reason })
  }

  #retire(id: string, reason: ExitReason): void {
    const cell = this.#cells.get(id)
    this.#cells.delete(id)
    if (cell) this.#ids.delete(cell)
    cell?.retire(reason)
    this.#forget(id)
  }

  #forget(id: string): void {
    if (!this.#machine?.has(id)) this.#children.delete(id)
  }

  #wait(cell: Life, untilMs: number): void {
    this.#timer?.cancel()
    this.#timer = undefined
    if (untilMs === Number.POSITIVE_INFINITY) return
    const { clock } = cell.system
    this.#timer = clock.timer(untilMs - clock.monotonicMs(), () => this.#put({ type: 'timer' }))
  }

  #answer(request: number, refusal: Refusal | undefined): void {
    const wish = this.#wishes.get(request)
    if (!wish) return
    this.#wishes.delete(request)
    if (refusal) wish.later.reject(this.#errorOf(wish.id, refusal))
    else wish.later.resolve(this.#cells.get(wish.id)?.ref)
    this.#forget(wish.id)
  }

  #errorOf(id: string, refusal: Refusal): ColloquyError {
    const text = this.#text
    const { why } = refusal
    const errors: Record<Refusal['why'], () => ColloquyError> = {
      unknown_child: () => new UnknownChild(text, id),
      child_exists: () => new ChildExists(text, id),
      child_busy: () => new ChildBusy(text, id),
      child_disabled: () => new ChildDisabled(text, id),
      ended: () => new NotRunning(`the child ${id} of ${text}`),
      ending: () => new NotRunning(text),
      start_failed: () => {
        const cause = 'cause' in refusal ? refusal.cause : undefined
        return cause instanceof StartFailed ? cause : new StartFailed(`the child ${id} of ${text}`, { cause })
      },
    }
    return errors[why]()
  }

  #end(cell: Life, outcome: Outcome): void {
    const reason = this.#reasonOf(cell, outcome)
    if (reason instanceof Error)
      cell.system.logger.error({ actor: cell.text, outcome: outcome.why }, 'a supervisor gives up')
    // Whoever stops it waits for this; else it stops itself, and its own keeper decides.
    this.#ended.resolve()
    this.#boot?.reject(reason instanceof Error ? reason : new NotRunning(cell.text, { cause: reason }))
    if (cell.phase === 'running') cell.halt(reason)
  }

  #reasonOf(cell: Life, outcome: Outcome): ExitReason {
    const { intensity, periodMs } = this.#settings.supervision
    let reason: ExitReason
    switch (outcome.why) {
      case 'asked':
        ;({ reason } = outcome)
        break
      case 'auto_shutdown':
        reason = 'shutdown'
        break
      case 'intensity':
        reason = new RestartIntensity(cell.text, intensity, periodMs, { cause: outcome.cause })
        break
      case 'start_failed': {
        const { cause, id } = outcome
        reason = cause instanceof Error ? cause : new StartFailed(`the child ${id} of ${cell.text}`, { cause })
        break
      }
    }
    return reason
  }

  /** The incarnation is over: what is left of the children is ended by the cell. */
  #close(): void {
    this.#closed = true
    this.#timer?.cancel()
    const error = new NotRunning(this.#text)
    for (const { later } of this.#wishes.values()) later.reject(error)
    this.#wishes.clear()
    if (this.#cell) this.#cell.stopsChildren = undefined
    this.#ended.resolve()
    this.#boot?.reject(error)
  }
}

/** A message of another kind than was agreed is the caller's mistake, and must not end the supervisor. */
function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

function cellOf(ctx: Ctx): Life {
  const context: unknown = ctx
  if (context instanceof CellContext && context.host instanceof Life) return context.host
  throw new NotRunning('a supervisor outside of an actor system')
}

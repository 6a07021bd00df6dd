/**
 * saga(): how the definition of a saga is written. Each call gives a new definition whose type knows what the steps before gave, so that
 * inputs are derived from them with their types, and a step that does not say how it is undone is refused by the compiler. Unlike the
 * machine (`core/run.ts`) it runs nothing; what the types cannot say is checked when the call is made.
 *
 * ```ts
 * const trip = saga('trip', { version: 1, input: z.object({ traveller: z.string() }) })
 *   .step('hotel', { do: (input, { key }) => hotel.hold(input.traveller, key), undo: (_input, _held, { key }) => hotel.release(key) })
 *   .step('charge', { input: ({ out }) => out.hotel.price, do: (price, { key }) => bank.pay(price, key), pivot: true })
 *   .step('mail', { do: (input) => mail.send(input.traveller), retriable: true })
 * ```
 *
 * Sagas: Garcia-Molina and Salem, 1987; compensable, pivot and retriable steps: Richardson, Microservices Patterns, chapter 4.
 */
import { InvalidArgument, LimitExceeded } from '../base/error.ts'
import { checkKeys, plainName, wholeNumber } from '../base/limit.ts'
import type { StandardSchema } from '../journal/schema.ts'
import { mayPivot, surelyPivots } from './core/definition.ts'
import type {
  Before,
  BranchNode,
  Definition,
  EachNode,
  LockNeed,
  Node,
  Rate,
  StepNode,
  WaitNode,
} from './core/definition.ts'
import { checkFlow, checkFunction, checkName } from './check-flow.ts'
import { DefinitionInvalid } from './error.ts'
import { hashOf } from './hash.ts'
import { schemaCheck } from './schema-check.ts'
import { stepNode } from './step-node.ts'
import type {
  Irreversible,
  Known,
  MemberOptions,
  Pivot,
  ReadOnly,
  Retriable,
  StepOptions,
  Undoable,
  Work,
} from './step-options.ts'

export interface WaitOptions {
  /** The name of the signal. Default: the name of the step. */
  readonly signal?: string
  /** How long it waits, in ms. Default: as long as the saga does. */
  readonly timeoutMs?: number
  /** `fail` (default): the step fails with `workflow.signal_timeout`. `continue`: the saga goes on without data. */
  readonly onTimeout?: 'fail' | 'continue'
  /** Who is asked, for people. */
  readonly by?: string
}

/** A person says yes or no; anything but `approved: true` fails the step with `workflow.not_approved`. */
export interface Approval {
  readonly approved: boolean
  readonly by?: string
  readonly note?: string
}

export interface EachOptions<Known, Item, Output, Past> {
  /** At most `itemsMax` of them; written down before the first begins. */
  readonly items: (before: Known) => readonly Item[]
  /** Items that run at once. Default 8; 1 to 1000. */
  readonly concurrency?: number
  /** Default 1000; up to 10,000. */
  readonly itemsMax?: number
  readonly step: Omit<Work<never, Item, Output>, 'input'> &
    (Past extends true
      ? Undoable<Item, Output> | ReadOnly | Retriable
      : Undoable<Item, Output> | ReadOnly | Irreversible)
}

export interface SagaOptions<Input> {
  /** Default 1. A change of names, kinds, order or declarations needs another: runs of the old one go on beside it. */
  readonly version?: number
  /** A Standard Schema (Zod, Valibot, ArkType) that is synchronous. Default: any input is taken. */
  readonly input?: StandardSchema<Input>
  /** From the start to the pivot, in ms; then what stands is undone. Default: none. */
  readonly deadlineMs?: number
  /**
   * Names that no other saga may hold meanwhile, 64 at most. They are taken before the first step and freed at the end. A saga that
   * rests for an operator keeps those whose steps are not settled: `for` names them, else all count.
   */
  readonly locks?: (input: Input) => readonly (string | { readonly name: string; readonly for: readonly string[] })[]
  /** Higher begins first where several wait. Default 0. */
  readonly priority?: (input: Input) => number
  /** Runs of one key at a time. */
  readonly concurrency?: { readonly key?: (input: Input) => string; readonly max: number }
  /** Runs of one key that begin in a time. */
  readonly rate?: Rate & { readonly key?: (input: Input) => string }
}

const locksMax = 64
const optionNames = ['version', 'input', 'deadlineMs', 'locks', 'priority', 'concurrency', 'rate'] as const

/** The steps of a parallel group in the making. */
export class ParallelGroup<Input, Out, Past, GroupOut = object> {
  readonly members: readonly StepNode[]
  declare readonly types: { readonly out: GroupOut; readonly before: Known<Input, Out>; readonly past: Past }

  constructor(members: readonly StepNode[]) {
    this.members = members
  }

  /** Throws `base.invalid_argument`. */
  step<const Name extends string, Output, StepInput = Input>(
    name: Name,
    options: MemberOptions<Input, Out, StepInput, Output, Past>,
  ): ParallelGroup<Input, Out, Past, GroupOut & { readonly [Key in Name]: Output }> {
    return new ParallelGroup([...this.members, stepNode(name, options)])
  }
}

/** A definition in the making; it is complete at any time. */
export class SagaBuilder<Input, Out = object, Past = false, Result = Out> {
  /** What a workflow runs. */
  readonly definition: Definition
  declare readonly types: { readonly input: Input; readonly out: Out; readonly past: Past; readonly result: Result }

  /** True in the case of a branch that stands behind the pivot. */
  readonly #behind: boolean

  constructor(definition: Definition, behind = false) {
    this.definition = definition
    this.#behind = behind
  }

  get name(): string {
    return this.definition.name
  }

  get version(): number {
    return this.definition.version
  }

  /** A pivot: the steps after it only go forward. All of these throw `base.invalid_argument` for what the types cannot tell. */
  step<const Name extends string, Output, StepInput = Input>(
    name: Name,
    options: Work<Known<Input, Out>, StepInput, Output> & Pivot<StepInput, Output>,
  ): SagaBuilder<Input, Out & { readonly [Key in Name]: Output }, true>
  step<const Name extends string, Output, StepInput = Input>(
    name: Name,
    options: StepOptions<Input, Out, StepInput, Output, Past>,
  ): SagaBuilder<Input, Out & { readonly [Key in Name]: Output }, Past>
  step(name: string, options: object): SagaBuilder<Input, never, never> {
    return this.#with(stepNode(name, options))
  }

  /** Steps that run at once and are undone at once; each knows what came before them all. */
  parallel<GroupOut>(
    build: (group: ParallelGroup<Input, Out, Past>) => ParallelGroup<Input, Out, Past, GroupOut>,
  ): SagaBuilder<Input, Out & GroupOut, Past> {
    const { members } = build(new ParallelGroup<Input, Out, Past>([]))
    if (members.length < 2) throw new InvalidArgument('parallel', 'takes two steps or more')
    return this.#with({ kind: 'parallel', name: members.map(({ name }) => name).join('+'), members })
  }

  /** A saga of its own, begun with a derived input. What undoes it is its own compensation. */
  child<const Name extends string, ChildInput, ChildOut, ChildPast, ChildResult>(
    name: Name,
    saga: SagaBuilder<ChildInput, ChildOut, ChildPast, ChildResult>,
    options: { readonly input: (before: Known<Input, Out>) => ChildInput },
  ): SagaBuilder<Input, Out & { readonly [Key in Name]: ChildResult }, true extends Past | ChildPast ? true : false> {
    checkName(name)
    checkKeys('child', options, ['input'])
    const { definition } = saga
    const derive = checkFunction(`input of ${name}`, options.input as (before: Before) => unknown)
    return this.#with({ kind: 'child', name, definition, derive })
  }

  /** Waits for a signal from outside, which also may have come before. */
  wait<const Name extends string, Data = unknown>(
    name: Name,
    options: Omit<WaitOptions, 'onTimeout'> & {
      readonly onTimeout: 'continue'
      readonly schema?: StandardSchema<Data>
    },
  ): SagaBuilder<Input, Out & { readonly [Key in Name]: Data | undefined }, Past>
  wait<const Name extends string, Data = unknown>(
    name: Name,
    options?: WaitOptions & { readonly schema?: StandardSchema<Data> },
  ): SagaBuilder<Input, Out & { readonly [Key in Name]: Data }, Past>
  wait<const Name extends string>(
    name: Name,
    options: WaitOptions & { readonly approval: true; readonly onTimeout?: 'fail' },
  ): SagaBuilder<Input, Out & { readonly [Key in Name]: Approval }, Past>
  wait(
    name: string,
    options: WaitOptions & { readonly schema?: StandardSchema; readonly approval?: boolean } = {},
  ): SagaBuilder<Input, never, never> {
    return this.#with(waitNode(name, options))
  }

  /** Does nothing for a while, in ms, also over restarts. */
  sleep(name: string, forMs: number | ((before: Known<Input, Out>) => number)): SagaBuilder<Input, Out, Past> {
    checkName(name)
    if (typeof forMs !== 'function') wholeNumber(`sleep of ${name}`, forMs, 0)
    return this.#with({ kind: 'sleep', name, forMs: forMs as number | ((before: Before) => number) })
  }

  /** Goes one of several ways. What steps of a case give may be absent behind the branch. */
  branch<Case extends string, Cases extends { readonly [Key in Case]: AnyCase<Input, Out, Past> }>(
    name: string,
    choose: (before: Known<Input, Out>) => Case,
    cases: Cases,
  ): SagaBuilder<Input, Out & Partial<OutOfCases<Cases>>, PastOfCases<Past, Cases>> {
    checkName(name)
    const inner = new Map<string, readonly Node[]>()
    const behind = this.#behind || surelyPivots(this.definition.nodes)
    for (const [key, build] of Object.entries<AnyCase<Input, Out, Past>>(cases)) {
      checkFunction(`the case ${key} of ${name}`, build)
      const empty = new SagaBuilder<Input, Out, Past>({ ...this.definition, nodes: [] }, behind)
      const built = build(empty).definition
      if (built.output)
        throw new DefinitionInvalid(name, `has the case ${key}, which says gives; only a whole saga gives`)
      inner.set(key, built.nodes)
    }
    const checked = checkFunction(`what chooses of ${name}`, choose as (before: Before) => string)
    const node: BranchNode = { kind: 'branch', name, choose: checked, cases: inner }
    return this.#with(node)
  }

  /** One step for each of several items, a few at a time; undone together. */
  forEach<const Name extends string, Item, Output>(
    name: Name,
    options: EachOptions<Known<Input, Out>, Item, Output, Past>,
  ): SagaBuilder<Input, Out & { readonly [Key in Name]: readonly Output[] }, Past> {
    checkName(name)
    checkKeys('forEach', options, ['items', 'concurrency', 'itemsMax', 'step'])
    if ('input' in options.step)
      throw new InvalidArgument(`step of ${name}`, 'has the item as its input; leave out input')
    const node: EachNode = {
      kind: 'each',
      name,
      items: checkFunction(`items of ${name}`, options.items as (before: Before) => readonly unknown[]),
      itemsMax: wholeNumber('itemsMax', options.itemsMax ?? 1000, 1, 10_000),
      concurrency: wholeNumber('concurrency', options.concurrency ?? 8, 1, 1000),
      step: stepNode(name, options.step),
    }
    return this.#with(node)
  }

  /** What the saga gives when it is complete. Default: the outputs of its steps by name. */
  gives<Made>(output: (before: Known<Input, Out>) => Made): SagaBuilder<Input, Out, Past, Made> {
    const checked = checkFunction('gives', output as (before: Before) => unknown)
    return new SagaBuilder({ ...this.definition, output: checked }, this.#behind)
  }

  #with(node: Node): SagaBuilder<Input, never, never, never> {
    const { name, output } = this.definition
    if (output)
      throw new DefinitionInvalid(node.name, 'comes after gives, which says what is given at the end; say gives last')
    const nodes = [...this.definition.nodes, node]
    checkFlow(name, nodes, this.#behind)
    return new SagaBuilder({ ...this.definition, nodes, hash: hashOf(nodes) }, this.#behind)
  }
}

type AnyCase<Input, Out, Past> = (flow: SagaBuilder<Input, Out, Past>) => {
  readonly definition: Definition
  readonly types: { readonly out: object; readonly past: unknown }
}
type OutOfCases<Cases> = UnionToIntersection<
  {
    [Key in keyof Cases]: Cases[Key] extends (...flow: never[]) => { readonly types: { readonly out: infer Out } }
      ? Out
      : never
  }[keyof Cases]
>
type UnionToIntersection<Union> = (Union extends unknown ? (of: Union) => void : never) extends (of: infer All) => void
  ? All
  : never
/** Behind a branch the saga is behind the pivot only when it was before, or every case comes past one. */
type PastOfCases<Past, Cases> = Past extends true
  ? true
  : [
        {
          [Key in keyof Cases]: Cases[Key] extends (...flow: never[]) => {
            readonly types: { readonly past: infer Each }
          }
            ? Each
            : false
        }[keyof Cases],
      ] extends [true]
    ? true
    : false

/** Any saga, for those who only run it. */
export type AnySaga = { readonly definition: Definition }

/** Begins a definition. Throws `base.invalid_argument`. */
export function saga<Input = unknown>(name: string, options: SagaOptions<Input> = {}): SagaBuilder<Input> {
  checkKeys('options', options, optionNames)
  const { input, deadlineMs, locks, concurrency, rate, priority } = options
  if (concurrency) checkKeys('concurrency', concurrency, ['key', 'max'])
  if (rate) checkKeys('rate', rate, ['key', 'max', 'perMs'])
  for (const [what, given] of Object.entries({
    locks,
    priority,
    'concurrency.key': concurrency?.key,
    'rate.key': rate?.key,
  }))
    if (given !== undefined) checkFunction(what, given)
  checkName(name)
  const one = () => ''
  return new SagaBuilder({
    name,
    version: wholeNumber('version', options.version ?? 1, 1),
    nodes: [],
    hash: hashOf([]),
    check: input && schemaCheck('input', input),
    deadlineMs: deadlineMs === undefined ? undefined : wholeNumber('deadlineMs', deadlineMs, 1),
    locks: locks && ((given) => locksOf(locks(given as Input))),
    priority: priority as ((input: unknown) => number) | undefined,
    concurrency: concurrency && {
      key: (concurrency.key ?? one) as (input: unknown) => string,
      max: wholeNumber('concurrency.max', concurrency.max, 1, 100_000),
    },
    rate: rate && {
      key: (rate.key ?? one) as (input: unknown) => string,
      max: wholeNumber('rate.max', rate.max, 1, 1_000_000),
      perMs: wholeNumber('rate.perMs', rate.perMs, 1),
    },
    output: undefined,
  })
}

function locksOf(locks: readonly (string | LockNeed)[]): LockNeed[] {
  if (locks.length > locksMax) throw new LimitExceeded('locks', locksMax, locks.length)
  return locks.map(lockOf)
}

function lockOf(lock: string | LockNeed): LockNeed {
  const { name, for: steps } = typeof lock === 'string' ? { name: lock, for: [] } : lock
  return { name: plainName('lock', name, 256), for: [...steps] }
}

function waitNode(
  name: string,
  options: WaitOptions & { readonly schema?: StandardSchema; readonly approval?: boolean },
): WaitNode {
  checkKeys('wait', options, ['signal', 'timeoutMs', 'onTimeout', 'by', 'schema', 'approval'])
  const { timeoutMs, onTimeout = 'fail', by, schema, approval = false } = options
  if (onTimeout !== 'fail' && onTimeout !== 'continue')
    throw new InvalidArgument('onTimeout', 'must be fail or continue')
  if (approval && onTimeout === 'continue')
    throw new InvalidArgument('onTimeout', 'must be fail for an approval, which nobody gave by saying nothing')
  return {
    kind: 'wait',
    name,
    signal: checkName(options.signal ?? name),
    timeoutMs: timeoutMs === undefined ? undefined : wholeNumber('timeoutMs', timeoutMs, 1),
    onTimeout,
    approval,
    by: by === undefined ? undefined : plainName('by', by, 256),
    check: schema && schemaCheck('signal', schema),
  }
}

/** True when a run of it may come past its pivot. */
export function hasPivot({ definition }: AnySaga): boolean {
  return mayPivot(definition.nodes)
}

/** True for a saga, also one that another copy of this package made, as a module that is loaded may have it. */
export function isSaga(value: unknown): value is AnySaga {
  if (typeof value !== 'object' || value === null || !('definition' in value)) return false
  const { definition } = value
  if (typeof definition !== 'object' || definition === null) return false
  const { name, version, nodes, hash } = definition as Readonly<Record<string, unknown>>
  return typeof name === 'string' && Number.isSafeInteger(version) && Array.isArray(nodes) && typeof hash === 'string'
}

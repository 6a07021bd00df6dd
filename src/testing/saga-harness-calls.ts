/**
 * Stands between a workflow under the harness and the functions of its saga: records every call of a `do` and an `undo`, lets faults befall it, and
 * refuses what comes too late, as a callee with a gate does. Unlike a mock it calls the function, unless outputs are given. It judges
 * nothing.
 */
import type { Clock } from '../base/clock.ts'
import { codeOf } from '../base/error.ts'
import { deferred } from '../base/deferred.ts'
import type { Random } from '../base/random.ts'
import { isThenable } from '../journal/thenable.ts'
import type { Definition, Node, StepNode } from '../workflow/core/definition.ts'
import { partOf } from '../workflow/core/entry.ts'
import type { StepContext } from '../workflow/core/step-context.ts'
import { Fenced, Unretryable } from '../workflow/error.ts'
import type { SagaFault } from './saga-harness-case.ts'
import type { HarnessWorker } from './saga-harness-time.ts'

/** One call of a `do` or an `undo`. */
export interface SagaCall {
  readonly run: string
  readonly step: string
  readonly kind: 'do' | 'undo'
  /** The idempotency key. */
  readonly key: string
  /** The fencing token. */
  readonly token: number
  readonly attempt: number
  readonly worker: number
  /** Another worker had taken the run by then, and this one did not know it yet: what comes of the call counts for nothing. */
  readonly late: boolean
  readonly input: unknown
  /** Of an undo: what the step had given. */
  readonly given?: unknown
  /** Places in the order of all that happened. */
  readonly from: number
  readonly until: number
  /** `left`: nobody waited for its end any more. `fenced`: it came after a later order and was refused. */
  readonly end: 'runs' | 'gave' | 'threw' | 'left' | 'fenced'
  readonly output?: unknown
  /** Code of the reason for which its signal was aborted. */
  readonly abortedBy?: string
}

export type Writable<T> = { -readonly [Key in keyof T]: T[Key] }

export interface CallWorld {
  readonly random: Random
  readonly outputs: Readonly<Record<string, unknown>> | undefined
  readonly faults: readonly SagaFault[]
  /** The next place in the order of all that happens. */
  next(): number
  began(call: SagaCall): void
  /** The worker that may write of the run. */
  ownerOf(run: string): number | undefined
}

/** A place that is later than all. */
export const never: number = Number.MAX_SAFE_INTEGER
/** Delays of outputs that are given, in ms; undefined is at once, in the call. */
const delays = [undefined, 0, 0, 1, 20] as const

/** The calls of one play, by all its workers. */
export class SagaCalls {
  readonly list: Writable<SagaCall>[] = []
  /** Real work that has not ended. */
  readonly working: Set<PromiseLike<unknown>> = new Set()
  /** Set when faults no longer come. */
  healed = false
  readonly #world: CallWorld
  readonly #tokens = new Map<string, number>()

  constructor(world: CallWorld) {
    this.#world = world
  }

  /** The definition with functions that are recorded; its structure, and so its hash, are the same. */
  wrapped(definition: Definition, worker: HarnessWorker, clock: Clock): Definition {
    const step = (node: StepNode): StepNode => {
      const { undo } = node
      return {
        ...node,
        do: (input, context) =>
          this.#call(node, 'do', worker, clock, context, { input }, () => node.do(input, context)),
        undo:
          undo &&
          ((input, output, context) =>
            this.#call(node, 'undo', worker, clock, context, { input, given: output }, () =>
              undo(input, output, context),
            )),
      }
    }
    const all = (nodes: readonly Node[]): Node[] =>
      nodes.map((node): Node => {
        switch (node.kind) {
          case 'step':
            return step(node)
          case 'parallel':
            return { ...node, members: node.members.map(step) }
          case 'each':
            return { ...node, step: step(node.step) }
          case 'branch':
            return { ...node, cases: new Map(Array.from(node.cases, ([key, inner]) => [key, all(inner)])) }
          case 'child':
            return { ...node, definition: this.wrapped(node.definition, worker, clock) }
          case 'wait':
          case 'sleep':
            return node
          default:
            return node satisfies never
        }
      })
    return { ...definition, nodes: all(definition.nodes) }
  }

  /** A worker that is gone ends nothing that it began. */
  leave(worker: HarnessWorker): void {
    this.#left(({ worker: by }) => by === worker.number)
  }

  /** Another has taken the run: whatever its worker had begun, nobody waits for its end. */
  lose(run: string, to: number): void {
    this.#left((call) => call.run === run && call.worker !== to)
  }

  #left(which: (call: SagaCall) => boolean): void {
    const until = this.#world.next()
    for (const call of this.list) if (call.end === 'runs' && which(call)) Object.assign(call, { end: 'left', until })
  }

  #call(
    node: StepNode,
    kind: 'do' | 'undo',
    worker: HarnessWorker,
    clock: Clock,
    context: StepContext,
    said: { readonly input: unknown; readonly given?: unknown },
    own: () => unknown,
  ): unknown {
    const begin = (): unknown => {
      const call = this.#began(kind, worker, context, said)
      if (call.end === 'fenced') throw new Fenced(call.key)
      return this.#settled(call, worker, context, () => this.#work(call, node, clock, worker, own))
    }
    if (worker.works) return begin()
    // It died or stalled while it was about to call: the order leaves when it comes back, or never.
    return new Promise((resolve) => {
      worker.through(() => resolve(Promise.resolve().then(begin)))
    })
  }

  #began(
    kind: 'do' | 'undo',
    worker: HarnessWorker,
    { order, attempt }: StepContext,
    said: { readonly input: unknown; readonly given?: unknown },
  ): Writable<SagaCall> {
    const { run, step, key, token } = order
    const place = `${run}:${step}`
    const highest = this.#tokens.get(place) ?? 0
    const fenced = highest > token
    if (!fenced) this.#tokens.set(place, token)
    const from = this.#world.next()
    const call: Writable<SagaCall> = {
      run,
      step,
      kind,
      key,
      token,
      attempt,
      worker: worker.number,
      late: this.#world.ownerOf(run) !== worker.number,
      ...said,
      from,
      until: fenced ? from : never,
      end: fenced ? 'fenced' : 'runs',
    }
    this.list.push(call)
    this.#world.began(call)
    return call
  }

  #settled(call: Writable<SagaCall>, worker: HarnessWorker, context: StepContext, work: () => unknown): unknown {
    const end = (how: 'gave' | 'threw', output?: unknown): void => {
      if (call.end === 'runs') Object.assign(call, { end: how, until: this.#world.next(), output })
    }
    let given: unknown
    try {
      given = work()
    } catch (thrown) {
      end('threw')
      throw thrown
    }
    if (!isThenable(given)) {
      end('gave', given)
      return given
    }
    context.signal.addEventListener('abort', () => {
      call.abortedBy = codeOf(context.signal.reason)
      // One that is only asked to end, because its saga goes back, is still waited for.
      if (call.end === 'runs' && call.abortedBy !== 'base.aborted')
        Object.assign(call, { end: 'left', until: this.#world.next() })
    })
    given.then(
      (output: unknown) => end('gave', output),
      () => end('threw'),
    )
    return worker.pass(given)
  }

  /** What the call does: a fault, what was given for it, or the function of the saga. */
  #work(call: SagaCall, node: StepNode, clock: Clock, worker: HarnessWorker, own: () => unknown): unknown {
    const fault = this.#faultOf(call)
    const { step, kind } = call
    if (fault?.is === 'error') throw new Error(`${kind} of ${step} was made to fail`)
    if (fault?.is === 'final') throw new Unretryable(`${kind} of ${step} was made to fail for good`)
    if (fault?.is === 'hang') return deferred<unknown>().promise
    const given = this.#world.outputs ? this.#given(call, clock, this.#world.outputs, node.name) : this.#real(own)
    if (!fault) return given
    const lost = (): never => {
      if (fault.is === 'lost') throw new Error(`the answer of ${kind} of ${step} was lost`)
      throw new Unretryable(`the answer of ${kind} of ${step} was lost for good`)
    }
    return isThenable(given) ? given.then(lost) : lost()
  }

  #faultOf({ run, step, kind, key }: SagaCall): SagaFault | undefined {
    if (this.healed) return undefined
    const path = pathOf(run, step)
    const fault = this.#world.faults.find((each) => (each.of ?? 'do') === kind && isAt(each.step, path, step))
    if (!fault) return undefined
    const before = this.list.filter((call) => call.key === key && call.end !== 'fenced').length
    const { times = fault.is === 'final' || fault.is === 'lost-final' ? Infinity : 1 } = fault
    return before <= times ? fault : undefined
  }

  #real(own: () => unknown): unknown {
    const given = own()
    if (!isThenable(given)) return given
    const settled: PromiseLike<unknown> = given.then(
      () => this.working.delete(settled),
      () => this.working.delete(settled),
    )
    this.working.add(settled)
    return given
  }

  #given(
    { run, step, kind, key, attempt }: SagaCall,
    clock: Clock,
    outputs: Readonly<Record<string, unknown>>,
    name: string,
  ): unknown {
    const output = kind === 'do' ? givenFor(outputs, run, step, name)?.value : undefined
    // By key, and not by the order of the calls: what another step does must not change it.
    const delayMs = this.#world.random.split(`${key} ${attempt}`).pick(delays)
    if (delayMs === undefined) return output
    if (delayMs === 0) return Promise.resolve(output)
    return new Promise((resolve) => clock.timer(delayMs, () => resolve(output)))
  }
}

/** The step as users call it: without the name of the run, with the steps of the children that it is in. */
export function pathOf(run: string, step: string): string {
  const at = run.indexOf('/')
  return at === -1 ? step : `${run.slice(at + 1)}/${step}`
}

/** What a user gave for a step: by its path, else by its name, else by another that it goes by. */
export function givenFor(
  given: Readonly<Record<string, unknown>>,
  run: string,
  step: string,
  other: string,
): { readonly value: unknown } | undefined {
  const name = [pathOf(run, step), step, other].find((each) => Object.hasOwn(given, each))
  return name === undefined ? undefined : { value: given[name] }
}

/** A list stands for all its items. */
function isAt(given: string, path: string, step: string): boolean {
  return given === path || given === partOf(path) || (given === step && !path.includes('/'))
}

/**
 * Sagas as fast-check makes them: first as plain shapes, which shrink and print well, then built with the real builder. Which side of the
 * pivot a step stands on decides which of its two declarations it gets, so that every shape is a saga that is taken. Their
 * functions do no work: `simulated.ts` says what comes of each step.
 */
import fc from 'fast-check'
import { saga } from '../../../src/workflow/saga.ts'
import type { Definition } from '../../../src/workflow/core/definition.ts'

interface Work {
  readonly before: 'undo' | 'readOnly' | 'irreversible'
  readonly behind: 'undo' | 'readOnly' | 'retriable'
  readonly attempts: number
}

export type Shape =
  | ({ readonly is: 'step'; readonly derive: 'no' | 'yes' | 'nothing' } & Work)
  | { readonly is: 'pivot'; readonly undo: boolean; readonly attempts: number }
  | { readonly is: 'parallel'; readonly members: readonly Work[] }
  | { readonly is: 'child'; readonly nodes: readonly Shape[] }
  | { readonly is: 'wait'; readonly timeout: 'no' | 'fail' | 'continue'; readonly approval: boolean }
  | { readonly is: 'sleep'; readonly derive: boolean }
  | { readonly is: 'branch'; readonly cases: readonly (readonly Shape[])[]; readonly chosen: number }
  | { readonly is: 'each'; readonly items: number; readonly concurrency: number; readonly step: Work }

export interface SagaShape {
  readonly nodes: readonly Shape[]
  readonly gives: 'no' | 'yes' | 'nothing' | 'fault'
}

const attempts = fc.integer({ min: 1, max: 3 })
const workFields = {
  before: fc.constantFrom('undo', 'undo', 'readOnly', 'irreversible'),
  behind: fc.constantFrom('retriable', 'undo', 'readOnly'),
  attempts,
} as const
const work: fc.Arbitrary<Work> = fc.record(workFields)

/** A shape of a kind, of these fields. */
function shape<Is extends Shape['is']>(is: Is, fields: FieldsOf<Is>): fc.Arbitrary<Shape> {
  return fc.record({ is: fc.constant(is), ...fields }) as unknown as fc.Arbitrary<Shape>
}
type FieldsOf<Is extends Shape['is']> = {
  [Field in keyof Omit<Extract<Shape, { is: Is }>, 'is'>]: fc.Arbitrary<Extract<Shape, { is: Is }>[Field]>
}

const derive = fc.constantFrom('no', 'yes', 'nothing')
const { nodes } = fc.letrec<{ nodes: readonly Shape[]; node: Shape }>((tie) => ({
  nodes: fc.array(tie('node'), { minLength: 1, maxLength: 5, size: 'max' }),
  node: fc.oneof(
    { maxDepth: 2 },
    { weight: 6, arbitrary: shape('step', { derive, ...workFields }) },
    { weight: 2, arbitrary: shape('pivot', { undo: fc.boolean(), attempts }) },
    { weight: 2, arbitrary: shape('parallel', { members: fc.array(work, { minLength: 2, maxLength: 3 }) }) },
    {
      weight: 1,
      arbitrary: shape('wait', { timeout: fc.constantFrom('no', 'fail', 'continue'), approval: fc.boolean() }),
    },
    { weight: 1, arbitrary: shape('sleep', { derive: fc.boolean() }) },
    {
      weight: 2,
      arbitrary: shape('each', { items: fc.nat(4), concurrency: fc.integer({ min: 1, max: 3 }), step: work }),
    },
    { weight: 2, arbitrary: shape('child', { nodes: tie('nodes') }) },
    {
      weight: 1,
      arbitrary: shape('branch', {
        cases: fc.array(fc.oneof(fc.constant([]), tie('nodes')), { minLength: 1, maxLength: 2 }),
        chosen: fc.nat(1),
      }),
    },
  ),
}))

export const sagaShape: fc.Arbitrary<SagaShape> = fc.record({
  nodes,
  gives: fc.constantFrom('no', 'no', 'no', 'yes', 'nothing', 'fault'),
})

/** The builder without its types, which cannot follow a shape. */
interface Flow {
  readonly definition: Definition
  step(name: string, options: object): Flow
  parallel(build: (group: Group) => Group): Flow
  child(name: string, saga: unknown, options: object): Flow
  wait(name: string, options: object): Flow
  sleep(name: string, forMs: unknown): Flow
  branch(name: string, choose: () => string, cases: object): Flow
  forEach(name: string, options: object): Flow
  gives(output: () => unknown): Flow
}

interface Group {
  step(name: string, options: object): Group
}

/** Names of parts whose functions throw, or give what is not taken; it may change while a saga runs. */
export type Broken = ReadonlySet<string>

export function built({ nodes: shapes, gives }: SagaShape, broken: Broken): Definition {
  const made = new Builder(broken).all(loose('root'), shapes, false)
  if (gives === 'no') return made.flow.definition
  return made.flow.gives(() => {
    if (gives === 'fault') throw new Error('nothing can be made of it')
    return gives === 'yes' ? { made: true } : undefined
  }).definition
}

function loose(name: string): Flow {
  return saga(name) as object as Flow
}

interface Made {
  readonly flow: Flow
  readonly behind: boolean
}

class Builder {
  readonly #broken: Broken
  #count = 0

  constructor(broken: Broken) {
    this.#broken = broken
  }

  all(flow: Flow, shapes: readonly Shape[], behind: boolean): Made {
    let made: Made = { flow, behind }
    for (const shape of shapes) made = this.#one(made, shape)
    return made
  }

  #name(kind: string): string {
    return `${kind}${++this.#count}`
  }

  #broke(name: string): boolean {
    return this.#broken.has(name)
  }

  /** Gives the value unless the part is broken. */
  #unless<Value>(name: string, value: Value): () => Value {
    return () => {
      if (this.#broke(name)) throw new Error(`${name} is broken`)
      return value
    }
  }

  #one({ flow, behind }: Made, shape: Shape): Made {
    switch (shape.is) {
      case 'step': {
        const name = this.#name('s')
        const input = shape.derive === 'yes' ? { for: name } : undefined
        const derive = shape.derive === 'no' ? {} : { input: this.#unless(name, input) }
        return { flow: flow.step(name, { ...worked(shape, behind), ...derive }), behind }
      }
      case 'pivot': {
        const undo = shape.undo ? { undo: nothing } : {}
        return { flow: flow.step(this.#name('p'), { ...doing(shape.attempts), pivot: true, ...undo }), behind: true }
      }
      case 'parallel': {
        const members = shape.members.map((member): [string, object] => [this.#name('m'), worked(member, behind)])
        const grouped = (group: Group) => members.reduce((before, [name, options]) => before.step(name, options), group)
        return { flow: flow.parallel(grouped), behind }
      }
      case 'child': {
        const name = this.#name('c')
        const inner = this.all(loose(`saga-${name}`), shape.nodes, false)
        const child = flow.child(name, inner.flow, { input: this.#unless(name, { for: name }) })
        return { flow: child, behind: behind || inner.behind }
      }
      case 'wait':
        return { flow: this.#wait(flow, shape), behind }
      case 'sleep': {
        const name = this.#name('z')
        return { flow: flow.sleep(name, shape.derive ? () => (this.#broke(name) ? NaN : 10) : 10), behind }
      }
      case 'branch':
        return this.#branch({ flow, behind }, shape)
      case 'each': {
        const { concurrency, step, items } = shape
        const name = this.#name('e')
        const list = () => Array.from({ length: this.#broke(name) ? 5 : items }, (_, at) => at)
        return {
          flow: flow.forEach(name, { items: list, itemsMax: 4, concurrency, step: worked(step, behind) }),
          behind,
        }
      }
      default:
        return shape satisfies never
    }
  }

  #wait(flow: Flow, { timeout, approval }: Extract<Shape, { is: 'wait' }>): Flow {
    const onTimeout = approval && timeout === 'continue' ? 'fail' : timeout
    const timed = onTimeout === 'no' ? {} : { timeoutMs: 50, onTimeout }
    return flow.wait(this.#name('w'), { approval, ...timed, signal: 'go' })
  }

  #branch({ flow, behind }: Made, { cases, chosen }: Extract<Shape, { is: 'branch' }>): Made {
    const name = this.#name('b')
    const ends: boolean[] = []
    const builds = cases.map((shapes, at) => {
      const build = (inner: Flow) => {
        const made = this.all(inner, shapes, behind)
        ends.push(made.behind)
        return made.flow
      }
      return [`case${at}`, build] as const
    })
    const choose = () => (this.#broke(name) ? 'nowhere' : `case${chosen % cases.length}`)
    const made = flow.branch(name, choose, Object.fromEntries(builds))
    return { flow: made, behind: ends.every(Boolean) }
  }
}

function nothing(): undefined {
  return undefined
}

function doing(max: number): object {
  const retry = { max, backoffMs: 10 }
  return { do: nothing, retry, undoRetry: retry }
}

function worked({ before, behind: after, attempts: max }: Work, behind: boolean): object {
  const said = behind ? after : before
  if (said === 'undo') return { ...doing(max), undo: nothing }
  if (said === 'irreversible') return { ...doing(max), irreversible: { leaves: 'a trace' } }
  return { ...doing(max), [said]: true }
}

import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { codeOf, messageOf } from '../../src/base/error.ts'
import { hasPivot, saga } from '../../src/workflow/saga.ts'
import type { SagaBuilder } from '../../src/workflow/saga.ts'
import { checkName } from '../../src/workflow/check-flow.ts'
import { everyNode, surelyPivots } from '../../src/workflow/core/definition.ts'
import type { StepNode } from '../../src/workflow/core/definition.ts'

const work = { do: () => 1 }
const undoable = { ...work, undo: () => undefined }
const readOnly = { ...work, readOnly: true } as const
const retriable = { ...work, retriable: true } as const
const pivot = { ...work, pivot: true } as const
const irreversible = { ...work, irreversible: { leaves: 'a mail' } }

/** As a program without types sees it. */
type Loose = Record<string, (...given: unknown[]) => Loose> & { readonly definition: object }
const named = (name: unknown): Loose => saga(name as string) as object as Loose
const loose = (): Loose => named('a')
const option = (options: object) => saga('a', options)

/** Code and message of what it throws. */
function refusal(make: () => unknown): string {
  try {
    make()
  } catch (thrown) {
    return `${codeOf(thrown)}: ${messageOf(thrown)}`
  }
  return 'taken'
}

describe('a step', () => {
  it('has to say how it is undone, in one way', () => {
    const said = (options: object) => refusal(() => loose().step?.('s', { ...work, ...options }))
    expect(said({})).toBe(
      'base.invalid_argument: the step s must say how it is undone: give it undo, readOnly, pivot, irreversible: { leaves }, or retriable behind the pivot',
    )
    expect(said({ pivot: false, readOnly: false })).toContain('must say how it is undone')
    expect(said({ undo: () => 1, readOnly: true })).toContain(
      'the step s says undo and readOnly; it can be one of them',
    )
    expect(said({ pivot: true, irreversible: { leaves: 'x' } })).toContain('says pivot and irreversible')
    expect(said({ pivot: true, undo: () => 1 })).toBe('taken')
  })

  it('takes functions, and options that it knows', () => {
    const given = (options: object) => refusal(() => loose().step?.('s', { ...undoable, ...options }))
    expect(given({ do: 5 })).toBe('base.invalid_argument: do of s must be a function')
    expect(given({ undo: 'x' })).toBe('base.invalid_argument: undo of s must be a function')
    expect(given({ input: {} })).toBe('base.invalid_argument: input of s must be a function')
    expect(given({ retry: { unless: 'never' } })).toBe('base.invalid_argument: unless of s must be a function')
    expect(given({ timeout: 5 })).toContain('the step s has no "timeout"; it takes input, do,')
    expect(given({ timeout: 5 })).toContain('did you mean timeoutMs?')
    expect(given({ retry: { maximum: 5 } })).toContain('retry of s has no "maximum"')
  })

  it.each([
    [{ retry: { max: 0 } }, 'max of s must be a whole number from 1 to 10000'],
    [{ retry: { factor: 0.5 } }, 'factor of s must be from 1 to 100'],
    [{ retry: { factor: NaN } }, 'factor of s must be from 1 to 100'],
    [{ retry: { jitter: 2 } }, 'jitter of s must be from 0 to 1'],
    [{ undoRetry: { backoffMs: -1 } }, 'backoffMs of s must be a whole number'],
    [{ undoTimeoutMs: 0 }, 'timeoutMs of s must be a whole number'],
    [{ heartbeatMs: 0.5 }, 'heartbeatMs of s must be a whole number'],
    [{ timeoutMs: 1e12 }, 'timeoutMs of s must be a whole number'],
  ])('bounds its times and attempts: %j', (options, message) => {
    expect(refusal(() => saga('a').step('s', { ...undoable, ...options }))).toContain(
      `base.invalid_argument: ${message}`,
    )
  })

  it('has defaults: 3 attempts of 30 s, 20 where there is no other way', () => {
    const of = (options: object, flow = saga('a').step('p', pivot)): StepNode =>
      (flow as object as Loose).step?.('s', options).definition as never
    const last = (options: object) =>
      [...everyNode((of(options) as never as { nodes: [] }).nodes)].at(-1) as never as StepNode
    const policy = { max: 3, backoffMs: 100, factor: 2, backoffMaxMs: 30_000, jitter: 0.5, unless: undefined }
    expect(last(undoable)).toMatchObject({
      declaration: 'undo',
      pacing: { retry: policy, timeoutMs: 30_000 },
      undoPacing: { retry: { ...policy, max: 20 }, timeoutMs: 30_000 },
      heartbeatMs: undefined,
    })
    expect(last(retriable).pacing.retry.max).toBe(20)
  })

  it('that is irreversible says what it leaves', () => {
    for (const given of [{}, { leaves: '' }, { leaves: 'x'.repeat(501) }, { leaves: 5 }])
      expect(refusal(() => loose().step?.('s', { ...work, irreversible: given }))).toContain('must be { leaves }')
  })
})

describe('a name in a saga', () => {
  it.each(['', '1st', 'a b', 'a.b', 'a[0]', 'a+b', 'x'.repeat(65), 5, undefined, Symbol('x')])(
    'is refused: %s',
    (name) => {
      expect(refusal(() => checkName(name))).toContain('workflow.definition_invalid')
      expect(refusal(() => loose().step?.(name, undoable))).toContain('workflow.definition_invalid')
      expect(refusal(() => loose().sleep?.(name, 1))).toContain('workflow.definition_invalid')
      expect(refusal(() => named(name))).toContain('workflow.definition_invalid')
    },
  )

  it('is a letter and up to 63 of letters, digits, _ and -', () => {
    for (const name of ['a', 'Z9_-', 'x'.repeat(64), 'constructor', '__proto__'.slice(2)])
      expect(refusal(() => saga('a').step(name, undoable))).toBe('taken')
  })

  it('stands for one part, also in a parallel group, a list or another case of a branch', () => {
    const message = 'workflow.definition_invalid: x is the name of two parts; what a run gives is kept by name'
    const base = saga('a').step('x', undoable)
    expect(refusal(() => base.step('x', readOnly))).toBe(message)
    expect(refusal(() => base.wait('x'))).toBe(message)
    expect(refusal(() => base.parallel((group) => group.step('x', undoable).step('y', undoable)))).toBe(message)
    expect(refusal(() => base.forEach('x', { items: () => [], step: undoable }))).toBe(message)
    expect(refusal(() => base.branch('way', () => 'k', { k: (way) => way.step('x', undoable) }))).toBe(message)
    const cases = {
      k: (way: SagaBuilder<unknown>) => way.step('y', undoable),
      l: (way: SagaBuilder<unknown>) => way.step('y', undoable),
    }
    const choose: () => 'k' | 'l' = () => 'k'
    expect(refusal(() => saga('a').branch('way', choose, cases))).toContain('y is the name of two parts')
  })
})

describe('the pivot of a saga', () => {
  const before = (flow: object) => refusal(() => (flow as Loose).step?.('last', retriable))
  const behind = (flow: object) => refusal(() => (flow as Loose).step?.('last', irreversible))

  it('stands before what is retriable and behind what is irreversible', () => {
    expect(before(saga('a'))).toContain('workflow.definition_invalid: last is retriable before the pivot')
    expect(behind(saga('a').step('p', pivot))).toContain('last is irreversible behind the pivot')
    expect(refusal(() => saga('a').step('p', pivot).step('last', retriable))).toBe('taken')
    expect(refusal(() => saga('a').step('p', irreversible).step('last', readOnly))).toBe('taken')
  })

  it('is a step of its own, with nothing beside it', () => {
    const group = (member: object) =>
      refusal(() => loose().parallel?.((all: unknown) => (all as Loose).step?.('x', member).step?.('y', undoable)))
    expect(group(pivot)).toContain('x is a pivot beside other steps')
    expect(group(retriable)).toContain('x is retriable before the pivot')
    expect(refusal(() => loose().forEach?.('x', { items: () => [], step: pivot }))).toContain(
      'x is a pivot beside other steps',
    )
    expect(refusal(() => loose().forEach?.('x', { items: () => [], step: retriable }))).toContain(
      'retriable before the pivot',
    )
  })

  it('counts for the cases of a branch that stands behind it, however deep', () => {
    const flow = saga('a')
      .step('p', pivot)
      .branch('one', () => 'k', {
        k: (way) => way.branch('two', () => 'l', { l: (inner) => inner.step('x', retriable) }),
      })
    expect([...everyNode(flow.definition.nodes)].map(({ name }) => name)).toEqual(['p', 'one', 'two', 'x'])
    const refused = () =>
      saga('a')
        .step('p', pivot)
        .branch('one', () => 'k', { k: (way) => (way as object as Loose).step?.('x', irreversible) as never })
    expect(refusal(refused)).toContain('irreversible behind the pivot')
    const foreign = () => saga('b').step('x', irreversible) as never
    expect(
      refusal(() =>
        saga('a')
          .step('p', pivot)
          .branch('one', () => 'k', { k: foreign }),
      ),
    ).toContain('irreversible behind')
  })

  it('is passed by a branch only when every case passes it, by a child when it passes its own', () => {
    const choose: () => 'k' | 'l' = () => 'k'
    const sure = saga('b').branch('way', choose, { k: (way) => way.step('x', pivot), l: (way) => way.step('y', pivot) })
    const perhaps = saga('b').branch('way', choose, { k: (way) => way.step('x', pivot), l: (way) => way })
    const input = { input: () => 1 }
    expect(
      [sure, perhaps, saga('a').child('c', sure, input), saga('a').child('c', perhaps, input)].map(before),
    ).toEqual([
      'taken',
      expect.stringContaining('retriable before'),
      'taken',
      expect.stringContaining('retriable before'),
    ])
    expect([sure, perhaps].map(({ definition }) => surelyPivots(definition.nodes))).toEqual([true, false])
    expect([sure, perhaps, saga('a').child('c', perhaps, input), saga('a')].map(hasPivot)).toEqual([
      true,
      true,
      true,
      false,
    ])
  })
})

describe('a part of a saga', () => {
  it('of parallel steps has two or more', () => {
    expect(refusal(() => saga('a').parallel((group) => group.step('x', undoable)))).toContain(
      'parallel takes two steps or more',
    )
  })

  it('that branches has cases, and functions that choose and build them', () => {
    expect(refusal(() => loose().branch?.('way', () => 'x', {}))).toContain('way is a branch without a case')
    expect(refusal(() => loose().branch?.('way', 'x', { x: (way: unknown) => way }))).toContain(
      'what chooses of way must be a function',
    )
    expect(refusal(() => loose().branch?.('way', () => 'x', { x: 5 }))).toContain(
      'the case x of way must be a function',
    )
    const gives = () => saga('a').branch('way', () => 'x', { x: (way) => way.gives(() => 1) })
    expect(refusal(gives)).toContain('way has the case x, which says gives')
  })

  it('that lists has bounds, and an input of its own', () => {
    const list = (options: object) =>
      refusal(() => loose().forEach?.('e', { items: () => [], step: undoable, ...options }))
    expect(list({ items: [1] })).toContain('items of e must be a function')
    expect(list({ itemsMax: 10_001 })).toContain('itemsMax must be a whole number from 1 to 10000')
    expect(list({ concurrency: 0 })).toContain('concurrency must be a whole number from 1 to 1000')
    expect(list({ step: { ...undoable, input: () => 1 } })).toContain('step of e has the item as its input')
    expect(list({ item: 1 })).toContain('forEach has no "item"')
    expect(list({})).toBe('taken')
  })

  it('that waits has a signal, a time and a way on', () => {
    const wait = (options: object) => refusal(() => loose().wait?.('w', options))
    expect(wait({ signal: 'a b' })).toContain('must be a name')
    expect(wait({ timeoutMs: 0 })).toContain('timeoutMs must be a whole number')
    expect(wait({ onTimeout: 'stop' })).toContain('onTimeout must be fail or continue')
    expect(wait({ onTimeout: 'continue', approval: true })).toContain('onTimeout must be fail for an approval')
    expect(wait({ schema: {} })).toContain('signal must be a Standard Schema')
    expect(wait({ by: '' })).toContain('by must be text')
    expect(wait({ until: 5 })).toContain('wait has no "until"')
  })

  it('that sleeps does so for a whole time', () => {
    for (const forMs of [-1, NaN, Infinity, 1.5, '5', undefined])
      expect(refusal(() => loose().sleep?.('z', forMs))).toContain('sleep of z must be a whole number')
  })

  it('that gives is the last', () => {
    expect(
      refusal(() =>
        saga('a')
          .gives(() => 1)
          .step('s', undoable),
      ),
    ).toContain('s comes after gives')
    expect(refusal(() => loose().gives?.(5))).toContain('gives must be a function')
  })

  it('is one of a thousand, and of ten thousand with those of its children', () => {
    const many = (name: string, count: number): SagaBuilder<unknown> => {
      const members = (group: Loose): Loose => {
        let all = group
        for (let at = 0; at < count - 1; at++) all = all.step?.(`${name}${at}`, undoable) as Loose
        return all
      }
      return named(name).parallel?.((group: unknown) => members(group as Loose)) as never
    }
    expect(refusal(() => many('m', 1000))).toBe('taken')
    expect(refusal(() => many('m', 1001))).toContain('m has 1001 parts; 1000 at most, move some into a child')
    const child = many('m', 1000)
    let flow = saga('a')
    for (let at = 0; at < 9; at++)
      flow = (flow as object as Loose).child?.(`c${at}`, child, { input: () => 1 }) as object as SagaBuilder<unknown>
    expect(refusal(() => flow.child('last', child, { input: () => 1 }))).toContain(
      'a has 10010 parts with those of its children; 10000 at most',
    )
  })
})

describe('a child of a saga', () => {
  const input = { input: () => 1 }
  const once = (flow: SagaBuilder<unknown>, child: SagaBuilder<unknown>, name = 'c'): SagaBuilder<unknown> =>
    (flow as object as Loose).child?.(name, child, input) as object as SagaBuilder<unknown>
  const twice = (flow: SagaBuilder<unknown>, child: SagaBuilder<unknown>) => once(once(flow, child), child, 'd')

  it('is not the saga itself, at once or through others', () => {
    expect(refusal(() => saga('a').child('c', saga('a'), input))).toContain(
      'workflow.child_cycle: the saga a comes back to itself by its children c; end the chain',
    )
    const inner = saga('b').child('d', saga('c').child('e', saga('a'), input), input)
    expect(refusal(() => saga('a').child('c', inner, input))).toContain('by its children c > d > e')
  })

  it('stands sixteen deep at most', () => {
    let flow = saga('s0')
    for (let depth = 1; depth <= 16; depth++) flow = once(saga(`s${depth}`), flow)
    expect(refusal(() => saga('s17').child('c', flow, input))).toContain(
      'c has children 17 deep below each other; 16 at most',
    )
  })

  it('counts with all that is below it, each time that it stands there', () => {
    let flow = saga('s0')
    for (let depth = 1; depth <= 12; depth++) flow = twice(saga(`s${depth}`), flow)
    expect(refusal(() => twice(saga('last'), flow))).toContain('last has 16382 parts with those of its children')
  })

  it('has an input that is derived', () => {
    expect(refusal(() => loose().child?.('c', saga('b'), {}))).toContain('input of c must be a function')
    expect(refusal(() => loose().child?.('c', saga('b'), { inputs: () => 1 }))).toContain('child has no "inputs"')
  })
})

describe('the options of a saga', () => {
  it.each([
    [{ version: 0 }, 'version must be a whole number'],
    [{ deadlineMs: 0 }, 'deadlineMs must be a whole number'],
    [{ input: {} }, 'input must be a Standard Schema'],
    [{ locks: ['x'] }, 'locks must be a function'],
    [{ priority: 5 }, 'priority must be a function'],
    [{ concurrency: { max: 0 } }, 'concurrency.max must be a whole number'],
    [{ concurrency: { max: 1, key: 'x' } }, 'concurrency.key must be a function'],
    [{ concurrency: { maximum: 1 } }, 'concurrency has no "maximum"'],
    [{ rate: { max: 1, perMs: 0 } }, 'rate.perMs must be a whole number'],
    [{ rate: { max: 1, every: 5 } }, 'rate has no "every"'],
    [{ deadline: 5 }, 'options has no "deadline"'],
  ])('are checked: %j', (options, message) => {
    expect(refusal(() => option(options))).toContain(`base.invalid_argument: ${message}`)
  })

  it('give locks as names or with the steps that need them, 64 at most', () => {
    const locks = (given: readonly unknown[]) => option({ locks: () => given }).definition.locks?.({})
    expect(locks(['x', { name: 'y', for: ['s'] }])).toEqual([
      { name: 'x', for: [] },
      { name: 'y', for: ['s'] },
    ])
    expect(refusal(() => locks(['']))).toContain('lock must be text')
    expect(refusal(() => locks(Array.from({ length: 65 }, String)))).toContain('base.limit_exceeded')
  })

  it('check an input by its schema, and give what the schema makes of it', () => {
    const check = option({ input: z.object({ n: z.coerce.number() }) }).definition.check
    expect(check?.({ n: '5' })).toEqual({ n: 5 })
    expect(refusal(() => check?.({}))).toContain('base.invalid_argument: input does not fit its schema')
    const later = { '~standard': { version: 1, vendor: 'x', validate: async () => ({ value: 1 }) } }
    expect(refusal(() => option({ input: later }).definition.check?.(1))).toContain(
      'must have a schema that is synchronous',
    )
  })
})

describe('the hash that a run is pinned to', () => {
  const base = saga('a').step('x', undoable).step('y', readOnly)
  const { hash } = base.definition

  it('is the same for the same structure, whatever the code and its times', () => {
    const other = saga('a')
      .step('x', { do: () => 2, undo: () => 3, timeoutMs: 5, input: () => 1 })
      .step('y', readOnly)
    expect([other.definition.hash, hash.length]).toEqual([hash, 64])
    expect(base.gives(() => 1).definition.hash).toBe(hash)
  })

  it('is another for other names, kinds, declarations or another order', () => {
    const others = [
      saga('a'),
      saga('a').step('x', undoable),
      saga('a').step('y', readOnly).step('x', undoable),
      saga('a').step('x', readOnly).step('y', readOnly),
      saga('a').step('x', pivot).step('y', readOnly),
      saga('a')
        .step('x', { ...pivot, undo: () => 1 })
        .step('y', readOnly),
      saga('a').parallel((group) => group.step('x', undoable).step('y', readOnly)),
      saga('a').step('x', undoable).sleep('y', 1),
      saga('a').step('x', undoable).wait('y'),
      saga('a').step('x', undoable).wait('y', { approval: true }),
      saga('a').step('x', undoable).wait('y', { signal: 'z' }),
      saga('a')
        .step('x', undoable)
        .child('y', saga('b'), { input: () => 1 }),
      saga('a')
        .step('x', undoable)
        .child('y', saga('b', { version: 2 }), { input: () => 1 }),
      saga('a')
        .step('x', undoable)
        .branch('y', () => 'k', { k: (way) => way }),
      saga('a')
        .step('x', undoable)
        .branch('y', () => 'l', { l: (way) => way }),
      saga('a')
        .step('x', undoable)
        .forEach('y', { items: () => [], step: readOnly }),
    ].map(({ definition }) => definition.hash)
    expect(new Set([hash, ...others]).size).toBe(others.length + 1)
  })
})
